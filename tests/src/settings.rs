//! Settings of encodes that tests and benchmarks run by themselves.

use std::time::Duration;

use reelrun_media::{
    encoder::Preset,
    ladder::VideoCodecs,
    plan::{FanOut, Settings},
};

/// As deployed by default, but in a single chunk.
pub const ONE_CHUNK: Settings = Settings {
    max_short_side: 1080,
    preset: Preset::Balanced,
    codecs: VideoCodecs { av1: false },
    fan_out: FanOut {
        max_parallel: 1,
        target: Duration::MAX,
        memory_mb: 10_240,
    },
};
