//! A running stack, as its clients see it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use serde::Deserialize;
use serde_json::{Value, json};

pub use crate::request::{Answer, get, get_range, put, send};
use crate::{
    openapi::{self, Call},
    poll::{Patience, so},
};

/// The alias by which functions are called: the version that is deployed.
pub const LIVE: &str = "live";

/// A stack's addresses, as `cargo reelrun up` writes them.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// The API.
    pub api_url: String,
    /// The CDN.
    pub cdn_url: String,
    /// The emulator.
    pub aws_endpoint_url: String,
    /// Its region.
    pub region: String,
    /// Its name.
    pub stack_name: String,
    /// The token that opens the management calls.
    pub api_token: String,
    /// What playback tokens are signed with, newest first.
    #[serde(default)]
    pub playback_keys: Value,
    /// Where sources go.
    pub uploads_bucket: String,
    /// What the CDN serves.
    pub media_bucket: String,
    /// The catalog.
    pub videos_table: String,
    /// The transcode function's name.
    pub transcode_function: String,
    /// The presign function's name.
    pub presign_function: String,
    /// The lookup function's name.
    pub lookup_function: String,
    /// The notify function's name.
    pub notify_function: String,
    /// The function that removes what is of no more use.
    pub cleanup_function: String,
    /// The function that looks for what stands still.
    pub sweep_function: String,
    /// What publishes text tracks.
    pub tracks_function: String,
    /// The state machine that delivers notices.
    pub notify_machine_arn: String,
    /// The state machine that encodes long videos.
    pub state_machine_arn: String,
    /// An administrator of the emulator.
    aws_access_key_id: String,
    aws_secret_access_key: String,
    /// What makes the emulator take a request for its root user's.
    emulator_secret: String,
}

/// A permission to upload.
#[derive(Debug, Clone)]
pub struct Permission {
    /// The video.
    pub video_id: String,
    /// The signed URL.
    pub url: String,
    /// The type that was signed.
    pub content_type: String,
    /// What opens the upload.
    pub token: String,
}

impl Permission {
    /// Says that the upload is complete.
    pub fn complete(&self, stack: &Stack) -> Answer {
        let path = format!("/uploads/{}/complete", self.video_id);
        stack.post(&path, Some(&self.token), "")
    }
}

/// Something that a role may not do now.
#[derive(Debug)]
pub struct Forbidden<'a> {
    stack: &'a Stack,
    role: &'a str,
}

impl Drop for Forbidden<'_> {
    fn drop(&mut self) {
        self.stack.change_role(self.role, "Action=DeleteRolePolicy");
    }
}

/// A stack that has much to do may fail to answer in time: as any client, tests ask again.
const OF_A_BUSY_STACK: Patience =
    Patience::of(Duration::from_mins(1)).every(Duration::from_secs(1));

impl Stack {
    /// The stack that no other test uses while this one runs.
    pub fn get() -> Self {
        let file = description();
        let text =
            fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
    }

    /// AWS clients' configuration, as an administrator of the emulator.
    pub fn aws(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .endpoint_url(&self.aws_endpoint_url)
            .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(
                Credentials::new(
                    &self.aws_access_key_id,
                    &self.aws_secret_access_key,
                    None,
                    None,
                    "stack.json",
                ),
            ))
            .build()
    }

    /// What a process needs in its environment to be a client of the stack, as an administrator of the
    /// emulator.
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.aws_endpoint_url),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.aws_access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.aws_secret_access_key),
        ]
    }

    /// What others must not know.
    pub fn secrets(&self) -> [&str; 3] {
        [
            &self.api_token,
            &self.aws_secret_access_key,
            &self.emulator_secret,
        ]
    }

    /// The credentials of a role, which only its function may take.
    pub fn assume(&self, role: &str) -> Credentials {
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleSessionName=tests&RoleArn={}",
            role.replace(':', "%3A").replace('/', "%2F")
        );
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let text = self.as_root("sts", &kind, &form).text();
        let value = |element: &str| {
            let (_, rest) = text.split_once(&format!("<{element}>")).expect(&text);
            rest.split_once('<').unwrap().0.to_owned()
        };
        Credentials::new(
            value("AccessKeyId"),
            value("SecretAccessKey"),
            Some(value("SessionToken")),
            None,
            "AssumeRole",
        )
    }

    /// What a function has logged since a time (Unix ms), by invocation, once each had ended.
    pub fn logs(&self, function: &str, since: i64) -> Vec<String> {
        let kind = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.FilterLogEvents"),
        ];
        let group = format!("/aws/lambda/{function}");
        let asked = json!({"logGroupName": group, "startTime": since});
        let answer = self.as_root("logs", &kind, &asked.to_string()).json();
        if answer["__type"] == "ResourceNotFoundException" {
            return Vec::new();
        }
        let mut streams: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for event in answer["events"].as_array().expect("log events") {
            let text = |name: &str| event[name].as_str().unwrap();
            let (stream, message) = (text("logStreamName"), text("message"));
            let invocations = streams.entry(stream).or_default();
            // MiniStack begins a stream with each invocation, LocalStack with each process, as Lambda does.
            if invocations.is_empty() || message.starts_with("START RequestId:") {
                invocations.push(String::new());
            }
            let log = invocations.last_mut().unwrap();
            log.push_str(message);
            log.push('\n');
        }
        streams.into_values().flatten().collect()
    }

    /// A request as the emulator's root user.
    pub fn as_root(&self, service: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let own = self.root_headers(service);
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<_> = headers.iter().copied().chain(own).collect();
        send("POST", &self.aws_endpoint_url, &all, body.as_bytes())
    }

    /// What shows that a request is the emulator's root user's, who is asked for no signature.
    pub fn root_headers(&self, service: &str) -> Vec<(&'static str, String)> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        vec![
            ("x-reelrun-secret", self.emulator_secret.clone()),
            ("authorization", authorization),
        ]
    }

    /// Forbids a role something, until this is dropped.
    pub fn forbid<'a>(&'a self, role: &'a str, action: &str, resource: &str) -> Forbidden<'a> {
        let statement = json!({"Effect": "Deny", "Action": action, "Resource": resource});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let hex = policy.bytes().map(|byte| format!("%{byte:02X}"));
        let document = hex.collect::<String>();
        self.change_role(
            role,
            &format!("Action=PutRolePolicy&PolicyDocument={document}"),
        );
        Forbidden { stack: self, role }
    }

    fn change_role(&self, role: &str, change: &str) {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let form = format!("{change}&RoleName={role}&PolicyName=forbidden&Version=2010-05-08");
        let answer = self.as_root("iam", &kind, &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Every function, by the name of its crate, and as it is deployed.
    pub fn functions(&self) -> [(&'static str, &str); 7] {
        [
            ("presign", &self.presign_function),
            ("lookup", &self.lookup_function),
            ("transcode", &self.transcode_function),
            ("cleanup", &self.cleanup_function),
            ("notify", &self.notify_function),
            ("sweep", &self.sweep_function),
            ("tracks", &self.tracks_function),
        ]
    }

    /// An S3 client.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        reelrun_platform::aws::s3(&self.aws())
    }

    /// A call of the API with a JSON body.
    pub fn post(&self, path: &str, token: Option<&str>, body: &str) -> Answer {
        self.call("POST", path, token, &[], body)
    }

    /// A call of the API.
    pub fn get_path(&self, path: &str, token: Option<&str>) -> Answer {
        self.call("GET", path, token, &[], "")
    }

    /// Any call of the API, with further headers. It must be as documented.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        all.extend(
            authorization
                .as_deref()
                .map(|value| ("authorization", value)),
        );
        if !body.is_empty() || method == "POST" {
            all.push(("content-type", "application/json"));
        }
        let url = format!("{}{path}", self.api_url);
        let mut answer = send(method, &url, &all, body.as_bytes());
        let _ = OF_A_BUSY_STACK.try_block_on(|| {
            if answer.is_of_a_busy_gateway() {
                answer = send(method, &url, &all, body.as_bytes());
            }
            so(!answer.is_of_a_busy_gateway())
        });
        openapi::check(&Call {
            method,
            path,
            request: body.as_bytes(),
            status: answer.status,
            content_type: answer.header("content-type"),
            answer: &answer.body,
        });
        answer
    }

    /// Asks for the permission to upload.
    pub fn permission(&self, filename: &str, content_type: &str, size_bytes: u64) -> Permission {
        let body =
            json!({"filename": filename, "content_type": content_type, "size_bytes": size_bytes});
        let json = OF_A_BUSY_STACK.block_on("the upload is permitted", || {
            let answer = self.post("/uploads", Some(&self.api_token), &body.to_string());
            match answer.status {
                201 => Ok(answer.json()),
                500.. => Err(answer.text()),
                status => panic!("{status}: {}", answer.text()),
            }
        });
        Permission {
            token: json["upload_token"].as_str().unwrap().into(),
            video_id: json["video_id"].as_str().unwrap().into(),
            url: json["upload"]["url"].as_str().unwrap().into(),
            content_type: json["upload"]["headers"]["content-type"]
                .as_str()
                .unwrap()
                .into(),
        }
    }

    /// The video, as the API shows it.
    pub fn video(&self, id: &str) -> Value {
        OF_A_BUSY_STACK.block_on("the video is shown", || {
            let answer = self.get_path(&format!("/videos/{id}"), None);
            match answer.status {
                200 => Ok(answer.json()),
                500.. => Err(answer.text()),
                status => panic!("{status}: {}", answer.text()),
            }
        })
    }

    /// Waits until a video is ready or has failed.
    pub fn settled(&self, id: &str) -> Value {
        self.wait_for(id, |video| {
            matches!(video["status"].as_str(), Some("ready" | "errored"))
        })
    }

    /// Waits until a video is as wanted; fails after eight minutes.
    pub fn wait_for(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        Patience::of(Duration::from_mins(8)).block_on("the video is as wanted", || {
            let video = self.video(id);
            if wanted(&video) {
                Ok(video)
            } else {
                Err(video)
            }
        })
    }

    /// Uploads a file and waits until it is ready.
    pub fn ready(&self, file: &Path) -> Value {
        let video = self.settled(&self.upload(file));
        assert_eq!(video["status"], "ready", "{video:#}");
        video
    }

    /// A video's record as it is in the table, internals included.
    pub async fn record(
        &self,
        id: &str,
    ) -> std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue> {
        let found = aws_sdk_dynamodb::Client::new(&self.aws())
            .get_item()
            .table_name(&self.videos_table)
            .key("id", aws_sdk_dynamodb::types::AttributeValue::S(id.into()))
            .consistent_read(true)
            .send()
            .await
            .unwrap();
        found.item.unwrap_or_default()
    }

    /// How many encodes of a video were begun.
    pub async fn attempts(&self, id: &str) -> u32 {
        let record = self.record(id).await;
        record
            .get("attempts")
            .map_or(0, |value| value.as_n().unwrap().parse().unwrap())
    }

    /// The keys of all objects under a prefix of the media bucket.
    pub async fn media_keys(&self, prefix: &str) -> Vec<String> {
        self.keys(&self.media_bucket, prefix).await
    }

    /// The keys of all objects under a prefix of a bucket.
    pub async fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let objects = self.objects(bucket, prefix).await;
        objects.into_iter().map(|(key, _)| key).collect()
    }

    /// The keys of all objects under a prefix of a bucket, and when each was stored (Unix ms).
    pub async fn objects(&self, bucket: &str, prefix: &str) -> Vec<(String, i64)> {
        let mut pages = self
            .s3()
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            for object in page.unwrap().contents() {
                let stored = object.last_modified().unwrap().to_millis().unwrap();
                objects.push((object.key().unwrap().into(), stored));
            }
        }
        objects
    }
}

/// The file that describes [`Stack::get`]'s stack. `REELRUN_STACK` names one file or several, as
/// `PATH` does; nextest numbers the tests of a group that run at the same time.
pub fn description() -> PathBuf {
    let files = env::var_os("REELRUN_STACK").expect(
        "no stack: run the tests with `cargo reelrun test`, or start one with `cargo reelrun up` \
         and set REELRUN_STACK to its target/reelrun/stack.json",
    );
    let slot = env::var("NEXTEST_TEST_GROUP_SLOT").map_or(0, |slot| slot.parse().unwrap_or(0));
    env::split_paths(&files).nth(slot).expect(
        "more tests run at the same time than there are stacks: add `--test-threads 1`, or name \
         more stacks in REELRUN_STACK",
    )
}

/// Where the layer's ffmpeg and ffprobe are: `REELRUN_FFMPEG_DIR`, else wherever `PATH` says.
pub fn program(name: &str) -> PathBuf {
    env::var("REELRUN_FFMPEG_DIR")
        .map_or_else(|_| name.into(), |folder| Path::new(&folder).join(name))
}
