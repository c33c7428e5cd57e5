//! Copies within a bucket, of objects of any size.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reelrun_core::keys::Bucket;

use super::{Storage, StorageError, place};

/// What is copied in one request: few enough bytes that each answers within seconds.
pub(super) const PART_BYTES: u64 = 256 << 20;

/// S3's limit.
const MAX_PARTS: u64 = 10_000;

/// Requests at a time.
const AT_ONCE: usize = 16;

/// An object, where its copy goes, and for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectCopy<'a> {
    pub(super) bucket: Bucket,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) bytes: u64,
    /// Completes "could not …".
    pub(super) action: &'static str,
}

impl Storage {
    /// Copies an object, with its type and how long it may be kept.
    pub(super) async fn copy(&self, copy: ObjectCopy<'_>) -> Result<(), StorageError> {
        if copy.bytes <= PART_BYTES {
            self.copy_whole(copy).await
        } else {
            self.copy_in_parts(copy).await
        }
    }

    async fn copy_whole(&self, copy: ObjectCopy<'_>) -> Result<(), StorageError> {
        let bucket = self.name(copy.bucket);
        let copied = self
            .client
            .copy_object()
            .copy_source(format!("{bucket}/{}", copy.from))
            .bucket(bucket)
            .key(copy.to)
            .send()
            .await;
        copied
            .map(drop)
            .map_err(|why| StorageError::sdk(copy.action, place(bucket, copy.from), why))
    }

    /// What a copy that breaks off leaves, the bucket's lifecycle removes.
    async fn copy_in_parts(&self, copy: ObjectCopy<'_>) -> Result<(), StorageError> {
        let bucket = self.name(copy.bucket);
        let at = || place(bucket, copy.from);
        let head = self.client.head_object().bucket(bucket).key(copy.from);
        let head = head.send().await;
        let head = head.map_err(|why| StorageError::sdk(copy.action, at(), why))?;
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(bucket)
            .key(copy.to)
            .set_content_type(head.content_type)
            .set_content_encoding(head.content_encoding)
            .set_cache_control(head.cache_control)
            .send()
            .await;
        let begun = begun.map_err(|why| StorageError::sdk(copy.action, at(), why))?;
        let upload_id = begun.upload_id.unwrap_or_default();
        let copy_part = |(number, first, last): (i32, u64, u64)| {
            let request = self
                .client
                .upload_part_copy()
                .copy_source(format!("{bucket}/{}", copy.from))
                .copy_source_range(format!("bytes={first}-{last}"))
                .bucket(bucket)
                .key(copy.to)
                .upload_id(&upload_id)
                .part_number(number);
            async move {
                let copied = request.send().await;
                let copied = copied.map_err(|why| StorageError::sdk(copy.action, at(), why))?;
                Ok(CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(copied.copy_part_result.and_then(|result| result.e_tag))
                    .build())
            }
        };
        let parts: Vec<_> = stream::iter(ranges(copy.bytes))
            .map(copy_part)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(bucket)
            .key(copy.to)
            .upload_id(&upload_id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await;
        completed
            .map(drop)
            .map_err(|why| StorageError::sdk(copy.action, at(), why))
    }
}

/// Number (from 1), first and last byte of each part of a copy.
fn ranges(bytes: u64) -> impl Iterator<Item = (i32, u64, u64)> {
    let part = bytes.div_ceil(MAX_PARTS).max(PART_BYTES);
    (1..)
        .zip((0..bytes).step_by(usize::try_from(part).unwrap_or(usize::MAX)))
        .map(move |(number, first)| (number, first, (first + part).min(bytes) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_tile_the_source() {
        for bytes in [1, PART_BYTES, PART_BYTES + 1, 20 << 30, 5 << 40] {
            let mut next = 0;
            let mut last_number = 0;
            for (number, first, last) in ranges(bytes) {
                assert_eq!((first, number), (next, last_number + 1));
                assert!(last >= first && last - first < 5 << 30);
                (next, last_number) = (last + 1, number);
            }
            assert_eq!(next, bytes);
            assert!(u64::from(last_number.unsigned_abs()) <= MAX_PARTS);
        }
    }
}
