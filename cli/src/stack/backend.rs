//! A running emulator, whichever it is.

use std::path::Path;

use anyhow::Result;

use super::emulator::Emulator;
use super::isolation::Isolation;
use super::localstack::LocalStack;
use super::site::Site;
use crate::emulator_kind::EmulatorKind;
use crate::project::Project;
use crate::sam::Credentials;

/// A running emulator; ends when dropped, if it was started here.
pub(super) enum Backend {
    MiniStack(Emulator),
    LocalStack(LocalStack),
}

/// What its clients need to know.
pub(super) struct Address<'a> {
    pub(super) url: &'a str,
    pub(super) credentials: &'a Credentials,
    pub(super) secret: &'a str,
    pub(super) log: &'a Path,
}

impl Backend {
    /// Starts the one that this site is to have, or takes the one that it names.
    pub(super) fn start(
        project: &Project,
        isolation: &Isolation,
        layer: &Path,
        site: &Site,
    ) -> Result<Self> {
        let (folder, port) = (site.folder.join("stack"), site.emulator_port);
        Ok(match (site.emulator, &site.endpoint) {
            (EmulatorKind::MiniStack, _) => {
                Self::MiniStack(Emulator::start(project, isolation, layer, &folder, port)?)
            }
            (EmulatorKind::LocalStack, Some(url)) => {
                Self::LocalStack(LocalStack::at(project, url)?)
            }
            (EmulatorKind::LocalStack, None) => {
                Self::LocalStack(LocalStack::start(project, isolation, layer, &folder, port)?)
            }
        })
    }

    pub(super) fn address(&self) -> Address<'_> {
        match self {
            Self::MiniStack(emulator) => Address {
                url: &emulator.url,
                credentials: &emulator.credentials,
                secret: &emulator.secret,
                log: emulator.log(),
            },
            Self::LocalStack(localstack) => Address {
                url: &localstack.url,
                credentials: &localstack.credentials,
                secret: &localstack.secret,
                log: &localstack.log,
            },
        }
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self {
            Self::MiniStack(emulator) => emulator.check(),
            Self::LocalStack(localstack) => localstack.check(),
        }
    }
}
