//! Stores segments while ffmpeg still writes the next ones.
//!
//! A fixed number of uploads is under way at a time; whoever has the next segment waits. Through
//! the pipes that wait reaches ffmpeg, so slow storage slows the encode down instead of filling
//! the memory.

use std::sync::Arc;

use bytes::Bytes;
use reelrun_core::{keys::StorageKey, video::VideoId};
use reelrun_media::file::MediaFile;
use reelrun_platform::storage::Storage;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::error::StepError;

/// Uploads under way at once, over all renditions. With 6 s segments of at most a few megabytes
/// this bounds the memory, and it is more than a function's network needs to be busy.
const CONCURRENT: usize = 8;

/// Hands out the places.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Semaphore>);

impl Slots {
    /// All places, free.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(CONCURRENT)))
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

/// The uploads of one track.
#[derive(Debug)]
pub struct Uploads {
    storage: Storage,
    video: VideoId,
    slots: Slots,
    under_way: JoinSet<Result<(), StepError>>,
}

impl Uploads {
    /// No uploads yet.
    pub fn new(storage: Storage, video: VideoId, slots: Slots) -> Self {
        Self {
            storage,
            video,
            slots,
            under_way: JoinSet::new(),
        }
    }

    /// Begins to store a file, once there is a place. Fails when an earlier one has failed.
    pub async fn store(&mut self, file: MediaFile, bytes: Bytes) -> Result<(), StepError> {
        while let Some(done) = self.under_way.try_join_next() {
            flatten(done)?;
        }
        let place = Arc::clone(&self.slots.0)
            .acquire_owned()
            .await
            .map_err(|why| StepError::Internal(why.to_string()))?;
        let storage = self.storage.clone();
        let key = StorageKey::Media(self.video, file);
        self.under_way.spawn(async move {
            let stored = storage.put(&key, bytes).await;
            drop(place);
            Ok(stored?)
        });
        Ok(())
    }

    /// Waits until everything is stored.
    pub async fn finish(mut self) -> Result<(), StepError> {
        while let Some(done) = self.under_way.join_next().await {
            flatten(done)?;
        }
        Ok(())
    }
}

fn flatten(done: Result<Result<(), StepError>, tokio::task::JoinError>) -> Result<(), StepError> {
    done.unwrap_or_else(|why| Err(StepError::Internal(why.to_string())))
}
