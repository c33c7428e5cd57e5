//! What nobody else brings to its end: lost events, encoders that vanished, deletions that are stuck.

use std::{fs, time::Duration};

use reelrun_tests::{
    configuration::Reconfigured,
    delivery::sweep,
    media::Clips,
    notices::notices,
    poll::{Patience, so},
    records::{self, n, s},
    stack::{Stack, put},
};
use serde_json::{Value, json};

const TWO_MINUTES: Patience = Patience::of(Duration::from_mins(2));

/// Sweeps until a video is as wanted, with three seconds' patience instead of five minutes'.
async fn swept(stack: &Stack, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async || {
        sweep(stack).await;
        let video = stack.video(id);
        if wanted(&video) {
            Ok(video)
        } else {
            Err(video)
        }
    };
    TWO_MINUTES.wait_for("the sweep sees to it", look).await
}

async fn impatient(stack: &Stack) -> Reconfigured {
    let every = [("SWEEP_EVERY_SECONDS", "3".to_owned())];
    Reconfigured::function(stack, &stack.sweep_function, &every).await
}

/// A clip that was uploaded and is ready, and its record as it was before any event came.
async fn as_if_its_event_were_lost(stack: &Stack, clips: &Clips, name: &str) -> String {
    let id = stack.upload(&clips.silent(name, "320x240", "25", 1.0));
    assert_eq!(stack.settled(&id)["status"], "ready");
    let update = "SET #status = :waiting REMOVE ready_at, renditions, attempts";
    records::change(stack, &id, update, &[(":waiting", s("waiting"))]).await;
    id
}

/// Sweeps until a younger video that stands still is encoded: they have looked at all that is older.
async fn another_is_seen_to(stack: &Stack, clips: &Clips) {
    let other = as_if_its_event_were_lost(stack, clips, "other.mp4").await;
    swept(stack, &other, |video| video["status"] == "ready").await;
}

#[tokio::test]
async fn an_upload_whose_event_was_lost_is_encoded() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _impatient = impatient(&stack).await;
    let id = as_if_its_event_were_lost(&stack, &clips, "unheard.mp4").await;
    let video = swept(&stack, &id, |video| video["status"] == "ready").await;
    assert_eq!(video["renditions"][0]["height"], 240, "{video:#}");
    // Nothing more is done for it, by sweeps that do see to another one.
    let attempts = stack.attempts(&id).await;
    another_is_seen_to(&stack, &clips).await;
    assert_eq!(stack.attempts(&id).await, attempts);
}

/// However long nothing can be encoded: what has arrived is not forgotten as what never came is.
#[tokio::test]
async fn an_upload_that_has_arrived_is_kept() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = as_if_its_event_were_lost(&stack, &clips, "kept.mp4").await;
    let forgotten = [(":soon", n(reelrun_platform::now().as_secs() + 86_400))];
    records::change(&stack, &id, "SET expires_at = :soon", &forgotten).await;
    let unsent = stack.permission("a.mp4", "video/mp4", 5).video_id;
    let expires = async |id: &str| stack.record(id).await.contains_key("expires_at");
    assert!(expires(&id).await && expires(&unsent).await);
    sweep(&stack).await;
    assert!(!expires(&id).await && expires(&unsent).await);
    assert_eq!(stack.video(&id)["status"], "waiting");
}

#[tokio::test]
async fn an_encode_that_vanished_is_begun_again() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _impatient = impatient(&stack).await;
    let id = as_if_its_event_were_lost(&stack, &clips, "vanished.mp4").await;
    let vanished = [
        (":preparing", s("preparing")),
        (":owner", s("nobody")),
        (":one", n(1)),
        (":past", n(reelrun_platform::now().as_millis() - 1000)),
    ];
    let update =
        "SET #status = :preparing, lease_owner = :owner, attempts = :one, lease_until = :past";
    records::change(&stack, &id, update, &vanished).await;
    swept(&stack, &id, |video| video["status"] == "ready").await;
    assert!(stack.attempts(&id).await >= 2);
}

/// Lookup shows such a video as failed at once; whoever waits for a notice needs it written down.
#[tokio::test]
async fn a_video_that_was_killed_each_time_is_given_up_and_told_of() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _impatient = impatient(&stack).await;
    let id = as_if_its_event_were_lost(&stack, &clips, "killed.mp4").await;
    let killed = [
        (":preparing", s("preparing")),
        (":owner", s("nobody")),
        (":three", n(3)),
        (":past", n(1)),
    ];
    let update =
        "SET #status = :preparing, lease_owner = :owner, attempts = :three, lease_until = :past";
    records::change(&stack, &id, update, &killed).await;
    // It is shown as failed already, and not listed as what it is recorded as.
    let preparing = stack.get_path("/videos?status=preparing", Some(&stack.api_token));
    assert_eq!(preparing.status, 200, "{}", preparing.text());
    assert!(!preparing.text().contains(&id), "{}", preparing.text());
    assert_eq!(stack.video(&id)["status"], "errored");
    let given_up = async || {
        sweep(&stack).await;
        let status = stack.record(&id).await["status"].clone();
        if status == s("errored") {
            Ok(())
        } else {
            Err(status)
        }
    };
    TWO_MINUTES.wait_for("it is given up", given_up).await;
    assert_eq!(stack.video(&id)["error"]["type"], "internal");
    let name = format!("{id}-errored-1");
    let told = async || so(!notices(&stack, &name).await.is_empty());
    TWO_MINUTES.wait_for("somebody is told", told).await;
}

#[tokio::test]
async fn an_encode_whose_source_is_gone_ends_with_the_reason() {
    let stack = Stack::get();
    let _impatient = impatient(&stack).await;
    let id = stack.permission("gone.mp4", "video/mp4", 10).video_id;
    let begun = [
        (":preparing", s("preparing")),
        (":owner", s("nobody")),
        (":one", n(1)),
        (":past", n(reelrun_platform::now().as_millis() - 1000)),
    ];
    let update =
        "SET #status = :preparing, lease_owner = :owner, attempts = :one, lease_until = :past";
    records::change(&stack, &id, update, &begun).await;
    let video = swept(&stack, &id, |video| video["status"] == "errored").await;
    assert_eq!(video["error"]["type"], "source-missing");
}

#[tokio::test]
async fn a_deletion_that_is_stuck_and_a_source_without_its_video_are_removed() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _impatient = impatient(&stack).await;
    let id = as_if_its_event_were_lost(&stack, &clips, "stuck.mp4").await;
    // As if the stream had given up: a record that was `deleting` before is not news to it.
    let stuck = [
        (":deleting", s("deleting")),
        (":past", n(reelrun_platform::now().as_millis() - 900)),
    ];
    let update = "SET #status = :deleting, asked_at = :past";
    records::change(&stack, &id, update, &stuck).await;
    // And one that was stored after its record was forgotten, and its event lost.
    let bytes = fs::read(clips.path("stuck.mp4")).unwrap();
    let orphan = stack.permission("orphan.mp4", "video/mp4", bytes.len() as u64);
    assert_eq!(put(&orphan.url, "video/mp4", &bytes).status, 200);
    stack.settled(&orphan.video_id);
    records::forget(&stack, &orphan.video_id).await;
    let removed = async || {
        sweep(&stack).await;
        let mut left = stack.media_keys(&format!("videos/{id}/")).await;
        left.extend(
            stack
                .keys(&stack.uploads_bucket, &format!("uploads/{id}/"))
                .await,
        );
        let orphaned = format!("uploads/{}/", orphan.video_id);
        left.extend(stack.keys(&stack.uploads_bucket, &orphaned).await);
        let record = stack.record(&id).await;
        if left.is_empty() && record.is_empty() {
            Ok(())
        } else {
            Err((left, record))
        }
    };
    TWO_MINUTES.wait_for("both are removed", removed).await;
}

#[tokio::test]
async fn uploads_that_wait_and_videos_at_their_end_are_left_alone() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _impatient = impatient(&stack).await;
    let waiting = stack.permission("later.mp4", "video/mp4", 10).video_id;
    another_is_seen_to(&stack, &clips).await;
    assert_eq!(stack.video(&waiting)["status"], json!("waiting"));
}
