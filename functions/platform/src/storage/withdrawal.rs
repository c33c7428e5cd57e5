//! Taking a source out of public reach: it moves to where the CDN does not read.

use aws_sdk_s3::{
    operation::head_object::HeadObjectError,
    types::{CompletedMultipartUpload, CompletedPart},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reelrun_core::keys::{Folder, StorageKey};

use super::{Storage, StorageError};

/// What is copied in one request: few enough bytes that each answers within seconds.
const PART_BYTES: u64 = 256 << 20;

/// S3's limit.
const MAX_PARTS: u64 = 10_000;

/// Requests at a time.
const AT_ONCE: usize = 16;

const ACTION: &str = "withdraw";

impl Storage {
    /// Moves a source to where the CDN does not read. One that is not there any more has been moved, or
    /// removed, before.
    pub async fn withdraw_source(&self, folder: Folder) -> Result<(), StorageError> {
        let (from, to) = (
            StorageKey::Source(folder),
            StorageKey::RefusedSource(folder.video),
        );
        let Some(bytes) = self.length(&from).await? else {
            return Ok(());
        };
        if bytes <= PART_BYTES {
            self.copy_whole(&from, &to).await?;
        } else {
            self.copy_in_parts(&from, &to, bytes).await?;
        }
        self.remove(&from).await
    }

    /// Whether there is such an object.
    pub async fn exists(&self, key: &StorageKey) -> Result<bool, StorageError> {
        Ok(self.length(key).await?.is_some())
    }

    /// An object's size in bytes; none if there is no such object.
    async fn length(&self, key: &StorageKey) -> Result<Option<u64>, StorageError> {
        let head = self.client.head_object().bucket(self.bucket(key));
        match head.key(key.to_string()).send().await {
            Ok(head) => Ok(head
                .content_length
                .and_then(|length| length.try_into().ok())),
            Err(why)
                if why
                    .as_service_error()
                    .is_some_and(HeadObjectError::is_not_found) =>
            {
                Ok(None)
            }
            Err(why) => Err(StorageError::sdk("look at", self.place(key), why)),
        }
    }

    async fn copy_whole(&self, from: &StorageKey, to: &StorageKey) -> Result<(), StorageError> {
        let copied = self
            .client
            .copy_object()
            .copy_source(self.copy_source(from))
            .bucket(self.bucket(to))
            .key(to.to_string())
            .send()
            .await;
        copied
            .map(drop)
            .map_err(|why| StorageError::sdk(ACTION, self.place(from), why))
    }

    /// What a copy that breaks off leaves, the bucket's lifecycle removes.
    async fn copy_in_parts(
        &self,
        from: &StorageKey,
        to: &StorageKey,
        bytes: u64,
    ) -> Result<(), StorageError> {
        let (bucket, key) = (self.bucket(to), to.to_string());
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(bucket)
            .key(&key)
            .send()
            .await;
        let begun = begun.map_err(|why| StorageError::sdk(ACTION, self.place(from), why))?;
        let upload_id = begun.upload_id.unwrap_or_default();
        let copy_part = |(number, first, last): (i32, u64, u64)| {
            let request = self
                .client
                .upload_part_copy()
                .copy_source(self.copy_source(from))
                .copy_source_range(format!("bytes={first}-{last}"))
                .bucket(bucket)
                .key(&key)
                .upload_id(&upload_id)
                .part_number(number);
            async move {
                let copied = request.send().await;
                let copied =
                    copied.map_err(|why| StorageError::sdk(ACTION, self.place(from), why))?;
                Ok(CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(copied.copy_part_result.and_then(|result| result.e_tag))
                    .build())
            }
        };
        let parts: Vec<_> = stream::iter(ranges(bytes))
            .map(copy_part)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(bucket)
            .key(&key)
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
            .map_err(|why| StorageError::sdk(ACTION, self.place(from), why))
    }

    fn copy_source(&self, key: &StorageKey) -> String {
        format!("{}/{key}", self.bucket(key))
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
