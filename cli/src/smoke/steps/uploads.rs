//! Files are sent, and what becomes of each is waited for.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use super::super::clips::Clips;
use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::Target;
use crate::api::{Granted, Upload};
use crate::{signals, ui, uploader};

/// Sizes that are tried, in MiB, until the stack has a file sent in parts. It takes at least the first.
const PART_SIZES: [u64; 7] = [5, 8, 16, 32, 64, 128, 256];

/// Between two questions how a video is.
const POLL: Duration = Duration::from_millis(500);

/// A video whose file was sent.
pub(in super::super) struct Sent {
    pub(in super::super) id: String,
    at: Instant,
    /// Where to look if nothing becomes of it.
    place: Place,
}

impl Sent {
    pub(in super::super) fn now(id: String) -> Self {
        Self {
            id,
            at: Instant::now(),
            place: Place::Transcode,
        }
    }

    /// A video that is encoded in chunks.
    pub(in super::super) fn in_chunks(self) -> Self {
        Self {
            place: Place::Machine,
            ..self
        }
    }
}

/// Sends a file as `cargo reelrun upload` does.
fn send(target: &Target<'_>, file: &Path) -> Result<(String, Option<u64>)> {
    let size = file.metadata()?.len();
    let granted = match target.permission("smoke.mp4", size) {
        Ok(granted) => granted,
        Err(Miss::Fault(fault)) => bail!("{}", fault.came),
        Err(Miss::NotChecked(why)) => bail!(why),
    };
    let granted: Granted = serde_json::from_value(granted)?;
    uploader::send(target.api, &granted, file, size, &|_| {})?;
    let parts = match &granted.upload {
        Upload::Single(_) => None,
        Upload::Multipart {
            part_size_bytes, ..
        } => Some(size.div_ceil(*part_size_bytes)),
    };
    Ok((granted.video_id, parts))
}

/// Sends a file, as a check of its own.
pub(in super::super) fn sent(
    target: &Target<'_>,
    report: &mut Report,
    what: &str,
    file: &Path,
) -> Result<Option<Sent>> {
    report.check(what, || {
        let size = file.metadata().map_or(0, |file| file.len());
        match send(target, file) {
            Ok((id, _)) => Ok((Sent::now(id), ui::size(size))),
            Err(why) => Err(Miss::fault(
                format!("an upload of {}", ui::size(size)),
                format!("{why:#}"),
                Place::SignedUploads,
            )),
        }
    })
}

/// Sends the smallest file that this stack has sent in parts.
pub(in super::super) fn in_parts(
    target: &Target<'_>,
    report: &mut Report,
    clips: &Clips,
    clip: &Path,
) -> Result<Option<Sent>> {
    report.check("a large file is taken in parts", || {
        let Some(size) = smallest_in_parts(target)? else {
            return Err(Miss::NotChecked(format!(
                "this stack takes all up to {} MiB in one piece (MultipartFromBytes, MaxUploadBytes), \
                 and more is not sent here",
                PART_SIZES[PART_SIZES.len() - 1]
            )));
        };
        let fault = |why: anyhow::Error| {
            let expected = format!("a multipart upload of {}", ui::size(size));
            Miss::fault(expected, format!("{why:#}"), Place::SignedUploads)
        };
        let file: PathBuf = clips.padded(clip, size).map_err(fault)?;
        let (id, parts) = send(target, &file).map_err(fault)?;
        let parts = parts.ok_or_else(|| fault(anyhow!("it was sent in one piece")))?;
        Ok((Sent::now(id), format!("{} in {parts} parts", ui::size(size))))
    })
}

/// Asks for permissions, which cost nothing, until one is for parts.
fn smallest_in_parts(target: &Target<'_>) -> Result<Option<u64>, Miss> {
    let limits = target.call("GET", "/limits", None, None)?.json();
    let largest = limits["max_upload_bytes"].as_u64().unwrap_or(u64::MAX);
    // A byte more, so that the last part is a short one.
    let sizes = PART_SIZES.map(|mib| (mib << 20) + 1);
    for size in sizes.into_iter().filter(|size| *size <= largest) {
        let granted = target.permission("smoke.mp4", size)?;
        let id = granted["video_id"].as_str().unwrap_or_default();
        target.delete(id)?;
        if granted["upload"]["strategy"] == "multipart" {
            return Ok(Some(size));
        }
    }
    Ok(None)
}

/// Waits until a video is ready or errored, as it must become.
pub(in super::super) fn settled(
    target: &Target<'_>,
    sent: &Sent,
    patience: Duration,
    becomes: Becomes,
) -> Outcome<Value> {
    let mut failed = 0;
    loop {
        // Whoever watches has no token.
        let answer = target.call("GET", &format!("/videos/{}", sent.id), None, None);
        let video = match answer {
            Ok(answer) if answer.status == 200 => answer.json(),
            Ok(answer) => return Err(Miss::fault("200", answer.words(), Place::Lookup)),
            // A function may start once in a while too late for its gateway.
            Err(_) if failed < 2 => {
                failed += 1;
                pause(POLL);
                continue;
            }
            Err(miss) => return Err(miss),
        };
        let status = video["status"].as_str().unwrap_or_default();
        let took = sent.at.elapsed();
        match (status, becomes) {
            ("ready", Becomes::Ready) => {
                return Ok((video, format!("{} after it was sent", ui::seconds(took))));
            }
            ("errored", Becomes::Errored(kind)) if video["error"]["type"] == kind => {
                let detail = video["error"]["detail"].as_str().unwrap_or_default();
                return Ok((video["error"].clone(), format!("{kind}: {detail}")));
            }
            ("errored", Becomes::Ready) if video["error"]["type"] == "too-long" => {
                let why = format!("this stack takes no such video: {}", outcome(&video));
                return Err(Miss::NotChecked(why));
            }
            ("ready" | "errored", _) => {
                return Err(Miss::fault(becomes.words(), outcome(&video), sent.place));
            }
            _ if took > patience => return Err(late(&video, sent.place, becomes, took)),
            _ => pause(POLL),
        }
        if signals::stopped() {
            return Err(Miss::NotChecked("stopped".into()));
        }
    }
}

/// What is to become of a video.
#[derive(Clone, Copy)]
pub(in super::super) enum Becomes {
    Ready,
    Errored(&'static str),
}

impl Becomes {
    fn words(self) -> String {
        match self {
            Self::Ready => "the video is ready".into(),
            Self::Errored(kind) => format!("the video is errored, with {kind}"),
        }
    }
}

fn outcome(video: &Value) -> String {
    let error = &video["error"];
    match video["status"].as_str() {
        Some("errored") => format!(
            "errored, with {}: {}",
            error["type"].as_str().unwrap_or("no type"),
            error["detail"].as_str().unwrap_or("no detail")
        ),
        status => status.unwrap_or("no status").to_owned(),
    }
}

fn late(video: &Value, place: Place, becomes: Becomes, took: Duration) -> Miss {
    let status = video["status"].as_str().unwrap_or("without a status");
    let expected = format!("{} within {}", becomes.words(), ui::seconds(took));
    if status == "waiting" {
        let came = "still waiting: nothing began to prepare it";
        return Miss::fault(expected, came, Place::UploadsEvent);
    }
    let progress = video["progress"].as_f64().unwrap_or(0.0) * 100.0;
    let came = format!("still {status}, {progress:.0} % done");
    Miss::fault(expected, came, place)
}

/// Waits a little; less if the command is told to end.
pub(super) fn pause(duration: Duration) {
    let _ = signals::pause(duration);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(miss: Miss) -> super::super::super::report::Fault {
        match miss {
            Miss::Fault(fault) => fault,
            Miss::NotChecked(why) => panic!("{why}"),
        }
    }

    #[test]
    fn who_is_late_says_what_did_not_begin() {
        let took = Duration::from_secs(20);
        let waiting = fault(late(
            &json!({"status": "waiting"}),
            Place::Transcode,
            Becomes::Ready,
            took,
        ));
        assert_eq!(waiting.place, Place::UploadsEvent);
        let stuck = json!({"status": "preparing", "progress": 0.25});
        let stuck = fault(late(&stuck, Place::Transcode, Becomes::Ready, took));
        assert_eq!(stuck.place, Place::Transcode);
        assert_eq!(stuck.came, "still preparing, 25 % done");
        assert_eq!(stuck.expected, "the video is ready within 20.0 s");
    }

    #[test]
    fn an_outcome_is_told_with_its_reason() {
        let errored = json!({"status": "errored", "error": {"type": "internal", "detail": "Why."}});
        assert_eq!(outcome(&errored), "errored, with internal: Why.");
        assert_eq!(outcome(&json!({"status": "ready"})), "ready");
    }
}
