//! Sees to it that a program keeps to its [`ResourceLimits`].
//!
//! The system refuses memory, files and open files beyond a bound by itself. What it can't tell,
//! how much memory is really held, and whether anything comes out at all, is looked at ten times a
//! second. Whoever exceeds it is killed with all that it started: ffmpeg can be deaf to anything
//! less while a filter is at work.

use std::{
    fs,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use reelrun_media::{diagnostics::Exceeded, resource_limits::ResourceLimits};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use tokio::{task::JoinHandle, time::Instant};

/// How often a program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Outputs, which ffmpeg opens a second time each (forty, of subtitles), a connection, and what a program opens
/// by itself.
const OPEN_FILES: u64 = 128;

/// Tells that a program gives output, or that it is we who do not take it.
#[derive(Debug, Clone)]
pub struct ActivityClock(Arc<State>);

#[derive(Debug)]
struct State {
    begun: Instant,
    /// When output was last taken, in milliseconds since the start.
    beat_ms: AtomicU64,
    /// How many readers have something else to do than to take output.
    busy: AtomicUsize,
}

/// For as long as it lives, a program's silence is not held against it.
#[derive(Debug)]
pub struct Busy<'a>(&'a ActivityClock);

impl ActivityClock {
    fn new() -> Self {
        Self(Arc::new(State {
            begun: Instant::now(),
            beat_ms: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
        }))
    }

    /// Output was taken.
    pub fn beat(&self) {
        let elapsed = self.0.begun.elapsed().as_millis();
        self.0
            .beat_ms
            .store(elapsed.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    /// Output is not taken for a while, since storage is slow.
    pub fn busy(&self) -> Busy<'_> {
        self.0.busy.fetch_add(1, Relaxed);
        Busy(self)
    }

    fn is_busy(&self) -> bool {
        self.0.busy.load(Relaxed) > 0
    }

    /// How long no output was taken, though it would have been.
    pub fn silence(&self) -> Duration {
        if self.is_busy() {
            return Duration::ZERO;
        }
        let last = Duration::from_millis(self.0.beat_ms.load(Relaxed));
        self.0.begun.elapsed().saturating_sub(last)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.beat();
        self.0.0.busy.fetch_sub(1, Relaxed);
    }
}

/// The one that looks at a program.
#[derive(Debug)]
pub(super) struct Watchdog {
    pub(super) activity: ActivityClock,
    exceeded: Arc<OnceLock<Exceeded>>,
    task: JoinHandle<()>,
}

impl Watchdog {
    /// Sets the bounds of a program that has just been started, and begins to look at it. Its
    /// process group has the same number.
    pub(super) fn begin(pid: Pid, limits: ResourceLimits) -> Self {
        set_limits(pid, limits);
        let activity = ActivityClock::new();
        let exceeded = Arc::new(OnceLock::new());
        let task = tokio::spawn({
            let (activity, exceeded) = (activity.clone(), exceeded.clone());
            async move {
                let (mut ran, mut looked) = (Duration::ZERO, Instant::now());
                let bound = loop {
                    tokio::time::sleep(LOOK_EVERY).await;
                    if !activity.is_busy() {
                        ran += looked.elapsed();
                    }
                    looked = Instant::now();
                    if let Some(bound) = judge(pid, &limits, ran, &activity) {
                        break bound;
                    }
                };
                let _ = exceeded.set(bound);
                let _ = kill_process_group(pid, Signal::KILL);
            }
        });
        Self {
            activity,
            exceeded,
            task,
        }
    }

    /// The program has ended; whether for exceeding a bound.
    pub(super) fn stop(&self) -> Option<Exceeded> {
        self.task.abort();
        self.exceeded.get().copied()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn judge(
    pid: Pid,
    limits: &ResourceLimits,
    ran: Duration,
    activity: &ActivityClock,
) -> Option<Exceeded> {
    let is_over = |limit: Option<Duration>, time: Duration| limit.is_some_and(|limit| time > limit);
    if held_memory(pid).is_some_and(|bytes| bytes > limits.memory_bytes) {
        Some(Exceeded::Memory)
    } else if is_over(limits.time, ran) {
        Some(Exceeded::Time)
    } else if is_over(limits.silence, activity.silence()) {
        Some(Exceeded::Silence)
    } else {
        None
    }
}

/// The memory that a process holds for its data: that of its program's file is not its own.
fn held_memory(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// What the system enforces. The number of threads is none of it: Linux counts those of all
/// processes of a user.
fn set_limits(pid: Pid, limits: ResourceLimits) {
    for (resource, limit) in [
        // All that can be written to, but for what is shared.
        (Resource::Data, limits.address_bytes),
        // Pipes and connections have no size; no file may get any.
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Core, 0),
    ] {
        let both = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        if let Err(why) = prlimit(Some(pid), resource, both) {
            // What is looked at bounds it all the same.
            tracing::warn!(?resource, error = %why, "a limit could not be set");
        }
    }
}
