//! Calls that are made while a client waits for an answer.

use std::time::{Duration, Instant};

use reelrun_platform::auth;
use reelrun_tests::{
    configuration::Reconfigured,
    fault_proxy::{Call, FaultProxy, Mode},
    multipart::Upload,
    stack::{Answer, Stack, put},
};
use serde_json::json;

use crate::fault_matrix::table::{Outcome, Row, judge};

/// A request to the API, and the call behind it that is broken.
struct Request<'a> {
    name: &'static str,
    call: Call,
    /// What names it in the call.
    about: String,
    send: Box<dyn Fn() -> Answer + Send + 'a>,
    /// What is answered when it works.
    status: u16,
}

/// A client gets its answer before this. (A function has 10 s, and the stack sees to that.)
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Requests that need each other, in their order.
type Chain<'a> = Vec<Request<'a>>;

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_api() {
    let stack = Stack::get();
    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let url = [("AWS_ENDPOINT_URL_DYNAMODB", proxy.url())];
    let _lookup = Reconfigured::function(&stack, &stack.lookup_function, &url).await;
    // What is uploaded here waits for as long as this does.
    let deaf = [("UPLOADS_BUCKET", "another".to_owned())];
    let _transcode = Reconfigured::variables(&stack, &deaf).await;
    let mut rows: Vec<Row> = Vec::new();
    for mode in Mode::ALL {
        let fresh = [
            url[0].clone(),
            ("AWS_ENDPOINT_URL_S3", proxy.url()),
            ("AWS_ENDPOINT_URL_LAMBDA", proxy.url()),
            ("TRIED", format!("{mode:?}")),
        ];
        let _presign = Reconfigured::function(&stack, &stack.presign_function, &fresh).await;
        let tried = tokio::task::block_in_place(|| try_all(&stack, &proxy, mode));
        for (at, (name, outcome)) in tried.into_iter().enumerate() {
            if rows.len() <= at {
                rows.push(Row {
                    call: name.into(),
                    outcomes: Vec::new(),
                });
            }
            rows[at].outcomes.push((mode, outcome));
        }
    }
    judge("Requests to the API", &rows);
}

/// Tries every request with its call broken in this way. Most of them wait, so all chains are tried at
/// the same time.
fn try_all(stack: &Stack, proxy: &FaultProxy, mode: Mode) -> Vec<(&'static str, Outcome)> {
    let try_chain = |chain: Chain<'_>| {
        let tried = chain.iter();
        let tried = tried.map(|request| (request.name, answer(proxy, request, mode)));
        tried.collect::<Vec<_>>()
    };
    // By itself: it must be the first that its process gets.
    let mut tried = try_chain(vec![note_the_month(stack)]);
    let chains = uploads(stack).into_iter().chain(videos(stack));
    std::thread::scope(|scope| {
        let others: Vec<_> = chains
            .map(|chain| scope.spawn(|| try_chain(chain)))
            .collect();
        tried.extend(others.into_iter().flat_map(|chain| chain.join().unwrap()));
    });
    tried
}

/// Tries a request while its call is broken, and again when it is not.
fn answer(proxy: &FaultProxy, request: &Request<'_>, mode: Mode) -> Outcome {
    let rule = proxy.breaks(request.call, &request.about, mode);
    let begun = Instant::now();
    let answer = (request.send)();
    let took = begun.elapsed();
    if rule.hits() == 0 {
        return Err(format!("the call was never made: {}", answer.status));
    }
    drop(rule);
    if took > TIME_LIMIT {
        return Err(format!("took {took:?}"));
    }
    let wanted = match (mode, answer.status) {
        (Mode::ErrorForEver, _) => 500,
        // The call that was made again found that the first one had done its work.
        (Mode::AnswerLost, 404) if request.status == 204 => 404,
        _ => request.status,
    };
    if answer.status != wanted {
        return Err(format!("{}: {}", answer.status, answer.text()));
    }
    if wanted == 500 {
        let problem = answer.json();
        if problem["type"] != "urn:reelrun:problem:internal" || !problem["request_id"].is_string() {
            return Err(format!("no problem of ours: {problem}"));
        }
        let again = (request.send)();
        if again.status != request.status {
            return Err(format!("then {}: {}", again.status, again.text()));
        }
    }
    Ok(format!("{} in {:.1} s", answer.status, took.as_secs_f64()))
}

/// A request whose broken call is an operation of `DynamoDB` that names these attributes.
fn request<'a>(
    name: &'static str,
    operation: &'static str,
    names: &'static [&'static str],
    about: &str,
    status: u16,
    send: impl Fn() -> Answer + Send + 'a,
) -> Request<'a> {
    Request {
        name,
        call: Call::Operation {
            name: operation,
            names,
            but_not: &[],
        },
        about: about.into(),
        send: Box::new(send),
        status,
    }
}

/// A permission to upload a file of this name.
fn wanted(filename: &str) -> String {
    json!({"filename": filename, "content_type": "video/mp4", "size_bytes": 9}).to_string()
}

/// Of presign, once for each month and process.
fn note_the_month(stack: &Stack) -> Request<'_> {
    let body = wanted("first.mp4");
    request(
        "POST /uploads: note the month",
        "UpdateItem",
        &[],
        "library",
        201,
        move || stack.post("/uploads", Some(&stack.api_token), &body),
    )
}

/// Of presign, the others.
fn uploads(stack: &Stack) -> Vec<Chain<'_>> {
    let token = Some(&*stack.api_token);
    let unique = uuid::Uuid::now_v7();
    let (key, keyed) = (format!("key-{unique}"), format!("{unique}-keyed.mp4"));
    let alone = format!("{unique}-alone.mp4");
    let post_with_key = {
        let (key, body) = (key.clone(), wanted(&keyed));
        move || {
            let headers = [("idempotency-key", &*key)];
            stack.call("POST", "/uploads", token, &headers, &body)
        }
    };
    let large = Upload::begin(stack, 65 << 20);
    vec![
        vec![request(
            "POST /uploads: record the video",
            "PutItem",
            &[],
            &alone,
            201,
            {
                let body = wanted(&alone);
                move || stack.post("/uploads", token, &body)
            },
        )],
        vec![
            request(
                "POST /uploads: record it with its key",
                "TransactWriteItems",
                &[],
                &keyed,
                201,
                post_with_key.clone(),
            ),
            request(
                "POST /uploads again: find its key",
                "GetItem",
                &[],
                &auth::hash(&key),
                201,
                post_with_key.clone(),
            ),
            request(
                "POST /uploads again: renew the upload",
                "UpdateItem",
                &["upload_until"],
                "",
                201,
                post_with_key,
            ),
        ],
        vec![
            complete(
                stack,
                "POST /uploads/{id}/complete: look for the source",
                Call::object("GET", "list-type=2"),
            ),
            complete(
                stack,
                "POST /uploads/{id}/complete: record it",
                Call::change(&["upload_reported_at"], &[]),
            ),
            complete(
                stack,
                "POST /uploads/{id}/complete: call transcode",
                Call::object("POST", "/invocations"),
            ),
        ],
        vec![request(
            "POST /uploads/{id}/sign: admit a multipart upload",
            "UpdateItem",
            &["multipart_uploads"],
            "",
            200,
            move || {
                let part =
                    json!({"method": "PUT", "uploadId": unique.to_string(), "partNumber": 1});
                large.sign_as(Some(&large.token), part)
            },
        )],
    ]
}

/// An upload that is complete, and is said to be.
fn complete<'a>(stack: &'a Stack, name: &'static str, call: Call) -> Request<'a> {
    let upload = stack.permission("complete.mp4", "video/mp4", 9);
    assert_eq!(put(&upload.url, "video/mp4", b"123456789").status, 200);
    Request {
        name,
        call,
        about: match call {
            // The function is in the path, and the video in the body; no other call of it is under way.
            Call::Object { method: "POST", .. } => String::new(),
            _ => upload.video_id.clone(),
        },
        send: Box::new(move || upload.complete(stack)),
        status: 202,
    }
}

/// Of lookup.
fn videos(stack: &Stack) -> Vec<Chain<'_>> {
    let token = Some(&*stack.api_token);
    let id = stack.permission("about.mp4", "video/mp4", 9).video_id;
    let path = format!("/videos/{id}");
    let (shown, patched, deleted) = (path.clone(), path.clone(), path);
    let list = move || stack.get_path("/videos?limit=1", token);
    let patch = move || stack.call("PATCH", &patched, token, &[], r#"{"title": "New"}"#);
    let delete = move || stack.call("DELETE", &deleted, token, &[], "");
    vec![
        vec![
            request("GET /videos/{id}", "GetItem", &[], &id, 200, move || {
                stack.get_path(&shown, None)
            }),
            request(
                "PATCH /videos/{id}",
                "UpdateItem",
                &["title"],
                &id,
                200,
                patch,
            ),
            request(
                "DELETE /videos/{id}",
                "UpdateItem",
                &["asked_at"],
                &id,
                204,
                delete,
            ),
        ],
        vec![
            request(
                "GET /videos: where the library begins",
                "GetItem",
                &[],
                "library",
                200,
                list,
            ),
            request(
                "GET /videos: a month of it",
                "Query",
                &["month"],
                "",
                200,
                list,
            ),
        ],
    ]
}
