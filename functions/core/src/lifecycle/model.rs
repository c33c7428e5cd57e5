//! Plays the life of one video with all who have a hand in it, in virtual time, and holds what is
//! promised against every step: functions that are killed, frozen or cut off, with clocks that are
//! wrong; events that come twice, late, or never; runs that are stopped; answers that are lost; sweeps,
//! operators and deletions in between.
//!
//! The rules are the real ones: [`Claim`], the transitions, [`Sweep`], [`Change`]. What is played here
//! is only who applies which of them when. That the model would see a broken rule is tried as well: each
//! is broken once, on purpose.

use std::{cell::RefCell, collections::BTreeSet, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{TestRng, TestRunner},
};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{
    Change as Edit, Field, Guard, Lease, Outcome, TABLE, Transition,
    claim::{Claim, Claimed, Step},
    complete, confirm_run, delete, fail, give_back, give_up, hand_over, keep_record,
    may_be_forgotten, part_done, renew,
    sweep::{Action, StoredSource, Sweep},
    timing::{HEARTBEAT, LEASE, LEASE_LOSS_TIMEOUT, RUN_START_LEASE, millis},
};
use crate::{
    change::Change,
    event::Sender,
    notice::{Links, Notice, Receivers},
    video::{Published, Status, Video, VideoId, rfc3339},
};
use reelrun_media::error::{ErrorType, VideoError};

const MINUTE: i64 = 60_000;
const SWEEP_EVERY: i64 = 5 * MINUTE;
const RUN_LIMIT: i64 = 60 * MINUTE;

/// What happens next. Numbers choose among those who are there.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// Time passes, in milliseconds.
    Pass(i64),
    /// An announcement of the source arrives at a function whose clock is off by so much.
    Deliver(Sender, i64),
    /// A claimant takes its next step; its answer may be lost, and is then asked for again.
    Claim(usize, bool),
    /// A function's encode succeeds.
    Succeed(usize),
    /// The source is at fault.
    Refuse(usize),
    /// Something else is.
    Break(usize),
    /// A function gives the video to a run; which may fail to start.
    FanOut(usize, bool),
    /// A function ends without a word.
    Kill(usize),
    /// A function or a part does not reach the catalog for a while.
    CutOff(usize),
    /// A run has a part done, is published, fails, or is stopped.
    Part(usize),
    Publish(usize),
    FailRun(usize),
    StopRun(usize),
    Sweep,
    Delete,
    Cleanup,
    Keep,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let who = || 0_usize..4;
    let op = prop_oneof![
        4 => (0..30_000_i64).prop_map(Op::Pass),
        1 => (0..20 * MINUTE).prop_map(Op::Pass),
        4 => (
            prop_oneof![Just(Sender::Storage), Just(Sender::Sweep), Just(Sender::Operator)],
            -15_000..15_000_i64,
        ).prop_map(|(sender, skew)| Op::Deliver(sender, skew)),
        8 => (who(), prop::bool::weighted(0.2)).prop_map(|(who, lost)| Op::Claim(who, lost)),
        2 => who().prop_map(Op::Succeed),
        1 => who().prop_map(Op::Refuse),
        3 => who().prop_map(Op::Break),
        3 => (who(), prop::bool::weighted(0.2)).prop_map(|(who, fails)| Op::FanOut(who, fails)),
        2 => who().prop_map(Op::Kill),
        2 => who().prop_map(Op::CutOff),
        2 => who().prop_map(Op::Part),
        2 => who().prop_map(Op::Publish),
        1 => who().prop_map(Op::FailRun),
        1 => who().prop_map(Op::StopRun),
        1 => Just(Op::Sweep),
        1 => Just(Op::Delete),
        2 => Just(Op::Cleanup),
        1 => Just(Op::Keep),
    ];
    prop::collection::vec(op, 1..80)
}

/// A function at work on the video.
#[derive(Debug)]
struct Function {
    clock_is_off: i64,
    began: i64,
    state: Doing,
}

#[derive(Debug)]
enum Doing {
    Claiming(Claim, Step),
    Encoding {
        lease: Lease,
        renewed_at: i64,
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
    parts_checked_at: Option<i64>,
    is_cut_off: bool,
}

/// A rule that is broken on purpose.
type Broken = fn(&mut Transition);

struct World {
    now: i64,
    record: Option<Map<String, Value>>,
    source: bool,
    functions: Vec<Function>,
    runs: Vec<Run>,
    /// The stream's changes that cleanup has not followed yet.
    deletions: Vec<Change>,
    /// When segments of the video were last stored, or may have been.
    stored_at: i64,
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

impl World {
    fn new(broken: Option<Broken>, drains: bool) -> Self {
        let now = millis(Duration::from_secs(
            id().created_at().unix_timestamp().unsigned_abs(),
        ));
        let video = Video {
            expires_at: Some(now / 1000 + 48 * 3600),
            filename: "a.mp4".into(),
            ..Video::waiting(id())
        };
        Self {
            now,
            record: json!(video).as_object().cloned(),
            source: true,
            functions: Vec::new(),
            runs: Vec::new(),
            deletions: Vec::new(),
            stored_at: 0,
            told: BTreeSet::new(),
            ready: None,
            broken,
            drains,
        }
    }

    fn ready_at(&self) -> String {
        let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.now) * 1_000_000);
        rfc3339(now.unwrap())
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

    fn hold(&mut self, transition: &Transition, before: &Video, after: &Video) {
        let (was, is) = (before.status, after.status);
        let is_listed = |&(from, _, to): &(_, _, _)| (from, to) == (Some(was), Some(is));
        assert!(
            was == is || TABLE.iter().any(is_listed),
            "{} made {was:?} {is:?}",
            transition.name
        );
        if was == Status::Ready && is == Status::Ready {
            assert_eq!(
                before, after,
                "a ready video has changed: {}",
                transition.name
            );
        }
        assert!(
            is == Status::Preparing || after.lease_owner.is_none(),
            "{} left a holder",
            transition.name
        );
        assert!(after.generation >= before.generation);
        if was == Status::Preparing
            && is == Status::Preparing
            && before.lease_owner != after.lease_owner
        {
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
            was_in_parts: before.parts_counted > 0,
            record: Some(Box::new(after.clone())),
        };
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
        const CLOCKS: i64 = 15_000;
        before.lease_until <= self.now + CLOCKS
    }

    /// Time passes: those who are alive renew, check, and stop when they must.
    fn pass(&mut self, time: i64) {
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + millis(HEARTBEAT));
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
        let until = now + self.functions[number].clock_is_off + millis(LEASE);
        let is_kept = if is_cut_off {
            now - renewed_at < millis(LEASE)
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
        let holds =
            video.is_some_and(|video| video.lease_owner.as_deref() == Some(&run.lease.holder));
        run.parts_checked_at = match (run.is_cut_off, holds) {
            (true, _) => Some(checked_at).filter(|at| now - at < millis(LEASE_LOSS_TIMEOUT)),
            (false, true) if !run.is_over => Some(now),
            (false, _) => None,
        };
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Pass(time) => self.pass(time),
            Op::Deliver(sender, clock_is_off) => self.deliver(sender, clock_is_off),
            Op::Claim(who, is_lost) => self.claim(who, is_lost),
            Op::Succeed(who) => {
                let ready_at = self.ready_at();
                self.end(who, |lease, _| complete(lease, &published(), &ready_at));
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
                let ready_at = self.ready_at();
                self.of_run(who, |run| complete(run, &published(), &ready_at), true);
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
            Op::Keep => {
                self.apply(&keep_record());
            }
        }
        let video = self.video();
        if let Some(video) = video.filter(|video| video.status == Status::Ready) {
            let ready = json!(video);
            assert_eq!(self.ready.get_or_insert_with(|| ready.clone()), &ready);
        }
    }

    fn deliver(&mut self, sender: Sender, clock_is_off: i64) {
        let name = format!("function-{}", self.functions.len());
        let claim = Claim::new(name, sender.retryable_errors());
        let step = claim.ask(self.now + clock_is_off, Duration::ZERO);
        self.functions.push(Function {
            clock_is_off,
            began: self.now,
            state: Doing::Claiming(claim, step),
        });
    }

    fn claim(&mut self, who: usize, is_lost: bool) {
        let Some(function) = self.functions.get_mut(who) else {
            return;
        };
        let clock = self.now + function.clock_is_off;
        let elapsed = Duration::from_millis((self.now - function.began).unsigned_abs());
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
    fn end(&mut self, who: usize, ending: impl Fn(&Lease, i64) -> Transition) {
        let Some(function) = self.functions.get_mut(who) else {
            return;
        };
        let clock = self.now + function.clock_is_off;
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
        let clock = self.now + function.clock_is_off;
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
        let until = clock + millis(RUN_START_LEASE);
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
            size_bytes: 1,
            entity_tag: "tag".into(),
            stored_at: millis(Duration::from_secs(
                id().created_at().unix_timestamp().unsigned_abs(),
            )),
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
            let left = change.drained_at(self.now) - self.now;
            self.pass(left.max(0));
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
            self.pass(millis(LEASE_LOSS_TIMEOUT));
            assert!(
                self.stored_at <= removed_at,
                "segments of a deleted video were stored"
            );
        }
    }

    /// From now on nothing goes wrong any more.
    fn settle(&mut self) {
        self.pass(millis(LEASE_LOSS_TIMEOUT));
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
                !had_run || self.now - begun < 40 * MINUTE,
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
            let ready_at = self.ready_at();
            for _ in 0..400 {
                self.claim(newest, false);
                self.pass(millis(HEARTBEAT) / 2);
            }
            self.end(newest, |lease, _| complete(lease, &published(), &ready_at));
            self.pass(SWEEP_EVERY / 2);
        }
        panic!("it stands still: {:?}", self.video());
    }
}

fn play(ops: &[Op], broken: Option<Broken>, drains: bool) {
    let mut world = World::new(broken, drains);
    for op in ops {
        world.step(*op);
    }
    world.settle();
}

/// The same cases each time: what is new is found by more of them (`PROPTEST_CASES`), not by bad luck.
fn runner(cases: u32, max_shrink_iters: u32) -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").map_or(cases, |more| more.parse().unwrap());
    let config = ProptestConfig {
        cases,
        max_shrink_iters,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let algorithm = config.rng_algorithm;
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(algorithm))
}

#[test]
fn whatever_happens_what_is_promised_holds() {
    let steps = RefCell::new(0);
    let result = runner(1500, 5000).run(&ops(), |ops| {
        *steps.borrow_mut() += ops.len();
        play(&ops, None, true);
        Ok(())
    });
    if let Err(why) = result {
        panic!("{why}");
    }
    assert!(*steps.borrow() > 30_000, "{steps:?}");
}

/// Those of a transition that are not who holds the lease.
fn without_holder(transition: &mut Transition) {
    fn strip(guard: &mut Guard) {
        match guard {
            Guard::Is(Field::Holder, _) => *guard = Guard::Exists,
            Guard::All(all) | Guard::Any(all) => all.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut transition.guard);
}

#[test]
fn a_broken_rule_is_found() {
    let rules: [(&str, Broken, bool); 9] = [
        ("whoever lost the lease may go on", without_holder, true),
        (
            "anybody may take a lease",
            |it| {
                if it.name == "take the lease" {
                    it.guard = Guard::IsNot(Field::Status, "ready".into());
                }
            },
            true,
        ),
        (
            "a video that is ready may be taken",
            |it| {
                if it.name == "take the lease" {
                    it.guard = Guard::Exists;
                }
            },
            true,
        ),
        (
            "a retry does not count",
            |it| {
                if it.name == "try the video again" {
                    it.changes
                        .retain(|edit| !matches!(edit, Edit::Set(Field::Generation, _)));
                }
            },
            true,
        ),
        (
            "an attempt does not count",
            |it| {
                it.changes
                    .retain(|edit| !matches!(edit, Edit::Increment(Field::Attempt)));
            },
            true,
        ),
        (
            "a deleted video keeps its holder",
            |it| {
                if it.name == "delete the video" {
                    it.changes
                        .retain(|edit| !matches!(edit, Edit::Remove(Field::Holder)));
                }
            },
            true,
        ),
        (
            "giving up does not look who holds it",
            |it| {
                if it.name == "record that the video has failed" {
                    it.guard = Guard::Exists;
                }
            },
            true,
        ),
        (
            "a lease that is released stays",
            |it| {
                if it.name == "release the lease" {
                    it.guard = Guard::Is(Field::Status, "none".into());
                }
            },
            true,
        ),
        ("a deletion does not wait for writers", |_| {}, false),
    ];
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let missed: Vec<_> = rules
        .iter()
        .filter(|(_, broken, drains)| {
            let result = runner(20_000, 0).run(&ops(), |ops| {
                play(&ops, Some(*broken), *drains);
                Ok(())
            });
            result.is_ok()
        })
        .map(|(name, ..)| *name)
        .collect();
    std::panic::set_hook(hook);
    assert!(missed.is_empty(), "not found: {missed:?}");
}
