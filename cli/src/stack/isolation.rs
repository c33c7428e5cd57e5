//! How the emulator and its functions are started here, by what this machine permits.
//!
//! On Linux the emulator's processes are in a process namespace that ends with it. Each function is in a
//! sandbox with Lambda's rules (`sandbox`), as far as they can be kept: where namespaces are not allowed
//! (a container without that right), some are missing, and the command says which.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use crate::process::{Task, find_program};
use crate::project::Project;
use crate::sandbox::{self, Rule};

/// In root's way, in a user's, and not at all.
const UNSHARE: [&[&str]; 3] = [
    &["unshare", "--pid", "--fork", "--kill-child"],
    &[
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
    ],
    &[],
];

/// Ends the program when this process ends, however it ends.
const TETHER: [&str; 3] = ["setpriv", "--pdeathsig", "KILL"];

/// How the emulator is started here.
pub(crate) struct Isolation {
    /// The programs before the emulator's own.
    prefix: Vec<OsString>,
    /// Whether functions' sandboxes can have namespaces.
    namespaces: bool,
}

impl Isolation {
    /// Finds out by trying.
    pub(crate) fn probe(project: &Project) -> Result<Self> {
        let own = own_program()?;
        let mut tether = words(&TETHER);
        if !runs(project, &tether, &words(&["true"])) {
            tether.clear();
        }
        let prefixes = UNSHARE.map(|unshare| [tether.clone(), words(unshare)].concat());
        let check = [vec![own.into()], words(&sandbox::CHECK)].concat();
        let found = prefixes.iter().find(|prefix| runs(project, prefix, &check));
        if let Some(prefix) = found {
            return Ok(Self {
                prefix: prefix.clone(),
                namespaces: true,
            });
        }
        // A process namespace is of use even so.
        let [of_root, _, none] = prefixes;
        let prefix = if runs(project, &of_root, &words(&["true"])) {
            of_root
        } else {
            none
        };
        Ok(Self {
            prefix,
            namespaces: false,
        })
    }

    /// The command line that runs `program` this way.
    pub(crate) fn command(&self, program: &Path) -> (OsString, Vec<OsString>) {
        let mut line: Vec<OsString> = self.prefix.clone();
        line.push(program.into());
        let first = line.remove(0);
        (first, line)
    }

    /// How functions are started, for the emulator's own program: the command, and the layer. `folder`
    /// gets a copy of this program, whose own file may be built anew while the stack serves.
    pub(super) fn sandbox(&self, folder: &Path, layer: &Path) -> Result<String> {
        let launcher = folder.join("reelrun");
        fs::copy(own_program()?, &launcher)
            .with_context(|| format!("cannot write {}", launcher.display()))?;
        let mut command = vec![launcher.display().to_string(), "lambda-sandbox".to_owned()];
        command.extend((!self.namespaces).then(|| "--without-namespaces".to_owned()));
        Ok(json!({"command": command, "layer": layer}).to_string())
    }

    /// The `PATH` of the emulator, and of functions that have no `/opt` to find the layer's programs in.
    pub(super) fn path(&self, layer: &Path) -> String {
        let system = "/usr/local/bin:/usr/bin:/bin";
        if self.namespaces {
            system.to_owned()
        } else {
            format!("{}:{system}", layer.join("bin").display())
        }
    }

    /// Lambda's rules that can't be kept here, as a list to be read; nothing if all can.
    pub(crate) fn missing_rules(&self) -> Option<String> {
        if self.namespaces {
            return None;
        }
        let rules = Rule::missing_without_namespaces();
        let lines: Vec<_> = rules.map(|rule| format!("  - {}", rule.text())).collect();
        Some(format!(
            "Functions run without some of Lambda's rules, since this machine permits no namespaces. These \
             rules are missing:\n{}",
            lines.join("\n")
        ))
    }

    /// Says which rules are missing.
    pub(super) fn tell(&self, project: &Project) {
        if let Some(missing) = self.missing_rules() {
            project.say.line(&missing);
        }
    }
}

/// This very program, which starts the sandboxes.
fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("this program's file is gone")
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn runs(project: &Project, prefix: &[OsString], program: &[OsString]) -> bool {
    let line = [prefix, program].concat();
    let Some((first, rest)) = line.split_first() else {
        return false;
    };
    let is_there = Path::new(first).is_file() || first.to_str().and_then(find_program).is_some();
    is_there
        && Task::new(project, "isolation probe", first)
            .args(rest)
            .succeeds()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isolation(prefix: &[&str]) -> Isolation {
        Isolation {
            prefix: words(prefix),
            namespaces: false,
        }
    }

    #[test]
    fn without_isolation_the_program_runs_as_it_is() {
        assert_eq!(
            isolation(&[]).command(Path::new("ministack")),
            ("ministack".into(), Vec::new())
        );
    }

    #[test]
    fn the_program_comes_last() {
        let (program, args) = isolation(&TETHER).command(Path::new("ministack"));
        assert_eq!(program, "setpriv");
        assert_eq!(args, ["--pdeathsig", "KILL", "ministack"]);
    }
}
