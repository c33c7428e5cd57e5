use super::*;

fn upstream() -> Upstream {
    Upstream {
        authority: "127.0.0.1:4566".into(),
        edge: Edge::Emulators {
            api_id: "ab12".into(),
            cdn_host: "d1.cloudfront.net".into(),
        },
        instance: "xyz".into(),
        secret: "s3cret".into(),
    }
}

fn forwarded(head: &str) -> String {
    match judge(head.as_bytes(), &upstream()) {
        Verdict::Forward { head, .. } => String::from_utf8(head).expect("text"),
        other => panic!("not forwarded: {other:?}"),
    }
}

#[test]
fn api_calls_go_to_the_http_api() {
    let head = forwarded(
        "POST /api/uploads?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8484\r\nAuthorization: Bearer t\r\n\
             Connection: keep-alive\r\nContent-Length: 2\r\n\r\n",
    );
    assert_eq!(
        head,
        "POST /_aws/execute-api/ab12/$default/uploads?x=1 HTTP/1.1\r\nHost: 127.0.0.1:4566\r\n\
             Authorization: Bearer t\r\nContent-Length: 2\r\nX-Reelrun-Secret: s3cret\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn everything_else_goes_to_the_distribution() {
    let head = forwarded(
        "GET /videos/1/master.m3u8 HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-9\r\n\
             X-Forwarded-Proto: http\r\nAuthorization: AWS4 x\r\nX-Reelrun-Secret: guess\r\n\r\n",
    );
    assert_eq!(
        head,
        "GET /videos/1/master.m3u8 HTTP/1.1\r\nHost: d1.cloudfront.net\r\nRange: bytes=0-9\r\n\
             X-Forwarded-Proto: https\r\nX-Reelrun-Secret: s3cret\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn a_token_reaches_the_api_through_the_distribution_and_no_bucket() {
    let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";
    for (path, is_passed_on) in [
        (format!("/videos/{id}"), true),
        (format!("/videos/{id}/master.m3u8"), false),
    ] {
        let head = forwarded(&format!(
            "GET {path} HTTP/1.1\r\nAuthorization: Bearer t\r\n\r\n"
        ));
        assert!(head.contains("\r\nHost: d1.cloudfront.net\r\n"), "{head}");
        assert_eq!(head.contains("Bearer t"), is_passed_on, "{head}");
    }
    let preflight = format!("OPTIONS /videos/{id} HTTP/1.1\r\n\r\n");
    assert_eq!(judge(preflight.as_bytes(), &upstream()), Verdict::Preflight);
}

#[test]
fn only_the_whole_word_api_is_the_api() {
    assert_eq!(api_path("/api").as_deref(), Some("/"));
    assert_eq!(api_path("/api?limit=2").as_deref(), Some("/?limit=2"));
    assert_eq!(api_path("/api/videos").as_deref(), Some("/videos"));
    assert_eq!(api_path("/apis/videos"), None);
    assert!(forwarded("GET /apis HTTP/1.1\r\n\r\n").starts_with("GET /apis HTTP/1.1"));
}

#[test]
fn a_whole_url_is_as_good_as_its_path() {
    let head = forwarded("GET http://127.0.0.1:8484/a?b HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
    assert_eq!(path_of("http://h"), Some("/"));
}

#[test]
fn a_client_that_waits_for_100_is_noticed() {
    let head = b"PUT /api/x HTTP/1.1\r\nExpect: 100-continue\r\n\r\n";
    let Verdict::Forward {
        head,
        expects_continue,
    } = judge(head, &upstream())
    else {
        panic!("not forwarded");
    };
    assert!(expects_continue && !String::from_utf8_lossy(&head).contains("Expect"));
}

#[test]
fn preflights_and_the_instance_are_the_proxys_own() {
    let verdict = |head: &[u8]| judge(head, &upstream());
    assert_eq!(
        verdict(b"OPTIONS /api/uploads HTTP/1.1\r\n\r\n"),
        Verdict::Preflight
    );
    assert_eq!(
        verdict(b"GET /.reelrun-instance HTTP/1.1\r\n\r\n"),
        Verdict::Instance
    );
    assert!(matches!(
        verdict(b"OPTIONS /videos/1/master.m3u8 HTTP/1.1\r\n\r\n"),
        Verdict::Forward { .. }
    ));
}

#[test]
fn pages_of_others_are_forbidden_whatever_they_send() {
    let asked = |fields: &str| {
        judge(
            format!("GET /api/videos HTTP/1.1\r\n{fields}\r\n").as_bytes(),
            &upstream(),
        )
    };
    for fields in [
        "Host: evil.example\r\n",
        "Host: evil.example:8484\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: localhost:8484\r\nOrigin: https://evil.example\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
        "Host: localhost\r\nOrigin: http://localhost.evil.example\r\n",
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nReferer: http://evil.example/localhost\r\n",
    ] {
        assert!(matches!(asked(fields), Verdict::Forbid(_)), "{fields}");
    }
    for fields in [
        "",
        "Host: localhost:8484\r\n",
        "Host: [::1]:8484\r\n",
        "Host: films.localhost:1\r\nOrigin: http://localhost:3000\r\n",
        "Host: 127.0.0.1:8484\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
        "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\nReferer: http://localhost:3000/a\r\n",
    ] {
        assert!(matches!(asked(fields), Verdict::Forward { .. }), "{fields}");
    }
}

#[test]
fn a_video_that_is_opened_by_itself_has_no_origin() {
    let head = b"GET /uploads/1/source HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n";
    assert!(matches!(judge(head, &upstream()), Verdict::Forward { .. }));
}

#[test]
fn the_emulators_own_addresses_are_not_for_viewers() {
    for line in [
        "GET /_ministack/state",
        "GET /%5Fministack/state",
        "GET //_ministack/state",
        "GET /%5f",
        "POST /",
        "PUT /videos/1/master.m3u8",
        "DELETE /videos/1/master.m3u8",
    ] {
        let verdict = judge(format!("{line} HTTP/1.1\r\n\r\n").as_bytes(), &upstream());
        assert!(matches!(verdict, Verdict::Forbid(_)), "{line}");
    }
}

#[test]
fn what_is_not_http_is_refused() {
    for head in [
        "",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\n\nPOST / HTTP/1.1\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n",
        "GET /\n HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/2\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\n\r\n",
    ] {
        let verdict = judge(head.as_bytes(), &upstream());
        assert!(
            matches!(verdict, Verdict::Refuse(_)),
            "{head:?}: {verdict:?}"
        );
    }
    assert!(matches!(
        judge(b"\xff\xfe", &upstream()),
        Verdict::Refuse(_)
    ));
}

#[test]
fn answers_say_that_the_connection_ends() {
    let (head, more) =
        answer(b"HTTP/1.1 206 Partial\r\nkeep-alive: 5\r\nETag: \"a\"\r\nConnection: x\r\n\r\n");
    assert_eq!(
        String::from_utf8_lossy(&head),
        "HTTP/1.1 206 Partial\r\nETag: \"a\"\r\nConnection: close\r\n\r\n"
    );
    assert!(!more);
    assert!(answer(b"HTTP/1.1 103 Early Hints\r\n\r\n").1);
}

#[test]
fn a_head_ends_at_the_empty_line() {
    assert_eq!(end(b"GET / HTTP/1.1\r\n\r\nbody"), Some(18));
    assert_eq!(end(b"GET / HTTP/1.1\r\n"), None);
}
