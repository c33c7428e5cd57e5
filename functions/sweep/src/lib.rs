//! Brings to an end what stands still.
//!
//! Called every few minutes. It compares the young sources that are stored with the young videos that
//! are recorded, and sees to those that nobody else will: see [`reelrun_core::lifecycle::sweep`], which decides.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use reelrun_core::{
    lifecycle::{
        self,
        sweep::{Action, StoredSource, Sweep, announcement},
        timing::{SWEEP_LOOK_BACK, millis},
    },
    video::{Month, Video, VideoId},
};
use reelrun_platform::{
    catalog::{Catalog, CatalogError},
    function::{CallError, Function},
    now_millis,
    runs::{Runs, RunsError},
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
    pub runs: Runs,
    /// Whom an upload is announced to.
    pub transcode: Function,
    /// How often this is called.
    pub every_millis: i64,
}

/// Something was not seen to; the next sweep sees it again.
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
    Runs(#[from] RunsError),
    /// An upload could not be announced.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Sweeper {
    /// Looks at everything young, once.
    pub async fn sweep(&self) -> Result<(), SweepError> {
        let sweep = Sweep {
            now: now_millis(),
            every: self.every_millis,
        };
        let first = VideoId::first_at(sweep.now - millis(SWEEP_LOOK_BACK));
        // Before the records: whatever is stored meanwhile is young, and not asked for its record.
        let mut sources = self.storage.sources_from(first).await?;
        let mut failed = None;
        let this_month = VideoId::first_at(sweep.now).month();
        for month in months(first.month(), this_month) {
            let mut after = None;
            loop {
                let (videos, last) = self.catalog.young(month, first, after).await?;
                for video in videos {
                    let video = match video {
                        Ok(video) => video,
                        Err(unreadable) => {
                            // Not one without a video: a later version knows it.
                            unreadable.and_then(|id| sources.remove(&id));
                            continue;
                        }
                    };
                    let source = sources.remove(&video.id);
                    let seen_to = self.see_to(sweep, Some(&video), video.id, source.as_ref());
                    note(video.id, seen_to.await, &mut failed);
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
            note(
                id,
                self.see_to(sweep, None, id, Some(&source)).await,
                failed,
            );
        }
    }

    async fn see_to(
        &self,
        sweep: Sweep,
        video: Option<&Video>,
        id: VideoId,
        source: Option<&StoredSource>,
    ) -> Result<(), SweepError> {
        if video.is_some_and(|video| Sweep::must_be_kept(video, source)) {
            self.catalog.apply(id, &lifecycle::keep_record()).await?;
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
                let event = announcement(self.storage.uploads_bucket(), id, source);
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
            (Action::Announce | Action::GiveUp(_), ..) => Ok(()),
        }
    }
}

/// One that fails must not keep the others waiting.
fn note(id: VideoId, seen_to: Result<(), SweepError>, failed: &mut Option<SweepError>) {
    if let Err(why) = seen_to {
        tracing::error!(video.id = %id, error = %why, "a video could not be seen to");
        *failed = Some(why);
    }
}

/// The months from one to another; no more than two, so far does no sweep look back.
fn months(first: Month, last: Month) -> impl Iterator<Item = Month> {
    [first, last]
        .into_iter()
        .take(if first == last { 1 } else { 2 })
}
