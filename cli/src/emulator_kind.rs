//! Which emulator stands in for AWS, and all that differs between them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// An emulator of AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EmulatorKind {
    /// `MiniStack`: checks signatures and IAM policies, needs nothing
    #[default]
    #[value(name = "ministack")]
    MiniStack,
    /// `LocalStack`: one that runs, or, with Python 3.13, one that this command starts (450 MB)
    #[value(name = "localstack")]
    LocalStack,
}

impl EmulatorKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MiniStack => "MiniStack",
            Self::LocalStack => "LocalStack",
        }
    }

    /// How it is named on the command line.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::MiniStack => "ministack",
            Self::LocalStack => "localstack",
        }
    }

    /// Whether it has an HTTP API and a CDN. Where it has none, the proxy does their work.
    pub(crate) fn has_edge(self) -> bool {
        self == Self::MiniStack
    }
}
