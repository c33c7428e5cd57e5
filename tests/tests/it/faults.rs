//! What is not a video, what comes more than once, and what dies half-way.

use std::{fs, path::PathBuf, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use reelrun_tests::{
    configuration::Reconfigured,
    conformance::{Expected, check},
    delivery::{deliver, invocations_ended, put_event},
    media::{Clips, text},
    poll::{Patience, so},
    processes::{FunctionProcess, command_lines, of_function},
    records::{change, forget, n, s},
    stack::{Stack, get, put},
};
use serde_json::{Value, json};

/// What becomes of a [`Clips::clip`] of this size and length, at 30 fps.
const TWENTY_SECONDS_OF_720P: Expected = Expected {
    frames: 600,
    frame_rate: (30, 1),
    size: (1280, 720),
    renditions: &["720p", "480p", "360p", "240p"],
    language: Some("de"),
};

fn source_key(id: &str) -> String {
    format!("uploads/{id}/source")
}

/// Makes a video wait again, as if its event had not been seen.
async fn wait_again(stack: &Stack, id: &str) {
    let update = "SET #status = :waiting REMOVE #error";
    change(stack, id, update, &[(":waiting", s("waiting"))]).await;
}

#[tokio::test]
async fn what_is_no_video_ends_with_the_reason() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let good = clips.clip("good.mp4", "320x240", "25", 8.0);
    let faststart = clips.make(
        "faststart.mp4",
        &format!("-i {} -c copy -movflags +faststart", text(&good)),
    );
    let half = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes[..bytes.len() / 2].to_vec()
    };
    let webm = fs::read(clips.make(
        "whole.webm",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -c:v libvpx",
    ))
    .unwrap();
    let ts = fs::read(clips.make(
        "whole.ts",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -c:v mpeg2video",
    ))
    .unwrap();
    let cover = clips.make(
        "cover.mp4",
        "-f lavfi -i testsrc2=s=64x64:d=1:r=1 -c:v mjpeg -frames:v 1 -disposition:v attached_pic",
    );
    for (file, kind, word) in [
        (
            clips.file("notes.mp4", b"These are my notes, not a video.\n"),
            "not-a-video",
            "format",
        ),
        (
            clips.file("page.webm", b"<html><script>alert(1)</script></html>"),
            "not-a-video",
            "web page",
        ),
        (
            clips.file("list.mov", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
            "not-a-video",
            "playlist",
        ),
        (
            clips.file("truncated.mp4", &half(&good)),
            "malformed-media",
            "missing",
        ),
        (
            clips.file("cut.mp4", &half(&faststart)),
            "malformed-media",
            "cut short",
        ),
        (
            clips.file("cut.webm", &webm[..400]),
            "malformed-media",
            "damaged",
        ),
        (
            clips.file("cut.ts", &ts[..400]),
            "malformed-media",
            "damaged",
        ),
        (cover, "no-video-stream", "moving picture"),
    ] {
        let video = stack.settled(&stack.upload(&file));
        assert_eq!(video["status"], "errored", "{file:?}: {video:#}");
        assert_eq!(video["playback"]["type"], Value::Null, "{video:#}");
        let error = &video["error"];
        assert_eq!(error["type"], kind, "{file:?}: {error}");
        assert!(
            error["detail"].as_str().unwrap().contains(word),
            "{file:?}: {error}"
        );
        assert!(!error["title"].as_str().unwrap().is_empty());
        // The verdict is an answer, not a failure: the event is acknowledged.
        let id = video["id"].as_str().unwrap();
        let event = put_event(&stack, id, fs::metadata(&file).unwrap().len());
        deliver(&stack, &event).await;
        assert_eq!(stack.video(id)["error"]["type"], kind);
    }
}

#[tokio::test]
async fn an_empty_file_ends_with_the_reason() {
    let stack = Stack::get();
    // The API permits no empty upload; whoever may write to the bucket can still make one.
    let permission = stack.permission("empty.mp4", "video/mp4", 10);
    stack
        .s3()
        .put_object()
        .bucket(&stack.uploads_bucket)
        .key(source_key(&permission.video_id))
        .content_type("video/mp4")
        .send()
        .await
        .unwrap();
    let video = stack.settled(&permission.video_id);
    assert_eq!(
        (&video["status"], &video["error"]["type"]),
        (&json!("errored"), &json!("not-a-video"))
    );
    assert!(video["error"]["detail"].as_str().unwrap().contains("empty"));
    wait_again(&stack, &permission.video_id).await;
    deliver(&stack, &put_event(&stack, &permission.video_id, 0)).await;
    assert_eq!(stack.video(&permission.video_id)["status"], "errored");
}

#[tokio::test]
async fn the_same_event_three_times_at_once_is_one_encode() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.silent("thrice.mp4", "640x360", "25", 10.0);
    let bytes = fs::read(&file).unwrap();
    let permission = stack.permission("thrice.mp4", "video/mp4", bytes.len() as u64);
    let id = &permission.video_id;
    // The real event of this PUT is the first; two more of it are delivered at the same time.
    assert_eq!(put(&permission.url, "video/mp4", &bytes).status, 200);
    let event = put_event(&stack, id, bytes.len() as u64);
    tokio::join!(deliver(&stack, &event), deliver(&stack, &event));
    let video = stack.settled(id);
    assert_eq!(stack.attempts(id).await, 1);
    check(
        &video,
        &Expected {
            frames: 250,
            frame_rate: (25, 1),
            size: (640, 360),
            renditions: &["360p", "240p"],
            language: None,
        },
    );
    // Once more, long after: nothing changes.
    let ready_at = video["ready_at"].clone();
    deliver(&stack, &event).await;
    assert_eq!(stack.video(id)["ready_at"], ready_at);
    assert_eq!(stack.attempts(id).await, 1);
}

#[tokio::test]
async fn a_killed_encode_publishes_nothing_and_the_retry_completes_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let file = clips.clip("killed.mp4", "1280x720", "30", 20.0);
    let id = stack.upload(&file);
    stack.wait_for(&id, |video| video["progress"].as_f64() > Some(0.1));
    let processes = of_function(&stack, &stack.transcode_function);
    assert!(!processes.is_empty(), "the function runs somewhere");
    processes.into_iter().for_each(FunctionProcess::kill);
    // Its ffmpeg ends with it, long before the retry may take over.
    let still_encoding = || {
        command_lines()
            .any(|line| line.contains("-filter_complex") && line.contains(&source_key(&id)))
    };
    Patience::of(Duration::from_secs(10)).block_on("its ffmpeg ends", || so(!still_encoding()));
    // Segments may be there, but nothing that names them.
    let published: Vec<_> = stack
        .media_keys(&format!("videos/{id}/"))
        .await
        .into_iter()
        .filter(|key| key.contains(".m3u8") || key.contains(".mpd"))
        .collect();
    assert_eq!(published, [""; 0]);
    assert_ne!(
        get(&format!("{}/videos/{id}/master.m3u8", stack.cdn_url)).status,
        200
    );
    assert_eq!(stack.video(&id)["status"], "preparing");

    let video = stack.settled(&id);
    assert!(stack.attempts(&id).await >= 2);
    check(&video, &TWENTY_SECONDS_OF_720P);
}

#[tokio::test]
async fn a_record_without_a_video_is_acknowledged() {
    let stack = Stack::get();
    let never_permitted = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";
    for event in [
        put_event(&stack, never_permitted, 5),
        json!({"Event": "s3:TestEvent"}),
        json!({"unexpected": true}),
        json!([]),
    ] {
        deliver(&stack, &event).await;
    }
}

/// A function that is killed on each attempt can't write the end down; the video must not look as
/// if it were being prepared for ever.
#[tokio::test]
async fn a_video_that_nobody_will_finish_has_failed_until_it_is_redriven() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = fs::read(clips.silent("lost.mp4", "320x240", "25", 1.0)).unwrap();
    let permission = stack.permission("lost.mp4", "video/mp4", bytes.len() as u64);
    let id = &permission.video_id;
    let update = "SET #status = :preparing, attempts = :three, lease_until = :past";
    let values = [
        (":preparing", s("preparing")),
        (":three", n(3)),
        (":past", n(1)),
    ];
    change(&stack, id, update, &values).await;
    let video = stack.video(id);
    assert_eq!(
        (&video["status"], &video["error"]["type"]),
        (&json!("errored"), &json!("internal"))
    );
    assert_eq!(put(&permission.url, "video/mp4", &bytes).status, 200);
    let video = stack.wait_for(id, |video| video["status"] == "ready");
    assert_eq!(video["error"], Value::Null);
}

/// What failed by our fault is done once the cause is fixed and the event comes again.
#[tokio::test]
async fn a_redriven_failure_comes_to_its_end() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = fs::read(clips.silent("again.mp4", "320x240", "25", 1.0)).unwrap();
    let permission = stack.permission("again.mp4", "video/mp4", bytes.len() as u64);
    let id = &permission.video_id;
    let fail_with = async |kind: &str| {
        let error = [
            ("type", kind),
            ("title", "Something went wrong"),
            ("detail", "It was tried before."),
        ];
        let error = error.map(|(name, value)| (name.into(), s(value)));
        let values = [
            (":errored", s("errored")),
            (":error", AttributeValue::M(error.into())),
            (":three", n(3)),
        ];
        let update = "SET #status = :errored, #error = :error, attempts = :three";
        change(&stack, id, update, &values).await;
    };
    // A final verdict on the source stays...
    fail_with("unsupported-codec").await;
    let since = reelrun_platform::now().as_millis();
    assert_eq!(put(&permission.url, "video/mp4", &bytes).status, 200);
    invocations_ended(&stack, &stack.transcode_function, id, since, 1).await;
    assert_eq!(stack.video(id)["status"], "errored");
    // ...a failure of ours does not, nor what other limits may judge otherwise, if a person says so. The
    // sweep does not know of the end, and changes nothing of it; storage may repeat itself.
    for kind in ["internal", "too-long", "too-large"] {
        fail_with(kind).await;
        let mut event = put_event(&stack, id, bytes.len() as u64);
        event["Records"][0]["eventSource"] = json!("reelrun.sweep");
        deliver(&stack, &event).await;
        assert_eq!(stack.video(id)["status"], "errored");
        if kind != "internal" {
            event["Records"][0]["eventSource"] = json!("aws:s3");
            deliver(&stack, &event).await;
            assert_eq!(stack.video(id)["status"], "errored");
        }
        // Whoever writes an event by hand may leave out what can be seen.
        event["Records"][0]["eventSource"] = json!("by.hand");
        let object = event["Records"][0]["s3"]["object"].as_object_mut().unwrap();
        object.remove("size");
        object.remove("eTag");
        deliver(&stack, &event).await;
        let video = stack.video(id);
        assert_eq!(
            (&video["status"], &video["error"]),
            (&json!("ready"), &Value::Null),
            "{kind}"
        );
    }
}

/// A holder whose clock is behind seems dead to others while it works: one of them takes over, and
/// one of the two publishes.
#[tokio::test]
async fn a_lease_from_yesterday_is_taken_over_while_its_holder_lives() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let file = clips.clip("behind.mp4", "1280x720", "30", 20.0);
    let id = stack.upload(&file);
    stack.wait_for(&id, |video| video["progress"].as_f64() > Some(0.1));
    let event = put_event(&stack, &id, fs::metadata(&file).unwrap().len());
    // Each renewal tells the right time again: this has to come in between.
    let taken_over = async || {
        let attempts = stack.attempts(&id).await;
        if attempts >= 2 {
            return Ok(());
        }
        assert_eq!(stack.video(&id)["status"], "preparing");
        change(&stack, &id, "SET lease_until = :past", &[(":past", n(1))]).await;
        let (stack, event) = (stack.clone(), event.clone());
        tokio::spawn(async move { deliver(&stack, &event).await });
        Err(attempts)
    };
    let patience = Patience::of(Duration::from_mins(2)).every(Duration::from_millis(500));
    patience.wait_for("it is taken over", taken_over).await;
    let video = stack.settled(&id);
    check(&video, &TWENTY_SECONDS_OF_720P);
}

/// What a later version noted in a record means nothing to this one, and is still there afterwards.
#[tokio::test]
async fn what_a_later_version_noted_is_kept() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = fs::read(clips.silent("later.mp4", "320x240", "25", 1.0)).unwrap();
    let permission = stack.permission("later.mp4", "video/mp4", bytes.len() as u64);
    let id = &permission.video_id;
    change(&stack, id, "SET shelf = :shelf", &[(":shelf", s("third"))]).await;
    assert_eq!(put(&permission.url, "video/mp4", &bytes).status, 200);
    assert_eq!(stack.settled(id)["status"], "ready");
    assert_eq!(stack.record(id).await["shelf"], s("third"));
}

/// A record that only a later version can read hides no other.
#[tokio::test]
async fn what_only_a_later_version_can_read_hides_nothing() {
    let stack = Stack::get();
    let other = stack.permission("other.mp4", "video/mp4", 1000).video_id;
    let later = stack.permission("later.mp4", "video/mp4", 1000).video_id;
    let update = "SET #status = :later";
    change(&stack, &later, update, &[(":later", s("archived"))]).await;
    let listed = stack.get_path("/videos?limit=100", Some(&stack.api_token));
    forget(&stack, &later).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    let ids: Vec<_> = listed.json()["videos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|video| video["id"].clone())
        .collect();
    assert!(ids.contains(&json!(other)) && !ids.contains(&json!(later)));
}
