//! What a source really is, read from ffprobe's JSON and checked against what we can encode.

mod audio;
mod audio_only;
mod clock;
mod color;
mod ffprobe;
mod geometry;
mod packets;
mod side_data;
mod sniff;
mod streams;
#[cfg(test)]
mod tests;
mod texts;
mod trial;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    audio::{AudioStream, Layout},
    audio_only::{AudioOnlyChoice, AudioOnlySource},
    color::{ColorNames, OddMatrix},
    ffprobe::Probe,
    geometry::{Crop, Geometry, Orientation},
    packets::{Keyframe, Measured, Packets, is_repeated, repeats_itself},
    sniff::{Container, Head, SNIFF_BYTES, check_encoding},
    streams::{
        Chosen, MOST_NOT_USED, Next, NotUsed, NotUsedReason, Selection, Stream, StreamKind, Streams,
    },
    texts::{SourceTexts, SubtitlesNotUsed, TextStream},
    trial::Trial,
};
pub(crate) use trial::{PICTURES, SOUNDS};

use self::clock::{positive, seconds};

use crate::{
    diagnostics,
    error::{ErrorType, VideoError},
    timeline::FrameRate,
};

/// The facts about a source that decide how it is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// What it is in.
    pub container: Container,
    /// Whether its streams are found only by reading far into it.
    pub reads_deep: bool,
    /// Size in bytes.
    pub size_bytes: u64,
    /// How long it lasts: until the longer of picture and sound is over. Microseconds, as all times
    /// here, counted from where the container's clock starts.
    pub duration_us: u64,
    /// When the container's clock starts, or when the first picture that can be shown comes, if what
    /// comes before it can't be decoded.
    pub clock_start_us: i64,
    /// Whether that is later than the container says.
    pub starts_late: bool,
    /// Whether it can be entered at any time.
    pub seeking: Seeking,
    /// Whether it has an index, so that all that it states must be there.
    pub is_indexed: bool,
    /// The keyframes, once they were measured.
    pub keyframes: Vec<Keyframe>,
    /// The moving picture.
    pub video: VideoStream,
    /// The sound: the main one first, then other languages, commentaries and the like.
    pub audio: Vec<AudioStream>,
    /// Its subtitles, captions and chapters.
    pub texts: SourceTexts,
    /// What is left out.
    pub not_used: Vec<NotUsed>,
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
    /// The same, but there is a copy of its picture that has an index.
    Copied,
    /// No index is to be believed, or there are hardly any keyframes: it is decoded from its beginning.
    FromStart,
}

/// The video stream that is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts")]
pub struct VideoStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Width as displayed, pixel aspect and rotation applied.
    pub width: u32,
    /// Height as displayed.
    pub height: u32,
    /// How a decoded frame becomes that.
    pub geometry: Geometry,
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
    /// Whether it is a single frame.
    pub is_still: bool,
    /// Whether captions come with its frames.
    pub has_captions: bool,
    /// Whether its picture has a high dynamic range (PQ or HLG).
    pub hdr: bool,
    /// Whether it says by which matrix its colours were made, and with a high dynamic range of which
    /// primaries. RGB was made by none, so its renditions have what is assumed of them.
    pub color_is_stated: bool,
    /// The matrix by which its colours were made, if it is one that few can read.
    pub odd_matrix: Option<OddMatrix>,
    /// What is said of its colours beside the bitstream.
    pub color: ColorNames,
}

/// What the API tells of a source: the uploaded file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Source)]
pub struct SourceSummary {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Pixels as displayed; `null` without a moving picture, as the next three.
    #[schema(required)]
    pub width: Option<u32>,
    /// Pixels as displayed.
    #[schema(required)]
    pub height: Option<u32>,
    /// Frames per second.
    #[schema(required)]
    pub frame_rate: Option<f64>,
    /// ffmpeg's name of the codec.
    #[schema(required, examples("h264"))]
    pub video_codec: Option<String>,
    /// ffmpeg's name of the main sound's codec; `null` without sound.
    #[schema(required, examples("aac"))]
    pub audio_codec: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The streams of the file that are not in what is published, and why.
    #[serde(default)]
    #[schema(required)]
    pub not_used: Vec<NotUsed>,
    /// The subtitles of the file that are not taken over, and why.
    #[serde(default)]
    #[schema(required)]
    pub subtitles_not_used: Vec<SubtitlesNotUsed>,
}

impl SourceSummary {
    /// Whether there is no moving picture.
    pub fn is_audio_only(&self) -> bool {
        self.video_codec.is_none()
    }
}

/// What one deployment encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// The longest source, in seconds.
    pub max_duration_seconds: u64,
    /// Whether one without a moving picture is accepted.
    pub accepts_audio_only: bool,
}

/// The largest picture that is decoded: 8K. ffmpeg is told the same limit.
pub const MAX_PIXELS: u64 = 8192 * 4320;

/// A picture that begins so much later than its stream was preceded by frames that can't be shown: a
/// recording of a broadcast begins anywhere. What is heard with them goes too.
const UNSEEN_US: i64 = 1_000_000;

impl SourceInfo {
    /// Puts together what is known of a source. An error is final: the source is at fault.
    ///
    /// `measured` is what reading every packet of the video stream told; callers measure when this
    /// says that the file does not state its length, or that what it states can't be relied on.
    pub fn new(
        probe: &Probe,
        head: Head,
        chosen: &Chosen,
        measured: Option<&Measured>,
        limits: SourceLimits,
    ) -> Result<Self, SourceFault> {
        let container = probe.container()?;
        let size_bytes = probe.size_bytes();
        let stream = probe
            .stream(chosen.video)
            .ok_or_else(diagnostics::no_frames)?;
        let audio = chosen.audio.iter();
        let audio = audio.filter_map(|(index, sound)| Some((probe.stream(*index)?, sound)));
        probe.check_is_open(stream)?;
        let picture = stream.video(chosen)?;
        let seeking = stream.seeking(container, &probe.format, head);
        // That of AVI is right as far as it goes, and does not say how far that should be.
        let is_indexed = seeking == Seeking::Exact && container != Container::Avi;
        let stated_start = seconds(probe.format.start_time.as_deref()).unwrap_or(0);
        let first_picture = chosen.picture.at_us.filter(|&at| {
            let stated = seconds(stream.start_time.as_deref()).unwrap_or(stated_start);
            let is_joined = measured.is_some_and(|measured| measured.is_joined);
            !is_indexed && !is_joined && at.saturating_sub(stated) > UNSEEN_US
        });
        let start = first_picture.unwrap_or(stated_start);
        let unknown = || SourceFault::LengthUnknown {
            video_stream: stream.index,
            size_bytes,
        };
        // The clock of a transport stream can start anew at any time, and its end is a guess then.
        let is_guessed = matches!(container, Container::MpegTs | Container::Mpeg);
        if is_guessed && measured.is_none() {
            return Err(unknown());
        }
        let container_end = seconds(probe.format.duration.as_deref()).and_then(positive);
        let stated_end = stream.end(start).filter(|_| !is_guessed);
        let measured_end =
            measured.and_then(|measured| positive(measured.end_us.saturating_sub(start)));
        let end_us = measured_end
            .or(stated_end)
            .or(container_end)
            .ok_or_else(unknown)?;
        let video = VideoStream {
            start_us: stream.start(start),
            end_us,
            end_is_exact: measured_end.or(stated_end).is_some(),
            ..picture
        };
        let is_joined = measured.is_some_and(|measured| measured.is_joined);
        let audio = audio.enumerate().map(|(position, (stream, sound))| {
            let purpose = stream.purpose(position == 0);
            stream.audio(container, sound, purpose, start, is_joined)
        });
        let audio: Vec<_> = audio.collect();
        let main_end = audio.first().and_then(|main| main.end_us);
        let duration_us = end_us.max(main_end.unwrap_or(0));
        limits.check(duration_us)?;
        let has_false_keyframes = probe.calls_all_keyframes(stream.index) && !chosen.is_intra;
        Ok(Self {
            container,
            reads_deep: probe.is_deep,
            size_bytes,
            duration_us,
            clock_start_us: start,
            starts_late: first_picture.is_some(),
            is_indexed,
            seeking: if has_false_keyframes || seeking == Seeking::Exact && first_picture.is_some()
            {
                Seeking::FromStart
            } else {
                seeking
            },
            keyframes: measured.map_or_else(Vec::new, |m| m.keyframes.clone()),
            video,
            audio,
            texts: SourceTexts::new(probe, start, duration_us),
            not_used: chosen.not_used.clone(),
        })
    }

    /// A copy of its picture was made, with an index; these are the packets at the copy's end.
    pub fn copied(&mut self, end: &Measured, limits: SourceLimits) -> Result<(), VideoError> {
        self.seeking = Seeking::Copied;
        let end_us = end.end_us.saturating_sub(self.picture_clock_start_us());
        self.video.end_us = positive(end_us).ok_or_else(diagnostics::no_frames)?;
        self.video.end_is_exact = true;
        self.duration_us = self.duration_us.max(self.video.end_us);
        limits.check(self.duration_us)
    }

    /// What the API tells of it.
    pub fn summary(&self) -> SourceSummary {
        SourceSummary {
            duration_ms: self.duration_us / 1000,
            width: Some(self.video.width),
            height: Some(self.video.height),
            frame_rate: Some((self.video.frame_rate.as_f64() * 1000.0).round() / 1000.0),
            video_codec: Some(self.video.codec.clone()),
            audio_codec: self.audio.first().map(|main| main.codec.clone()),
            size_bytes: self.size_bytes,
            not_used: self.not_used.clone(),
            subtitles_not_used: self.texts.not_used.clone(),
        }
    }
}

impl SourceLimits {
    fn check(self, duration_us: u64) -> Result<(), VideoError> {
        let seconds = duration_us / 1_000_000;
        if duration_us > self.max_duration_seconds.saturating_mul(1_000_000) {
            return Err(VideoError::new(
                ErrorType::TooLong,
                format!(
                    "It lasts {seconds} s; at most {} s are accepted.",
                    self.max_duration_seconds
                ),
            ));
        }
        Ok(())
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
