//! Holding a video's lease: getting it, keeping it, noticing that it is gone.

use std::time::Duration;

use reelrun_core::{
    error::ErrorType,
    video::{Status, VideoId},
};
use reelrun_platform::{
    catalog::{Catalog, CatalogError, Claim, Lease, LeaseAnswer},
    now_millis,
    runs::Runs,
};
use tokio::{sync::watch, time};
use uuid::Uuid;

use crate::{error::StepError, fan_out::STARTING};

/// How long a lease lasts unless it is renewed: how long a video waits after its encoder died.
pub const LEASE: Duration = Duration::from_secs(20);

/// How often it is renewed, which is also how often progress is told.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How long a lease is watched before it is a dead holder's, whatever the clocks say: longer than any
/// that is not renewed, but for a run's. A clock that is wrong must not hold a video for as long as it
/// is wrong.
const DEAD_AFTER: Duration = STARTING.saturating_add(LEASE);

/// What came of waiting for a lease.
#[derive(Debug)]
pub enum Acquired {
    /// It is ours: go on.
    Lease(Lease),
    /// There is nothing for us to do, for this reason.
    Nothing(&'static str),
    /// The video was deleted, or forgotten, while its source was still under way.
    NoVideo,
}

/// Takes a video's lease. One that failed with one of `revives` is tried again.
///
/// Where another encode holds it, this waits until that one has shown that it is alive (it renews:
/// our event is a duplicate, and its own event is retried should it fail) or dead (the lease
/// expires, or stands still for too long: we take over). Giving up at once would lose the video whose encoder was just killed.
pub async fn acquire(
    catalog: &Catalog,
    runs: &Runs,
    video: VideoId,
    revives: &[ErrorType],
) -> Result<Acquired, StepError> {
    let owner = Uuid::now_v7().to_string();
    let mut seen: Option<(i64, time::Instant)> = None;
    loop {
        let stands_still = seen.filter(|(_, since)| since.elapsed() > DEAD_AFTER);
        let claim = Claim {
            owner: &owner,
            now_millis: now_millis(),
            until_millis: end(),
            dead_until_millis: stands_still.map(|(until, _)| until),
            revives,
        };
        match catalog.take_lease(video, claim).await? {
            LeaseAnswer::Granted(lease) => return Ok(Acquired::Lease(lease)),
            LeaseAnswer::Unknown | LeaseAnswer::Settled(Status::Deleting) => {
                return Ok(Acquired::NoVideo);
            }
            LeaseAnswer::Settled(Status::Errored) => {
                return Ok(Acquired::Nothing("it has failed before"));
            }
            LeaseAnswer::Settled(_) => return Ok(Acquired::Nothing("it is ready")),
            LeaseAnswer::Held {
                run: Some(name), ..
            } => {
                if !runs.is_over(&name).await? {
                    return Ok(Acquired::Nothing("a run is at work"));
                }
                // It ended without a word: stopped by hand, or by a limit.
                let left = Lease {
                    video,
                    owner: name,
                    attempt: 0,
                };
                catalog.release(&left, now_millis()).await?;
            }
            LeaseAnswer::Held { until_millis, .. } => {
                match seen {
                    Some((until, _)) if until_millis > until => {
                        return Ok(Acquired::Nothing("another encode is at work"));
                    }
                    Some((until, _)) if until_millis == until => {}
                    _ => seen = Some((until_millis, time::Instant::now())),
                }
                time::sleep(HEARTBEAT / 2).await;
            }
        }
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
        let renewed = time::timeout_at(good_until, catalog.renew_lease(lease, end(), done)).await;
        let unanswered = || CatalogError::Unavailable {
            action: "renew the lease",
            why: "no answer for as long as it lasted".into(),
        };
        match renewed.unwrap_or_else(|_| Err(unanswered())) {
            Ok(()) => good_until = time::Instant::now() + LEASE,
            Err(CatalogError::LeaseLost) => return CatalogError::LeaseLost,
            // A catalog that is away for a moment costs nothing while the lease lasts.
            Err(_) if time::Instant::now() < good_until => {}
            Err(why) => return why,
        }
    }
}

/// When a lease that is taken or renewed now expires, in Unix milliseconds.
pub fn end() -> i64 {
    now_millis() + i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}
