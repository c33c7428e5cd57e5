//! The OpenAPI document: it is what the code says, it is valid, and the functions have the routes
//! that it names and no others. None of this needs a stack. (That answers conform to it is looked
//! at in every test that calls the API: `reelrun_tests::openapi`.)

use std::{collections::BTreeSet, env, fs, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use reelrun_core::{
    upload::UploadLimits,
    video::{Video, Visibility},
    view,
};
use reelrun_lookup::{
    Lookup,
    openapi::{DOCUMENT, LibraryApi},
};
use reelrun_media::error::{ErrorType, VideoError};
use reelrun_platform::{
    auth::ApiTokens,
    aws,
    catalog::Catalog,
    lambda::Function,
    problem::ProblemKind,
    signer::Signer,
    storage::{Buckets, Storage},
};
use reelrun_presign::{Presign, UploadsApi};
use reelrun_tests::openapi::{Call, check, check_value};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use utoipa::OpenApi as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_document_is_what_the_code_says() {
    let mut api = LibraryApi::openapi();
    api.merge(UploadsApi::openapi());
    let said = api.to_pretty_json().unwrap() + "\n";
    if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(format!("{ROOT}/functions/lookup/openapi.json"), said).unwrap();
        return;
    }
    assert!(
        said == DOCUMENT,
        "functions/lookup/openapi.json is not what the code says; write it anew with \
         `INSTA_UPDATE=always cargo test -p reelrun-tests --test it openapi`, and read what changed"
    );
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// By the OpenAPI Initiative's own schema, and each schema in it by that of JSON Schema.
#[test]
fn the_document_is_valid() {
    let document = document();
    let schema = fs::read_to_string(format!("{ROOT}/tests/schemas/openapi-3.1.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&document).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::meta::validate(schema).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn references_lead_somewhere_and_names_are_unique() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let ids: Vec<_> = operations(&document)
        .map(|(.., operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

/// Path, method and operation.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// The functions, without a stack: what they would ask of AWS fails.
fn routers() -> [Router; 2] {
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("eu-north-1"))
        .build();
    let catalog = Catalog::new(aws::dynamodb(&sdk), "videos".into());
    let tokens = ApiTokens::parse(&"0".repeat(64)).unwrap();
    let presign = Presign {
        catalog: catalog.clone(),
        storage: Storage::new(
            aws::s3(&sdk),
            Buckets {
                uploads: "uploads".into(),
                media: "media".into(),
            },
        ),
        transcode: Function::new(aws::lambda(&sdk), "transcode".into()),
        signer: Signer::new(&sdk, "uploads".into()),
        limits: UploadLimits {
            max_bytes: 1000,
            multipart_from: 500,
        },
        default_visibility: Visibility::Public,
        url_expiry: Duration::from_mins(1),
        upload_expiry: Duration::from_mins(1),
        api_url: "https://api".into(),
        library_is_extended: Arc::default(),
    };
    let lookup = Lookup {
        catalog,
        public_url: "https://cdn".into(),
        tokens: tokens.clone(),
        keys: None,
    };
    [
        reelrun_presign::routes(presign, tokens),
        reelrun_lookup::routes(lookup),
    ]
}

/// Every method of a path that a router has, by asking for one that none has.
async fn methods(router: &Router, path: &str) -> Vec<String> {
    let request = Request::builder().method("TRACE").uri(path);
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    let allowed = response.headers()[header::ALLOW].to_str().unwrap();
    let allowed = allowed.split(',').map(|name| name.trim().to_lowercase());
    allowed.filter(|name| name != "head").collect()
}

/// The paths in a router's account of itself, which is the only place where axum tells them.
fn paths(router: &Router) -> BTreeSet<String> {
    let account = format!("{router:?}");
    let (routes, _) = account.split_once("fallback_router").unwrap();
    let texts = routes.split('"').skip(1).step_by(2);
    texts
        .filter(|text| text.starts_with('/'))
        .map(Into::into)
        .collect()
}

#[tokio::test]
async fn every_route_is_documented_and_every_operation_is_routed() {
    let mut routed = BTreeSet::new();
    for router in routers() {
        for path in paths(&router) {
            for method in methods(&router, &path.replace("{id}", "x")).await {
                routed.insert((path.clone(), method));
            }
        }
    }
    let document = document();
    let documented: BTreeSet<_> = operations(&document)
        .map(|(path, method, _)| (path.to_owned(), method.to_owned()))
        .collect();
    assert_eq!(routed, documented);
}

/// API Gateway sends presign what the template names for it, and lookup the rest.
#[tokio::test]
async fn the_gateway_s_routes_are_those_of_presign() {
    let template = fs::read_to_string(format!("{ROOT}/infra/template.yaml")).unwrap();
    let keys = template.split("RouteKey: ").skip(1).filter_map(|route| {
        let (key, rest) = route.split_once('\n')?;
        let (method, path) = key.split_once(' ')?;
        let target = rest.lines().next()?;
        (method != "OPTIONS" && target.contains("PresignIntegration"))
            .then(|| (path.to_owned(), method.to_lowercase()))
    });
    let [presign, _] = routers();
    let mut routed = BTreeSet::new();
    for path in paths(&presign) {
        for method in methods(&presign, &path.replace("{id}", "x")).await {
            routed.insert((path.clone(), method));
        }
    }
    assert_eq!(keys.collect::<BTreeSet<_>>(), routed);
}

/// What needs no table: a call without a token of each operation, and those open to all.
#[tokio::test]
async fn calls_without_a_token_are_as_documented() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        let needs_table = ["getVideo", "getHealth"];
        if needs_table.contains(&operation["operationId"].as_str().unwrap()) {
            continue;
        }
        for router in routers() {
            let uri = path.replace("{id}", "x");
            let request = Request::builder().method(&*method.to_uppercase()).uri(&uri);
            let request = request.body(Body::from("{}")).unwrap();
            let response = router.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            if parts.status == StatusCode::NOT_FOUND {
                continue; // It is the other function's.
            }
            let expected = if operation["security"].is_null() {
                200
            } else {
                401
            };
            assert_eq!(parts.status, expected, "{method} {path}");
            check(&Call {
                method,
                path: &uri,
                request: b"{}",
                status: parts.status.as_u16(),
                content_type: parts.headers[header::CONTENT_TYPE].to_str().unwrap(),
                answer: &axum::body::to_bytes(body, 1 << 20).await.unwrap(),
            });
        }
    }
}

/// A video of each status, from the record in a fixture.
#[test]
fn videos_are_as_documented() {
    let fixture = fs::read_to_string(format!("{ROOT}/events/stream-ready.json")).unwrap();
    let change = reelrun_core::change::parse(&serde_json::from_str(&fixture).unwrap()).remove(0);
    let ready = *change.record.unwrap();
    let shown = |video: &Video| json!(view::video(video, "https://cdn", &view::Access::default()));
    check_value("Video", &shown(&ready));
    assert_eq!(shown(&ready)["playback"]["type"], "hls");
    let record = json!({
        "id": ready.id, "month": ready.month, "status": "waiting", "filename": "a.mp4",
        "content_type": "video/mp4", "size_bytes": 1,
    });
    let waiting: Video = serde_json::from_value(record).unwrap();
    check_value("Video", &shown(&waiting));
    for error in ErrorType::ALL {
        let error = Some(VideoError::new(error, "Why."));
        let errored = Video {
            error,
            ..waiting.clone()
        };
        check_value("Video", &shown(&errored));
    }
}

/// The README's tables are read by people; they name the same types.
#[test]
fn the_readme_names_every_type() {
    let readme = fs::read_to_string(format!("{ROOT}/README.md")).unwrap();
    for kind in ProblemKind::ALL {
        let urn = kind.urn();
        let name = urn.strip_prefix("urn:reelrun:problem:").unwrap();
        let row = format!("| `{name}` | {} |", kind.status().as_u16());
        assert!(readme.contains(&row), "{row}");
    }
    for kind in ErrorType::ALL {
        let row = format!("\n| `{}` |", kind.as_str());
        assert!(readme.contains(&row), "{row}");
    }
}
