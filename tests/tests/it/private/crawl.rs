//! Whoever knows a private video's id reads all that the stack says of it to anybody, follows every
//! address in it, and still has nothing of the video.

use std::{collections::BTreeSet, time::Duration};

use reelrun_core::token::{self, PlaybackKeys};
use reelrun_media::encryption::SegmentKey;
use reelrun_platform::now;
use reelrun_tests::{
    configuration::Reconfigured,
    media::Clips,
    notices::{Receiver, input, notices},
    poll::Patience,
    stack::{Answer, Stack, send},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{keys, owned, ready, upload_as};

/// How many bytes are asked for where some are.
const RANGE: usize = 64;

/// A queue to which the bus brings every event of Reelrun's, as a subscriber of the deployment has.
struct Subscriber<'a> {
    stack: &'a Stack,
    queue: String,
}

impl<'a> Subscriber<'a> {
    const NAME: &'static str = "crawl";

    fn new(stack: &'a Stack) -> Self {
        let queue = json!({"QueueName": Self::NAME});
        let made = Self::call(stack, "AmazonSQS.CreateQueue", "sqs", "1.0", &queue);
        let queue = made["QueueUrl"].as_str().unwrap().to_owned();
        let wanted = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
        let found = Self::call(stack, "AmazonSQS.GetQueueAttributes", "sqs", "1.0", &wanted);
        let target = json!({"Id": "1", "Arn": found["Attributes"]["QueueArn"]});
        let pattern = json!({"source": ["reelrun"]}).to_string();
        for (operation, body) in [
            (
                "PutRule",
                json!({"Name": Self::NAME, "EventPattern": pattern}),
            ),
            (
                "PutTargets",
                json!({"Rule": Self::NAME, "Targets": [target]}),
            ),
        ] {
            Self::call(
                stack,
                &format!("AWSEvents.{operation}"),
                "events",
                "1.1",
                &body,
            );
        }
        Self { stack, queue }
    }

    fn call(stack: &Stack, target: &str, service: &str, version: &str, body: &Value) -> Value {
        let kind = format!("application/x-amz-json-{version}");
        let headers = [("content-type", &*kind), ("x-amz-target", target)];
        let answer = stack.as_root(service, &headers, &body.to_string());
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    /// The next events, each as it was delivered.
    fn received(&self) -> Vec<String> {
        let asked = json!({"QueueUrl": self.queue, "MaxNumberOfMessages": 10});
        let got = Self::call(self.stack, "AmazonSQS.ReceiveMessage", "sqs", "1.0", &asked);
        let messages = got["Messages"].as_array().into_iter().flatten();
        messages
            .map(|message| message["Body"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Subscriber<'_> {
    fn drop(&mut self) {
        let remove = json!({"Rule": Self::NAME, "Ids": ["1"]});
        Self::call(
            self.stack,
            "AWSEvents.RemoveTargets",
            "events",
            "1.1",
            &remove,
        );
        let rule = json!({"Name": Self::NAME});
        Self::call(self.stack, "AWSEvents.DeleteRule", "events", "1.1", &rule);
        let queue = json!({"QueueUrl": self.queue});
        Self::call(self.stack, "AmazonSQS.DeleteQueue", "sqs", "1.0", &queue);
    }
}

/// An answer as it was seen, headers and all.
fn seen(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    format!("{} {:?}\n{body}", answer.status, answer.headers)
}

/// What ends no address and no token.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'`<>(){}[],;\\".contains(c))
}

/// Whether a text has a token that is worth something. Within an address, it is a name between slashes.
fn has_token(text: &str, keys: &PlaybackKeys) -> bool {
    words(text)
        .flat_map(|word| word.split(['/', '=', '#', '?', '&']))
        .any(|word| token::verify(word, keys, now()).is_ok())
}

/// Something that was read, and where.
type Told = (String, String);

#[tokio::test]
async fn nothing_that_anybody_is_told_of_a_private_video_opens_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let since = now().as_millis();
    let (receiver, subscriber) = (Receiver::start(&[]), Subscriber::new(&stack));
    let variables = [
        ("WEBHOOK_URLS", receiver.url.clone()),
        ("WEBHOOK_SECRET", format!("whsec_{}", "MfKQ9r8G".repeat(4))),
        ("WEBHOOK_PRIVATE_ADDRESSES", "permitted".to_owned()),
    ];
    let _configuration = Reconfigured::function(&stack, &stack.notify_function, &variables).await;
    let file = clips.clip("secret.mp4", "160x120", "25", 2.0);
    let id = upload_as(&stack, &file, json!({"encryption": "aes-128"}));
    ready(&stack, &id);

    let mut told = announced(&stack, &id, &subscriber, &receiver).await;
    for (name, function) in stack.functions() {
        let logs = stack.logs(function, since).into_iter();
        told.extend(logs.map(|log| (format!("the log of {name}"), log)));
    }
    told.extend(answered(&stack, &id));

    let keys = keys(&stack);
    let segment_key = stack.record(&id).await["segment_key"]
        .as_s()
        .unwrap()
        .clone();
    let owners = owned(&stack, &id).to_string();
    assert!(has_token(&owners, &keys), "it would be found");
    for (what, text) in &told {
        assert!(!has_token(text, &keys), "{what}: {text}");
        let known = [keys.newest().secret(), &segment_key];
        for secret in stack.secrets().iter().chain(&known) {
            assert!(!text.contains(secret), "{what}: {text}");
        }
    }
    opens_nothing(&stack, &id, &segment_key, &told).await;
}

/// What subscribers and webhooks are told.
async fn announced(
    stack: &Stack,
    id: &str,
    subscriber: &Subscriber<'_>,
    receiver: &Receiver,
) -> Vec<Told> {
    let patience = Patience::of(Duration::from_mins(1));
    let event = patience.block_on("the event arrives", || {
        let mut received = subscriber.received().into_iter();
        received.find(|one| one.contains(id)).ok_or("no event")
    });
    let hook = patience.block_on("the webhook arrives", || {
        let mut received = receiver.received().into_iter().map(|one| {
            let body = String::from_utf8_lossy(&one.body);
            format!("{:?}\n{body}", one.headers)
        });
        received.find(|one| one.contains(id)).ok_or("no webhook")
    });
    let mut told = vec![("the event".into(), event), ("the webhook".into(), hook)];
    for notice in notices(stack, id).await {
        let text = input(stack, &notice).await.to_string();
        told.push(("the notice".into(), text));
    }
    told
}

const ORIGIN: (&str, &str) = ("origin", "http://localhost:3000");

/// What the API and the page answer to whoever has no token.
fn answered(stack: &Stack, id: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for (method, path) in [
        ("GET", "/videos".to_owned()),
        ("GET", "/openapi.json".to_owned()),
        ("GET", format!("/videos/{id}")),
        ("GET", format!("/videos/{id}/key")),
        ("POST", format!("/videos/{id}/tokens")),
        ("PATCH", format!("/videos/{id}")),
        ("DELETE", format!("/videos/{id}")),
        ("POST", format!("/uploads/{id}/sign")),
    ] {
        let url = format!("{}{path}", stack.api_url);
        let answer = send(method, &url, &[ORIGIN], b"");
        told.push((format!("{method} {path}"), seen(&answer)));
        let asked = ("access-control-request-method", method);
        let answer = send("OPTIONS", &url, &[ORIGIN, asked], b"");
        told.push((format!("the preflight of {method} {path}"), seen(&answer)));
    }
    for page in ["watch", "embed"] {
        let answer = send("GET", &format!("{}/{page}/{id}", stack.cdn_url), &[], b"");
        told.push((format!("the page /{page}"), seen(&answer)));
    }
    told
}

/// There is no address, told or guessed, at which anything is that is stored of a video.
async fn opens_nothing(stack: &Stack, id: &str, segment_key: &str, told: &[Told]) {
    let key = SegmentKey::try_from(segment_key.to_owned()).unwrap();
    let mut stored = BTreeSet::from([Sha256::digest(key.bytes())]);
    let addresses: BTreeSet<String> = told
        .iter()
        .flat_map(|(_, text)| words(text))
        .filter_map(|word| word.find("http").map(|at| word[at..].to_owned()))
        .filter(|word| word.contains(id))
        .collect();
    let mut guesses = BTreeSet::new();
    let mut names = BTreeSet::from(["key".to_owned(), "original".to_owned()]);
    for bucket in [&stack.uploads_bucket, &stack.media_bucket] {
        let prefix = format!("private/{id}/");
        for key in stack.keys(bucket, &prefix).await {
            let found = stack.s3().get_object().bucket(bucket).key(&key);
            let found = found.send().await.unwrap().body.collect().await;
            let bytes = found.unwrap().into_bytes();
            for part in [&bytes[..], &bytes[..bytes.len().min(RANGE)]] {
                stored.insert(Sha256::digest(part));
            }
            names.insert(key.strip_prefix(&prefix).unwrap().to_owned());
            guesses.insert(format!("{}/{bucket}/{key}", stack.aws_endpoint_url));
        }
    }
    assert!(stored.len() > 16, "little was stored: {}", stored.len());
    assert!(!addresses.is_empty());
    for folder in ["private", "videos", "uploads", "s"] {
        let guess = |name| format!("{}/{folder}/{id}/{name}", stack.cdn_url);
        guesses.extend(names.iter().map(guess));
    }
    let range = format!("bytes=0-{}", RANGE - 1);
    let preflight = ("access-control-request-method", "GET");
    let told = addresses.iter().flat_map(|address| {
        [
            (address, "GET", vec![ORIGIN]),
            (address, "GET", vec![ORIGIN, ("range", &*range)]),
            (address, "OPTIONS", vec![ORIGIN, preflight]),
        ]
    });
    let guessed = guesses.iter().map(|guess| (guess, "GET", vec![ORIGIN]));
    for (address, method, headers) in told.chain(guessed) {
        let answer = send(method, address, &headers, b"");
        assert!(!stored.contains(&Sha256::digest(&answer.body)), "{address}");
        // Nobody is sent anywhere else, either.
        assert_eq!(answer.header("location"), "", "{address}");
    }
}
