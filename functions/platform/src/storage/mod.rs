//! Objects in S3.

mod copies;
mod moves;
mod parts;
mod removal;
mod sources;
mod withdrawal;

use std::{fmt::Display, time::Duration};

use aws_sdk_s3::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    presigning::PresigningConfig,
};
use bytes::Bytes;
use reelrun_core::keys::{Bucket, StorageKey};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::{self, ConfigError},
    failure::{Failure, FailureKind},
};

pub use parts::PartsUpload;

/// The two buckets.
#[derive(Debug, Clone)]
pub struct Storage {
    client: Client,
    buckets: Buckets,
}

/// The names of the buckets.
#[derive(Debug, Clone)]
pub struct Buckets {
    /// Sources and working files.
    pub uploads: String,
    /// What the CDN serves.
    pub media: String,
}

impl Buckets {
    /// Reads `UPLOADS_BUCKET` and `MEDIA_BUCKET`.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            uploads: config::text("UPLOADS_BUCKET")?,
            media: config::text("MEDIA_BUCKET")?,
        })
    }
}

/// How an object begins.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Its first bytes.
    pub bytes: Bytes,
    /// The `Content-Encoding` that it was stored with: how a browser would change its bytes.
    pub content_encoding: Option<String>,
}

/// S3 did not do what was asked, after retries.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {place}: {source}")]
pub struct StorageError {
    action: &'static str,
    /// Bucket and key, as `s3://bucket/key`.
    place: String,
    source: Failure,
}

impl Storage {
    /// Storage in these buckets.
    pub fn new(client: Client, buckets: Buckets) -> Self {
        Self { client, buckets }
    }

    /// Whether an event's bucket is the one that holds our sources.
    pub fn is_uploads_bucket(&self, name: &str) -> bool {
        self.buckets.uploads == name
    }

    /// The bucket that holds our sources.
    pub fn uploads_bucket(&self) -> &str {
        &self.buckets.uploads
    }

    /// Permission to GET an object, by ranges.
    pub async fn presign_download(
        &self,
        key: &StorageKey,
        valid_for: Duration,
    ) -> Result<String, StorageError> {
        let action = "sign the download of";
        self.client
            .get_object()
            .bucket(self.bucket(key))
            .key(key.to_string())
            .presigned(PresigningConfig::expires_in(valid_for).map_err(|why| {
                StorageError::new(action, self.place(key), Failure::permanent(why))
            })?)
            .await
            .map(|presigned| presigned.uri().into())
            .map_err(|why| StorageError::sdk(action, self.place(key), why))
    }

    /// Stores an object with the content type and cache policy of its key. Overwrites.
    pub async fn put(&self, key: &StorageKey, bytes: Bytes) -> Result<(), StorageError> {
        self.client
            .put_object()
            .bucket(self.bucket(key))
            .key(key.to_string())
            .set_content_type(key.content_type().map(Into::into))
            .set_cache_control(key.cache_control().map(Into::into))
            .body(bytes.into())
            .send()
            .await
            .map(drop)
            .map_err(|why| StorageError::sdk("store", self.place(key), why))
    }

    /// Reads an object whole.
    pub async fn get(&self, key: &StorageKey) -> Result<Bytes, StorageError> {
        let answer = self
            .client
            .get_object()
            .bucket(self.bucket(key))
            .key(key.to_string())
            .send()
            .await
            .map_err(|why| StorageError::sdk("read", self.place(key), why))?;
        let body = answer.body.collect().await;
        body.map(aws_smithy_types::byte_stream::AggregatedBytes::into_bytes)
            .map_err(|why| StorageError::new("read", self.place(key), Failure::transient(why)))
    }

    /// Reads the first bytes of an object; none if there is no such object.
    pub async fn get_head(
        &self,
        key: &StorageKey,
        bytes: u64,
    ) -> Result<Option<Head>, StorageError> {
        let answer = self
            .client
            .get_object()
            .bucket(self.bucket(key))
            .key(key.to_string())
            .range(format!("bytes=0-{}", bytes.saturating_sub(1)))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => {
                let status = why.raw_response().map(|answer| answer.status().as_u16());
                return match status {
                    // The whole bucket is another matter.
                    Some(404) if why.code() != Some("NoSuchBucket") => Ok(None),
                    // An empty object has no range.
                    Some(416) => Ok(Some(Head::default())),
                    _ => Err(StorageError::sdk("read", self.place(key), why)),
                };
            }
        };
        let content_encoding = answer.content_encoding;
        let body = answer.body.collect().await;
        let body = body
            .map_err(|why| StorageError::new("read", self.place(key), Failure::transient(why)))?;
        Ok(Some(Head {
            bytes: body.into_bytes(),
            content_encoding,
        }))
    }

    /// Reads an object that was stored by [`Self::put_json`].
    pub async fn get_json<T: DeserializeOwned>(&self, key: &StorageKey) -> Result<T, StorageError> {
        let bytes = self.get(key).await?;
        serde_json::from_slice(&bytes)
            .map_err(|why| StorageError::new("read", self.place(key), Failure::permanent(why)))
    }

    /// Stores a value as JSON.
    pub async fn put_json<T: Serialize>(
        &self,
        key: &StorageKey,
        value: &T,
    ) -> Result<(), StorageError> {
        let json = serde_json::to_vec(value)
            .map_err(|why| StorageError::new("store", self.place(key), Failure::permanent(why)))?;
        self.put(key, json.into()).await
    }

    /// The keys that come after this one in its folder, in order: up to a thousand.
    pub async fn keys_after(&self, key: &StorageKey) -> Result<Vec<String>, StorageError> {
        let after = key.to_string();
        let folder = after.rfind('/').map_or("", |end| &after[..=end]);
        let request = self.client.list_objects_v2().bucket(self.bucket(key));
        let listed = request.prefix(folder).start_after(&after).send().await;
        let listed =
            listed.map_err(|why| StorageError::sdk("list what follows", self.place(key), why))?;
        let keys = listed.contents().iter().filter_map(|object| object.key());
        Ok(keys.map(ToOwned::to_owned).collect())
    }

    /// Where an object is, in an error's words.
    fn place(&self, key: &StorageKey) -> String {
        place(self.bucket(key), key)
    }

    fn bucket(&self, key: &StorageKey) -> &str {
        self.name(key.bucket())
    }

    fn name(&self, bucket: Bucket) -> &str {
        match bucket {
            Bucket::Uploads => &self.buckets.uploads,
            Bucket::Media => &self.buckets.media,
        }
    }
}

fn place(bucket: &str, key: impl Display) -> String {
    format!("s3://{bucket}/{key}")
}

impl StorageError {
    /// Whether the same may succeed later.
    pub fn kind(&self) -> FailureKind {
        self.source.kind()
    }

    fn new(action: &'static str, place: String, source: Failure) -> Self {
        Self {
            action,
            place,
            source,
        }
    }

    fn sdk<E>(action: &'static str, place: String, why: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Self::new(action, place, Failure::sdk(why))
    }
}
