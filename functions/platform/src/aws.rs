//! AWS clients, built once at a function's start.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::config::RequestChecksumCalculation;

/// Credentials, region and endpoint, as the environment says.
///
/// `AWS_ENDPOINT_URL` is the SDK's own variable: with it the same binary runs against any emulator.
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_mins(1))
                .build(),
        )
        .load()
        .await
}

/// An S3 client.
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let builder = aws_sdk_s3::config::Builder::from(config)
        // Buckets as host names need DNS that an emulator's endpoint does not have.
        .force_path_style(config.endpoint_url().is_some())
        // A presigned upload is signed before its bytes are known, so it can't carry a checksum.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// A DynamoDB client.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let builder = aws_sdk_dynamodb::config::Builder::from(config).timeout_config(at_once());
    aws_sdk_dynamodb::Client::from_conf(builder.build())
}

/// An S3 client for small requests while a client of the API waits.
pub fn s3_at_once(config: &SdkConfig) -> aws_sdk_s3::Client {
    s3(&config.to_builder().timeout_config(at_once()).build())
}

/// A Lambda client for calls while a client of the API waits.
pub fn lambda_at_once(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let builder = aws_sdk_lambda::config::Builder::from(config).timeout_config(at_once());
    aws_sdk_lambda::Client::from_conf(builder.build())
}

/// A Step Functions client.
pub fn step_functions(config: &SdkConfig) -> aws_sdk_sfn::Client {
    let builder = aws_sdk_sfn::config::Builder::from(config).timeout_config(soon());
    aws_sdk_sfn::Client::from_conf(builder.build())
}

/// A CloudFront client.
pub fn cloudfront(config: &SdkConfig) -> aws_sdk_cloudfront::Client {
    let builder = aws_sdk_cloudfront::config::Builder::from(config).timeout_config(soon());
    aws_sdk_cloudfront::Client::from_conf(builder.build())
}

/// A Lambda client.
pub fn lambda(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let builder = aws_sdk_lambda::config::Builder::from(config).timeout_config(soon());
    aws_sdk_lambda::Client::from_conf(builder.build())
}

/// For what answers within milliseconds or not at all: giving up on an answer soon leaves time for another
/// try, and for saying so, before a request to the API has run out of time.
fn at_once() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(7))
        .build()
}

/// For small requests to services that take a moment.
fn soon() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .build()
}
