//! The two architectures Lambda offers, and what each is called elsewhere.

use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;

/// Architecture of the functions and the ffmpeg layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit ARM (Graviton)
    #[value(name = "arm64", alias = "aarch64")]
    Arm64,
    /// 64-bit x86
    #[value(name = "x86_64", alias = "amd64")]
    X86_64,
}

impl Arch {
    /// The architecture of this machine.
    pub(crate) fn host() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!(
                "Lambda runs x86_64 and arm64, and this machine is {other}; \
                 name one with --arch where the command takes it"
            ),
        }
    }

    /// Its name in Lambda and in the template's `Architecture` parameter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// Rust's target triple for Lambda.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// cargo-lambda's flag.
    pub(crate) fn cargo_lambda_flag(self) -> &'static str {
        match self {
            Self::Arm64 => "--arm64",
            Self::X86_64 => "--x86-64",
        }
    }

    /// The platform part of a Python wheel's name.
    pub(crate) fn wheel(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
