//! Large uploads on the deployed functions and the store: signed request by request, for the
//! upload's own token, and never for more than was declared.

use std::{env, fs, process::Command};

use reelrun_platform::auth;
use reelrun_tests::{
    media::Clips,
    multipart::Upload,
    records::{change, n},
    stack::{self, Answer, Stack, put, send},
};
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

/// A real clip with a box behind it that players skip.
fn large_clip(clips: &Clips, size: usize) -> Vec<u8> {
    let mut bytes = fs::read(clips.clip("a.mp4", "320x180", "25", 2.0)).unwrap();
    let free = u32::try_from(size - bytes.len()).unwrap();
    bytes.extend(free.to_be_bytes());
    bytes.extend(b"free");
    bytes.resize(size, 0);
    bytes
}

#[test]
fn a_large_source_is_sent_in_parts_and_goes_on_after_a_break() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = large_clip(&clips, 66 * MIB + 5);
    let upload = Upload::begin(&stack, bytes.len());
    let upload_id = upload.create();
    let parts: Vec<_> = bytes.chunks(upload.part_size).collect();
    assert_eq!(parts.len(), 5);
    let mut tags = vec![String::new(); parts.len()];
    // In any order, and after a break the store knows what it has.
    for number in [5, 2, 1] {
        let answer = upload.part(&upload_id, number, parts[number - 1]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        tags[number - 1] = answer.header("etag").into();
    }
    let listed = upload.ask(json!({"method": "GET", "uploadId": upload_id}), &[]);
    assert_eq!(listed.status, 200, "{}", listed.text());
    assert_eq!(
        listed.text().matches("<PartNumber>").count(),
        3,
        "{}",
        listed.text()
    );
    for number in [3, 4] {
        let answer = upload.part(&upload_id, number, parts[number - 1]);
        tags[number - 1] = answer.header("etag").into();
    }
    // Another one, which is ready to take its place.
    let second_id = upload.create();
    let second: Vec<_> = (1..=5)
        .map(|number| upload.part(&second_id, number, &vec![0; parts[number - 1].len()]))
        .map(|answer| answer.header("etag").to_owned())
        .collect();
    let completed = upload.complete(&upload_id, &tags);
    assert_eq!(completed.status, 200, "{}", completed.text());
    let video = stack.settled(&upload.video_id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(video["source"]["size_bytes"], bytes.len());
    // Its source has arrived: nothing else may take its place.
    let replaced = upload.complete(&second_id, &second);
    assert_eq!(replaced.status, 412, "{}", replaced.text());
    for request in [json!({"method": "POST"}), json!({"method": "PUT"})] {
        let answer = upload.sign_as(Some(&upload.token), request);
        assert_eq!(answer.status, 409, "{}", answer.text());
    }
}

/// The parts can't add up to more than was declared: each part's length is signed.
#[tokio::test]
async fn a_part_of_another_length_is_refused_by_the_store() {
    let stack = Stack::get();
    let upload = Upload::begin(&stack, 65 * MIB);
    let upload_id = upload.create();
    let part = vec![0; upload.part_size + 1];
    for (number, length) in [
        (1, upload.part_size + 1),
        (1, upload.part_size - 1),
        (5, 2 * MIB),
    ] {
        let answer = upload.part(&upload_id, number, &part[..length]);
        assert_eq!(
            answer.status,
            403,
            "part {number} of {length}: {}",
            answer.text()
        );
    }
    let beyond = json!({"method": "PUT", "uploadId": upload_id, "partNumber": 6});
    let answer = upload.sign_as(Some(&upload.token), beyond);
    assert_eq!(
        (answer.status, &answer.json()["field"]),
        (422, &json!("partNumber"))
    );
    // And what was begun can be given up.
    assert_eq!(upload.part(&upload_id, 5, &part[..MIB]).status, 200);
    let aborted = upload.ask(json!({"method": "DELETE", "uploadId": upload_id}), &[]);
    assert_eq!(aborted.status, 204, "{}", aborted.text());
    let left = stack
        .s3()
        .list_multipart_uploads()
        .bucket(&stack.uploads_bucket)
        .prefix(&upload.key);
    assert!(left.send().await.unwrap().uploads().is_empty());
}

#[test]
fn nothing_but_this_upload_is_signed() {
    let stack = Stack::get();
    let upload = Upload::begin(&stack, 65 * MIB);
    let other = Upload::begin(&stack, 65 * MIB);
    let ours = Some(upload.token.as_str());
    for (what, token, request, status) in [
        ("no token", None, json!({"method": "PUT"}), 401),
        ("a wrong token", Some("x"), json!({"method": "PUT"}), 403),
        (
            "the API's token",
            Some(stack.api_token.as_str()),
            json!({"method": "PUT"}),
            403,
        ),
        (
            "another upload's token",
            Some(other.token.as_str()),
            json!({"method": "PUT"}),
            403,
        ),
        (
            "another upload's key",
            ours,
            json!({"method": "PUT", "key": other.key}),
            403,
        ),
        (
            "a published file",
            ours,
            json!({"method": "PUT", "key": format!("videos/{}/master.m3u8", upload.video_id)}),
            403,
        ),
        ("a plain DELETE", ours, json!({"method": "DELETE"}), 403),
        ("a plain GET", ours, json!({"method": "GET"}), 403),
        (
            "another method",
            ours,
            json!({"method": "PATCH", "uploadId": "x"}),
            403,
        ),
        ("no method", ours, json!({}), 422),
    ] {
        let answer = upload.sign_as(token, request);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.text().contains("X-Amz-Signature"), "{what}");
    }
    let unknown = format!("/uploads/{}/sign", "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e");
    let answer = stack.post(&unknown, ours, "{}");
    assert_eq!(answer.status, 403, "{}", answer.text());
    // A signature is for one operation on one key.
    let (url, _) = upload.signed(json!({"method": "GET", "uploadId": "x"}));
    let elsewhere = url.replace(&upload.video_id, &other.video_id);
    assert_eq!(send("GET", &elsewhere, &[], &[]).status, 403);
    assert_eq!(send("DELETE", &url, &[], &[]).status, 403);
}

/// DynamoDB removes what has expired days later; until then it must not count.
#[tokio::test]
async fn a_key_stands_for_its_video_for_a_day() {
    let stack = Stack::get();
    let key = format!("expires-{}", uuid::Uuid::now_v7());
    let post = |size: usize| {
        let body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": size});
        let headers = [("idempotency-key", key.as_str())];
        let body = body.to_string();
        stack.call("POST", "/uploads", Some(&stack.api_token), &headers, &body)
    };
    let first = post(5).json()["video_id"].clone();
    assert_eq!(post(6).status, 422);
    let record = format!("idempotency/{}", auth::hash(&key));
    change(
        &stack,
        &record,
        "SET expires_at = :past",
        &[(":past", n(1))],
    )
    .await;
    let later = post(6);
    assert_eq!(later.status, 201, "{}", later.text());
    assert_ne!(later.json()["video_id"], first);
}

#[test]
fn the_same_key_and_body_give_the_same_video() {
    let stack = Stack::get();
    let body = |size: usize| {
        json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": size}).to_string()
    };
    let post = |key: &str, body: &str| {
        let headers = [("idempotency-key", key)];
        stack.call("POST", "/uploads", Some(&stack.api_token), &headers, body)
    };
    let key = format!("test-{}", std::process::id());
    let first = post(&key, &body(65 * MIB));
    assert_eq!(first.status, 201, "{}", first.text());
    let again = post(&key, &body(65 * MIB));
    assert_eq!(again.status, 201, "{}", again.text());
    let id = |answer: &Answer| answer.json()["video_id"].clone();
    assert_eq!(id(&first), id(&again));
    // The later answer's token is the one that opens the upload.
    let video_id = id(&first);
    let sign = |answer: &Answer| {
        let token = answer.json()["upload_token"].as_str().unwrap().to_owned();
        let request = json!({"method": "POST", "key": answer.json()["upload"]["key"]});
        let path = format!("/uploads/{}/sign", video_id.as_str().unwrap());
        stack.post(&path, Some(&token), &request.to_string()).status
    };
    assert_eq!((sign(&first), sign(&again)), (403, 200));
    let other = post(&key, &body(66 * MIB));
    assert_eq!(other.status, 422, "{}", other.text());
    assert_eq!(
        other.json()["type"],
        "urn:reelrun:problem:idempotency-key-reused"
    );
    let another_key = post(&format!("{key}-2"), &body(65 * MIB));
    assert_ne!(id(&another_key), id(&first));
    assert_eq!(post(&"x".repeat(256), &body(5)).status, 422);

    let together: Vec<_> = std::thread::scope(|scope| {
        let key = format!("{key}-3");
        let calls: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn({
                    let key = key.clone();
                    let body = body(5);
                    let post = &post;
                    move || post(&key, &body)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(
        together
            .iter()
            .all(|answer| answer.status == 201 && id(answer) == id(&together[0]))
    );
}

/// No second source may take the place of one that has arrived.
#[test]
fn a_used_key_gives_no_second_permission() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = fs::read(clips.silent("a.mp4", "64x64", "25", 0.2)).unwrap();
    let body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": bytes.len()});
    let key = format!("used-{}", std::process::id());
    let post = || {
        let headers = [("idempotency-key", key.as_str())];
        let body = body.to_string();
        stack.call("POST", "/uploads", Some(&stack.api_token), &headers, &body)
    };
    let granted = post().json();
    let url = granted["upload"]["url"].as_str().unwrap();
    assert_eq!(put(url, "video/mp4", &bytes).status, 200);
    stack.settled(granted["video_id"].as_str().unwrap());
    let again = post();
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(again.json()["type"], "urn:reelrun:problem:conflict");
}

#[test]
fn what_is_accepted_can_be_asked() {
    let stack = Stack::get();
    let limits = stack.get_path("/limits", None);
    assert_eq!(limits.status, 200, "{}", limits.text());
    let json = limits.json();
    assert_eq!(json["max_upload_bytes"], 21_474_836_480_u64);
    let accepted = json["accepted"].as_array().unwrap();
    assert_eq!(accepted.len(), 33);
    assert_eq!(
        accepted[0],
        json!({"extension": "mp4", "content_types": ["video/mp4", "application/mp4"]})
    );
}

/// The command sends large files in parts, too.
#[test]
fn the_command_uploads_in_parts() {
    let clips = Clips::new();
    let file = clips.file("large clip.mp4", &large_clip(&clips, 65 * MIB));
    let output = Command::new(env::var("REELRUN_COMMAND").expect("`cargo reelrun test` sets it"))
        .args(["upload", "--json", "--stack"])
        .arg(stack::description())
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let video: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(video["source"]["size_bytes"], 65 * MIB);
    assert_eq!(video["filename"], "large clip.mp4");
}
