//! Holding a video's lease: getting it, keeping it, noticing that it is gone. What is to be done is
//! decided in [`reelrun_core::lifecycle`].

use reelrun_core::{
    lifecycle::{
        self, Lease,
        claim::{Claim, Claimed, Step},
        timing::{HEARTBEAT, LEASE},
    },
    video::VideoId,
};
use reelrun_media::error::ErrorType;
use reelrun_platform::{
    catalog::{Catalog, CatalogError},
    now,
    state_machine::StateMachine,
};
use tokio::{sync::watch, time};
use uuid::Uuid;

use crate::error::StepError;

/// Takes a video's lease. One that failed with one of `retryable` is tried again.
pub async fn acquire(
    catalog: &Catalog,
    runs: &StateMachine,
    video: VideoId,
    retryable: &'static [ErrorType],
) -> Result<Claimed, StepError> {
    let begun = time::Instant::now();
    let mut claim = Claim::new(Uuid::now_v7().to_string(), retryable);
    let mut step = claim.ask(now(), begun.elapsed());
    loop {
        step = match step {
            Step::Write(transition) => {
                let outcome = catalog.apply(video, &transition).await?;
                claim.written(outcome, now(), begun.elapsed())
            }
            Step::AskRun(run) => {
                let is_over = runs.is_over(&run).await?;
                claim.run_seen(&run, is_over, now())
            }
            Step::Wait(pause) => {
                time::sleep(pause).await;
                claim.ask(now(), begun.elapsed())
            }
            Step::End(claimed) => return Ok(claimed),
        };
    }
}

/// Renews a lease with the progress of the moment, for as long as it is polled. Returns only when
/// the lease is lost to another encode, or when it ran out because the catalog did not answer:
/// then nobody may have taken over, and the event has to come again.
pub async fn keep(
    catalog: &Catalog,
    lease: &Lease,
    progress: watch::Receiver<f64>,
) -> CatalogError {
    let mut good_until = time::Instant::now() + LEASE;
    let mut beat = time::interval(HEARTBEAT);
    beat.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let done = *progress.borrow();
        let renewed = time::timeout_at(good_until, renew(catalog, lease, done)).await;
        let unanswered = || catalog.unanswered("renew the lease");
        match renewed.unwrap_or_else(|_| Err(unanswered())) {
            Ok(()) => good_until = time::Instant::now() + LEASE,
            Err(CatalogError::LeaseLost) => return CatalogError::LeaseLost,
            Err(why) if why.is_permanent() => return why,
            // A catalog that is away for a moment costs nothing while the lease lasts.
            Err(_) if time::Instant::now() < good_until => {}
            Err(why) => return why,
        }
    }
}

/// Renews a lease once, and tells how far the encode is.
pub async fn renew(catalog: &Catalog, lease: &Lease, progress: f64) -> Result<(), CatalogError> {
    let until = now() + LEASE;
    let renewal = lifecycle::renew(lease, until, progress);
    catalog.apply_held(lease, &renewal).await
}
