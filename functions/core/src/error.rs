//! Why a video can't be made ready: the reasons a person reads, with types a program can match.

use serde::{Deserialize, Serialize};

/// What is wrong with a source, for good: trying again with the same bytes gives the same answer.
///
/// The names are part of the API (`error.type` of a video) and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

/// One video's reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    use super::*;

    #[test]
    fn the_word_in_json_is_the_word_in_logs() {
        for kind in [
            ErrorType::NotAVideo,
            ErrorType::MalformedMedia,
            ErrorType::NoVideoStream,
            ErrorType::TooLong,
            ErrorType::TooLarge,
            ErrorType::UnsupportedCodec,
            ErrorType::ProtectedContent,
            ErrorType::SourceMissing,
            ErrorType::Internal,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
