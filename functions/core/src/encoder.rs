//! The encoders' settings: which codecs there are, and the named points between cheap and good.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ladder::Rendition, timeline::Grid};

/// A codec that pictures are published in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264, which everything plays.
    H264,
    /// AV1, for players that have it: the same picture in far fewer bytes.
    Av1,
}

/// How much CPU time an encode may spend to make fewer bytes of the same picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The least CPU time.
    Economy,
    /// A picture like that of x264's `medium` at CRF 20, in about a third of its time.
    Balanced,
    /// Fewer bytes for the same picture, for videos that are watched often.
    Quality,
}

impl Preset {
    /// What a pixel costs to scale and encode on one CPU, by measurement and rounded up.
    pub(crate) fn picoseconds_per_pixel(self, codec: VideoCodec) -> u64 {
        match (codec, self) {
            (VideoCodec::H264, Self::Economy) => 12_000,
            (VideoCodec::H264, Self::Balanced) => 18_000,
            (VideoCodec::H264, Self::Quality) => 40_000,
            (VideoCodec::Av1, _) => 25_000,
        }
    }
}

/// What a deployment's parameter may say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is none of {allowed}")]
pub struct UnknownSetting {
    given: String,
    allowed: &'static str,
}

impl FromStr for Preset {
    type Err = UnknownSetting;
    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        match text {
            "economy" => Ok(Self::Economy),
            "balanced" => Ok(Self::Balanced),
            "quality" => Ok(Self::Quality),
            _ => Err(UnknownSetting {
                given: text.into(),
                allowed: "economy, balanced, quality",
            }),
        }
    }
}

/// The codecs that a deployment encodes to; H.264 is always among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoCodecs {
    /// Whether AV1 is made beside H.264.
    pub av1: bool,
}

impl FromStr for VideoCodecs {
    type Err = UnknownSetting;
    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        match text {
            "h264" => Ok(Self { av1: false }),
            "h264,av1" => Ok(Self { av1: true }),
            _ => Err(UnknownSetting {
                given: text.into(),
                allowed: "h264; h264,av1",
            }),
        }
    }
}

impl VideoCodecs {
    /// The codecs, in the order in which they are published.
    pub fn iter(self) -> impl Iterator<Item = VideoCodec> {
        [Some(VideoCodec::H264), self.av1.then_some(VideoCodec::Av1)]
            .into_iter()
            .flatten()
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "h264",
            Self::Av1 => "av1",
        })
    }
}

/// ffmpeg's options for one rendition: names and values.
pub(crate) fn arguments(
    preset: Preset,
    rendition: &Rendition,
    grid: Grid,
) -> Vec<(&'static str, String)> {
    let gop = grid.gop_frames.to_string();
    let ceiling = rendition.max_bitrate_bps;
    let mut options = match rendition.codec {
        VideoCodec::H264 => vec![
            ("-c:v", "libx264".into()),
            ("-preset", "veryfast".into()),
            ("-profile:v", "high".into()),
            // Constant quality under a ceiling: easy pictures stay small, hard ones within the rung.
            ("-crf", "20".into()),
            ("-aq-mode", "2".into()),
            ("-maxrate", ceiling.to_string()),
            ("-bufsize", (u64::from(ceiling) * 3 / 2).to_string()),
        ],
        VideoCodec::Av1 => vec![
            ("-c:v", "libsvtav1".into()),
            ("-preset", "10".into()),
            ("-crf", "32".into()),
        ],
    };
    let _ = preset;
    // A keyframe exactly at each GOP's start, and nowhere else.
    options.push(("-g", gop.clone()));
    options.push(("-keyint_min", gop));
    options.push(("-sc_threshold", "0".into()));
    options
}
