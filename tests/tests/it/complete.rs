//! An upload that its client says is complete: encoding begins without storage's event, and once.

use reelrun_tests::{
    configuration::Reconfigured,
    delivery::invocations_ended,
    media::Clips,
    records,
    stack::{Stack, put},
};
use serde_json::json;

#[tokio::test]
async fn an_upload_that_is_complete_is_encoded_without_storage_s_event() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("told.mp4", "320x240", "25", 1.0)).unwrap();
    let upload = stack.permission("told.mp4", "video/mp4", bytes.len() as u64);
    let early = upload.complete(&stack);
    assert_eq!(early.status, 409, "{}", early.text());
    let detail = early.json()["detail"].to_string();
    assert!(detail.contains("Nothing is stored there yet"), "{detail}");

    let since = reelrun_platform::now().as_millis();
    {
        // Whatever is announced meanwhile is as good as lost.
        let deaf = [("UPLOADS_BUCKET", "another".to_owned())];
        let _deaf = Reconfigured::variables(&stack, &deaf).await;
        assert_eq!(put(&upload.url, "video/mp4", &bytes).status, 200);
        for _ in 0..3 {
            let answer = upload.complete(&stack);
            assert_eq!(answer.status, 202, "{}", answer.text());
            assert_eq!(answer.json()["status"], "waiting");
            assert_eq!(answer.json()["video_id"], json!(upload.video_id));
        }
        // As a multipart upload is that was put together of too few parts.
        let cut = stack.permission("cut.mp4", "video/mp4", 9);
        let object = stack.s3().put_object().bucket(&stack.uploads_bucket);
        let key = format!("uploads/{}/source", cut.video_id);
        let body = b"12345".to_vec().into();
        object.key(key).body(body).send().await.unwrap();
        let answer = cut.complete(&stack);
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains("5 bytes are stored, and 9"));
        // Storage's two, and of three that were the client's, one.
        let (function, id) = (&stack.transcode_function, &upload.video_id);
        invocations_ended(&stack, function, id, since, 3).await;
    }
    assert_eq!(stack.video(&upload.video_id)["status"], "waiting");

    // As if it had not been said yet.
    let unsaid = "REMOVE upload_reported_at";
    records::change(&stack, &upload.video_id, unsaid, &[]).await;
    assert_eq!(upload.complete(&stack).status, 202);
    let video = stack.settled(&upload.video_id);
    assert_eq!(video["status"], "ready", "{video:#}");
    let late = upload.complete(&stack);
    assert_eq!(
        (late.status, &late.json()["status"]),
        (202, &json!("ready"))
    );
    assert_eq!(stack.attempts(&upload.video_id).await, 1);
}

#[test]
fn only_the_upload_s_own_token_says_so() {
    let stack = Stack::get();
    let upload = stack.permission("a.mp4", "video/mp4", 9);
    let other = stack.permission("b.mp4", "video/mp4", 9);
    let path = format!("/uploads/{}/complete", upload.video_id);
    for (token, status) in [
        (None, 401),
        (Some("x"), 403),
        (Some(&*other.token), 403),
        (Some(&*stack.api_token), 403),
        (Some(&*upload.token), 409),
    ] {
        let answer = stack.post(&path, token, "");
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
