//! Reelrun's HTTP API as a client sees it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::http::{agent, cause};
use crate::state::StackState;

/// For calls that are answered at once.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stack's API.
pub(crate) struct Api {
    base: String,
    token: String,
    agent: Agent,
    /// Without a time limit, for bodies of any size.
    pub(crate) store: Agent,
}

/// Whom an upload is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Whom the deployment says.
    AsDeployed,
    /// Those who have a token.
    Private,
    /// The same, and its segments are encrypted.
    Encrypted,
}

/// The permission to upload one source.
#[derive(Deserialize)]
pub(crate) struct Granted {
    pub(crate) video_id: String,
    pub(crate) upload_token: String,
    pub(crate) upload: Upload,
}

/// How a source is sent.
#[derive(Deserialize)]
#[serde(tag = "strategy", rename_all = "lowercase")]
pub(crate) enum Upload {
    /// With one request.
    Single(Signed),
    /// In parts, each of which is signed on its own.
    Multipart {
        key: String,
        part_size_bytes: u64,
        sign_url: String,
    },
}

/// A signed permission for one request.
#[derive(Deserialize)]
pub(crate) struct Signed {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: Map<String, Value>,
}

/// What `GET /videos/{id}` says, as far as the command reads it.
#[derive(Clone, Deserialize)]
pub(crate) struct Video {
    pub(crate) id: String,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) progress: Option<f64>,
    #[serde(default)]
    pub(crate) source: Option<Source>,
    #[serde(default)]
    pub(crate) playback: Playback,
    #[serde(default)]
    pub(crate) tracks: Vec<Track>,
    #[serde(default)]
    pub(crate) error: Option<Problem>,
    /// The answer as it came.
    #[serde(skip)]
    pub(crate) json: Value,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Waiting,
    Preparing,
    Ready,
    Errored,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Source {
    #[serde(default)]
    pub(crate) duration_ms: Option<u64>,
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct Playback {
    #[serde(default)]
    pub(crate) hls: Option<String>,
    #[serde(default)]
    pub(crate) dash: Option<String>,
    #[serde(default)]
    pub(crate) original: Option<String>,
}

/// A text track, as far as the command shows it.
#[derive(Clone, Deserialize)]
pub(crate) struct Track {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) language: String,
    pub(crate) name: Option<String>,
    pub(crate) default: bool,
    pub(crate) forced: bool,
    pub(crate) status: String,
    pub(crate) source: String,
    pub(crate) error: Option<String>,
}

impl Track {
    /// Whether it was added to the video, and not in its file.
    pub(crate) fn is_uploaded(&self) -> bool {
        self.source == "uploaded"
    }
}

/// A text track that is to be added.
pub(crate) struct NewTrack<'a> {
    pub(crate) kind: &'a str,
    pub(crate) language: &'a str,
    pub(crate) filename: &'a str,
}

/// The permission to send its file.
#[derive(Deserialize)]
struct GrantedTrack {
    track: Track,
    upload: Signed,
}

/// A playback token.
#[derive(Deserialize)]
pub(crate) struct GrantedToken {
    pub(crate) token: String,
    pub(crate) expires_at: String,
    pub(crate) playback: Playback,
    /// The answer as it came.
    #[serde(skip)]
    pub(crate) json: Value,
}

/// An RFC 9457 problem.
#[derive(Clone, Deserialize)]
pub(crate) struct Problem {
    title: String,
    #[serde(default)]
    detail: Option<String>,
}

impl Problem {
    /// In words.
    pub(crate) fn words(&self) -> String {
        match self.detail.as_deref().filter(|detail| !detail.is_empty()) {
            Some(detail) => format!("{}: {detail}", self.title),
            None => self.title.clone(),
        }
    }
}

impl Api {
    /// The API of this stack, called with its token.
    pub(crate) fn of(stack: &StackState) -> Result<Self> {
        let local = stack.local.is_some();
        // The variable is for deployed stacks; a local one has a token of its own.
        let token = std::env::var("REELRUN_API_TOKEN")
            .ok()
            .filter(|_| !local)
            .or_else(|| stack.api_token.clone());
        Ok(Self {
            base: stack.api_url.clone(),
            token: token.ok_or_else(|| {
                anyhow!(
                    "no API token is known for the stack {}; set REELRUN_API_TOKEN, or make a new \
                     token with `cargo reelrun deploy --new-token`",
                    stack.stack_name
                )
            })?,
            agent: agent(PATIENCE, local),
            store: Agent::config_builder()
                .http_status_as_error(false)
                .timeout_connect(Some(PATIENCE))
                .timeout_recv_response(Some(PATIENCE * 5))
                .proxy(if local {
                    None
                } else {
                    ureq::Proxy::try_from_env()
                })
                .build()
                .into(),
        })
    }

    /// What management calls carry.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// URL of a video's record.
    pub(crate) fn video_url(&self, id: &str) -> String {
        format!("{}/videos/{id}", self.base)
    }

    /// Asks for the permission to upload a file.
    pub(crate) fn create_upload(
        &self,
        file: &Path,
        size: u64,
        privacy: Privacy,
    ) -> Result<Granted> {
        let name = file
            .file_name()
            .unwrap_or(file.as_os_str())
            .to_string_lossy();
        let mut body = json!({
            "filename": name,
            // The API knows the type by the name, and says which names it takes.
            "content_type": "",
            "size_bytes": size,
        });
        if privacy != Privacy::AsDeployed {
            body["visibility"] = "private".into();
        }
        if privacy == Privacy::Encrypted {
            body["encryption"] = "aes-128".into();
        }
        let json = self.post(&format!("{}/uploads", self.base), &body)?;
        serde_json::from_value(json).context(
            "the API granted the upload in a way that this version does not know; update the checkout",
        )
    }

    /// Has a request of an upload signed.
    pub(crate) fn sign(
        &self,
        sign_url: &str,
        upload_token: &str,
        wanted: &Value,
    ) -> Result<Signed> {
        let answer = self
            .agent
            .post(sign_url)
            .header("Authorization", format!("Bearer {upload_token}"))
            .header("Content-Type", "application/json")
            .send(wanted.to_string())
            .map_err(|error| self.unreachable(&error))?;
        serde_json::from_value(read_json(answer)?).context("the API signed in no known way")
    }

    /// Says that an upload is complete.
    pub(crate) fn complete_upload(&self, granted: &Granted) -> Result<()> {
        let answer = self
            .agent
            .post(format!(
                "{}/uploads/{}/complete",
                self.base, granted.video_id
            ))
            .header("Authorization", format!("Bearer {}", granted.upload_token))
            .send_empty()
            .map_err(|error| self.unreachable(&error))?;
        read_json(answer).map(drop)
    }

    /// A video's record.
    pub(crate) fn video(&self, id: &str) -> Result<Video> {
        let answer = self
            .agent
            .get(self.video_url(id))
            .header("Authorization", format!("Bearer {}", self.token))
            .call()
            .map_err(|error| self.unreachable(&error))?;
        let json = read_json(answer)?;
        let video: Video = serde_json::from_value(json.clone())
            .context("the API described the video in no known way")?;
        Ok(Video { json, ..video })
    }

    /// A token for a private video, and what it opens.
    pub(crate) fn create_token(
        &self,
        id: &str,
        valid_for: Option<Duration>,
        original: bool,
        referrers: &[String],
    ) -> Result<GrantedToken> {
        let mut body = json!({"audience": if original { "original" } else { "play" }});
        if let Some(valid_for) = valid_for {
            body["expires_in_s"] = valid_for.as_secs().into();
        }
        if !referrers.is_empty() {
            body["referrers"] = json!(referrers);
        }
        let json = self.post(&format!("{}/tokens", self.video_url(id)), &body)?;
        let granted: GrantedToken = serde_json::from_value(json.clone())
            .context("the API granted the token in no known way")?;
        Ok(GrantedToken { json, ..granted })
    }

    /// Adds a text track to a video: its id, and the permission to send its file.
    pub(crate) fn create_track(
        &self,
        video: &str,
        track: &NewTrack<'_>,
        size: usize,
    ) -> Result<(String, Signed)> {
        let body = json!({
            "kind": track.kind,
            "language": track.language,
            "filename": track.filename,
            "size_bytes": size,
        });
        let json = self.post(&format!("{}/tracks", self.video_url(video)), &body)?;
        let granted: GrantedTrack =
            serde_json::from_value(json).context("the API granted the upload in no known way")?;
        Ok((granted.track.id, granted.upload))
    }

    /// Deletes a text track.
    pub(crate) fn delete_track(&self, video: &str, track: &str) -> Result<()> {
        let answer = self
            .agent
            .delete(format!("{}/tracks/{track}", self.video_url(video)))
            .header("Authorization", format!("Bearer {}", self.token))
            .call()
            .map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        read_json(answer).map(drop)
    }

    /// A call with a body, as the owner.
    fn post(&self, url: &str, body: &Value) -> Result<Value> {
        let answer = self
            .agent
            .post(url)
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .map_err(|error| self.unreachable(&error))?;
        read_json(answer)
    }

    fn unreachable(&self, error: &ureq::Error) -> anyhow::Error {
        anyhow!("the API at {} does not answer: {}", self.base, cause(error))
    }
}

fn read_json(mut answer: Response<Body>) -> Result<Value> {
    let status = answer.status();
    let text = answer
        .body_mut()
        .read_to_string()
        .context("the API's answer broke off")?;
    let json: Option<Value> = serde_json::from_str(&text).ok();
    if status.is_success() {
        return json.ok_or_else(|| anyhow!("the API answered {status}, but not in JSON"));
    }
    let problem = json.and_then(|json| serde_json::from_value::<Problem>(json).ok());
    match problem {
        Some(problem) => bail!("{} ({})", problem.words(), status.as_u16()),
        None => bail!("the API answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_as_sentences() {
        let problem: Problem = serde_json::from_str(
            r#"{"type": "x", "title": "Too large", "status": 413, "detail": "At most 5 GB."}"#,
        )
        .expect("problem");
        assert_eq!(problem.words(), "Too large: At most 5 GB.");
        let problem: Problem = serde_json::from_str(r#"{"title": "Gone"}"#).expect("problem");
        assert_eq!(problem.words(), "Gone");
    }

    #[test]
    fn a_video_needs_only_its_id_and_status() {
        let video: Video =
            serde_json::from_str(r#"{"id": "a", "status": "waiting", "error": null}"#)
                .expect("video");
        assert!(video.status == Status::Waiting && video.playback.hls.is_none());
    }

    #[test]
    fn uploads_are_granted_whole_or_in_parts() {
        let granted = |upload: Value| {
            let json = json!({"video_id": "a", "upload_token": "t", "upload": upload});
            serde_json::from_value::<Granted>(json)
                .expect("granted")
                .upload
        };
        let single = json!({"strategy": "single", "url": "http://s", "headers": {}, "key": "k"});
        assert!(matches!(granted(single), Upload::Single(_)));
        let parts = json!({"strategy": "multipart", "key": "k", "part_size_bytes": 5, "sign_url": "http://s"});
        let Upload::Multipart {
            part_size_bytes: 5, ..
        } = granted(parts)
        else {
            panic!("in parts");
        };
    }
}
