//! Wires the tracks function: configuration, clients, handler.
#![forbid(unsafe_code)]

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use reelrun_platform::{
    aws,
    catalog::Catalog,
    config,
    lambda::Function,
    storage::{Buckets, Storage},
};
use reelrun_tracks::Tracks;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let sdk = aws::sdk_config().await;
    let tracks = Tracks {
        storage: Storage::new(aws::s3(&sdk), Buckets::from_env()?),
        catalog: Catalog::new(aws::dynamodb(&sdk), config::text("VIDEOS_TABLE")?),
        transcode: Function::new(aws::lambda(&sdk), config::text("TRANSCODE_FUNCTION")?),
    };
    let tracks = &tracks;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let handled = tracks.handle(&event.payload).await;
        handled.map_err(|why| Diagnostic {
            error_type: "Transient".into(),
            error_message: why.to_string(),
        })
    }))
    .await
}
