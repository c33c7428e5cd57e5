//! The encoders' settings, at the named points between cheap and good.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    ladder::{Rendition, UnknownSetting, VideoCodec},
    timeline::Grid,
};

/// How much CPU time an encode may spend to make fewer bytes of the same picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The least CPU time.
    Economy,
    /// A picture like that of x264's `medium` at CRF 20, in a third of its time.
    Balanced,
    /// Fewer bytes for the same picture, for videos that are watched often.
    Quality,
}

impl Preset {
    /// What one of its pixels costs to scale and encode on one CPU, by measurement and rounded up.
    pub(crate) fn picoseconds_per_pixel(self, rendition: &Rendition) -> u64 {
        match (rendition.codec, self, Class::of(rendition)) {
            (VideoCodec::H264, Self::Economy, _) => 12_000,
            (VideoCodec::H264, Self::Balanced, _) => 18_000,
            (VideoCodec::H264, Self::Quality, _) => 40_000,
            (VideoCodec::Av1, _, Class::UltraHd | Class::FullHd) => 20_000,
            (VideoCodec::Av1, _, Class::Hd) => 30_000,
            (VideoCodec::Av1, _, Class::Sd | Class::Small) => 65_000,
        }
    }
}

impl Rendition {
    /// How far its H.264 may be ahead of its highest bit rate, in bits.
    pub(crate) fn buffer_bits(&self) -> u64 {
        2 * u64::from(self.max_bitrate_bps)
    }
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

/// A rung's class, by which its settings differ: small pictures are cheap to encode well, and show
/// more of what they lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    UltraHd,
    FullHd,
    Hd,
    Sd,
    Small,
}

impl Class {
    fn of(rendition: &Rendition) -> Self {
        match rendition.width.min(rendition.height) {
            1200.. => Self::UltraHd,
            800..1200 => Self::FullHd,
            560..800 => Self::Hd,
            400..560 => Self::Sd,
            _ => Self::Small,
        }
    }
}

/// ffmpeg's options for one rendition: names and values.
///
/// Constant quality: easy pictures stay small, hard ones stay within the rung. Each chunk of a video is encoded without knowing the others, and a constant quality needs to know
/// nothing of them.
pub(crate) fn arguments(
    preset: Preset,
    rendition: &Rendition,
    grid: Grid,
    has_captions: bool,
) -> Vec<(&'static str, String)> {
    let gop = grid.gop_frames.to_string();
    let mut options = match rendition.codec {
        VideoCodec::H264 => h264(preset, rendition, has_captions),
        VideoCodec::Av1 => av1(rendition),
    };
    // A keyframe exactly at each GOP's start, and nowhere else.
    options.push(("-g", gop.clone()));
    options.push(("-keyint_min", gop));
    if rendition.codec == VideoCodec::H264 {
        options.push(("-sc_threshold", "0".into()));
    }
    options
}

fn h264(preset: Preset, rendition: &Rendition, has_captions: bool) -> Vec<(&'static str, String)> {
    use Class::{FullHd, Hd, Sd, Small, UltraHd};
    let class = Class::of(rendition);
    let (speed, crf, params) = match (preset, class) {
        (Preset::Economy, _) => ("superfast", "22", QUICK_ECONOMY),
        (Preset::Balanced, UltraHd | FullHd) => ("superfast", "20.5", QUICK),
        (Preset::Balanced, Hd) => ("superfast", "21.2", QUICK),
        (Preset::Balanced, Sd) => ("superfast", "21.3", QUICK),
        (Preset::Balanced, Small) => ("superfast", "21.6", QUICK),
        (Preset::Quality, UltraHd | FullHd) => ("fast", "24.5", THOROUGH),
        (Preset::Quality, Hd) => ("fast", "24", THOROUGH_SMALL),
        (Preset::Quality, Sd) => ("medium", "24.2", THOROUGH_SMALL),
        (Preset::Quality, Small) => ("medium", "27.3", THOROUGH_SMALL),
    };
    let ceiling = u64::from(rendition.max_bitrate_bps);
    vec![
        ("-c:v", "libx264".into()),
        ("-preset", speed.into()),
        ("-profile:v", "high".into()),
        ("-crf", crf.into()),
        ("-x264-params", params.into()),
        // What the playlists say: that there are captions in the picture, or none.
        ("-a53cc", u8::from(has_captions).to_string()),
        ("-maxrate", ceiling.to_string()),
        ("-bufsize", rendition.buffer_bits().to_string()),
    ]
}

/// What makes `superfast` worth its bytes: it lacks the tools that cost little and save much.
/// Trellis quantization alone is half a point of VMAF for no time that could be measured;
/// macroblock trees with a short look-ahead save a third of the bytes. How many B-frames there are in
/// a row is not decided anew each time: x264's quick way to do so takes up to a tenth of the time and
/// ends with a few per cent more bytes, at any size.
const QUICK: &str =
    "weightp=1:mbtree=1:rc-lookahead=20:b-adapt=0:subme=2:trellis=1:aq-mode=2:aq-strength=0.7";

const QUICK_ECONOMY: &str =
    "weightp=1:mbtree=1:rc-lookahead=10:b-adapt=0:subme=1:trellis=1:aq-mode=2:aq-strength=0.7";

const THOROUGH: &str = "rc-lookahead=40:aq-mode=2:aq-strength=0.7:psy-rd=0.4,0";

const THOROUGH_SMALL: &str = "rc-lookahead=50:aq-mode=2:aq-strength=0.7:psy-rd=0,0";

/// AV1 is for those who save bytes, so it has one point. For a picture as good as H.264's `balanced`
/// it needs half of the bytes at the small sizes, two thirds at 720p and three quarters at 1080p.
///
/// Time is spent where it saves the most. A slower preset saves 9 % of the bytes at 360p, 10 % at
/// 480p and 9 % at 720p, for two, five and six CPU seconds of half a minute of film; at 1080p it
/// saves some 4 % for twelve.
fn av1(rendition: &Rendition) -> Vec<(&'static str, String)> {
    let (speed, crf, overshoot) = match Class::of(rendition) {
        Class::UltraHd | Class::FullHd => ("9", "27", "20"),
        Class::Hd => ("8", "26", "15"),
        Class::Sd | Class::Small => ("7", "28", "0"),
    };
    // Noise, grain and confetti would take any number of bytes. The buffer is full at first, and SVT spends
    // it: of one second, so that a clip of some seconds stays within the cap as well.
    let ceiling = rendition.max_bitrate_bps.to_string();
    vec![
        ("-c:v", "libsvtav1".into()),
        ("-preset", speed.into()),
        ("-crf", crf.into()),
        ("-maxrate", ceiling.clone()),
        ("-bufsize", ceiling),
        // Two threads: renditions are encoded side by side. No keyframes at scene cuts. SVT takes half as
        // much again for "no more than" by itself; with this, noise takes nine tenths of the cap.
        (
            "-svtav1-params",
            format!("lp=2:scd=0:mbr-overshoot-pct={overshoot}"),
        ),
    ]
}
