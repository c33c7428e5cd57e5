//! Who is told that a video is ready or has failed, how often, and by whom it can be believed.

use std::time::Duration;

use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use reelrun_tests::{
    configuration::Reconfigured,
    delivery::{deliver, put_event},
    media::Clips,
    notices::{Received, Receiver, input, notices},
    poll::Patience,
    stack::Stack,
};
use serde_json::Value;
use standardwebhooks::Webhook;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn told(stack: &Stack, urls: &str, private: &str) -> Reconfigured {
    let variables = [
        ("WEBHOOK_URLS", urls.to_owned()),
        ("WEBHOOK_SECRET", SECRET.to_owned()),
        ("WEBHOOK_PRIVATE_ADDRESSES", private.to_owned()),
    ];
    Reconfigured::function(stack, &stack.notify_function, &variables).await
}

/// The executions for a video, once all have ended.
async fn delivered(stack: &Stack, id: &str) -> Vec<ExecutionListItem> {
    let look = async || {
        let found = notices(stack, id).await;
        let is_over = |e: &ExecutionListItem| e.status != ExecutionStatus::Running;
        if !found.is_empty() && found.iter().all(is_over) {
            Ok(found)
        } else {
            Err(found)
        }
    };
    let patience = Patience::of(Duration::from_mins(2));
    patience.wait_for("the notices are delivered", look).await
}

/// The body, if its signature is good.
fn believed(received: &Received) -> Value {
    let headers = received.headers.iter().map(|(name, value)| {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, http::HeaderValue::from_str(value).unwrap())
    });
    let headers: http::HeaderMap = headers.collect();
    let webhook = Webhook::new(SECRET).unwrap();
    webhook.verify(&received.body, &headers).unwrap();
    let mut forged = received.body.clone();
    forged.push(b' ');
    assert!(webhook.verify(&forged, &headers).is_err());
    serde_json::from_slice(&received.body).unwrap()
}

#[tokio::test]
async fn a_ready_video_is_told_once_however_often_its_upload_is_announced() {
    let (stack, clips) = (Stack::get(), Clips::new());
    // The first receiver fails twice; the second is not held up by that.
    let (unsteady, steady) = (Receiver::start(&[500, 503]), Receiver::start(&[]));
    let urls = format!("{},{}", unsteady.url, steady.url);
    let _configuration = told(&stack, &urls, "permitted").await;
    let file = clips.clip("a.mp4", "320x180", "25", 4.0);
    let size = std::fs::metadata(&file).unwrap().len();
    let id = stack.upload(&file);
    let event = put_event(&stack, &id, size);
    tokio::join!(deliver(&stack, &event), deliver(&stack, &event));
    assert_eq!(stack.settled(&id)["status"], "ready");
    deliver(&stack, &event).await;

    let [execution] = &delivered(&stack, &id).await[..] else {
        panic!("one notice is expected");
    };
    assert_eq!(execution.status, ExecutionStatus::Succeeded);
    // Ends are told of in their order: once that of a later one is, nothing is left to be told of this.
    let later = stack.upload(&clips.file("later.mp4", b"this is no video"));
    delivered(&stack, &later).await;
    assert_eq!(notices(&stack, &id).await.len(), 1);
    let (tries, once) = (about(&unsteady, &id), about(&steady, &id));
    assert_eq!(
        (tries.len(), once.len()),
        (3, 1),
        "two failures, then once each"
    );
    // A receiver knows a repetition by its id.
    assert!(
        tries
            .iter()
            .all(|try_| try_.header("webhook-id") == once[0].header("webhook-id"))
    );
    let told = believed(&once[0]);
    believed(&tries[2]);
    assert_eq!(told["type"], "video.ready");
    assert_eq!(
        told["data"],
        stack.video(&id),
        "the video, as the API shows it"
    );
    // The event on the bus has the same, and arrived there.
    let announced = left(&stack, execution, "Announce").await;
    assert_eq!(announced["announced"]["FailedEntryCount"], 0, "{announced}");
    assert_eq!(input(&stack, execution).await["detail_type"], "Video Ready");
}

/// What was received about a video. (Others may be told of meanwhile.)
fn about(receiver: &Receiver, id: &str) -> Vec<Received> {
    let mut received = receiver.received();
    received.retain(|one| String::from_utf8_lossy(&one.body).contains(id));
    received
}

/// What a state of the execution ended with.
async fn left(stack: &Stack, execution: &ExecutionListItem, state: &str) -> Value {
    let history = aws_sdk_sfn::Client::new(&stack.aws())
        .get_execution_history()
        .execution_arn(&execution.execution_arn)
        .send()
        .await
        .unwrap();
    let mut outputs = history.events.iter().filter_map(|event| {
        let exited = event.state_exited_event_details()?;
        (exited.name() == state).then(|| exited.output().unwrap().to_owned())
    });
    let output = outputs.next_back().expect("the state was left");
    serde_json::from_str(&output).unwrap()
}

#[tokio::test]
async fn a_failed_video_is_told_with_its_reason() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let receiver = Receiver::start(&[]);
    let _configuration = told(&stack, &receiver.url, "permitted").await;
    let id = stack.upload(&clips.file("a.mp4", b"this is no video"));
    assert_eq!(stack.settled(&id)["status"], "errored");
    assert_eq!(delivered(&stack, &id).await.len(), 1);
    let [received] = &about(&receiver, &id)[..] else {
        panic!("{:?}", receiver.received());
    };
    let told = believed(received);
    assert_eq!(told["type"], "video.errored");
    assert_eq!(told["data"]["error"]["type"], "not-a-video");
}

/// A webhook is no way into the operator's network.
#[tokio::test]
async fn a_private_address_is_refused() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let receiver = Receiver::start(&[]);
    let named = receiver.url.replace("127.0.0.1", "localhost");
    let _configuration = told(&stack, &format!("{},{named}", receiver.url), "refused").await;
    let id = stack.upload(&clips.file("a.mp4", b"this is no video"));
    let [execution] = &delivered(&stack, &id).await[..] else {
        panic!("one notice is expected");
    };
    assert_eq!(execution.status, ExecutionStatus::Failed);
    let output = left(&stack, execution, "Webhooks").await;
    let ends = output["delivered"].as_array().unwrap().iter();
    let ends: Vec<_> = ends.map(|end| end["error"]["Error"].as_str()).collect();
    assert_eq!(ends, [Some("Refused"), Some("Refused")], "{output}");
    assert!(about(&receiver, &id).is_empty());
}
