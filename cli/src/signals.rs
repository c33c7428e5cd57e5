//! How the command ends when it is told to.
//!
//! The first Ctrl-C (or SIGTERM, SIGHUP) ends the program of the step in progress; the step then
//! fails with [`Stopped`], and what the command holds, above all the local stack, is taken down on
//! the way out. A second one ends everything at once.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::process_registry::{self, Role};

static STOPPED: AtomicBool = AtomicBool::new(false);
static FIRST: OnceLock<Instant> = OnceLock::new();

/// A signal this soon after the first is the first, once more.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// The command was told to end. Not a failure: nothing is explained, the exit code is 130.
#[derive(Debug)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

/// Starts to listen for signals.
pub(crate) fn watch_signals() -> Result<()> {
    ctrlc::set_handler(|| {
        if STOPPED.swap(true, Ordering::SeqCst) {
            // `timeout`, service managers and CI send the first one twice: to the program and to its
            // group. Only a person comes back later.
            if FIRST.get_or_init(Instant::now).elapsed() < SAME_SIGNAL {
                return;
            }
            process_registry::signal(Signal::SIGKILL, |_| true);
            std::process::exit(130);
        }
        FIRST.get_or_init(Instant::now);
        process_registry::signal(Signal::SIGTERM, |role| role == Role::Step);
    })
    .context("cannot listen for Ctrl-C")
}

/// Whether the command was told to end.
pub(crate) fn stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

/// Fails once the command was told to end; for loops that run no program.
pub(crate) fn check() -> Result<()> {
    if stopped() {
        Err(Stopped.into())
    } else {
        Ok(())
    }
}

/// Waits, and fails as soon as the command is told to end.
pub(crate) fn pause(duration: Duration) -> Result<()> {
    const SLICE: Duration = Duration::from_millis(100);
    let mut left = duration;
    while !left.is_zero() {
        check()?;
        let slice = left.min(SLICE);
        std::thread::sleep(slice);
        left -= slice;
    }
    check()
}
