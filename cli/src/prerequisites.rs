//! What must be on the machine before anything else: Rust (it built this), Python and its venv,
//! Linux for the local stack, and strace for the tests. Everything else is fetched.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::{Task, find_program};
use crate::project::Project;

/// Newest first, after the machine's own choice.
const PYTHONS: [&str; 6] = [
    "python3",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python",
];

/// Oldest Python the pinned tools run on.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// A Python that can make the tools' virtual environment.
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    pub(crate) version: (u32, u32),
}

/// Checks what every command that runs tools needs.
pub(crate) fn python(project: &Project) -> Result<Python> {
    let mut too_old = None;
    for program in PYTHONS.into_iter().filter_map(find_program) {
        let Some(version) = version_of(project, &program) else {
            continue;
        };
        if version >= OLDEST_PYTHON {
            return Ok(Python { program, version });
        }
        too_old.get_or_insert(version);
    }
    let install = "install Python 3.10 or newer (Debian and Ubuntu: `sudo apt install python3 \
                   python3-venv`, Fedora: `sudo dnf install python3`, macOS: `brew install python`)";
    match too_old {
        Some((major, minor)) => {
            bail!("Python {major}.{minor} is too old for the tools Reelrun uses; {install}")
        }
        None => bail!("Reelrun's tools need Python, and there is none on PATH; {install}"),
    }
}

/// The one Python that `LocalStack`'s last free version runs on: what it depends on needs no older
/// and knows no newer one.
const LOCALSTACKS_PYTHON: (u32, u32) = (3, 13);

/// Checks what a `LocalStack` needs that is started here.
pub(crate) fn localstacks_python(project: &Project) -> Result<Python> {
    let names = ["python3.13", "python3", "python"];
    let found = names
        .into_iter()
        .filter_map(find_program)
        .chain(pyenvs_pythons())
        .filter_map(|program| {
            let version = version_of(project, &program)?;
            Some(Python { program, version })
        })
        .find(|python| python.version == LOCALSTACKS_PYTHON);
    found.context(
        "LocalStack needs Python 3.13, and there is none on PATH or among pyenv's; install it (Debian \
         13: `sudo apt install python3 python3-venv`, Ubuntu 25.04: `sudo apt install python3.13-venv`, \
         Fedora: `sudo dnf install python3.13`, elsewhere: `pyenv install 3.13`), or name a LocalStack \
         that runs already with --endpoint. `cargo reelrun test --emulator ministack` leaves it out",
    )
}

/// What pyenv has installed, and puts on PATH only where it is told to.
fn pyenvs_pythons() -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".pyenv")));
    let versions = root.map(|root| fs::read_dir(root.join("versions")));
    let versions = versions.into_iter().flatten().flatten().flatten();
    versions
        .map(|version| version.path().join("bin/python3"))
        .filter(|program| program.is_file())
        .collect()
}

/// Checks what the local stack needs.
pub(crate) fn local_stack() -> Result<()> {
    if cfg!(target_os = "linux") {
        return Ok(());
    }
    bail!(
        "the local stack runs the functions as they run on Lambda, which takes Linux (x86_64 or \
         arm64); use a Linux machine, container or VM for it. Deploying to AWS with \
         `cargo reelrun deploy` works from here"
    )
}

/// Checks what the tests need that watch which files and addresses ffmpeg opens.
pub(crate) fn strace() -> Result<()> {
    if find_program("strace").is_some() {
        return Ok(());
    }
    bail!(
        "the tests watch what ffmpeg opens with strace, and there is none on PATH; install it (Debian \
         and Ubuntu: `sudo apt install strace`, Fedora: `sudo dnf install strace`), then run the \
         command again"
    )
}

fn version_of(project: &Project, program: &PathBuf) -> Option<(u32, u32)> {
    const ASK: &str = "import sys; print(*sys.version_info[:2])";
    let answer = Task::new(project, "python version", program)
        .args(["-c", ASK])
        .output()
        .ok()?;
    parse_version(&answer)
}

fn parse_version(answer: &str) -> Option<(u32, u32)> {
    let (major, minor) = answer.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(parse_version("3 11\n"), Some((3, 11)));
        assert!(parse_version("3 9").expect("version") < OLDEST_PYTHON);
        assert!(parse_version("3 10").expect("version") >= OLDEST_PYTHON);
        assert_eq!(parse_version("pyenv: no such version"), None);
    }
}
