//! What a sound is for: the film itself, or for somebody in particular.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an audio track is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The film's own.
    #[default]
    Main,
    /// A translation.
    Dub,
    /// With a voice that says what is to be seen, for blind viewers.
    Description,
    /// With speech that is easier to understand.
    ClearSpeech,
    /// Of somebody who talks about the film.
    Commentary,
}
