//! The video and those who have a hand in it: who applies which rule when, and what must hold then.

mod moves;
mod promises;
mod runs;

use std::{collections::BTreeSet, time::Duration};

use reelrun_media::error::{ErrorType, VideoError};
use serde_json::{Map, Value, json};

use self::{moves::Moves, promises::wherever_it_is, runs::Run};
use super::{MINUTE, Op};
use crate::{
    change::Change,
    event::Sender,
    keys::Folder,
    lifecycle::{
        Lease, Outcome, Transition,
        claim::{Claim, Claimed, Step},
        clear_ttl, complete, delete, fail, give_back, give_up, may_be_forgotten, part_done, renew,
        sweep::{Action, StoredSource, Sweep},
        timing::{HEARTBEAT, LEASE, LEASE_LOSS_TIMEOUT},
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
        folder: Folder,
        renewed_at: Timestamp,
        is_cut_off: bool,
    },
    Gone,
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
    moves: Moves,
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
        audio: Vec::new(),
        has_poster: true,
        has_storyboard: false,
        has_audio_file: true,
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
            moves: Moves::new(),
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
            let video = self.video();
            self.moves.check(self.now, video.as_ref());
        }
    }

    fn beat(&mut self, number: usize) {
        let now = self.now;
        let Doing::Encoding {
            lease,
            folder,
            renewed_at,
            is_cut_off,
        } = &self.functions[number].state
        else {
            return;
        };
        self.moves.store(*folder, "segment");
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

    pub(super) fn step(&mut self, op: Op) {
        match op {
            Op::Pass(time) => self.pass(time),
            Op::Deliver(sender, clock_is_off_by) => self.deliver(sender, clock_is_off_by),
            Op::Claim(who, is_lost) => self.claim(who, is_lost),
            Op::Succeed(who) => self.succeed(who),
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
                self.moves.cut_off(who);
            }
            Op::Part(who) => self.of_run(who, |run| part_done(run, 1), false),
            Op::Publish(who) => {
                let now = self.now;
                self.publish_run(who);
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
            Op::Show(to) => self.ask_for(to),
            Op::CallMover(is_lost) => self.call_mover(is_lost),
            Op::Move(who) => self.advance_mover(who),
            Op::KillMover(who) => self.moves.kill(who),
        }
        let video = self.video();
        if let Some(video) = &video {
            self.moves.hold(video);
        }
        if let Some(video) = video.filter(|video| video.status == Status::Ready) {
            let ready = json!(wherever_it_is(&video));
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
            Step::End(Claimed::Lease(lease, folder)) => Doing::Encoding {
                lease,
                folder,
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

    /// The last that is stored is the master playlist, and the lease was looked at just before.
    fn succeed(&mut self, who: usize) {
        let state = self.functions.get(who).map(|function| &function.state);
        if let Some(Doing::Encoding {
            lease,
            folder,
            is_cut_off: false,
            ..
        }) = state
            && let Some(video) = self.video()
            && video.is_held_by(&lease.holder)
        {
            for object in ["segment", "master"] {
                self.moves.store(*folder, object);
            }
        }
        self.end(who, |lease, now| complete(lease, &published(), now));
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
            (Some(Action::MoveAgain(to)), _) => self.ask_for(to),
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
            self.moves.remove_all();
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
            let is_in_its_place = |video: &Video| video.moving_to.is_none();
            let is_over = |video: Video| is_at_its_end(&video) && is_in_its_place(&video);
            if let Some(video) = &self.video() {
                self.moves.hold(video);
            }
            if self.video().is_none_or(is_over) {
                return;
            }
            self.settle_moves();
            self.sweep();
            self.cleanup();
            let newest = self.functions.len().saturating_sub(1);
            for _ in 0..400 {
                self.claim(newest, false);
                self.pass(HEARTBEAT / 2);
            }
            self.succeed(newest);
            self.pass(SWEEP_EVERY / 2);
        }
        panic!("it stands still: {:?}", self.video());
    }
}
