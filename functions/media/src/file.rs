//! The files of a published video, by which playlists refer to them.

use std::fmt;

use reelrun_captions::segments::SegmentName;
use serde::{Deserialize, Serialize};

/// Names one track of a published video: the folder that holds its segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackId {
    /// A video rendition, by its folder's name, which is its rung's: `720p`.
    Video(String),
    /// An audio track, likewise.
    Audio(String),
}

/// Parts a track's name from the attempt that encoded it.
const ATTEMPT_SEPARATOR: char = '_';

impl TrackId {
    /// The name of its folder without the kind: DASH's Representation id.
    pub fn folder(&self) -> &str {
        match self {
            Self::Video(folder) | Self::Audio(folder) => folder,
        }
    }

    /// The name that viewers know, whichever attempt encoded it: `720p`.
    pub fn name(&self) -> &str {
        let folder = self.folder();
        folder
            .split_once(ATTEMPT_SEPARATOR)
            .map_or(folder, |(name, _)| name)
    }

    /// The same track of this attempt, if it is not the first. It has a folder of its own: what an earlier
    /// one let viewers see is kept by caches.
    #[must_use]
    pub(crate) fn of_attempt(self, attempt: Option<&str>) -> Self {
        let Some(attempt) = attempt else { return self };
        let folder = |name| format!("{name}{ATTEMPT_SEPARATOR}{attempt}");
        match self {
            Self::Video(name) => Self::Video(folder(name)),
            Self::Audio(name) => Self::Audio(folder(name)),
        }
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video(name) => write!(f, "video/{name}"),
            Self::Audio(name) => write!(f, "audio/{name}"),
        }
    }
}

/// A file of a published video, relative to `videos/{id}/`: what playlists refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFile {
    /// The HLS master playlist: written last, it is the commit point.
    Master,
    /// The DASH manifest.
    Manifest,
    /// The still shown before playback.
    Poster,
    /// The main audio track as a single file, which no playlist names.
    Audio,
    /// Which small picture belongs to which time.
    Storyboard,
    /// The small pictures of a chunk; chunks are counted from 0.
    SpriteSheet(u32),
    /// A track's initialization segment.
    Init(TrackId),
    /// A track's media segment; numbers start at 1.
    Segment(TrackId, u32),
    /// A track's HLS media playlist.
    Playlist(TrackId),
    /// A video track's I-frame playlist.
    IFrames(TrackId),
    /// The HLS master playlist of what can be watched while the rest is still encoded.
    PartialMaster,
    /// A track's HLS media playlist meanwhile, which grows.
    PartialPlaylist(TrackId),
    /// A text track's HLS media playlist, by the track's id, as all of its files.
    TextPlaylist(String),
    /// A text track's segment, in WebVTT; numbers start at 1.
    TextSegment(String, u32),
    /// All of a text track in one WebVTT file.
    Text(String),
    /// Chapters in WebVTT.
    Chapters(String),
    /// Chapters as Apple's players read them.
    ChaptersJson(String),
}

impl fmt::Display for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.write_str("master.m3u8"),
            Self::Manifest => f.write_str("manifest.mpd"),
            Self::Poster => f.write_str("poster.jpg"),
            Self::Audio => f.write_str("audio.m4a"),
            Self::Storyboard => f.write_str("storyboard/storyboard.vtt"),
            Self::SpriteSheet(chunk) => write!(f, "storyboard/{}", sheet_name(*chunk)),
            Self::Init(track) => write!(f, "{track}/init.mp4"),
            Self::Segment(track, number) => write!(f, "{track}/{number:05}.m4s"),
            Self::Playlist(track) => write!(f, "{track}/playlist.m3u8"),
            Self::IFrames(track) => write!(f, "{track}/iframes.m3u8"),
            Self::PartialMaster => f.write_str("partial.m3u8"),
            Self::PartialPlaylist(track) => write!(f, "{track}/partial.m3u8"),
            Self::TextPlaylist(id) => write!(f, "subtitles/{id}/playlist.m3u8"),
            Self::TextSegment(id, number) => {
                write!(f, "subtitles/{id}/{}", SegmentName(*number))
            }
            Self::Text(id) => write!(f, "subtitles/{id}/all.vtt"),
            Self::Chapters(id) => write!(f, "chapters/{id}/chapters.vtt"),
            Self::ChaptersJson(id) => write!(f, "chapters/{id}/chapters.json"),
        }
    }
}

/// A sheet's name beside the storyboard that refers to it.
pub(crate) fn sheet_name(chunk: u32) -> String {
    format!("{:05}.jpg", chunk + 1)
}
