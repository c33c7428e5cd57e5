//! The local stack serves the one who started it, and no other page and no other user of the machine.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
};

use reelrun_tests::stack::{Answer, Stack, description, get, send};

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
            "a door that is none",
            vec![FORM, ("authorization", ROOT), ("x-reelrun-door", "guess")],
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
    // The front passes nothing on to the emulator's own addresses.
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
    for entry in fs::read_dir(folder).unwrap().flatten() {
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
    let ports = reelrun_tests::processes::runtime_apis(&stack);
    assert!(!ports.is_empty());
    for authority in ports {
        let next = format!("http://{authority}/2018-06-01/runtime/invocation/next");
        for headers in [
            [("origin", "http://evil.example")],
            [("host", "evil.example")],
            [("sec-fetch-mode", "no-cors")],
        ] {
            assert_eq!(send("GET", &next, &headers, &[]).status, 403, "{headers:?}");
        }
        let script =
            "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read())";
        if let Some(python) = as_another("python3", &["-c", script, &next]) {
            assert!(!python.status.success(), "{python:?}");
        }
    }
}
