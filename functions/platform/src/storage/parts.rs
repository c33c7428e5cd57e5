//! Objects whose length is not known beforehand: stored in parts, while they are made.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use reelrun_core::keys::StorageKey;
use tokio::task::JoinSet;

use super::{Storage, StorageError};
use crate::failure::Failure;

/// Parts under way at a time.
const AT_ONCE: usize = 3;

const ACTION: &str = "store parts of";

/// An object that is being stored. Nobody sees any of it before it is complete.
#[derive(Debug)]
pub struct PartsUpload {
    storage: Storage,
    key: StorageKey,
    upload_id: String,
    under_way: JoinSet<Result<CompletedPart, StorageError>>,
    stored: Vec<CompletedPart>,
}

impl Storage {
    /// Begins to store an object.
    pub async fn begin_parts(&self, key: StorageKey) -> Result<PartsUpload, StorageError> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(self.bucket(&key))
            .key(key.to_string())
            .set_content_type(key.content_type().map(Into::into))
            .set_cache_control(key.cache_control().map(Into::into))
            .send()
            .await;
        let begun = begun.map_err(|why| StorageError::sdk(ACTION, self.place(&key), why))?;
        Ok(PartsUpload {
            storage: self.clone(),
            key,
            upload_id: begun.upload_id.unwrap_or_default(),
            under_way: JoinSet::new(),
            stored: Vec::new(),
        })
    }
}

impl PartsUpload {
    /// Begins to store a part, once there is room. They are counted from 1, without a gap, and come in any
    /// order; each but the last has to have 5 MiB at least.
    pub async fn store(&mut self, number: i32, bytes: Bytes) -> Result<(), StorageError> {
        if self.under_way.len() >= AT_ONCE {
            self.join_one().await?;
        }
        let request = self
            .storage
            .client
            .upload_part()
            .bucket(self.storage.bucket(&self.key))
            .key(self.key.to_string())
            .upload_id(&self.upload_id)
            .part_number(number)
            .body(bytes.into());
        let place = self.storage.place(&self.key);
        self.under_way.spawn(async move {
            let stored = request.send().await;
            let stored = stored.map_err(|why| StorageError::sdk(ACTION, place, why))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(stored.e_tag)
                .build())
        });
        Ok(())
    }

    /// Makes an object of all parts. One that has none has to be given up.
    pub async fn complete(mut self) -> Result<(), StorageError> {
        while !self.under_way.is_empty() {
            self.join_one().await?;
        }
        self.stored.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(self.stored))
            .build();
        let completed = self
            .storage
            .client
            .complete_multipart_upload()
            .bucket(self.storage.bucket(&self.key))
            .key(self.key.to_string())
            .upload_id(&self.upload_id)
            .multipart_upload(parts)
            .send()
            .await;
        completed
            .map(drop)
            .map_err(|why| StorageError::sdk(ACTION, self.storage.place(&self.key), why))
    }

    /// Gives it up. What can't be removed now, the bucket's lifecycle removes.
    pub async fn give_up(mut self) -> Result<(), StorageError> {
        self.under_way.shutdown().await;
        let aborted = self
            .storage
            .client
            .abort_multipart_upload()
            .bucket(self.storage.bucket(&self.key))
            .key(self.key.to_string())
            .upload_id(&self.upload_id)
            .send()
            .await;
        aborted
            .map(drop)
            .map_err(|why| StorageError::sdk("give up", self.storage.place(&self.key), why))
    }

    async fn join_one(&mut self) -> Result<(), StorageError> {
        if let Some(joined) = self.under_way.join_next().await {
            let place = self.storage.place(&self.key);
            let lost = |why| Err(StorageError::new(ACTION, place, Failure::transient(why)));
            self.stored.push(joined.unwrap_or_else(lost)?);
        }
        Ok(())
    }
}
