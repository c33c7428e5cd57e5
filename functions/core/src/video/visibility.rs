//! Who may watch a video.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who may watch a video: whoever knows its id (`public`), or whoever has a playback token for it
/// (`private`).
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Whoever knows its id.
    #[default]
    Public,
    /// Whoever has a playback token for it.
    Private,
}

/// The text is not a visibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected public or private")]
pub struct InvalidVisibility;

impl Visibility {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Public, Self::Private];

    /// Its word in the API and the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// The other one of the two.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Public => Self::Private,
            Self::Private => Self::Public,
        }
    }

    /// Whether a token is needed.
    pub fn is_private(self) -> bool {
        self == Self::Private
    }
}

impl std::str::FromStr for Visibility {
    type Err = InvalidVisibility;
    fn from_str(text: &str) -> Result<Self, InvalidVisibility> {
        match text {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            _ => Err(InvalidVisibility),
        }
    }
}
