//! The permission to upload, over HTTP on the deployed functions: what is refused, by whom, and in
//! which words.

use std::collections::BTreeMap;

use reelrun_tests::{
    media::Clips,
    stack::{Stack, get, put, send},
};
use serde_json::{Value, json};

fn good() -> Value {
    json!({"filename": "holiday.mp4", "content_type": "video/mp4", "size_bytes": 1000})
}

/// The answer is a problem document that says what a person needs.
fn problem(stack: &Stack, token: Option<&str>, body: &str, status: u16, kind: &str) -> Value {
    let answer = stack.post("/uploads", token, body);
    assert_eq!(answer.status, status, "{body}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(
        problem["type"],
        format!("urn:reelrun:problem:{kind}"),
        "{problem}"
    );
    assert_eq!(problem["status"], status);
    for field in ["title", "detail", "request_id"] {
        assert!(
            problem[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}: {problem}"
        );
    }
    problem
}

#[test]
fn no_token_no_upload() {
    let stack = Stack::get();
    for token in [None, Some(""), Some("wrong"), Some("Bearer")] {
        problem(&stack, token, &good().to_string(), 401, "unauthorized");
    }
    let answer = stack.get_path("/videos", None);
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, "Bearer")
    );
}

#[test]
fn what_can_not_be_read_is_400() {
    let stack = Stack::get();
    let token = Some(stack.api_token.as_str());
    for body in [
        "",
        "{",
        "{\"filename\": \"a.mp4\",}",
        "\u{0}",
        "filename=a.mp4",
    ] {
        problem(&stack, token, body, 400, "malformed-request");
    }
    let huge = json!({"filename": "x".repeat(100_000)}).to_string();
    problem(&stack, token, &huge, 413, "request-too-large");
}

#[test]
fn each_wrong_field_is_named() {
    let stack = Stack::get();
    let token = Some(stack.api_token.as_str());
    for (field, value, status, kind) in [
        ("filename", json!(null), 422, "invalid-field"),
        ("filename", json!("holiday.exe"), 415, "type-not-allowed"),
        ("filename", json!("holiday"), 415, "type-not-allowed"),
        ("content_type", json!("text/html"), 415, "type-not-allowed"),
        ("size_bytes", json!(0), 422, "invalid-field"),
        ("size_bytes", json!("1000"), 422, "invalid-field"),
        (
            "size_bytes",
            json!(22_000_000_000_u64),
            413,
            "upload-too-large",
        ),
        ("metadata", json!({"a": [1]}), 422, "invalid-field"),
    ] {
        let mut body = good();
        body[field] = value;
        assert_eq!(
            problem(&stack, token, &body.to_string(), status, kind)["field"],
            field
        );
    }
    assert_eq!(
        problem(&stack, token, "[]", 422, "invalid-field")["field"],
        "body"
    );
}

#[test]
fn the_usual_types_are_permitted_in_any_letter_case() {
    let stack = Stack::get();
    for (filename, content_type) in [
        ("a.mp4", "video/mp4"),
        ("a.AVI", "video/x-msvideo"),
        ("a.mov", "video/quicktime"),
        ("a.mkv", "video/x-matroska"),
        ("a.Wmv", "video/x-ms-wmv"),
        ("a.flv", "video/x-flv"),
        ("a.webm", "video/webm"),
        ("Ferien 2026 – “Malmö” & 🏖️ + 100%.mp4", "video/mp4"),
    ] {
        stack.permission(filename, content_type, 5);
    }
}

#[test]
fn a_permission_says_all_that_a_client_needs() {
    let stack = Stack::get();
    let answer = stack.post("/uploads", Some(&stack.api_token), &good().to_string());
    assert_eq!(answer.status, 201);
    let json = answer.json();
    let id = json["video_id"].as_str().unwrap();
    assert_eq!(json["video_url"], format!("{}/videos/{id}", stack.api_url));
    assert_eq!(answer.header("location"), json["video_url"]);
    assert_eq!(
        (&json["upload"]["strategy"], &json["upload"]["method"]),
        (&json!("single"), &json!("PUT"))
    );
    assert!(
        json["upload"]["expires_at"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    let video = stack.video(id);
    assert_eq!(
        (&video["status"], &video["playback"]["type"]),
        (&json!("waiting"), &Value::Null)
    );
    assert!(
        !json["upload"]["url"].as_str().unwrap().contains("holiday"),
        "names are no keys"
    );
}

/// S3 itself refuses what was not permitted; nothing has to be trusted or cleaned up.
#[test]
fn the_store_refuses_another_size_type_or_key() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("a.mp4", "64x64", "25", 0.2)).unwrap();
    let permission = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
    let other_id = stack
        .permission("b.mp4", "video/mp4", bytes.len() as u64)
        .video_id;
    let other_key = permission.url.replace(&permission.video_id, &other_id);
    assert_ne!(other_key, permission.url);
    for (what, url, content_type, body) in [
        (
            "one byte more",
            &permission.url,
            "video/mp4",
            [&bytes[..], &[0]].concat(),
        ),
        (
            "one byte less",
            &permission.url,
            "video/mp4",
            bytes[1..].to_vec(),
        ),
        ("nothing", &permission.url, "video/mp4", Vec::new()),
        ("another type", &permission.url, "text/html", bytes.clone()),
        ("another key", &other_key, "video/mp4", bytes.clone()),
    ] {
        let answer = put(url, content_type, &body);
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
    }
    assert_eq!(stack.video(&permission.video_id)["status"], "waiting");
    assert_eq!(put(&permission.url, "video/mp4", &bytes).status, 200);
    assert_eq!(stack.settled(&permission.video_id)["status"], "ready");
}

/// Whoever may still upload can't change what others have seen, or are just encoding.
#[test]
fn what_has_arrived_is_not_replaced() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("a.mp4", "64x64", "25", 0.2)).unwrap();
    let permission = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
    assert_eq!(put(&permission.url, "video/mp4", &bytes).status, 200);
    let video = stack.settled(&permission.video_id);
    let other = vec![0; bytes.len()];
    let refused = put(&permission.url, "video/mp4", &other);
    assert_eq!(refused.status, 412, "{}", refused.text());
    let unconditional = [("content-type", "video/mp4")];
    let forged = send("PUT", &permission.url, &unconditional, &other);
    assert_eq!(forged.status, 403, "{}", forged.text());
    let original = get(video["playback"]["original"].as_str().unwrap());
    assert_eq!((original.status, original.body), (200, bytes));
}

#[test]
fn an_unknown_video_is_404() {
    let stack = Stack::get();
    for id in [
        "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e",
        "x",
        "..%2Fetc",
        "01936F1E-7B2C-7C40-9D3E-1F2A3B4C5D6E",
        "library",
    ] {
        let answer = stack.get_path(&format!("/videos/{id}"), None);
        assert_eq!(answer.status, 404, "{id}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(stack.get_path("/nothing", None).status, 404);
    assert_eq!(stack.get_path("/health", None).status, 200);
}

/// A hundred videos with all that their owners may say of them are more than Lambda can answer with.
#[test]
fn a_page_of_the_library_has_a_size_that_can_be_answered() {
    let stack = Stack::get();
    let token = Some(stack.api_token.as_str());
    let value = |n: usize| (format!("{n:\u{1d11e}<40}"), "\u{1d11e}".repeat(500));
    let metadata: BTreeMap<String, String> = (10..38).map(value).collect();
    let body = json!({
        "filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 5, "metadata": metadata
    });
    let mut made: Vec<String> = (0..45)
        .map(|_| {
            let answer = stack.post("/uploads", token, &body.to_string());
            assert_eq!(answer.status, 201, "{}", answer.text());
            answer.json()["video_id"].as_str().unwrap().to_owned()
        })
        .collect();
    made.reverse();
    let (mut listed, mut pages) = (Vec::new(), 0);
    let mut path = "/videos?limit=100".to_owned();
    while listed.last() != made.last() {
        let answer = stack.get_path(&path, token);
        assert!(answer.text().len() < 2_200_000);
        let page = answer.json();
        let ids = page["videos"].as_array().unwrap().iter();
        let ids = ids.map(|video| video["id"].as_str().unwrap().to_owned());
        // Other tests may add videos of their own meanwhile.
        listed.extend(ids.filter(|id| made.contains(id)));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/videos?limit=100&cursor={cursor}");
    }
    assert_eq!(listed, made);
    assert!(pages > 1);
    for id in made {
        let path = format!("/videos/{id}");
        assert_eq!(stack.call("DELETE", &path, token, &[], "").status, 204);
    }
}

#[test]
fn the_library_is_listed_newest_first_page_by_page() {
    let stack = Stack::get();
    let token = Some(stack.api_token.as_str());
    let mut made: Vec<_> = (0..5)
        .map(|_| stack.permission("a.mp4", "video/mp4", 5).video_id)
        .collect();
    made.reverse();
    let mut listed = Vec::new();
    let mut path = "/videos?limit=2".to_owned();
    while listed.len() < 5 {
        let page = stack.get_path(&path, token).json();
        let videos = page["videos"].as_array().unwrap();
        assert!(videos.len() <= 2);
        listed.extend(
            videos
                .iter()
                .map(|video| video["id"].as_str().unwrap().to_owned()),
        );
        path = format!(
            "/videos?limit=2&cursor={}",
            page["next_cursor"].as_str().unwrap()
        );
    }
    // Other tests may add videos of their own meanwhile.
    listed.retain(|id| made.contains(id));
    assert_eq!(listed, made[..listed.len()]);
    assert!(listed.len() >= 4);

    let waiting = stack
        .get_path("/videos?status=waiting&limit=100", token)
        .json();
    assert!(
        waiting["videos"]
            .as_array()
            .unwrap()
            .iter()
            .all(|video| video["status"] == "waiting")
    );
    let twice = stack.get_path("/videos?limit=1&limit=2", token);
    assert_eq!(twice.status, 400);
    assert_eq!(twice.header("content-type"), "application/problem+json");
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("status=x", "status"),
    ] {
        let answer = stack.get_path(&format!("/videos?{query}"), token);
        assert_eq!(
            (answer.status, &answer.json()["field"]),
            (422, &json!(field)),
            "{query}"
        );
    }
}
