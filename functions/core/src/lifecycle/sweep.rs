//! What nobody else will bring to its end.
//!
//! Events start everything, and an event can be lost; whoever encodes can be killed on each try; a
//! run of the state machine can be stopped by hand. The sweep looks at all young videos and sources
//! every few minutes and finds those that stand still.
//!
//! What seems lost may only be late: events wait for hours when too many functions run. So the first
//! look is after a patience, and each further one after twice the time. Delivering an event that was
//! not lost is harmless, since an encode needs the video's lease.

use std::time::Duration;

use super::{MAX_ATTEMPTS, is_abandoned, out_of_attempts, timing::FULL_RUN_SLACK};
use crate::{
    keys::Folder,
    timestamp::Timestamp,
    video::{Status, Video, Visibility},
};
use reelrun_media::error::{ErrorType, VideoError};

/// A source that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSource {
    /// Where it is.
    pub folder: Folder,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its entity tag.
    pub entity_tag: String,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// What is to be done for a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Its upload is announced again.
    Announce,
    /// It has failed, and nobody could write that down.
    GiveUp(VideoError),
    /// Its objects are to be removed, again.
    DeleteAgain,
    /// Its objects are to be moved, again.
    MoveAgain(Visibility),
}

/// When and how patiently is swept.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// Now.
    pub now: Timestamp,
    /// How often is swept, which is also how long nothing is missed.
    pub every: Duration,
}

impl Sweep {
    /// What is to be done for a video; none for one that is at its end or on its way there.
    ///
    /// `run_is_over`: whether the run that encodes it has ended, where it has one.
    pub fn action(
        self,
        video: Option<&Video>,
        source: Option<&StoredSource>,
        run_is_over: bool,
    ) -> Option<Action> {
        let announce = |since| self.is_due(since).then_some(Action::Announce);
        let Some(video) = video else {
            // Its event removes it.
            return announce(source?.stored_at);
        };
        let created_at = video.id.created_at();
        let held_until = video
            .holder
            .as_ref()
            .map_or(created_at, |holder| holder.until);
        match video.status {
            Status::Waiting => announce(source?.stored_at),
            Status::Preparing if is_abandoned(video, self.now) => {
                Some(Action::GiveUp(out_of_attempts()))
            }
            Status::Preparing if run_is_over => Some(match source {
                None => Action::GiveUp(source_missing()),
                Some(_) if video.attempts >= MAX_ATTEMPTS => Action::GiveUp(out_of_attempts()),
                // It took all the time there is, and would take it once more.
                Some(_) if held_until <= self.now + FULL_RUN_SLACK => {
                    Action::GiveUp(out_of_attempts())
                }
                Some(_) => Action::Announce,
            }),
            Status::Preparing => match source {
                Some(_) => announce(held_until),
                None => self
                    .is_due(held_until)
                    .then(|| Action::GiveUp(source_missing())),
            },
            Status::Deleting => self
                .is_due(video.delete_requested_at.unwrap_or(created_at))
                .then_some(Action::DeleteAgain),
            Status::Ready | Status::Errored => {
                let to = video.moving_to?;
                let since = video.move_requested_at.unwrap_or(created_at);
                self.is_due(since).then_some(Action::MoveAgain(to))
            }
        }
    }

    /// Whether a video's record must not expire any more. One that waits for its upload does after a
    /// while, unless an encode begins; once its source is there, that must not depend on whether
    /// anything can be encoded these days.
    pub fn must_not_expire(video: &Video, source: Option<&StoredSource>) -> bool {
        video.status == Status::Waiting && video.expires_at.is_some() && source.is_some()
    }

    /// Whether something that stands still since then is looked after by this sweep: once its age
    /// has reached the patience, twice that, four times that and so on since the last sweep but one,
    /// so that a sweep which is late, or fails, leaves nothing out.
    fn is_due(self, since: Timestamp) -> bool {
        let every = self.every.max(Duration::from_millis(1)).as_millis();
        let doublings = |at: Timestamp| {
            let age = at.saturating_since(since);
            (age.as_millis() / every).checked_ilog2()
        };
        doublings(self.now) > doublings(self.now - 2 * self.every)
    }
}

fn source_missing() -> VideoError {
    VideoError::new(
        ErrorType::SourceMissing,
        "The uploaded file was deleted before it could be encoded. Upload it again.",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::video::{Holder, RunProgress, VideoId};

    const MINUTE: Duration = Duration::from_mins(1);
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const SWEEP: Sweep = Sweep {
        now: NOW,
        every: Duration::from_mins(5),
    };

    fn id() -> VideoId {
        "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()
    }

    fn video(status: Status, attempts: u32, until: Timestamp) -> Video {
        Video {
            status,
            attempts,
            holder: Some(Holder {
                name: "someone".into(),
                until,
                run: None,
            }),
            ..Video::waiting(id(), "a.mp4".into(), "video/mp4".into(), 1)
        }
    }

    fn without_holder(status: Status) -> Video {
        Video {
            holder: None,
            ..video(status, 0, NOW)
        }
    }

    fn run(attempts: u32, until: Timestamp) -> Video {
        let mut video = video(Status::Preparing, attempts, until);
        if let Some(holder) = &mut video.holder {
            holder.run = Some(RunProgress {
                parts_total: 4.try_into().unwrap(),
                parts_done: [].into(),
            });
        }
        video
    }

    fn source(minutes_ago: u32) -> StoredSource {
        StoredSource {
            folder: Folder::public(id()),
            size_bytes: 7,
            entity_tag: "abc".into(),
            stored_at: NOW - minutes_ago * MINUTE,
        }
    }

    fn kind(action: Option<Action>) -> Option<ErrorType> {
        match action {
            Some(Action::GiveUp(why)) => Some(why.kind),
            _ => None,
        }
    }

    #[test]
    fn a_lost_event_is_delivered_again() {
        let waiting = without_holder(Status::Waiting);
        let action = |minutes| SWEEP.action(Some(&waiting), Some(&source(minutes)), false);
        assert_eq!(action(4), None);
        assert_eq!(action(5), Some(Action::Announce));
        assert_eq!(action(9), Some(Action::Announce));
        assert_eq!(action(30), None);
        assert_eq!(SWEEP.action(Some(&waiting), None, false), None);
        // A source without its video.
        assert_eq!(
            SWEEP.action(None, Some(&source(6)), false),
            Some(Action::Announce)
        );
        assert_eq!(SWEEP.action(None, Some(&source(1)), false), None);
    }

    #[test]
    fn what_has_arrived_does_not_expire() {
        let stays = Sweep::must_not_expire;
        let waiting = Video {
            expires_at: Some(NOW),
            ..without_holder(Status::Waiting)
        };
        assert!(stays(&waiting, Some(&source(0))));
        assert!(!stays(&waiting, None), "an upload that never came does");
        for status in [Status::Waiting, Status::Deleting] {
            assert!(!stays(&without_holder(status), Some(&source(0))));
        }
    }

    #[test]
    fn an_encode_that_vanished_is_begun_again_or_given_up() {
        let source = source(60);
        let until = |attempts, until| {
            let video = video(Status::Preparing, attempts, until);
            SWEEP.action(Some(&video), Some(&source), false)
        };
        assert_eq!(until(1, NOW + MINUTE), None);
        assert_eq!(until(1, NOW - 4 * MINUTE), None);
        assert_eq!(until(1, NOW - 6 * MINUTE), Some(Action::Announce));
        assert_eq!(kind(until(3, NOW - 2 * MINUTE)), Some(ErrorType::Internal));
        let gone = video(Status::Preparing, 1, NOW - 6 * MINUTE);
        assert_eq!(
            kind(SWEEP.action(Some(&gone), None, false)),
            Some(ErrorType::SourceMissing)
        );
    }

    #[test]
    fn a_run_that_ended_without_a_word_is_begun_again_or_given_up() {
        let run = |attempts| run(attempts, NOW + 60 * MINUTE);
        assert_eq!(run(1).run(), Some("someone"));
        let action = |attempts, over| SWEEP.action(Some(&run(attempts)), Some(&source(60)), over);
        assert_eq!(action(1, false), None);
        assert_eq!(action(1, true), Some(Action::Announce));
        assert_eq!(kind(action(3, true)), Some(ErrorType::Internal));
    }

    #[test]
    fn a_run_that_took_all_its_time_is_not_begun_again() {
        let run = run(1, NOW + Duration::from_millis(500));
        let action = SWEEP.action(Some(&run), Some(&source(400)), true);
        assert_eq!(kind(action), Some(ErrorType::Internal));
    }

    #[test]
    fn a_deletion_that_is_stuck_is_asked_for_again() {
        let asked = |minutes_ago| Video {
            delete_requested_at: Some(NOW - minutes_ago * MINUTE),
            ..without_holder(Status::Deleting)
        };
        assert_eq!(SWEEP.action(Some(&asked(1)), None, false), None);
        assert_eq!(
            SWEEP.action(Some(&asked(5)), None, false),
            Some(Action::DeleteAgain)
        );
    }

    #[test]
    fn a_move_that_is_stuck_is_asked_for_again() {
        let asked = |status, minutes_ago| Video {
            moving_to: Some(Visibility::Private),
            move_requested_at: Some(NOW - minutes_ago * MINUTE),
            ..without_holder(status)
        };
        let action = |video| SWEEP.action(Some(&video), Some(&source(60)), false);
        let again = Some(Action::MoveAgain(Visibility::Private));
        for status in [Status::Ready, Status::Errored] {
            assert_eq!(action(asked(status, 1)), None);
            assert_eq!(action(asked(status, 5)), again);
        }
        assert_eq!(
            action(asked(Status::Deleting, 5)),
            None,
            "its deletion is younger"
        );
    }

    #[test]
    fn what_is_at_its_end_is_left_alone() {
        for status in [Status::Ready, Status::Errored] {
            let video = without_holder(status);
            assert_eq!(SWEEP.action(Some(&video), Some(&source(6)), true), None);
        }
    }

    proptest! {
        /// However long nothing happens, sweeps look again, and ever less often.
        #[test]
        fn patience_doubles(start_millis in 0_u64..300_000) {
            let start = NOW + Duration::from_millis(start_millis);
            let looks = (0..500_u32)
                .filter(|n| Sweep { now: start + *n * SWEEP.every, ..SWEEP }.is_due(NOW))
                .count();
            prop_assert_eq!(looks, 17);
        }
    }
}
