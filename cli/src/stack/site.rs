//! Where a local stack is, and whether one serves there.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::emulator;
use super::http_head;
use crate::http;
use crate::project::Project;
use crate::state::StackState;

/// Which local stack: each has a folder and ports of its own.
pub(crate) struct Site {
    pub(super) folder: PathBuf,
    pub(super) proxy_port: u16,
    pub(super) emulator_port: u16,
}

impl Site {
    /// The one people use.
    pub(crate) fn main(project: &Project, proxy_port: u16) -> Self {
        Self {
            folder: project.target(),
            proxy_port,
            emulator_port: emulator::PORT,
        }
    }

    /// One for a single purpose, on free ports, beside whatever else runs.
    pub(crate) fn aside(project: &Project, purpose: &str) -> Self {
        Self {
            folder: project.target().join(purpose),
            proxy_port: 0,
            emulator_port: 0,
        }
    }

    /// Its description.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.folder.join("stack.json")
    }

    /// The right to have a stack here, unless another process has it. It ends with the process.
    pub(super) fn lock(&self) -> Result<Option<File>> {
        let path = self.folder.join("stack.lock");
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    /// The stack that serves here, if one does.
    pub(crate) fn running(&self) -> Option<StackState> {
        let state = StackState::read(&self.state_file()).ok()?;
        let instance = &state.local.as_ref()?.instance;
        let answer = http::agent(Duration::from_secs(2), true)
            .get(format!("{}{}", state.site_url, http_head::INSTANCE))
            .call()
            .ok()?
            .body_mut()
            .read_to_string()
            .ok()?;
        (answer == *instance).then_some(state)
    }
}
