//! A core for the function that is measured. On Lambda nobody else runs in a function's environment;
//! here the emulator and this program would, just when an answer wakes the function up, and the
//! slowest of a hundred requests would be the one that had to wait for them.

use std::{fs, process::Child};

use anyhow::{Context, Result};
use reelrun_tests::{processes::emulator_threads, stack::Stack};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// Keeps the last core for functions until it is dropped; none on a machine with a single one.
pub(crate) struct Cores {
    stack: Stack,
    all: CpuSet,
    functions: Option<CpuSet>,
}

impl Cores {
    /// This program and the emulator keep to the other cores from now on.
    pub(crate) fn apart(stack: &Stack) -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let cores: Vec<_> = (0..CpuSet::MAX_CPU)
            .filter(|&core| all.is_set(core))
            .collect();
        let functions = match cores.split_last() {
            Some((&last, others)) if !others.is_empty() => {
                keep_to(stack, &set(others));
                Some(set(&[last]))
            }
            _ => None,
        };
        Ok(Self {
            stack: stack.clone(),
            all,
            functions,
        })
    }

    /// Gives a process that has just started the core.
    pub(crate) fn give(&self, process: &Child) -> Result<()> {
        let Some(functions) = &self.functions else {
            return Ok(());
        };
        let pid = Pid::from_raw(i32::try_from(process.id())?);
        sched_setaffinity(pid, functions).context("the function could not be given a core")
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        keep_to(&self.stack, &self.all);
    }
}

/// Where this program, what it starts, and the emulator run from now on.
fn keep_to(stack: &Stack, cores: &CpuSet) {
    let own = fs::read_dir("/proc/self/task").into_iter().flatten();
    let own = own.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for thread in own.chain(emulator_threads(stack)) {
        // One that has ended meanwhile needs no core.
        let _ = sched_setaffinity(Pid::from_raw(thread), cores);
    }
}

fn set(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    set
}
