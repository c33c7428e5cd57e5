//! Gives a long video to the state machine, which encodes its parts on many functions at once.
//!
//! The lease goes along: for a short time first, and for as long as a run may last only once the
//! run has started. A function that dies in between leaves a lease that soon expires, and the
//! event's next delivery starts another run. Each attempt's run has a name of its own, so what is
//! left of an earlier one finds that it no longer holds the video, and ends.

use std::time::Duration;

use reelrun_core::{
    keys::{RunId, StorageKey},
    plan::Plan,
    task::{RunInput, execution_name},
};
use reelrun_platform::{catalog::Lease, now_millis};

use crate::{error::StepError, job::Transcoder, task::UNWANTED_FOR};

/// How long a run may take to start.
pub const STARTING: Duration = Duration::from_mins(1);

/// How long a request to storage that is under way may still take.
const SETTLES: Duration = Duration::from_secs(5);

impl Transcoder {
    /// Starts a run over a plan, under this lease.
    pub(crate) async fn fan_out(
        &self,
        lease: &Lease,
        entity_tag: &str,
        plan: &Plan,
    ) -> Result<(), StepError> {
        let video = lease.video;
        let run = RunId::new(entity_tag, lease.attempt);
        let holder = Lease {
            owner: execution_name(video, &run),
            ..lease.clone()
        };
        self.storage
            .put_json(&StorageKey::Plan(video, run.clone()), plan)
            .await?;
        self.catalog
            .hand_over(lease, &holder, after(STARTING))
            .await?;
        if lease.attempt > 1 {
            // Parts of an earlier run may still store segments where this one's go.
            tokio::time::sleep(UNWANTED_FOR + SETTLES).await;
        }
        let input = RunInput::new(video, run, plan);
        let begun = self.begin(&holder, &input, plan.counted()).await;
        if begun.is_err() {
            // Back to us, so that the next attempt need not wait. Should the run have begun all the
            // same, it finds that it does not hold the video.
            self.catalog
                .hand_over(&holder, lease, after(STARTING))
                .await?;
        }
        begun
    }

    async fn begin(
        &self,
        holder: &Lease,
        input: &RunInput,
        parts_counted: u32,
    ) -> Result<(), StepError> {
        self.runs.start(&holder.owner, input).await?;
        tracing::info!(video.id = %holder.video, run = %input.run, parts = input.parts.len(), "a run begins");
        let until = after(self.run_timeout);
        Ok(self.catalog.hold(holder, until, parts_counted).await?)
    }
}

/// This long from now, in Unix milliseconds.
fn after(time: Duration) -> i64 {
    now_millis() + i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
