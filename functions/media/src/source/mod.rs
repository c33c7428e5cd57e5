//! What a source really is, read from ffprobe's JSON and checked against what we can encode.

mod ffprobe;
mod packets;
mod sniff;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    packets::{Keyframe, Measured, Packets},
    sniff::{Container, SNIFF_BYTES, check_encoding},
};

use self::ffprobe::{Probe, ProbeStream, no_video, pick, positive, seconds};
use crate::{
    error::{ErrorType, VideoError},
    language::tag_of,
    timeline::FrameRate,
};

/// The facts about a source that decide how it is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// What it is in.
    pub container: Container,
    /// Size in bytes.
    pub size_bytes: u64,
    /// How long it lasts: until the longer of picture and sound is over. Microseconds, as all times
    /// here, counted from where the container's clock starts.
    pub duration_us: u64,
    /// When the container's clock starts.
    pub clock_start_us: i64,
    /// Whether it can be entered at any time.
    pub seeking: Seeking,
    /// The keyframes, once they were measured.
    pub keyframes: Vec<Keyframe>,
    /// The moving picture.
    pub video: VideoStream,
    /// The sound, if there is any.
    pub audio: Option<AudioStream>,
}

/// Whether a file can be read from any time on, and gives the very frames of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seeking {
    /// It has an index.
    Exact,
    /// It has none, but can be read from any keyframe on, once the keyframes are known.
    ByPosition,
    /// It has none, and a reader would guess.
    Unreliable,
}

/// The video stream that is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
pub struct VideoStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Width as displayed, pixel aspect and rotation applied.
    pub width: u32,
    /// Height as displayed.
    pub height: u32,
    /// Width and height as decoded: upright, with pixels that may not be square.
    pub decoded: (u32, u32),
    /// The rate to encode at: the source's own when it is constant and publishable.
    pub frame_rate: FrameRate,
    /// When its first frame is shown.
    pub start_us: u64,
    /// When its last frame's time is over.
    pub end_us: u64,
    /// Whether `end_us` was measured on this stream, and not taken from the container, whose
    /// length is that of its longest stream.
    pub end_is_exact: bool,
    /// Whether its frames are, or may be, made of two fields; each frame tells.
    pub interlaced: bool,
    /// Whether its picture has a high dynamic range (PQ or HLG).
    pub hdr: bool,
    /// Whether it says by which matrix its colours were made, and with a high dynamic range of which
    /// primaries. RGB was made by none, so its renditions have what is assumed of them.
    pub color_is_stated: bool,
}

/// The audio stream that is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// The language it says it is in, as an RFC 5646 tag; `und` when it does not say.
    pub language: String,
    /// When its first sample is heard.
    pub start_us: u64,
    /// When its last sample is over, where the file says so.
    pub end_us: Option<u64>,
    /// How many channels it has; 0 where that is not known.
    pub channels: u32,
    /// Its sample rate, where each packet's time is exact to the sample.
    pub exact_sample_rate: Option<u32>,
}

/// What the API tells of a source: the uploaded file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Source)]
pub struct SourceSummary {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Pixels as displayed.
    pub width: u32,
    /// Pixels as displayed.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// ffmpeg's name of the codec.
    #[schema(examples("h264"))]
    pub video_codec: String,
    /// ffmpeg's name of the codec; `null` without sound.
    #[schema(required, examples("aac"))]
    pub audio_codec: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// What one deployment encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// The longest source, in seconds.
    pub max_duration_seconds: u64,
}

/// The largest picture that is decoded: 8K. ffmpeg is told the same limit.
pub const MAX_PIXELS: u64 = 8192 * 4320;

impl SourceInfo {
    /// Reads ffprobe's JSON. An error is final: the source is at fault.
    ///
    /// `measured` is what reading every packet of the video stream told; callers measure when this
    /// says that the file does not state its length.
    pub fn parse(
        probe: &str,
        measured: Option<&Measured>,
        limits: SourceLimits,
    ) -> Result<Self, SourceFault> {
        let probe: Probe = serde_json::from_str(probe).map_err(|why| {
            VideoError::new(
                ErrorType::MalformedMedia,
                format!("Its structure could not be read ({why})."),
            )
        })?;
        let format_name = probe.format.format_name.as_deref().unwrap_or_default();
        let container = Container::named(format_name).ok_or_else(|| {
            VideoError::new(
                ErrorType::NotAVideo,
                format!("Its content is in a format that Reelrun does not read ({format_name})."),
            )
        })?;
        let size_bytes = probe.format.size.as_deref();
        let size_bytes = size_bytes.and_then(|size| size.parse().ok()).unwrap_or(0);
        let start = seconds(probe.format.start_time.as_deref()).unwrap_or(0);
        let stream = pick(&probe.streams, |stream| stream.is("video"))
            .ok_or_else(|| no_video(&probe.streams))?;
        probe.check_is_open(stream)?;
        let container_end = seconds(probe.format.duration.as_deref()).and_then(positive);
        let stated_end = stream.end(start);
        let measured_end =
            measured.and_then(|measured| positive(measured.end_us.saturating_sub(start)));
        let end_us =
            measured_end
                .or(stated_end)
                .or(container_end)
                .ok_or(SourceFault::LengthUnknown {
                    video_stream: stream.index,
                    size_bytes,
                })?;
        let audio = pick(&probe.streams, ProbeStream::is_decodable_audio);
        audio.map_or(Ok(()), |stream| probe.check_is_open(stream))?;
        let video = VideoStream {
            start_us: stream.start(start),
            end_us,
            end_is_exact: measured_end.or(stated_end).is_some(),
            ..stream.video()?
        };
        let audio = audio.map(|stream| AudioStream {
            index: stream.index,
            codec: stream.codec_name.clone().unwrap_or_default(),
            language: tag_of(stream.tags.language.as_deref()),
            start_us: stream.start(start),
            end_us: stream.end(start),
            channels: stream.channels,
            exact_sample_rate: stream.exact_sample_rate(),
        });
        let duration_us = end_us.max(audio.as_ref().and_then(|a| a.end_us).unwrap_or(0));
        if duration_us > limits.max_duration_seconds.saturating_mul(1_000_000) {
            return Err(VideoError::new(
                ErrorType::TooLong,
                format!(
                    "It lasts {} s; at most {} s are accepted.",
                    duration_us / 1_000_000,
                    limits.max_duration_seconds
                ),
            )
            .into());
        }
        Ok(Self {
            container,
            size_bytes,
            duration_us,
            clock_start_us: start,
            seeking: stream.seeking(&probe.format),
            keyframes: measured.map_or_else(Vec::new, |m| m.keyframes.clone()),
            video,
            audio,
        })
    }

    /// What the API tells of it.
    pub fn summary(&self) -> SourceSummary {
        SourceSummary {
            duration_ms: self.duration_us / 1000,
            width: self.video.width,
            height: self.video.height,
            frame_rate: (self.video.frame_rate.as_f64() * 1000.0).round() / 1000.0,
            video_codec: self.video.codec.clone(),
            audio_codec: self.audio.as_ref().map(|audio| audio.codec.clone()),
            size_bytes: self.size_bytes,
        }
    }
}

/// Why a probe gave no [`SourceInfo`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// The source can't be encoded, for good.
    #[error(transparent)]
    Final(#[from] VideoError),
    /// The file does not say how long it is, as recordings made in a browser do not: every packet
    /// has to be read to know.
    #[error("the file does not state its length")]
    LengthUnknown {
        /// The index of the stream that is to be measured.
        video_stream: u32,
        /// How much there is to read.
        size_bytes: u64,
    },
}
