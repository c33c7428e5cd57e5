//! How an audio track is encoded, and in which parts.
//!
//! The main one goes with the picture: each chunk has its own audio. Where that can't be, because its samples
//! have no exact times, it is a part of its own, and so are all further tracks. In a long video, they are
//! encoded at the same time as the picture, by other functions, and in chunks if they can be entered.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AudioEntry, FanOut, chunks};
use crate::{
    source::{AudioStream, Layout},
    timeline::SEGMENT_SECONDS,
    tracks::Purpose,
};

/// How an audio track is encoded: AAC-LC stereo, which every player has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// Names the track that it becomes.
    pub id: String,
    /// The audio stream's index in the source.
    pub stream: u32,
    /// ffmpeg's name of the source's codec.
    pub codec: String,
    /// RFC 5646 tag, `und` if unknown.
    pub language: String,
    /// What the source calls it.
    pub name: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// The encoder's bit rate, in bit/s.
    pub bitrate_bps: u32,
    /// Samples per second.
    pub sample_rate: u32,
    /// When the source's sound starts, in microseconds.
    pub start_us: u64,
    /// When it ends, where that is known.
    pub end_us: Option<u64>,
    /// How the source's channels lie.
    pub layout: Layout,
    /// The source's own sample rate, where each of its samples has an exact time: then it can be encoded
    /// in chunks.
    pub exact_sample_rate: Option<u32>,
    /// The first segment of each of its parts; none if each chunk of the picture has its audio.
    pub chunk_starts: Vec<u32>,
    /// Where each of its parts enters a source whose reader would guess; empty for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<AudioEntry>,
}

/// How many seconds of audio one CPU decodes and encodes in a second. 600 s of AAC took 20.9 s of CPU.
const SPEED: u64 = 28;

impl AudioPlan {
    /// How a stream is encoded that is at this position among a source's audio tracks; the first is the main one.
    pub(super) fn new(position: u32, stream: &AudioStream, exact_sample_rate: Option<u32>) -> Self {
        Self {
            id: match position {
                0 => "main".into(),
                other => (other + 1).to_string(),
            },
            stream: stream.index,
            codec: stream.codec.clone(),
            language: stream.language.clone(),
            name: stream.name.clone(),
            purpose: stream.purpose,
            bitrate_bps: 128_000,
            sample_rate: 48_000,
            start_us: stream.start_us,
            end_us: stream.end_us,
            layout: stream.layout,
            exact_sample_rate,
            chunk_starts: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// The same, in one part of its own.
    pub(super) fn apart(self) -> Self {
        Self {
            chunk_starts: vec![0],
            ..self
        }
    }

    /// The same, in parts that take as long as chunks of the picture do.
    pub(super) fn in_chunks(self, segments: u64, fan_out: FanOut) -> Self {
        let seconds = segments * u64::from(SEGMENT_SECONDS);
        let in_a_second = (SPEED * u64::from(fan_out.memory_mb) / 1769).clamp(1, 2 * SPEED);
        let of = |work_seconds: u64| seconds.div_ceil(work_seconds * in_a_second);
        let wanted = of(fan_out.target.max(Duration::from_secs(1)).as_secs());
        let count = wanted
            .min(fan_out.max_parallel.into())
            .max(of(chunks::LONGEST_SECONDS))
            .clamp(1, chunks::MAX_AUDIO_CHUNKS);
        Self {
            chunk_starts: chunks::chunk_starts(segments, count, |_| true),
            ..self
        }
    }

    /// Whether each chunk of the picture has its audio.
    pub fn goes_with_picture(&self) -> bool {
        self.chunk_starts.is_empty()
    }
}
