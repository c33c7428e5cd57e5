//! The local stack serves the one who started it, and no other page and no other user of the machine.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use reelrun_tests::{
    poll::{Patience, so},
    processes::runtime_apis,
    request::try_send,
    stack::{Answer, Stack, description, get, send},
};

/// A key that the emulator takes for its owner's, without looking at the signature.
const ROOT: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const LIST_ROLES: &[u8] = b"Action=ListRoles&Version=2010-05-08";

fn is_refused(what: &str, answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body);
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {} {text}",
        answer.status
    );
    assert!(!text.contains("<ListRolesResult"), "{what}: {text}");
}

#[test]
fn the_emulator_answers_only_who_signs() {
    let stack = Stack::get();
    let url = &stack.aws_endpoint_url;
    let account = ROOT.replace("test/", "000000000000/");
    let unknown = ROOT.replace("test/", "AKIAIOSFODNN7EXAMPLE/");
    for (what, headers) in [
        ("nothing", vec![FORM]),
        ("the root key", vec![FORM, ("authorization", ROOT)]),
        (
            "an account's number",
            vec![FORM, ("authorization", &account)],
        ),
        ("an unknown key", vec![FORM, ("authorization", &unknown)]),
        (
            "a secret that is none",
            vec![FORM, ("authorization", ROOT), ("x-reelrun-secret", "guess")],
        ),
        (
            "an old signature",
            vec![FORM, ("authorization", "AWS test:signature")],
        ),
    ] {
        is_refused(what, &send("POST", url, &headers, LIST_ROLES));
    }
    for query in [
        "Action=ListRoles&Version=2010-05-08",
        "Action=ListRoles&Version=2010-05-08&X-Amz-Credential=test/20260101/us-east-1/iam/aws4_request&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0",
        "Action=ListRoles&Version=2010-05-08&AWSAccessKeyId=test&Signature=0",
    ] {
        is_refused(query, &get(&format!("{url}/?{query}")));
    }
    for path in [
        "/_ministack/state",
        "/_ministack/ready",
        "/_ministack/lambda/functions",
        "/_aws/execute-api/x/y/z",
        "/_localstack/health",
    ] {
        is_refused(path, &get(&format!("{url}{path}")));
        is_refused(path, &send("POST", &format!("{url}{path}"), &[], b"x"));
    }
}

/// As no HTTP client would send it: the bytes of a request, and all that is answered.
fn raw(address: &str, request: &str) -> String {
    let authority = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(authority).unwrap();
    let patience = Some(Duration::from_secs(5));
    stream.set_read_timeout(patience).unwrap();
    // Who refuses may close before all is sent.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_two_readers_may_read_in_two_ways_is_refused() {
    let stack = Stack::get();
    let body = String::from_utf8_lossy(LIST_ROLES);
    let rest = format!(
        "Content-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        FORM.1,
        body.len()
    );
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}{rest}");
    let unknown = ROOT.replace("test/", "AKIAIOSFODNN7EXAMPLE/");
    let digits = ROOT.replace("test/", &format!("{}/", "\u{660}".repeat(12)));
    for fields in [
        format!("Authorization: {ROOT}\r\nAuthorization: {unknown}\r\n"),
        format!("Authorization: {unknown}\r\nAuthorization: {ROOT}\r\n"),
        "Authorization: Bearer Credential=foo/x\r\n".to_owned(),
        "Authorization: Bearer Credential=AKIAIOSFODNN7EXAMPLE/x\r\n".to_owned(),
        format!("Authorization: {digits}\r\n"),
        format!("Authorization: {ROOT}\r\nX-Reelrun-Secret: a\r\nX-Reelrun-Secret: b\r\n"),
        format!("Host: localhost\r\nAuthorization: {ROOT}\r\n"),
    ] {
        let answer = raw(&stack.aws_endpoint_url, &post(&fields));
        assert!(answer.starts_with("HTTP/1.1 4"), "{fields}: {answer}");
        assert!(!answer.contains("ListRolesResult"), "{fields}: {answer}");
    }
    // A second request in the head of the first, which gets what the proxy adds to that.
    let inner = post(&format!("Authorization: {ROOT}\r\n"));
    let (head, body) = inner.split_once("\r\n\r\n").unwrap();
    let inner = head.replace("\r\n", "\n");
    for end in ["\n\n", "\r\n\n", "\n\r\n", "\r\r"] {
        let request =
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: a{end}{inner}\nY: b\r\n\r\n{body}");
        let answer = raw(&stack.cdn_url, &request);
        assert!(answer.starts_with("HTTP/1.1 400"), "{end:?}: {answer}");
        assert!(!answer.contains("ListRolesResult"), "{end:?}: {answer}");
    }
}

#[tokio::test]
async fn who_signs_is_answered() {
    let listed = Stack::get().s3().list_buckets().send().await.unwrap();
    assert!(!listed.buckets().is_empty());
}

#[test]
fn pages_and_names_of_others_get_nothing() {
    let stack = Stack::get();
    let addresses = [
        format!("{}/", stack.cdn_url),
        format!("{}/limits", stack.api_url),
        format!("{}/", stack.aws_endpoint_url),
    ];
    for url in &addresses {
        for headers in [
            [("origin", "http://evil.example")],
            [("origin", "null")],
            [("host", "evil.example")],
        ] {
            let answer = send("GET", url, &headers, &[]);
            assert_eq!(answer.status, 403, "{url} {headers:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{url}");
            let preflight = [headers[0], ("access-control-request-method", "PUT")];
            let answer = send("OPTIONS", url, &preflight, &[]);
            assert_eq!(answer.status, 403, "{url} {headers:?}");
        }
    }
    // The proxy passes nothing on to the emulator's own addresses.
    for path in [
        "/_ministack/state",
        "/%5fministack/state",
        "//_ministack/state",
        "/_aws/x",
    ] {
        is_refused(path, &get(&format!("{}{path}", stack.cdn_url)));
    }
    is_refused(
        "reset",
        &send(
            "POST",
            &format!("{}/_ministack/reset", stack.cdn_url),
            &[],
            b"x",
        ),
    );
    let root = [FORM, ("authorization", ROOT)];
    is_refused("root", &send("POST", &stack.cdn_url, &root, LIST_ROLES));
}

/// Another user of the machine, where the test may become one.
fn as_another(program: &str, args: &[&str]) -> Option<Output> {
    const NOBODY: u32 = 65534;
    let mut command = Command::new(program);
    let is_root = rustix::process::geteuid().is_root();
    is_root.then(|| command.args(args).uid(NOBODY).gid(NOBODY).output().unwrap())
}

#[test]
fn no_file_with_a_secret_is_open_to_other_users() {
    let stack = Stack::get();
    let state = description();
    // Where the stacks of tests are, beside the one that people use.
    let folder = state.parent().unwrap().parent().unwrap();
    let secrets = stack.secrets();
    let mut found = 0;
    each_file(folder, &mut |path| {
        let Ok(bytes) = fs::read(path) else { return };
        let text = String::from_utf8_lossy(&bytes);
        if secrets.iter().any(|secret| text.contains(*secret)) {
            found += 1;
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    });
    assert!(found > 0, "not even {}", state.display());
    if let Some(cat) = as_another("cat", &[state.to_str().unwrap()]) {
        assert!(!cat.status.success() && cat.stdout.is_empty(), "{cat:?}");
    }
}

/// Logs and descriptions: what is large, or a program, holds no token.
fn each_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    // What other tests delete may be gone by now.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let is_program = ["layer", "tools", "page", "page-results"]
            .iter()
            .any(|name| path.ends_with(name));
        if kind.is_dir() && !is_program {
            each_file(&path, look);
        } else if kind.is_file() && entry.metadata().is_ok_and(|file| file.len() < 64 << 20) {
            look(&path);
        }
    }
}

/// What hands events to the functions, the API's with its tokens in them, can ask for no signature.
#[test]
fn events_are_handed_to_this_user_alone() {
    let stack = Stack::get();
    assert_eq!(stack.get_path("/health", None).status, 200);
    let mut asked = 0;
    'functions: for authority in runtime_apis(&stack) {
        let next = format!("http://{authority}/2018-06-01/runtime/invocation/next");
        for headers in [
            [("origin", "http://evil.example")],
            [("host", "evil.example")],
            [("sec-fetch-mode", "no-cors")],
        ] {
            let Ok(answer) = try_send("GET", &next, &headers, &[]) else {
                // The stack ends functions that have nothing to do, and this one was read before.
                let soon = Patience::of(Duration::from_secs(10));
                soon.block_on("the end of a function that is handed nothing", || {
                    so(!runtime_apis(&stack).contains(&authority))
                });
                continue 'functions;
            };
            assert_eq!(answer.status, 403, "{headers:?}");
        }
        let script =
            "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read())";
        if let Some(python) = as_another("python3", &["-c", script, &next]) {
            assert!(!python.status.success(), "{python:?}");
        }
        asked += 1;
    }
    assert!(asked > 0);
}
