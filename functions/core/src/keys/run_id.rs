//! The names of runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one run of a state machine over one video: which source it encodes, and which
/// attempt it is. Runs share no working file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// The text names no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a run")]
pub struct InvalidRunId;

/// An execution is named by the video (36 characters), a dash and the run; 80 are allowed.
const MAX_RUN_ID: usize = 43;

impl RunId {
    /// The name of an attempt, in a generation (both from 1), at a source with this entity tag, which
    /// changes with its bytes.
    pub fn new(entity_tag: &str, generation: u32, attempt: u32) -> Self {
        let version: String = entity_tag
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(32)
            .collect();
        let version = if version.is_empty() { "0" } else { &version };
        // The first generation's names are those of earlier versions, whose runs may be under way.
        match generation {
            0 | 1 => Self(format!("{version}-{attempt}")),
            _ => {
                let (generation, attempt) = (generation.min(999_999), attempt.min(999));
                Self(format!("{version}-{generation}x{attempt}"))
            }
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = InvalidRunId;
    fn try_from(text: String) -> Result<Self, InvalidRunId> {
        let is_name =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        match text.split_once('-') {
            Some((version, attempt))
                if text.len() <= MAX_RUN_ID && is_name(version) && is_name(attempt) =>
            {
                Ok(Self(text))
            }
            _ => Err(InvalidRunId),
        }
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
