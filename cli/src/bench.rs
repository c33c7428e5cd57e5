//! Runs the benchmarks against the local stack.

use anyhow::Result;

use crate::args::BenchArgs;
use crate::builder::Profile;
use crate::process::Task;
use crate::project::Project;
use crate::stack::{self, Site};
use crate::test::with_stacks;

/// `cargo reelrun bench`.
pub(crate) fn run(project: &Project, args: &BenchArgs) -> Result<u8> {
    project
        .say
        .line("Reelrun: benchmarks, against a local stack of their own");
    let site = Site::aside(project, "bench");
    let stack = stack::obtain(project, Profile::Release, &site)?;
    let task = Task::new(project, "benchmarks", "cargo")
        .args([
            "run",
            "--quiet",
            "--package",
            "reelrun-tests",
            "--bin",
            "bench",
            "--",
        ])
        .args(&args.bench);
    with_stacks(project, task, &[site], stack.state())?.show()
}
