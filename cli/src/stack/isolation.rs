//! Shows the emulator the ffmpeg layer at `/opt`, as Lambda would.
//!
//! On Linux the layer is bind-mounted in a mount namespace of the emulator's own, so the machine's
//! `/opt` stays as it is, and its processes are in a process namespace that ends with it. Where that
//! is not allowed (a container without the right to mount), the layer's programs go on the
//! functions' `PATH`, which on Lambda holds `/opt/bin` too.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::process::{Task, find_program};
use crate::project::Project;

/// `$1` is the layer; the rest is the program to become.
const MOUNT: &str = r#"mkdir -p /opt && mount --bind "$1" /opt && shift && exec "$@""#;

/// In root's and in a user's way.
const UNSHARE: [&[&str]; 2] = [
    &["unshare", "--mount", "--pid", "--fork", "--kill-child"],
    &[
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
    ],
];

/// Ends the program when this process ends, however it ends.
const TETHER: [&str; 3] = ["setpriv", "--pdeathsig", "KILL"];

/// How the emulator is started here.
pub(crate) struct Isolation {
    /// The programs before the emulator's own.
    prefix: Vec<OsString>,
    /// Whether `/opt` is the layer.
    pub(crate) mounted: bool,
}

impl Isolation {
    /// Finds out by trying. `python` must run inside too: it may itself live under `/opt`.
    pub(crate) fn probe(project: &Project, layer: &Path, python: &Path) -> Self {
        let mut prefix: Vec<OsString> = Vec::new();
        if find_program(TETHER[0]).is_some()
            && runs(project, &with(&TETHER, &[]), &["true".as_ref()])
        {
            prefix.extend(with(&TETHER, &[]));
        }
        for unshare in UNSHARE
            .into_iter()
            .filter(|_| find_program("unshare").is_some())
        {
            let mount = [
                "sh".as_ref(),
                "-c".as_ref(),
                MOUNT.as_ref(),
                "sh".as_ref(),
                layer.as_os_str(),
            ];
            let inside: Vec<OsString> = prefix
                .iter()
                .cloned()
                .chain(with(unshare, &mount))
                .collect();
            let check = "import os, sys; sys.exit(not os.access('/opt/bin/ffmpeg', os.X_OK))";
            if runs(
                project,
                &inside,
                &[python.as_os_str(), "-c".as_ref(), check.as_ref()],
            ) {
                return Self {
                    prefix: inside,
                    mounted: true,
                };
            }
        }
        Self {
            prefix,
            mounted: false,
        }
    }

    /// The command line that runs `program` this way.
    pub(crate) fn command(&self, program: &Path) -> (OsString, Vec<OsString>) {
        let mut line: Vec<OsString> = self.prefix.clone();
        line.push(program.into());
        let first = line.remove(0);
        (first, line)
    }
}

fn with(words: &[&str], more: &[&OsStr]) -> Vec<OsString> {
    words
        .iter()
        .map(OsString::from)
        .chain(more.iter().map(OsString::from))
        .collect()
}

fn runs(project: &Project, prefix: &[OsString], program: &[&OsStr]) -> bool {
    let Some((first, rest)) = prefix.split_first() else {
        return false;
    };
    Task::new(project, "isolation probe", first)
        .args(rest)
        .args(program)
        .succeeds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_isolation_the_program_runs_as_it_is() {
        let plain = Isolation {
            prefix: Vec::new(),
            mounted: false,
        };
        assert_eq!(
            plain.command(Path::new("ministack")),
            ("ministack".into(), Vec::new())
        );
    }

    #[test]
    fn the_program_comes_last() {
        let isolation = Isolation {
            prefix: with(&TETHER, &[]),
            mounted: false,
        };
        let (program, args) = isolation.command(Path::new("ministack"));
        assert_eq!(program, "setpriv");
        assert_eq!(args, ["--pdeathsig", "KILL", "ministack"]);
    }
}
