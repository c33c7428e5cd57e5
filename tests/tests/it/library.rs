//! What an owner does with videos: changes their details, and deletes them, whatever goes on.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use reelrun_tests::{
    chunks::{ended_run, tasks},
    configuration::Reconfigured,
    delivery::invocations_ended,
    media::Clips,
    poll::{Patience, so},
    processes::running,
    records::{change, s},
    stack::{Answer, Stack, get, put},
};
use serde_json::{Value, json};

fn patch(stack: &Stack, id: &str, body: Value) -> Answer {
    let path = format!("/videos/{id}");
    stack.call(
        "PATCH",
        &path,
        Some(&stack.api_token),
        &[],
        &body.to_string(),
    )
}

fn delete(stack: &Stack, id: &str) -> Answer {
    let path = format!("/videos/{id}");
    stack.call("DELETE", &path, Some(&stack.api_token), &[], "")
}

const TWO_MINUTES: Patience = Patience::of(Duration::from_mins(2));

/// All that there is of a video: objects of either bucket, uploads under way, and its record.
async fn traces(stack: &Stack, id: &str) -> Vec<String> {
    let mut traces = Vec::new();
    for (bucket, folder) in [
        (&stack.uploads_bucket, "uploads"),
        (&stack.uploads_bucket, "work"),
        (&stack.uploads_bucket, "tracks"),
        (&stack.media_bucket, "videos"),
    ] {
        traces.extend(stack.keys(bucket, &format!("{folder}/{id}/")).await);
    }
    let uploads = stack
        .s3()
        .list_multipart_uploads()
        .bucket(&stack.uploads_bucket);
    let uploads = uploads
        .prefix(format!("uploads/{id}/"))
        .send()
        .await
        .unwrap();
    traces.extend(uploads.uploads().iter().map(|upload| format!("{upload:?}")));
    traces.extend(
        stack
            .record(id)
            .await
            .keys()
            .map(|name| format!("record: {name}")),
    );
    traces
}

async fn wait_until_gone(stack: &Stack, id: &str) {
    let look = async || {
        let traces = traces(stack, id).await;
        if traces.is_empty() {
            Ok(())
        } else {
            Err(traces)
        }
    };
    TWO_MINUTES.wait_for("it is gone", look).await;
}

/// Nothing of it may come back once it is gone: nobody is left who could bring it. `encoders` is how
/// many invocations were to encode it.
async fn stays_gone(stack: &Stack, id: &str, since: i64, encoders: usize) {
    invocations_ended(stack, &stack.transcode_function, id, since, encoders).await;
    assert_eq!(traces(stack, id).await, Vec::<String>::new());
}

#[test]
fn details_change_and_nothing_else() {
    let stack = Stack::get();
    let id = stack.permission("a.mp4", "video/mp4", 5).video_id;
    let changed = patch(
        &stack,
        &id,
        json!({"title": "Ferien 🏖️", "metadata": {"album": "2026"}}),
    );
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json(), stack.video(&id));
    let video = stack.video(&id);
    assert_eq!(
        (&video["title"], &video["metadata"], &video["status"]),
        (
            &json!("Ferien 🏖️"),
            &json!({"album": "2026"}),
            &json!("waiting")
        )
    );
    let removed = patch(&stack, &id, json!({"title": null})).json();
    assert_eq!(
        (&removed["title"], &removed["metadata"]["album"]),
        (&Value::Null, &json!("2026"))
    );
    assert_eq!(patch(&stack, &id, json!({})).json(), removed);
    for (body, field) in [
        (json!({"status": "ready"}), "body"),
        (json!({"title": 7}), "title"),
        (json!({"metadata": {"a": {}}}), "metadata"),
    ] {
        let refused = patch(&stack, &id, body);
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (422, &json!(field))
        );
    }
    assert_eq!(stack.video(&id), removed);
    let unknown = patch(
        &stack,
        "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e",
        json!({"title": "x"}),
    );
    assert_eq!(unknown.status, 404);
    let path = format!("/videos/{id}");
    for (method, body) in [("PATCH", "{}"), ("DELETE", "")] {
        for token in [None, Some("wrong")] {
            let refused = stack.call(method, &path, token, &[], body);
            assert_eq!(refused.status, 401, "{method}: {}", refused.text());
        }
    }
    assert_eq!(stack.video(&id), removed);
}

#[tokio::test]
async fn a_deleted_video_leaves_nothing() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = stack.ready(&clips.clip("a.mp4", "320x180", "25", 8.0));
    let id = video["id"].as_str().unwrap();
    assert!(traces(&stack, id).await.len() > 10);
    // Ready for so long that nobody can still be storing anything for it.
    let past = [(":past", s("2026-01-01T00:00:00.000Z"))];
    change(&stack, id, "SET ready_at = :past", &past).await;
    let answer = delete(&stack, id);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    // To everybody it is gone at once.
    assert_eq!(stack.get_path(&format!("/videos/{id}"), None).status, 404);
    assert_eq!(patch(&stack, id, json!({"title": "x"})).status, 404);
    let listed = stack
        .get_path("/videos?limit=100", Some(&stack.api_token))
        .json();
    assert!(
        listed["videos"]
            .as_array()
            .unwrap()
            .iter()
            .all(|video| video["id"] != id)
    );
    wait_until_gone(&stack, id).await;
    assert_ne!(get(video["playback"]["hls"].as_str().unwrap()).status, 200);
    assert_eq!(delete(&stack, id).status, 404);
}

#[tokio::test]
async fn an_upload_that_was_begun_is_deleted() {
    let stack = Stack::get();
    let body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 70 << 20});
    let granted = stack
        .post("/uploads", Some(&stack.api_token), &body.to_string())
        .json();
    let id = granted["video_id"].as_str().unwrap();
    let key = granted["upload"]["key"].as_str().unwrap();
    let s3 = stack.s3();
    let begun = s3
        .create_multipart_upload()
        .bucket(&stack.uploads_bucket)
        .key(key);
    let begun = begun.send().await.unwrap();
    let part = s3
        .upload_part()
        .bucket(&stack.uploads_bucket)
        .key(key)
        .part_number(1);
    let part = part
        .upload_id(begun.upload_id().unwrap())
        .body(vec![0; 1000].into());
    part.send().await.unwrap();
    assert_eq!(delete(&stack, id).status, 204);
    wait_until_gone(&stack, id).await;
}

/// A URL that was signed before stays valid for a while.
#[tokio::test]
async fn a_source_that_comes_after_its_video_was_deleted_goes_too() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("a.mp4", "64x64", "25", 0.2)).unwrap();
    let late = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
    assert_eq!(delete(&stack, &late.video_id).status, 204);
    wait_until_gone(&stack, &late.video_id).await;
    assert_eq!(put(&late.url, "video/mp4", &bytes).status, 200);
    wait_until_gone(&stack, &late.video_id).await;
}

/// The encode ends, and what it stores until then goes as well.
#[tokio::test]
async fn a_video_is_deleted_while_it_is_encoded() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let file = clips.clip("long.mp4", "1280x720", "25", 60.0);
    let since = reelrun_platform::now().as_millis();
    let id = stack.upload(&file);
    stack.wait_for(&id, |video| video["progress"].as_f64() > Some(0.1));
    let is_encoded = || running(&stack, &stack.transcode_function, &id).is_some();
    assert!(is_encoded(), "an ffmpeg is at work");
    assert_eq!(delete(&stack, &id).status, 204);
    TWO_MINUTES.block_on("its ffmpeg ends", || so(!is_encoded()));
    wait_until_gone(&stack, &id).await;
    stays_gone(&stack, &id, since, 1).await;
}

#[tokio::test]
async fn a_video_is_deleted_while_its_chunks_are_encoded() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 8).await;
    let file = clips.clip("long.mp4", "1280x720", "25", 96.0);
    let since = reelrun_platform::now().as_millis();
    let id = stack.upload(&file);
    stack.wait_for(&id, |video| video["progress"].as_f64() > Some(0.0));
    assert_eq!(delete(&stack, &id).status, 204);
    wait_until_gone(&stack, &id).await;
    let (name, status) = ended_run(&stack, &id).await;
    // It came to nothing, by nobody's fault.
    assert_eq!(status.as_str(), "SUCCEEDED");
    // Its event's, and those that the run asked for.
    let (asked, _) = tasks(&stack, &name).await;
    stays_gone(&stack, &id, since, 1 + asked).await;
}

/// Whatever interrupts a deletion, asking once more brings it to its end.
#[tokio::test]
async fn a_deletion_is_asked_for_twice() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = stack.ready(&clips.clip("a.mp4", "320x180", "25", 2.0));
    let id = video["id"].as_str().unwrap();
    // As if its objects had been left over after all tries.
    let mark = aws_sdk_dynamodb::Client::new(&stack.aws())
        .update_item()
        .table_name(&stack.videos_table)
        .key("id", AttributeValue::S(id.into()))
        .update_expression("SET #status = :word")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":word", AttributeValue::S("deleting".into()));
    mark.send().await.unwrap();
    assert_eq!(delete(&stack, id).status, 204);
    wait_until_gone(&stack, id).await;
}

/// Segments are stored while the source is still read; they are of no use once it is refused. The source
/// goes to where the CDN does not read.
#[tokio::test]
async fn what_a_refused_source_left_is_removed_but_not_the_source() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.silent("half.mp4", "320x240", "25", 1.0);
    let id = stack.ready(&file)["id"].as_str().unwrap().to_owned();
    let preparing = [(":preparing", s("preparing"))];
    change(&stack, &id, "SET #status = :preparing", &preparing).await;
    let error = [
        ("type", s("malformed-media")),
        ("title", s("Damaged")),
        ("detail", s("It is cut.")),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let refused = [
        (":errored", s("errored")),
        (":error", AttributeValue::M(error.into())),
    ];
    let update = "SET #status = :errored, #error = :error REMOVE lease_owner, lease_until";
    change(&stack, &id, update, &refused).await;
    let removed = async || {
        let left = stack.media_keys(&format!("videos/{id}/")).await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    };
    TWO_MINUTES.wait_for("what it left goes", removed).await;
    let kept = async |folder: &str| {
        let folder = format!("{folder}/{id}/");
        stack.keys(&stack.uploads_bucket, &folder).await
    };
    assert_eq!(kept("refused").await, [format!("refused/{id}/source")]);
    assert_eq!(kept("uploads").await, Vec::<String>::new());
    assert_eq!(stack.video(&id)["error"]["type"], "malformed-media");
}
