//! Removes what belongs to deleted videos, and what is left of renditions that will never be complete;
//! takes sources that turned out to be no video out of public reach; moves videos that become private or
//! public; has text tracks published.
//!
//! `DELETE /videos/{id}` only marks a record, so that it answers at once and can't be half done. The
//! table's stream brings the mark here, and again when this fails: the record goes last, so whatever
//! interrupts this, what is left is found and removed by the next try.
#![forbid(unsafe_code)]

mod mover;

use reelrun_core::{
    change::{self, Change, CleanupScope},
    event,
    keys::Folder,
    lifecycle::timing::IN_FLIGHT_READ_GRACE,
    video::{Status, VideoId},
};
use reelrun_platform::{
    catalog::{Catalog, CatalogError},
    cdn::{Cdn, CdnError},
    lambda::{CallError, Function},
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
    /// What viewers read through, and keeps copies; none where they read storage itself.
    pub cdn: Option<Cdn>,
    /// What publishes text tracks. A stream's shard is best read by two functions at most, so this one hands
    /// on what is the third's.
    pub tracks: Function,
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
    /// The CDN has copies still.
    #[error(transparent)]
    Cdn(#[from] CdnError),
    /// Nobody was told to publish text tracks.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Cleanup {
    /// Handles an event of the table's stream.
    pub async fn handle(&self, event: &Value) -> Result<(), CleanupError> {
        for change in change::parse(event) {
            if let Some(scope) = change.cleanup_scope() {
                self.remove(&change, scope).await?;
            }
            if change.wants_tracks() {
                self.tracks
                    .send(&event::pending_tracks(change.video))
                    .await?;
            }
            if change.wants_a_move() {
                self.move_video(&change).await?;
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
            // Of an upload that never came, there is nothing.
            if objects > 0 || change.before != Some(Status::Waiting) {
                self.forget_copies(change).await?;
            }
            self.catalog.forget(video).await?;
        }
        tracing::info!(video.id = %video, objects, ?scope, "objects of no more use are removed");
        Ok(())
    }

    /// Has the CDN forget what it keeps of a video. It does so by itself from here on.
    async fn forget_copies(&self, change: &Change) -> Result<(), CdnError> {
        let Some(cdn) = &self.cdn else {
            return Ok(());
        };
        let video = change.video;
        let folders = match change.record.as_deref() {
            Some(record) if record.moving_to.is_none() => vec![Folder::of(record)],
            _ => vec![Folder::public(video), Folder::private(video)],
        };
        tokio::time::sleep(IN_FLIGHT_READ_GRACE).await;
        let paths = folders.into_iter().flat_map(Folder::cdn_paths);
        cdn.invalidate(paths.collect()).await.map(drop)
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
