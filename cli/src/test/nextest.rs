//! The tests in Rust: cargo-nextest runs them, and cargo those in documentation.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use anyhow::Result;

use super::stacks::with_stacks;
use crate::process::Task;
use crate::project::Project;
use crate::stack::Site;
use crate::state::StackState;

/// Installed when the machine has none that will do.
const NEXTEST: &str = "0.9.143";

/// Builds the tests.
pub(super) fn build(project: &Project) -> Result<()> {
    let step = project.say.begin("Building the tests");
    cargo(project, "test build")?
        .args(["nextest", "run", "--workspace", "--no-run"])
        .way_out("Fix what the compiler says, then run the command again.")
        .run()?;
    step.done();
    Ok(())
}

/// Runs tests; `chosen` are further arguments.
pub(super) fn run(
    project: &Project,
    sites: &[Site],
    state: &StackState,
    chosen: &[String],
) -> Result<u8> {
    let emulator = state.local.as_ref().map_or("AWS", |it| it.emulator.name());
    project
        .say
        .line(&format!("Running the tests on {emulator}"));
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match sites.len() {
        1 => 1,
        count => cores.max(count),
    };
    with_stacks(project, cargo(project, "tests")?, sites, state)?
        .args(["nextest", "run", "--workspace"])
        .env("NEXTEST_TEST_THREADS", threads.to_string())
        .args(chosen)
        .show()
}

/// Runs the examples in documentation, if there are any.
pub(super) fn doc_tests(project: &Project, sites: &[Site], state: &StackState) -> Result<u8> {
    if !has_doc_tests(project.root()) {
        return Ok(0);
    }
    with_stacks(project, cargo(project, "doc tests")?, sites, state)?
        .args(["test", "--workspace", "--doc", "--quiet"])
        .show()
}

/// cargo, with the programs cargo installed for this project.
fn cargo<'a>(project: &'a Project, what: &str) -> Result<Task<'a>> {
    let path = Project::path_with(&[project.cargo_tools().join("bin")])?;
    Ok(Task::new(project, what, "cargo").env("PATH", path))
}

/// Makes sure that cargo-nextest is there.
pub(super) fn install(project: &Project) -> Result<()> {
    // Fails as well if the version is below the one that `.config/nextest.toml` asks for.
    if cargo(project, "nextest version")?
        .args(["nextest", "show-config", "version"])
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
