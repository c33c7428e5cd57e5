//! Runs of the state machine in which something dies, and what a worker holds meanwhile.

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use reelrun_tests::{
    chunks::{encoded, ended_run, execution_arn, executions, inits, tasks, timing},
    configuration::Reconfigured,
    delivery::{deliver, put_event},
    media::{Clips, text},
    poll::{Patience, so},
    processes::{FunctionProcess, of_function, running},
    stack::{Stack, get},
};
use serde_json::Value;

/// The function that encodes the chunk which starts with this frame, while it does.
fn chunk(stack: &Stack, first_frame: u64) -> Option<FunctionProcess> {
    let argument = format!("trim=start_pts={first_frame}:");
    running(stack, &stack.transcode_function, &argument)
}

/// Kills the function that encodes the chunk which starts with this frame; whether there was one.
fn kill_chunk(stack: &Stack, first_frame: u64) -> bool {
    chunk(stack, first_frame)
        .map(FunctionProcess::kill)
        .is_some()
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let closely = Patience::of(Duration::from_mins(1)).every(Duration::from_millis(20));
    closely.wait_for(what, async || so(is_so())).await;
}

#[tokio::test]
async fn a_killed_chunk_is_encoded_again_alone() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("kill.mp4", "640x360", "25", 48.0);
    let whole = encoded(&stack, &file, 1).await;
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    until("chunk 3 was killed", || kill_chunk(&stack, 600)).await;
    // The same event once more, meanwhile: it is acknowledged, and starts nothing.
    deliver(&stack, &put_event(&stack, &id, 1)).await;
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 1);
    assert_eq!(timing(&video), timing(&whole));
    assert_eq!(inits(&video), inits(&whole));
    let (name, status) = ended_run(&stack, &id).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    // Four parts, one of them twice, and the publishing.
    let died = "Runtime.ExitError".to_owned();
    assert_eq!(tasks(&stack, &name).await, (6, vec![died]));
}

/// A run that was stopped by hand says nothing; the event's next delivery takes the video over.
#[tokio::test]
async fn a_run_that_was_stopped_is_taken_over() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("stopped.mp4", "640x360", "25", 48.0);
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    until("chunk 2 runs", || chunk(&stack, 300).is_some()).await;
    let machines = aws_sdk_sfn::Client::new(&stack.aws());
    let (name, _) = executions(&stack, &id).await.remove(0);
    machines
        .stop_execution()
        .execution_arn(execution_arn(&stack, &name))
        .send()
        .await
        .unwrap();
    deliver(&stack, &put_event(&stack, &id, 1)).await;
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 2);
    assert_eq!(executions(&stack, &id).await.len(), 2);
}

#[tokio::test]
async fn a_chunk_that_always_fails_is_named() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("doomed.mp4", "640x360", "25", 48.0);
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    let mut killed = 0;
    let closely = Patience::of(Duration::from_mins(8)).every(Duration::from_millis(20));
    let video = closely.block_on("it has failed", || {
        killed += u32::from(kill_chunk(&stack, 600));
        let video = stack.video(&id);
        assert_ne!(video["status"], "ready");
        if video["status"] == "errored" {
            Ok(video)
        } else {
            Err((killed, video))
        }
    });
    assert_eq!(video["error"]["type"], "internal");
    let detail = video["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("chunk 3 of 4, 0:24 to 0:36"), "{detail}");
    assert_eq!(video["playback"]["type"], Value::Null);
    for file in ["master.m3u8", "manifest.mpd"] {
        assert_ne!(
            get(&format!("{}/videos/{id}/{file}", stack.cdn_url)).status,
            200,
            "{file}"
        );
    }
    let (name, status) = ended_run(&stack, &id).await;
    assert_eq!(status, ExecutionStatus::Failed);
    // Four parts, the third in five tries, and the failure told of the part and of the run. Others
    // may have been at work still: each gave up, and that was told as well.
    let (started, failed) = tasks(&stack, &name).await;
    let (given_up, died): (Vec<_>, Vec<_>) = failed.iter().partition(|error| *error == "LeaseLost");
    assert_eq!(died, ["Runtime.ExitError"; 5]);
    // A process that is killed may be seen once more before it is gone.
    assert!(killed >= 5, "killed {killed} times");
    assert_eq!(started, 10 + given_up.len());
}

/// A run that refuses its source has done what it could: the operator has nothing to fix.
#[tokio::test]
async fn a_source_that_is_refused_is_no_failure_of_its_run() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("lost.mp4", "640x360", "25", 48.0);
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    until("chunk 2 runs", || chunk(&stack, 300).is_some()).await;
    let source = format!("uploads/{id}/source");
    let removal = stack
        .s3()
        .delete_object()
        .bucket(&stack.uploads_bucket)
        .key(source);
    removal.send().await.unwrap();
    // Those that have read all of it already are to read it once more.
    for first_frame in [300, 600, 900] {
        kill_chunk(&stack, first_frame);
    }
    let video = stack.settled(&id);
    assert_eq!(video["error"]["type"], "source-missing", "{video:#}");
    let detail = video["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("of 4"), "{detail}");
    let (_, status) = ended_run(&stack, video["id"].as_str().unwrap()).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
}

/// By whichever part sees it first: one that lacks its end, or one for which nothing is left.
#[tokio::test]
async fn a_long_source_that_is_cut_short_says_so() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("whole.mp4", "640x360", "25", 48.0);
    let announced = clips.make(
        "announced.mp4",
        &format!("-i {} -c copy -movflags +faststart", text(&file)),
    );
    let bytes = std::fs::read(announced).unwrap();
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    for eighths in [1, 5] {
        let cut = clips.file("cut.mp4", &bytes[..bytes.len() * eighths / 8]);
        let video = stack.settled(&stack.upload(&cut));
        assert_eq!(video["error"]["type"], "malformed-media", "{video:#}");
        let detail = video["error"]["detail"].as_str().unwrap();
        assert!(detail.contains("cut short: 48.0 s"), "{detail}");
    }
}

/// Everything that a worker holds is bounded by segments, not by the length of its part.
#[tokio::test]
async fn memory_stays_flat_however_long_the_part() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let mut peaks = Vec::new();
    for seconds in [30.0, 240.0] {
        for process in of_function(&stack, &stack.transcode_function) {
            process.kill();
        }
        let file = clips.clip(&format!("{seconds}.mp4"), "640x360", "25", seconds);
        stack.ready(&file);
        let processes = of_function(&stack, &stack.transcode_function);
        peaks.push(
            processes
                .iter()
                .map(|p| p.peak_memory_bytes())
                .max()
                .unwrap(),
        );
    }
    assert!(
        peaks[1] < peaks[0] + (16 << 20),
        "bytes for 30 s and for 240 s: {peaks:?}"
    );
}
