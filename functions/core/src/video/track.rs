//! Subtitles, captions and chapters of a video, as its record has them.

use std::{fmt, str::FromStr};

use reelrun_captions::LanguageTag;
use reelrun_media::source::TextStream;
pub use reelrun_media::tracks::TextTrackKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::text::printable;

/// Names one text track among all: a version 7 UUID. Its files lie under it, so another file is another
/// track, and what a player has kept of one is never wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(
    description = "The id of a track: a version 7 UUID, in lower case and with hyphens.",
    value_type = String,
    format = "uuid",
    examples("01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f")
)]
pub struct TextTrackId(Uuid);

/// The text is not a track's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a track id: expected a lowercase, hyphenated version 7 UUID")]
pub struct InvalidTextTrackId;

impl TextTrackId {
    /// Takes a version 7 UUID.
    pub fn new(uuid: Uuid) -> Result<Self, InvalidTextTrackId> {
        let is_ours = uuid.get_version_num() == 7;
        is_ours.then_some(Self(uuid)).ok_or(InvalidTextTrackId)
    }
}

impl FromStr for TextTrackId {
    type Err = InvalidTextTrackId;
    fn from_str(text: &str) -> Result<Self, InvalidTextTrackId> {
        let id = Self::new(Uuid::try_parse(text).map_err(|_| InvalidTextTrackId)?)?;
        let is_canonical = id.to_string() == text;
        is_canonical.then_some(id).ok_or(InvalidTextTrackId)
    }
}

impl TryFrom<String> for TextTrackId {
    type Error = InvalidTextTrackId;
    fn try_from(text: String) -> Result<Self, InvalidTextTrackId> {
        text.parse()
    }
}

impl From<TextTrackId> for String {
    fn from(id: TextTrackId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TextTrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for TextTrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a text track is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextTrackStatus {
    /// Its file has not arrived.
    Waiting,
    /// Its file has arrived and was understood. Once the video is ready, it is published.
    Preparing,
    /// Players are offered it.
    Ready,
    /// It can't be: `error` says why.
    Errored,
}

/// Characters of a name.
pub const MAX_NAME_CHARS: usize = 100;

/// A text track, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextTrack {
    /// The id.
    pub id: TextTrackId,
    /// What it is for.
    pub kind: TextTrackKind,
    /// A BCP 47 tag.
    pub language: String,
    /// What players call it; if it has no name, it is called by its language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is shown unless the viewer wants another.
    #[serde(default)]
    pub is_default: bool,
    /// Whether it is shown even to those who want no subtitles.
    #[serde(default)]
    pub is_forced: bool,
    /// The name of the file on its owner's disk; empty if it was in the video's.
    #[serde(default)]
    pub filename: String,
    /// The size that its upload was signed for.
    #[serde(default)]
    pub size_bytes: u64,
    /// Where in the video's file it was, if it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<Embedded>,
    /// Where it is in its life.
    pub status: TextTrackStatus,
    /// The size of the WebVTT file that was published.
    #[serde(default)]
    pub published_bytes: u64,
    /// Why it can't be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a text track is in a video's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedded {
    /// The index of its stream; none of chapters, which are in no stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
    /// When the video begins on the file's clock, in microseconds.
    pub clock_start_us: i64,
    /// Whether the transcode function was asked to read it.
    #[serde(default)]
    pub is_asked_for: bool,
}

impl TextTrack {
    /// One that is in a stream of a video's file.
    pub fn in_stream(id: TextTrackId, stream: &TextStream, clock_start_us: i64) -> Self {
        let name = stream.name.as_deref().map(printable);
        let name = name.map(|name| name.chars().take(MAX_NAME_CHARS).collect::<String>());
        Self {
            name: name.filter(|name| !name.trim().is_empty()),
            is_default: stream.is_default,
            is_forced: stream.is_forced,
            language: stream.language.clone(),
            ..Self::in_file(id, stream.kind, Some(stream.index), clock_start_us)
        }
    }

    /// The chapters of a video's file.
    pub fn chapters(id: TextTrackId, clock_start_us: i64) -> Self {
        Self::in_file(id, TextTrackKind::Chapters, None, clock_start_us)
    }

    fn in_file(
        id: TextTrackId,
        kind: TextTrackKind,
        stream: Option<u32>,
        clock_start_us: i64,
    ) -> Self {
        Self {
            id,
            kind,
            language: LanguageTag::unknown().to_string(),
            name: None,
            is_default: false,
            is_forced: false,
            filename: String::new(),
            size_bytes: 0,
            embedded: Some(Embedded {
                stream,
                clock_start_us,
                is_asked_for: false,
            }),
            status: TextTrackStatus::Waiting,
            published_bytes: 0,
            error: None,
        }
    }

    /// Whether somebody has yet to be asked to read it from the video's file. That takes a while, which no
    /// viewer of the picture waits for.
    pub fn is_to_be_extracted(&self) -> bool {
        let is_asked_for = self.embedded.is_some_and(|embedded| embedded.is_asked_for);
        self.stream_to_extract().is_some() && !is_asked_for
    }

    /// The stream of the video's file that it is yet to be read from.
    pub fn stream_to_extract(&self) -> Option<u32> {
        let is_waiting = self.status == TextTrackStatus::Waiting;
        self.embedded.filter(|_| is_waiting)?.stream
    }

    /// The language. One that a later version can't read any more is unknown.
    pub fn language(&self) -> LanguageTag {
        LanguageTag::parse(&self.language).unwrap_or_else(|_| LanguageTag::unknown())
    }
}
