//! A run of the state machine over a plan: how it is started ([`start`]), and what its tasks do. An
//! error's name tells the state machine whether to ask again.

mod start;

use reelrun_core::{
    keys::{Folder, StorageKey},
    lifecycle::{
        self, Lease,
        timing::{LEASE_CHECK_INTERVAL, LEASE_CHECK_RETRY, LEASE_LOSS_TIMEOUT},
    },
    task::{RunEnd, Task, TaskKind, execution_name, run_failed},
    video::{Status, Video, VideoId},
};
use reelrun_media::{
    error::{ErrorType, VideoError},
    plan::{Part, Plan},
    source::Container,
    stitch::{PartReport, stitch},
};
use reelrun_platform::catalog::CatalogError;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    audio_file::store_audio_file,
    encode::{Encoder, check_whole},
    error::StepError,
    finish::{endless, ignore_lost},
    invocation::Invocation,
    trace::Trace,
    transcoder::Transcoder,
    upload::Destination,
};

/// Reports that are read at once.
const READS: usize = 128;

/// Where a run's copy of the picture is, if it has one.
fn picture_copy(task: &Task) -> StorageKey {
    StorageKey::PictureCopy(task.video, task.run.clone())
}

impl Transcoder {
    /// Does one task. Only of a failure there is something to say.
    pub async fn perform(
        &self,
        task: &Task,
        invocation: &Invocation,
    ) -> Result<Option<RunEnd>, StepError> {
        let run = Lease {
            video: task.video,
            holder: execution_name(task.video, &task.run),
            // The run's name tells them.
            generation: 0,
            attempt: 0,
        };
        match task.task {
            TaskKind::Encode => {
                let part = task
                    .part
                    .ok_or_else(|| StepError::Internal("an encode task without its part".into()))?;
                Box::pin(self.encode_part(task, &run, part, invocation)).await?;
                Ok(None)
            }
            TaskKind::Publish => {
                tokio::select! {
                    biased;
                    published = self.publish_run(task, &run, &invocation.trace) => published?,
                    lost = self.until_unwanted(&run) => return Err(lost.into()),
                }
                Ok(None)
            }
            TaskKind::Fail => {
                let end = self.fail_run(task, &run).await?;
                tracing::warn!(video.id = %task.video, run = %task.run, part = ?task.part, failure = ?task.error, ?end, "a run comes to nothing");
                Ok(end)
            }
        }
    }

    /// Ends a run that comes to nothing, unless that was done before: a part that found the source
    /// at fault has said so itself. Tells whose fault it was.
    async fn fail_run(&self, task: &Task, run: &Lease) -> Result<Option<RunEnd>, StepError> {
        let plan = self.stored_plan(task).await.ok();
        if plan.as_ref().is_some_and(Plan::has_copy) && task.part.is_none() {
            self.remove_copy(&picture_copy(task)).await;
        }
        let part = task.part.map(|part| {
            let described = plan.as_ref().map(|plan| plan.describe(part));
            described.unwrap_or_else(|| part.to_string())
        });
        let error = run_failed(part.as_deref());
        let is_our_fault = match self.fail(run, &error).await {
            Ok(()) => true,
            // It is the whole run of which this is asked.
            Err(CatalogError::LeaseLost) if task.part.is_some() => return Ok(None),
            // By a part, or by an earlier try of this whose answer was lost.
            Err(CatalogError::LeaseLost) => self.has_failed_by_our_fault(task.video).await?,
            Err(why) => return Err(why.into()),
        };
        Ok(Some(RunEnd { is_our_fault }))
    }

    async fn has_failed_by_our_fault(&self, video: VideoId) -> Result<bool, StepError> {
        let video = self.catalog.get(video).await?;
        let error = video.and_then(|video| video.error);
        Ok(error.is_some_and(|error| error.kind == ErrorType::Internal))
    }

    async fn stored_plan(&self, task: &Task) -> Result<Plan, StepError> {
        let key = StorageKey::Plan(task.video, task.run.clone());
        Ok(self.storage.get_json(&key).await?)
    }

    /// The plan, if it is this function's to carry out.
    async fn own_plan(&self, task: &Task) -> Result<Plan, StepError> {
        let plan = self.stored_plan(task).await?;
        if plan.is_for(&self.function) {
            Ok(plan)
        } else {
            Err(StepError::Internal(format!(
                "the run {} was planned by another version of the function than {}",
                task.run, self.function
            )))
        }
    }

    async fn encode_part(
        &self,
        task: &Task,
        run: &Lease,
        part: Part,
        invocation: &Invocation,
    ) -> Result<(), StepError> {
        let video = self.catalog.check_lease(run).await?;
        let folder = Folder::of(&video);
        let plan = self.own_plan(task).await?;
        let trace = &invocation.trace;
        trace.end("lease_and_plan");
        let begun = Instant::now();
        let encoded = tokio::select! {
            biased;
            encoded = self.encode_and_report(task, run, &video, &plan, part, trace) => encoded,
            lost = self.until_unwanted(run) => Err(lost.into()),
            late = invocation.is_over_for(begun) => match self.or_without(folder, &plan, part, Err(late)).await {
                Ok(nothing) => self.report(task, &nothing).await,
                Err(late) => Err(late),
            },
        };
        let encoded = self.blame(folder, encoded).await;
        if let Err(StepError::InvalidMedia(error)) = &encoded {
            let error = VideoError::new(
                error.kind,
                format!(
                    "{} (This was found in {}.)",
                    error.detail,
                    plan.describe(part)
                ),
            );
            self.fail(run, &error).await.or_else(ignore_lost)?;
        }
        encoded?;
        if plan.counts(part) {
            let (Part::Chunk(index) | Part::Audio(_, index)) = part;
            match self
                .catalog
                .apply_held(run, &lifecycle::part_done(run, index))
                .await
            {
                // Progress is not worth another encode.
                Err(why @ CatalogError::Unavailable { .. }) => {
                    tracing::warn!(video.id = %task.video, error = %why, "progress is not told");
                }
                noted => noted?,
            }
        }
        tracing::info!(video.id = %task.video, %part, elapsed_ms = begun.elapsed().as_millis(), steps = %trace, "a part is encoded");
        Ok(())
    }

    async fn encode_and_report(
        &self,
        task: &Task,
        run: &Lease,
        video: &Video,
        plan: &Plan,
        part: Part,
        trace: &Trace,
    ) -> Result<(), StepError> {
        let to = Destination::of(video);
        let folder = to.folder;
        let (url, source);
        if plan.reads_copy(part) {
            url = self.sign(&picture_copy(task)).await?;
            source = self.source_at(&url, Container::Nut, false);
        } else {
            url = self.sign_source(folder).await?;
            source = self.source_at(&url, plan.container(), plan.reads_deep());
        }
        let (progress, _) = watch::channel(0.0);
        let encoder = Encoder {
            programs: &self.programs,
            storage: &self.storage,
            to,
            progress,
            partial: self.partial(video, run),
            trace: trace.clone(),
        };
        let encoded = encoder.encode(plan, part, source).await;
        let report = self.or_without(folder, plan, part, encoded).await?;
        self.report(task, &report).await?;
        trace.end("report");
        Ok(())
    }

    async fn report(&self, task: &Task, report: &PartReport) -> Result<(), StepError> {
        let key = StorageKey::Report(task.video, task.run.clone(), report.part);
        Ok(self.storage.put_json(&key, report).await?)
    }

    /// Returns once the run no longer holds the video: it was deleted, or has failed elsewhere. Also
    /// when the table does not answer for a while: whoever removes what a deleted video left, or
    /// begins another run, does not wait any longer.
    async fn until_unwanted(&self, run: &Lease) -> CatalogError {
        let mut wanted_at = Instant::now();
        let mut pause = LEASE_CHECK_INTERVAL;
        loop {
            tokio::time::sleep(pause).await;
            let asked = self.catalog.check_lease(run);
            match tokio::time::timeout_at(wanted_at + LEASE_LOSS_TIMEOUT, asked).await {
                Ok(Ok(_)) => (wanted_at, pause) = (Instant::now(), LEASE_CHECK_INTERVAL),
                Ok(Err(why)) if why.is_permanent() => return why,
                Ok(Err(CatalogError::Unavailable { .. })) => pause = LEASE_CHECK_RETRY,
                Ok(Err(why)) => return why,
                Err(_) => return self.catalog.unanswered("check the lease"),
            }
        }
    }

    async fn publish_run(&self, task: &Task, run: &Lease, trace: &Trace) -> Result<(), StepError> {
        match self.publish_reports(task, run, trace).await {
            Err(StepError::InvalidMedia(error)) => {
                self.fail(run, &error).await.or_else(ignore_lost)?;
                Err(error.into())
            }
            Err(StepError::LeaseLost) => {
                // The answer that it is ready may have been lost, to this attempt or an earlier one.
                let video = self.catalog.get(task.video).await?;
                let is_ready = video.is_some_and(|video| video.status == Status::Ready);
                is_ready.then_some(()).ok_or(StepError::LeaseLost)
            }
            result => result,
        }
    }

    async fn publish_reports(
        &self,
        task: &Task,
        run: &Lease,
        trace: &Trace,
    ) -> Result<(), StepError> {
        let video = self.catalog.check_lease(run).await?;
        let plan = &self.own_plan(task).await?;
        trace.end("lease_and_plan");
        let stitched = stitch(plan, self.reports(task, plan).await?)?;
        trace.end("reports");
        check_whole(plan, stitched.frames)?;
        if plan.reached_frame_limit(stitched.frames) {
            return Err(endless().into());
        }
        // It stays where it is while the run holds it.
        let to = Destination::of(&video);
        let has_audio_file = store_audio_file(&self.storage, &to, &stitched.presentation).await?;
        trace.end("audio_file");
        // A last look: nothing of a video that was deleted meanwhile may be published.
        self.catalog.check_lease(run).await?;
        self.publish(run, &to, plan, &stitched, has_audio_file)
            .await?;
        trace.end("publish");
        if plan.has_copy() {
            self.remove_copy(&picture_copy(task)).await;
        }
        tracing::info!(video.id = %run.video, steps = %trace, "video is ready");
        Ok(())
    }

    async fn reports(&self, task: &Task, plan: &Plan) -> Result<Vec<PartReport>, StepError> {
        let slots = std::sync::Arc::new(Semaphore::new(READS));
        let mut reads = JoinSet::new();
        for part in plan.parts() {
            let key = StorageKey::Report(task.video, task.run.clone(), part);
            let (storage, slots) = (self.storage.clone(), slots.clone());
            reads.spawn(async move {
                let _slot = slots.acquire().await;
                storage.get_json(&key).await
            });
        }
        let mut reports = Vec::new();
        while let Some(read) = reads.join_next().await {
            reports.push(read.map_err(|why| StepError::Internal(why.to_string()))??);
        }
        Ok(reports)
    }
}
