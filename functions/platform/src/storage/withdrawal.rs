//! Taking a source out of public reach: it moves to where the CDN does not read.

use aws_sdk_s3::operation::head_object::HeadObjectError;
use reelrun_core::keys::{Folder, StorageKey};

use super::{Storage, StorageError, copies::ObjectCopy};

impl Storage {
    /// Moves a source to where the CDN does not read. One that is not there any more has been moved, or
    /// removed, before.
    pub async fn withdraw_source(&self, folder: Folder) -> Result<(), StorageError> {
        let from = StorageKey::Source(folder);
        let to = StorageKey::RefusedSource(folder.video);
        let Some(bytes) = self.length(&from).await? else {
            return Ok(());
        };
        self.copy(ObjectCopy {
            bucket: from.bucket(),
            from: &from.to_string(),
            to: &to.to_string(),
            bytes,
            action: "withdraw",
        })
        .await?;
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
}
