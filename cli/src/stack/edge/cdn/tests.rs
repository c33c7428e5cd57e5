use super::*;
use crate::sam::Credentials;
use crate::stack::edge::{Wanted, is_lookup, of_the_cdn};

fn asked(method: &str, target: &str, fields: &[(&str, &'static str)]) -> Wanted {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    let origins = Origins {
        presign_function: "presign".into(),
        lookup_function: "lookup".into(),
        media_bucket: "media".into(),
        uploads_bucket: "uploads".into(),
        credentials: Credentials {
            access_key: "K".into(),
            secret_key: "S".into(),
        },
    };
    let head = Head {
        method,
        target,
        fields: &fields,
    };
    of_the_cdn(head, &origins, "127.0.0.1:1")
}

fn read(method: &str, target: &str, fields: &[(&str, &'static str)]) -> Read {
    match asked(method, target, fields) {
        Wanted::Object(read) => read,
        other => panic!("not read: {other:?}"),
    }
}

fn first_line(read: &Read) -> String {
    let text = String::from_utf8(read.head.clone()).expect("text");
    text.lines().next().expect("a line").to_owned()
}

fn delivered(read: &Read, head: &str) -> String {
    let (Delivered::Object(answer) | Delivered::Forbidden(answer)) =
        read.delivered(head.as_bytes());
    String::from_utf8(answer).expect("text")
}

#[test]
fn each_path_is_read_from_its_bucket() {
    for (target, wanted) in [
        ("/", "/media/index.html"),
        ("/watch/1", "/media/index.html"),
        ("/embed/1/", "/media/index.html"),
        ("/watch/1/2", "/media/watch/1/2"),
        ("/watch", "/media/watch"),
        ("/assets/a.js?v=1", "/media/assets/a.js"),
        (
            "/videos/1/master.m3u8?response-content-type=text/html",
            "/media/videos/1/master.m3u8",
        ),
        ("/uploads/1/source", "/uploads/uploads/1/source"),
    ] {
        let line = first_line(&read("GET", target, &[]));
        assert_eq!(line, format!("GET {wanted} HTTP/1.1"), "{target}");
    }
}

/// Of one video the API is asked, with the token and nothing else; below its id are files.
#[test]
fn what_is_said_of_one_video_is_asked_of_the_api() {
    const ID: &str = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";
    let template = include_str!("../../../../../infra/template.yaml");
    for pattern in [
        "/videos/????????-????-????-????-????????????",
        "/openapi.json",
    ] {
        assert!(
            template.contains(&format!(
                "- PathPattern: {pattern}\n            TargetOriginId: api\n"
            )),
            "{pattern}"
        );
    }
    assert!(is_lookup("/openapi.json") && is_lookup(&format!("/videos/{ID}?v=1")));
    for other in ["/videos/", "/videos/1/master.m3u8", "/openapi.json/x", "/"] {
        assert!(!is_lookup(other), "{other}");
    }
    assert!(!is_lookup(&format!("/videos/{ID}/master.m3u8")));
    let fields = [("authorization", "Bearer t"), ("cookie", "a=b")];
    let Wanted::Call(call) = asked("GET", &format!("/videos/{ID}?v=1"), &fields) else {
        panic!("not asked of the API");
    };
    let event = call.event(b"");
    assert_eq!(event["rawPath"], format!("/videos/{ID}"));
    assert_eq!(event["rawQueryString"], "");
    assert_eq!(event["headers"]["authorization"], "Bearer t");
    assert!(event["headers"]["cookie"].is_null());
}

#[test]
fn paths_in_disguise_are_not_read() {
    for target in [
        "/videos/../../uploads/uploads/1/source",
        "/videos/%2e%2e/x",
        "/./index.html",
        "/%69ndex.html",
        "/private/1/master.m3u8",
        "/Private/1/source",
        "//private/1/source",
    ] {
        assert!(
            matches!(
                asked("GET", target, &[]),
                Wanted::Nothing("404 Not Found", _)
            ),
            "{target}"
        );
    }
}

#[test]
fn private_videos_are_shown_to_nobody() {
    let wanted = asked("GET", "/s/a.b.c/1/master.m3u8", &[]);
    assert!(
        matches!(wanted, Wanted::Nothing("403 Forbidden", _)),
        "{wanted:?}"
    );
}

#[test]
fn conditions_and_ranges_reach_storage_and_nothing_else_does() {
    let fields = [
        ("range", "bytes=0-9"),
        ("if-none-match", "\"a\""),
        ("authorization", "Bearer t"),
        ("x-amz-acl", "public-read"),
        ("origin", "http://localhost"),
    ];
    let head = read("HEAD", "/videos/1/a.m4s", &fields).head;
    let head = String::from_utf8(head).expect("text");
    assert!(head.starts_with("HEAD /media/videos/1/a.m4s HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"));
    assert!(head.contains("\r\nrange: bytes=0-9\r\nif-none-match: \"a\"\r\n"));
    assert!(!head.contains("Bearer") && !head.contains("x-amz-acl") && !head.contains("origin"));
}

#[test]
fn originals_keep_nothing_that_their_uploader_said() {
    let original = read(
        "GET",
        "/uploads/1/source",
        &[("origin", "http://localhost")],
    );
    let answer = delivered(
        &original,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: max-age=9\r\nExpires: never\r\n\
         Content-Disposition: attachment\r\nContent-Language: xx\r\nContent-Length: 3\r\n\
         Connection: keep-alive\r\n\r\n",
    );
    let has = |line: &str| answer.contains(&format!("\r\n{line}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(has("content-type: application/octet-stream"), "{answer}");
    assert!(has("Cache-Control: no-cache") && has("Content-Disposition: inline"));
    assert!(has("content-length: 3") && has("Access-Control-Allow-Origin: *"));
    for gone in [
        "text/html",
        "max-age=9",
        "never",
        "attachment",
        "xx\r\n",
        "keep-alive",
    ] {
        assert!(!answer.contains(gone), "{gone}: {answer}");
    }
    assert!(is_original_type("video/mp4") && is_original_type("application/mxf"));
    for other in ["video/", "video/mp4; x=y", "text/html", "Video/MP4"] {
        assert!(!is_original_type(other), "{other}");
    }
}

#[test]
fn what_is_missing_is_forbidden() {
    let media = read("GET", "/videos/1/master.m3u8", &[]);
    let answer = delivered(
        &media,
        "HTTP/1.1 404 Not Found\r\nContent-Length: 400\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.ends_with("</Error>") && !answer.contains("Allow-Origin"));
    let head = read("HEAD", "/videos/1/master.m3u8", &[]);
    assert!(delivered(&head, "HTTP/1.1 404 Not Found\r\n\r\n").ends_with("\r\n\r\n"));
}

/// The headers are the template's: each policy's, and no others.
#[test]
fn policies_say_what_the_template_says() {
    let template = include_str!("../../../../../infra/template.yaml");
    for (behavior, name) in [
        (Behavior::Page, "PageHeaders"),
        (Behavior::Embed, "EmbedHeaders"),
        (Behavior::Media, "MediaHeaders"),
        (Behavior::Originals, "OriginalHeaders"),
    ] {
        let start = template
            .find(&format!(
                "\n  {name}:\n    Type: AWS::CloudFront::ResponseHeadersPolicy"
            ))
            .expect(name);
        let policy = &template[start + 1..];
        let end = policy.find("\n\n").unwrap_or(policy.len());
        let policy = &policy[..end];
        let mut expected = Vec::new();
        let mut custom = policy.split("Header: ").skip(1);
        for (key, header) in [
            ("ContentSecurityPolicy: ", CSP),
            ("FrameOption: ", "X-Frame-Options"),
            ("ReferrerPolicy: ", REFERRER),
        ] {
            let said = policy.lines().find_map(|line| {
                let (_, value) = line.rsplit_once(key)?;
                Some(value.split(", Override").next().unwrap_or(value))
            });
            expected.extend(said.map(|value| (header, value)));
        }
        assert!(policy.contains("ContentTypeOptions: { Override: true }"));
        assert!(policy.contains("AccessControlMaxAgeSec: 31536000, Override: true"));
        expected.extend([NOSNIFF, HSTS]);
        expected.extend(custom.by_ref().filter_map(|item| {
            let (header, rest) = item.split_once(", Value: ")?;
            let value = rest.split(", Override").next()?;
            Some((header, value.trim_matches('"')))
        }));
        let mut ours = behavior.headers().to_vec();
        ours.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ours, expected, "{name}");
        assert_eq!(
            policy.contains("AccessControlAllowOrigins: { Items: [\"*\"] }"),
            matches!(behavior, Behavior::Media | Behavior::Originals),
            "{name}"
        );
    }
}
