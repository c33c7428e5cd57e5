//! The pinned tools: `MiniStack`, the AWS SAM CLI, cargo-lambda (with zig) and cfn-lint, in a virtual
//! environment of this checkout. Every file is checked against a hash in `cli/tools/requirements.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::prerequisites::{self, Python};
use crate::process::Task;
use crate::project::{Project, make_folder, remove_folder};
use crate::secret::sha256_hex;

/// Says which requirements the environment holds; written last, so half an environment has none.
const STAMP: &str = "reelrun-stamp";

/// Makes sure the tools are there.
pub(crate) fn prepare(project: &Project) -> Result<()> {
    let tools = Environment {
        venv: project.venv(),
        requirements: project.root().join("cli/tools/requirements.txt"),
        title: "Installing the pinned tools (once, about 40 s)",
    };
    tools.prepare(project, || prerequisites::python(project))
}

/// A virtual environment that holds what a list pins, and nothing else.
pub(crate) struct Environment<'a> {
    pub(crate) venv: PathBuf,
    pub(crate) requirements: PathBuf,
    /// What is said while it is installed.
    pub(crate) title: &'a str,
}

impl Environment<'_> {
    /// Makes sure that all of it is there. `python` is asked for only if something is to be installed.
    pub(crate) fn prepare(
        &self,
        project: &Project,
        python: impl FnOnce() -> Result<Python>,
    ) -> Result<()> {
        let pinned = fs::read(&self.requirements)
            .with_context(|| format!("cannot read {}", self.requirements.display()))?;
        if self.is_current(project, &pinned) {
            return Ok(());
        }
        let python = python()?;

        let step = project.say.begin(self.title);
        remove_folder(&self.venv)?;
        if let Some(folder) = self.venv.parent() {
            make_folder(folder)?;
        }
        make_venv(project, &python, &self.venv)?;
        Task::new(project, "pip install", self.python())
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
            ])
            // The list is complete, so nothing is left to resolve; only what is used gets compiled.
            .args([
                "--no-deps",
                "--no-compile",
                "--require-hashes",
                "--requirement",
            ])
            .arg(&self.requirements)
            .way_out(
                "Check that this machine reaches its Python package index (pip's settings apply, \
                 e.g. a proxy or a mirror), then run the command again.",
            )
            .run()?;
        let stamp = self.venv.join(STAMP);
        fs::write(&stamp, stamp_of(&pinned))
            .with_context(|| format!("cannot write {}", stamp.display()))?;
        step.done();
        Ok(())
    }

    /// Its Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    fn is_current(&self, project: &Project, pinned: &[u8]) -> bool {
        fs::read_to_string(self.venv.join(STAMP)).is_ok_and(|stamp| stamp == stamp_of(pinned))
            // A Python that was upgraded away leaves a dangling link behind.
            && Task::new(project, "python version", self.python()).arg("--version").succeeds()
    }
}

fn stamp_of(pinned: &[u8]) -> String {
    sha256_hex(pinned)
}

fn make_venv(project: &Project, python: &Python, venv: &Path) -> Result<()> {
    let (major, minor) = python.version;
    Task::new(project, "python venv", &python.program)
        .args(["-m", "venv"])
        .arg(venv)
        .way_out(&format!(
            "On Debian and Ubuntu the venv module is a package of its own: \
             `sudo apt install python{major}.{minor}-venv`, then run the command again."
        ))
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_pin_changes_the_stamp() {
        assert_ne!(stamp_of(b"ministack==1"), stamp_of(b"ministack==2"));
        assert_eq!(stamp_of(b"x"), stamp_of(b"x"));
    }
}
