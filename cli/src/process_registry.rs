//! Which programs are running, so that all of them can be ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

static RUNNING: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

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

/// Signals the programs that mean this to the command.
pub(crate) fn signal(how: Signal, is_meant: impl Fn(Role) -> bool) {
    for entry in running().iter().filter(|entry| is_meant(entry.role)) {
        send(entry, how);
    }
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
