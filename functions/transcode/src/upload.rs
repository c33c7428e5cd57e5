//! Stores segments while ffmpeg still writes the next ones.
//!
//! A bounded number of bytes is under way at a time; whoever has the next segment waits. Through
//! the pipes that wait reaches ffmpeg, so slow storage slows the encode down instead of filling
//! the memory.

use std::sync::Arc;

use bytes::Bytes;
use reelrun_core::{
    keys::{Folder, StorageKey},
    video::Video,
};
use reelrun_media::{
    encryption::SegmentKey,
    file::{MediaFile, TrackId},
    report::SegmentReport,
    segmenter::Segment,
};
use reelrun_platform::storage::Storage;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use crate::{cipher::encrypt, error::StepError, partial::Stored};

/// What may be under way at once, over all renditions: less than a function sets aside for itself, and
/// more than its network needs to be busy. In KiB, of which a semaphore can count enough.
const BUDGET_KIB: u32 = 64 << 10;

/// What an upload counts at the least, so that there are not too many at once.
const SMALLEST_KIB: u32 = BUDGET_KIB / 16;

/// Hands out the bytes.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Semaphore>);

impl Slots {
    /// The whole budget, free.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB as usize)))
    }

    /// Waits until there is room for an upload of so many bytes; one larger than all there is, has all.
    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, StepError> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        Arc::clone(&self.0)
            .acquire_many_owned(kib.clamp(SMALLEST_KIB, BUDGET_KIB))
            .await
            .map_err(|why| StepError::Internal(why.to_string()))
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a video's files go, and what its segments are encrypted with, if they are.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Where.
    pub folder: Folder,
    /// The segments' key.
    pub key: Option<SegmentKey>,
}

impl Destination {
    /// The destination of this video's files.
    pub fn of(video: &Video) -> Self {
        Self {
            folder: Folder::of(video),
            key: video.segment_key.clone(),
        }
    }
}

/// The uploads of one track.
#[derive(Debug)]
pub struct Uploads {
    storage: Storage,
    to: Destination,
    slots: Slots,
    under_way: JoinSet<Result<(), StepError>>,
    /// Told of each segment that is stored.
    pub told: Option<watch::Sender<Stored>>,
}

impl Uploads {
    /// No uploads yet.
    pub fn new(storage: Storage, to: Destination, slots: Slots) -> Self {
        Self {
            storage,
            to,
            slots,
            under_way: JoinSet::new(),
            told: None,
        }
    }

    /// Begins to store a segment, encrypted if it is to be. Gives what is to be said of it as it is stored.
    pub async fn store_segment(
        &mut self,
        track: TrackId,
        segment: Segment,
    ) -> Result<SegmentReport, StepError> {
        let file = MediaFile::Segment(track, segment.number);
        let (bytes, report) = match &self.to.key {
            Some(key) => (
                encrypt(key, &file, &segment.bytes),
                segment.report.encrypted(),
            ),
            None => (segment.bytes, segment.report),
        };
        self.store(file, bytes).await?;
        Ok(report)
    }

    /// Begins to store a file, once there is room. Fails when an earlier one has failed.
    pub async fn store(&mut self, file: MediaFile, bytes: Bytes) -> Result<(), StepError> {
        while let Some(done) = self.under_way.try_join_next() {
            flatten(done)?;
        }
        let room = self.slots.reserve(bytes.len()).await?;
        let storage = self.storage.clone();
        let told = self
            .told
            .clone()
            .filter(|_| matches!(file, MediaFile::Segment(..)));
        let key = StorageKey::Media(self.to.folder, file);
        self.under_way.spawn(async move {
            let stored = storage.put(&key, bytes).await;
            drop(room);
            stored?;
            if let Some(told) = told {
                told.send_modify(|stored| stored.segments += 1);
            }
            Ok(())
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
