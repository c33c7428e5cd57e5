//! The ladder: which sizes, rates and codecs exist, and which of them a source gets.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A codec that pictures are published in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264, which everything plays.
    H264,
    /// AV1, for players that have it: the same picture in far fewer bytes.
    Av1,
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

/// What a deployment's parameter may say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is none of {allowed}")]
pub struct UnknownSetting {
    pub(crate) given: String,
    pub(crate) allowed: &'static str,
}

/// One step of the ladder, independent of any source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The name that viewers know: 720p.
    pub name: &'static str,
    /// Pixels on the picture's short side, so that portrait and landscape meet the same rung.
    pub short_side: u32,
    /// The bit rate that the encoder may not exceed, in kbit/s.
    pub max_kbps: u32,
}

/// All rungs, highest first.
pub const RUNGS: [Rung; 7] = [
    rung("2160p", 2160, 24_000),
    rung("1440p", 1440, 14_000),
    rung("1080p", 1080, 9_000),
    rung("720p", 720, 4_500),
    rung("480p", 480, 2_400),
    rung("360p", 360, 1_500),
    rung("240p", 240, 700),
];

const fn rung(name: &'static str, short_side: u32, max_kbps: u32) -> Rung {
    Rung {
        name,
        short_side,
        max_kbps,
    }
}

/// One rung applied to one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    /// The rung's name; with the codec's, where it is not H.264.
    pub name: String,
    /// What it is encoded to.
    pub codec: VideoCodec,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// The bit rate that the encoder may not exceed, in bit/s.
    pub max_bitrate_bps: u32,
}

/// The most pixels on the long side: many decoders of H.264 take no wider pictures.
const MAX_LONG_SIDE: u32 = 4096;

/// How much larger than the next rung a source must be to deserve a rendition of its own size.
const WORTH_ITS_OWN_PERCENT: u32 = 110;

/// The renditions for a picture of this display size in each codec; see [`of_rungs`].
pub fn renditions(
    width: u32,
    height: u32,
    max_short_side: u32,
    codecs: VideoCodecs,
) -> Vec<Rendition> {
    let h264 = of_rungs(width, height, max_short_side);
    let mut all = Vec::new();
    for codec in codecs.iter() {
        all.extend(h264.iter().map(|rendition| match codec {
            VideoCodec::H264 => rendition.clone(),
            VideoCodec::Av1 => Rendition {
                name: format!("{}-{codec}", rendition.name),
                codec,
                ..*rendition
            },
        }));
    }
    all
}

/// The renditions for a picture of this display size (rotation and pixel aspect applied), highest
/// first, never larger than the source and never above `max_short_side`.
///
/// A source between two rungs takes the upper rung at its own size: a 1920×800 film is published
/// at 1920×800, not scaled down to the 720p rung. When it is barely above a rung, the rung itself
/// is near enough. A panorama whose long side is beyond [`MAX_LONG_SIDE`] counts as the smaller
/// picture that it has to become.
fn of_rungs(width: u32, height: u32, max_short_side: u32) -> Vec<Rendition> {
    let short = largest_short_side(width, height);
    let lower_neighbour = |index: usize| RUNGS.get(index + 1).map_or(0, |rung| rung.short_side);
    let allowed = RUNGS
        .iter()
        .enumerate()
        .filter(|(_, rung)| rung.short_side <= max_short_side);
    let mut chosen: Vec<_> = allowed
        .filter(|&(index, rung)| {
            let below = lower_neighbour(index);
            rung.short_side <= short
                || (below == 0 || short * 100 >= below * WORTH_ITS_OWN_PERCENT) && below < short
        })
        .map(|(_, rung)| scaled(rung, width, height))
        .collect();
    // The lowest rung takes any smaller source, so that every source has a rendition.
    if chosen.is_empty()
        && let Some(lowest) = RUNGS.last()
    {
        chosen.push(scaled(lowest, width, height));
    }
    chosen
}

/// The short side of the largest picture of this shape.
fn largest_short_side(width: u32, height: u32) -> u32 {
    let (short, long) = (width.min(height), width.max(height));
    let within = u64::from(MAX_LONG_SIDE) * u64::from(short) / u64::from(long.max(1));
    short.min(u32::try_from(within).unwrap_or(u32::MAX)).max(1)
}

fn scaled(rung: &Rung, width: u32, height: u32) -> Rendition {
    let short = width.min(height);
    let target = rung.short_side.min(largest_short_side(width, height));
    Rendition {
        name: rung.name.into(),
        codec: VideoCodec::H264,
        width: even_part(width, target, short),
        height: even_part(height, target, short),
        max_bitrate_bps: rung.max_kbps * 1000,
    }
}

/// `side × target ÷ short`, to the nearest even number that does not exceed `side`; at least 2.
fn even_part(side: u32, target: u32, short: u32) -> u32 {
    let (side, target, double) = (u64::from(side), u64::from(target), 2 * u64::from(short));
    let halves = (side * target + double / 2) / double;
    let largest = side / 2;
    u32::try_from(halves.min(largest) * 2)
        .unwrap_or(u32::MAX - 1)
        .max(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(width: u32, height: u32) -> String {
        let sizes: Vec<_> = of_rungs(width, height, 1080)
            .iter()
            .map(|r| format!("{} {}x{}", r.name, r.width, r.height))
            .collect();
        sizes.join(", ")
    }

    #[test]
    fn sources_of_every_shape_get_fitting_renditions() {
        let shapes = [
            (1920, 1080),
            (1080, 1920),
            (1440, 1080),
            (3840, 2160),
            (1920, 800),
            (1280, 724),
            (853, 479),
            (640, 360),
            (320, 240),
            (200, 200),
            (1, 1),
            (5760, 1080),
            (7680, 16),
        ];
        let lines: Vec<_> = shapes
            .iter()
            .map(|&(w, h)| format!("{w}x{h}: {}", table(w, h)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        1920x1080: 1080p 1920x1080, 720p 1280x720, 480p 854x480, 360p 640x360, 240p 426x240
        1080x1920: 1080p 1080x1920, 720p 720x1280, 480p 480x854, 360p 360x640, 240p 240x426
        1440x1080: 1080p 1440x1080, 720p 960x720, 480p 640x480, 360p 480x360, 240p 320x240
        3840x2160: 1080p 1920x1080, 720p 1280x720, 480p 854x480, 360p 640x360, 240p 426x240
        1920x800: 1080p 1920x800, 720p 1728x720, 480p 1152x480, 360p 864x360, 240p 576x240
        1280x724: 720p 1272x720, 480p 848x480, 360p 636x360, 240p 424x240
        853x479: 480p 852x478, 360p 642x360, 240p 428x240
        640x360: 360p 640x360, 240p 426x240
        320x240: 240p 320x240
        200x200: 240p 200x200
        1x1: 240p 2x2
        5760x1080: 720p 3840x720, 480p 2560x480, 360p 1920x360, 240p 1280x240
        7680x16: 240p 3840x8
        ");
    }

    proptest! {
        #[test]
        fn nothing_is_upscaled_stretched_or_odd(w in 16u32..8192, h in 16u32..8192) {
            let all = of_rungs(w, h, 2160);
            prop_assert!(!all.is_empty());
            for r in &all {
                prop_assert!(r.width <= w && r.height <= h, "{r:?}");
                prop_assert!(r.width % 2 == 0 && r.height % 2 == 0, "{r:?}");
                // Each side is within a rounding step (2 pixels) of the true shape.
                let ideal = f64::from(r.height) * f64::from(w) / f64::from(h);
                let step = 2.0 + 2.0 * f64::from(w) / f64::from(h);
                prop_assert!(r.width.max(r.height) <= MAX_LONG_SIDE, "{r:?}");
                prop_assert!((f64::from(r.width) - ideal).abs() <= step, "{r:?} {ideal}");
            }
            for pair in all.windows(2) {
                prop_assert!(pair[0].width.min(pair[0].height) > pair[1].width.min(pair[1].height));
            }
        }
    }
}
