//! From inside: the first process of the sandbox sets it up, starts the function, and sees to the rules
//! that the system doesn't keep by itself.
//!
//! Whatever else runs in the sandbox can neither see into this process nor end it, and ends with it.

use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Gid, Pid, Uid, getpid};

use super::launch::{SIGNALED, become_user, exists, limit, variables};
use super::rules::{CpuBudget, USER};
use super::usage::{CpuMeter, memory_bytes};
use super::{SandboxArgs, calls, files};

/// How often it is looked whether the rules are kept.
const LOOK: Duration = Duration::from_millis(20);

/// Every process of the sandbox but this one.
const ALL: Pid = Pid::from_raw(-1);

/// What has the sandbox stop, go on or end.
#[derive(Debug)]
enum Event {
    Freeze,
    Thaw,
    /// How the function ended, as an exit code.
    Ended(i32),
}

/// Is the sandbox until the function ends; then gives its exit code.
pub(super) fn run(args: &SandboxArgs) -> Result<u8> {
    // Outside of a namespace of its own, it would stop the whole machine.
    ensure!(getpid() == Pid::from_raw(1), "this is no sandbox");
    set_pdeathsig(Signal::SIGKILL)?;
    let variables = variables()?;
    let can_choose = exists(args.user)?;
    let user = if can_choose { args.user } else { USER };
    files::enter(args, user)?;
    limit()?;
    let (program, program_args) = match args.program.split_first() {
        Some((program, rest)) => (program.as_str(), rest),
        None => ("/var/task/bootstrap", &[][..]),
    };
    let mut function = Command::new(program);
    function
        .args(program_args)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null());
    if can_choose {
        function.uid(user).gid(user);
    } else {
        let root = (Uid::from_raw(0), Gid::from_raw(0));
        unshare(CloneFlags::CLONE_NEWUSER).context("cannot become an ordinary user")?;
        become_user(user, root.0, root.1)?;
        set_pdeathsig(Signal::SIGKILL)?;
    }
    calls::filter()?;
    let function = function
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    // From here on, what the function writes is all there is to read.
    let (events, received) = mpsc::channel();
    listen(events.clone());
    let id = i32::try_from(function.id())?;
    thread::spawn(move || reap(Pid::from_raw(id), &events));
    let code = supervise(args, &received);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Reads what this is told from outside.
fn listen(events: Sender<Event>) {
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let event = match line.trim() {
                "freeze" => Event::Freeze,
                "thaw" => Event::Thaw,
                _ => continue,
            };
            if events.send(event).is_err() {
                return;
            }
        }
    });
}

/// Waits for the function, and for all that lost the process that should have waited for them.
fn reap(function: Pid, events: &Sender<Event>) {
    loop {
        let code = match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == function => code,
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == function => SIGNALED + signal as i32,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => 1,
        };
        let _ = events.send(Event::Ended(code));
        return;
    }
}

/// Sees to memory, CPU and stillness until the function has ended; gives its code.
fn supervise(args: &SandboxArgs, events: &Receiver<Event>) -> i32 {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut budget = CpuBudget::new(args.memory_mb, cores);
    let mut meter = CpuMeter::default();
    let (mut is_frozen, mut is_throttled) = (false, false);
    let mut most_bytes = 0;
    let mut looked = Instant::now();
    loop {
        let event = if is_frozen {
            events.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            events.recv_timeout(LOOK)
        };
        match event {
            Ok(Event::Ended(code)) => return code,
            Ok(Event::Freeze) => {
                is_frozen = true;
                signal_all(Signal::SIGSTOP);
                report(args.memory_mb, std::mem::take(&mut most_bytes));
            }
            Ok(Event::Thaw) => {
                is_frozen = false;
                if !is_throttled {
                    signal_all(Signal::SIGCONT);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody waits for the function any more.
            Err(RecvTimeoutError::Disconnected) => return 1,
        }
        if is_frozen || looked.elapsed() < LOOK {
            continue;
        }
        let bytes = memory_bytes();
        most_bytes = most_bytes.max(bytes);
        if bytes > args.memory_mb << 20 {
            report(args.memory_mb, bytes);
            // What is left of it ends with this process.
            return SIGNALED + Signal::SIGKILL as i32;
        }
        let elapsed = std::mem::replace(&mut looked, Instant::now()).elapsed();
        if let Some(budget) = &mut budget {
            let may_run = budget.spend(elapsed, meter.used());
            if may_run == is_throttled {
                signal_all(if may_run {
                    Signal::SIGCONT
                } else {
                    Signal::SIGSTOP
                });
                is_throttled = !may_run;
            }
        }
    }
}

/// Ends an invocation's log, as Lambda's `REPORT` does. (Emulators write one of their own, which knows
/// nothing of this.)
fn report(memory_mb: u64, most_bytes: u64) {
    let most_mb = most_bytes.div_ceil(1 << 20);
    eprintln!("SANDBOX\tMost memory held: {most_mb} MB\tMemory size: {memory_mb} MB");
}

/// Fails only when there is nobody left, which the function's end tells.
fn signal_all(signal: Signal) {
    let _ = kill(ALL, signal);
}
