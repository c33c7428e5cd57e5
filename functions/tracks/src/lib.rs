//! Publishes text tracks: subtitles, captions and chapters that were uploaded for a video.
//!
//! Those that are in a video's own file are read by the transcode function, which stores a file of each, as
//! if it had been uploaded.
//!
//! Storage's events say that a track's file has arrived: it is read, and its record says what it is worth. The
//! cleanup function, which follows the table's stream, says that what players are offered is not what the
//! record says: segments are written, then the manifest, the master playlist last, from what was measured when the video was published. Nothing is
//! encoded. Both may come more than once, and what was interrupted is done again.
#![forbid(unsafe_code)]

mod arrival;
mod embedded;
mod publication;
mod removal;

use reelrun_core::event;
use reelrun_platform::{
    catalog::{Catalog, CatalogError},
    lambda::{CallError, Function},
    storage::{Storage, StorageError},
};
use serde_json::Value;

/// What the function works with.
#[derive(Debug, Clone)]
pub struct Tracks {
    /// Where the objects are.
    pub storage: Storage,
    /// Where the records are.
    pub catalog: Catalog,
    /// What reads the tracks that are in a video's own file.
    pub transcode: Function,
}

/// Something is left to do; trying again does it.
#[derive(Debug, thiserror::Error)]
pub enum TracksError {
    /// An object could not be read, stored or removed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The record could not be read or changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Nobody was told to read a video's file.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Others do the same, or the record changes too fast.
    #[error("the tracks of {0} are busy")]
    Busy(reelrun_core::video::VideoId),
}

impl Tracks {
    /// Handles an event of storage's, or of the cleanup function's.
    pub async fn handle(&self, event: &Value) -> Result<(), TracksError> {
        for (video, track) in event::parse_tracks(event, self.storage.uploads_bucket()) {
            self.receive(video, track).await?;
        }
        if let Some(video) = event::parse_pending_tracks(event) {
            self.ask_for_embedded(video).await?;
            self.publish(video).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use reelrun_core::lifecycle::timing::TRACKS_CLAIM;

    /// Whoever claims a video's tracks has ended before somebody else may claim them.
    #[test]
    fn a_claim_lasts_longer_than_the_function_may_run() {
        let template = include_str!("../../../infra/template.yaml");
        let (_, function) = template.split_once("\n  TracksFunction:\n").unwrap();
        let (_, timeout) = function.split_once("      Timeout: ").unwrap();
        let seconds: u64 = timeout.lines().next().unwrap().parse().unwrap();
        assert!(seconds < TRACKS_CLAIM.as_secs(), "{seconds}");
    }
}
