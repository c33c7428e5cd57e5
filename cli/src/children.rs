//! Which programs are running, and how all of them end when this one is told to.
//!
//! The first Ctrl-C (or SIGTERM, SIGHUP) ends the program of the step in progress; the step then
//! fails with [`Stopped`], and what the command holds, above all the local stack, is taken down on
//! the way out. A second one ends everything at once.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

static STOPPED: AtomicBool = AtomicBool::new(false);
static FIRST: OnceLock<Instant> = OnceLock::new();
static RUNNING: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// A signal this soon after the first is the first, once more.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Who hears the signal that ends a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The program alone: it shares the terminal, where Ctrl-C reaches it and its children anyway.
    Program,
    /// Its whole process group.
    Group,
}

/// What a running program means to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The step in progress; ended by the first signal.
    Step,
    /// Held until its owner lets go, so that it can be taken down in order.
    Service,
}

struct Entry {
    pid: Pid,
    reach: Reach,
    role: Role,
}

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
            for entry in running().iter() {
                send(entry, Signal::SIGKILL);
            }
            std::process::exit(130);
        }
        FIRST.get_or_init(Instant::now);
        for entry in running().iter().filter(|entry| entry.role == Role::Step) {
            send(entry, Signal::SIGTERM);
        }
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

/// Keeps a program on the list of those to end. Off the list when dropped.
pub(crate) struct Registered(Pid);

impl Registered {
    pub(crate) fn new(pid: u32, reach: Reach, role: Role) -> Self {
        let pid = as_pid(pid);
        running().push(Entry { pid, reach, role });
        Self(pid)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        running().retain(|entry| entry.pid != self.0);
    }
}

/// Asks a process group to end, or ends it.
pub(crate) fn signal_group(pid: u32, how: Signal) {
    // It may be gone already, which is what was wanted.
    let _ = killpg(as_pid(pid), how);
}

/// Asks one process to end, or ends it.
pub(crate) fn signal_process(pid: u32, how: Signal) {
    let _ = kill(as_pid(pid), how);
}

fn send(entry: &Entry, how: Signal) {
    let _ = match entry.reach {
        Reach::Program => kill(entry.pid, how),
        Reach::Group => killpg(entry.pid, how),
    };
}

fn running() -> MutexGuard<'static, Vec<Entry>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_takes_a_program_off_the_list() {
        let listed = |pid: u32| running().iter().any(|entry| entry.pid == as_pid(pid));
        let registered = Registered::new(4_000_000, Reach::Program, Role::Service);
        assert!(listed(4_000_000));
        drop(registered);
        assert!(!listed(4_000_000));
    }
}
