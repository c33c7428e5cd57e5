//! Why a video can't be made ready: the reasons a person reads, with types a program can match.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a video is not made ready. Most are the file's fault, for good: trying again with the same bytes
/// gives the same answer; see [`ErrorType::may_end_otherwise`].
///
/// The names are part of the API (`error.type` of a video) and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = VideoErrorType, description = ErrorType::described())]
pub enum ErrorType {
    /// The bytes are no media container that Reelrun reads.
    NotAVideo,
    /// A media container, but damaged or cut short.
    MalformedMedia,
    /// Media without a moving picture, as an audio file.
    NoVideoStream,
    /// Longer than this deployment accepts.
    TooLong,
    /// Larger dimensions than this deployment accepts.
    TooLarge,
    /// A codec for which the decoder is missing.
    UnsupportedCodec,
    /// Encrypted (DRM) media.
    ProtectedContent,
    /// The uploaded object is gone.
    SourceMissing,
    /// Our fault, after every retry.
    Internal,
}

impl ErrorType {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::NotAVideo,
        Self::MalformedMedia,
        Self::NoVideoStream,
        Self::TooLong,
        Self::TooLarge,
        Self::UnsupportedCodec,
        Self::ProtectedContent,
        Self::SourceMissing,
        Self::Internal,
    ];

    /// Those that another try may end otherwise, once the cause is fixed or the deployment has other
    /// limits. Nothing of such a video is removed.
    pub const MAY_END_OTHERWISE: [Self; 3] = [Self::TooLong, Self::TooLarge, Self::Internal];

    /// Whether it is one of [`Self::MAY_END_OTHERWISE`].
    pub fn may_end_otherwise(self) -> bool {
        Self::MAY_END_OTHERWISE.contains(&self)
    }

    /// Those that say that the file may be anything: it is kept for the operator alone, since nobody
    /// could play it, and what is served under the owner's name should be video.
    pub const WITHDRAWS_THE_SOURCE: [Self; 3] =
        [Self::NotAVideo, Self::MalformedMedia, Self::NoVideoStream];

    /// Whether it is one of [`Self::WITHDRAWS_THE_SOURCE`].
    pub fn withdraws_the_source(self) -> bool {
        Self::WITHDRAWS_THE_SOURCE.contains(&self)
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAVideo => "not-a-video",
            Self::MalformedMedia => "malformed-media",
            Self::NoVideoStream => "no-video-stream",
            Self::TooLong => "too-long",
            Self::TooLarge => "too-large",
            Self::UnsupportedCodec => "unsupported-codec",
            Self::ProtectedContent => "protected-content",
            Self::SourceMissing => "source-missing",
            Self::Internal => "internal",
        }
    }

    /// The same for every occurrence of the type.
    pub fn title(self) -> &'static str {
        match self {
            Self::NotAVideo => "This file is not a video",
            Self::MalformedMedia => "This video file is damaged",
            Self::NoVideoStream => "This file has no video in it",
            Self::TooLong => "This video is too long",
            Self::TooLarge => "This picture is too large",
            Self::UnsupportedCodec => "This video's codec is not supported",
            Self::ProtectedContent => "This video is copy-protected",
            Self::SourceMissing => "The uploaded file is gone",
            Self::Internal => "Something went wrong on our side",
        }
    }

    /// When it comes, for the API's documentation.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NotAVideo => "the content is in no format that is read, or the file is empty",
            Self::MalformedMedia => "damaged, cut short, or not decodable",
            Self::NoVideoStream => {
                "no moving picture, and no audio either, or audio-only files are refused"
            }
            Self::TooLong => "longer than is accepted, or than can be encoded",
            Self::TooLarge => "more pixels than are decoded, or more than there is memory for",
            Self::UnsupportedCodec => {
                "the codec of the picture or the sound is not known, or is Dolby Vision that only Dolby's decoders show"
            }
            Self::ProtectedContent => "encrypted (DRM)",
            Self::SourceMissing => "the file was deleted before it was read",
            Self::Internal => {
                "every attempt failed, the file not being at fault: the operator can have it tried again"
            }
        }
    }

    fn described() -> String {
        let types = Self::ALL.map(|kind| format!("- `{}`: {}.", kind.as_str(), kind.meaning()));
        format!(
            "Why a video is not made ready. `internal` is not the file's fault, and `source-missing` says that there is none; `too-long` and `too-large` depend on the deployment's limits as well. All others are the file's fault, for good: trying again with the same bytes gives the same answer.\n\n{}",
            types.join("\n")
        )
    }
}

/// Why a video is not made ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct VideoError {
    /// The stable type.
    #[serde(rename = "type")]
    pub kind: ErrorType,
    /// The type in words.
    pub title: String,
    /// This occurrence: what happened and what to do.
    pub detail: String,
}

impl VideoError {
    /// A reason of a type, with what happened here.
    pub fn new(kind: ErrorType, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: kind.title().into(),
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_word_in_json_is_the_word_in_logs() {
        for kind in ErrorType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn all_are_all() {
        let schema = json!(ErrorType::schema());
        assert_eq!(schema["enum"], json!(ErrorType::ALL));
    }
}
