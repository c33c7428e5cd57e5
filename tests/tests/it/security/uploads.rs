//! What an upload's permission can't be made to permit.

use reelrun_tests::{
    media::Clips,
    multipart::Upload,
    stack::{Stack, put, send},
};
use serde_json::json;

/// Browsers split a type at commas and take the last.
const PAGES: [&str; 4] = [
    "video/mp4;,text/html",
    "video/mp4; a=\"\",text/html",
    "video/mp4;,text/javascript",
    "VIDEO/MP4 ; x , image/svg+xml",
];

#[test]
fn the_server_decides_the_type_whatever_the_client_says() {
    let stack = Stack::get();
    for declared in PAGES {
        let permission = stack.permission("a.mp4", declared, 5);
        assert_eq!(permission.content_type, "video/mp4", "{declared}");
        // Nor can it be changed after that: the type is in the signature.
        let refused = put(&permission.url, declared, b"<b>5<");
        assert_eq!(refused.status, 403, "{declared}: {}", refused.text());
    }
    let upload = Upload::begin(&stack, 65 << 20);
    let (_, headers) = upload.signed(json!({"method": "POST", "contentType": PAGES[0]}));
    assert_eq!(headers["content-type"], "video/mp4");
}

#[test]
fn what_browsers_and_desktops_say_is_accepted() {
    let stack = Stack::get();
    for (filename, declared, stored) in [
        (
            "webcam-1.webm",
            "video/x-matroska;codecs=avc1,opus",
            "video/webm",
        ),
        ("a.ts", "text/vnd.trolltech.linguist", "video/mp2t"),
        ("a.TS", "application/typescript", "video/mp2t"),
        ("a.mp4", "video/quicktime", "video/mp4"),
        ("a.mov", "", "video/quicktime"),
        ("a.mts", "", "video/mp2t"),
        ("a.vob", "video/x-ms-vob", "video/mpeg"),
        ("a.mxf", "application/mxf", "application/mxf"),
    ] {
        let permission = stack.permission(filename, declared, 5);
        assert_eq!(permission.content_type, stored, "{filename} {declared}");
    }
}

#[test]
fn what_is_too_long_or_invisible_goes_nowhere() {
    let stack = Stack::get();
    let token = Some(stack.api_token.as_str());
    let ask = |field: &str, value: &str| {
        let mut body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 5});
        body[field] = value.into();
        stack.post("/uploads", token, &body.to_string())
    };
    for declared in [&format!("video/mp4;{}", "a".repeat(7000)), "video/\u{0}mp4"] {
        let answer = ask("content_type", declared);
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.json()["field"], "content_type");
    }
    let answer = ask("title", "Holiday\r\nBcc: x\u{0} \u{202e}4pm.exe");
    let id = answer.json()["video_id"].as_str().unwrap().to_owned();
    assert_eq!(stack.video(&id)["title"], "HolidayBcc: x 4pm.exe");
    let renamed = json!({"title": "\u{2066}New\u{7}"}).to_string();
    let path = format!("/videos/{id}");
    let answer = stack.call("PATCH", &path, token, &[], &renamed);
    assert_eq!(answer.json()["title"], "New");
}

/// Each would hold as many bytes as the source may have.
#[test]
fn parts_go_to_a_bounded_number_of_uploads() {
    let stack = Stack::get();
    let upload = Upload::begin(&stack, 65 << 20);
    let part = |upload_id: &str| {
        let request = json!({"method": "PUT", "uploadId": upload_id, "partNumber": 1});
        upload.sign_as(Some(&upload.token), request)
    };
    for number in 0..10 {
        assert_eq!(part(&format!("upload-{number}")).status, 200);
    }
    let refused = part("upload-10");
    assert_eq!(refused.status, 409, "{}", refused.text());
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("10 multipart uploads"), "{detail}");
    assert_eq!(part("upload-3").status, 200, "one of the ten goes on");
}

/// A browser would unpack it and ffmpeg would not, so they would see two files.
#[test]
fn what_is_stored_with_an_encoding_is_refused() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("a.mp4", "64x64", "25", 0.2)).unwrap();
    let permission = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
    let headers = [
        ("content-type", "video/mp4"),
        ("if-none-match", "*"),
        ("content-encoding", "gzip"),
    ];
    assert_eq!(send("PUT", &permission.url, &headers, &bytes).status, 200);
    let video = stack.settled(&permission.video_id);
    assert_eq!(video["error"]["type"], "not-a-video", "{video:#}");
    let detail = video["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("Content-Encoding"), "{detail}");
}
