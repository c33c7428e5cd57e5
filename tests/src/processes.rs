//! The functions' processes on this machine, seen from outside (Linux).

use std::{fs, process::Child};

use rustix::process::{Pid, Signal, kill_process};

use crate::stack::Stack;

/// A process that serves one of the stack's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionProcess(i32);

/// The processes that serve a function of this stack now.
pub fn of_function(stack: &Stack, function: &str) -> Vec<FunctionProcess> {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
    let endpoint = format!("AWS_ENDPOINT_URL={}", stack.aws_endpoint_url);
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let environment = match environment(pid) {
            _ if is_sandbox(pid) => return None,
            Some(own) => own,
            // One that hides its environment got it from the sandbox that started it.
            None => environment(parent(pid).filter(|&parent| is_sandbox(parent))?)?,
        };
        let serves = environment.contains(&name) && environment.contains(&endpoint);
        serves.then_some(FunctionProcess(pid))
    });
    processes.collect()
}

/// Where the emulator hands events to this stack's functions, as `host:port`.
pub fn runtime_apis(stack: &Stack) -> Vec<String> {
    let endpoint = format!("AWS_ENDPOINT_URL={}", stack.aws_endpoint_url);
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        environment(pid).filter(|all| all.contains(&endpoint))
    });
    let apis = environments.filter_map(|all| {
        let mut variables = all.iter();
        variables.find_map(|one| Some(one.strip_prefix("AWS_LAMBDA_RUNTIME_API=")?.to_owned()))
    });
    apis.collect()
}

/// The variables that a process was started with, unless it hides them.
fn environment(pid: i32) -> Option<Vec<String>> {
    let all = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = all.split(|&byte| byte == 0);
    Some(
        variables
            .map(|one| String::from_utf8_lossy(one).into_owned())
            .collect(),
    )
}

/// Whether a process is what starts a function and sees to its rules.
fn is_sandbox(pid: i32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).nth(1) == Some(b"lambda-sandbox")
}

fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// The command lines of all processes that can be seen.
pub fn command_lines() -> impl Iterator<Item = String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    })
}

/// The process of a function whose program (ffmpeg, say) has this among its arguments.
pub fn running(stack: &Stack, function: &str, argument: &str) -> Option<FunctionProcess> {
    of_function(stack, function).into_iter().find(|process| {
        let programs = process.programs();
        programs.iter().any(|(_, line)| line.contains(argument))
    })
}

impl FunctionProcess {
    /// A process that the caller started itself.
    pub fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).unwrap())
    }

    /// CPU seconds that its threads have used, to the nanosecond: for what is too short for
    /// [`Self::cpu_seconds`]. Threads that have ended are not counted.
    pub fn fine_cpu_seconds(self) -> f64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0)).unwrap();
        let nanoseconds = threads.filter_map(|thread| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        nanoseconds.sum::<u64>() as f64 / 1e9
    }

    /// Ends it at once, as when a sandbox is lost.
    pub fn kill(self) {
        assert!(self.try_kill(), "process {} is gone", self.0);
    }

    /// Has it stand still, as a sandbox between two invocations does.
    pub fn freeze(self) {
        kill_process(Pid::from_raw(self.0).unwrap(), Signal::STOP).unwrap();
    }

    /// Has it crash, as a program does that reads what it may not.
    pub fn crash(self) {
        kill_process(Pid::from_raw(self.0).unwrap(), Signal::SEGV).unwrap();
    }

    /// The same as [`Self::kill`], if it is still there; says whether it was.
    pub fn try_kill(self) -> bool {
        kill_process(Pid::from_raw(self.0).unwrap(), Signal::KILL).is_ok()
    }

    /// The programs that it runs now, and their command lines.
    pub fn programs(self) -> Vec<(Self, String)> {
        let id = self.0;
        let children =
            fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let programs = children.split_whitespace().filter_map(|child| {
            let line = fs::read(format!("/proc/{child}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            Some((Self(child.parse().ok()?), line))
        });
        programs.collect()
    }

    /// CPU seconds that it and the programs it waited for have used.
    pub fn cpu_seconds(self) -> f64 {
        let times = times(&self.0.to_string());
        times.own + times.children
    }

    /// The most memory that the process itself, without the programs it ran, ever held, in bytes.
    pub fn peak_memory_bytes(self) -> u64 {
        self.status_bytes("VmHWM:").unwrap()
    }

    /// The memory that it holds now, without its program's file; nothing if it is gone.
    pub fn memory_bytes(self) -> Option<u64> {
        self.status_bytes("RssAnon:")
    }

    /// What the system says of it; nothing if it is gone.
    pub fn status(self) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/status", self.0)).ok()
    }

    fn status_bytes(self, name: &str) -> Option<u64> {
        let status = self.status()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }
}

/// CPU seconds of all programs that this process has run and waited for.
pub fn children_cpu_seconds() -> f64 {
    times("self").children
}

struct Times {
    own: f64,
    children: f64,
}

fn times(pid: &str) -> Times {
    /// `USER_HZ`, which Linux fixes at 100 for what it tells programs.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The command's name is in parentheses and may hold anything; the numbers follow the last one.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    // Fields 14 to 17 of proc(5); the first of `fields` is number 4.
    Times {
        own: (fields[10] + fields[11]) / TICKS_PER_SECOND,
        children: (fields[12] + fields[13]) / TICKS_PER_SECOND,
    }
}
