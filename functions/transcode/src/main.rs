//! Wires the transcode function: configuration, clients, handler.
#![forbid(unsafe_code)]

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use reelrun_media::{
    plan::{FanOut, Settings},
    source::SourceLimits,
};
use reelrun_platform::{
    aws,
    catalog::Catalog,
    config,
    state_machine::StateMachine,
    storage::{Buckets, Storage},
};
use reelrun_transcode::{
    error::StepError,
    handler,
    invocation::Invocation,
    process::{Programs, sandbox},
    transcoder::Transcoder,
};
use serde_json::Value;
use tower::util::AndThenLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    sandbox::hide_from_programs();
    let sdk = aws::sdk_config().await;
    let memory_mb = config::parsed("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?;
    let transcoder = Transcoder {
        storage: Storage::new(aws::s3(&sdk), Buckets::from_env()?),
        catalog: Catalog::new(aws::dynamodb(&sdk), config::text("VIDEOS_TABLE")?),
        programs: Programs::find(memory_mb),
        limits: SourceLimits {
            max_duration_seconds: config::parsed("MAX_DURATION_SECONDS")?,
            accepts_audio_only: config::text("AUDIO_ONLY")? == "accepted",
        },
        settings: Settings {
            max_short_side: config::parsed("MAX_HEIGHT")?,
            preset: config::parsed("ENCODER_PRESET")?,
            codecs: config::parsed("VIDEO_CODECS")?,
            fan_out: FanOut {
                max_parallel: config::parsed("MAX_PARALLEL_CHUNKS")?,
                target: config::seconds("TARGET_CHUNK_SECONDS")?,
                memory_mb,
            },
        },
        runs: StateMachine::new(
            aws::step_functions(&sdk),
            config::text("STATE_MACHINE_ARN")?,
        ),
        function: format!(
            "{}:{}",
            config::text("AWS_LAMBDA_FUNCTION_NAME")?,
            config::text("AWS_LAMBDA_FUNCTION_VERSION")?
        ),
        run_timeout: config::seconds("RUN_TIMEOUT_SECONDS")?,
    };
    let transcoder = &transcoder;
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        let remaining = event
            .context
            .deadline()
            .duration_since(std::time::SystemTime::now());
        let invocation = Invocation::lasting(remaining.unwrap_or_default());
        handler::handle(transcoder, &event.payload, &invocation)
            .await
            .map_err(diagnostic)
    });
    Runtime::new(handler)
        // Runs once the answer has been sent.
        .layer(AndThenLayer::new(async |()| Ok(sandbox::check()?)))
        .layer(TracingLayer::new())
        .run()
        .await
}

fn diagnostic(why: StepError) -> Diagnostic {
    Diagnostic {
        error_type: why.name().into(),
        error_message: why.to_string(),
    }
}
