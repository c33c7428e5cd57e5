//! Python packages for a comparison, each file checked against a hash in a requirements file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Says which requirements an environment holds; written last, so half an environment has none.
const STAMP: &str = "reelrun-stamp";

/// The Python of a virtual environment that holds what a requirements file lists. Made when it is
/// not there, in `target/reelrun/bench/NAME`.
pub(crate) fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = std::path::absolute(Path::new("target/reelrun/bench").join(name))?;
    let python = folder.join("bin/python");
    let pinned = fs::read_to_string(requirements)
        .with_context(|| format!("{requirements} can't be read"))?;
    if fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == pinned)
        && Command::new(&python).arg("--version").output().is_ok()
    {
        return Ok(python);
    }
    println!("  installing {requirements} (once)");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&folder);
    succeed(&mut venv, "the venv module of Python 3 is needed")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--only-binary=:all:"])
        // The list is complete, so nothing is left to resolve.
        .args(["--no-deps", "--require-hashes", "--requirement"])
        .arg(requirements);
    succeed(&mut pip, "check that the Python package index is reachable")?;
    fs::write(folder.join(STAMP), pinned)?;
    Ok(python)
}

fn succeed(command: &mut Command, way_out: &str) -> Result<()> {
    let output = command.output().with_context(|| way_out.to_owned())?;
    ensure!(
        output.status.success(),
        "{} ended with {}; {way_out}:\n{}",
        command.get_program().display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
