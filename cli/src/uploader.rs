//! Sends a file to storage, as its upload says: with one PUT, or in parts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use ureq::http::StatusCode;
use ureq::{Agent, SendBody};

use crate::api::{Api, Granted, Signed, Status, Upload};
use crate::http::cause;
use crate::signals::{self, Stopped};

/// Parts under way at once: what one connection leaves unused, others fill.
const AT_ONCE: usize = 4;
/// How often a request is tried; one of a multipart upload each time with a URL that was signed anew.
const TRIES: u32 = 5;
const SAY_EVERY: Duration = Duration::from_millis(100);
const MAX_ANSWER: u64 = 1 << 20;

/// Sends a file. `progress` is told how much of it was sent, from 0 to 1.
pub(crate) fn send(
    api: &Api,
    granted: &Granted,
    file: &Path,
    size: u64,
    progress: &dyn Fn(f64),
) -> Result<()> {
    let sent = AtomicU64::new(0);
    let source = Source::of(file, size, &sent)?;
    thread::scope(|scope| {
        let sending = scope.spawn(|| match &granted.upload {
            Upload::Single(signed) => source.tried(|| {
                let body = source.open(0, size)?;
                request(&api.store, "PUT", signed, body, size).map(drop)
            }),
            Upload::Multipart {
                key,
                part_size_bytes,
                sign_url,
            } => Multipart {
                api,
                sign_url,
                video_id: &granted.video_id,
                token: &granted.upload_token,
                key,
                source: &source,
                size,
                part_size: *part_size_bytes,
            }
            .send(),
        });
        while !sending.is_finished() {
            #[expect(clippy::cast_precision_loss, reason = "a bar has a thousand positions")]
            progress((sent.load(Ordering::Relaxed) as f64 / size as f64).min(1.0));
            thread::sleep(SAY_EVERY);
        }
        let result = sending
            .join()
            .map_err(|_| anyhow!("the upload broke off"))?;
        if signals::stopped() {
            return Err(Stopped.into());
        }
        result
    })
}

struct Multipart<'a> {
    api: &'a Api,
    sign_url: &'a str,
    video_id: &'a str,
    token: &'a str,
    key: &'a str,
    source: &'a Source<'a>,
    size: u64,
    part_size: u64,
}

impl Multipart<'_> {
    fn send(&self) -> Result<()> {
        let begun = self
            .source
            .tried(|| self.ask(&json!({"method": "POST", "key": self.key}), ""))?;
        let upload_id = element(&begun.text, "UploadId").context("the store began no upload")?;
        let count = self.size.div_ceil(self.part_size);
        let next = AtomicU64::new(1);
        let failed = AtomicBool::new(false);
        let tags = Mutex::new(vec![String::new(); usize::try_from(count)?]);
        let work = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > count || failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let tag = self.source.tried(|| self.part(&upload_id, number));
                let tag = tag.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
                if let (Ok(mut tags), Ok(index)) = (tags.lock(), usize::try_from(number - 1)) {
                    tags[index] = tag;
                }
            }
        };
        let result = thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("the upload broke off")))
            });
            joined
                .collect::<Vec<_>>()
                .into_iter()
                .collect::<Result<()>>()
        });
        if let Err(why) = result {
            // What was sent is of no use to anyone; should this fail, it is removed after a day.
            let _ = self.ask(
                &json!({"method": "DELETE", "key": self.key, "uploadId": upload_id}),
                "",
            );
            return Err(why);
        }
        let tags = tags
            .into_inner()
            .map_err(|_| anyhow!("the upload broke off"))?;
        let parts = tags.iter().zip(1..).map(|(tag, number)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        });
        let body = format!(
            "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
            parts.collect::<String>()
        );
        let complete = json!({"method": "POST", "key": self.key, "uploadId": upload_id});
        self.source.tried(|| {
            let completed = self.ask(&complete, &body).and_then(|answer| {
                // S3 may begin an answer with 200 before it knows how it ends.
                let code = element(&answer.text, "Code");
                let is_there = answer.is_there || code.as_deref() == Some("PreconditionFailed");
                if answer.text.contains("<Error>") && !is_there {
                    bail!(
                        "the store refused the upload: {}",
                        refusal(StatusCode::OK, &answer.text)
                    );
                }
                Ok(())
            });
            // The answer to an earlier try may have been lost.
            completed.or_else(|why| if self.has_arrived() { Ok(()) } else { Err(why) })
        })
    }

    fn has_arrived(&self) -> bool {
        let video = self.api.video(self.video_id);
        video.is_ok_and(|video| video.status != Status::Waiting)
    }

    fn part(&self, upload_id: &str, number: u64) -> Result<String> {
        let offset = (number - 1) * self.part_size;
        let length = self.part_size.min(self.size - offset);
        let signed = self.sign(&json!({
            "method": "PUT", "key": self.key, "uploadId": upload_id, "partNumber": number,
        }))?;
        let body = self.source.open(offset, length)?;
        let answer = request(&self.api.store, "PUT", &signed, body, length)?;
        answer
            .entity_tag
            .context("the store gave a part no entity tag")
    }

    /// A request without a file.
    fn ask(&self, wanted: &Value, body: &str) -> Result<Answer> {
        let signed = self.sign(wanted)?;
        let method = wanted["method"].as_str().unwrap_or_default();
        let length = body.len() as u64;
        request(&self.api.store, method, &signed, body.as_bytes(), length)
    }

    fn sign(&self, wanted: &Value) -> Result<Signed> {
        self.api.sign(self.sign_url, self.token, wanted)
    }
}

/// The file as it was when it began to be sent, and how much of it was read.
struct Source<'a> {
    file: &'a Path,
    size: u64,
    modified: SystemTime,
    sent: &'a AtomicU64,
}

impl<'a> Source<'a> {
    /// The file, which must have the size that was permitted.
    fn of(file: &'a Path, size: u64, sent: &'a AtomicU64) -> Result<Self> {
        let unreadable = || format!("cannot read {}", file.display());
        let found = file.metadata().with_context(unreadable)?;
        let source = Self {
            file,
            size,
            modified: found.modified().with_context(unreadable)?,
            sent,
        };
        source.check_unchanged()?;
        Ok(source)
    }

    /// Fails if the file is not what it was: parts of it from different times make no video.
    fn check_unchanged(&self) -> Result<()> {
        let name = self.file.display();
        let found = self
            .file
            .metadata()
            .with_context(|| format!("cannot read {name}"))?;
        let is_unchanged = found.len() == self.size
            && found
                .modified()
                .is_ok_and(|modified| modified == self.modified);
        ensure!(
            is_unchanged,
            "{name} changed while it was sent; wait until it is complete, then upload it again"
        );
        Ok(())
    }

    /// Does something that sends, again if it fails while the file is what it was.
    fn tried<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        let mut pause = Duration::from_millis(500);
        let mut left = TRIES;
        loop {
            let sent = self.sent.load(Ordering::Relaxed);
            let why = match work() {
                Ok(done) => return Ok(done),
                Err(why) => why,
            };
            self.check_unchanged()?;
            left -= 1;
            if left == 0 || signals::stopped() {
                return Err(why);
            }
            // Other parts may have gone on meanwhile; a bar that is a little short is right.
            self.sent.fetch_min(sent, Ordering::Relaxed);
            thread::sleep(pause);
            pause *= 2;
        }
    }

    fn open(&self, offset: u64, length: u64) -> Result<Metered<'_>> {
        let unreadable = || format!("cannot read {}", self.file.display());
        let mut file = File::open(self.file).with_context(unreadable)?;
        file.seek(SeekFrom::Start(offset))
            .with_context(unreadable)?;
        Ok(Metered {
            file,
            left: length,
            source: self,
        })
    }
}

/// A stretch of the file. Counts what is read of it, and ends early when the command is told to.
struct Metered<'a> {
    file: File,
    left: u64,
    source: &'a Source<'a>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if signals::stopped() {
            return Err(io::Error::other("stopped"));
        }
        let length = (&mut self.file).take(self.left).read(buffer)?;
        self.left -= length as u64;
        // Not one byte too few, for which the store would wait, and no last one of another file's.
        let is_last = self.left == 0;
        if (is_last && length > 0) || (!is_last && length == 0 && !buffer.is_empty()) {
            self.source.check_unchanged().map_err(io::Error::other)?;
        }
        self.source.sent.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

struct Answer {
    /// An earlier request has stored the source, whose answer was lost.
    is_there: bool,
    text: String,
    entity_tag: Option<String>,
}

/// Sends bytes with one PUT, exactly as it was signed.
pub(crate) fn store(store: &Agent, signed: &Signed, bytes: &[u8]) -> Result<()> {
    request(store, "PUT", signed, bytes, bytes.len() as u64).map(drop)
}

/// One request, exactly as it was signed.
fn request(
    store: &Agent,
    method: &str,
    signed: &Signed,
    mut body: impl Read,
    length: u64,
) -> Result<Answer> {
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(&signed.url);
    for (name, value) in &signed.headers {
        if let Some(value) = value.as_str() {
            request = request.header(name, value);
        }
    }
    let request = request
        .header("Content-Length", length.to_string())
        .body(SendBody::from_reader(&mut body))
        .map_err(|_| anyhow!("the store's URL can't be used"))?;
    // The URL is a permission, so no error may quote it.
    let mut answer = store
        .run(request)
        .map_err(|error| anyhow!("the upload broke off: {}", cause(&error)))?;
    let entity_tag = answer
        .headers()
        .get("etag")
        .and_then(|tag| tag.to_str().ok());
    let entity_tag = entity_tag.map(str::to_owned);
    let text = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_string();
    let text = text.unwrap_or_default();
    // A source is stored once.
    let is_there = answer.status() == StatusCode::PRECONDITION_FAILED;
    if answer.status().is_success() || is_there {
        return Ok(Answer {
            is_there,
            text,
            entity_tag,
        });
    }
    bail!(
        "the store refused the upload: {}",
        refusal(answer.status(), &text)
    )
}

/// What S3 says in its XML.
fn refusal(status: StatusCode, xml: &str) -> String {
    match (element(xml, "Code"), element(xml, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message} ({})", status.as_u16()),
        (Some(code), None) => format!("{code} ({})", status.as_u16()),
        _ => status.to_string(),
    }
}

/// The text of an element that holds nothing else.
fn element(xml: &str, name: &str) -> Option<String> {
    let after = xml.split_once(&format!("<{name}>"))?.1;
    Some(after.split_once(&format!("</{name}>"))?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::{env, fs};

    use super::*;

    #[test]
    fn the_store_speaks_xml() {
        let xml = "<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message></Error>";
        assert_eq!(
            refusal(StatusCode::FORBIDDEN, xml),
            "SignatureDoesNotMatch: No. (403)"
        );
        assert_eq!(
            refusal(StatusCode::BAD_GATEWAY, "<html>"),
            "502 Bad Gateway"
        );
        let begun = "<InitiateMultipartUploadResult><UploadId>a/b+c</UploadId></InitiateMultipartUploadResult>";
        assert_eq!(element(begun, "UploadId").as_deref(), Some("a/b+c"));
    }

    /// A file of ten bytes, and its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("reelrun-{name}-{}", std::process::id()));
            fs::write(&path, b"0123456789").expect("written");
            Self(path)
        }

        fn source<'a>(&'a self, sent: &'a AtomicU64) -> Source<'a> {
            Source::of(&self.0, 10, sent).expect("unchanged")
        }

        /// Changes what is in it, at a time that is told from the one before.
        fn change(&self, to: &[u8]) {
            fs::write(&self.0, to).expect("written");
            let file = File::options().write(true).open(&self.0).expect("opened");
            let later = SystemTime::now() + Duration::from_secs(2);
            file.set_modified(later).expect("later");
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn read(mut stretch: Metered<'_>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4];
        loop {
            match stretch.read(&mut buffer)? {
                0 => return Ok(bytes),
                length => bytes.extend_from_slice(&buffer[..length]),
            }
        }
    }

    #[test]
    fn a_stretch_of_a_file_is_read_and_counted() {
        let (scratch, sent) = (Scratch::new("stretch"), AtomicU64::new(0));
        let source = scratch.source(&sent);
        let bytes = read(source.open(2, 7).expect("opened")).expect("read");
        assert_eq!(
            (bytes.as_slice(), sent.into_inner()),
            (b"2345678".as_slice(), 7)
        );
        assert!(Source::of(&scratch.0, 11, &AtomicU64::new(0)).is_err());
    }

    /// However it changes, its last byte is not sent: the store gets no whole body and keeps nothing.
    #[test]
    fn a_file_that_changes_is_not_sent_to_its_end() {
        for (name, changed) in [
            ("shorter", b"012".as_slice()),
            ("longer", b"0123456789abc"),
            ("other", b"9876543210"),
        ] {
            let (scratch, sent) = (Scratch::new(name), AtomicU64::new(0));
            let source = scratch.source(&sent);
            let stretch = source.open(0, 10).expect("opened");
            scratch.change(changed);
            let why = read(stretch).expect_err(name).to_string();
            assert!(why.contains("changed while it was sent"), "{name}: {why}");
            assert!(sent.load(Ordering::Relaxed) < 10, "{name}");
        }
    }

    #[test]
    fn a_file_that_changed_is_not_tried_again() {
        let (scratch, sent) = (Scratch::new("again"), AtomicU64::new(0));
        let source = scratch.source(&sent);
        let tries = AtomicU64::new(0);
        let why = source.tried(|| -> Result<()> {
            tries.fetch_add(1, Ordering::Relaxed);
            scratch.change(b"9876543210");
            bail!("the upload broke off")
        });
        let why = why.expect_err("changed").to_string();
        assert!(why.contains("upload it again"), "{why}");
        assert_eq!(tries.into_inner(), 1);
    }
}
