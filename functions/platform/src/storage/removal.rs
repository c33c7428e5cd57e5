//! Removal of all that belongs to a video.

use aws_sdk_s3::{
    operation::abort_multipart_upload::AbortMultipartUploadError,
    types::{Delete, ObjectIdentifier},
};
use reelrun_core::{
    keys::{Bucket, Folder, StorageKey, track_folders, track_of},
    video::{VideoId, track::TextTrackId},
};

use super::{Storage, StorageError, moves::REMOVED_AT_ONCE, place};
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

    /// All that is stored of a video's text tracks: of which track, and under which key.
    pub async fn track_objects(
        &self,
        of: Folder,
    ) -> Result<Vec<(Bucket, Vec<(TextTrackId, String)>)>, StorageError> {
        let mut found = Vec::new();
        for (bucket, folder) in track_folders(of) {
            let names = self.list(bucket, &folder).await?.into_keys();
            let objects = names.filter_map(|name| {
                let track = track_of(&name)?;
                Some((track, format!("{folder}{name}")))
            });
            found.push((bucket, objects.collect()));
        }
        Ok(found)
    }

    /// Removes these objects. Those that are gone already are no error.
    pub async fn remove_listed(
        &self,
        bucket: Bucket,
        keys: Vec<String>,
    ) -> Result<(), StorageError> {
        for some in keys.chunks(REMOVED_AT_ONCE) {
            let folder = some.first().map_or("", String::as_str);
            self.remove_keys(bucket, folder, some.iter().cloned())
                .await?;
        }
        Ok(())
    }

    async fn remove_folder(&self, in_bucket: Bucket, folder: &str) -> Result<u64, StorageError> {
        let bucket = self.name(in_bucket);
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
            let keys: Vec<_> = keys.map(ToOwned::to_owned).collect();
            if keys.is_empty() {
                return Ok(removed);
            }
            removed += keys.len() as u64;
            self.remove_keys(in_bucket, folder, keys).await?;
        }
    }

    /// Removes objects of a folder, up to a thousand.
    pub(super) async fn remove_keys(
        &self,
        bucket: Bucket,
        folder: &str,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<(), StorageError> {
        let bucket = self.name(bucket);
        let objects = keys
            .into_iter()
            .filter_map(|key| ObjectIdentifier::builder().key(key).build().ok());
        let delete = Delete::builder()
            .set_objects(Some(objects.collect()))
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
        let Some(first) = answer.errors().first() else {
            return Ok(());
        };
        let why = format!("{} objects: {first:?}", answer.errors().len());
        let failure = Failure::coded(first.code(), why);
        Err(StorageError::new("remove", place(bucket, folder), failure))
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
