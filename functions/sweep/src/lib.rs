//! Brings to an end what stands still.
//!
//! Called every few minutes. It compares the recent sources in storage with the recent videos in the
//! catalog, and reconciles those that stand still: [`reelrun_core::lifecycle::sweep`] decides how.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, time::Duration};

use reelrun_core::{
    event::{self, Sender},
    lifecycle::{
        self,
        sweep::{Action, StoredSource, Sweep},
        timing::SWEEP_LOOK_BACK,
        visibility,
    },
    upload::details::DetailsChange,
    video::{Month, Video, VideoId},
};
use reelrun_platform::{
    catalog::{Catalog, CatalogError, Unreadable},
    lambda::{CallError, Function},
    now,
    state_machine::{StateMachine, StateMachineError},
    storage::{Storage, StorageError},
};

/// What the function works with.
#[derive(Debug, Clone)]
pub struct Sweeper {
    /// Where the sources are.
    pub storage: Storage,
    /// Where the videos are recorded.
    pub catalog: Catalog,
    /// The runs that encode long ones.
    pub runs: StateMachine,
    /// Whom an upload is announced to.
    pub transcode: Function,
    /// How often this is called.
    pub every: Duration,
}

/// Something could not be reconciled; the next sweep tries again.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The sources could not be listed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A record could not be read or changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A run could not be looked at.
    #[error(transparent)]
    StateMachine(#[from] StateMachineError),
    /// An upload could not be announced.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Sweeper {
    /// Looks at everything recent, once.
    pub async fn sweep(&self) -> Result<(), SweepError> {
        let sweep = Sweep {
            now: now(),
            every: self.every,
        };
        let first = VideoId::first_at(sweep.now - SWEEP_LOOK_BACK);
        // Before the records: what is stored meanwhile is too new to be missed.
        let mut sources = self.storage.sources_from(first).await?;
        let mut failed = None;
        let this_month = VideoId::first_at(sweep.now).month();
        for month in months(first.month(), this_month) {
            let mut after = None;
            loop {
                let (videos, last) = self.catalog.list_recent(month, first, after).await?;
                for video in videos {
                    let video = match video {
                        Ok(video) => video,
                        Err(Unreadable(id)) => {
                            // Not one without a video: a later version knows it.
                            id.and_then(|id| sources.remove(&id));
                            continue;
                        }
                    };
                    let source = sources.remove(&video.id);
                    let reconciled = self.reconcile(sweep, Some(&video), video.id, source.as_ref());
                    keep_failure(video.id, reconciled.await, &mut failed);
                }
                after = last;
                if after.is_none() {
                    break;
                }
            }
        }
        self.without_a_video(sweep, sources, &mut failed).await;
        failed.map_or(Ok(()), Err)
    }

    async fn without_a_video(
        &self,
        sweep: Sweep,
        sources: BTreeMap<VideoId, StoredSource>,
        failed: &mut Option<SweepError>,
    ) {
        for (id, source) in sources {
            let reconciled = self.reconcile(sweep, None, id, Some(&source)).await;
            keep_failure(id, reconciled, failed);
        }
    }

    async fn reconcile(
        &self,
        sweep: Sweep,
        video: Option<&Video>,
        id: VideoId,
        source: Option<&StoredSource>,
    ) -> Result<(), SweepError> {
        if video.is_some_and(|video| Sweep::must_not_expire(video, source)) {
            self.catalog.apply(id, &lifecycle::clear_ttl()).await?;
        }
        let run_is_over = match video.and_then(Video::run) {
            Some(run) => self.runs.is_over(run).await?,
            None => false,
        };
        let Some(action) = sweep.action(video, source, run_is_over) else {
            return Ok(());
        };
        tracing::warn!(video.id = %id, ?action, "a video stands still");
        match (action, video, source) {
            (Action::Announce, _, Some(source)) => {
                let bucket = self.storage.uploads_bucket();
                let event = event::announcement(Sender::Sweep, bucket, source);
                Ok(self.transcode.send(&event).await?)
            }
            (Action::GiveUp(error), Some(video), _) => {
                // Where somebody came back, nothing is written.
                let given_up = lifecycle::give_up(video, &error);
                Ok(self.catalog.apply(id, &given_up).await.map(drop)?)
            }
            (Action::DeleteAgain, ..) => {
                let delete = lifecycle::delete(sweep.now);
                Ok(self.catalog.apply(id, &delete).await.map(drop)?)
            }
            (Action::MoveAgain(to), Some(video), _) => {
                // Where somebody was faster, there is nothing to do.
                let details = DetailsChange::default();
                let again = visibility::change_visibility(video, to, &details, sweep.now);
                if let Ok(again) = again {
                    self.catalog.apply(id, &again).await?;
                }
                Ok(())
            }
            (Action::Announce | Action::GiveUp(_) | Action::MoveAgain(_), ..) => Ok(()),
        }
    }
}

/// One that fails must not keep the others waiting.
fn keep_failure(id: VideoId, reconciled: Result<(), SweepError>, failed: &mut Option<SweepError>) {
    if let Err(why) = reconciled {
        tracing::error!(video.id = %id, error = %why, "a video could not be reconciled");
        *failed = Some(why);
    }
}

/// The months from one to another; no more than two, so far does no sweep look back.
fn months(first: Month, last: Month) -> impl Iterator<Item = Month> {
    [first, last]
        .into_iter()
        .take(if first == last { 1 } else { 2 })
}
