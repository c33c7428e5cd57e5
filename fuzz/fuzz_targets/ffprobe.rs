//! What ffprobe says of a file: a plan is made of anything that it may say.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use reelrun_media::{
    command::{self, SourceUrl},
    encoder::Preset,
    ladder::VideoCodecs,
    plan::{FanOut, Plan, Settings},
    source::{SourceInfo, SourceLimits},
};

const SETTINGS: Settings = Settings {
    max_short_side: 1080,
    preset: Preset::Balanced,
    codecs: VideoCodecs { av1: true },
    fan_out: FanOut {
        max_parallel: 40,
        target: Duration::from_secs(1),
        memory_mb: 128,
    },
};

fuzz_target!(|text: &str| {
    let limits = SourceLimits {
        max_duration_seconds: 43_200,
    };
    let Ok(info) = SourceInfo::parse(text, None, limits) else {
        return;
    };
    let plan = Plan::new(&info, SETTINGS);
    assert!(plan.frames > 0);
    assert!(!plan.renditions.is_empty());
    let source = SourceUrl {
        url: "http://127.0.0.1/source",
        ca_file: None,
        container: info.container,
    };
    for part in plan.parts() {
        assert!(command::encode(&plan, part, source).is_some());
    }
});
