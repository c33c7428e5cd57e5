//! Wires the sweep function: configuration, clients, handler.
#![forbid(unsafe_code)]

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use reelrun_platform::{
    aws,
    catalog::Catalog,
    config,
    lambda::Function,
    state_machine::StateMachine,
    storage::{Buckets, Storage},
};
use reelrun_sweep::Sweeper;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let sdk = aws::sdk_config().await;
    let sweeper = Sweeper {
        storage: Storage::new(aws::s3(&sdk), Buckets::from_env()?),
        catalog: Catalog::new(aws::dynamodb(&sdk), config::text("VIDEOS_TABLE")?),
        runs: StateMachine::new(
            aws::step_functions(&sdk),
            config::text("STATE_MACHINE_ARN")?,
        ),
        transcode: Function::new(aws::lambda(&sdk), config::text("TRANSCODE_FUNCTION")?),
        every: config::seconds("SWEEP_EVERY_SECONDS")?,
    };
    let sweeper = &sweeper;
    lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| {
        sweeper.sweep().await.map_err(|why| Diagnostic {
            error_type: "Transient".into(),
            error_message: why.to_string(),
        })
    }))
    .await
}
