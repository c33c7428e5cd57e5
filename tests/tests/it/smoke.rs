//! `cargo reelrun smoke`: passes where a stack works, and names the fault where one is broken on purpose.

use std::{
    collections::BTreeSet,
    env,
    process::{Command, Output, Stdio},
    time::Duration,
};

use aws_sdk_s3::types::CorsConfiguration;
use reelrun_tests::{
    configuration::Reconfigured,
    poll::Patience,
    stack::{self, Answer, Stack, send},
};
use serde_json::{Value, json};

/// What the stack signs webhooks with.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn command(args: &[&str]) -> Command {
    let mut command =
        Command::new(env::var("REELRUN_COMMAND").expect("`cargo reelrun test` sets it"));
    command
        .args(["smoke", "--json", "--stack"])
        .arg(stack::description())
        .args(args);
    command
}

/// What was said, and the checks.
struct Smoke {
    output: Output,
    checks: Vec<Value>,
}

impl Smoke {
    fn run(args: &[&str]) -> Self {
        Self::of(command(args).output().unwrap())
    }

    fn of(output: Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{said}");
        let report: Value = serde_json::from_slice(&output.stdout).expect(&said);
        let checks = report["checks"].as_array().unwrap().clone();
        assert_eq!(report["passed"], output.status.success());
        Self { output, checks }
    }

    fn with(&self, result: &str) -> Vec<&Value> {
        let checks = self.checks.iter();
        checks.filter(|check| check["result"] == result).collect()
    }

    /// A check by its name.
    fn check(&self, name: &str) -> &Value {
        let found = self.checks.iter().find(|check| check["check"] == name);
        found.unwrap_or_else(|| panic!("no check {name:?}"))
    }

    /// It failed, and these checks say to look there. The table says so as well.
    fn blames(&self, place: &str, checks: &[&str]) {
        assert_eq!(self.output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&self.output.stderr);
        for name in checks {
            let check = self.check(name);
            assert_eq!(check["result"], "failed", "{check}");
            let look_at = check["look_at"].as_str().unwrap();
            assert!(look_at.contains(place), "{check}");
            assert!(said.contains(&format!(": {name}\n  expected  ")), "{said}");
            assert!(said.contains(look_at), "{said}");
        }
    }
}

/// All videos of a library.
fn library(stack: &Stack) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut path = "/videos?limit=100".to_owned();
    loop {
        let page = stack.get_path(&path, Some(&stack.api_token)).json();
        let videos = page["videos"].as_array().unwrap().iter();
        ids.extend(videos.map(|video| video["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/videos?limit=100&cursor={cursor}"),
            None => return ids,
        }
    }
}

#[test]
fn a_stack_that_works_passes_and_nothing_is_left_in_it() {
    let stack = Stack::get();
    let before = library(&stack);
    let smoke = Smoke::run(&[]);
    assert_eq!(smoke.output.status.code(), Some(0));
    assert!(smoke.with("passed").len() > 65);
    let not_checked: Vec<_> = smoke.with("not checked");
    let names: Vec<_> = not_checked.iter().map(|check| &check["check"]).collect();
    assert_eq!(
        names,
        [
            "plain HTTP is redirected",
            "a webhook tells that the video is ready"
        ]
    );
    // The state machine had a part in it.
    let chunks = smoke.check("long: encoded in chunks by the state machine");
    assert_eq!(chunks["note"], "2 chunks");
    assert_eq!(library(&stack), before);
}

#[tokio::test]
async fn a_webhook_is_waited_for_and_its_signature_checked() {
    let stack = Stack::get();
    // A port that is free now.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let variables = [
        ("WEBHOOK_URLS", format!("http://{address}/hook")),
        ("WEBHOOK_SECRET", SECRET.to_owned()),
        ("WEBHOOK_PRIVATE_ADDRESSES", "permitted".to_owned()),
    ];
    let _configuration = Reconfigured::function(&stack, &stack.notify_function, &variables).await;
    let args = ["--quick", "--webhook-listen", &address];
    let output = command(&args)
        .env("REELRUN_WEBHOOK_SECRET", SECRET)
        .output();
    let smoke = Smoke::of(output.unwrap());
    for name in [
        "a webhook tells that the video is ready",
        "the webhook is signed",
    ] {
        assert_eq!(smoke.check(name)["result"], "passed");
    }
    assert_eq!(smoke.output.status.code(), Some(0));
}

/// Browsers need it, programs don't: only a preflight shows that it is gone.
#[tokio::test]
async fn lost_cors_rules_are_named() {
    let stack = Stack::get();
    let s3 = stack.s3();
    let bucket = &stack.uploads_bucket;
    let rules = s3.get_bucket_cors().bucket(bucket).send().await.unwrap();
    let rules = CorsConfiguration::builder().set_cors_rules(rules.cors_rules);
    s3.delete_bucket_cors().bucket(bucket).send().await.unwrap();
    let smoke = Smoke::run(&["--quick"]);
    let restored = s3.put_bucket_cors().bucket(bucket);
    let restored = restored.cors_configuration(rules.build().unwrap());
    restored.send().await.unwrap();
    smoke.blames(
        "UploadsBucket.CorsConfiguration",
        &[
            "the page may send files to the store (CORS preflight)",
            "the page may read the store's answer (CORS)",
        ],
    );
    assert_eq!(smoke.with("failed").len(), 2, "and nothing else");
}

/// A function's role without the right to something.
struct Denied<'a> {
    stack: &'a Stack,
    role: String,
}

impl<'a> Denied<'a> {
    async fn new(stack: &'a Stack, function: &str, action: &str) -> Self {
        let lambda = aws_sdk_lambda::Client::new(&stack.aws());
        let configuration = lambda.get_function_configuration().function_name(function);
        let role = configuration.send().await.unwrap().role.unwrap();
        let role = role.rsplit_once('/').unwrap().1.to_owned();
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}],
        });
        let encoded = |byte: u8| format!("%{byte:02X}");
        let policy: String = policy.to_string().bytes().map(encoded).collect();
        let denied = Self { stack, role };
        denied.iam("PutRolePolicy", &format!("&PolicyDocument={policy}"));
        denied
    }

    fn iam(&self, action: &str, more: &str) {
        let role = &self.role;
        let form = format!(
            "Action={action}&Version=2010-05-08&RoleName={role}&PolicyName=broken-on-purpose{more}"
        );
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.stack.as_root("iam", &kind, &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

impl Drop for Denied<'_> {
    fn drop(&mut self) {
        self.iam("DeleteRolePolicy", "");
    }
}

#[tokio::test]
async fn a_function_that_may_not_read_the_table_is_named() {
    let stack = Stack::get();
    let before = library(&stack);
    let denied = Denied::new(&stack, &stack.lookup_function, "dynamodb:GetItem").await;
    let smoke = Smoke::run(&["--quick"]);
    drop(denied);
    smoke.blames(
        "the lookup function's role (LookupRole: dynamodb:GetItem",
        &["an ordinary video is ready", "an unknown video"],
    );
    // What was made is deleted all the same.
    assert_eq!(library(&stack), before);
}

#[tokio::test]
async fn a_function_that_may_not_store_renditions_is_named() {
    let stack = Stack::get();
    let before = library(&stack);
    let denied = Denied::new(&stack, &stack.transcode_function, "s3:PutObject").await;
    let smoke = Smoke::run(&["--quick", "--wait", "12"]);
    drop(denied);
    smoke.blames(
        "the transcode function's role (TranscodeRole: s3:GetObject on the uploads bucket, s3:PutObject",
        &["an ordinary video is ready"],
    );
    // What is refused before anything is stored is refused as ever.
    let refused = smoke.check("a file that is no video is refused, and why");
    assert_eq!(refused["result"], "passed");
    assert_eq!(library(&stack), before);
}

#[tokio::test]
async fn a_bucket_that_denies_the_cdn_is_named() {
    let stack = Stack::get();
    let (s3, bucket) = (stack.s3(), &stack.media_bucket);
    let policy = s3.get_bucket_policy().bucket(bucket).send().await.unwrap();
    let policy = policy.policy.unwrap();
    let mut denying: Value = serde_json::from_str(&policy).unwrap();
    // What no function reads, as one does the segments of the sound.
    let resources = ["m3u8", "mpd"].map(|name| format!("arn:aws:s3:::{bucket}/videos/*.{name}"));
    denying["Statement"].as_array_mut().unwrap().push(json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": resources,
    }));
    let put = async |policy: String| {
        let put = s3.put_bucket_policy().bucket(bucket).policy(policy);
        put.send().await.unwrap();
    };
    put(denying.to_string()).await;
    let smoke = Smoke::run(&["--quick"]);
    put(policy).await;
    smoke.blames(
        "the media bucket's policy (MediaBucketPolicy",
        &[
            "ordinary: HLS is whole (read by m3u8-rs)",
            "ordinary: DASH is whole (read as XML)",
        ],
    );
}

/// The CDN's policy for media without one of its parts, until this is dropped.
struct WithoutHeader<'a> {
    stack: &'a Stack,
    id: String,
    before: String,
}

impl<'a> WithoutHeader<'a> {
    const POLICIES: &'static str = "/2020-05-31/response-headers-policy";

    fn new(stack: &'a Stack, part: &str) -> Self {
        let all = Self::call(stack, "GET", Self::POLICIES, "", "").text();
        let named = all.find("-media</Name>").expect("the policy for media");
        let (_, id) = all[..named].rsplit_once("<Id>").unwrap();
        let (id, _) = id.split_once("</Id>").unwrap();
        let path = format!("{}/{id}/config", Self::POLICIES);
        let before = Self::call(stack, "GET", &path, "", "").text();
        let (begin, end) = (format!("<{part}>"), format!("</{part}>"));
        let (head, _) = before.split_once(&begin).expect("the part");
        let (_, tail) = before.rsplit_once(&end).unwrap();
        let without = Self {
            stack,
            id: id.to_owned(),
            before: before.clone(),
        };
        without.put(&format!("{head}{tail}"));
        without
    }

    fn put(&self, config: &str) {
        let path = format!("{}/{}", Self::POLICIES, self.id);
        let current = Self::call(self.stack, "GET", &path, "", "");
        Self::call(self.stack, "PUT", &path, current.header("etag"), config);
    }

    fn call(stack: &Stack, method: &str, path: &str, tag: &str, body: &str) -> Answer {
        let mut headers = stack.root_headers("cloudfront");
        if !tag.is_empty() {
            headers.push(("if-match", tag.to_owned()));
        }
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let url = format!("{}{path}", stack.aws_endpoint_url);
        let answer = send(method, &url, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }
}

impl Drop for WithoutHeader<'_> {
    fn drop(&mut self) {
        self.put(&self.before);
    }
}

/// Without it, what somebody uploaded could run as a page of ours.
#[test]
fn a_header_that_the_cdn_lost_is_named() {
    let stack = Stack::get();
    let without = WithoutHeader::new(&stack, "ContentSecurityPolicy");
    let smoke = Smoke::run(&["--quick"]);
    drop(without);
    smoke.blames(
        "the response headers policy MediaHeaders",
        &[
            "a playlist: type, cache time, CORS, sandbox",
            "a segment of the picture: type, cache time, CORS, sandbox",
        ],
    );
    let failed = smoke.with("failed");
    let elsewhere = failed
        .iter()
        .find(|check| !check["look_at"].as_str().unwrap().contains("MediaHeaders"));
    assert_eq!(elsewhere, None);
}

/// Ctrl-C in the middle: what was made goes as well.
#[test]
fn an_interrupted_run_leaves_nothing_in_the_library() {
    let stack = Stack::get();
    let before = library(&stack);
    let child = command(&[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Patience::of(Duration::from_mins(1)).every(Duration::from_millis(50));
    patience.block_on("it has made a video", || {
        let now = library(&stack);
        if now.is_superset(&before) && now.len() > before.len() {
            Ok(())
        } else {
            Err(now.len())
        }
    });
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(output.stdout.is_empty(), "half a report is none");
    assert_eq!(library(&stack), before, "{said}");
}
