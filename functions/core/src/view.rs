//! A video as the API and notifications show it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    keys::{Folder, StorageKey},
    playback::original_plays_in_browsers,
    video::{
        PublishedAudio, PublishedRendition, Status, Video, VideoId, Visibility,
        track::{TextTrack, TextTrackId, TextTrackKind, TextTrackStatus},
    },
};
use reelrun_media::{
    encryption::Encryption, error::VideoError, file::MediaFile, source::SourceSummary,
};

/// A video: its name, its progress, and what can be played.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Video)]
pub struct VideoView<'a> {
    /// Identifies the video permanently, and can't be guessed.
    pub id: VideoId,
    /// Where the video is in its life.
    pub status: Status,
    /// Who may watch it. After a change, the new one is told once it holds: from then on nobody sees
    /// anything of a private video without a token.
    pub visibility: Visibility,
    /// Who is to watch it, while a change of that is under way; else `null`. A video that is still encoded
    /// changes when that is done. Whoever asks for one that is to be private needs a token already.
    #[schema(required, value_type = Option<Visibility>)]
    pub pending_visibility: Option<Visibility>,
    /// How its segments are encrypted; `null` if they are not. One that is encrypted is published as HLS
    /// only: there is no DASH manifest, and there are no I-frame playlists.
    #[schema(required)]
    pub encryption: Option<Encryption>,
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
    /// Whether there is no moving picture, as of a podcast: what is published is audio, and a poster that has
    /// the file's cover or shows its waveform. Until the file was examined, its name decides.
    pub audio_only: bool,
    /// What was published, highest first; empty until `ready`, and if there is only audio.
    pub renditions: &'a [PublishedRendition],
    /// The audio tracks that a viewer may choose, the main one first; empty until `ready`, and without sound.
    pub audio_tracks: &'a [PublishedAudio],
    /// What can be played now.
    pub playback: Playback,
    /// Its subtitles, captions and chapters, in the order in which they were added. Without an API token, only
    /// those that are `ready`.
    pub tracks: Vec<TrackView<'a>>,
    /// Why it is not made ready; `null` unless `errored`.
    #[schema(required)]
    pub error: Option<&'a VideoError>,
}

/// Subtitles, captions or chapters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Track)]
pub struct TrackView<'a> {
    /// Identifies the track permanently.
    pub id: TextTrackId,
    /// What it is for.
    pub kind: TextTrackKind,
    /// The language of its text: a BCP 47 tag.
    #[schema(examples("de"))]
    pub language: &'a str,
    /// What its owner calls it; `null` if players call it by its language.
    #[schema(required, examples("Deutsch"))]
    pub name: Option<&'a str>,
    /// Whether players show it unless the viewer wants another.
    pub default: bool,
    /// Whether players show it even to viewers who want no subtitles.
    pub forced: bool,
    /// Where it is in its life. One that is `preparing` is published as soon as the video is ready, within
    /// a minute.
    pub status: TextTrackStatus,
    /// Where the track comes from.
    pub source: TrackSource,
    /// The name of the uploaded file on its owner's disk; `null` if the track was in the video's file.
    #[schema(required, examples("untertitel.srt"))]
    pub filename: Option<&'a str>,
    /// All of it as one WebVTT file, once `ready`. Players don't need it: HLS and DASH name the track.
    #[schema(required, format = "uri")]
    pub url: Option<String>,
    /// Why it can't be shown, and what to do about it; `null` unless `errored`.
    #[schema(required)]
    pub error: Option<&'a str>,
}

/// Where a track comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrackSource {
    /// A file of its own.
    Uploaded,
    /// The video's file.
    Embedded,
}

/// What of a video can be played, and where. All URLs are absolute. Those of a private video carry a
/// playback token, and are `null` for those who have none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Playback {
    /// What `url` is; `null` while nothing can be played.
    #[serde(rename = "type")]
    #[schema(required)]
    pub kind: Option<PlaybackType>,
    /// What to play now: `hls` if there is one, else `original`, else what is encoded so far.
    #[schema(required, format = "uri")]
    pub url: Option<String>,
    /// The HLS multivariant playlist, once `ready`.
    #[schema(required, format = "uri")]
    pub hls: Option<String>,
    /// The DASH manifest, once `ready`; `null` if the video is encrypted.
    #[schema(required, format = "uri")]
    pub dash: Option<String>,
    /// The main audio track as one M4A file, once `ready`: for a speech recogniser, say. `null` without sound,
    /// if the video is encrypted, or if an earlier release published it.
    #[schema(required, format = "uri")]
    pub audio: Option<String>,
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

/// What is played: the published renditions as `hls`; or, until then, the uploaded file as it is
/// (`original`); or, of a file that browsers can't play, what is encoded so far (`hls_partial`): one rendition,
/// as HLS that grows until the video is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaybackType {
    /// The published renditions.
    Hls,
    /// What is encoded so far.
    HlsPartial,
    /// The uploaded file.
    Original,
}

/// What a reader has of a video: of a private one, tokens for its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Opens all but the original.
    pub play: Option<String>,
    /// Opens the original.
    pub original: Option<String>,
    /// Whether this is the owner, who sees what is not published, too.
    pub is_owner: bool,
}

impl Access {
    /// The owner's, without tokens for a private video.
    pub fn of_owner() -> Self {
        Self {
            is_owner: true,
            ..Self::default()
        }
    }
}

/// How long shared caches may keep what is said of a public video to those who name no token: no longer
/// than a change may take to show. While it is encoded, people watch its progress.
pub fn cache_control(video: &Video) -> &'static str {
    match video.status {
        Status::Ready | Status::Errored => "public, max-age=0, s-maxage=5",
        Status::Waiting | Status::Preparing | Status::Deleting => "public, max-age=0, s-maxage=1",
    }
}

/// A record as those may see it who have this access; everybody, if it is of a public video. `public_url`
/// is the CDN's base URL.
pub fn video<'a>(video: &'a Video, public_url: &str, access: &Access) -> VideoView<'a> {
    VideoView {
        id: video.id,
        status: video.status,
        visibility: video.moving_to.map_or(video.visibility, Visibility::other),
        pending_visibility: video.moving_to,
        encryption: video.encryption(),
        progress: video.progress,
        title: video.title.as_deref(),
        filename: &video.filename,
        metadata: &video.metadata,
        created_at: video.id.created_at().to_string(),
        ready_at: video.ready_at.map(|at| at.to_string()),
        source: video.source.as_ref(),
        audio_only: video.source.as_ref().map_or_else(
            || video.content_type.starts_with("audio/"),
            SourceSummary::is_audio_only,
        ),
        renditions: &video.renditions,
        audio_tracks: &video.audio,
        playback: playback(video, public_url, access),
        tracks: video
            .tracks
            .list
            .iter()
            .filter(|one| access.is_owner || one.status == TextTrackStatus::Ready)
            .map(|one| track(video, one, public_url, access))
            .collect(),
        error: video.error.as_ref(),
    }
}

/// One of its text tracks, as those may see it who have this access.
pub fn track<'a>(
    video: &Video,
    track: &'a TextTrack,
    public_url: &str,
    access: &Access,
) -> TrackView<'a> {
    let id = track.id.to_string();
    let file = match track.kind {
        TextTrackKind::Chapters => MediaFile::Chapters(id),
        TextTrackKind::Subtitles | TextTrackKind::Captions => MediaFile::Text(id),
    };
    let is_there = track.status == TextTrackStatus::Ready && video.status == Status::Ready;
    TrackView {
        id: track.id,
        kind: track.kind,
        language: &track.language,
        name: track.name.as_deref(),
        default: track.is_default,
        forced: track.is_forced,
        status: track.status,
        source: if track.embedded.is_some() {
            TrackSource::Embedded
        } else {
            TrackSource::Uploaded
        },
        filename: Some(&*track.filename).filter(|name| !name.is_empty()),
        url: is_there
            .then(|| media_url(video, public_url, access, file))
            .flatten(),
        error: track.error.as_deref(),
    }
}

/// Where a published file is, for those who have this access.
fn media_url(video: &Video, public_url: &str, access: &Access, file: MediaFile) -> Option<String> {
    match video.visibility {
        Visibility::Public => {
            let key = StorageKey::Media(Folder::of(video), file);
            Some(format!("{public_url}/{key}"))
        }
        Visibility::Private => {
            let token = access.play.as_ref()?;
            Some(format!("{public_url}/s/{token}/{}/{file}", video.id))
        }
    }
}

/// What to play: HLS once it is ready, until then the original where a browser can play it.
pub fn playback(video: &Video, public_url: &str, access: &Access) -> Playback {
    let media = |file| media_url(video, public_url, access, file);
    let source = || match video.visibility {
        Visibility::Public => Some(format!(
            "{public_url}/{}",
            StorageKey::Source(Folder::of(video))
        )),
        Visibility::Private => {
            let token = access.original.as_ref()?;
            Some(format!("{public_url}/s/{token}/{}/original", video.id))
        }
    };
    let arrived = matches!(video.status, Status::Preparing | Status::Ready);
    let is_shown = arrived && original_plays_in_browsers(video);
    let original = is_shown.then(source).flatten();
    let ready = video.status == Status::Ready;
    let hls = ready.then(|| media(MediaFile::Master)).flatten();
    let has_partial = video.status == Status::Preparing && video.has_partial;
    let partial = has_partial.then(|| media(MediaFile::PartialMaster));
    let (kind, url) = match (&hls, &original, partial.flatten()) {
        (Some(url), _, _) => (Some(PlaybackType::Hls), Some(url.clone())),
        (None, Some(url), _) => (Some(PlaybackType::Original), Some(url.clone())),
        (None, None, Some(url)) => (Some(PlaybackType::HlsPartial), Some(url)),
        (None, None, None) => (None, None),
    };
    Playback {
        kind,
        url,
        hls,
        dash: (ready && video.encryption().is_none())
            .then(|| media(MediaFile::Manifest))
            .flatten(),
        audio: (ready && video.has_audio_file)
            .then(|| media(MediaFile::Audio))
            .flatten(),
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
    use reelrun_media::encryption::SegmentKey;
    use serde_json::json;

    use super::*;

    fn ready(visibility: Visibility) -> Video {
        let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        Video {
            visibility,
            status: Status::Ready,
            has_poster: true,
            has_storyboard: true,
            has_audio_file: true,
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
        }
    }

    fn shown(visibility: Visibility, play: Option<&str>, original: Option<&str>) -> String {
        let access = Access {
            play: play.map(Into::into),
            original: original.map(Into::into),
            is_owner: false,
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
    fn an_encrypted_video_says_so_has_no_dash_and_shows_no_key() {
        let encrypted = Video {
            segment_key: Some(SegmentKey::new(*b"0123456789abcdef")),
            ..ready(Visibility::Private)
        };
        let access = Access {
            play: Some("aa.b.c".into()),
            original: Some("dd.e.f".into()),
            is_owner: true,
        };
        let shown = json!(super::video(&encrypted, "https://cdn", &access));
        assert_eq!(shown["encryption"], "aes-128");
        assert_eq!(shown["playback"]["dash"], json!(null));
        assert_eq!(shown["playback"]["type"], "hls");
        let text = shown.to_string();
        assert!(!text.contains("3031") && !text.contains("MDEy"), "{text}");
    }

    #[test]
    fn what_is_encoded_so_far_is_played_where_nothing_else_can_be() {
        let playing = |video: &Video| json!(playback(video, "https://cdn", &Access::of_owner()));
        let mut video = Video {
            status: Status::Preparing,
            filename: "a.mkv".into(),
            has_partial: true,
            ..ready(Visibility::Public)
        };
        let shown = playing(&video);
        assert_eq!(shown["type"], "hls_partial");
        let url = shown["url"].as_str().unwrap();
        assert!(url.ends_with("/partial.m3u8"), "{url}");
        assert_eq!(shown["hls"], json!(null));
        video.status = Status::Ready;
        assert_eq!(playing(&video)["type"], "hls");
        video.status = Status::Errored;
        assert_eq!(playing(&video)["url"], json!(null));
        (video.status, video.filename) = (Status::Preparing, "a.mp4".into());
        assert_eq!(playing(&video)["type"], "original");
        (video.visibility, video.filename) = (Visibility::Private, "a.mkv".into());
        assert_eq!(playing(&video)["type"], json!(null));
    }

    #[test]
    fn a_private_video_has_the_addresses_that_its_reader_may_open() {
        let nothing = shown(Visibility::Private, None, None);
        assert!(!nothing.contains("https://"), "{nothing}");
        insta::assert_snapshot!(shown(Visibility::Private, Some("aa.b.c"), None), @r#"
        {
          "audio": "https://cdn/s/aa.b.c/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/audio.m4a",
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
          "audio": null,
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
