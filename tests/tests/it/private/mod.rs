//! Private videos, on the deployed functions and through the CDN, which runs the gate.

mod access;
mod change;
mod crawl;
mod encryption;
mod playback;
mod players;

use std::{path::Path, time::Duration};

use reelrun_core::{
    timestamp::Timestamp,
    token::{Audience, Claims, PlaybackKeys},
};
use reelrun_platform::now;
use reelrun_tests::{
    poll::Patience,
    stack::{Stack, put},
};
use serde_json::{Value, json};

/// The stack's distribution.
pub(crate) async fn distribution(cdn: &aws_sdk_cloudfront::Client) -> String {
    let listed = cdn.list_distributions().send().await.unwrap();
    let listed = listed.distribution_list.unwrap();
    let [distribution] = listed.items() else {
        panic!("one distribution: {listed:?}");
    };
    distribution.id().to_owned()
}

/// Uploads a private video; its id.
fn upload(stack: &Stack, file: &Path) -> String {
    upload_as(stack, file, json!({}))
}

/// The same, with more to say of it.
fn upload_as(stack: &Stack, file: &Path, more: Value) -> String {
    let bytes = std::fs::read(file).unwrap();
    let mut body = json!({"filename": "secret.mp4", "content_type": "video/mp4",
                          "size_bytes": bytes.len(), "visibility": "private"});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    let answer = stack.post("/uploads", Some(&stack.api_token), &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let granted = answer.json();
    let upload = &granted["upload"];
    let url = upload["url"].as_str().unwrap();
    let kind = upload["headers"]["content-type"].as_str().unwrap();
    assert_eq!(put(url, kind, &bytes).status, 200);
    granted["video_id"].as_str().unwrap().into()
}

/// A video as its owner sees it.
fn owned(stack: &Stack, id: &str) -> Value {
    let answer = stack.get_path(&format!("/videos/{id}"), Some(&stack.api_token));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Waits until a private video is ready.
fn ready(stack: &Stack, id: &str) -> Value {
    Patience::of(Duration::from_mins(4)).block_on("the video is ready", || {
        let video = owned(stack, id);
        match video["status"].as_str().unwrap() {
            "ready" => Ok(video),
            "errored" => panic!("{video:#}"),
            _ => Err(video),
        }
    })
}

/// The keys with which the stack signs.
fn keys(stack: &Stack) -> PlaybackKeys {
    let key = |key: &Value| {
        format!(
            "{}:{}",
            key["id"].as_str().unwrap(),
            key["secret"].as_str().unwrap()
        )
    };
    let keys: Vec<_> = stack
        .playback_keys
        .as_array()
        .unwrap()
        .iter()
        .map(key)
        .collect();
    keys.join(",").parse().unwrap()
}

/// What a token for ten minutes says.
fn claims(id: &str, audience: Audience) -> Claims {
    let until: Timestamp = now() + Duration::from_mins(10);
    Claims {
        video: id.parse().unwrap(),
        audience,
        expires_at: until.as_secs(),
        not_before: None,
        referrers: None,
    }
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{path}: {value:#}"))
}
