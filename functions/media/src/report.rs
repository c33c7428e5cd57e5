//! What an encode measured: the facts from which playlists are written.
//!
//! Nothing in a playlist is assumed from what the encoder was asked for; it is counted from the
//! bytes that were stored.

use serde::{Deserialize, Serialize};

use crate::{encryption::encrypted_bytes, file::TrackId, purpose::Purpose, timeline::FrameRate};

/// A stored segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its length in ticks of the track's timescale.
    pub ticks: u64,
    /// Its I-frames in order; empty for audio.
    pub iframes: Vec<IFrame>,
}

impl SegmentReport {
    /// What there is to say of it once it is encrypted: no part of it can be read by itself.
    #[must_use]
    pub fn encrypted(self) -> Self {
        Self {
            bytes: encrypted_bytes(self.bytes),
            iframes: Vec::new(),
            ..self
        }
    }
}

/// Where a segment's I-frame is, for trick play: the range starts with the fragment's `moof`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IFrame {
    /// From the segment's first byte.
    pub offset: u64,
    /// Length of the range in bytes.
    pub bytes: u64,
    /// Ticks until the next I-frame or the end.
    pub ticks: u64,
}

/// One track, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackReport {
    /// Which track.
    pub track: TrackId,
    /// What only video or only audio has.
    pub kind: TrackKind,
    /// RFC 6381, read from the initialization segment.
    pub codecs: String,
    /// SHA-256 of the initialization segment, in hex: the parts of a track must share it.
    pub init_sha256: String,
    /// Ticks per second.
    pub timescale: u32,
    /// The media segments, in order.
    pub segments: Vec<SegmentReport>,
}

/// What only video or only audio has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// A video rendition.
    Video {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Frames per second.
        frame_rate: FrameRate,
    },
    /// A sound track.
    Audio {
        /// RFC 5646 tag, `und` if unknown.
        language: String,
        /// What the source calls it.
        name: Option<String>,
        /// What it is for.
        purpose: Purpose,
        /// How many channels.
        channels: u16,
        /// Samples per second.
        sample_rate: u32,
    },
}

impl TrackReport {
    /// Length in ticks.
    pub fn ticks(&self) -> u64 {
        self.segments.iter().map(|segment| segment.ticks).sum()
    }

    /// The codec without its profile and level: `avc1`, `av01`, `mp4a`.
    pub fn codec(&self) -> &str {
        self.codecs.split('.').next().unwrap_or_default()
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        seconds(self.ticks(), self.timescale)
    }
}

/// Ticks as seconds: the only place where time becomes a float, for text.
pub fn seconds(ticks: u64, timescale: u32) -> f64 {
    ticks as f64 / f64::from(timescale)
}

/// A whole video, ready to be written into playlists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presentation {
    /// The video renditions, highest first within each codec, H.264 before any other. They share
    /// one timeline. None if there is only audio.
    pub video: Vec<TrackReport>,
    /// The sounds, the main one first; none if the video is silent.
    pub audio: Vec<TrackReport>,
    /// The language of captions (CEA-608) that are within the picture, in H.264.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_captions: Option<String>,
}

/// Reports that don't make one video. It would be our mistake, and must never be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// There is nothing to show.
    #[error("there is no track, or one without segments")]
    Empty,
    /// A rendition is cut elsewhere than the others, so a player can't switch to it.
    #[error("{0} is not cut where the first rendition is")]
    NotAligned(TrackId),
}

impl Presentation {
    /// Puts tracks together, after checking that players can switch between the renditions.
    pub fn new(video: Vec<TrackReport>, audio: Vec<TrackReport>) -> Result<Self, Inconsistent> {
        let chunk_starts = |track: &TrackReport| -> Vec<u64> {
            track.segments.iter().map(|segment| segment.ticks).collect()
        };
        let reference = video.first().map(chunk_starts).unwrap_or_default();
        let is_empty = |track: &TrackReport| track.segments.is_empty();
        if video.is_empty() && audio.is_empty() || video.iter().chain(&audio).any(is_empty) {
            return Err(Inconsistent::Empty);
        }
        match video.iter().find(|track| chunk_starts(track) != reference) {
            Some(odd) => Err(Inconsistent::NotAligned(odd.track.clone())),
            None => Ok(Self {
                video,
                audio,
                closed_captions: None,
            }),
        }
    }

    /// The track whose length is that of the whole, and whose segments are those of others: the first video
    /// rendition, or the main audio track if there is no picture.
    pub fn leading(&self) -> Option<&TrackReport> {
        self.tracks().next()
    }

    /// Whether there is no picture.
    pub fn is_audio_only(&self) -> bool {
        self.video.is_empty()
    }

    /// All tracks: video first, then audio.
    pub fn tracks(&self) -> impl Iterator<Item = &TrackReport> {
        self.video.iter().chain(&self.audio)
    }

    /// The length that all playlists announce as target: the longest segment, rounded as RFC 8216
    /// rounds.
    pub fn target_duration(&self) -> u64 {
        let longest = self
            .tracks()
            .flat_map(|track| {
                let scale = u64::from(track.timescale);
                track
                    .segments
                    .iter()
                    .map(move |s| (s.ticks + scale / 2) / scale)
            })
            .max();
        longest.unwrap_or(0).max(1)
    }
}
