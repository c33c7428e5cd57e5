//! The video and those who have a hand in it: who applies which rule when, and what must hold then.

mod promises;

use std::{collections::BTreeSet, time::Duration};

use reelrun_media::error::{ErrorType, VideoError};
use serde_json::{Map, Value, json};

use super::{MINUTE, Op};
use crate::{
    change::Change,
    event::Sender,
    keys::Folder,
    lifecycle::{
        Lease, Outcome, Transition,
        claim::{Claim, Claimed, Step},
        clear_ttl, complete, confirm_run, delete, fail, give_back, give_up, hand_over,
        may_be_forgotten, part_done, renew,
        sweep::{Action, StoredSource, Sweep},
        timing::{HEARTBEAT, LEASE, LEASE_LOSS_TIMEOUT, RUN_START_LEASE},
    },
    timestamp::Timestamp,
    video::{Published, Status, Video, VideoId},
};

const SWEEP_EVERY: Duration = Duration::from_mins(5);
const RUN_LIMIT: Duration = Duration::from_hours(1);

/// A function at work on the video.
#[derive(Debug)]
struct Function {
    clock_is_off_by: i64,
    began: Timestamp,
    state: Doing,
}

#[derive(Debug)]
enum Doing {
    Claiming(Claim, Step),
    Encoding {
        lease: Lease,
        renewed_at: Timestamp,
        is_cut_off: bool,
    },
    Gone,
}

/// A run of the state machine; its parts store segments as functions do.
#[derive(Debug)]
struct Run {
    lease: Lease,
    is_over: bool,
    /// When its parts last saw that they hold the video; none once they stopped.
    parts_checked_at: Option<Timestamp>,
    is_cut_off: bool,
}

/// A rule that is broken on purpose.
pub(super) type Broken = fn(&mut Transition);

pub(super) struct World {
    now: Timestamp,
    record: Option<Map<String, Value>>,
    source: bool,
    functions: Vec<Function>,
    runs: Vec<Run>,
    /// The stream's changes that cleanup has not followed yet.
    deletions: Vec<Change>,
    /// When segments of the video were last stored, or may have been.
    stored_at: Timestamp,
    told: BTreeSet<String>,
    ready: Option<Value>,
    broken: Option<Broken>,
    drains: bool,
}

fn id() -> VideoId {
    "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()
}

fn published() -> Published {
    Published {
        renditions: Vec::new(),
        has_poster: true,
        has_storyboard: false,
    }
}

fn our_fault() -> VideoError {
    VideoError::new(ErrorType::Internal, "It could not be done.")
}

/// What a clock shows that is off by so many milliseconds.
fn skewed(now: Timestamp, off_by: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis() + off_by)
}

impl Function {
    fn clock(&self, now: Timestamp) -> Timestamp {
        skewed(now, self.clock_is_off_by)
    }
}

impl World {
    pub(super) fn new(broken: Option<Broken>, drains: bool) -> Self {
        let now = id().created_at();
        let video = Video {
            expires_at: Some(now + 48 * 60 * MINUTE),
            ..Video::waiting(id(), "a.mp4".into(), "video/mp4".into(), 1)
        };
        Self {
            now,
            record: json!(video).as_object().cloned(),
            source: true,
            functions: Vec::new(),
            runs: Vec::new(),
            deletions: Vec::new(),
            stored_at: now,
            told: BTreeSet::new(),
            ready: None,
            broken,
            drains,
        }
    }

    fn video(&self) -> Option<Video> {
        let record = self.record.clone()?;
        Some(serde_json::from_value(record.into()).unwrap())
    }

    /// Carries a transition out, and holds what is promised against it.
    fn apply(&mut self, transition: &Transition) -> Outcome {
        let mut transition = transition.clone();
        if let Some(broken) = self.broken {
            broken(&mut transition);
        }
        let before = self.video();
        let Some(after) = transition.apply(self.record.as_ref()) else {
            return Outcome::Refused(before.map(Box::new));
        };
        self.record = Some(after);
        let (before, after) = (before.unwrap(), self.video().unwrap());
        self.hold(&transition, &before, &after);
        Outcome::Done(Box::new(after))
    }

    /// Time passes: those who are alive renew, check, and stop when they must.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + HEARTBEAT);
            for number in 0..self.functions.len() {
                self.beat(number);
            }
            for number in 0..self.runs.len() {
                self.check_parts(number);
            }
        }
    }

    fn beat(&mut self, number: usize) {
        let now = self.now;
        let Doing::Encoding {
            lease,
            renewed_at,
            is_cut_off,
        } = &self.functions[number].state
        else {
            return;
        };
        let (lease, is_cut_off, renewed_at) = (lease.clone(), *is_cut_off, *renewed_at);
        self.stored_at = now;
        let until = self.functions[number].clock(now) + LEASE;
        let is_kept = if is_cut_off {
            now.saturating_since(renewed_at) < LEASE
        } else {
            self.apply(&renew(&lease, until, 0.5)).is_done()
        };
        match &mut self.functions[number].state {
            state if !is_kept => *state = Doing::Gone,
            Doing::Encoding { renewed_at, .. } if !is_cut_off => *renewed_at = now,
            _ => {}
        }
    }

    /// The parts of a run look whether it still holds the video; a heartbeat later at most here.
    fn check_parts(&mut self, number: usize) {
        let (now, video) = (self.now, self.video());
        let run = &mut self.runs[number];
        let Some(checked_at) = run.parts_checked_at else {
            return;
        };
        self.stored_at = now;
        let holds = video.is_some_and(|video| video.is_held_by(&run.lease.holder));
        run.parts_checked_at = match (run.is_cut_off, holds) {
            (true, _) => {
                Some(checked_at).filter(|at| now.saturating_since(*at) < LEASE_LOSS_TIMEOUT)
            }
            (false, true) if !run.is_over => Some(now),
            (false, _) => None,
        };
    }

    pub(super) fn step(&mut self, op: Op) {
        match op {
            Op::Pass(time) => self.pass(time),
            Op::Deliver(sender, clock_is_off_by) => self.deliver(sender, clock_is_off_by),
            Op::Claim(who, is_lost) => self.claim(who, is_lost),
            Op::Succeed(who) => {
                self.end(who, |lease, now| complete(lease, &published(), now));
            }
            Op::Refuse(who) => self.end(who, |lease, _| {
                fail(
                    lease,
                    &VideoError::new(ErrorType::MalformedMedia, "It is damaged."),
                )
            }),
            Op::Break(who) => self.end(who, give_back),
            Op::FanOut(who, fails) => self.fan_out(who, fails),
            Op::Kill(who) => {
                if let Some(function) = self.functions.get_mut(who) {
                    function.state = Doing::Gone;
                }
            }
            Op::CutOff(who) => {
                if let Some(Function {
                    state: Doing::Encoding { is_cut_off, .. },
                    ..
                }) = self.functions.get_mut(who)
                {
                    *is_cut_off = true;
                }
                if let Some(run) = self.runs.get_mut(who) {
                    run.is_cut_off = true;
                }
            }
            Op::Part(who) => self.of_run(who, |run| part_done(run, 1), false),
            Op::Publish(who) => {
                let now = self.now;
                self.of_run(who, |run| complete(run, &published(), now), true);
            }
            Op::FailRun(who) => self.of_run(who, |run| fail(run, &our_fault()), true),
            Op::StopRun(who) => {
                if let Some(run) = self.runs.get_mut(who) {
                    run.is_over = true;
                }
            }
            Op::Sweep => self.sweep(),
            Op::Delete => {
                let transition = delete(self.now);
                self.apply(&transition);
            }
            Op::Cleanup => self.cleanup(),
            Op::ClearTtl => {
                self.apply(&clear_ttl());
            }
        }
        let video = self.video();
        if let Some(video) = video.filter(|video| video.status == Status::Ready) {
            let ready = json!(video);
            assert_eq!(self.ready.get_or_insert_with(|| ready.clone()), &ready);
        }
    }

    fn deliver(&mut self, sender: Sender, clock_is_off_by: i64) {
        let name = format!("function-{}", self.functions.len());
        let claim = Claim::new(name, sender.retryable_errors());
        let step = claim.ask(skewed(self.now, clock_is_off_by), Duration::ZERO);
        self.functions.push(Function {
            clock_is_off_by,
            began: self.now,
            state: Doing::Claiming(claim, step),
        });
    }

    fn claim(&mut self, who: usize, is_lost: bool) {
        let Some(function) = self.functions.get_mut(who) else {
            return;
        };
        let clock = function.clock(self.now);
        let elapsed = self.now.saturating_since(function.began);
        let Doing::Claiming(mut claim, step) = std::mem::replace(&mut function.state, Doing::Gone)
        else {
            return;
        };
        let step = match step {
            Step::Write(transition) => {
                let mut outcome = self.apply(&transition);
                if is_lost {
                    outcome = self.apply(&transition);
                }
                claim.written(outcome, clock, elapsed)
            }
            Step::AskRun(name) => {
                let run = self.runs.iter().find(|run| run.lease.holder == name);
                let is_over = run.is_none_or(|run| run.is_over);
                claim.run_seen(&name, is_over, clock)
            }
            Step::Wait(_) => claim.ask(clock, elapsed),
            Step::End(_) => return,
        };
        self.functions[who].state = match step {
            Step::End(Claimed::Lease(lease)) => Doing::Encoding {
                lease,
                renewed_at: self.now,
                is_cut_off: false,
            },
            Step::End(_) => Doing::Gone,
            step => Doing::Claiming(claim, step),
        };
    }

    /// A function's encode ends with this, if it still may: its lease has not run out.
    fn end(&mut self, who: usize, ending: impl Fn(&Lease, Timestamp) -> Transition) {
        let Some(function) = self.functions.get_mut(who) else {
            return;
        };
        let clock = function.clock(self.now);
        if let Doing::Encoding {
            lease,
            is_cut_off: false,
            ..
        } = &function.state
        {
            let transition = ending(&lease.clone(), clock);
            self.functions[who].state = Doing::Gone;
            self.apply(&transition);
        }
    }

    fn fan_out(&mut self, who: usize, fails: bool) {
        let Some(function) = self.functions.get_mut(who) else {
            return;
        };
        let clock = function.clock(self.now);
        let Doing::Encoding {
            lease,
            is_cut_off: false,
            ..
        } = &function.state
        else {
            return;
        };
        let lease = lease.clone();
        let name = crate::keys::RunId::new("tag", lease.generation, lease.attempt);
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
        });
    }

    fn of_run(&mut self, who: usize, what: impl Fn(&Lease) -> Transition, ends: bool) {
        let Some(run) = self.runs.get_mut(who).filter(|run| !run.is_over) else {
            return;
        };
        run.is_over = ends;
        let transition = what(&run.lease.clone());
        self.apply(&transition);
    }

    fn sweep(&mut self) {
        let sweep = Sweep {
            now: self.now,
            every: SWEEP_EVERY,
        };
        let source = self.source.then(|| StoredSource {
            folder: Folder::public(id()),
            size_bytes: 1,
            entity_tag: "tag".into(),
            stored_at: id().created_at(),
        });
        let video = self.video();
        let run = video.as_ref().and_then(Video::run).map(ToOwned::to_owned);
        let is_over = run.is_some_and(|name| {
            let mut runs = self.runs.iter();
            runs.find(|run| run.lease.holder == name)
                .is_none_or(|run| run.is_over)
        });
        match (
            sweep.action(video.as_ref(), source.as_ref(), is_over),
            video,
        ) {
            (Some(Action::Announce), _) => self.deliver(Sender::Sweep, 0),
            (Some(Action::GiveUp(error)), Some(video)) => {
                self.apply(&give_up(&video, &error));
            }
            (Some(Action::DeleteAgain), _) => {
                let transition = delete(self.now);
                self.apply(&transition);
            }
            _ => {}
        }
    }

    /// Follows the oldest deletion: waits until nobody writes any more, removes all, forgets.
    fn cleanup(&mut self) {
        if self.deletions.is_empty() {
            return;
        }
        let change = self.deletions.remove(0);
        if self.drains {
            let left = change.drained_at(self.now).saturating_since(self.now);
            self.pass(left);
        }
        let removed_at = self.now;
        self.source = false;
        let may_go = self
            .record
            .as_ref()
            .is_some_and(|record| may_be_forgotten().holds(record));
        if may_go {
            self.record = None;
            // Whoever is still at work would leave what nobody finds.
            self.pass(LEASE_LOSS_TIMEOUT);
            assert!(
                self.stored_at <= removed_at,
                "segments of a deleted video were stored"
            );
        }
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn settle(&mut self) {
        self.pass(LEASE_LOSS_TIMEOUT);
        for function in &mut self.functions {
            function.state = Doing::Gone;
        }
        for run in 0..self.runs.len() {
            self.runs[run].is_over = true;
        }
        let begun = self.now;
        let had_run = self.video().is_some_and(|video| video.run().is_some());
        for _ in 0..80 {
            // A run that is over is seen by the next sweep, and not when it would have ended.
            assert!(
                !had_run || self.now.saturating_since(begun) < 40 * MINUTE,
                "it waits for a run that is over"
            );
            let is_at_its_end =
                |video: &Video| matches!(video.status, Status::Ready | Status::Errored);
            if self.video().is_none_or(|video| is_at_its_end(&video)) {
                return;
            }
            self.sweep();
            self.cleanup();
            let newest = self.functions.len().saturating_sub(1);
            for _ in 0..400 {
                self.claim(newest, false);
                self.pass(HEARTBEAT / 2);
            }
            self.end(newest, |lease, now| complete(lease, &published(), now));
            self.pass(SWEEP_EVERY / 2);
        }
        panic!("it stands still: {:?}", self.video());
    }
}
