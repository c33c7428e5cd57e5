//! Each function can do what its code does, and nothing else: its role is tried, not read. (The
//! emulator enforces IAM.)

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_s3::{config::SharedCredentialsProvider, error::ProvideErrorMetadata};
use aws_sdk_sfn::types::ExecutionStatus;
use reelrun_tests::{
    chunks::{ended_run, execution_arn, tasks},
    configuration::Reconfigured,
    delivery::{deliver, put_event},
    media::Clips,
    records::s,
    stack::{LIVE, Stack},
};

/// What the transcode function's may.
const TRANSCODE: [&str; 28] = [
    "list source",
    "get source",
    "get private source",
    "get refused",
    "delete source",
    "delete private source",
    "list uploads",
    "list media",
    "put media",
    "put private media",
    "get audio",
    "put audio",
    "get private audio",
    "put private audio",
    "abort upload of audio file",
    "put presentation",
    "put track source",
    "put subtitles",
    "get work",
    "put work",
    "get copy",
    "put copy",
    "delete copy",
    "abort upload of copy",
    "get record",
    "update record",
    "start encode",
    "describe encode",
];

/// What a role may do; whatever is not listed must be denied.
fn permitted(function: &str) -> &'static [&'static str] {
    match function {
        "presign" => &[
            "put source",
            "put private source",
            "put track source",
            "list parts of source",
            "abort upload of source",
            "list source",
            "call transcode",
            "get record",
            "put record",
            "update record",
        ],
        "lookup" => &["get record", "update record", "query records"],
        "transcode" => &TRANSCODE,
        "cleanup" => &[
            "list source",
            "list uploads",
            "list media",
            "list multipart uploads",
            "abort upload of source",
            "abort upload of copy",
            "get source",
            "get private source",
            "delete source",
            "delete private source",
            "put source",
            "put private source",
            "put refused",
            "delete refused",
            "delete work",
            "delete copy",
            "get media",
            "get private media",
            "put media",
            "put private media",
            "delete media",
            "delete private media",
            "get audio",
            "put audio",
            "delete audio",
            "get private audio",
            "put private audio",
            "delete private audio",
            "delete track source",
            "delete presentation",
            "get subtitles",
            "put subtitles",
            "delete subtitles",
            "get record",
            "update record",
            "delete record",
            "call tracks",
        ],
        "tracks" => &[
            "list source",
            "list uploads",
            "list media",
            "get track source",
            "delete track source",
            "get presentation",
            "put subtitles",
            "delete subtitles",
            "get record",
            "update record",
            "call transcode",
        ],
        "notify" => &["start notice"],
        "sweep" => &[
            "list source",
            "list uploads",
            "query records",
            "update record",
            "describe encode",
            "call transcode",
        ],
        _ => unreachable!(),
    }
}

#[tokio::test]
async fn a_role_permits_what_its_function_does_and_nothing_else() {
    let stack = Stack::get();
    let mut wrong = Vec::new();
    for (name, function) in stack.functions() {
        let config = as_function(&stack, function).await;
        let permitted: BTreeSet<_> = permitted(name).iter().copied().collect();
        let (mut can, mut all) = (BTreeSet::new(), BTreeSet::new());
        for (what, error) in try_all(&stack, &config).await {
            all.insert(what);
            if !error.is_some_and(|code| code.contains("AccessDenied")) {
                can.insert(what);
            }
        }
        assert!(permitted.is_subset(&all), "{name}: not all was tried");
        let more: Vec<_> = can.difference(&permitted).collect();
        let less: Vec<_> = permitted.difference(&can).collect();
        println!("{name:10} {} of {} permitted", can.len(), all.len());
        if !more.is_empty() || !less.is_empty() {
            wrong.push(format!("{name} can also {more:?}, and can't {less:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The emulator enforces no permission of CloudFront's, so that one is read: one function may have paths of
/// one distribution forgotten.
#[test]
fn the_cdn_is_asked_by_one_role_and_for_one_thing() {
    let template = include_str!("../../../infra/template.yaml");
    let lines: Vec<_> = template.lines().map(str::trim).collect();
    let actions = |line: &&str| line.contains("Action") && line.contains("cloudfront:");
    let at: Vec<_> = (0..lines.len()).filter(|at| actions(&lines[*at])).collect();
    let [at] = at[..] else {
        panic!("one statement: {at:?}");
    };
    assert_eq!(
        lines[at],
        "Action: [cloudfront:CreateInvalidation, cloudfront:GetInvalidation]"
    );
    assert_eq!(
        lines[at + 1],
        "Resource: !Sub arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
    );
    let role = lines[..at].iter().rfind(|line| line.ends_with("Role:"));
    assert_eq!(role, Some(&"CleanupRole:"));
}

/// A permission that is missing does not come by itself: it is named at once, to those who can add it.
#[tokio::test]
async fn a_missing_permission_is_named_and_not_waited_for() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("forbidden.mp4", "320x180", "25", 48.0);
    let _configuration = Reconfigured::chunks(&stack, 2).await;
    let role = role_of(&stack, &stack.transcode_function).await;
    let (_, role) = role.rsplit_once('/').unwrap();
    let bucket = &stack.media_bucket;
    let forbidden = stack.forbid(role, "s3:PutObject", &format!("arn:aws:s3:::{bucket}/*"));
    let id = stack.upload(&file);
    let video = stack.settled(&id);
    assert_eq!(video["error"]["type"], "internal", "{video:#}");
    let (name, status) = ended_run(&stack, &id).await;
    assert_eq!(status, ExecutionStatus::Failed);
    // Each part twice, and then no more; a transient error would be tried six times. A part that is tried
    // after the other one was reported finds that the video has ended.
    let (_, mut errors) = tasks(&stack, &name).await;
    errors.retain(|error| error != "LeaseLost");
    assert!((2..=4).contains(&errors.len()), "{errors:?}");
    assert!(errors.iter().all(|error| error == "Internal"), "{errors:?}");
    let described = aws_sdk_sfn::Client::new(&stack.aws())
        .describe_execution()
        .execution_arn(execution_arn(&stack, &name))
        .send();
    let cause = described.await.unwrap().cause.unwrap();
    assert!(
        cause.contains("the function's role lacks s3:PutObject"),
        "{cause}"
    );
    assert!(
        cause.contains(&format!("s3://{bucket}/videos/{id}/")),
        "{cause}"
    );

    // Once it is there, the video can be had again.
    drop(forbidden);
    deliver(&stack, &put_event(&stack, &id, 1)).await;
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
}

async fn role_of(stack: &Stack, function: &str) -> String {
    let lambda = aws_sdk_lambda::Client::new(&stack.aws());
    let configuration = lambda.get_function_configuration().function_name(function);
    configuration.send().await.unwrap().role.unwrap()
}

/// The credentials that a function has.
async fn as_function(stack: &Stack, function: &str) -> SdkConfig {
    let role = role_of(stack, function).await;
    let config = stack.aws().into_builder();
    config
        .credentials_provider(SharedCredentialsProvider::new(stack.assume(&role)))
        .build()
}

/// Tries everything that any function does, and some things that none has to; nothing of it does
/// any harm. The code of the error that each ended with.
async fn try_all(stack: &Stack, config: &SdkConfig) -> Vec<(&'static str, Option<String>)> {
    let mut tried = try_objects(stack, config).await;
    tried.extend(try_records(stack, config).await);
    tried.extend(try_calls(stack, config).await);
    tried
}

/// A request's error code, if it ended with one.
macro_rules! code {
    ($request:expr) => {
        $request.send().await.err().map(|error| {
            let error = error.into_service_error();
            // A HEAD or a listing has no body to name the code.
            error.code().unwrap_or("unnamed").to_owned()
        })
    };
}

/// What is tried of an object, in which bucket, and under which key.
type Tried<'a> = ([&'static str; 3], &'a str, String);

fn objects<'a>(uploads: &'a str, media: &'a str, id: uuid::Uuid) -> Vec<Tried<'a>> {
    vec![
        (
            ["get source", "put source", "delete source"],
            uploads,
            format!("uploads/{id}/source"),
        ),
        (
            [
                "get private source",
                "put private source",
                "delete private source",
            ],
            uploads,
            format!("private/{id}/source"),
        ),
        (
            [
                "get private media",
                "put private media",
                "delete private media",
            ],
            media,
            format!("private/{id}/poster.jpg"),
        ),
        (
            ["get refused", "put refused", "delete refused"],
            uploads,
            format!("refused/{id}/source"),
        ),
        (
            ["get work", "put work", "delete work"],
            uploads,
            format!("work/{id}/1-1/plan.json"),
        ),
        (
            ["get copy", "put copy", "delete copy"],
            uploads,
            format!("work/{id}/1-1/picture.nut"),
        ),
        (
            ["get media", "put media", "delete media"],
            media,
            format!("videos/{id}/poster.jpg"),
        ),
        (
            ["get audio", "put audio", "delete audio"],
            media,
            format!("videos/{id}/audio/main/00001.m4s"),
        ),
        (
            [
                "get private audio",
                "put private audio",
                "delete private audio",
            ],
            media,
            format!("private/{id}/audio/main/00001.m4s"),
        ),
        (
            [
                "get track source",
                "put track source",
                "delete track source",
            ],
            uploads,
            format!("tracks/{id}/{id}/source"),
        ),
        (
            [
                "get presentation",
                "put presentation",
                "delete presentation",
            ],
            uploads,
            format!("tracks/{id}/presentation.json"),
        ),
        (
            ["get subtitles", "put subtitles", "delete subtitles"],
            media,
            format!("videos/{id}/subtitles/{id}/00001.vtt"),
        ),
        (
            ["get page", "put page", "delete page"],
            media,
            format!("assets/{id}.js"),
        ),
    ]
}

async fn try_objects(stack: &Stack, config: &SdkConfig) -> Vec<(&'static str, Option<String>)> {
    let s3 = reelrun_platform::aws::s3(config);
    let id = uuid::Uuid::now_v7();
    let (uploads, media) = (&stack.uploads_bucket, &stack.media_bucket);
    let mut tried = Vec::new();
    for (names, bucket, key) in objects(uploads, media, id) {
        let [get, put, delete] = names;
        tried.push((put, code!(s3.put_object().bucket(bucket).key(&key))));
        tried.push((get, code!(s3.get_object().bucket(bucket).key(&key))));
        tried.push((delete, code!(s3.delete_object().bucket(bucket).key(&key))));
        // What only another role may remove.
        let root = stack.s3().delete_object().bucket(bucket).key(&key);
        root.send().await.unwrap();
    }
    let source = format!("uploads/{id}/source");
    let parts = s3.list_parts().bucket(uploads).key(&source);
    tried.push(("list parts of source", code!(parts.upload_id("none"))));
    let abort = s3.abort_multipart_upload().bucket(uploads).key(&source);
    tried.push(("abort upload of source", code!(abort.upload_id("none"))));
    let copy = format!("work/{id}/1-1/picture.nut");
    let abort = s3.abort_multipart_upload().bucket(uploads).key(&copy);
    tried.push(("abort upload of copy", code!(abort.upload_id("none"))));
    let audio = format!("videos/{id}/audio.m4a");
    let abort = s3.abort_multipart_upload().bucket(media).key(&audio);
    tried.push(("abort upload of audio file", code!(abort.upload_id("none"))));
    tried.push(("list uploads", code!(s3.list_objects_v2().bucket(uploads))));
    let one = s3.list_objects_v2().bucket(uploads).prefix(&source);
    tried.push(("list source", code!(one)));
    tried.push(("list media", code!(s3.list_objects_v2().bucket(media))));
    let begun = s3.list_multipart_uploads().bucket(uploads);
    tried.push(("list multipart uploads", code!(begun)));
    tried.push(("delete bucket", code!(s3.delete_bucket().bucket(media))));
    tried
}

async fn try_records(stack: &Stack, config: &SdkConfig) -> Vec<(&'static str, Option<String>)> {
    let table = &stack.videos_table;
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let id = || s(&uuid::Uuid::now_v7().to_string());
    let month = ":month";
    let get = dynamodb.get_item().table_name(table).key("id", id());
    // No record is changed: there is none.
    let exists = "attribute_exists(id)";
    let put = dynamodb.put_item().table_name(table).item("id", id());
    let update = dynamodb.update_item().table_name(table).key("id", id());
    let update = update
        .update_expression("SET title = :title")
        .expression_attribute_values(":title", s("x"));
    let delete = dynamodb.delete_item().table_name(table).key("id", id());
    let query = dynamodb.query().table_name(table).index_name("by_month");
    let query = query
        .key_condition_expression("#month = :month")
        .expression_attribute_names("#month", "month")
        .expression_attribute_values(month, AttributeValue::S("1999-01".into()));
    vec![
        ("get record", code!(get)),
        ("put record", code!(put.condition_expression(exists))),
        ("update record", code!(update.condition_expression(exists))),
        ("delete record", code!(delete.condition_expression(exists))),
        ("query records", code!(query)),
        (
            "scan records",
            code!(dynamodb.scan().table_name(table).limit(1)),
        ),
        (
            "describe table",
            code!(dynamodb.describe_table().table_name(table)),
        ),
    ]
}

async fn try_calls(stack: &Stack, config: &SdkConfig) -> Vec<(&'static str, Option<String>)> {
    let states = aws_sdk_sfn::Client::new(config);
    let lambda = aws_sdk_lambda::Client::new(config);
    let mut tried = Vec::new();
    for (names, machine) in [
        (
            ["start encode", "describe encode", "stop encode"],
            &stack.state_machine_arn,
        ),
        (
            ["start notice", "describe notice", "stop notice"],
            &stack.notify_machine_arn,
        ),
    ] {
        let [start, describe, stop] = names;
        let execution = format!(
            "{}:{}",
            machine.replace(":stateMachine:", ":execution:"),
            uuid::Uuid::now_v7()
        );
        // Permitted or not is asked first; a name like this one is refused after it.
        let begin = states.start_execution().state_machine_arn(machine);
        tried.push((start, code!(begin.name("<>").input("{}"))));
        let look = states.describe_execution().execution_arn(&execution);
        tried.push((describe, code!(look)));
        let end = states.stop_execution().execution_arn(&execution);
        tried.push((stop, code!(end)));
    }
    for (what, function, qualifier) in [
        ("call transcode", &stack.transcode_function, LIVE),
        (
            "call unpublished transcode",
            &stack.transcode_function,
            "$LATEST",
        ),
        ("call tracks", &stack.tracks_function, LIVE),
        ("call notify", &stack.notify_function, LIVE),
        ("call presign", &stack.presign_function, LIVE),
    ] {
        // The emulator knows whose permission it is by the name alone.
        let name = format!("{function}:{qualifier}");
        let call = lambda.invoke().function_name(name);
        let call = call.invocation_type(InvocationType::DryRun);
        tried.push((what, code!(call)));
    }
    let configuration = lambda.get_function_configuration();
    let configuration = configuration.function_name(&stack.transcode_function);
    tried.push(("read configuration", code!(configuration)));
    tried
}
