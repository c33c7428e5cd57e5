//! Wires the presign function: configuration, clients, routes.
#![forbid(unsafe_code)]

use std::sync::Arc;

use mimalloc::MiMalloc;
use reelrun_core::upload::UploadLimits;
use reelrun_platform::{
    auth::ApiTokens,
    aws,
    catalog::Catalog,
    config,
    lambda::Function,
    signer::Signer,
    storage::{Buckets, Storage},
};
use reelrun_presign::{Presign, routes};

/// A request is many small values that live for a moment: with this allocator it takes 7 to
/// 9 % less CPU time than with the C library's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let sdk = aws::sdk_config().await;
    let presign = Presign {
        catalog: Catalog::new(aws::dynamodb(&sdk), config::text("VIDEOS_TABLE")?),
        storage: Storage::new(aws::s3_at_once(&sdk), Buckets::from_env()?),
        transcode: Function::new(
            aws::lambda_at_once(&sdk),
            config::text("TRANSCODE_FUNCTION")?,
        ),
        signer: Signer::new(&sdk, config::text("UPLOADS_BUCKET")?),
        limits: UploadLimits {
            max_bytes: config::parsed("MAX_UPLOAD_BYTES")?,
            multipart_from: config::parsed("MULTIPART_FROM_BYTES")?,
        },
        default_visibility: config::parsed("DEFAULT_VISIBILITY")?,
        url_expiry: config::seconds("URL_EXPIRY_SECONDS")?,
        upload_expiry: config::seconds("UPLOAD_EXPIRY_SECONDS")?,
        api_url: config::base_url("API_URL")?,
        library_is_extended: Arc::default(),
    };
    lambda_http::run(routes(presign, ApiTokens::from_env()?)).await
}
