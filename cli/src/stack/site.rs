//! Where a local stack is, and whether one serves there.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::emulator;
use super::http_head;
use crate::builder::Profile;
use crate::emulator_kind::EmulatorKind;
use crate::http;
use crate::project::Project;
use crate::state::StackState;

/// Which local stack: each has a folder and ports of its own.
pub(crate) struct Site {
    pub(super) folder: PathBuf,
    pub(super) proxy_port: u16,
    pub(super) emulator_port: u16,
    pub(super) emulator: EmulatorKind,
    /// Of an emulator that somebody else runs.
    pub(super) endpoint: Option<String>,
}

impl Site {
    /// The one people use.
    pub(crate) fn main(project: &Project, proxy_port: u16) -> Self {
        Self {
            folder: project.target(),
            proxy_port,
            emulator_port: emulator::PORT,
            emulator: EmulatorKind::default(),
            endpoint: None,
        }
    }

    /// One for a single purpose, on free ports, beside whatever else runs.
    pub(crate) fn aside(project: &Project, purpose: &str) -> Self {
        Self {
            folder: project.target().join(purpose),
            proxy_port: 0,
            emulator_port: 0,
            emulator: EmulatorKind::default(),
            endpoint: None,
        }
    }

    /// The same on another emulator, be it one that somebody else runs.
    pub(crate) fn on(self, emulator: EmulatorKind, endpoint: Option<String>) -> Self {
        Self {
            emulator,
            endpoint,
            ..self
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

    /// How the functions are built for it: those of another's emulator run in containers, which have
    /// Lambda's C library and not this machine's.
    pub(crate) fn profile(&self) -> Profile {
        match self.endpoint {
            Some(_) => Profile::Release,
            None => Profile::Debug,
        }
    }

    /// Fails if the stack that serves here is on another emulator than asked for.
    pub(super) fn check_emulator(&self, state: &StackState) -> Result<()> {
        match &state.local {
            Some(local) if local.emulator != self.emulator => bail!(
                "the local stack is running on {}; `cargo reelrun down` stops it, and its videos go with \
                 it. Then run the command again to have it on {}",
                local.emulator.name(),
                self.emulator.name()
            ),
            _ => Ok(()),
        }
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
