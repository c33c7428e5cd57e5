//! Settings of encodes that tests and benchmarks run by themselves.

use std::time::Duration;

use aws_config::SdkConfig;
use reelrun_media::{
    encoder::Preset,
    ladder::VideoCodecs,
    plan::{FanOut, Settings},
    source::SourceLimits,
};
use reelrun_platform::{
    aws,
    catalog::Catalog,
    state_machine::StateMachine,
    storage::{Buckets, Storage},
};
use reelrun_transcode::{process::Programs, transcoder::Transcoder};

use crate::stack::Stack;

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

/// The buckets of a stack.
pub fn buckets(stack: &Stack) -> Buckets {
    Buckets {
        uploads: stack.uploads_bucket.clone(),
        media: stack.media_bucket.clone(),
    }
}

/// A transcode function in this process, for sources of up to a minute.
pub fn transcoder(stack: &Stack, sdk: &SdkConfig) -> Transcoder {
    Transcoder {
        storage: Storage::new(aws::s3(sdk), buckets(stack)),
        catalog: Catalog::new(aws::dynamodb(sdk), stack.videos_table.clone()),
        programs: Programs::find(3008),
        limits: SourceLimits {
            max_duration_seconds: 60,
            accepts_audio_only: true,
        },
        settings: ONE_CHUNK,
        runs: StateMachine::new(aws::step_functions(sdk), stack.state_machine_arn.clone()),
        function: "reelrun-transcode:1".into(),
        run_timeout: Duration::from_hours(1),
    }
}
