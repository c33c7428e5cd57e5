//! From outside: makes the namespaces, starts the sandbox's first process in them, and ends as it ends.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::{Gid, Uid, geteuid, getgid, getuid};

use super::rules::{self, DESCRIPTORS, PROCESSES};
use super::{SandboxArgs, calls};

/// What the sandbox has of its own; the network it shares with the machine.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWIPC);

/// Runs the function in a sandbox.
pub(super) fn run(args: &SandboxArgs) -> Result<u8> {
    make_readable(&args.code).context("the function's code")?;
    make_namespaces()?;
    // In a new process namespace there are no more threads, so signals are waited for.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    let mut first = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1).take(1))
        .arg("--inside")
        .args(std::env::args_os().skip(2))
        .spawn()
        .context("the sandbox has no first process")?;
    let status = loop {
        if let Some(status) = first.try_wait()? {
            break status;
        }
        // Ending at once would leave it to somebody who may not wait for it.
        if signals.wait()? == Signal::SIGTERM {
            first.kill()?;
        }
    };
    signals.thread_unblock()?;
    let killed = status.signal().map(|signal| SIGNALED + signal);
    let code = status.code().or(killed).unwrap_or(1);
    if let Some(signal) = signal_of(code) {
        die_of(signal)?;
    }
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Becomes the function, under the rules that can be kept without namespaces.
pub(super) fn without_namespaces(args: &SandboxArgs) -> Result<u8> {
    make_readable(&args.code).context("the function's code")?;
    let variables = variables()?;
    limit()?;
    calls::filter()?;
    let program = match args.program.first() {
        Some(program) => program.into(),
        None => args.code.join("bootstrap"),
    };
    let why = Command::new(&program)
        .args(args.program.iter().skip(1))
        .env_clear()
        .envs(variables)
        // The layer is on this one.
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(&args.code)
        .stdin(Stdio::null())
        .exec();
    Err(why).with_context(|| format!("cannot run {}", program.display()))
}

/// The variables of the function.
pub(super) fn variables() -> Result<Vec<(std::ffi::OsString, std::ffi::OsString)>> {
    rules::environment(std::env::vars_os()).map_err(anyhow::Error::msg)
}

/// Sets the limits that the system keeps.
pub(super) fn limit() -> Result<()> {
    for (resource, most) in [
        (Resource::RLIMIT_NOFILE, DESCRIPTORS),
        (Resource::RLIMIT_NPROC, PROCESSES),
        (Resource::RLIMIT_CORE, 0),
    ] {
        // Where there is a lower one, it stays.
        let limited = getrlimit(resource).and_then(|(_, hard)| {
            let most = most.min(hard);
            setrlimit(resource, most, most)
        });
        limited.with_context(|| format!("cannot limit {resource:?}"))?;
    }
    Ok(())
}

/// By itself as root, otherwise in a namespace in which this user is root.
fn make_namespaces() -> Result<()> {
    if geteuid().is_root() && unshare(NAMESPACES).is_ok() {
        return Ok(());
    }
    let (user, group) = (getuid(), getgid());
    unshare(NAMESPACES | CloneFlags::CLONE_NEWUSER)
        .context("this system lets nobody make namespaces")?;
    become_user(0, user, group)
}

/// In a user namespace that is new: the only user of it, and which one that is outside.
pub(super) fn become_user(inside: u32, user: Uid, group: Gid) -> Result<()> {
    let write = |file: &str, text: String| {
        let path = format!("/proc/self/{file}");
        let written = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write {path}"))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{inside} {user} 1"))?;
    write("gid_map", format!("{inside} {group} 1"))
}

/// Whether this process's user namespace has a user of this number.
pub(super) fn exists(user: u32) -> io::Result<bool> {
    Ok(is_mapped(&fs::read_to_string("/proc/self/uid_map")?, user))
}

fn is_mapped(map: &str, user: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return false;
        };
        (first..first + count).contains(&u64::from(user))
    })
}

/// What is to be run must be readable to whoever runs it; on Lambda, everybody may read it.
fn make_readable(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.mode() & 0o7777;
    let wanted = if found.is_dir() || mode & 0o100 != 0 {
        mode | 0o555
    } else {
        mode | 0o444
    };
    // Of what belongs to others, they decide.
    if wanted != mode && found.uid() == geteuid().as_raw() {
        fs::set_permissions(path, Permissions::from_mode(wanted))?;
        if found.is_dir() {
            for entry in fs::read_dir(path)? {
                make_readable(&entry?.path())?;
            }
        }
    }
    Ok(())
}

/// How the first process, which no signal kills, says which one killed the function: as a shell does.
pub(super) const SIGNALED: i32 = 128;

fn signal_of(code: i32) -> Option<Signal> {
    Signal::try_from(code.checked_sub(SIGNALED)?).ok()
}

fn die_of(signal: Signal) -> Result<()> {
    // Without a core file: it is not this program that has failed.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // Rust's own handler of memory faults takes the first one, and then itself away.
    raise(signal)?;
    raise(signal)?;
    bail!("the function was killed by {signal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_by_a_signal_is_told_from_an_exit_code() {
        assert_eq!(signal_of(137), Some(Signal::SIGKILL));
        assert_eq!(signal_of(139), Some(Signal::SIGSEGV));
        for code in [0, 1, 127, 128, 255] {
            assert_eq!(signal_of(code), None, "{code}");
        }
    }

    #[test]
    fn a_user_exists_where_the_namespace_has_it() {
        assert!(is_mapped("         0          0 4294967295\n", 50_000));
        assert!(!is_mapped("         0       1000          1\n", 993));
        assert!(is_mapped("0 1000 1\n1 100000 65536\n", 993));
        assert!(!is_mapped("", 0));
    }

    #[test]
    fn code_is_made_readable_and_no_more_writable() {
        let folder = std::env::temp_dir().join(format!("reelrun-code-{}", std::process::id()));
        let program = folder.join("bootstrap");
        fs::create_dir(&folder).expect("made");
        fs::write(&program, "").expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("set");
        make_readable(&folder).expect("ours");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(&folder), mode(&program)), (0o755, 0o755));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
