//! A video, as the catalog and the API know it.

mod id;

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema, Type},
};

pub use self::id::{InvalidMonth, InvalidVideoId, Month, VideoId};

use crate::lifecycle;
use reelrun_media::{error::VideoError, source::SourceSummary};

/// Where a video is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// An upload was permitted; its source has not been seen yet.
    Waiting,
    /// The source arrived and is being encoded.
    Preparing,
    /// Playlists are published.
    Ready,
    /// It was not made ready; the record's error says why.
    Errored,
    /// It was deleted, and its objects are being removed. No client sees this: to them the video is
    /// gone.
    Deleting,
}

/// Clients see four of the five.
impl PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        let status = Object::builder()
            .schema_type(Type::String)
            .enum_values(Some(Self::SHOWN.map(Self::as_str)))
            .description(Some(
                "Where a video is in its life.\n\n\
                - `waiting`: the upload is permitted; the file has not been seen.\n\
                - `preparing`: it is being encoded.\n\
                - `ready`: it is published.\n\
                - `errored`: it was not made ready; `error` says why, and whether that may change.",
            ));
        status.into()
    }
}

impl ToSchema for Status {}

impl Status {
    /// Those that clients see.
    const SHOWN: [Self; 4] = [Self::Waiting, Self::Preparing, Self::Ready, Self::Errored];

    /// The word in the API and the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Errored => "errored",
            Self::Deleting => "deleting",
        }
    }

    /// Reads the word in a record.
    pub fn from_record(text: &str) -> Option<Self> {
        let deleting = (text == Self::Deleting.as_str()).then_some(Self::Deleting);
        text.parse().ok().or(deleting)
    }
}

/// Reads the words that clients use.
impl FromStr for Status {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::SHOWN
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(())
    }
}

/// One video's record in the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// The id, which is the record's key.
    pub id: VideoId,
    /// The listing bucket; derived from the id, stored because an index needs it.
    pub month: Month,
    /// Where the video is in its life.
    pub status: Status,
    /// The name of the file on its owner's disk. Data only: never part of a key or a command.
    pub filename: String,
    /// The MIME type that the source is stored with, which its extension decides.
    pub content_type: String,
    /// The size that the upload was signed for, in bytes.
    pub size_bytes: u64,
    /// What the owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The owner's own key-value pairs, returned as they came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How much of the encode is done, 0 to 1.
    #[serde(default)]
    pub progress: f64,
    /// What the source turned out to be; known once it was probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceSummary>,
    /// What was published, highest first; empty until `ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renditions: Vec<PublishedRendition>,
    /// Whether a poster was published.
    #[serde(default)]
    pub has_poster: bool,
    /// Whether a storyboard was published.
    #[serde(default)]
    pub has_storyboard: bool,
    /// When it became ready, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<String>,
    /// Why it was not made ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<VideoError>,
    /// How often it was to be made ready, from 1: see [`lifecycle`].
    #[serde(default = "first")]
    pub generation: u32,
    /// How many encodes were begun in this generation.
    #[serde(default)]
    pub attempts: u32,
    /// Until when the encode at work holds its lease, in Unix milliseconds; 0 while none does.
    #[serde(default)]
    pub lease_until: i64,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_owner: Option<String>,
    /// Of how many parts the progress of a run is told; 0 while there is no run.
    #[serde(default)]
    pub parts_counted: u32,
    /// Which of them are done.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts_done: BTreeSet<u32>,
    /// SHA-256 of the token that opens this upload, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_token_hash: Option<String>,
    /// Until when that token is good, in Unix seconds.
    #[serde(default)]
    pub upload_until: i64,
    /// The multipart uploads for which parts were signed, by a hash of each.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub multipart_uploads: BTreeSet<String>,
    /// When it was last asked to be deleted, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<i64>,
    /// When an upload that never arrives may be forgotten, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl Video {
    /// A video of which only the id is known yet.
    pub fn waiting(id: VideoId) -> Self {
        Self {
            id,
            month: id.month(),
            status: Status::Waiting,
            filename: String::new(),
            content_type: String::new(),
            size_bytes: 0,
            title: None,
            metadata: BTreeMap::new(),
            progress: 0.0,
            source: None,
            renditions: Vec::new(),
            has_poster: false,
            has_storyboard: false,
            ready_at: None,
            error: None,
            generation: first(),
            attempts: 0,
            lease_until: 0,
            lease_owner: None,
            parts_counted: 0,
            parts_done: BTreeSet::new(),
            upload_token_hash: None,
            upload_until: 0,
            multipart_uploads: BTreeSet::new(),
            asked_at: None,
            expires_at: None,
        }
    }

    /// Whether it is encoded by a run of the state machine: that holds its lease for as long as it may
    /// last, and does not renew it.
    pub fn run(&self) -> Option<&str> {
        let is_run = self.status == Status::Preparing && self.parts_counted > 0;
        self.lease_owner.as_deref().filter(|_| is_run)
    }

    /// The record as it must be read at this time: an abandoned video has failed, and a run's
    /// progress is that of its parts.
    #[must_use]
    pub fn at(mut self, now_millis: i64) -> Self {
        if self.status == Status::Preparing && self.parts_counted > 0 {
            // The last hundredths are publishing.
            self.progress = 0.98 * self.parts_done.len() as f64 / f64::from(self.parts_counted);
        }
        if lifecycle::is_abandoned(&self, now_millis) {
            Self {
                status: Status::Errored,
                error: Some(lifecycle::out_of_attempts()),
                ..self
            }
        } else {
            self
        }
    }
}

/// The generation of a video that nobody had tried again. Earlier versions did not count.
fn first() -> u32 {
    1
}

/// What the record tells of a published video.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Highest first.
    pub renditions: Vec<PublishedRendition>,
    /// Whether there is a poster.
    pub has_poster: bool,
    /// Whether there is a storyboard.
    pub has_storyboard: bool,
}

/// A rendition with the figures measured from its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Rendition)]
pub struct PublishedRendition {
    /// The rung's name.
    #[schema(examples("720p"))]
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// RFC 6381 codec strings of the variant (video and audio), separated by commas.
    #[schema(examples("avc1.64001f,mp4a.40.2"))]
    pub codecs: String,
    /// Peak bit rate of the variant, audio included, in bits per second.
    pub bandwidth_bps: u64,
    /// Average bit rate of the variant, audio included, in bits per second.
    pub average_bandwidth_bps: u64,
}

/// An instant as the API writes it: RFC 3339, UTC, milliseconds.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let nanos = at.nanosecond() / 1_000_000 * 1_000_000;
    at.replace_nanosecond(nanos)
        .unwrap_or(at)
        .format(&Rfc3339)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelrun_media::error::ErrorType;

    const ID: &str = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";

    #[test]
    fn a_video_whose_function_was_killed_each_time_has_failed() {
        let id: VideoId = ID.parse().unwrap();
        let record = serde_json::json!({
            "id": id, "month": id.month(), "status": "preparing", "filename": "a.mp4",
            "content_type": "video/mp4", "size_bytes": 1, "attempts": 3, "lease_until": 1_000_000
        });
        let video: Video = serde_json::from_value(record).unwrap();
        let status = |video: &Video, now| video.clone().at(now).status;
        assert_eq!(status(&video, 1_060_000), Status::Preparing);
        assert_eq!(status(&video, 1_060_001), Status::Errored);
        let kind = video.clone().at(2_000_000).error.map(|error| error.kind);
        assert_eq!(kind, Some(ErrorType::Internal));
        let tried_less = Video {
            attempts: 2,
            ..video
        };
        assert_eq!(status(&tried_less, 2_000_000), Status::Preparing);
    }
}
