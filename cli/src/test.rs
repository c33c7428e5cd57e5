//! Every test, with what it needs: a local stack of its own, ffmpeg, and cargo-nextest.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::args::TestArgs;
use crate::process::Task;
use crate::project::Project;
use crate::stack::{self, Obtained, Site, StackState};

/// Installed when the machine has none.
const NEXTEST: &str = "0.9.143";

/// `cargo reelrun test`.
pub(crate) fn run(project: &Project, args: &TestArgs) -> Result<u8> {
    project
        .say
        .line("Reelrun: every test, against a local stack of its own");
    crate::tools::prepare(project)?;
    install_nextest(project)?;
    let site = Site::aside(project, "test");
    let stack = stack::obtain(project, &site)?;
    if let Obtained::Theirs(_) = stack {
        project
            .say
            .line("Another `cargo reelrun test` serves this stack; sharing it.");
    }
    let state = stack.state();

    project.say.line("Running the tests");
    let code = with_stack(project, cargo(project, "tests")?, &site, state)?
        .args(["nextest", "run", "--workspace"])
        .args(&args.nextest)
        .show()?;
    if code != 0 || !args.nextest.is_empty() || !has_doc_tests(project.root()) {
        return Ok(code);
    }
    with_stack(project, cargo(project, "doc tests")?, &site, state)?
        .args(["test", "--workspace", "--doc", "--quiet"])
        .show()
}

/// Shows a task which stack is there, and the layer's ffmpeg.
pub(crate) fn with_stack<'a>(
    project: &Project,
    task: Task<'a>,
    site: &Site,
    state: &StackState,
) -> Result<Task<'a>> {
    let own = std::env::current_exe().context("this program's file is gone")?;
    let task = task
        .env("REELRUN_STACK", site.state_file())
        .env("REELRUN_COMMAND", own);
    let Some(local) = &state.local else {
        return Ok(task);
    };
    let path = Project::path_with(&[local.ffmpeg_dir.clone(), project.cargo_tools().join("bin")])?;
    Ok(task
        .env("REELRUN_FFMPEG_DIR", &local.ffmpeg_dir)
        .env("PATH", path))
}

/// cargo, with the programs cargo installed for this project.
fn cargo<'a>(project: &'a Project, what: &str) -> Result<Task<'a>> {
    let path = Project::path_with(&[project.cargo_tools().join("bin")])?;
    Ok(Task::new(project, what, "cargo").env("PATH", path))
}

fn install_nextest(project: &Project) -> Result<()> {
    if cargo(project, "nextest version")?
        .args(["nextest", "--version"])
        .succeeds()
    {
        return Ok(());
    }
    let step = project
        .say
        .begin("Installing cargo-nextest (once, some minutes)");
    Task::new(project, "nextest install", "cargo")
        .args([
            "install",
            "cargo-nextest",
            "--locked",
            "--version",
            NEXTEST,
            "--root",
        ])
        .arg(project.cargo_tools())
        .way_out(
            "Install it yourself (its site has ready-made programs), then run the command again.",
        )
        .run()?;
    step.done();
    Ok(())
}

/// Whether any library has examples in its documentation; compiling for none would take a while.
fn has_doc_tests(root: &Path) -> bool {
    fn within(folder: &Path) -> bool {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| {
                let path = entry.path();
                if path.is_dir() {
                    return within(&path);
                }
                path.extension().is_some_and(|extension| extension == "rs")
                    && fs::read_to_string(&path).is_ok_and(|text| has_example(&text))
            })
    }
    ["functions", "tests"]
        .iter()
        .any(|folder| within(&root.join(folder)))
}

fn has_example(source: &str) -> bool {
    source.lines().any(|line| {
        let line = line.trim_start();
        (line.starts_with("///") || line.starts_with("//!")) && line.contains("```")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_found_in_documentation_only() {
        assert!(has_example("  /// ```\n  /// one();\n"));
        assert!(has_example("//! ```rust\n"));
        assert!(!has_example("// ```\nlet fence = \"```\";\n"));
    }
}
