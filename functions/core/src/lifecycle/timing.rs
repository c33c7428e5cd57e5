//! Every span of time on which the life of a video depends, and how they must relate.
//!
//! What is promised rests on these relations, so they are checked when this is compiled: who changes a
//! span can't break what another one was chosen for.

use std::time::Duration;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How long a lease lasts unless it is renewed: how long a video waits after its encoder died.
pub const LEASE: Duration = seconds(20);

/// How often it is renewed, which is also how often progress is told.
pub const HEARTBEAT: Duration = seconds(2);

/// How long a run of the state machine may take to start: the lease that it is given first.
pub const RUN_START_LEASE: Duration = seconds(60);

/// How long a lease is watched before it is a dead holder's, whatever the clocks say. A clock that is
/// wrong must not hold a video for as long as it is wrong.
pub const STALE_LEASE_AFTER: Duration = RUN_START_LEASE.saturating_add(LEASE);

/// How often a part that is being encoded makes sure that its run still holds the video...
pub const LEASE_CHECK_INTERVAL: Duration = seconds(10);

/// ...how soon again when the catalog did not answer...
pub const LEASE_CHECK_RETRY: Duration = seconds(2);

/// ...and how long it goes on without an answer.
pub const LEASE_LOSS_TIMEOUT: Duration = seconds(20);

/// How long a PUT that was sent may still take effect after its sender has stopped.
pub const IN_FLIGHT_PUT_GRACE: Duration = seconds(5);

/// How long the CDN may still be reading what has just been removed, and keep it.
pub const IN_FLIGHT_READ_GRACE: Duration = seconds(3);

/// How long after its holder lost a video something may still be stored for it.
pub const WRITERS_DRAIN: Duration = LEASE_LOSS_TIMEOUT.saturating_add(IN_FLIGHT_PUT_GRACE);

/// How long a claim on a video's text tracks lasts: longer than the function that makes it.
pub const TRACKS_CLAIM: Duration = seconds(120);

/// How long after the last lease expired a video counts as abandoned, its attempts being used up.
pub const ABANDONED_AFTER: Duration = seconds(60);

/// Time that is kept at the end of an invocation to say how it ended.
pub const SHUTDOWN_MARGIN: Duration = seconds(5);

/// How soon storage gives the first bytes of a source, unless something is wrong with it.
pub const FIRST_BYTE_TIMEOUT: Duration = seconds(5);

/// How much of its invocation an encode may have spent waiting and still count as one that had all the
/// time there is: one that had less, and was not done in time, is tried again.
pub const FULL_INVOCATION_SLACK: Duration = seconds(30);

/// A permission that nobody used is forgotten this long after it expired: long enough for a PUT that
/// began in time to end.
pub const UNUSED_UPLOAD_GRACE: Duration = seconds(24 * 3600);

/// How long an idempotency key stands for its video.
pub const IDEMPOTENCY_WINDOW: Duration = seconds(24 * 3600);

/// How far back the sweep looks: an upload may take a day, its event six hours, a run another day.
pub const SWEEP_LOOK_BACK: Duration = seconds(3 * 24 * 3600);

/// How much less than all the time that it may take a run may have had and still count as one that was
/// ended for having taken it all: its lease is made to last as long, and begins a moment later.
pub const FULL_RUN_SLACK: Duration = seconds(60);

const fn at_least(longer: Duration, shorter: Duration) -> bool {
    longer.as_millis() >= shorter.as_millis()
}

const _: () = {
    // Some heartbeats may be lost.
    assert!(at_least(LEASE, HEARTBEAT.saturating_mul(4)));
    // A holder that can't renew stops when its lease ends; so does a part whose run is gone. Whoever
    // waits for the one waits for the other.
    assert!(at_least(LEASE_LOSS_TIMEOUT, LEASE));
    assert!(at_least(
        LEASE_LOSS_TIMEOUT,
        LEASE_CHECK_INTERVAL.saturating_add(LEASE_CHECK_RETRY)
    ));
    // No lease but a run's lasts longer, so one that stands still for so long is nobody's.
    assert!(at_least(STALE_LEASE_AFTER, RUN_START_LEASE));
    // Whoever starts another run waits for the writers of the last one, under the first lease.
    assert!(at_least(
        RUN_START_LEASE,
        WRITERS_DRAIN.saturating_add(SHUTDOWN_MARGIN)
    ));
    // An abandoned video has no writer any more.
    assert!(at_least(ABANDONED_AFTER, WRITERS_DRAIN));
};
