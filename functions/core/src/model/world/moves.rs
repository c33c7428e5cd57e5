//! The video's objects, and those who move them from one place to the other.

use std::collections::BTreeSet;

use super::World;
use crate::{
    change::Change,
    keys::Folder,
    lifecycle::{
        timing::LEASE_LOSS_TIMEOUT,
        visibility::{
            MoveStep, change_visibility, finish_move, movers_drained_at, next_step, show_moved,
        },
    },
    timestamp::Timestamp,
    upload::details::DetailsChange,
    video::{Status, Video, Visibility},
};

/// In the order in which they are copied.
const OBJECTS: [&str; 3] = ["source", "segment", "master"];

/// What is stored, and where; and who moves it.
#[derive(Debug)]
pub(super) struct Moves {
    objects: BTreeSet<(Visibility, &'static str)>,
    movers: Vec<Mover>,
    /// The stream's changes that no mover has followed yet.
    changes: Vec<Change>,
}

/// An invocation of the function that moves.
#[derive(Debug)]
struct Mover {
    change: Change,
    doing: Doing,
    /// When it last saw that the record wants what it does.
    checked_at: Timestamp,
    is_cut_off: bool,
}

#[derive(Debug, Clone)]
enum Doing {
    Called,
    Step(MoveStep, Vec<&'static str>),
    Gone,
}

impl Moves {
    pub(super) fn new() -> Self {
        Self {
            objects: [(Visibility::Public, "source")].into(),
            movers: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// An encoder stores something.
    pub(super) fn store(&mut self, folder: Folder, object: &'static str) {
        self.objects.insert((folder.visibility, object));
    }

    pub(super) fn remove_all(&mut self) {
        self.objects.clear();
    }

    pub(super) fn follow(&mut self, change: &Change) {
        if change.wants_a_move() {
            self.changes.push(change.clone());
        }
    }

    pub(super) fn cut_off(&mut self, who: usize) {
        if let Some(mover) = self.movers.get_mut(who) {
            mover.is_cut_off = true;
        }
    }

    pub(super) fn kill(&mut self, who: usize) {
        if let Some(mover) = self.movers.get_mut(who) {
            mover.doing = Doing::Gone;
        }
    }

    /// Movers look whether what they do is wanted still.
    pub(super) fn check(&mut self, now: Timestamp, video: Option<&Video>) {
        let wanted = video.and_then(next_step);
        for mover in &mut self.movers {
            let Doing::Step(step, _) = &mover.doing else {
                continue;
            };
            let is_wanted = if mover.is_cut_off {
                now.saturating_since(mover.checked_at) < LEASE_LOSS_TIMEOUT
            } else {
                mover.checked_at = now;
                wanted == Some(*step)
            };
            if !is_wanted {
                mover.doing = Doing::Gone;
            }
        }
    }

    fn has(&self, visibility: Visibility, object: &'static str) -> bool {
        self.objects.contains(&(visibility, object))
    }

    fn listed(&self, folder: Folder) -> Vec<&'static str> {
        let is_there = |object: &&'static str| self.has(folder.visibility, object);
        OBJECTS.into_iter().filter(is_there).collect()
    }

    /// What must hold of the objects, whatever has happened so far.
    pub(super) fn hold(&self, video: &Video) {
        let shown = video.visibility;
        if video.moving_to.is_none() {
            let left = self.listed(Folder {
                video: video.id,
                visibility: shown.other(),
            });
            assert!(
                left.is_empty() || video.status == Status::Deleting,
                "{left:?} of a {shown:?} video can be read as if it were not"
            );
        }
        let is_whole = match video.status {
            Status::Ready => OBJECTS.iter().all(|object| self.has(shown, object)),
            Status::Deleting => true,
            _ => self.has(shown, "source"),
        };
        assert!(
            is_whole,
            "not all is where viewers and encoders look for it: {:?}",
            self.objects
        );
    }
}

impl World {
    pub(super) fn ask_for(&mut self, to: Visibility) {
        let Some(video) = self.video() else { return };
        let asked = change_visibility(&video, to, &DetailsChange::default(), self.now);
        if let Ok(transition) = asked {
            self.apply(&transition);
        }
    }

    /// The stream calls a mover: for the oldest change, or once more for the last.
    pub(super) fn call_mover(&mut self, is_lost: bool) {
        if self.moves.changes.is_empty() {
            return;
        }
        let change = self.moves.changes.remove(0);
        if !is_lost {
            self.moves.movers.push(Mover {
                change,
                doing: Doing::Called,
                checked_at: self.now,
                is_cut_off: false,
            });
        }
    }

    /// A mover takes its next step: one object, or one write to the record.
    pub(super) fn advance_mover(&mut self, who: usize) {
        let Some(mover) = self.moves.movers.get(who) else {
            return;
        };
        match mover.doing.clone() {
            Doing::Gone => {}
            Doing::Called => {
                if self.drains {
                    let drained = mover.change.encoders_drained_at(self.now);
                    let movers = self.video().as_ref().and_then(movers_drained_at);
                    let until = movers.map_or(drained, |at| at.max(drained));
                    self.pass(until.saturating_since(self.now));
                }
                self.go_by_the_record(who);
            }
            Doing::Step(step, mut left) => {
                let (MoveStep::Copy { from, to }
                | MoveStep::Empty {
                    old: from,
                    kept: to,
                }) = step;
                let Some(object) = (!left.is_empty()).then(|| left.remove(0)) else {
                    let done = match step {
                        MoveStep::Copy { to, .. } => show_moved(to.visibility),
                        MoveStep::Empty { kept, .. } => finish_move(kept.visibility, self.now),
                    };
                    self.apply(&done);
                    return self.go_by_the_record(who);
                };
                let objects = &mut self.moves.objects;
                let is_there = objects.contains(&(from.visibility, object));
                if is_there {
                    // Nothing is removed before there is a copy of it.
                    objects.insert((to.visibility, object));
                }
                match step {
                    MoveStep::Empty { .. } => {
                        objects.remove(&(from.visibility, object));
                    }
                    // There is nothing to copy: it fails.
                    MoveStep::Copy { .. } if !is_there => {
                        self.moves.movers[who].doing = Doing::Gone;
                        return;
                    }
                    MoveStep::Copy { .. } => {}
                }
                self.moves.movers[who].doing = Doing::Step(step, left);
            }
        }
    }

    fn go_by_the_record(&mut self, who: usize) {
        let next = self.video().as_ref().and_then(next_step);
        let doing = next.map_or(Doing::Gone, |step| {
            let (MoveStep::Copy { from, .. } | MoveStep::Empty { old: from, .. }) = step;
            Doing::Step(step, self.moves.listed(from))
        });
        let mover = &mut self.moves.movers[who];
        (mover.doing, mover.checked_at) = (doing, self.now);
    }

    /// From now on no mover is disturbed.
    pub(super) fn settle_moves(&mut self) {
        for who in 0..self.moves.movers.len() {
            self.moves.kill(who);
        }
        while !self.moves.changes.is_empty() {
            self.call_mover(false);
            let newest = self.moves.movers.len() - 1;
            while !matches!(self.moves.movers[newest].doing, Doing::Gone) {
                self.advance_mover(newest);
            }
        }
    }
}
