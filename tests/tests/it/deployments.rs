//! Deployments, and going back: what is under way ends as it began, what comes after is as deployed.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_lambda::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use reelrun_tests::{
    chunks::{ended_run, execution_arn, executions, inits, tasks, timing},
    configuration::{Reconfigured, live_version},
    delivery::sweep,
    deployment::{Deployments, change_versions, rollback, survey},
    media::Clips,
    poll::{Patience, so},
    processes::{FunctionProcess, running},
    stack::Stack,
};
use serde_json::{Value, json};

/// The function that encodes the chunk which starts with this frame, while it does.
fn chunk(stack: &Stack, first_frame: u64) -> Option<FunctionProcess> {
    let argument = format!("trim=start_pts={first_frame}:");
    running(stack, &stack.transcode_function, &argument)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let closely = Patience::of(Duration::from_mins(1)).every(Duration::from_millis(20));
    closely.wait_for(what, async || so(is_so())).await;
}

/// The objects that were made of a video, by their place, and what must not differ between two runs
/// by the same settings: the bytes, but for those that x264 writes differently each time. Where a
/// bit rate is capped, its threads decide by how far the others have come.
async fn objects(stack: &Stack, id: &str) -> BTreeMap<String, String> {
    let prefix = format!("videos/{id}/");
    let mut objects = BTreeMap::new();
    for key in stack.media_keys(&prefix).await {
        let name = key.strip_prefix(&prefix).unwrap();
        let object = stack.s3().get_object().bucket(&stack.media_bucket);
        let object = object.key(&key).send().await.unwrap();
        let content = match object.content_type().unwrap() {
            "application/vnd.apple.mpegurl" | "application/dash+xml" => "see its timing".into(),
            "video/mp4" => {
                let body = object.body.collect().await.unwrap().into_bytes();
                x264_options(&body).unwrap_or_default()
            }
            _ => object.e_tag.unwrap(),
        };
        objects.insert(name.to_owned(), content);
    }
    objects
}

/// The options that x264 writes into the first frame of what it encodes.
fn x264_options(segment: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(segment);
    let from = text.find("x264 - core")?;
    let options = text[from..].split('\0').next()?;
    Some(options.to_owned())
}

/// What an execution was started with, and its error.
async fn run(stack: &Stack, name: &str) -> (Value, Option<String>, Option<String>) {
    let described = aws_sdk_sfn::Client::new(&stack.aws())
        .describe_execution()
        .execution_arn(execution_arn(stack, name))
        .send()
        .await
        .unwrap();
    let input = serde_json::from_str(described.input.as_deref().unwrap()).unwrap();
    (input, described.error, described.cause)
}

fn names(video: &Value) -> Vec<&str> {
    let renditions = video["renditions"].as_array().unwrap().iter();
    renditions
        .map(|rendition| rendition["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_deployment_in_the_middle_of_a_run_changes_nothing_of_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let function = &stack.transcode_function;
    let deployments = Deployments::of(&stack).await;
    deployments.deploy(&[
        ("Release", "bef000000000"),
        ("EncoderPreset", "balanced"),
        ("MaxHeight", "1080"),
        ("MaxParallelChunks", "4"),
        ("TargetChunkSeconds", "1"),
    ]);
    let before = format!("{function}:{}", live_version(&stack, function).await);
    let file = clips.clip("deployed.mp4", "640x360", "25", 48.0);
    let undisturbed = stack.ready(&file);

    // Settings by which the same source is planned, and encoded, in another way.
    deployments.prepare(&[
        ("Release", "af0000000000"),
        ("EncoderPreset", "economy"),
        ("MaxHeight", "240"),
    ]);
    let id = stack.upload(&file);
    let closely = Patience::of(Duration::from_mins(1)).every(Duration::from_millis(20));
    let second = async || chunk(&stack, 300).ok_or("it does not");
    let second = closely.wait_for("chunk 2 runs", second).await;
    // However long the deployment takes, the run has not ended before.
    second.freeze();
    assert_eq!(survey(&stack)["running"], json!([before]));
    deployments.execute();
    let after = format!("{function}:{}", live_version(&stack, function).await);
    assert_ne!(before, after);
    // So its part begins once more, now.
    second.kill();
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 1);
    let (name, status) = ended_run(&stack, &id).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(run(&stack, &name).await.0["function"], json!(before));
    assert_eq!(inits(&video), inits(&undisturbed));
    assert_eq!(timing(&video), timing(&undisturbed));
    // What was stored, too, is what the run that nothing disturbed stored.
    let made = objects(&stack, &id).await;
    let undisturbed_id = undisturbed["id"].as_str().unwrap();
    assert_eq!(made, objects(&stack, undisturbed_id).await);
    let with_options = made.values().filter(|content| content.contains("x264"));
    assert_eq!(
        with_options.count(),
        2 * 4,
        "each chunk of each rendition names its settings"
    );

    let later = stack.ready(&file);
    let (name, _) = ended_run(&stack, later["id"].as_str().unwrap()).await;
    assert_eq!(run(&stack, &name).await.0["function"], json!(after));
    assert_eq!(
        (names(&undisturbed), names(&later)),
        (vec!["360p", "240p"], vec!["240p"])
    );
    let first = "video/240p/00001.m4s";
    let remade = objects(&stack, later["id"].as_str().unwrap()).await;
    assert_ne!(remade[first], made[first], "another preset, other options");
    assert_ne!(
        inits(&later)[0],
        inits(&undisturbed)[1],
        "another preset writes another header"
    );
}

/// The version that planned a run was deleted by hand: the run says so, and the video is planned anew.
#[tokio::test]
async fn a_run_whose_version_is_gone_is_planned_anew() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let function = &stack.transcode_function;
    let file = clips.clip("gone.mp4", "640x360", "25", 48.0);
    let _later = Reconfigured::chunks(&stack, 3).await;
    let live = live_version(&stack, function).await;
    let planning = Reconfigured::chunks(&stack, 4).await;
    let gone = live_version(&stack, function).await;
    let id = stack.upload(&file);
    until("chunk 2 runs", || chunk(&stack, 300).is_some()).await;
    // The version goes with it, and the other one is live again.
    drop(planning);
    let (name, status) = ended_run(&stack, &id).await;
    assert_eq!(status, ExecutionStatus::Failed);
    let (input, error, cause) = run(&stack, &name).await;
    assert_eq!(input["function"], format!("{function}:{gone}"));
    assert_eq!(error.as_deref(), Some("VersionGone"));
    assert!(cause.unwrap().contains(&format!("{function}:{gone}")));

    sweep(&stack).await;
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 2);
    let runs = executions(&stack, &id).await;
    let (name, _) = runs.iter().find(|(again, _)| *again != name).unwrap();
    let (input, ..) = run(&stack, name).await;
    assert_eq!(input["function"], format!("{function}:{live}"));
}

/// A function that was deployed before there were versions names none.
#[tokio::test]
async fn a_run_that_names_no_version_is_the_live_ones() {
    let stack = Stack::get();
    let video = uuid::Uuid::now_v7();
    let input = json!({"video": video, "run": "1-1", "spread": "inline", "parts": [{"chunk": 0}]});
    let name = format!("{video}-1-1");
    let start = aws_sdk_sfn::Client::new(&stack.aws()).start_execution();
    let start = start
        .state_machine_arn(&stack.state_machine_arn)
        .name(&name);
    start.input(input.to_string()).send().await.unwrap();
    // There is no such video, as the function says each time it is called.
    let (name, status) = ended_run(&stack, &video.to_string()).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(
        tasks(&stack, &name).await,
        (3, vec!["LeaseLost".to_owned()])
    );
}

#[tokio::test]
async fn a_rollback_goes_back_and_the_next_one_forward() {
    let stack = Stack::get();
    let function = &stack.presign_function;
    let limit = || stack.get_path("/limits", None).json()["max_upload_bytes"].clone();
    let (succeeded, said) = rollback(&stack);
    assert!(!succeeded && said.contains("no previous release"), "{said}");

    let (old_limit, old) = (limit(), live_version(&stack, function).await);
    let limits = [
        ("MAX_UPLOAD_BYTES", "1000".to_owned()),
        ("RELEASE", "new".to_owned()),
    ];
    let _new = Reconfigured::function(&stack, function, &limits).await;
    let new = live_version(&stack, function).await;
    assert_eq!(limit(), 1000);
    // As a deployment ends.
    let previous = json!({"function": function, "alias": "previous", "version": old});
    change_versions(&stack, &json!({"point": [previous], "delete": []}));
    let removed = Undo(&stack);

    let (succeeded, said) = rollback(&stack);
    assert!(succeeded, "{said}");
    assert!(
        said.contains(&format!("{function}: version {old} ")),
        "{said}"
    );
    assert!(
        said.contains(&format!("instead of version {new} (release new)")),
        "{said}"
    );
    assert_eq!(
        (limit(), live_version(&stack, function).await),
        (old_limit, old)
    );

    let (succeeded, said) = rollback(&stack);
    assert!(succeeded, "{said}");
    assert_eq!(
        (limit(), live_version(&stack, function).await),
        (json!(1000), new)
    );
    drop(removed);
}

/// Removes the alias that a deployment would have made.
struct Undo<'a>(&'a Stack);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        let (aws, function) = (self.0.aws(), self.0.presign_function.clone());
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let client = Client::new(&aws);
            let delete = client
                .delete_alias()
                .function_name(function)
                .name("previous");
            runtime.unwrap().block_on(delete.send()).unwrap();
        });
        removal.join().unwrap();
    }
}

/// What the command is told to delete is deleted, and nothing of what an alias names can be.
#[tokio::test]
async fn versions_are_deleted_by_number() {
    let stack = Stack::get();
    let function = &stack.lookup_function;
    let versions = || {
        let survey = survey(&stack);
        let all = survey["functions"][function]["versions"]
            .as_array()
            .unwrap()
            .clone();
        all.into_iter()
            .map(|one| one["number"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let before = versions();
    let other = Reconfigured::function(&stack, function, &[("RELEASE", "other".to_owned())]).await;
    let published = live_version(&stack, function).await.parse().unwrap();
    assert_eq!(versions(), [&before[..], &[published]].concat());
    let live = before.last().unwrap();
    let back = json!({"function": function, "alias": "live", "version": live});
    let unused = json!({"function": function, "version": published});
    change_versions(&stack, &json!({"point": [back], "delete": [unused]}));
    assert_eq!(versions(), before);
    assert_eq!(live_version(&stack, function).await, live.to_string());
    drop(other);
}
