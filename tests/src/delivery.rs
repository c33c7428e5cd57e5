//! Calls functions as S3 and the clock do.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use crate::{
    poll::Patience,
    stack::{LIVE, Stack},
};

/// An event as S3 writes it: the fixture with this video's key.
pub fn put_event(stack: &Stack, id: &str, size_bytes: u64) -> Value {
    let fixture = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../events/s3-put.json"
    ))
    .unwrap();
    let mut event: Value = serde_json::from_str(&fixture).unwrap();
    let s3 = &mut event["Records"][0]["s3"];
    s3["bucket"]["name"] = json!(stack.uploads_bucket);
    s3["object"]["key"] = json!(format!("uploads/{id}/source"));
    s3["object"]["size"] = json!(size_bytes);
    event
}

/// Delivers an event to the transcode function and waits for the answer.
pub async fn deliver(stack: &Stack, event: &Value) {
    call(stack, &stack.transcode_function, event).await;
}

/// Waits until this many invocations of a function that were about a video have ended since a time
/// (Unix ms): all that were begun, so that nothing more comes of any.
pub async fn invocations_ended(stack: &Stack, function: &str, id: &str, since: i64, count: usize) {
    let about = async || {
        let logs = stack.logs(function, since);
        // One whose answer is an error may name no video.
        let about = |log: &String| log.contains(id) || !log.contains("video.id=");
        let about = logs.into_iter().filter(about);
        let about: Vec<_> = about.collect();
        if about.len() == count {
            Ok(())
        } else {
            Err(about)
        }
    };
    let what = format!("{count} invocations of {function} for {id} have ended");
    let patience = Patience::of(Duration::from_mins(2));
    patience.wait_for(&what, about).await;
}

/// Looks for what stands still, as is done every few minutes.
pub async fn sweep(stack: &Stack) {
    call(stack, &stack.sweep_function, &json!({})).await;
}

async fn call(stack: &Stack, function: &str, event: &Value) {
    let answer = aws_sdk_lambda::Client::new(&stack.aws())
        .invoke()
        .function_name(function)
        .qualifier(LIVE)
        .payload(Blob::new(event.to_string()))
        .send()
        .await
        .unwrap();
    let payload = answer
        .payload
        .map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned());
    assert_eq!(
        answer.function_error, None,
        "not acknowledged: {event}: {payload:?}"
    );
}
