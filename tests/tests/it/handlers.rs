//! The handlers in this process, fed with the events in `events/`, on the stack's real catalog and
//! storage. The same fixtures work with `cargo lambda invoke`.

mod catalog;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, time::Duration};

use axum::Router;
use http::{Request, Response};
use lambda_http::{Body, request::LambdaRequest};
use reelrun_core::{task::RunEnd, upload::UploadLimits, video::Visibility};
use reelrun_lookup::Lookup;
use reelrun_platform::{
    auth::ApiTokens, aws, catalog::Catalog, lambda::Function, signer::Signer,
    state_machine::StateMachine, storage::Storage,
};
use reelrun_presign::Presign;
use reelrun_tests::{
    notices::notices,
    openapi::{Call, check},
    settings::{buckets, transcoder},
    stack::{LIVE, Stack, put},
};
use reelrun_transcode::{
    error::StepError, handler, invocation::Invocation, transcoder::Transcoder,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// SHA-256 of `example-token`, the token in the fixtures.
const EXAMPLE_TOKEN_HASH: &str = "4d1566a1d7df42a8517456d60ea06ed284e535cfe4c956aa6ee172dbcdf945f7";

struct Functions {
    presign: Router,
    lookup: Router,
    transcoder: Transcoder,
}

fn functions() -> Functions {
    functions_with(Duration::from_mins(1))
}

fn functions_with(url_expiry: Duration) -> Functions {
    functions_for(url_expiry, Visibility::Public)
}

fn functions_for(url_expiry: Duration, default_visibility: Visibility) -> Functions {
    let stack = Stack::get();
    let sdk = stack.aws();
    let catalog = Catalog::new(aws::dynamodb(&sdk), stack.videos_table.clone());
    let tokens = ApiTokens::parse(EXAMPLE_TOKEN_HASH).unwrap();
    Functions {
        presign: reelrun_presign::routes(
            Presign {
                catalog: catalog.clone(),
                storage: Storage::new(aws::s3(&sdk), buckets(&stack)),
                transcode: Function::new(
                    aws::lambda(&sdk),
                    format!("{}:{LIVE}", stack.transcode_function),
                ),
                signer: Signer::new(&sdk, stack.uploads_bucket.clone()),
                limits: UploadLimits {
                    max_bytes: 10 << 20,
                    multipart_from: 5 << 20,
                },
                default_visibility,
                url_expiry,
                upload_expiry: url_expiry,
                api_url: stack.api_url.clone(),
                library_is_extended: Arc::default(),
            },
            tokens.clone(),
        ),
        lookup: reelrun_lookup::routes(Lookup {
            catalog: catalog.clone(),
            public_url: stack.cdn_url.clone(),
            tokens,
            keys: None,
        }),
        transcoder: transcoder(&stack, &sdk),
    }
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}")))
        .unwrap()
}

/// What a router answers to an event of the HTTP API, which must be as documented.
async fn answer(router: &Router, event: Value) -> (u16, Response<()>, Value) {
    let event: LambdaRequest = serde_json::from_value(event).unwrap();
    let request: Request<Body> = event.into();
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let sent = request.body().to_vec();
    let request = request.map(|body| match body {
        Body::Text(text) => axum::body::Body::from(text),
        Body::Binary(bytes) => axum::body::Body::from(bytes),
        _ => axum::body::Body::empty(),
    });
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let content_type = parts.headers.get(http::header::CONTENT_TYPE);
    check(&Call {
        method: &method,
        path: &path,
        request: &sent,
        status: parts.status.as_u16(),
        content_type: content_type.map_or("", |value| value.to_str().unwrap()),
        answer: &bytes,
    });
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    (parts.status.as_u16(), Response::from_parts(parts, ()), json)
}

#[tokio::test]
async fn an_upload_is_permitted_and_recorded() {
    let functions = functions();
    for name in ["http-create-upload", "http-create-upload-base64"] {
        let (status, _, json) = answer(&functions.presign, fixture(name)).await;
        assert_eq!(status, 201, "{name}: {json}");
        let mut get_video = fixture("http-get-video");
        let path = format!("/videos/{}", json["video_id"].as_str().unwrap());
        get_video["rawPath"] = json!(path);
        get_video["requestContext"]["http"]["path"] = json!(path);
        let (status, _, video) = answer(&functions.lookup, get_video).await;
        assert_eq!(
            (status, &video["status"]),
            (200, &json!("waiting")),
            "{video}"
        );
        assert_eq!(
            (&video["title"], &video["metadata"]["album"]),
            (&json!("Holiday"), &json!("2026"))
        );
    }
}

/// A deployment may make private what says nothing else.
#[tokio::test]
async fn an_upload_is_as_visible_as_the_deployment_says_unless_it_says_so_itself() {
    let catalog = functions().transcoder.catalog;
    for default in Visibility::ALL {
        let functions = functions_for(Duration::from_mins(1), default);
        for (asked, expected) in [
            (None, default),
            (Some(Visibility::Public), Visibility::Public),
            (Some(Visibility::Private), Visibility::Private),
        ] {
            let mut event = fixture("http-create-upload");
            let body = event["body"].as_str().unwrap();
            let mut body: Value = serde_json::from_str(body).unwrap();
            if let Some(asked) = asked {
                body["visibility"] = json!(asked);
            }
            event["body"] = json!(body.to_string());
            let (status, _, json) = answer(&functions.presign, event).await;
            assert_eq!(status, 201, "{json}");
            let id = json["video_id"].as_str().unwrap().parse().unwrap();
            let video = catalog.get(id).await.unwrap().unwrap();
            assert_eq!(video.visibility, expected, "{default:?}, {asked:?}");
            let place = match expected {
                Visibility::Public => "uploads/",
                Visibility::Private => "private/",
            };
            let url = json["upload"]["url"].as_str().unwrap();
            assert!(url.contains(&format!("/{place}{id}/source?")), "{url}");
        }
    }
}

#[tokio::test]
async fn a_permission_that_has_expired_is_refused_by_the_store() {
    let functions = functions_with(Duration::from_secs(1));
    let (_, _, json) = answer(&functions.presign, fixture("http-create-upload")).await;
    let url = json["upload"]["url"].as_str().unwrap();
    // A signature says to the second when it was made.
    let expired = Duration::from_secs(1 + 1);
    tokio::time::sleep(expired).await;
    let refused = put(url, "video/mp4", &vec![0; 1_048_576]);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("expired"), "{}", refused.text());
}

#[tokio::test]
async fn an_upload_is_refused_with_the_request_s_id() {
    let functions = functions();
    let unauthorized = answer(
        &functions.presign,
        fixture("http-create-upload-unauthorized"),
    )
    .await;
    assert_eq!(unauthorized.0, 401);
    assert_eq!(
        unauthorized.2["request_id"], "JKJaXmPLvHcESHA=",
        "{}",
        unauthorized.2
    );
    let malformed = answer(&functions.presign, fixture("http-create-upload-malformed")).await;
    assert_eq!((malformed.0, &malformed.2["status"]), (400, &json!(400)));
    assert_eq!(malformed.1.headers()["x-content-type-options"], "nosniff");
}

/// Browsers on other origins ask first. (Emulators answer this themselves; API Gateway passes it on.)
#[tokio::test]
async fn a_browser_s_preflight_is_answered_without_a_token() {
    let functions = functions();
    let (status, response, _) =
        answer(&functions.presign, fixture("http-create-upload-preflight")).await;
    assert_eq!(status, 200);
    let header = |name: &str| {
        response.headers()[name]
            .to_str()
            .unwrap()
            .to_ascii_lowercase()
    };
    assert_eq!(header("access-control-allow-origin"), "*");
    assert!(header("access-control-allow-methods").contains("post"));
    assert!(header("access-control-allow-headers").contains("authorization"));
}

#[tokio::test]
async fn the_library_and_the_health_are_told() {
    let functions = functions();
    let (status, _, list) = answer(&functions.lookup, fixture("http-list-videos")).await;
    assert_eq!(status, 200, "{list}");
    assert!(list["videos"].as_array().unwrap().len() <= 2);
    let (status, _, health) = answer(&functions.lookup, fixture("http-health")).await;
    assert_eq!((status, health), (200, json!({"status": "ok"})));
}

#[tokio::test]
async fn an_unknown_video_and_an_unknown_method_are_problems() {
    let functions = functions();
    let (status, _, problem) = answer(&functions.lookup, fixture("http-get-video")).await;
    assert_eq!(
        (status, &problem["type"]),
        (404, &json!("urn:reelrun:problem:not-found"))
    );
    let mut put = fixture("http-get-video");
    put["requestContext"]["http"]["method"] = json!("PUT");
    let (status, response, problem) = answer(&functions.lookup, put).await;
    assert_eq!(
        (status, &problem["type"]),
        (405, &json!("urn:reelrun:problem:method-not-allowed"))
    );
    assert!(response.headers().contains_key("allow"));
}

/// The fixtures name a bucket and videos that are not ours: all is acknowledged, nothing is done.
#[tokio::test]
async fn storage_events_of_others_are_acknowledged() {
    let functions = functions();
    let invocation = Invocation::lasting(Duration::from_mins(1));
    for name in [
        "s3-put",
        "s3-multipart-completed",
        "s3-escaped-key",
        "s3-test-event",
        "s3-batch",
    ] {
        let event = fixture(name);
        handler::handle(&functions.transcoder, &event, &invocation)
            .await
            .unwrap();
    }
}

/// A run that holds no video: its parts are told so, and its failure changes nothing.
#[tokio::test]
async fn tasks_of_a_run_that_is_over_do_nothing() {
    let functions = functions();
    let invocation = Invocation::lasting(Duration::from_mins(1));
    let handle = async |name| {
        let event = fixture(name);
        handler::handle(&functions.transcoder, &event, &invocation).await
    };
    for name in ["task-encode", "task-encode-audio", "task-publish"] {
        let answer = handle(name).await;
        assert!(
            matches!(answer, Err(StepError::LeaseLost)),
            "{name}: {answer:?}"
        );
    }
    assert_eq!(handle("task-fail").await.unwrap(), None);
    let of_no_fault = RunEnd {
        is_our_fault: false,
    };
    assert_eq!(handle("task-fail-run").await.unwrap(), Some(of_no_fault));
}

/// The fixtures name a bucket and a video that are not ours.
#[tokio::test]
async fn tracks_of_others_are_acknowledged() {
    let functions = functions();
    let tracks = reelrun_tracks::Tracks {
        storage: functions.transcoder.storage,
        catalog: functions.transcoder.catalog,
        transcode: Function::new(aws::lambda(&Stack::get().aws()), "nobody".into()),
    };
    for name in ["s3-put-track", "pending-tracks", "s3-test-event"] {
        tracks.handle(&fixture(name)).await.unwrap();
    }
}

/// A deletion that was interrupted after its last object, or whose video never had any.
#[tokio::test]
async fn removing_what_is_gone_already_is_done() {
    let stack = Stack::get();
    let sdk = stack.aws();
    let cleanup = reelrun_cleanup::Cleanup {
        storage: functions().transcoder.storage,
        catalog: Catalog::new(aws::dynamodb(&sdk), stack.videos_table.clone()),
        cdn: None,
        tracks: Function::new(
            aws::lambda(&sdk),
            format!("{}:{LIVE}", stack.tracks_function),
        ),
    };
    cleanup.handle(&fixture("stream-deleting")).await.unwrap();
    // Changes that are no deletion are none of its business.
    let mut ready = fixture("stream-deleting");
    ready["Records"][0]["dynamodb"]["NewImage"]["status"]["S"] = json!("ready");
    cleanup.handle(&ready).await.unwrap();
    cleanup.handle(&fixture("stream-tracks")).await.unwrap();
    // Nor is one that moves, and was removed since.
    cleanup.handle(&fixture("stream-moving")).await.unwrap();
}

/// The same outcome, told by the stream twice, is one execution.
#[tokio::test]
async fn an_outcome_starts_one_delivery() {
    let stack = Stack::get();
    let notify = reelrun_notify::Notify {
        deliveries: StateMachine::new(
            aws::step_functions(&stack.aws()),
            stack.notify_machine_arn.clone(),
        ),
        public_url: stack.cdn_url.clone(),
        page_url: stack.cdn_url.clone(),
        webhooks: reelrun_notify::webhook::Webhooks::new("", "", false).unwrap(),
        mails: false,
    };
    for _ in 0..2 {
        notify.handle(fixture("stream-ready")).await.unwrap();
    }
    let name = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e-ready-1";
    assert_eq!(notices(&stack, name).await.len(), 1);
}

#[test]
fn every_fixture_is_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let fixtures: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()?
                .strip_suffix(".json")
                .map(Into::into)
        })
        .collect();
    let here = include_str!("handlers.rs");
    let unused: Vec<_> = fixtures
        .iter()
        .filter(|name| !here.contains(&format!("\"{name}\"")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}
