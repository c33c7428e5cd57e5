//! What the sandbox that the function runs in must not become: a place where a program that a file has
//! taken over finds the function's secrets, or waits for the next file.

use std::{
    env,
    fs::{File, Permissions},
    io::{self, Seek as _},
    os::{
        fd::AsRawFd as _,
        unix::{fs::PermissionsExt as _, process::CommandExt as _},
    },
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use rustix::{fs::MemfdFlags, process::DumpableBehavior};

/// Whether a program has crashed on what it read.
static IS_SUSPECT: AtomicBool = AtomicBool::new(false);

/// Says that this process is the copy that [`rerun_unreadable`] made.
const IS_COPY: &str = "REELRUN_IS_UNREADABLE_COPY";

/// Keeps programs of the same user from reading the function's environment and memory through `/proc`,
/// and with them the credentials that theirs lacks.
///
/// The system does that when asked to. Lambda refuses the question, as it refuses every `prctl`. But
/// Linux also does it unasked for a program whose file its user may run and not read; so where the
/// question is refused, this process becomes a copy of itself in such a file. What is refused as well
/// is logged, and never a reason not to work.
pub fn hide_from_programs() {
    let Err(refused) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) else {
        return;
    };
    if is_hidden() {
        tracing::debug!(%refused, "hidden from other programs by an executable that can't be read");
        return;
    }
    let why = if env::var_os(IS_COPY).is_some() {
        "this user reads what it has no permission for".to_owned()
    } else {
        rerun_unreadable().to_string()
    };
    tracing::warn!(%refused, why, "programs of the same user can read this one's environment and memory");
}

/// Whether what `/proc` says of this process belongs to root alone.
fn is_hidden() -> bool {
    File::open("/proc/self/environ").is_err()
}

/// Becomes a copy of itself, in memory, that its user may run and not read. Returns only what prevented
/// that.
fn rerun_unreadable() -> io::Error {
    let copy = || {
        let mut copy = File::from(rustix::fs::memfd_create("reelrun", MemfdFlags::CLOEXEC)?);
        io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
        copy.rewind()?;
        copy.set_permissions(Permissions::from_mode(0o111))?;
        // A file that is open for writing can't be run.
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        let opened = rustix::fs::open(
            &path,
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?;
        drop(copy);
        Ok::<_, io::Error>(opened)
    };
    match copy() {
        Ok(copy) => Command::new(format!("/proc/self/fd/{}", copy.as_raw_fd()))
            .args(env::args_os().skip(1))
            .env(IS_COPY, "1")
            .exec(),
        Err(why) => why,
    }
}

/// A program has crashed, so a file may have run code of its own, which may have left something behind.
#[derive(Debug, thiserror::Error)]
#[error("a program crashed on what it read: this process ends, and Lambda resets its sandbox")]
pub struct Suspect;

/// Notes that a program has crashed.
pub(crate) fn suspect() {
    IS_SUSPECT.store(true, Relaxed);
}

/// Fails if this process must not see another file. Lambda then ends every process of the sandbox
/// before it starts another one; files it keeps, but programs could write none.
pub fn check() -> Result<(), Suspect> {
    if IS_SUSPECT.load(Relaxed) {
        Err(Suspect)
    } else {
        Ok(())
    }
}
