//! How a video becomes private, or public, after its upload.
//!
//! Where its objects are decides who may read them ([`Folder`]), so they move: all are copied, then the
//! record says the new place, then the old one is emptied. The record's fields say how far that is, and
//! whoever moves does what they say next:
//!
//! | `visibility` | `moving_to` | next |
//! |---|---|---|
//! | public | private | [`MoveStep::Copy`], [`show_moved`] |
//! | private | private | [`MoveStep::Empty`], [`finish_move`] |
//! | private | none | nothing: it is done |
//!
//! Nobody may store anything meanwhile, so only what is ready or has failed is moved; of a video that waits
//! or is encoded, the wish is kept until then. A failed video may be tried again in the middle: whoever moves
//! it stops, and goes on when that has ended.

use super::{
    Change, Field, Guard, Transition, change_details, is, status, stored, timing::WRITERS_DRAIN,
};
use crate::{
    keys::Folder,
    timestamp::Timestamp,
    upload::details::DetailsChange,
    video::{Status, Video, Visibility},
};

/// What a move does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// Copy everything, the master playlist last; then [`show_moved`].
    Copy {
        /// Where the objects are.
        from: Folder,
        /// Where they are to be.
        to: Folder,
    },
    /// Remove everything from the old place, and from the CDN; then [`finish_move`].
    Empty {
        /// The old place.
        old: Folder,
        /// The new one, which has a copy of everything.
        kept: Folder,
    },
}

/// The opposite change is under way: it can't be asked for until that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeingChanged;

/// What a video's next move is, if it is to be moved and may be.
pub fn next_step(video: &Video) -> Option<MoveStep> {
    let to = video.moving_to.filter(|_| is_settled(video.status))?;
    let folder = |visibility| Folder {
        video: video.id,
        visibility,
    };
    Some(if video.visibility == to {
        MoveStep::Empty {
            old: folder(to.other()),
            kept: folder(to),
        }
    } else {
        MoveStep::Copy {
            from: folder(video.visibility),
            to: folder(to),
        }
    })
}

/// From when on nobody stores anything for an earlier change of a video's visibility.
pub fn movers_drained_at(video: &Video) -> Option<Timestamp> {
    video.moved_at.map(|at| at + WRITERS_DRAIN)
}

/// The owner changes a video's visibility, and its details with it. The transition holds for the video as
/// it was seen: where it was refused, this is to be asked again of the video as it is.
pub fn change_visibility(
    video: &Video,
    to: Visibility,
    details: &DetailsChange,
    now: Timestamp,
) -> Result<Transition, BeingChanged> {
    let details = change_details(details);
    let mut guards = vec![details.guard, is_visible_as(video.visibility)];
    guards.push(match video.moving_to {
        Some(to) => Guard::Is(Field::MovingTo, word(to)),
        None => Guard::Absent(Field::MovingTo),
    });
    let mut changes = details.changes;
    match video.moving_to {
        None if video.visibility == to => {}
        // Asking again starts it again, should it have got stuck.
        Some(pending) if pending == to => changes.push(asked(now)),
        None => changes.extend([Change::Set(Field::MovingTo, word(to)), asked(now)]),
        Some(_) if is_settled(video.status) => return Err(BeingChanged),
        // It has not begun.
        Some(_) => {
            guards.push(Guard::Any(vec![is(Status::Waiting), is(Status::Preparing)]));
            changes.extend(NOT_MOVING);
        }
    }
    Ok(Transition {
        name: "change the video",
        guard: Guard::All(guards),
        changes,
    })
}

/// All of a video is where it is to be: from now on it is looked for there.
pub fn show_moved(to: Visibility) -> Transition {
    Transition {
        name: "show the video in its new place",
        guard: Guard::All(vec![
            settled(),
            Guard::Is(Field::MovingTo, word(to)),
            is_visible_as(to.other()),
        ]),
        changes: vec![Change::Set(Field::Visibility, word(to))],
    }
}

/// Nothing of a video is left where it was.
pub fn finish_move(to: Visibility, now: Timestamp) -> Transition {
    let mut changes = vec![Change::Set(Field::MovedAt, stored(now))];
    changes.extend(NOT_MOVING);
    Transition {
        name: "note that the video has moved",
        guard: Guard::All(vec![
            settled(),
            Guard::Is(Field::MovingTo, word(to)),
            is_visible_as(to),
        ]),
        changes,
    }
}

const NOT_MOVING: [Change; 2] = [
    Change::Remove(Field::MovingTo),
    Change::Remove(Field::MoveRequestedAt),
];

fn asked(now: Timestamp) -> Change {
    Change::Set(Field::MoveRequestedAt, stored(now))
}

fn word(visibility: Visibility) -> serde_json::Value {
    visibility.as_str().into()
}

/// Records of earlier versions, and those of public videos, may not say.
fn is_visible_as(visibility: Visibility) -> Guard {
    let private = word(Visibility::Private);
    match visibility {
        Visibility::Public => Guard::IsNot(Field::Visibility, private),
        Visibility::Private => Guard::Is(Field::Visibility, private),
    }
}

/// Nobody encodes it.
fn is_settled(status: Status) -> bool {
    matches!(status, Status::Ready | Status::Errored)
}

fn settled() -> Guard {
    let ends = [Status::Ready, Status::Errored];
    Guard::Any(ends.map(|end| Guard::Is(Field::Status, status(end))).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    use Visibility::{Private, Public};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn video(status: Status, visibility: Visibility, moving_to: Option<Visibility>) -> Video {
        let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        Video {
            status,
            visibility,
            moving_to,
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
        }
    }

    /// What becomes of a video for which this is asked.
    fn asked_for(video: &Video, to: Visibility) -> Result<Video, BeingChanged> {
        let transition = change_visibility(video, to, &DetailsChange::default(), NOW)?;
        let record = serde_json::json!(video).as_object().cloned();
        let after = transition.apply(record.as_ref()).unwrap();
        Ok(serde_json::from_value(after.into()).unwrap())
    }

    #[test]
    fn a_change_is_kept_until_nobody_encodes() {
        for status in [Status::Waiting, Status::Preparing] {
            let pending = asked_for(&video(status, Public, None), Private).unwrap();
            assert_eq!(
                (pending.visibility, pending.moving_to),
                (Public, Some(Private))
            );
            assert_eq!(next_step(&pending), None);
            // And can be taken back.
            let back = asked_for(&pending, Public).unwrap();
            assert_eq!(
                (back.moving_to, back.move_requested_at, next_step(&back)),
                (None, None, None)
            );
        }
    }

    #[test]
    fn one_that_is_under_way_can_t_be_turned_round() {
        for visibility in [Public, Private] {
            let moving = video(Status::Ready, visibility, Some(Private));
            assert_eq!(asked_for(&moving, Public), Err(BeingChanged));
            let again = asked_for(&moving, Private).unwrap();
            assert_eq!(again.move_requested_at, Some(NOW));
        }
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        for (status, visibility) in [(Status::Ready, Private), (Status::Waiting, Public)] {
            let video = video(status, visibility, None);
            assert_eq!(asked_for(&video, visibility).unwrap(), video);
        }
    }

    #[test]
    fn nothing_moves_while_somebody_may_store() {
        for (status, may_move) in [
            (Status::Waiting, false),
            (Status::Preparing, false),
            (Status::Ready, true),
            (Status::Errored, true),
            (Status::Deleting, false),
        ] {
            for visibility in [Public, Private] {
                let video = video(status, visibility, Some(Private));
                let record = serde_json::json!(video).as_object().cloned();
                let may = |it: Transition| it.apply(record.as_ref()).is_some();
                let is_copied = visibility == Public;
                assert_eq!(may(show_moved(Private)), may_move && is_copied);
                assert_eq!(may(finish_move(Private, NOW)), may_move && !is_copied);
                assert!(!may(show_moved(Public)) && !may(finish_move(Public, NOW)));
                assert_eq!(next_step(&video).is_some(), may_move);
            }
        }
    }

    #[test]
    fn it_is_copied_then_shown_then_removed() {
        let mut moving = video(Status::Ready, Public, Some(Private));
        let (public, private) = (Folder::public(moving.id), Folder::private(moving.id));
        let copy = MoveStep::Copy {
            from: public,
            to: private,
        };
        assert_eq!(next_step(&moving), Some(copy));
        moving.visibility = Private;
        let empty = MoveStep::Empty {
            old: public,
            kept: private,
        };
        assert_eq!(next_step(&moving), Some(empty));
        moving.moving_to = None;
        assert_eq!(next_step(&moving), None);
        assert_eq!(
            next_step(&video(Status::Deleting, Public, Some(Private))),
            None
        );
    }
}
