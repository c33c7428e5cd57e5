//! One video, from its lease to its end.

use std::time::Duration;

use reelrun_core::{
    command::SourceUrl,
    error::{ErrorType, VideoError},
    event::SourceUploaded,
    keys::StorageKey,
    plan::Plan,
    source::{SourceInfo, SourceLimits},
    video::{MAX_ATTEMPTS, Video},
};
use reelrun_platform::{
    catalog::{Catalog, CatalogError, Lease},
    storage::Storage,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    encode::{Encoded, Encoder},
    error::StepError,
    lease::{self, Acquired},
    probe::{probe, probe_measured},
    process::Programs,
    publish::publish,
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
    /// The largest rung of the ladder.
    pub max_short_side: u32,
}

/// Time that is left at a deadline to say so.
const TO_WIND_UP: Duration = Duration::from_secs(5);

impl Transcoder {
    /// Brings a video to its end. An error means: try again later.
    pub async fn transcode(
        &self,
        source: &SourceUploaded,
        deadline: Instant,
    ) -> Result<(), StepError> {
        let video = source.video;
        let lease = match lease::acquire(&self.catalog, video).await? {
            Acquired::Lease(lease) => lease,
            Acquired::Nothing(why) => {
                tracing::info!(video.id = %video, why, "nothing to do");
                return Ok(());
            }
        };
        tracing::info!(video.id = %video, attempt = lease.attempt, source.bytes = source.size_bytes, "transcode begins");
        let begun = Instant::now();
        let (progress, watched) = watch::channel(0.0);
        let result = tokio::select! {
            // In this order: when the work is done, the lease it no longer holds does not matter.
            biased;
            result = self.prepare(source, &lease, progress) => result,
            lost = lease::keep(&self.catalog, &lease, watched) => Err(lost.into()),
            () = tokio::time::sleep_until(deadline - TO_WIND_UP) => Err(out_of_time().into()),
        };
        let elapsed_ms = begun.elapsed().as_millis();
        match result {
            Ok(()) => {
                tracing::info!(video.id = %video, elapsed_ms, "video is ready");
                Ok(())
            }
            Err(StepError::InvalidMedia(error)) => {
                tracing::info!(video.id = %video, elapsed_ms, error.kind = error.kind.as_str(), error.detail, "video is errored");
                self.catalog.fail(&lease, &error).await.or_else(ignore_lost)
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
    ) -> Result<(), StepError> {
        if source.size_bytes == 0 {
            return Err(VideoError::new(
                ErrorType::NotAVideo,
                "The file is empty. Check it on your disk, then upload it again.",
            )
            .into());
        }
        let key = StorageKey::Source(source.video);
        let url = self
            .storage
            .presign_download(&key, Duration::from_hours(1))
            .await?;
        let url = SourceUrl {
            url: &url,
            ca_file: self.programs.ca_file.as_deref(),
        };
        let mut info = probe(&self.programs, url, self.limits).await?;
        let encoder = Encoder {
            programs: &self.programs,
            storage: &self.storage,
            video: source.video,
            progress,
        };
        let (mut plan, mut encoded) = self.encode(&encoder, lease, url, &info).await?;
        if plan.was_cut_off(encoded.frames(&plan)) {
            // Recordings that were joined or repaired may be longer than they state. Nothing names
            // the first encode's segments; the second overwrites them.
            tracing::warn!(video.id = %source.video, "the source is longer than it states");
            let stream = info.video.index;
            info = probe_measured(&self.programs, url, self.limits, stream).await?;
            (plan, encoded) = self.encode(&encoder, lease, url, &info).await?;
            if plan.was_cut_off(encoded.frames(&plan)) {
                return Err(VideoError::new(
                    ErrorType::MalformedMedia,
                    "It does not come to an end where its packets do. Export it again, then upload it again.",
                )
                .into());
            }
        }
        let Encoded {
            presentation,
            has_poster,
        } = encoded;
        // A last look at the lease: whoever lost it must not touch what viewers see.
        self.catalog.renew_lease(lease, lease::end(), 0.99).await?;
        let renditions = publish(&self.storage, source.video, &presentation).await?;
        self.catalog
            .complete(lease, &renditions, has_poster)
            .await?;
        Ok(())
    }

    async fn encode(
        &self,
        encoder: &Encoder<'_>,
        lease: &Lease,
        url: SourceUrl<'_>,
        info: &SourceInfo,
    ) -> Result<(Plan, Encoded), StepError> {
        self.catalog.record_source(lease, &info.summary()).await?;
        let plan = Plan::new(info, self.max_short_side);
        tracing::info!(video.id = %encoder.video, frames = plan.frames, renditions = plan.renditions.len(), "planned");
        let encoded = encoder.encode(&plan, url, info).await?;
        Ok((plan, encoded))
    }

    /// After a failure that is not the source's: the next attempt should start at once, and after
    /// the last one nobody should wait for ever.
    async fn give_back(&self, lease: &Lease) {
        let settled = if lease.attempt >= MAX_ATTEMPTS {
            self.catalog.fail(lease, &Video::given_up()).await
        } else {
            self.catalog.release(lease).await
        };
        if let Err(why) = settled {
            tracing::warn!(video.id = %lease.video, error = %why, "the lease is left to expire");
        }
    }
}

/// The same source would need the same time again: this is final, and said at once.
fn out_of_time() -> VideoError {
    VideoError::new(
        ErrorType::TooLong,
        "It could not be encoded within the time that one encode may take here. Upload a shorter or smaller video, or ask the operator of this service for a faster function (TranscodeMemoryMb).",
    )
}

fn ignore_lost(why: CatalogError) -> Result<(), StepError> {
    match why {
        CatalogError::LeaseLost => Ok(()),
        why => Err(why.into()),
    }
}
