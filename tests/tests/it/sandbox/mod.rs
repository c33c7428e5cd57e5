//! Lambda's rules for functions: each is broken by a program in the sandbox that the local stack starts
//! functions in, and by functions of the stack itself.

mod deployed;
mod rules;

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
};

/// A sandbox to be started.
struct Sandbox {
    code: tempfile::TempDir,
    command: Command,
}

impl Sandbox {
    /// With the probe as its code.
    fn of(memory_mb: u32, more: &[&str]) -> Self {
        let code = tempfile::tempdir().unwrap();
        fs::copy(env!("CARGO_BIN_EXE_probe"), code.path().join("bootstrap")).unwrap();
        let launcher = std::env::var("REELRUN_COMMAND")
            .expect("the tests need `cargo reelrun test`, which starts sandboxes too");
        // Processes are counted by user, and those of other tests must not be among them.
        let user = 40_000 + std::process::id() % 10_000;
        let mut command = Command::new(launcher);
        command
            .arg("lambda-sandbox")
            .arg("--code")
            .arg(code.path())
            .args(["--memory-mb", &memory_mb.to_string()])
            .args(["--user", &user.to_string()])
            .args(more)
            .env_clear();
        Self { code, command }
    }

    /// Has the probe break a rule.
    fn probe(memory_mb: u32, case: &str) -> Self {
        let mut sandbox = Self::of(memory_mb, &[]);
        sandbox.command.env("PROBE", case);
        sandbox
    }

    /// Has a shell do something.
    fn shell(script: &str, more: &[&str]) -> Self {
        let mut sandbox = Self::of(1769, more);
        sandbox.command.args(["--", "/bin/sh", "-c", script]);
        sandbox
    }

    fn output(mut self) -> Output {
        self.command.stdin(Stdio::null()).output().unwrap()
    }

    /// What it prints, where it ends well.
    fn text(self) -> String {
        let output = self.output();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn start(mut self) -> Running {
        let mut launcher = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            input: launcher.stdin.take().unwrap(),
            lines: BufReader::new(launcher.stdout.take().unwrap()).lines(),
            launcher,
            _code: self.code,
        }
    }
}

/// A sandbox that runs, until this is dropped.
struct Running {
    launcher: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _code: tempfile::TempDir,
}

impl Running {
    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
    }
}

/// A line of `/proc/<pid>/status`.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {status}"))
        .trim()
}

/// What holds for each process in a sandbox: an ordinary user's, without rights, under a filter.
fn check_status(status: &str) {
    for user in field(status, "Uid:").split_whitespace() {
        assert_ne!(user, "0", "{status}");
    }
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(status, set), "0000000000000000", "{set}");
    }
    assert_eq!(field(status, "Seccomp:"), "2");
}
