//! A video as the API and notifications show it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    keys::StorageKey,
    playback::original_plays_in_browsers,
    video::{PublishedRendition, Status, Video, VideoId},
};
use reelrun_media::file::MediaFile;
use reelrun_media::{error::VideoError, source::SourceSummary};

/// A video: its name, its progress, and what can be played.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Video)]
pub struct VideoView<'a> {
    /// Identifies the video permanently, and can't be guessed.
    pub id: VideoId,
    /// Where the video is in its life.
    pub status: Status,
    /// How much of the encode is done, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
    /// What its owner calls it.
    #[schema(required, examples("Holiday"))]
    pub title: Option<&'a str>,
    /// The name of the uploaded file on its owner's disk.
    #[schema(examples("holiday.mp4"))]
    pub filename: &'a str,
    /// The owner's own key-value pairs, unchanged.
    #[schema(example = json!({"album": "2026"}))]
    pub metadata: &'a BTreeMap<String, String>,
    /// When the upload was permitted: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it became `ready`: RFC 3339, UTC.
    #[schema(required, format = DateTime)]
    pub ready_at: Option<String>,
    /// What the uploaded file turned out to be; `null` until it was examined.
    #[schema(required)]
    pub source: Option<&'a SourceSummary>,
    /// What was published, highest first; empty until `ready`.
    pub renditions: &'a [PublishedRendition],
    /// What can be played now.
    pub playback: Playback,
    /// Why it is not made ready; `null` unless `errored`.
    #[schema(required)]
    pub error: Option<&'a VideoError>,
}

/// What of a video can be played, and where. All URLs are absolute.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Playback {
    /// What `url` is; `null` while nothing can be played.
    #[serde(rename = "type")]
    #[schema(required)]
    pub kind: Option<PlaybackType>,
    /// What to play now: `hls` if there is one, else `original`.
    #[schema(required, format = "uri")]
    pub url: Option<String>,
    /// The HLS multivariant playlist, once `ready`.
    #[schema(required, format = "uri")]
    pub hls: Option<String>,
    /// The DASH manifest, once `ready`.
    #[schema(required, format = "uri")]
    pub dash: Option<String>,
    /// The uploaded file, once it arrived, if browsers play its type.
    #[schema(required, format = "uri")]
    pub original: Option<String>,
    /// A picture to show before playback, JPEG.
    #[schema(required, format = "uri")]
    pub poster: Option<String>,
    /// A WebVTT file of thumbnails for the seek bar.
    #[schema(required, format = "uri")]
    pub storyboard: Option<String>,
}

/// What is played: the published renditions as `hls`, or the uploaded file as it is (`original`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlaybackType {
    /// The published renditions.
    Hls,
    /// The uploaded file.
    Original,
}

/// A record as everybody may see it. `public_url` is the CDN's base URL.
pub fn video<'a>(video: &'a Video, public_url: &str) -> VideoView<'a> {
    VideoView {
        id: video.id,
        status: video.status,
        progress: video.progress,
        title: video.title.as_deref(),
        filename: &video.filename,
        metadata: &video.metadata,
        created_at: video.id.created_at().to_string(),
        ready_at: video.ready_at.map(|at| at.to_string()),
        source: video.source.as_ref(),
        renditions: &video.renditions,
        playback: playback(video, public_url),
        error: video.error.as_ref(),
    }
}

/// What to play: HLS once it is ready, until then the original where a browser can play it.
fn playback(video: &Video, public_url: &str) -> Playback {
    let url = |key: StorageKey| format!("{public_url}/{key}");
    let media = |file| url(StorageKey::Media(video.id, file));
    let arrived = matches!(video.status, Status::Preparing | Status::Ready);
    let original =
        (arrived && original_plays_in_browsers(video)).then(|| url(StorageKey::Source(video.id)));
    let ready = video.status == Status::Ready;
    let hls = ready.then(|| media(MediaFile::Master));
    Playback {
        kind: match (&hls, &original) {
            (Some(_), _) => Some(PlaybackType::Hls),
            (None, Some(_)) => Some(PlaybackType::Original),
            (None, None) => None,
        },
        url: hls.as_ref().or(original.as_ref()).cloned(),
        hls,
        dash: ready.then(|| media(MediaFile::Manifest)),
        original,
        poster: (ready && video.has_poster).then(|| media(MediaFile::Poster)),
        storyboard: (ready && video.has_storyboard).then(|| media(MediaFile::Storyboard)),
    }
}
