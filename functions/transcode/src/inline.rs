//! One video in one function, from its lease to its end. A long one is given away once it is planned.

use std::time::Duration;

use reelrun_core::{
    event::SourceUploaded,
    keys::{Folder, StorageKey},
    lifecycle::{self, Lease, claim::Claimed},
};
use reelrun_media::{
    command::SourceUrl,
    error::{ErrorType, VideoError},
    plan::{Part, Plan},
    source::{AudioOnlySource, SourceSummary},
    stitch::{PartReport, Stitched, stitch},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    audio_file::store_audio_file,
    copy::copy_key,
    encode::{Encoder, check_whole},
    error::StepError,
    examine::{Examined, Found, examine},
    finish::{endless, ignore_lost, out_of_time},
    invocation::Invocation,
    lease,
    trace::Trace,
    transcoder::Transcoder,
    upload::Destination,
};

/// What is left of a function's time when it gives up on further audio tracks: the picture is done, and is
/// published without them.
const TO_PUBLISH: Duration = Duration::from_mins(1);

/// How far a function has come with a video.
enum Prepared {
    /// It is published.
    Ready,
    /// It is long: a run of the state machine is to encode it.
    Planned(Box<Plan>),
}

impl Transcoder {
    /// Brings a video to its end. An error means: try again later.
    pub async fn transcode(
        &self,
        source: &SourceUploaded,
        invocation: &Invocation,
    ) -> Result<(), StepError> {
        let (announced, video) = (source.folder, source.folder.video);
        let retryable = source.sender.retryable_errors();
        let claimed = lease::acquire(&self.catalog, &self.runs, video, retryable).await?;
        // Where the source is, says the record: it may have moved since it was announced.
        let (lease, folder) = match claimed {
            Claimed::Lease(lease, folder) => (lease, folder),
            Claimed::NoVideo => {
                // Nobody would ever find it.
                tracing::info!(video.id = %video, "a source without its video is removed");
                return Ok(self.storage.remove(&StorageKey::Source(announced)).await?);
            }
            Claimed::Refused => {
                // A permission that is still valid can store another file where the refused one was.
                let is_withdrawn = self
                    .storage
                    .exists(&StorageKey::RefusedSource(video))
                    .await?;
                tracing::info!(video.id = %video, is_withdrawn, "it was refused before");
                if is_withdrawn {
                    self.storage.remove(&StorageKey::Source(announced)).await?;
                }
                return Ok(());
            }
            Claimed::Nothing(why) => {
                tracing::info!(video.id = %video, why, "nothing to do");
                return self.remove_stray(announced).await;
            }
        };
        invocation.trace.end("claim");
        tracing::info!(video.id = %video, generation = lease.generation, attempt = lease.attempt, source.bytes = ?source.size_bytes, "transcode begins");
        let begun = Instant::now();
        let (progress, watched) = watch::channel(0.0);
        let result = tokio::select! {
            // In this order: when the work is done, the lease it no longer holds does not matter.
            biased;
            result = self.prepare(source, folder, &lease, progress, invocation) => result,
            lost = lease::keep(&self.catalog, &lease, watched) => Err(lost.into()),
            late = invocation.is_over_for(begun) => Err(late),
        };
        let result = match self.blame(folder, result).await {
            Ok(Prepared::Planned(plan)) => {
                let has_copy = plan.has_copy();
                let started = self.start_run(&lease, &source.entity_tag, *plan).await;
                if started.is_ok() {
                    invocation.trace.end("start_run");
                    tracing::info!(video.id = %video, steps = %invocation.trace, "given to a run");
                }
                if started.is_err() && has_copy {
                    self.remove_copy(&copy_key(source, &lease)).await;
                }
                started
            }
            Ok(Prepared::Ready) => {
                let elapsed_ms = begun.elapsed().as_millis();
                tracing::info!(video.id = %video, elapsed_ms, steps = %invocation.trace, "video is ready");
                Ok(())
            }
            Err(why) => Err(why),
        };
        let elapsed_ms = begun.elapsed().as_millis();
        match result {
            Ok(()) => Ok(()),
            Err(StepError::InvalidMedia(error)) => {
                tracing::info!(video.id = %video, elapsed_ms, error.kind = error.kind.as_str(), error.detail, "video is errored");
                self.fail(&lease, &error).await.or_else(ignore_lost)
            }
            Err(StepError::LeaseLost) => {
                tracing::warn!(video.id = %video, elapsed_ms, "another encode took over");
                Ok(())
            }
            Err(why) => {
                self.give_back(&lease).await;
                Err(why)
            }
        }
    }

    /// A permission to upload that is still valid stores where the video was, and not where it has moved
    /// to since. That would be read by those who may not.
    async fn remove_stray(&self, announced: Folder) -> Result<(), StepError> {
        let video = self.catalog.get(announced.video).await?;
        let is_elsewhere =
            video.is_some_and(|video| video.moving_to.is_none() && Folder::of(&video) != announced);
        if is_elsewhere {
            tracing::info!(video.id = %announced.video, "a source where its video is not is removed");
            self.storage.remove(&StorageKey::Source(announced)).await?;
        }
        Ok(())
    }

    async fn prepare(
        &self,
        source: &SourceUploaded,
        folder: Folder,
        lease: &Lease,
        progress: watch::Sender<f64>,
        invocation: &Invocation,
    ) -> Result<Prepared, StepError> {
        if source.size_bytes == Some(0) {
            return Err(VideoError::new(
                ErrorType::NotAVideo,
                "The file is empty. Check it on your disk, then upload it again.",
            )
            .into());
        }
        let trace = &invocation.trace;
        let head = self.sniff(folder).await?;
        trace.end("sniff");
        let url = self.sign_source(folder).await?;
        let url = self.source_at(&url, head.container, false);
        let mut examined = match examine(&self.programs, url, head, self.limits).await? {
            Found::Video(examined) => *examined,
            Found::AudioOnly(audio, url) => {
                let prepared = self.prepare_audio_only(&audio, url, lease, progress, invocation);
                return prepared.await;
            }
        };
        trace.end("examine");
        self.describe(lease, &examined.info.summary()).await?;
        trace.end("describe");
        let mut plan = examined.plan(&self.programs, self.settings).await?;
        if plan.is_worth_copying(&examined.info) {
            let by_copy = self.plan_by_copy(source, lease, &mut examined, &plan);
            plan = by_copy.await?;
        }
        let plan = plan.for_attempt(lease.generation, lease.attempt);
        trace.end("plan");
        self.describe(lease, &examined.info.summary()).await?;
        self.note_texts(lease, &examined.info.texts, examined.info.clock_start_us)
            .await?;
        tracing::info!(video.id = %lease.video, frames = plan.frames(), renditions = plan.renditions().len(), chunks = plan.chunks(), "planned");
        if plan.is_distributed() {
            return Ok(Prepared::Planned(Box::new(plan)));
        }
        let video = self.catalog.check_lease(lease).await?;
        trace.end("record");
        let to = Destination::of(&video);
        let mut encoder = self.encoder(&to, progress, trace);
        encoder.partial = self.partial(&video, lease);
        let (plan, stitched) = self
            .encode_whole(&encoder, &mut examined, plan, lease, invocation)
            .await?;
        self.finish(lease, &to, &plan, &stitched, &invocation.trace)
            .await
    }

    async fn prepare_audio_only(
        &self,
        audio: &AudioOnlySource,
        source: SourceUrl<'_>,
        lease: &Lease,
        progress: watch::Sender<f64>,
        invocation: &Invocation,
    ) -> Result<Prepared, StepError> {
        self.describe(lease, &audio.summary()).await?;
        self.note_texts(lease, &audio.texts, audio.clock_start_us)
            .await?;
        let plan =
            Plan::of_audio_only(audio, self.settings).for_attempt(lease.generation, lease.attempt);
        tracing::info!(video.id = %lease.video, duration_us = audio.duration_us, tracks = plan.audio().len(), "planned, of audio only");
        if plan.is_distributed() {
            return Ok(Prepared::Planned(Box::new(plan)));
        }
        let video = self.catalog.check_lease(lease).await?;
        let to = Destination::of(&video);
        let encoder = self.encoder(&to, progress, &invocation.trace);
        let reports = self
            .encode_audio(&encoder, source, &plan, invocation)
            .await?;
        let stitched = stitch(&plan, reports)?;
        self.finish(lease, &to, &plan, &stitched, &invocation.trace)
            .await
    }

    fn encoder(
        &self,
        to: &Destination,
        progress: watch::Sender<f64>,
        trace: &Trace,
    ) -> Encoder<'_> {
        Encoder {
            programs: &self.programs,
            storage: &self.storage,
            to: to.clone(),
            progress,
            partial: None,
            trace: trace.clone(),
        }
    }

    async fn finish(
        &self,
        lease: &Lease,
        to: &Destination,
        plan: &Plan,
        stitched: &Stitched,
        trace: &Trace,
    ) -> Result<Prepared, StepError> {
        let has_audio_file = store_audio_file(&self.storage, to, &stitched.presentation).await?;
        trace.end("audio_file");
        // A last look at the lease: whoever lost it must not touch what viewers see.
        lease::renew(&self.catalog, lease, 0.99).await?;
        self.publish(lease, to, plan, stitched, has_audio_file)
            .await?;
        trace.end("publish");
        Ok(Prepared::Ready)
    }

    /// Encodes a plan of a single chunk; once more, should the source turn out to be longer. Audio tracks
    /// that do not go with the picture follow it, for as long as it turned out to be.
    async fn encode_whole(
        &self,
        encoder: &Encoder<'_>,
        examined: &mut Examined<'_>,
        mut plan: Plan,
        lease: &Lease,
        invocation: &Invocation,
    ) -> Result<(Plan, Stitched), StepError> {
        let picture = Part::Chunk(0);
        let mut report = encoder.encode(&plan, picture, examined.source).await?;
        if plan.reached_frame_limit(report.frames(&plan)) {
            // Recordings that were joined or repaired may be longer than they state.
            tracing::warn!(video.id = %lease.video, "the source is longer than it states");
            examined.measure(&self.programs).await?;
            self.describe(lease, &examined.info.summary()).await?;
            plan = Plan::in_one_piece(&examined.info, self.settings).instead_of(&plan);
            report = encoder.encode(&plan, picture, examined.source).await?;
            if plan.reached_frame_limit(report.frames(&plan)) {
                return Err(endless().into());
            }
        }
        let frames = report.frames(&plan);
        check_whole(&plan, frames)?;
        let of_this_length = plan.clone().with_frames(frames);
        let source = examined.source;
        let mut reports = self
            .encode_audio(encoder, source, &of_this_length, invocation)
            .await?;
        reports.push(report);
        let stitched = stitch(&plan, reports)?;
        Ok((plan, stitched))
    }

    /// Encodes the audio tracks that do not go with the picture, one after the other.
    async fn encode_audio(
        &self,
        encoder: &Encoder<'_>,
        source: SourceUrl<'_>,
        plan: &Plan,
        invocation: &Invocation,
    ) -> Result<Vec<PartReport>, StepError> {
        let until = invocation.deadline - TO_PUBLISH;
        let mut reports = Vec::new();
        for part in plan.parts().filter(|part| part.is_audio()) {
            let encoded = tokio::select! {
                biased;
                encoded = encoder.encode(plan, part, source) => encoded,
                () = sleep_until(until), if plan.can_do_without(part) => Err(out_of_time().into()),
            };
            let folder = encoder.to.folder;
            reports.push(self.or_without(folder, plan, part, encoded).await?);
        }
        Ok(reports)
    }

    /// Records what the source turned out to be.
    async fn describe(&self, lease: &Lease, source: &SourceSummary) -> Result<(), StepError> {
        let described = lifecycle::describe(lease, source);
        Ok(self.catalog.apply_held(lease, &described).await?)
    }
}
