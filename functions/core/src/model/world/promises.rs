//! What must hold of every change of a record.

use std::time::Duration;

use super::{World, id};
use crate::{
    change::Change,
    lifecycle::{TABLE, Transition},
    notice::{Links, Notice, Receivers},
    video::{Status, Video, Visibility},
};

/// All of a video but where it is.
pub(super) fn wherever_it_is(video: &Video) -> Video {
    Video {
        visibility: Visibility::Public,
        moving_to: None,
        move_requested_at: None,
        moved_at: None,
        ..video.clone()
    }
}

impl World {
    pub(super) fn hold(&mut self, transition: &Transition, before: &Video, after: &Video) {
        let (was, is) = (before.status, after.status);
        let is_listed = |&(from, _, to): &(_, _, _)| (from, to) == (Some(was), Some(is));
        assert!(
            was == is || TABLE.iter().any(is_listed),
            "{} made {was:?} {is:?}",
            transition.name
        );
        if was == Status::Ready && is == Status::Ready {
            assert_eq!(
                wherever_it_is(before),
                wherever_it_is(after),
                "a ready video has changed: {}",
                transition.name
            );
        }
        assert!(
            before.visibility == after.visibility || matches!(is, Status::Ready | Status::Errored),
            "{} moved a video that somebody may encode",
            transition.name
        );
        assert!(
            is == Status::Preparing || after.holder.is_none(),
            "{} left a holder",
            transition.name
        );
        assert!(after.generation >= before.generation);
        let name = |video: &Video| video.holder.as_ref().map(|holder| holder.name.clone());
        if was == Status::Preparing && is == Status::Preparing && name(before) != name(after) {
            // Another one holds it: the last one let it go, gave it away, or is not to be waited for.
            assert!(
                transition.name != "take the lease" || self.may_be_taken(before),
                "a lease was taken from one who holds it"
            );
        }
        let change = Change {
            video: id(),
            before: Some(was),
            after: is,
            at: Some(self.now),
            was_in_parts: before.run().is_some(),
            was_moving: before.moving_to.is_some(),
            record: Some(Box::new(after.clone())),
        };
        self.moves.follow(&change);
        if is == Status::Deleting {
            self.deletions.push(change);
        } else if was != is && matches!(was, Status::Waiting | Status::Preparing) {
            let links = Links {
                media: "",
                page: "",
            };
            let to = Receivers {
                webhooks: &[],
                mail: false,
            };
            let now = id().created_at();
            if let Some(notice) = Notice::of(&change, links, to, now) {
                let generation = notice.id.rsplit('-').next().unwrap().to_owned();
                assert!(self.told.insert(generation), "{} was told again", notice.id);
            }
        }
    }

    /// Nobody who renews, or runs, has lost it: within what clocks may be off by.
    fn may_be_taken(&self, before: &Video) -> bool {
        const CLOCKS: Duration = Duration::from_secs(15);
        let holder = before.holder.as_ref();
        holder.is_none_or(|holder| holder.until <= self.now + CLOCKS)
    }
}
