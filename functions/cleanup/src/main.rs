//! Wires the cleanup function: configuration, clients, handler.
#![forbid(unsafe_code)]

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use reelrun_cleanup::Cleanup;
use reelrun_platform::{
    aws,
    catalog::Catalog,
    cdn::Cdn,
    config,
    lambda::Function,
    storage::{Buckets, Storage},
};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let sdk = aws::sdk_config().await;
    let distribution = config::optional("DISTRIBUTION_ID");
    let cleanup = Cleanup {
        storage: Storage::new(aws::s3(&sdk), Buckets::from_env()?),
        catalog: Catalog::new(aws::dynamodb(&sdk), config::text("VIDEOS_TABLE")?),
        tracks: Function::new(aws::lambda(&sdk), config::text("TRACKS_FUNCTION")?),
        cdn: (!distribution.is_empty()).then(|| Cdn::new(aws::cloudfront(&sdk), distribution)),
    };
    let cleanup = &cleanup;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let handled = cleanup.handle(&event.payload).await;
        handled.map_err(|why| Diagnostic {
            error_type: "Transient".into(),
            error_message: why.to_string(),
        })
    }))
    .await
}
