//! Gives a long video to the state machine, which encodes its parts on many functions at once.
//!
//! The lease goes along: for a short time first, and for as long as a run may last only once the
//! run has started. A function that dies in between leaves a lease that soon expires, and the
//! event's next delivery starts another run. Each attempt's run has a name of its own, so what is
//! left of an earlier one finds that it no longer holds the video, and ends.
//!
//! A run calls the version of the function that planned it, so that a deployment in the middle changes
//! nothing: not the settings (they are in the plan), nor how a plan becomes arguments, nor ffmpeg.

use reelrun_core::{
    keys::{RunId, StorageKey},
    lifecycle::{
        self, Lease,
        timing::{RUN_START_LEASE, WRITERS_DRAIN},
    },
    task::{RunInput, execution_name},
};
use reelrun_media::plan::Plan;
use reelrun_platform::now;

use crate::{error::StepError, transcoder::Transcoder};

impl Transcoder {
    /// Starts a run over a plan, under this lease.
    pub(crate) async fn start_run(
        &self,
        lease: &Lease,
        entity_tag: &str,
        plan: Plan,
    ) -> Result<(), StepError> {
        let plan = plan.for_function(&self.function);
        let video = lease.video;
        let run = RunId::new(entity_tag, lease.generation, lease.attempt);
        let holder = Lease {
            holder: execution_name(video, &run),
            ..lease.clone()
        };
        let handed = |from, to| {
            let until = now() + RUN_START_LEASE;
            lifecycle::hand_over(from, to, until)
        };
        self.storage
            .put_json(&StorageKey::Plan(video, run.clone()), &plan)
            .await?;
        self.catalog
            .apply_held(lease, &handed(lease, &holder))
            .await?;
        if (lease.generation, lease.attempt) != (1, 1) {
            // Parts of an earlier run may still store segments where this one's go.
            tokio::time::sleep(WRITERS_DRAIN).await;
        }
        let parts = plan.parts().collect();
        let max_parallel = self.settings.fan_out.max_parallel;
        let input = RunInput::new(video, run, self.function.clone(), parts, max_parallel);
        let begun = self.begin(&holder, &input, plan.counted()).await;
        if begun.is_err() {
            // Back to us, so that the next attempt need not wait. Should the run have begun all the
            // same, it finds that it does not hold the video.
            self.catalog
                .apply_held(lease, &handed(&holder, lease))
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
        self.runs.start(&holder.holder, input).await?;
        tracing::info!(video.id = %holder.video, run = %input.run, function = input.function, parts = input.parts.len(), "a run begins");
        let until = now() + self.run_timeout;
        let confirmed = lifecycle::confirm_run(holder, until, parts_counted);
        Ok(self.catalog.apply_held(holder, &confirmed).await?)
    }
}
