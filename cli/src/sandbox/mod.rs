//! The sandbox that a function runs in, with Lambda's rules: `reelrun lambda-sandbox` starts a function
//! in it, in place of its `bootstrap`.
//!
//! It knows nothing of the emulator that uses it. It is told where the function's code and layer are,
//! and how much memory it has; it hands on its own environment, output and standard error, and ends as
//! the function ended. Lines on its input, `freeze` and `thaw`, have the function stand still between
//! invocations.
//!
//! All rules are kept without control groups, which a process can seldom make, in a container least of
//! all: namespaces, limits of the system, a filter of system calls, and one process in the sandbox that
//! belongs to nobody in it. That one (`init.rs`) sees all processes of the sandbox and nothing else, so
//! it can count and stop them: by `SIGSTOP`, which a process can't refuse. What is decided is apart
//! from what is done: `rules.rs` and the list in `calls.rs`.
//!
//! **Architecture Invariant:** a function starts with all the rules that it was to start with, or not
//! at all.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod launch;
mod rules;
#[cfg(target_os = "linux")]
mod usage;

use std::path::PathBuf;

#[cfg(target_os = "linux")]
use anyhow::Result;

pub(crate) use self::rules::Rule;

/// Arguments by which a program that ends by itself is run, to see whether that can be done here.
pub(crate) const CHECK: [&str; 9] = [
    "lambda-sandbox",
    "--code",
    "/usr",
    "--memory-mb",
    "128",
    "--storage-mb",
    "1",
    "--",
    "/bin/true",
];

/// What is in the sandbox where, and how large it is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SandboxArgs {
    /// Folder that is /var/task
    #[arg(long)]
    code: PathBuf,
    /// Folder that is /opt
    #[arg(long)]
    layer: Option<PathBuf>,
    #[arg(long)]
    memory_mb: u64,
    /// Size of /tmp
    #[arg(long, default_value_t = 512)]
    storage_mb: u64,
    /// Who the function is, where this user may choose; one of its own for each sandbox, since processes
    /// are counted by user
    #[arg(long, default_value_t = rules::USER)]
    user: u32,
    /// Keep the rules that take no namespaces, and only those
    #[arg(long)]
    without_namespaces: bool,
    /// Be the sandbox's first process
    #[arg(long, hide = true)]
    inside: bool,
    /// What to run instead of the code's bootstrap
    #[arg(last = true)]
    program: Vec<String>,
}

/// `reelrun lambda-sandbox`: ends as the function does.
#[cfg(target_os = "linux")]
pub(crate) fn run(args: &SandboxArgs) -> Result<u8> {
    // Whoever starts this may keep what it makes to itself; the sandbox is for another user.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    if args.inside {
        init::run(args)
    } else if args.without_namespaces {
        launch::without_namespaces(args)
    } else {
        launch::run(args)
    }
}
