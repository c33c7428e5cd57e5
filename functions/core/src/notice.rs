//! What others are told when a video is ready or has failed: once per outcome, however often its upload
//! was announced, since a notice follows from the record's change.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    change::Change,
    text::printable,
    timestamp::Timestamp,
    video::{Status, Video},
    view::{self, Access},
};

/// What the state machine that delivers notices is started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names this outcome for ever: receivers know a repetition by it.
    pub id: String,
    /// The event's name on EventBridge.
    pub detail_type: String,
    /// What is sent, the same to all.
    pub payload: Payload,
    /// The names of the receivers' webhooks.
    pub receivers: Vec<String>,
    /// Whether a mail is sent, too.
    pub mail: bool,
    /// Human-readable: what happened.
    pub subject: String,
    /// Human-readable: what happened, and where to look.
    pub text: String,
}

/// Who is told, beside EventBridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receivers<'a> {
    /// The webhooks' names: deliveries go on for a day, in which the list of URLs may change, and URLs
    /// may hold secrets, which an execution's input would show.
    pub webhooks: &'a [String],
    /// Whether a mail is sent.
    pub mail: bool,
}

/// What a notice's links begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links<'a> {
    /// Base URL of playback.
    pub media: &'a str,
    /// Base URL of the page.
    pub page: &'a str,
}

/// The body of a webhook, in the shape that Standard Webhooks recommends, and the detail of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// `video.ready` or `video.errored`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, RFC 3339.
    pub timestamp: String,
    /// The video, as `GET /videos/{id}` shows it.
    pub data: Value,
}

/// One delivery, as the state machine asks for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Delivery {
    /// The notice's id.
    pub id: String,
    /// What to send.
    pub payload: Payload,
    /// To whom: a webhook's name.
    pub receiver: String,
}

impl Notice {
    /// The notice of a change; none if it is not an outcome.
    pub fn of(
        change: &Change,
        links: Links<'_>,
        to: Receivers<'_>,
        now: Timestamp,
    ) -> Option<Self> {
        let video = change.record.as_deref()?;
        if matches!(change.before, Some(before) if before == change.after) {
            return None;
        }
        // An earlier version stored names as they came.
        let name = printable(video.title.as_deref().unwrap_or(&video.filename));
        let watch = format!("{}/watch/{}", links.page, video.id);
        let (kind, detail_type, subject, text) = match change.after {
            Status::Ready => (
                "video.ready",
                "Video Ready",
                format!("Ready to watch: {name}"),
                format!("{name} is ready.\n\n{watch}"),
            ),
            Status::Errored => {
                let (title, detail) = reason(video);
                (
                    "video.errored",
                    "Video Errored",
                    format!("Not converted: {name}"),
                    format!("{name} could not be converted. {title}: {detail}\n\n{watch}"),
                )
            }
            Status::Waiting | Status::Preparing | Status::Deleting => return None,
        };
        Some(Self {
            // A video that failed may be tried again, and end otherwise: once for each generation.
            id: format!(
                "{}-{}-{}",
                video.id,
                change.after.as_str(),
                video.generation
            ),
            detail_type: detail_type.into(),
            payload: Payload {
                kind: kind.into(),
                timestamp: video.ready_at.unwrap_or(now).to_string(),
                // Whoever is told gets no key to a private video.
                data: json!(view::video(video, links.media, &Access::of_owner())),
            },
            receivers: to.webhooks.to_vec(),
            mail: to.mail,
            subject: subject_line(&subject),
            text,
        })
    }
}

fn reason(video: &Video) -> (String, String) {
    let shown = json!(video.error);
    let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
    (text("title"), text("detail"))
}

/// A mail's subject: SNS takes less than a hundred ASCII characters, without line breaks.
fn subject_line(text: &str) -> String {
    let ascii = text
        .chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' });
    ascii.take(99).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change;

    fn two() -> [String; 2] {
        ["one".into(), "other".into()]
    }

    fn webhooks(names: &[String]) -> Receivers<'_> {
        Receivers {
            webhooks: names,
            mail: false,
        }
    }

    fn change(status: &str) -> Change {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../events/stream-ready.json"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let mut event: Value = serde_json::from_str(&text).unwrap();
        event["Records"][0]["dynamodb"]["NewImage"]["status"]["S"] = status.into();
        change::parse(&event).remove(0)
    }

    fn notice(status: &str) -> Option<Notice> {
        Notice::of(
            &change(status),
            Links {
                media: "https://cdn",
                page: "https://page",
            },
            webhooks(&two()),
            Timestamp::from_secs(0),
        )
    }

    #[test]
    fn an_outcome_is_told() {
        let ready = notice("ready").unwrap();
        assert_eq!(ready.id, "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e-ready-1");
        assert!(ready.id.len() <= 80, "the name of an execution");
        assert_eq!(ready.payload.kind, "video.ready");
        assert_eq!(ready.payload.data["playback"]["type"], "hls");
        assert_eq!(ready.receivers, two());
        assert!(
            ready
                .text
                .ends_with("https://page/watch/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e")
        );
        assert_eq!(notice("errored").unwrap().detail_type, "Video Errored");
    }

    #[test]
    fn nothing_else_is() {
        for status in ["waiting", "preparing", "deleting"] {
            assert_eq!(notice(status), None, "{status}");
        }
        let repeated = Change {
            before: Some(Status::Ready),
            ..change("ready")
        };
        assert_eq!(
            Notice::of(
                &repeated,
                Links {
                    media: "",
                    page: ""
                },
                webhooks(&two()),
                Timestamp::from_secs(0)
            ),
            None
        );
    }

    #[test]
    fn subjects_are_plain() {
        assert_eq!(
            subject_line("Ferien in Malmö\r\nBcc: x"),
            "Ferien in Malm???Bcc: x"
        );
        assert_eq!(subject_line(&"x".repeat(300)).len(), 99);
    }

    #[test]
    fn nobody_is_told_the_addresses_of_a_private_video() {
        let mut change = change("ready");
        let record = change.record.as_deref_mut().unwrap();
        record.visibility = crate::video::Visibility::Private;
        let links = Links {
            media: "https://cdn",
            page: "https://page",
        };
        let notice = Notice::of(&change, links, webhooks(&two()), Timestamp::from_secs(0)).unwrap();
        assert_eq!(notice.payload.data["visibility"], "private");
        let said = json!(notice).to_string();
        assert!(!said.contains("https://cdn"), "{said}");
    }
}
