//! Who may change what the template's paths hold: one process at a time.

use std::fs::{File, TryLockError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::project::{Project, make_folder};
use crate::signals;

/// The right to change what the template's paths hold.
pub(crate) struct Artifacts {
    _lock: File,
}

/// Waits for the right to change what the template's paths hold.
pub(crate) fn lock(project: &Project) -> Result<Artifacts> {
    make_folder(&project.target())?;
    let path = project.target().join("artifacts.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            project
                .say
                .line("Waiting for another `cargo reelrun` to finish its deployment");
            while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                signals::pause(Duration::from_millis(200))?;
            }
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    Ok(Artifacts { _lock: file })
}
