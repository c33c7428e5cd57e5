//! What emulators that are started here have in common: a process, and a folder that goes with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::Service;
use crate::project::{make_folder, remove_folder};
use crate::signals;

/// An emulator's process; ends when dropped.
pub(super) struct EmulatorProcess {
    pub(super) service: Service,
    /// How a person is told of it.
    pub(super) name: &'static str,
    pub(super) log: PathBuf,
    /// Goes last, when nothing writes to it any more.
    pub(super) _scratch: Scratch,
}

impl EmulatorProcess {
    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.service
            .check(self.name)
            .with_context(|| format!("the local stack is gone; its log is {}", self.log.display()))
    }

    /// Waits until it answers.
    pub(super) fn wait_until(
        &mut self,
        is_ready: impl Fn() -> bool,
        patience: Duration,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !is_ready() {
            self.check()?;
            if Instant::now() > deadline {
                bail!(
                    "{} did not get ready; its log is {}",
                    self.name,
                    self.log.display()
                );
            }
            signals::pause(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

/// An emulator's objects and temporary files; removed when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder, in this one.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let temporary = folder.join("tmp");
        remove_folder(&temporary)?;
        make_folder(&temporary)?;
        // People's files will lie there.
        fs::set_permissions(&temporary, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot protect {}", temporary.display()))?;
        Ok(Self(temporary))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left, the next start removes.
        let _ = remove_folder(&self.0);
    }
}
