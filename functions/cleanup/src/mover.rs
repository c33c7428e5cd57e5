//! Moves a video's objects to where its new visibility wants them: what the record says is next, until it
//! says that nothing is ([`reelrun_core::lifecycle::visibility`]).

use std::time::Duration;

use reelrun_core::{
    change::Change,
    lifecycle::{
        Outcome,
        timing::{
            IN_FLIGHT_READ_GRACE, LEASE_CHECK_INTERVAL, LEASE_CHECK_RETRY, LEASE_LOSS_TIMEOUT,
        },
        tracks::tracks_drained_at,
        visibility::{MoveStep, finish_move, movers_drained_at, next_step, show_moved},
    },
    video::VideoId,
};
use reelrun_platform::{catalog::CatalogError, now};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Cleanup, CleanupError};

impl Cleanup {
    /// Follows a change after which a video's objects may have to be moved.
    pub(crate) async fn move_video(&self, change: &Change) -> Result<(), CleanupError> {
        let (id, begun) = (change.video, Instant::now());
        // The change may have been followed before, or be out of date.
        let Some(mut video) = self.catalog.get(id).await? else {
            return Ok(());
        };
        if next_step(&video).is_none() {
            return Ok(());
        }
        let (at, encoders) = (now(), change.encoders_drained_at(now()));
        let others = movers_drained_at(&video).max(tracks_drained_at(&video));
        let drained = others.map_or(encoders, |others| others.max(encoders));
        sleep(drained.saturating_since(at)).await;
        while let Some(step) = next_step(&video) {
            tokio::select! {
                biased;
                done = self.carry_out(id, step) => done?,
                unwanted = self.until_unwanted(id, step) => return unwanted,
            }
            let done = match step {
                MoveStep::Copy { to, .. } => show_moved(to.visibility),
                MoveStep::Empty { kept, .. } => finish_move(kept.visibility, now()),
            };
            // Refused if somebody else has done it, or deleted the video: the record says what is next.
            video = match self.catalog.apply(id, &done).await? {
                Outcome::Done(video) | Outcome::Refused(Some(video)) => *video,
                Outcome::Refused(None) => return Ok(()),
            };
        }
        let elapsed_ms = begun.elapsed().as_millis();
        tracing::info!(video.id = %id, visibility = video.visibility.as_str(), elapsed_ms, "the video has moved");
        Ok(())
    }

    async fn carry_out(&self, id: VideoId, step: MoveStep) -> Result<(), CleanupError> {
        match step {
            MoveStep::Copy { from, to } => {
                let objects = self.storage.copy_folder(from, to).await?;
                tracing::info!(video.id = %id, objects, to = to.visibility.as_str(), "objects are copied");
            }
            MoveStep::Empty { old, kept } => {
                let objects = self.storage.empty_folder(old, kept).await?;
                tracing::info!(video.id = %id, objects, from = old.visibility.as_str(), "objects are removed");
                if let Some(cdn) = &self.cdn {
                    sleep(IN_FLIGHT_READ_GRACE).await;
                    let invalidation = cdn.invalidate(old.cdn_paths()).await?;
                    cdn.invalidated(&invalidation).await?;
                }
            }
        }
        Ok(())
    }

    /// Returns once the record does not want a step any more. Also when the table does not answer for a
    /// while: whoever deletes the video, or moves it back, does not wait any longer.
    async fn until_unwanted(&self, id: VideoId, step: MoveStep) -> Result<(), CleanupError> {
        let mut wanted_at = Instant::now();
        let mut pause: Duration = LEASE_CHECK_INTERVAL;
        loop {
            sleep(pause).await;
            let asked = self.catalog.get(id);
            match timeout_at(wanted_at + LEASE_LOSS_TIMEOUT, asked).await {
                Ok(Ok(video)) if video.as_ref().and_then(next_step) == Some(step) => {
                    (wanted_at, pause) = (Instant::now(), LEASE_CHECK_INTERVAL);
                }
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(why)) if why.is_permanent() => return Err(why.into()),
                Ok(Err(CatalogError::Unavailable { .. })) => {
                    pause = LEASE_CHECK_RETRY;
                }
                Ok(Err(why)) => return Err(why.into()),
                Err(_) => return Err(self.catalog.unanswered("look the video up").into()),
            }
        }
    }
}
