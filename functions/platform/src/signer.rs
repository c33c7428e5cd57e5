//! Signs requests to the uploads bucket, for clients to send.
//!
//! The SDK presigns `PutObject` and `UploadPart`, but none of the requests that begin and end a
//! multipart upload. So that all are signed in one way, the SDK is asked once where the bucket is,
//! and its own signer does the rest.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reelrun_core::{
    keys::{Folder, StorageKey},
    media_type,
    upload::sign::Operation,
    video::{Video, VideoId, track::TextTrack},
};
use tokio::sync::OnceCell;

use crate::{aws, failure::Failure};

const TYPE: &str = "content-type";
const LENGTH: &str = "content-length";
/// Of a file whose extension is accepted no more.
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// What has arrived stays as it is: whoever looked at it, or encodes it, must not find another file
/// there because a permission is still valid.
const ONCE: (&str, &str) = ("if-none-match", "*");

/// Signs with the function's own credentials: what it may not do, no URL of its can.
#[derive(Debug, Clone)]
pub struct Signer {
    sdk: SdkConfig,
    bucket: String,
    bucket_url: Arc<OnceCell<String>>,
}

/// A request could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("could not sign a request: {0}")]
pub struct SignerError(#[source] Failure);

/// A signed permission for one request.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// Where to send it. It carries the signature: never log it.
    pub url: String,
    /// Headers that the request must carry.
    pub headers: Vec<(&'static str, String)>,
}

/// A request to a video's source, not yet signed.
struct Unsigned {
    method: &'static str,
    /// Empty, or what follows the question mark.
    query: String,
    /// Headers whose values are signed.
    headers: Vec<(&'static str, String)>,
}

impl Signer {
    /// Signs requests to this bucket.
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self {
            sdk: sdk.clone(),
            bucket,
            bucket_url: Arc::default(),
        }
    }

    /// Permission for one operation on a video's source. Key, length, type and that nothing is there
    /// yet are part of the signature: S3 itself refuses anything else.
    pub async fn sign(
        &self,
        video: &Video,
        operation: &Operation,
        valid_for: Duration,
    ) -> Result<Presigned, SignerError> {
        let key = StorageKey::Source(Folder::of(video));
        self.sign_request(&key, unsigned(video, operation), valid_for)
            .await
    }

    /// Permission to upload the file of a text track, of this length, once.
    pub async fn sign_track(
        &self,
        video: VideoId,
        track: &TextTrack,
        valid_for: Duration,
    ) -> Result<Presigned, SignerError> {
        let key = StorageKey::TrackSource(video, track.id);
        let content_type = key.content_type().unwrap_or(UNKNOWN_TYPE);
        let request = Unsigned {
            method: "PUT",
            query: String::new(),
            headers: vec![
                (TYPE, content_type.into()),
                (LENGTH, track.size_bytes.to_string()),
                (ONCE.0, ONCE.1.into()),
            ],
        };
        self.sign_request(&key, request, valid_for).await
    }

    async fn sign_request(
        &self,
        key: &StorageKey,
        request: Unsigned,
        valid_for: Duration,
    ) -> Result<Presigned, SignerError> {
        let bucket = self.bucket_url.get_or_try_init(|| self.ask_where()).await?;
        // A source's key has no character that a URL would have to escape.
        let mut url = format!("{bucket}{key}");
        if !request.query.is_empty() {
            url = format!("{url}?{}", request.query);
        }
        let url = self.sign_url(&request, &url, valid_for).await?;
        // Every HTTP client sends the length by itself, and a browser forbids setting it.
        let mut headers = request.headers;
        headers.retain(|(name, _)| *name != LENGTH);
        Ok(Presigned { url, headers })
    }

    /// Where the bucket is: the SDK knows the rules of regions, partitions and endpoints.
    async fn ask_where(&self) -> Result<String, SignerError> {
        const KEY: &str = "key";
        let expiry = PresigningConfig::expires_in(Duration::from_secs(1)).map_err(failed)?;
        let request = aws::s3(&self.sdk)
            .get_object()
            .bucket(&self.bucket)
            .key(KEY);
        let signed = request.presigned(expiry).await.map_err(failed)?;
        let object = signed.uri().split_once('?').map(|(object, _)| object);
        let bucket = object.and_then(|object| object.strip_suffix(KEY));
        bucket.map(Into::into).ok_or_else(|| {
            SignerError(Failure::permanent(
                "the SDK does not say where the bucket is",
            ))
        })
    }

    async fn sign_url(
        &self,
        request: &Unsigned,
        url: &str,
        valid_for: Duration,
    ) -> Result<String, SignerError> {
        let provider = self.sdk.credentials_provider();
        let provider =
            provider.ok_or_else(|| SignerError(Failure::permanent("there are no credentials")))?;
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
        let headers = request.headers.iter();
        let signable = SignableRequest::new(
            request.method,
            url,
            headers.map(|(name, value)| (*name, value.as_str())),
            SignableBody::UnsignedPayload,
        );
        let (instructions, _) = sign(signable.map_err(failed)?, &params)
            .map_err(failed)?
            .into_parts();
        let mut signed = Request::builder().uri(url).body(()).map_err(failed)?;
        instructions.apply_to_request_http1x(&mut signed);
        Ok(signed.uri().to_string())
    }
}

fn unsigned(video: &Video, operation: &Operation) -> Unsigned {
    // Decided anew: an upload that an earlier version permitted may have a type of its client's in its
    // record.
    let content_type = media_type::for_filename(&video.filename).unwrap_or(UNKNOWN_TYPE);
    let content_type = || (TYPE, content_type.to_owned());
    let length = |bytes: u64| (LENGTH, bytes.to_string());
    let once = || (ONCE.0, ONCE.1.to_owned());
    let (method, query, headers) = match operation {
        Operation::Put => {
            let headers = vec![content_type(), length(video.size_bytes), once()];
            ("PUT", String::new(), headers)
        }
        Operation::Create => ("POST", "uploads=".into(), vec![content_type()]),
        Operation::Part {
            upload_id,
            number,
            length: bytes,
        } => {
            let query = format!("partNumber={number}&{}", upload_query(upload_id));
            ("PUT", query, vec![length(*bytes)])
        }
        Operation::List { upload_id } => ("GET", upload_query(upload_id), Vec::new()),
        Operation::Complete { upload_id } => ("POST", upload_query(upload_id), vec![once()]),
        Operation::Abort { upload_id } => ("DELETE", upload_query(upload_id), Vec::new()),
    };
    Unsigned {
        method,
        query,
        headers,
    }
}

fn upload_query(upload_id: &str) -> String {
    format!(
        "uploadId={}",
        utf8_percent_encode(upload_id, NON_ALPHANUMERIC)
    )
}

fn failed(why: impl std::error::Error + Send + Sync + 'static) -> SignerError {
    SignerError(Failure::transient(why))
}
