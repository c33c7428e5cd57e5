//! Where a video is in its life.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema, Type},
};

/// Where a video is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Status {
    /// An upload was permitted; its source has not been seen yet.
    Waiting,
    /// The source arrived and is being encoded.
    Preparing,
    /// Playlists are published.
    Ready,
    /// It was not made ready; the record's error says why.
    Errored,
    /// It was deleted, and its objects are being removed. No client sees this: to them the video is
    /// gone.
    Deleting,
}

/// The text is none of the words for a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status: expected waiting, preparing, ready, errored or deleting")]
pub struct InvalidStatus;

impl Status {
    const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Preparing,
        Self::Ready,
        Self::Errored,
        Self::Deleting,
    ];

    /// Those that clients see.
    fn shown() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|status| status.is_shown())
    }

    /// Whether clients see videos of this status.
    pub fn is_shown(self) -> bool {
        self != Self::Deleting
    }

    /// The word in the API and the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Errored => "errored",
            Self::Deleting => "deleting",
        }
    }
}

impl FromStr for Status {
    type Err = InvalidStatus;
    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(InvalidStatus)
    }
}

impl TryFrom<String> for Status {
    type Error = InvalidStatus;
    fn try_from(text: String) -> Result<Self, InvalidStatus> {
        text.parse()
    }
}

impl From<Status> for &'static str {
    fn from(status: Status) -> Self {
        status.as_str()
    }
}

/// Clients see four of the five.
impl PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        let status = Object::builder()
            .schema_type(Type::String)
            .enum_values(Some(Self::shown().map(Self::as_str)))
            .description(Some(
                "Where a video is in its life.\n\n\
                - `waiting`: the upload is permitted; the file has not been seen.\n\
                - `preparing`: it is being encoded.\n\
                - `ready`: it is published.\n\
                - `errored`: it was not made ready; `error` says why, and whether that may change.",
            ));
        status.into()
    }
}

impl ToSchema for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_read_by_its_word() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            let json = serde_json::json!(status);
            assert_eq!(json, status.as_str());
            assert_eq!(serde_json::from_value::<Status>(json).unwrap(), status);
        }
        assert_eq!("Ready".parse::<Status>(), Err(InvalidStatus));
        assert!(serde_json::from_value::<Status>("".into()).is_err());
    }

    #[test]
    fn clients_never_see_what_is_being_deleted() {
        let shown: Vec<_> = Status::shown().map(Status::as_str).collect();
        assert_eq!(shown, ["waiting", "preparing", "ready", "errored"]);
    }
}
