//! Signs requests to the uploads bucket, for clients to send.
//!
//! The SDK signs `PutObject` and `UploadPart`, but none of the requests that begin and end a
//! multipart upload; those are signed here with the SDK's own signer.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::{Client, error::DisplayErrorContext, presigning::PresigningConfig};
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reelrun_core::{keys::StorageKey, upload::sign::Operation, video::Video};

use crate::aws;

/// Signs with the function's own credentials: what it may not do, no URL of its can.
#[derive(Debug, Clone)]
pub struct Signer {
    client: Client,
    sdk: SdkConfig,
    bucket: String,
}

/// A request could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("could not sign a request: {0}")]
pub struct SignerError(String);

/// A signed permission for one request.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// Where to send it. It carries the signature: never log it.
    pub url: String,
    /// Headers that the request must carry.
    pub headers: Vec<(&'static str, String)>,
}

impl Signer {
    /// Signs requests to this bucket.
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self {
            client: aws::s3(sdk),
            sdk: sdk.clone(),
            bucket,
        }
    }

    /// Permission for one operation on a video's source. Key, length and type are part of the
    /// signature: S3 itself refuses anything else.
    pub async fn sign(
        &self,
        video: &Video,
        operation: &Operation,
        valid_for: Duration,
    ) -> Result<Presigned, SignerError> {
        let key = StorageKey::Source(video.id).to_string();
        // Every HTTP client sends the length by itself, and a browser forbids setting it.
        let with_type = || vec![("content-type", video.content_type.clone())];
        let (method, query, headers) = match operation {
            Operation::Put => {
                let request = self
                    .client
                    .put_object()
                    .bucket(&self.bucket)
                    .key(key)
                    .content_type(&video.content_type)
                    .content_length(i64::try_from(video.size_bytes).map_err(failed)?);
                let signed = request.presigned(expires(valid_for)?).await;
                let url = signed.map_err(failed)?.uri().into();
                return Ok(Presigned {
                    url,
                    headers: with_type(),
                });
            }
            Operation::Part {
                upload_id,
                number,
                length,
            } => {
                let request = self
                    .client
                    .upload_part()
                    .bucket(&self.bucket)
                    .key(key)
                    .upload_id(upload_id)
                    .part_number(i32::try_from(*number).map_err(failed)?)
                    .content_length(i64::try_from(*length).map_err(failed)?);
                let signed = request.presigned(expires(valid_for)?).await;
                let url = signed.map_err(failed)?.uri().into();
                return Ok(Presigned {
                    url,
                    headers: Vec::new(),
                });
            }
            Operation::Create => ("POST", "uploads=".into(), with_type()),
            Operation::List { upload_id } => ("GET", upload_query(upload_id), Vec::new()),
            Operation::Complete { upload_id } => ("POST", upload_query(upload_id), Vec::new()),
            Operation::Abort { upload_id } => ("DELETE", upload_query(upload_id), Vec::new()),
        };
        let url = format!("{}?{query}", self.object_url(key).await?);
        let url = self.sign_url(method, &url, &headers, valid_for).await?;
        Ok(Presigned { url, headers })
    }

    /// Where an object is: the SDK knows the rules of regions, partitions and endpoints.
    async fn object_url(&self, key: String) -> Result<String, SignerError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let signed = request.presigned(expires(Duration::from_secs(1))?).await;
        let signed = signed.map_err(failed)?;
        let url = signed.uri();
        Ok(url.split_once('?').map_or(url, |(object, _)| object).into())
    }

    async fn sign_url(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, String)],
        valid_for: Duration,
    ) -> Result<String, SignerError> {
        let provider = self.sdk.credentials_provider();
        let provider = provider.ok_or_else(|| SignerError("there are no credentials".into()))?;
        let identity = provider.provide_credentials().await.map_err(failed)?.into();
        let region = self.sdk.region().map(AsRef::as_ref).unwrap_or_default();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(valid_for);
        // S3's own rules: a key is signed as it is written.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(failed)?
            .into();
        let signable = SignableRequest::new(
            method,
            url,
            headers.iter().map(|(name, value)| (*name, value.as_str())),
            SignableBody::UnsignedPayload,
        );
        let (instructions, _) = sign(signable.map_err(failed)?, &params)
            .map_err(failed)?
            .into_parts();
        let mut request = Request::builder().uri(url).body(()).map_err(failed)?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}

fn upload_query(upload_id: &str) -> String {
    format!(
        "uploadId={}",
        utf8_percent_encode(upload_id, NON_ALPHANUMERIC)
    )
}

fn expires(valid_for: Duration) -> Result<PresigningConfig, SignerError> {
    PresigningConfig::expires_in(valid_for).map_err(failed)
}

fn failed(why: impl std::error::Error) -> SignerError {
    SignerError(DisplayErrorContext(why).to_string())
}
