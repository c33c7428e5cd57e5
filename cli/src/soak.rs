//! Runs the soak against the local stack.

use anyhow::Result;

use crate::args::SoakArgs;
use crate::builder::Profile;
use crate::process::Task;
use crate::project::Project;
use crate::stack::{self, Site};
use crate::test::with_stacks;

/// `cargo reelrun soak`.
pub(crate) fn run(project: &Project, args: &SoakArgs) -> Result<u8> {
    project.say.line(
        "Reelrun: every kind of upload and every kind of fault at once, on a stack of their own",
    );
    let site = Site::aside(project, "soak");
    let stack = stack::obtain(project, Profile::Debug, &site)?;
    let task = Task::new(project, "soak", "cargo")
        .args("run --quiet --package reelrun-tests --bin soak --".split(' '))
        .arg(args.minutes.to_string())
        .args(args.seed.map(|seed| seed.to_string()));
    with_stacks(project, task, &[site], stack.state())?.show()
}
