//! Clients as they are: most upload and wait, some are impatient, forgetful or change their minds.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use reelrun_core::media_type;
use reelrun_media::error::ErrorType;
use reelrun_tests::{
    poll::{Patience, so},
    stack::{Stack, put, send},
};
use serde_json::{Value, json};

use crate::files::{File, Files, Wanted};

/// What a client did with one video.
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) wanted: Wanted,
    pub(crate) manner: Manner,
    /// How long it waited for the video to end; nothing, when it did not within its patience.
    pub(crate) waited: Option<Duration>,
}

impl fmt::Display for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {:?})", self.id, self.file, self.manner)
    }
}

/// How a client goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// Sends the file.
    Plain,
    /// Sends it twice; the store takes it once.
    Twice,
    /// Sends the file, and then noise in its place, which the store refuses.
    Replaces,
    /// Announces it and never sends it.
    Forgets,
    /// Deletes the video before it is ready.
    Deletes,
}

impl Manner {
    fn pick(random: &mut fastrand::Rng) -> Self {
        match random.u32(..100) {
            ..75 => Self::Plain,
            75..81 => Self::Twice,
            81..87 => Self::Replaces,
            87..91 => Self::Forgets,
            _ => Self::Deletes,
        }
    }
}

pub(crate) struct Client {
    stack: Stack,
    files: Arc<Files>,
    random: fastrand::Rng,
    done: Arc<AtomicU64>,
}

/// How long a call is tried again: services are back after minutes.
const PATIENCE: Patience = Patience::of(Duration::from_mins(3)).every(Duration::from_millis(300));

/// How long a video is waited for; what takes longer is waited for at the end.
const LONGEST_WAIT: Patience =
    Patience::of(Duration::from_mins(2)).every(Duration::from_millis(500));

impl Client {
    pub(crate) fn new(stack: &Stack, files: &Arc<Files>, seed: u64, done: &Arc<AtomicU64>) -> Self {
        Self {
            stack: stack.clone(),
            files: Arc::clone(files),
            random: fastrand::Rng::with_seed(seed),
            done: Arc::clone(done),
        }
    }

    /// Uploads one file after the other.
    pub(crate) fn work(mut self, until: Instant) -> Vec<Upload> {
        let mut uploads = Vec::new();
        let files = Arc::clone(&self.files);
        while Instant::now() < until {
            let manner = Manner::pick(&mut self.random);
            let file = files.pick(&mut self.random);
            uploads.push(self.upload(file, manner));
            self.done.fetch_add(1, Relaxed);
        }
        uploads
    }

    fn upload(&mut self, file: &File, manner: Manner) -> Upload {
        let permission = self.permission(file);
        let id = permission["video_id"].as_str().unwrap().to_owned();
        let url = permission["upload"]["url"].as_str().unwrap();
        let content_type = permission["upload"]["headers"]["content-type"]
            .as_str()
            .unwrap();
        let send = |bytes: &[u8]| put(url, content_type, bytes).status;
        let begun = Instant::now();
        match manner {
            Manner::Forgets => {}
            Manner::Plain | Manner::Deletes => assert_eq!(send(&file.bytes), 200),
            Manner::Twice | Manner::Replaces => {
                assert_eq!(send(&file.bytes), 200);
                thread::sleep(Duration::from_millis(self.random.u64(..3000)));
                let noise = vec![0; file.bytes.len()];
                let second = if manner == Manner::Twice {
                    &file.bytes
                } else {
                    &noise
                };
                // Where a refused source was, another one may be put; it is removed as it comes.
                let status = send(second);
                let is_withdrawn = || {
                    let video = self.stack.video(&id);
                    let kind = video["error"]["type"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned();
                    let kinds = ErrorType::WITHDRAWS_THE_SOURCE;
                    kinds.iter().any(|one| one.as_str() == kind)
                };
                assert!(status == 412 || status == 200 && is_withdrawn(), "{status}");
            }
        }
        if manner == Manner::Deletes {
            thread::sleep(Duration::from_millis(self.random.u64(..5000)));
            self.delete(&id);
        }
        let waits = !matches!(manner, Manner::Forgets | Manner::Deletes);
        let waited = waits.then(|| self.wait(&id, begun)).flatten();
        Upload {
            id,
            file: file.name.clone(),
            wanted: file.wanted,
            manner,
            waited,
        }
    }

    fn permission(&mut self, file: &File) -> Value {
        let content_type = media_type::for_filename(&file.filename).unwrap();
        let body = json!({
            "filename": file.filename,
            "content_type": content_type,
            "size_bytes": file.bytes.len(),
        });
        let key = format!("soak-{:032x}", self.random.u128(..));
        let headers = [("idempotency-key", key.as_str())];
        let (status, answer) = self.call("POST", "/uploads", &headers, &body.to_string());
        assert_eq!(status, 201, "{answer}");
        answer
    }

    fn delete(&self, id: &str) {
        let (status, answer) = self.call("DELETE", &format!("/videos/{id}"), &[], "");
        // A lost answer makes the second try find nothing.
        assert!([202, 204, 404].contains(&status), "{status}: {answer}");
    }

    fn wait(&self, id: &str, begun: Instant) -> Option<Duration> {
        let ended = LONGEST_WAIT.try_block_on(|| {
            let (status, video) = self.call("GET", &format!("/videos/{id}"), &[], "");
            assert_eq!(status, 200, "{video}");
            so(matches!(
                video["status"].as_str(),
                Some("ready" | "errored")
            ))
        });
        ended.ok().map(|()| begun.elapsed())
    }

    /// A call of the API, again for as long as the service says that it can't now.
    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let token = format!("Bearer {}", self.stack.api_token);
        let mut all = vec![("authorization", token.as_str())];
        all.extend(headers);
        if !body.is_empty() {
            all.push(("content-type", "application/json"));
        }
        let url = format!("{}{path}", self.stack.api_url);
        let answer = PATIENCE.block_on(&format!("{method} {path}"), || {
            let answer = send(method, &url, &all, body.as_bytes());
            if answer.status < 500 && answer.status != 429 {
                Ok(answer)
            } else {
                Err((answer.status, answer.text()))
            }
        });
        let json = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status, json)
    }
}
