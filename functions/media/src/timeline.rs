//! Time in whole numbers: frame rates as fractions, instants as ticks, segments as frame counts.
//!
//! Floating-point seconds drift, and a drifting cut is a dropped frame. Everything that is cut is
//! cut at a frame number, and everything that is written is written in ticks of a timescale in
//! which one frame is a whole number of ticks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Frames per second as a reduced fraction: 30000/1001, 25/1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct FrameRate {
    num: u32,
    den: u32,
}

/// Rates that cameras and editors really use; a probed rate this close to one is that one.
const STANDARD: [(u32, u32); 9] = [
    (24000, 1001),
    (24, 1),
    (25, 1),
    (30000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60000, 1001),
    (60, 1),
];

/// A fraction that is no frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a frame rate")]
pub struct InvalidFrameRate;

impl FrameRate {
    /// The fastest rate that is published: Apple's authoring rules stop at 60.
    pub const MAX: Self = Self { num: 60, den: 1 };
    /// The slowest rate that is published, so that a segment is a whole number of frames near 6 s.
    pub const MIN: Self = Self { num: 1, den: 1 };

    /// The rate of the grid on which audio is cut that has no picture beside it.
    pub const AUDIO_ONLY: Self = Self { num: 25, den: 1 };

    /// A rate from a fraction, reduced. `None` for zero or infinite rates.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        let divisor = gcd(num, den);
        (num > 0 && den > 0).then(|| Self {
            num: num / divisor,
            den: den / divisor,
        })
    }

    /// Reads ffprobe's `30000/1001`; `0/0` is its word for "no rate".
    ///
    /// A rate within 0.02 % of a standard one is the standard one: containers with coarse clocks
    /// write 2997/100 or 10000000/333667 and mean 30000/1001.
    pub fn parse(text: &str) -> Option<Self> {
        let (num, den) = text.split_once('/')?;
        let (num, den) = (num.parse::<u64>().ok()?, den.parse::<u64>().ok()?);
        if num == 0 || den == 0 {
            return None;
        }
        let near = STANDARD.into_iter().find(|&(n, d)| {
            let (a, b) = (
                u128::from(num) * u128::from(d),
                u128::from(n) * u128::from(den),
            );
            a.abs_diff(b) * 5000 <= b
        });
        match near {
            Some((num, den)) => Some(Self { num, den }),
            None => Self::new(num.try_into().ok()?, den.try_into().ok()?),
        }
    }

    /// The numerator.
    pub fn num(self) -> u32 {
        self.num
    }

    /// The denominator.
    pub fn den(self) -> u32 {
        self.den
    }

    /// Frames per second, for people and playlists.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Whether cameras and editors use it.
    pub fn is_standard(self) -> bool {
        STANDARD.contains(&(self.num, self.den))
    }

    /// Whether this rate is above another.
    pub fn exceeds(self, other: Self) -> bool {
        u64::from(self.num) * u64::from(other.den) > u64::from(other.num) * u64::from(self.den)
    }

    /// This rate halved until it is at most [`Self::MAX`], which drops every other frame evenly,
    /// and never below [`Self::MIN`].
    #[must_use]
    pub fn publishable(self) -> Self {
        let mut rate = self;
        while rate.exceeds(Self::MAX) {
            rate = Self::new(rate.num, rate.den.saturating_mul(2)).unwrap_or(Self::MAX);
        }
        if Self::MIN.exceeds(rate) {
            Self::MIN
        } else {
            rate
        }
    }

    /// The constant rate for a source whose rate varies: the slowest common rate that keeps its
    /// average.
    #[must_use]
    pub fn constant_for_average(average: Self) -> Self {
        [24, 25, 30, 50]
            .into_iter()
            .map(|num| Self { num, den: 1 })
            // 2 % of slack: an average of 30.1 comes from a 30 fps camera.
            .find(|rate| average.as_f64() <= rate.as_f64() * 1.02)
            .unwrap_or(Self::MAX)
    }

    /// How many frames fit best into a duration.
    pub fn frames_in_micros(self, micros: u64) -> u64 {
        let den = u128::from(self.den) * 1_000_000;
        let frames = (u128::from(micros) * u128::from(self.num) + den / 2) / den;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl TryFrom<(u32, u32)> for FrameRate {
    type Error = InvalidFrameRate;
    fn try_from((num, den): (u32, u32)) -> Result<Self, InvalidFrameRate> {
        Self::new(num, den).ok_or(InvalidFrameRate)
    }
}

impl From<FrameRate> for (u32, u32) {
    fn from(rate: FrameRate) -> Self {
        (rate.num, rate.den)
    }
}

/// The greatest common divisor; at least 1.
pub(crate) fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// Where a video is cut: keyframes, segments and their length in ticks.
///
/// A segment lasts 6 s ± half a second at any frame rate and holds whole groups of pictures (GOP),
/// each starting with an IDR frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Frames per second.
    pub frame_rate: FrameRate,
    /// Frames from one IDR to the next.
    pub gop_frames: u32,
    /// GOPs in a segment.
    pub gops_per_segment: u32,
}

/// Samples in one frame of AAC.
pub const AAC_FRAME_SAMPLES: u32 = 1024;

/// The length that segments aim for, which is also what the playlists announce.
pub const SEGMENT_SECONDS: u32 = 6;

impl Grid {
    /// The grid for a frame rate: three GOPs of 2 s where whole frames allow it, fewer and longer
    /// GOPs below 3 fps.
    pub fn new(frame_rate: FrameRate) -> Self {
        let rate = frame_rate.as_f64();
        let ideal = f64::from(SEGMENT_SECONDS) * rate;
        let (gops_per_segment, gop_frames) = [3_u32, 2, 1]
            .into_iter()
            .map(|gops| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "at most 60 fps × 6 s; at least 0"
                )]
                let frames = (ideal / f64::from(gops)).round().max(1.0) as u32;
                (gops, frames)
            })
            .find(|&(gops, frames)| (f64::from(gops * frames) - ideal).abs() <= rate / 2.0)
            .unwrap_or((1, 1));
        Self {
            frame_rate,
            gop_frames,
            gops_per_segment,
        }
    }

    /// Ticks per second: a power of ten times the rate's numerator, so that a frame is a whole
    /// number of ticks and players' millisecond arithmetic stays fine-grained.
    pub fn timescale(self) -> u32 {
        self.frame_rate.num * self.tick_factor()
    }

    /// Ticks per frame.
    pub fn frame_ticks(self) -> u32 {
        self.frame_rate.den * self.tick_factor()
    }

    fn tick_factor(self) -> u32 {
        let mut factor = 1;
        while self.frame_rate.num.saturating_mul(factor) < 10_000 {
            factor *= 10;
        }
        factor
    }

    /// When a frame is shown, in ticks.
    pub fn ticks_at(self, frame: u64) -> u64 {
        frame * u64::from(self.frame_ticks())
    }

    /// How many whole frames last this many ticks.
    pub fn frames_in(self, ticks: u64) -> u64 {
        ticks / u64::from(self.frame_ticks())
    }

    /// When a frame is shown, in microseconds.
    pub fn micros_at(self, frame: u64) -> u64 {
        let micros = u128::from(self.ticks_at(frame)) * 1_000_000 / u128::from(self.timescale());
        u64::try_from(micros).unwrap_or(u64::MAX)
    }

    /// Frames in a whole segment.
    pub fn segment_frames(self) -> u32 {
        self.gop_frames * self.gops_per_segment
    }

    /// Ticks in a whole segment.
    pub fn segment_ticks(self) -> u64 {
        self.ticks_at(self.segment_frames().into())
    }

    /// How many segments hold this many frames.
    pub fn segments_for(self, frames: u64) -> u64 {
        frames.div_ceil(u64::from(self.segment_frames()))
    }

    /// The audio frame nearest to a point on the video's timeline, in ticks: where the audio is cut
    /// so that its segments start where the video's do, to within half an audio frame.
    pub fn audio_frame_at(self, ticks: u64, sample_rate: u32) -> u64 {
        let num = u128::from(ticks) * u128::from(sample_rate);
        let den = u128::from(self.timescale()) * u128::from(AAC_FRAME_SAMPLES);
        u64::try_from((num + den / 2) / den).unwrap_or(u64::MAX)
    }
}

/// A time as people write it: 1:02:03, 2:03.
pub(crate) fn seconds_as_clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(num: u32, den: u32) -> FrameRate {
        FrameRate::new(num, den).unwrap()
    }

    #[test]
    fn coarse_clocks_are_read_as_the_rate_they_mean() {
        assert_eq!(FrameRate::parse("2997/100"), Some(rate(30000, 1001)));
        assert_eq!(FrameRate::parse("10000000/333667"), Some(rate(30000, 1001)));
        assert_eq!(FrameRate::parse("24000/1001"), Some(rate(24000, 1001)));
        assert_eq!(FrameRate::parse("24/1"), Some(rate(24, 1)));
        assert_eq!(FrameRate::parse("8797/1000"), Some(rate(8797, 1000)));
        for none in ["0/0", "25", "", "x/y", "1/0", "-1/2"] {
            assert_eq!(FrameRate::parse(none), None, "{none}");
        }
    }

    #[test]
    fn fast_rates_are_halved_and_varying_ones_made_constant() {
        assert_eq!(rate(120, 1).publishable(), rate(60, 1));
        assert_eq!(rate(240_000, 1001).publishable(), rate(60000, 1001));
        assert_eq!(rate(1, 5).publishable(), FrameRate::MIN);
        assert_eq!(FrameRate::constant_for_average(rate(30, 1)), rate(30, 1));
        assert_eq!(FrameRate::constant_for_average(rate(17, 1)), rate(24, 1));
        assert_eq!(FrameRate::constant_for_average(rate(59, 1)), rate(60, 1));
    }

    #[test]
    fn the_usual_rates_have_gops_of_two_seconds() {
        for (num, den, gop, timescale, frame) in [
            (24, 1, 48, 24000, 1000),
            (25, 1, 50, 25000, 1000),
            (30000, 1001, 60, 30000, 1001),
            (24000, 1001, 48, 24000, 1001),
            (60, 1, 120, 60000, 1000),
        ] {
            let grid = Grid::new(rate(num, den));
            assert_eq!((grid.gop_frames, grid.gops_per_segment), (gop, 3));
            assert_eq!((grid.timescale(), grid.frame_ticks()), (timescale, frame));
        }
    }

    proptest! {
        #[test]
        fn every_rate_has_segments_of_six_seconds(num in 1u32..120_000, den in 1u32..2000) {
            let grid = Grid::new(rate(num, den).publishable());
            let seconds = grid.segment_ticks() as f64 / f64::from(grid.timescale());
            prop_assert!((seconds - 6.0).abs() <= 0.5 + 1e-9, "{grid:?}: {seconds}");
        }

        #[test]
        fn audio_cuts_are_within_half_a_frame(num in 1u32..61, segment in 0u64..2000) {
            let grid = Grid::new(rate(num, 1));
            let ticks = segment * grid.segment_ticks();
            let cut = grid.audio_frame_at(ticks, 48_000) as f64 * 1024.0 / 48_000.0;
            let at = ticks as f64 / f64::from(grid.timescale());
            prop_assert!((cut - at).abs() <= 512.0 / 48_000.0 + 1e-9);
        }
    }
}
