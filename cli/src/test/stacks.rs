//! How programs learn which stacks there are.

use anyhow::{Context, Result};

use crate::process::Task;
use crate::project::Project;
use crate::stack::Site;
use crate::state::StackState;

/// Shows a task which stacks are there, and the layer's ffmpeg, which the first one's state names.
pub(crate) fn with_stacks<'a>(
    project: &Project,
    task: Task<'a>,
    sites: &[Site],
    state: &StackState,
) -> Result<Task<'a>> {
    let own = std::env::current_exe().context("this program's file is gone")?;
    let task = task
        .env(
            "REELRUN_STACK",
            Project::joined(sites.iter().map(Site::state_file))?,
        )
        .env("REELRUN_COMMAND", own);
    let Some(local) = &state.local else {
        return Ok(task);
    };
    let path = Project::path_with(&[local.ffmpeg_dir.clone(), project.cargo_tools().join("bin")])?;
    Ok(task
        .env("REELRUN_FFMPEG_DIR", &local.ffmpeg_dir)
        .env("PATH", path))
}
