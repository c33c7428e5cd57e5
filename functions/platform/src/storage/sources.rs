//! The sources that are there.

use std::collections::BTreeMap;

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
            sources.extend(page.contents().iter().filter_map(|object| {
                let folder = parse_source_key(object.key()?).ok()?;
                let source = StoredSource {
                    folder,
                    size_bytes: object.size()?.try_into().ok()?,
                    entity_tag: object.e_tag().unwrap_or_default().into(),
                    stored_at: object
                        .last_modified()?
                        .to_millis()
                        .map(Timestamp::from_millis)
                        .ok()?,
                };
                Some((folder.video, source))
            }));
        }
        Ok(sources)
    }
}
