//! Runs of the state machine over the video.

use super::{Doing, RUN_LIMIT, World};
use crate::{
    keys::{Folder, RunId},
    lifecycle::{
        Lease, Transition, confirm_run, give_back, hand_over,
        timing::{LEASE_LOSS_TIMEOUT, RUN_START_LEASE},
    },
    timestamp::Timestamp,
};

/// A run of the state machine; its parts store segments as functions do.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) lease: Lease,
    pub(super) is_over: bool,
    /// When its parts last saw that they hold the video; none once they stopped.
    parts_checked_at: Option<Timestamp>,
    pub(super) is_cut_off: bool,
    folder: Folder,
}

impl World {
    /// The parts of a run look whether it still holds the video; a heartbeat later at most here.
    pub(super) fn check_parts(&mut self, number: usize) {
        let (now, video) = (self.now, self.video());
        let run = &mut self.runs[number];
        let Some(checked_at) = run.parts_checked_at else {
            return;
        };
        self.stored_at = now;
        self.moves.store(run.folder, "segment");
        let holds = video.is_some_and(|video| video.is_held_by(&run.lease.holder));
        run.parts_checked_at = match (run.is_cut_off, holds) {
            (true, _) => {
                Some(checked_at).filter(|at| now.saturating_since(*at) < LEASE_LOSS_TIMEOUT)
            }
            (false, true) if !run.is_over => Some(now),
            (false, _) => None,
        };
    }

    pub(super) fn publish_run(&mut self, who: usize) {
        if let Some(run) = self.runs.get(who).filter(|run| !run.is_over)
            && let Some(video) = self.video()
            && video.is_held_by(&run.lease.holder)
        {
            for object in ["segment", "master"] {
                self.moves.store(Folder::of(&video), object);
            }
        }
    }

    pub(super) fn fan_out(&mut self, who: usize, fails: bool) {
        let Some(function) = self.functions.get_mut(who) else {
            return;
        };
        let clock = function.clock(self.now);
        let Doing::Encoding {
            lease,
            folder,
            is_cut_off: false,
            ..
        } = &function.state
        else {
            return;
        };
        let (lease, folder) = (lease.clone(), *folder);
        let name = RunId::new("tag", lease.generation, lease.attempt);
        let run = Lease {
            holder: name.to_string(),
            ..lease.clone()
        };
        let until = clock + RUN_START_LEASE;
        self.functions[who].state = Doing::Gone;
        if !self.apply(&hand_over(&lease, &run, until)).is_done() {
            return;
        }
        if fails {
            self.apply(&hand_over(&run, &lease, until));
            self.apply(&give_back(&lease, clock));
            return;
        }
        let is_new = self
            .runs
            .iter()
            .all(|known| known.lease.holder != run.holder);
        assert!(
            is_new,
            "two runs have one name, so the second does not start"
        );
        let is_confirmed = self
            .apply(&confirm_run(&run, clock + RUN_LIMIT, 2))
            .is_done();
        self.runs.push(Run {
            lease: run,
            is_over: false,
            parts_checked_at: is_confirmed.then_some(self.now),
            is_cut_off: false,
            folder,
        });
    }

    pub(super) fn of_run(&mut self, who: usize, what: impl Fn(&Lease) -> Transition, ends: bool) {
        let Some(run) = self.runs.get_mut(who).filter(|run| !run.is_over) else {
            return;
        };
        run.is_over = ends;
        let transition = what(&run.lease.clone());
        self.apply(&transition);
    }
}
