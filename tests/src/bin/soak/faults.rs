//! What goes wrong meanwhile: functions and their programs are killed. And what is there against
//! it: the sweep, called as its schedule would, but more often.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_lambda::primitives::Blob;
use reelrun_tests::{
    processes::of_function,
    stack::{LIVE, Stack},
};
use tokio::task::JoinHandle;

pub(crate) struct Faults {
    kills: Arc<Mutex<HashMap<String, u32>>>,
    killing: JoinHandle<()>,
    sweeping: JoinHandle<()>,
}

impl Faults {
    pub(crate) fn begin(
        stack: &Stack,
        seed: u64,
        kill_every: Duration,
        sweep_every: Duration,
    ) -> Self {
        let kills: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
        let killing = tokio::spawn({
            let (stack, kills) = (stack.clone(), Arc::clone(&kills));
            let mut random = fastrand::Rng::with_seed(seed);
            async move {
                loop {
                    tokio::time::sleep(kill_every.mul_f64(2.0 * random.f64())).await;
                    if let Some(video) = kill_one(&stack, &mut random) {
                        *kills.lock().unwrap().entry(video).or_default() += 1;
                    }
                }
            }
        });
        let sweeping = tokio::spawn({
            let stack = stack.clone();
            async move {
                let lambda = aws_sdk_lambda::Client::new(&stack.aws());
                loop {
                    tokio::time::sleep(sweep_every).await;
                    // One that fails is followed by the next.
                    let sweep = lambda.invoke().function_name(&stack.sweep_function);
                    let _ = sweep.qualifier(LIVE).payload(Blob::new("{}")).send().await;
                }
            }
        });
        Self {
            kills,
            killing,
            sweeping,
        }
    }

    pub(crate) fn no_more_kills(&self) {
        self.killing.abort();
    }

    /// How often something was killed that worked on each video.
    pub(crate) fn kills(&self) -> HashMap<String, u32> {
        self.kills.lock().unwrap().clone()
    }

    pub(crate) fn end(self) {
        self.sweeping.abort();
    }
}

/// Kills a function that is at work, or only what it runs; gives the video that it worked on.
fn kill_one(stack: &Stack, random: &mut fastrand::Rng) -> Option<String> {
    let at_work: Vec<_> = of_function(stack, &stack.transcode_function)
        .into_iter()
        .flat_map(|process| {
            let programs = process.programs();
            // Of the two, one reads the source.
            let video = programs.iter().find_map(|(_, line)| video(line));
            let programs = programs.into_iter();
            programs.filter_map(move |(program, _)| Some((process, program, video.clone()?)))
        })
        .collect();
    if at_work.is_empty() {
        return None;
    }
    let (process, program, video) = &at_work[random.usize(..at_work.len())];
    // By now it may be gone.
    let was_there = if random.bool() {
        process.try_kill()
    } else {
        program.try_kill()
    };
    was_there.then(|| video.clone())
}

/// The video whose source a program reads.
fn video(command_line: &str) -> Option<String> {
    let (_, rest) = command_line.split_once("/uploads/")?;
    Some(rest.split_once("/source")?.0.to_owned())
}
