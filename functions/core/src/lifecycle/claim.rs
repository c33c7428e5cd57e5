//! How a function comes to hold a video, or finds that it need not: as steps, without IO.
//!
//! Where another encode holds the lease, this waits until that one has shown that it is alive (it
//! renews: our event is a duplicate, and its own event is retried should it fail) or dead (the lease
//! expires, or stands still for too long: we take over). Giving up at once would lose the video whose
//! encoder was just killed.

use std::time::Duration;

use super::{
    Lease, Outcome, Transition, begin, release, revive,
    timing::{HEARTBEAT, LEASE, STALE_LEASE_AFTER},
};
use crate::{
    keys::Folder,
    timestamp::Timestamp,
    video::{Status, Video},
};
use reelrun_media::error::ErrorType;

/// A function that asks for a video's lease.
#[derive(Debug, Clone)]
pub struct Claim {
    holder: String,
    /// The failures after which the video is tried again.
    retries: &'static [ErrorType],
    /// The end of the lease that another one holds, and when it was first seen to be that.
    watched: Option<(Timestamp, Duration)>,
}

/// What the claimant does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Write this, then [`Claim::written`].
    Write(Transition),
    /// Ask whether this run is over, then [`Claim::run_seen`].
    AskRun(String),
    /// Wait, then [`Claim::ask`] again.
    Wait(Duration),
    /// This is what came of it.
    End(Claimed),
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours: go on. Its objects are here.
    Lease(Lease, Folder),
    /// There is nothing for us to do, for this reason.
    Nothing(&'static str),
    /// The video was deleted, or forgotten, while its source was still under way.
    NoVideo,
    /// The source was refused, and taken out of public reach: another one may have come in its place.
    Refused,
}

impl Claim {
    /// A claim by this holder, whose name nobody else has.
    pub fn new(holder: String, retries: &'static [ErrorType]) -> Self {
        Self {
            holder,
            retries,
            watched: None,
        }
    }

    /// Asks for the lease. `now` is what the wall clock shows, which may be wrong; `elapsed` is how
    /// long the claimant has been at it.
    pub fn ask(&self, now: Timestamp, elapsed: Duration) -> Step {
        let is_stale = |since: Duration| elapsed.saturating_sub(since) > STALE_LEASE_AFTER;
        let stale = self.watched.filter(|(_, since)| is_stale(*since));
        let until = now + LEASE;
        Step::Write(begin(
            &self.holder,
            now,
            until,
            stale.map(|(until, _)| until),
        ))
    }

    /// What was asked for was written, or refused.
    pub fn written(&mut self, outcome: Outcome, now: Timestamp, elapsed: Duration) -> Step {
        let video = match outcome {
            Outcome::Done(video) => return self.granted(&video),
            Outcome::Refused(None) => return Step::End(Claimed::NoVideo),
            Outcome::Refused(Some(video)) => video,
        };
        match video.status {
            // It was granted before, and the answer lost: it counts once.
            Status::Preparing if video.is_held_by(&self.holder) => self.granted(&video),
            Status::Preparing => match video.holder {
                Some(holder) if holder.run.is_some() => Step::AskRun(holder.name),
                Some(holder) => self.watch(holder.until, elapsed),
                // It may be taken.
                None => self.ask(now, elapsed),
            },
            Status::Errored => {
                let reason = video.error.as_ref().map(|error| error.kind);
                match reason.filter(|reason| self.retries.contains(reason)) {
                    Some(reason) => {
                        let until = now + LEASE;
                        Step::Write(revive(&self.holder, until, &video, reason))
                    }
                    None if reason.is_some_and(ErrorType::withdraws_the_source) => {
                        Step::End(Claimed::Refused)
                    }
                    None => Step::End(Claimed::Nothing("it has failed before")),
                }
            }
            Status::Ready => Step::End(Claimed::Nothing("it is ready")),
            Status::Deleting => Step::End(Claimed::NoVideo),
            // It waits again since: what was refused holds now.
            Status::Waiting => self.ask(now, elapsed),
        }
    }

    /// The run that holds the video is over, or not. One that is, and holds it still, ended without a
    /// word: it was stopped by hand, or by a limit.
    pub fn run_seen(&self, run: &str, is_over: bool, now: Timestamp) -> Step {
        if is_over {
            Step::Write(release(run, now))
        } else {
            Step::End(Claimed::Nothing("a run is at work"))
        }
    }

    fn granted(&self, video: &Video) -> Step {
        match Lease::of(video) {
            Some(lease) if lease.holder == self.holder => {
                Step::End(Claimed::Lease(lease, Folder::of(video)))
            }
            // What was written let go of a run's lease.
            _ => Step::Wait(Duration::ZERO),
        }
    }

    fn watch(&mut self, until: Timestamp, elapsed: Duration) -> Step {
        match self.watched {
            Some((seen, _)) if until > seen => {
                return Step::End(Claimed::Nothing("another encode is at work"));
            }
            Some((seen, _)) if until == seen => {}
            _ => self.watched = Some((until, elapsed)),
        }
        Step::Wait(HEARTBEAT / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};
    use uuid::Uuid;

    use crate::video::VideoId;

    const DAY: Duration = Duration::from_hours(24);

    /// A claimant asks until its claim ends, while the record changes as `meanwhile` says; gives what
    /// came of it, and when.
    fn play(
        mut record: Map<String, Value>,
        now: Timestamp,
        meanwhile: impl Fn(Duration, &mut Map<String, Value>),
    ) -> (Claimed, Duration) {
        let mut claim = Claim::new("claimant".into(), &[]);
        let mut elapsed = Duration::ZERO;
        let mut step = claim.ask(now, elapsed);
        loop {
            step = match step {
                Step::Write(transition) => {
                    let video = |record: &Map<String, Value>| {
                        Box::new(serde_json::from_value(record.clone().into()).unwrap())
                    };
                    let outcome = match transition.apply(Some(&record)) {
                        Some(after) => {
                            record = after;
                            Outcome::Done(video(&record))
                        }
                        None => Outcome::Refused(Some(video(&record))),
                    };
                    claim.written(outcome, now + elapsed, elapsed)
                }
                Step::Wait(time) => {
                    elapsed += time;
                    assert!(elapsed < DAY, "it waits for ever");
                    meanwhile(elapsed, &mut record);
                    claim.ask(now + elapsed, elapsed)
                }
                Step::AskRun(_) => unreachable!("no run holds it"),
                Step::End(claimed) => return (claimed, elapsed),
            };
        }
    }

    /// A record whose holder's lease ends at this time.
    fn held_until(until: Timestamp, id: VideoId) -> Map<String, Value> {
        let waiting = Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1);
        let record = json!(waiting).as_object().cloned().unwrap();
        let now = id.created_at();
        let taken = begin("whose clock was wrong", now, until, None);
        taken.apply(Some(&record)).unwrap()
    }

    /// A holder whose clock was a day ahead, and which was killed, does not hold the video for a day.
    #[test]
    fn a_lease_from_tomorrow_is_taken_over_today() {
        let id = VideoId::new(Uuid::now_v7()).unwrap();
        let now = id.created_at();
        let (claimed, after) = play(held_until(now + DAY, id), now, |_, _| {});
        assert!(matches!(claimed, Claimed::Lease(lease, _) if lease.holder == "claimant"));
        assert!(after > STALE_LEASE_AFTER && after <= STALE_LEASE_AFTER + HEARTBEAT);
    }

    /// The same, but its holder lives: it renews before its lease would count as a dead one's.
    #[test]
    fn a_lease_from_tomorrow_that_is_renewed_is_left() {
        let id = VideoId::new(Uuid::now_v7()).unwrap();
        let now = id.created_at();
        let renewed = now + DAY + HEARTBEAT;
        let (claimed, after) = play(held_until(now + DAY, id), now, |elapsed, record| {
            if elapsed >= HEARTBEAT {
                *record = held_until(renewed, id);
            }
        });
        assert_eq!(claimed, Claimed::Nothing("another encode is at work"));
        assert!(after <= HEARTBEAT * 2);
    }
}
