//! What nobody else will bring to its end.
//!
//! Events start everything, and an event can be lost; whoever encodes can be killed on each try; a
//! run of the state machine can be stopped by hand. The sweep looks at all young videos and sources
//! every few minutes and finds those that stand still.
//!
//! What seems lost may only be late: events wait for hours when too many functions run. So the first
//! look is after a patience, and each further one after twice the time. Delivering an event that was
//! not lost is harmless, since an encode needs the video's lease.

use serde_json::{Value, json};

use crate::{
    event,
    keys::StorageKey,
    lifecycle::{MAX_ATTEMPTS, is_abandoned, out_of_attempts},
    video::{Status, Video, VideoId},
};
use reelrun_media::error::{ErrorType, VideoError};

/// A source that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSource {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its entity tag.
    pub entity_tag: String,
    /// When it was stored, in Unix milliseconds.
    pub stored_at: i64,
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
}

/// When and how patiently is swept.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// Now, in Unix milliseconds.
    pub now: i64,
    /// How often is swept, which is also how long nothing is missed, in milliseconds.
    pub every: i64,
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
        let announce = |since: i64| self.is_due(since).then_some(Action::Announce);
        let Some(video) = video else {
            // Its event removes it.
            return announce(source?.stored_at);
        };
        match video.status {
            Status::Waiting => announce(source?.stored_at),
            Status::Preparing if is_abandoned(video, self.now) => {
                Some(Action::GiveUp(out_of_attempts()))
            }
            Status::Preparing if run_is_over => Some(match source {
                None => Action::GiveUp(source_missing()),
                Some(_) if video.attempts >= MAX_ATTEMPTS => Action::GiveUp(out_of_attempts()),
                // It was ended for having taken all its time, and would take it once more. The lease
                // was made to last as long, and begins a moment later.
                Some(_) if video.lease_until <= self.now + 60_000 => {
                    Action::GiveUp(out_of_attempts())
                }
                Some(_) => Action::Announce,
            }),
            Status::Preparing => match source {
                Some(_) => announce(video.lease_until),
                None => self
                    .is_due(video.lease_until)
                    .then(|| Action::GiveUp(source_missing())),
            },
            Status::Deleting => self
                .is_due(video.asked_at.unwrap_or_default())
                .then_some(Action::DeleteAgain),
            Status::Ready | Status::Errored => None,
        }
    }

    /// Whether a video's record has to be kept from now on. One that waits for its upload is forgotten
    /// after a while, which the first encode puts an end to; once its source is there, that must not
    /// depend on whether anything can be encoded these days.
    pub fn must_be_kept(video: &Video, source: Option<&StoredSource>) -> bool {
        video.status == Status::Waiting && video.expires_at.is_some() && source.is_some()
    }

    /// Whether something that stands still since then is looked after by this sweep: once its age
    /// has reached the patience, twice that, four times that and so on since the last sweep but one,
    /// so that a sweep which is late, or fails, leaves nothing out.
    fn is_due(self, since: i64) -> bool {
        let doublings = |age: i64| (age / self.every.max(1)).checked_ilog2();
        let age = self.now - since;
        doublings(age) > doublings(age - 2 * self.every)
    }
}

fn source_missing() -> VideoError {
    VideoError::new(
        ErrorType::SourceMissing,
        "The uploaded file was deleted before it could be encoded. Upload it again.",
    )
}

/// The event with which storage announces a source, as [`crate::event::parse`] reads it.
pub fn announcement(bucket: &str, video: VideoId, source: &StoredSource) -> Value {
    json!({"Records": [{
        "eventSource": event::SWEEP,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {
                "key": StorageKey::Source(video).to_string(),
                "size": source.size_bytes,
                "eTag": source.entity_tag,
            },
        },
    }]})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{self, Record, Sender};

    const MINUTE: i64 = 60_000;
    const NOW: i64 = 1_800_000_000_000;
    const SWEEP: Sweep = Sweep {
        now: NOW,
        every: 5 * MINUTE,
    };

    fn id() -> VideoId {
        "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()
    }

    fn video(status: &str, attempts: u32, lease_until: i64) -> Video {
        let record = json!({
            "id": id(), "month": id().month(), "status": status, "filename": "a.mp4",
            "content_type": "video/mp4", "size_bytes": 1,
            "attempts": attempts, "lease_until": lease_until, "lease_owner": "someone",
        });
        serde_json::from_value(record).unwrap()
    }

    fn source(minutes_ago: i64) -> StoredSource {
        StoredSource {
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
        let waiting = video("waiting", 0, 0);
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
    fn what_has_arrived_is_not_forgotten() {
        let kept =
            |video: &Video, source: Option<&StoredSource>| Sweep::must_be_kept(video, source);
        let waiting = Video {
            expires_at: Some(1),
            ..video("waiting", 0, 0)
        };
        assert!(kept(&waiting, Some(&source(0))));
        assert!(!kept(&waiting, None), "an upload that never came is");
        assert!(!kept(&video("waiting", 0, 0), Some(&source(0))));
        assert!(!kept(&video("deleting", 0, 0), Some(&source(0))));
    }

    #[test]
    fn an_encode_that_vanished_is_begun_again_or_given_up() {
        let source = source(60);
        let at = |attempts, minutes_ago| {
            let video = video("preparing", attempts, NOW - minutes_ago * MINUTE);
            SWEEP.action(Some(&video), Some(&source), false)
        };
        assert_eq!(at(1, -1), None);
        assert_eq!(at(1, 4), None);
        assert_eq!(at(1, 6), Some(Action::Announce));
        assert_eq!(kind(at(3, 2)), Some(ErrorType::Internal));
        let gone = video("preparing", 1, NOW - 6 * MINUTE);
        assert_eq!(
            kind(SWEEP.action(Some(&gone), None, false)),
            Some(ErrorType::SourceMissing)
        );
    }

    #[test]
    fn a_run_that_ended_without_a_word_is_begun_again_or_given_up() {
        let run = |attempts| Video {
            parts_counted: 4,
            ..video("preparing", attempts, NOW + 60 * MINUTE)
        };
        assert_eq!(run(1).run(), Some("someone"));
        let action = |attempts, over| SWEEP.action(Some(&run(attempts)), Some(&source(60)), over);
        assert_eq!(action(1, false), None);
        assert_eq!(action(1, true), Some(Action::Announce));
        assert_eq!(kind(action(3, true)), Some(ErrorType::Internal));
    }

    #[test]
    fn a_run_that_took_all_its_time_is_not_begun_again() {
        let run = Video {
            parts_counted: 4,
            ..video("preparing", 1, NOW + 500)
        };
        let action = SWEEP.action(Some(&run), Some(&source(400)), true);
        assert_eq!(kind(action), Some(ErrorType::Internal));
    }

    #[test]
    fn a_deletion_that_is_stuck_is_asked_for_again() {
        let asked = |minutes_ago| Video {
            asked_at: Some(NOW - minutes_ago * MINUTE),
            ..video("deleting", 0, 0)
        };
        assert_eq!(SWEEP.action(Some(&asked(1)), None, false), None);
        assert_eq!(
            SWEEP.action(Some(&asked(5)), None, false),
            Some(Action::DeleteAgain)
        );
    }

    #[test]
    fn what_is_at_its_end_is_left_alone() {
        for status in ["ready", "errored"] {
            let video = video(status, 3, 0);
            assert_eq!(SWEEP.action(Some(&video), Some(&source(6)), true), None);
        }
    }

    #[test]
    fn an_announcement_reads_as_an_event() {
        let event = announcement("uploads", id(), &source(1));
        let [Record::Source(read)] = &event::parse(&event)[..] else {
            panic!("one source");
        };
        assert_eq!((read.video, read.size_bytes), (id(), Some(7)));
        assert_eq!(read.sender, Sender::Sweep);
        assert_eq!((&*read.bucket, &*read.entity_tag), ("uploads", "abc"));
    }

    proptest! {
        /// However long nothing happens, sweeps look again, and ever less often.
        #[test]
        fn patience_doubles(start in 0..5 * MINUTE) {
            let looks = (0..500_i64)
                .filter(|n| Sweep { now: NOW + start + n * SWEEP.every, ..SWEEP }.is_due(NOW))
                .count();
            prop_assert_eq!(looks, 17);
        }
    }
}
