//! Removal of all that belongs to a video.

use aws_sdk_s3::{
    operation::abort_multipart_upload::AbortMultipartUploadError,
    types::{Delete, ObjectIdentifier},
};
use reelrun_core::{
    keys::{Bucket, StorageKey},
    video::VideoId,
};

use super::{Storage, StorageError, place};
use crate::failure::Failure;

impl Storage {
    /// Removes every object of a video, and the parts of an upload that was not completed. What is
    /// gone already is no error: it may be asked for again until it succeeds.
    pub async fn remove_video(&self, video: VideoId) -> Result<u64, StorageError> {
        let mut removed = 0;
        for (bucket, folder) in StorageKey::folders(video) {
            removed += self.remove_folder(bucket, &folder).await?;
        }
        for (bucket, folder) in StorageKey::upload_folders(video) {
            self.abort_uploads(bucket, &folder).await?;
        }
        Ok(removed)
    }

    /// Removes what was stored of a video's renditions.
    pub async fn remove_renditions(&self, video: VideoId) -> Result<u64, StorageError> {
        let mut removed = 0;
        for (bucket, folder) in StorageKey::folders(video) {
            if bucket == Bucket::Media {
                removed += self.remove_folder(bucket, &folder).await?;
            }
        }
        Ok(removed)
    }

    /// Removes an object. One that is gone already is no error.
    pub async fn remove(&self, key: &StorageKey) -> Result<(), StorageError> {
        let request = self.client.delete_object().bucket(self.bucket(key));
        let removed = request.key(key.to_string()).send().await;
        removed
            .map(drop)
            .map_err(|why| StorageError::sdk("remove", self.place(key), why))
    }

    async fn remove_folder(&self, bucket: Bucket, folder: &str) -> Result<u64, StorageError> {
        let bucket = self.name(bucket);
        let mut removed = 0;
        // Each listing starts anew, since what was listed is gone.
        loop {
            let listed = self
                .client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(folder)
                .send()
                .await;
            let listed =
                listed.map_err(|why| StorageError::sdk("list", place(bucket, folder), why))?;
            let keys = listed.contents().iter().filter_map(|object| object.key());
            let objects: Vec<_> = keys
                .filter_map(|key| ObjectIdentifier::builder().key(key).build().ok())
                .collect();
            if objects.is_empty() {
                return Ok(removed);
            }
            removed += objects.len() as u64;
            let delete = Delete::builder()
                .set_objects(Some(objects))
                .quiet(true)
                .build();
            let delete = delete.map_err(|why| {
                StorageError::new("remove", place(bucket, folder), Failure::permanent(why))
            })?;
            let answer = self
                .client
                .delete_objects()
                .bucket(bucket)
                .delete(delete)
                .send()
                .await;
            let answer =
                answer.map_err(|why| StorageError::sdk("remove", place(bucket, folder), why))?;
            if let Some(first) = answer.errors().first() {
                let why = format!("{} objects: {first:?}", answer.errors().len());
                let failure = Failure::coded(first.code(), why);
                return Err(StorageError::new("remove", place(bucket, folder), failure));
            }
        }
    }

    async fn abort_uploads(&self, bucket: Bucket, folder: &str) -> Result<(), StorageError> {
        let bucket = self.name(bucket);
        let listed = self
            .client
            .list_multipart_uploads()
            .bucket(bucket)
            .prefix(folder)
            .send()
            .await;
        let listed = listed
            .map_err(|why| StorageError::sdk("list the uploads of", place(bucket, folder), why))?;
        let uploads = listed.uploads().iter();
        for (key, id) in uploads.filter_map(|upload| Some((upload.key()?, upload.upload_id()?))) {
            let request = self
                .client
                .abort_multipart_upload()
                .bucket(bucket)
                .key(key)
                .upload_id(id);
            match request.send().await {
                Err(why)
                    if !why
                        .as_service_error()
                        .is_some_and(AbortMultipartUploadError::is_no_such_upload) =>
                {
                    return Err(StorageError::sdk(
                        "abort an upload of",
                        place(bucket, key),
                        why,
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
