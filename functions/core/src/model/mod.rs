//! Plays the life of one video with all who have a hand in it, in virtual time, and holds what is
//! promised against every step: functions that are killed, frozen or cut off, with clocks that are
//! wrong; events that come twice, late, or never; runs that are stopped; answers that are lost; sweeps,
//! operators and deletions in between.
//!
//! The rules are the real ones: the claim, the transitions, the sweep, the stream's changes. What is
//! played here is only who applies which of them when. That the model would see a broken rule is tried
//! as well: each is broken once, on purpose.

mod world;

use std::{cell::RefCell, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{TestRng, TestRunner},
};

use self::world::{Broken, World};
use crate::{
    event::Sender,
    lifecycle::{Change as Edit, Field, Guard, Transition},
    video::Visibility,
};

const MINUTE: Duration = Duration::from_mins(1);

/// What happens next. Numbers choose among those who are there.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// Time passes.
    Pass(Duration),
    /// An announcement of the source arrives at a function whose clock is off by so many milliseconds.
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
    ClearTtl,
    /// The owner wants another visibility.
    Show(Visibility),
    /// The stream calls a mover; or never does.
    CallMover(bool),
    /// A mover takes its next step.
    Move(usize),
    KillMover(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let who = || 0_usize..4;
    let time = |most: u64| (0..most).prop_map(|millis| Op::Pass(Duration::from_millis(millis)));
    let op = prop_oneof![
        4 => time(30_000),
        1 => time(20 * 60_000),
        4 => (
            prop_oneof![
                Just(Sender::Storage),
                Just(Sender::Sweep),
                Just(Sender::Uploader),
                Just(Sender::Operator),
            ],
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
        1 => Just(Op::ClearTtl),
        2 => prop_oneof![Just(Visibility::Public), Just(Visibility::Private)].prop_map(Op::Show),
        2 => prop::bool::weighted(0.1).prop_map(Op::CallMover),
        8 => who().prop_map(Op::Move),
        1 => who().prop_map(Op::KillMover),
    ];
    prop::collection::vec(op, 1..100)
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

/// A rule in words, how it is broken, and whether writers are waited for.
type Rule = (&'static str, Broken, bool);

fn rules_of_moves() -> [Rule; 2] {
    [
        (
            "a video is shown where it is not yet",
            |it| {
                if it.name == "change the video" {
                    let to = it.changes.iter().find_map(|edit| match edit {
                        Edit::Set(Field::MovingTo, to) => Some(to.clone()),
                        _ => None,
                    });
                    it.changes
                        .extend(to.map(|to| Edit::Set(Field::Visibility, to)));
                }
            },
            true,
        ),
        (
            "a move is done once it is shown",
            |it| {
                if it.name == "show the video in its new place" {
                    it.changes.push(Edit::Remove(Field::MovingTo));
                }
            },
            true,
        ),
    ]
}

#[test]
fn a_broken_rule_is_found() {
    let rules: [Rule; 9] = [
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
        .into_iter()
        .chain(rules_of_moves())
        .filter(|(_, broken, drains)| {
            let result = runner(20_000, 0).run(&ops(), |ops| {
                play(&ops, Some(*broken), *drains);
                Ok(())
            });
            result.is_ok()
        })
        .map(|(name, ..)| name)
        .collect();
    std::panic::set_hook(hook);
    assert!(missed.is_empty(), "not found: {missed:?}");
}
