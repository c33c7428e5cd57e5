//! How an encode ends, be it one function's or a run's: published, failed, or given back.

use reelrun_core::lifecycle::{self, Lease};
use reelrun_media::{
    error::{ErrorType, VideoError},
    plan::Plan,
    stitch::Stitched,
};
use reelrun_platform::{catalog::CatalogError, now};

use crate::{error::StepError, publish::publish, transcoder::Transcoder, upload::Destination};

impl Transcoder {
    /// Publishes what was encoded, and says so. The lease was looked at just before: whoever lost it
    /// must not touch what viewers see.
    pub(crate) async fn publish(
        &self,
        lease: &Lease,
        to: &Destination,
        plan: &Plan,
        stitched: &Stitched,
    ) -> Result<(), StepError> {
        let published = publish(&self.storage, to, plan, stitched).await?;
        let completed = lifecycle::complete(lease, &published, now());
        Ok(self.catalog.apply_held(lease, &completed).await?)
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
