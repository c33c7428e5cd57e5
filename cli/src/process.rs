//! The one place where programs are run.
//!
//! Each run can be pasted into a shell (`--verbose` prints it), leaves its output in
//! `target/reelrun/logs/`, and ends a failure with the log's tail and the way out. Arguments are
//! never put through a shell.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;

use crate::process_registry::{self, Reach, Registered, Role};
use crate::project::{Project, make_folder};
use crate::signals::{self, Stopped};

/// Lines of a log that are shown when its program fails.
const TAIL: usize = 25;

/// What cargo tells the program it runs. A cargo run from there must not see it: build scripts
/// that watch these variables would run again each time.
const CARGOS_OWN: [&str; 5] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_PRIMARY_",
];

/// Creates a file, empty, that other users of this machine can't read: logs may show tokens.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    loop {
        // One that is there keeps its permissions otherwise.
        match fs::remove_file(path) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut fresh = OpenOptions::new();
        match fresh.write(true).create_new(true).mode(0o600).open(path) {
            // Another command has just made its own; each keeps the file that it has open.
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}

/// A program about to be run.
pub(crate) struct Task<'a> {
    project: &'a Project,
    /// What it does, as in "… failed".
    what: String,
    command: Command,
    log: PathBuf,
    way_out: String,
    clean: bool,
}

impl<'a> Task<'a> {
    /// `what` completes "… failed" and names the log.
    pub(crate) fn new(project: &'a Project, what: &str, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(project.root()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy();
            if CARGOS_OWN.iter().any(|prefix| known.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        Self {
            project,
            what: what.to_owned(),
            command,
            log: project
                .logs()
                .join(format!("{}.log", what.replace(' ', "-"))),
            way_out: String::new(),
            clean: false,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The program sees only the variables given after this.
    pub(crate) fn clean_env(mut self) -> Self {
        self.command.env_clear();
        self.clean = true;
        self
    }

    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Logs to this file instead of one named after the task.
    pub(crate) fn log(mut self, log: PathBuf) -> Self {
        self.log = log;
        self
    }

    /// What a person can do when it fails.
    pub(crate) fn way_out(mut self, way_out: &str) -> Self {
        way_out.clone_into(&mut self.way_out);
        self
    }

    /// Runs it to its end, its output in the log.
    pub(crate) fn run(mut self) -> Result<()> {
        let log = self.open_log()?;
        self.command
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let status = self.wait(Reach::Group)?.0;
        self.judge(status)
    }

    /// Runs it to its end and returns what it wrote to stdout; its stderr is in the log.
    pub(crate) fn output(mut self) -> Result<String> {
        let log = self.open_log()?;
        self.command
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0);
        let (status, stdout) = self.wait(Reach::Group)?;
        self.judge(status)?;
        String::from_utf8(stdout).with_context(|| format!("{} wrote no text", self.what))
    }

    /// Whether it ran and succeeded. For probes, whose failure is an answer.
    pub(crate) fn succeeds(mut self) -> bool {
        self.project.say.detail(&self.pasteable());
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        self.command.status().is_ok_and(|status| status.success())
    }

    /// Runs it on this terminal, or into the project's log, and returns its exit code.
    pub(crate) fn show(mut self) -> Result<u8> {
        match self.project.say.file() {
            Some(file) => {
                self.command.stdout(file.try_clone()?);
                self.command.stderr(file.try_clone()?);
            }
            None => {
                self.command.stdin(Stdio::inherit());
            }
        }
        let (status, _) = self.wait(Reach::Program)?;
        if signals::stopped() {
            return Err(Stopped.into());
        }
        Ok(status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1))
    }

    /// Starts it, its output in the log. It ends when the returned value is dropped.
    pub(crate) fn start(mut self) -> Result<Service> {
        let log = self.open_log()?;
        self.command
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = self.spawn()?;
        let registered = Registered::new(child.id(), Reach::Group, Role::Service);
        Ok(Service {
            child,
            log: self.log,
            _registered: registered,
        })
    }

    /// Starts it, its output in the log, and lets it outlive this process.
    pub(crate) fn release(mut self) -> Result<Child> {
        let log = self.open_log()?;
        self.command
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        self.spawn()
    }

    fn wait(&mut self, reach: Reach) -> Result<(ExitStatus, Vec<u8>)> {
        signals::check()?;
        let child = self.spawn()?;
        let _registered = Registered::new(child.id(), reach, Role::Step);
        if signals::stopped() {
            // The signal came before the program was on the list.
            process_registry::signal_process(child.id(), Signal::SIGTERM);
        }
        let output = child
            .wait_with_output()
            .with_context(|| format!("lost sight of {}", self.what))?;
        Ok((output.status, output.stdout))
    }

    fn spawn(&mut self) -> Result<Child> {
        self.project.say.detail(&self.pasteable());
        self.command.spawn().map_err(|error| {
            let program = self.command.get_program().display();
            match (error.kind(), self.way_out.as_str()) {
                (ErrorKind::NotFound, "") => anyhow!("`{program}` is not installed"),
                (ErrorKind::NotFound, way_out) => {
                    anyhow!("`{program}` is not installed; {way_out}")
                }
                _ => anyhow!("cannot start `{program}`: {error}"),
            }
        })
    }

    fn open_log(&self) -> Result<File> {
        if let Some(folder) = self.log.parent() {
            make_folder(folder)?;
        }
        private_file(&self.log).with_context(|| format!("cannot write {}", self.log.display()))
    }

    fn judge(&self, status: ExitStatus) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        if signals::stopped() {
            return Err(Stopped.into());
        }
        let mut report = tail(&self.log);
        let _ = write!(
            report,
            "{} failed ({status}); all it wrote is in {}",
            self.what,
            self.project.short(&self.log)
        );
        if !self.way_out.is_empty() {
            let _ = write!(report, "\n{}", self.way_out);
        }
        bail!(report)
    }

    /// The run as a line for a POSIX shell.
    fn pasteable(&self) -> String {
        let mut line = String::from("$ ");
        if let Some(folder) = self.command.get_current_dir() {
            let _ = write!(line, "cd {} && ", quoted(folder.as_os_str()));
        }
        let set: Vec<(&OsStr, &OsStr)> = self
            .command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        if self.clean {
            line.push_str("env -i ");
        }
        for (name, value) in set {
            let _ = write!(line, "{}={} ", name.display(), quoted(value));
        }
        line.push_str(&quoted(self.command.get_program()));
        for arg in self.command.get_args() {
            line.push(' ');
            line.push_str(&quoted(arg));
        }
        line
    }
}

/// A program that runs until this value is dropped.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
    _registered: Registered,
}

impl Service {
    /// Fails, with what it wrote last, if the program has ended.
    pub(crate) fn check(&mut self, what: &str) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                bail!("{}{what} ended unexpectedly ({status})", tail(&self.log))
            }
            Err(error) => Err(error).with_context(|| format!("lost sight of {what}")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        use std::time::{Duration, Instant};
        let pid = self.child.id();
        process_registry::signal_group(pid, Signal::SIGTERM);
        let patience = Instant::now() + Duration::from_secs(4);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Whatever of the group is left, e.g. a function in the middle of its work.
        process_registry::signal_group(pid, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The last lines of a log, indented, to stand before an error's sentence.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = plain(&String::from_utf8_lossy(&text));
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    last.iter().fold(String::new(), |mut shown, line| {
        let _ = writeln!(shown, "  | {line}");
        shown
    })
}

/// Text without a terminal's colours, which some programs write into files too.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                Some('[') => while characters.next().is_some_and(|c| !c.is_ascii_alphabetic()) {},
                Some('(') => drop(characters.next()),
                _ => {}
            },
            '\r' => {}
            other => out.push(other),
        }
    }
    out
}

/// An argument as a POSIX shell reads it back.
fn quoted(arg: &OsStr) -> String {
    let text = arg.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Finds a program on `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_read_back_as_they_were() {
        assert_eq!(
            quoted(OsStr::new("--region=eu-west-1")),
            "--region=eu-west-1"
        );
        assert_eq!(quoted(OsStr::new("two words")), "'two words'");
        assert_eq!(quoted(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(OsStr::new("$default")), "'$default'");
        assert_eq!(quoted(OsStr::new("")), "''");
    }

    #[test]
    fn colours_are_left_out() {
        assert_eq!(
            plain("\u{1b}[1;31merror\u{1b}[0m: \u{1b}(Bno\r\n"),
            "error: no\n"
        );
        assert_eq!(plain("\u{1b}["), "");
    }

    #[test]
    fn a_missing_log_has_no_tail() {
        assert_eq!(tail(Path::new("/nonexistent/x.log")), "");
    }
}
