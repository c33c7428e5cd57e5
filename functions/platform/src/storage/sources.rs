//! The sources that are there.

use std::collections::BTreeMap;

use aws_sdk_s3::types::Object;
use reelrun_core::{
    keys::{Bucket, Folder, StorageKey, parse_source_key},
    lifecycle::sweep::StoredSource,
    timestamp::Timestamp,
    video::{VideoId, Visibility},
};

use super::{Storage, StorageError, place};

impl Storage {
    /// The sources of all videos from an id on. Ids sort by time, so this reads nothing of those
    /// that are older.
    pub async fn sources_from(
        &self,
        first: VideoId,
    ) -> Result<BTreeMap<VideoId, StoredSource>, StorageError> {
        let mut sources = BTreeMap::new();
        for visibility in Visibility::ALL {
            sources.extend(self.sources_in(visibility, first).await?);
        }
        Ok(sources)
    }

    /// The source in this folder, if it is there. It is looked for in a listing, so whoever asks needs no
    /// permission to read it.
    pub async fn source(&self, folder: Folder) -> Result<Option<StoredSource>, StorageError> {
        let key = StorageKey::Source(folder);
        let listed = self
            .client
            .list_objects_v2()
            .bucket(self.bucket(&key))
            .prefix(key.to_string())
            .max_keys(1)
            .send()
            .await
            .map_err(|why| StorageError::sdk("look for", self.place(&key), why))?;
        let mut sources = listed.contents().iter().filter_map(stored_source);
        Ok(sources.find(|source| source.folder == folder))
    }

    async fn sources_in(
        &self,
        visibility: Visibility,
        video: VideoId,
    ) -> Result<BTreeMap<VideoId, StoredSource>, StorageError> {
        let begin = StorageKey::Source(Folder { video, visibility }).to_string();
        let bucket = self.name(Bucket::Uploads);
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(Folder::sources(visibility))
            .start_after(&begin)
            .into_paginator()
            .send();
        let mut sources = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|why| {
                StorageError::sdk("list the sources from", place(bucket, &begin), why)
            })?;
            let found = page.contents().iter().filter_map(stored_source);
            sources.extend(found.map(|source| (source.folder.video, source)));
        }
        Ok(sources)
    }
}

/// What is listed, if it is a source.
fn stored_source(object: &Object) -> Option<StoredSource> {
    Some(StoredSource {
        folder: parse_source_key(object.key()?).ok()?,
        size_bytes: object.size()?.try_into().ok()?,
        entity_tag: object.e_tag().unwrap_or_default().into(),
        stored_at: object
            .last_modified()?
            .to_millis()
            .map(Timestamp::from_millis)
            .ok()?,
    })
}
