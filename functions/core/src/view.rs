//! A video as the API and notifications show it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    keys::{Folder, StorageKey},
    playback::original_plays_in_browsers,
    video::{PublishedRendition, Status, Video, VideoId, Visibility},
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
    /// Who may watch it.
    pub visibility: Visibility,
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

/// What of a video can be played, and where. All URLs are absolute. Those of a private video carry a
/// playback token, and are `null` for those who have none.
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

/// What a reader has of a private video: tokens, for its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Opens all but the original.
    pub play: Option<String>,
    /// Opens the original.
    pub original: Option<String>,
}

/// A record as those may see it who have this access; everybody, if it is of a public video. `public_url`
/// is the CDN's base URL.
pub fn video<'a>(video: &'a Video, public_url: &str, access: &Access) -> VideoView<'a> {
    VideoView {
        id: video.id,
        status: video.status,
        visibility: video.visibility,
        progress: video.progress,
        title: video.title.as_deref(),
        filename: &video.filename,
        metadata: &video.metadata,
        created_at: video.id.created_at().to_string(),
        ready_at: video.ready_at.map(|at| at.to_string()),
        source: video.source.as_ref(),
        renditions: &video.renditions,
        playback: playback(video, public_url, access),
        error: video.error.as_ref(),
    }
}

/// What to play: HLS once it is ready, until then the original where a browser can play it.
pub fn playback(video: &Video, public_url: &str, access: &Access) -> Playback {
    let url = |key: StorageKey| format!("{public_url}/{key}");
    let signed = |token: &Option<String>, name: &dyn std::fmt::Display| {
        let token = token.as_ref()?;
        Some(format!("{public_url}/s/{token}/{}/{name}", video.id))
    };
    let media = |file: MediaFile| match video.visibility {
        Visibility::Public => Some(url(StorageKey::Media(Folder::of(video), file))),
        Visibility::Private => signed(&access.play, &file),
    };
    let source = || match video.visibility {
        Visibility::Public => Some(url(StorageKey::Source(Folder::of(video)))),
        Visibility::Private => signed(&access.original, &"original"),
    };
    let arrived = matches!(video.status, Status::Preparing | Status::Ready);
    let is_shown = arrived && original_plays_in_browsers(video);
    let original = is_shown.then(source).flatten();
    let ready = video.status == Status::Ready;
    let hls = ready.then(|| media(MediaFile::Master)).flatten();
    Playback {
        kind: match (&hls, &original) {
            (Some(_), _) => Some(PlaybackType::Hls),
            (None, Some(_)) => Some(PlaybackType::Original),
            (None, None) => None,
        },
        url: hls.as_ref().or(original.as_ref()).cloned(),
        hls,
        dash: ready.then(|| media(MediaFile::Manifest)).flatten(),
        original,
        poster: (ready && video.has_poster)
            .then(|| media(MediaFile::Poster))
            .flatten(),
        storyboard: (ready && video.has_storyboard)
            .then(|| media(MediaFile::Storyboard))
            .flatten(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ready(visibility: Visibility) -> Video {
        let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        Video {
            visibility,
            status: Status::Ready,
            has_poster: true,
            has_storyboard: true,
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
        }
    }

    fn shown(visibility: Visibility, play: Option<&str>, original: Option<&str>) -> String {
        let access = Access {
            play: play.map(Into::into),
            original: original.map(Into::into),
        };
        let video = ready(visibility);
        let playback = playback(&video, "https://cdn", &access);
        serde_json::to_string_pretty(&json!(playback)).unwrap()
    }

    #[test]
    fn a_public_video_has_its_addresses_and_no_token() {
        assert_eq!(
            shown(Visibility::Public, Some("aa.b.c"), Some("dd.e.f")),
            shown(Visibility::Public, None, None)
        );
        assert!(shown(Visibility::Public, None, None).contains("https://cdn/videos/"));
    }

    #[test]
    fn a_private_video_has_the_addresses_that_its_reader_may_open() {
        let nothing = shown(Visibility::Private, None, None);
        assert!(!nothing.contains("https://"), "{nothing}");
        insta::assert_snapshot!(shown(Visibility::Private, Some("aa.b.c"), None), @r#"
        {
          "dash": "https://cdn/s/aa.b.c/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/manifest.mpd",
          "hls": "https://cdn/s/aa.b.c/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/master.m3u8",
          "original": null,
          "poster": "https://cdn/s/aa.b.c/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/poster.jpg",
          "storyboard": "https://cdn/s/aa.b.c/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/storyboard/storyboard.vtt",
          "type": "hls",
          "url": "https://cdn/s/aa.b.c/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/master.m3u8"
        }
        "#);
        insta::assert_snapshot!(shown(Visibility::Private, None, Some("dd.e.f")), @r#"
        {
          "dash": null,
          "hls": null,
          "original": "https://cdn/s/dd.e.f/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/original",
          "poster": null,
          "storyboard": null,
          "type": "original",
          "url": "https://cdn/s/dd.e.f/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/original"
        }
        "#);
    }
}
