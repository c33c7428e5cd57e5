//! How an encode ends, be it one function's or a run's: published, failed, or given back.

use reelrun_core::{
    keys::Folder,
    lifecycle::{self, Lease},
    video::Video,
};
use reelrun_media::{
    error::{ErrorType, VideoError},
    plan::{Part, Plan},
    source::{MOST_NOT_USED, NotUsed, NotUsedReason},
    stitch::{PartReport, Stitched},
};
use reelrun_platform::{catalog::CatalogError, now};

use crate::{
    error::StepError, partial::Partial, publish::publish, transcoder::Transcoder,
    upload::Destination,
};

impl Transcoder {
    /// Publishes what was encoded, and says so. The lease was looked at just before: whoever lost it
    /// must not touch what viewers see.
    pub(crate) async fn publish(
        &self,
        lease: &Lease,
        to: &Destination,
        plan: &Plan,
        stitched: &Stitched,
        has_audio_file: bool,
    ) -> Result<(), StepError> {
        let published = publish(&self.storage, to, plan, stitched, has_audio_file).await?;
        if plan.partial_rendition().is_some() {
            let video = self.catalog.check_lease(lease).await?;
            if let Some(partial) = self.partial(&video, lease) {
                partial.end(plan, &stitched.presentation).await;
            }
        }
        if !stitched.not_used.is_empty() {
            self.note_not_used(lease, stitched).await?;
        }
        let completed = lifecycle::complete(lease, &published, now());
        Ok(self.catalog.apply_held(lease, &completed).await?)
    }

    /// What shows viewers how far a video is, if they have nothing else to watch.
    pub(crate) fn partial(&self, video: &Video, lease: &Lease) -> Option<Partial<'_>> {
        Partial::of(video, lease, &self.storage, &self.catalog)
    }

    /// Records which audio tracks are left out.
    async fn note_not_used(&self, lease: &Lease, stitched: &Stitched) -> Result<(), StepError> {
        let video = self.catalog.check_lease(lease).await?;
        let Some(mut source) = video.source else {
            return Ok(());
        };
        // They may have been recorded before, by a try whose answer was lost.
        let is_news = |it: &NotUsed| it.reason != NotUsedReason::Damaged;
        source.not_used.retain(is_news);
        source.not_used.extend(stitched.not_used.clone());
        source.not_used.truncate(MOST_NOT_USED);
        let described = lifecycle::describe(lease, &source);
        Ok(self.catalog.apply_held(lease, &described).await?)
    }

    /// Does without an audio track beside the main one that could not be encoded. What is not the track's fault
    /// stands: a failure around us, a mistake of ours, and that the source is gone.
    pub(crate) async fn or_without(
        &self,
        folder: Folder,
        plan: &Plan,
        part: Part,
        encoded: Result<PartReport, StepError>,
    ) -> Result<PartReport, StepError> {
        if !plan.can_do_without(part) {
            return encoded;
        }
        match self.blame(folder, encoded).await {
            Err(StepError::InvalidMedia(error)) if error.kind != ErrorType::SourceMissing => {
                tracing::warn!(%part, error.detail, "an audio track is left out");
                Ok(PartReport::without_tracks(part))
            }
            encoded => encoded,
        }
    }

    /// Says that a video has failed, and why.
    pub(crate) async fn fail(&self, lease: &Lease, error: &VideoError) -> Result<(), CatalogError> {
        let failed = lifecycle::fail(lease, error);
        self.catalog.apply_held(lease, &failed).await
    }

    /// After a failure that is not the source's.
    pub(crate) async fn give_back(&self, lease: &Lease) {
        let given_back = lifecycle::give_back(lease, now());
        if let Err(why) = self.catalog.apply_held(lease, &given_back).await {
            tracing::warn!(video.id = %lease.video, error = %why, "the lease is left to expire");
        }
    }
}

/// The same source would need the same time again: this is final, and said at once.
pub(crate) fn out_of_time() -> VideoError {
    VideoError::new(
        ErrorType::TooLong,
        "It could not be encoded within the time that one encode may take here. Upload a shorter or smaller video, or ask the operator of this service for a faster function (TranscodeMemoryMb).",
    )
}

/// A source that goes on after its last packet's time.
pub(crate) fn endless() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It does not come to an end where its packets do. Export it again, then upload it again.",
    )
}

pub(crate) fn ignore_lost(why: CatalogError) -> Result<(), StepError> {
    match why {
        CatalogError::LeaseLost => Ok(()),
        why => Err(why.into()),
    }
}
