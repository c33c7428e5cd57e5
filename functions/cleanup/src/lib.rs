//! Removes what belongs to deleted videos, and what is left of renditions that will never be complete;
//! takes sources that turned out to be no video out of public reach.
//!
//! `DELETE /videos/{id}` only marks a record, so that it answers at once and can't be half done. The
//! table's stream brings the mark here, and again when this fails: the record goes last, so whatever
//! interrupts this, what is left is found and removed by the next try.
#![forbid(unsafe_code)]

use reelrun_core::{
    change::{self, Change, CleanupScope},
    keys::Folder,
    video::VideoId,
};
use reelrun_platform::{
    catalog::{Catalog, CatalogError},
    now,
    storage::{Storage, StorageError},
};
use serde_json::Value;

/// What the function works with.
#[derive(Debug, Clone)]
pub struct Cleanup {
    /// Where the objects are.
    pub storage: Storage,
    /// Where the records are.
    pub catalog: Catalog,
}

/// Something is left; trying again goes on with it.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// An object could not be removed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The record could not be removed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Cleanup {
    /// Handles an event of the table's stream.
    pub async fn handle(&self, event: &Value) -> Result<(), CleanupError> {
        for change in change::parse(event) {
            if let Some(scope) = change.cleanup_scope() {
                self.remove(&change, scope).await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, change: &Change, scope: CleanupScope) -> Result<(), CleanupError> {
        let (video, begun) = (change.video, now());
        // At once, since this is what a viewer could still see.
        if scope == CleanupScope::RenditionsAndPublicSource
            && let Some(record) = &change.record
        {
            self.storage.withdraw_source(Folder::of(record)).await?;
        }
        let mut objects = self.remove_objects(video, scope).await?;
        let left = change.drained_at(begun).saturating_since(now());
        if !left.is_zero() {
            // Whoever encoded it may have stored a little more until it noticed.
            tokio::time::sleep(left).await;
            objects += self.remove_objects(video, scope).await?;
        }
        if scope == CleanupScope::Everything {
            self.catalog.forget(video).await?;
        }
        tracing::info!(video.id = %video, objects, ?scope, "objects of no more use are removed");
        Ok(())
    }

    async fn remove_objects(
        &self,
        video: VideoId,
        scope: CleanupScope,
    ) -> Result<u64, StorageError> {
        match scope {
            CleanupScope::Everything => self.storage.remove_video(video).await,
            CleanupScope::Renditions | CleanupScope::RenditionsAndPublicSource => {
                self.storage.remove_renditions(video).await
            }
        }
    }
}
