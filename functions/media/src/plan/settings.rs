//! What a deployment decides of all plans.

use std::time::Duration;

use crate::{encoder::Preset, ladder::VideoCodecs};

/// What a deployment asks of every plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The largest rung of the ladder, by its short side.
    pub max_short_side: u32,
    /// How hard the encoder tries.
    pub preset: Preset,
    /// What is encoded to.
    pub codecs: VideoCodecs,
    /// How far the work is spread.
    pub fan_out: FanOut,
}

/// How far the work is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanOut {
    /// How many functions may run at the same time.
    pub max_parallel: u32,
    /// How long encoding one chunk should take.
    pub target: Duration,
    /// A function's memory, which also stands for its speed: Lambda gives one CPU for 1769 MB.
    pub memory_mb: u32,
}
