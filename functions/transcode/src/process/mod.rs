//! The one place that starts a program.
//!
//! ffmpeg and ffprobe read whatever the world uploads, so they get nothing of ours: no environment
//! (the function's credentials live there), no standard input but what another one decoded, bounds for
//! what they may use, and an end when their time is up.

pub mod sandbox;
#[cfg(test)]
mod tests;
mod watchdog;

use std::{
    collections::VecDeque,
    env,
    ffi::OsString,
    io::PipeReader,
    ops::ControlFlow,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use command_fds::{CommandFdExt as _, FdMapping};
use reelrun_media::{
    diagnostics::Exceeded,
    diagnostics::{Ending, Stage, Verdict, diagnose},
    resource_limits::ResourceLimits,
};
use rustix::process::{Pid, Signal};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    net::unix::pipe,
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
};

use self::watchdog::Watchdog;
pub use self::watchdog::{ActivityClock, Busy};
use crate::error::StepError;

/// Where the programs are, and how much memory there is for them.
#[derive(Debug, Clone)]
pub struct Programs {
    /// ffmpeg.
    pub ffmpeg: PathBuf,
    /// ffprobe.
    pub ffprobe: PathBuf,
    /// The certificate authorities that an `https` storage is checked against.
    pub ca_file: Option<String>,
    /// The function's memory in MB: theirs, but for what the function needs itself.
    pub memory_mb: u32,
}

impl Programs {
    /// The programs of the layer; where there is none, those on the `PATH`.
    pub fn find(memory_mb: u32) -> Self {
        // Programs run without our environment, so a bare name would not be found again.
        let program = |name: &str| {
            let path = env::var_os("PATH").unwrap_or_default();
            let folders = env::split_paths("/opt/bin").chain(env::split_paths(&path));
            let mut candidates = folders.map(|folder| folder.join(name));
            candidates
                .find(|candidate| candidate.is_file())
                .unwrap_or_else(|| name.into())
        };
        // Static builds don't know where a distribution keeps its authorities. The variable is the one
        // by which the SDK is told of others.
        let named = env::var_os("SSL_CERT_FILE").and_then(|path| path.into_string().ok());
        let ca_files = [
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/ssl/cert.pem",
        ];
        Self {
            memory_mb,
            ffmpeg: program("ffmpeg"),
            ffprobe: program("ffprobe"),
            ca_file: named.or_else(|| {
                let mut there = ca_files
                    .into_iter()
                    .filter(|path| std::path::Path::new(path).exists());
                there.next().map(Into::into)
            }),
        }
    }
}

/// A running program.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Option<Pid>,
    watch: Watchdog,
    stderr: JoinHandle<String>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The end of what it wrote to standard error.
    pub stderr: String,
    /// The bound for which it was ended.
    pub exceeded: Option<Exceeded>,
}

/// How much of a program's complaints is kept: the end, where the cause is.
const STDERR_BYTES: usize = 16 * 1024;

/// How much of many lines is read at once.
const LINES_BYTES: usize = 64 * 1024;

/// How many messages are kept of many.
const LAST_MESSAGES: usize = 40;

/// The longest line that is read; programs write short ones.
const LINE_BYTES: u64 = 4096;

/// The capacity that is asked for a pipe: fewer, larger reads.
const PIPE_BYTES: usize = 1 << 20;

/// Starts a program whose file descriptors from `first_fd` on are pipes, and gives their ends.
pub fn start(
    program: &std::path::Path,
    args: &[OsString],
    stdin: Option<PipeReader>,
    first_fd: i32,
    pipes: usize,
    limits: ResourceLimits,
) -> Result<(Running, Vec<PipeReader>), StepError> {
    let failed = |why: std::io::Error| {
        StepError::Internal(format!("{} could not be started: {why}", program.display()))
    };
    let mut readers = Vec::with_capacity(pipes);
    let mut mappings = Vec::with_capacity(pipes);
    for child_fd in (first_fd..).take(pipes) {
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        // More than the system allows is refused, and then the default has to do.
        let _ = rustix::pipe::fcntl_setpipe_size(&reader, PIPE_BYTES);
        readers.push(reader);
        mappings.push(FdMapping {
            parent_fd: OwnedFd::from(writer),
            child_fd,
        });
    }
    let mut command = std::process::Command::new(program);
    command.args(args);
    command
        .fd_mappings(mappings)
        .map_err(|why| StepError::Internal(format!("pipes could not be passed on: {why}")))?;
    command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
    let io = [Stdio::null(), Stdio::piped()];
    let running = spawn(command, io, secrets(args), limits).map_err(failed)?;
    Ok((running, readers))
}

/// Runs a program to its end and gives its standard output, up to `max_bytes`.
pub async fn output(
    program: &std::path::Path,
    args: &[OsString],
    max_bytes: u64,
    limits: ResourceLimits,
) -> Result<(Ended, String), StepError> {
    let (running, stdout) = start_reading(program, args, limits)?;
    let mut text = Vec::new();
    stdout
        .take(max_bytes)
        .read_to_end(&mut text)
        .await
        .map_err(|why| could_not_run(program, &why))?;
    let ended = running.end().await?;
    Ok((ended, String::from_utf8_lossy(&text).into_owned()))
}

/// Runs a program and gives each line of its standard output to `take`, until its end, or until
/// that says that it has seen enough.
pub async fn each_line(
    program: &std::path::Path,
    args: &[OsString],
    limits: ResourceLimits,
    mut take: impl FnMut(&str) -> ControlFlow<()>,
) -> Result<Ended, StepError> {
    let (running, stdout) = start_reading(program, args, limits)?;
    read_lines(&running, stdout, &mut take)
        .await
        .map_err(|why| could_not_run(program, &why))?;
    running.end().await
}

/// The same, with each line that it writes to standard error.
pub async fn each_message(
    program: &std::path::Path,
    args: &[OsString],
    limits: ResourceLimits,
    mut take: impl FnMut(&str),
) -> Result<Ended, StepError> {
    let failed = |why: std::io::Error| could_not_run(program, &why);
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let mut command = std::process::Command::new(program);
    command.args(args).stdin(Stdio::null());
    let secrets = secrets(args);
    let io = [Stdio::null(), Stdio::from(writer)];
    let running = spawn(command, io, Vec::new(), limits).map_err(failed)?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
    let mut last = VecDeque::new();
    read_lines(&running, reader, &mut |line| {
        take(line);
        if last.len() == LAST_MESSAGES {
            last.pop_front();
        }
        last.push_back(line.to_owned());
        ControlFlow::Continue(())
    })
    .await
    .map_err(failed)?;
    let mut ended = running.end().await?;
    ended.stderr = redact(Vec::from(last).join("\n"), &secrets);
    Ok(ended)
}

async fn read_lines(
    running: &Running,
    stream: impl AsyncRead + Unpin,
    take: &mut impl FnMut(&str) -> ControlFlow<()>,
) -> std::io::Result<()> {
    let mut stream = BufReader::with_capacity(LINES_BYTES, stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut stream).take(LINE_BYTES);
        if bounded.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        running.watch.activity.beat();
        let text = String::from_utf8_lossy(&line);
        if take(text.trim_end()).is_break() {
            running.kill();
            return Ok(());
        }
    }
}

/// Starts a program whose standard output is read.
fn start_reading(
    program: &std::path::Path,
    args: &[OsString],
    limits: ResourceLimits,
) -> Result<(Running, ChildStdout), StepError> {
    let mut command = std::process::Command::new(program);
    command.args(args).stdin(Stdio::null());
    let io = [Stdio::piped(), Stdio::piped()];
    let running = spawn(command, io, secrets(args), limits);
    let mut running = running.map_err(|why| could_not_run(program, &why))?;
    let stdout = running.child.stdout.take();
    let stdout = stdout.ok_or_else(|| StepError::Internal("a program has no output".into()))?;
    Ok((running, stdout))
}

fn could_not_run(program: &std::path::Path, why: &std::io::Error) -> StepError {
    StepError::Internal(format!("{} could not be run: {why}", program.display()))
}

/// The arguments that must not be repeated: signed URLs, which programs print when they complain.
fn secrets(args: &[OsString]) -> Vec<String> {
    let urls = args.iter().filter_map(|arg| arg.to_str());
    urls.filter(|arg| arg.starts_with("http"))
        .map(Into::into)
        .collect()
}

fn spawn(
    command: std::process::Command,
    [stdout, stderr]: [Stdio; 2],
    secrets: Vec<String>,
    limits: ResourceLimits,
) -> std::io::Result<Running> {
    let mut command = Command::from(command);
    let mut child = command
        .env_clear()
        .stdout(stdout)
        .stderr(stderr)
        // Its own group, so that whatever it starts ends with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let group = group.ok_or_else(|| std::io::Error::other("it has ended already"))?;
    let watch = Watchdog::begin(group, limits);
    // The pipes' other ends live in the command; while it does, readers never see the end.
    drop(command);
    let stderr = child.stderr.take();
    Ok(Running {
        group: Some(group),
        watch,
        child,
        stderr: tokio::spawn(async move {
            match stderr {
                Some(stderr) => redact(tail(stderr).await, &secrets),
                None => String::new(),
            }
        }),
    })
}

impl Running {
    /// Waits until the program has ended.
    pub async fn end(mut self) -> Result<Ended, StepError> {
        let failed =
            |why: std::io::Error| StepError::Internal(format!("a program was lost: {why}"));
        let status = self.child.wait().await.map_err(failed)?;
        self.group = None;
        let exceeded = self.watch.stop();
        let stderr = (&mut self.stderr).await.unwrap_or_default();
        Ok(Ended {
            status,
            stderr,
            exceeded,
        })
    }

    /// Where readers of its output tell that they read it.
    pub fn activity(&self) -> &ActivityClock {
        &self.watch.activity
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// A program that is not waited for is ended, with all that it started.
impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ended {
    /// Whether it was ended from outside, as when the machine's memory ran out.
    pub fn was_killed(&self) -> bool {
        let killers = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP];
        let signal = self.status.signal();
        self.exceeded.is_none()
            && signal.is_some_and(|raw| killers.iter().any(|killer| killer.as_raw() == raw))
    }

    /// Whether it made a mistake that the system ends programs for: what it read made it do that.
    pub fn has_crashed(&self) -> bool {
        self.exceeded.is_none() && self.status.signal().is_some() && !self.was_killed()
    }
}

impl Ended {
    /// Whose fault it is that it did not succeed.
    pub fn blame(&self, stage: Stage) -> StepError {
        let stderr = self.stderr.trim();
        let ending = match self.exceeded {
            Some(bound) => Ending::Exceeded(bound),
            None if self.was_killed() => Ending::Killed,
            None if self.has_crashed() => Ending::Crashed,
            None => Ending::Failed,
        };
        tracing::warn!(?stage, ?ending, status = %self.status, stderr, "a program did not succeed");
        match diagnose(stage, ending, stderr) {
            Verdict::Source(error) => error.into(),
            Verdict::Stalled(error) => StepError::Stalled(error),
            Verdict::Crashed(error) => {
                sandbox::suspect();
                StepError::Crashed(error)
            }
            Verdict::Transient => {
                StepError::Transient(format!("a program ended with {}: {stderr}", self.status))
            }
        }
    }
}

fn redact(text: String, secrets: &[String]) -> String {
    let hidden = secrets
        .iter()
        .fold(text, |text, secret| text.replace(secret, "<source>"));
    // Where the beginning of the text was cut off within a URL, its signature may still stand.
    match hidden.find("X-Amz-Signature=") {
        Some(at) => hidden[at..]
            .split_once(char::is_whitespace)
            .map_or("", |(_, rest)| rest)
            .into(),
        None => hidden,
    }
}

/// Reads to the end and keeps the last part.
async fn tail(mut stream: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * STDERR_BYTES {
            kept.drain(..kept.len() - STDERR_BYTES);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
