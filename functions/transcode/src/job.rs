//! One video, from its lease to its end.

use std::time::Duration;

use reelrun_core::{
    event::SourceUploaded,
    keys::StorageKey,
    lifecycle::{self, Lease, claim::Claimed, timing::FIRST_BYTE_TIMEOUT},
    video::VideoId,
};
use reelrun_media::{
    command::SourceUrl,
    complaint,
    error::{ErrorType, VideoError},
    plan::{Part, Plan, Settings},
    source::{self, Container, SNIFF_BYTES, SourceInfo, SourceLimits},
    stitch::{Stitched, stitch},
};
use reelrun_platform::{catalog::Catalog, runs::Runs, storage::Storage};
use tokio::{sync::watch, time::Instant};

use crate::{
    encode::{Encoder, judge},
    error::StepError,
    finish::ignore_lost,
    handler::Invocation,
    lease,
    probe::{probe, probe_measured},
    process::Programs,
    task::endless,
};

/// What the function works with.
#[derive(Debug, Clone)]
pub struct Transcoder {
    /// Sources and segments.
    pub storage: Storage,
    /// The videos.
    pub catalog: Catalog,
    /// ffmpeg and ffprobe.
    pub programs: Programs,
    /// What is accepted.
    pub limits: SourceLimits,
    /// What is made of them.
    pub settings: Settings,
    /// Encodes the long ones.
    pub runs: Runs,
    /// The longest a run may last; the state machine ends it then.
    pub run_timeout: Duration,
}

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
        invocation: Invocation,
    ) -> Result<(), StepError> {
        let video = source.video;
        let retryable = source.sender.retryable_errors();
        let lease = match lease::acquire(&self.catalog, &self.runs, video, retryable).await? {
            Claimed::Lease(lease) => lease,
            Claimed::NoVideo => {
                // Nobody would ever find it.
                tracing::info!(video.id = %video, "a source without its video is removed");
                return Ok(self.storage.remove(&StorageKey::Source(video)).await?);
            }
            Claimed::Refused => {
                // A permission that is still valid can store another file where the refused one was.
                let is_withdrawn = self
                    .storage
                    .exists(&StorageKey::RefusedSource(video))
                    .await?;
                tracing::info!(video.id = %video, is_withdrawn, "it was refused before");
                if is_withdrawn {
                    self.storage.remove(&StorageKey::Source(video)).await?;
                }
                return Ok(());
            }
            Claimed::Nothing(why) => {
                tracing::info!(video.id = %video, why, "nothing to do");
                return Ok(());
            }
        };
        tracing::info!(video.id = %video, generation = lease.generation, attempt = lease.attempt, source.bytes = ?source.size_bytes, "transcode begins");
        let begun = Instant::now();
        let (progress, watched) = watch::channel(0.0);
        let result = tokio::select! {
            // In this order: when the work is done, the lease it no longer holds does not matter.
            biased;
            result = self.prepare(source, &lease, progress) => result,
            lost = lease::keep(&self.catalog, &lease, watched) => Err(lost.into()),
            late = invocation.is_over_for(begun) => Err(late),
        };
        let result = match self.blame_stall(video, result).await {
            Ok(Prepared::Planned(plan)) => self
                .fan_out(&lease, &source.entity_tag, &plan)
                .await
                .map(|()| Prepared::Planned(plan)),
            result => result,
        };
        let elapsed_ms = begun.elapsed().as_millis();
        match result {
            Ok(Prepared::Planned(_)) => Ok(()),
            Ok(Prepared::Ready) => {
                tracing::info!(video.id = %video, elapsed_ms, "video is ready");
                Ok(())
            }
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

    async fn prepare(
        &self,
        source: &SourceUploaded,
        lease: &Lease,
        progress: watch::Sender<f64>,
    ) -> Result<Prepared, StepError> {
        if source.size_bytes == Some(0) {
            return Err(VideoError::new(
                ErrorType::NotAVideo,
                "The file is empty. Check it on your disk, then upload it again.",
            )
            .into());
        }
        let container = self.sniff(source.video).await?;
        let url = self.source_url(source.video).await?;
        let url = SourceUrl {
            url: &url,
            ca_file: self.programs.ca_file.as_deref(),
            container,
        };
        let mut info = probe(&self.programs, url, self.limits).await?;
        self.describe(lease, &info).await?;
        let mut plan = Plan::new(&info, self.settings);
        if plan.is_worth_measuring(&info) {
            info = probe_measured(&self.programs, url, self.limits, &info).await?;
            self.describe(lease, &info).await?;
            plan = Plan::new(&info, self.settings);
        }
        tracing::info!(video.id = %lease.video, frames = plan.frames, renditions = plan.renditions.len(), chunks = plan.chunks(), "planned");
        if plan.chunks() > 1 {
            return Ok(Prepared::Planned(Box::new(plan)));
        }
        let encoder = Encoder {
            programs: &self.programs,
            storage: &self.storage,
            video: source.video,
            progress,
        };
        let mut stitched = encode_whole(&encoder, &plan, url).await?;
        if plan.was_cut_off(stitched.frames) {
            // Recordings that were joined or repaired may be longer than they state. Nothing names
            // the first encode's segments; the second overwrites them.
            tracing::warn!(video.id = %source.video, "the source is longer than it states");
            info = probe_measured(&self.programs, url, self.limits, &info).await?;
            self.describe(lease, &info).await?;
            plan = Plan::in_one_piece(&info, self.settings);
            stitched = encode_whole(&encoder, &plan, url).await?;
            if plan.was_cut_off(stitched.frames) {
                return Err(endless().into());
            }
        }
        // A last look at the lease: whoever lost it must not touch what viewers see.
        lease::renew(&self.catalog, lease, 0.99).await?;
        self.publish(lease, &plan, &stitched).await?;
        Ok(Prepared::Ready)
    }

    /// What a source's first bytes say it is. Nothing else of it is read before that is known.
    async fn sniff(&self, video: VideoId) -> Result<Container, StepError> {
        let key = StorageKey::Source(video);
        let head = self.storage.get_head(&key, SNIFF_BYTES).await?;
        let head = head.ok_or_else(complaint::missing)?;
        source::check_encoding(head.content_encoding.as_deref())?;
        Ok(Container::of(&head.bytes)?)
    }

    /// A program that came to a stop waited for the source's bytes, or was kept busy by them. Which
    /// of the two, storage tells: it still gives them at once, or not.
    pub(crate) async fn blame_stall<T>(
        &self,
        video: VideoId,
        result: Result<T, StepError>,
    ) -> Result<T, StepError> {
        let Err(StepError::Stalled(error)) = result else {
            return result;
        };
        let key = StorageKey::Source(video);
        let head = self.storage.get_head(&key, SNIFF_BYTES);
        tokio::time::timeout(FIRST_BYTE_TIMEOUT, head)
            .await
            .map_err(|_| {
                StepError::Transient("storage takes its time to give the source".into())
            })??;
        Err(error.into())
    }

    /// A signed URL of a video's source.
    pub(crate) async fn source_url(&self, video: VideoId) -> Result<String, StepError> {
        let key = StorageKey::Source(video);
        let valid_for = Duration::from_hours(1);
        Ok(self.storage.presign_download(&key, valid_for).await?)
    }

    /// Records what the source turned out to be.
    async fn describe(&self, lease: &Lease, info: &SourceInfo) -> Result<(), StepError> {
        let described = lifecycle::describe(lease, &info.summary());
        Ok(self.catalog.apply_held(lease, &described).await?)
    }
}

/// Encodes a plan that is a single part.
async fn encode_whole(
    encoder: &Encoder<'_>,
    plan: &Plan,
    url: SourceUrl<'_>,
) -> Result<Stitched, StepError> {
    let report = encoder.encode(plan, Part::Chunk(0), url).await?;
    let stitched = stitch(plan, [report])?;
    judge(plan, stitched.frames)?;
    Ok(stitched)
}
