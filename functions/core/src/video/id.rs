//! A video's name, and the month it is listed under.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// Names one video for ever: a version 7 UUID, so ids sort by creation time and can't be guessed.
///
/// Ids arrive in URLs and object keys, so parsing accepts the one canonical spelling only: two
/// spellings of an id would be two keys for one video.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(
    description = "The id of a video: a version 7 UUID, in lower case and with hyphens.",
    value_type = String,
    format = "uuid",
    examples("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e")
)]
pub struct VideoId(Uuid);

/// The text is not a video id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a video id: expected a lowercase, hyphenated version 7 UUID")]
pub struct InvalidVideoId;

impl VideoId {
    /// Takes a version 7 UUID; the caller owns the clock and the randomness that made it.
    pub fn new(uuid: Uuid) -> Result<Self, InvalidVideoId> {
        (uuid.get_version_num() == 7)
            .then_some(Self(uuid))
            .ok_or(InvalidVideoId)
    }

    /// The first id that a video of this instant could have: all that were created before it sort
    /// before it.
    pub fn first_at(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }

    /// When the video was created, to the millisecond: the id carries it.
    pub fn created_at(self) -> Timestamp {
        let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |t| t.to_unix());
        Timestamp::from_secs(seconds.cast_signed()) + Duration::from_nanos(nanos.into())
    }

    /// The month this video is listed under.
    pub fn month(self) -> Month {
        Month::of(self.created_at())
    }
}

impl FromStr for VideoId {
    type Err = InvalidVideoId;
    fn from_str(text: &str) -> Result<Self, InvalidVideoId> {
        let id = Self::new(Uuid::try_parse(text).map_err(|_| InvalidVideoId)?)?;
        (id.to_string() == text).then_some(id).ok_or(InvalidVideoId)
    }
}

impl TryFrom<String> for VideoId {
    type Error = InvalidVideoId;
    fn try_from(text: String) -> Result<Self, InvalidVideoId> {
        text.parse()
    }
}

impl From<VideoId> for String {
    fn from(id: VideoId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A calendar month in UTC, written `2026-11`: the bucket in which the library is listed.
///
/// One partition for the whole library would become a hot one, and one partition per video can't
/// be listed; a month is the middle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: i32,
    month: u8,
}

/// The text is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a month: expected YYYY-MM")]
pub struct InvalidMonth;

impl Month {
    /// The month in which an instant falls.
    pub fn of(at: Timestamp) -> Self {
        let at = at.utc();
        Self {
            year: at.year(),
            month: at.month().into(),
        }
    }

    /// The month before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        match self.month {
            1 => Self {
                year: self.year - 1,
                month: 12,
            },
            month => Self {
                month: month - 1,
                ..self
            },
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = InvalidMonth;
    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        let digits = |part: &str, len| {
            (part.len() == len && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<u16>().ok())
                .flatten()
        };
        let (year, month) = text.split_once('-').ok_or(InvalidMonth)?;
        match (digits(year, 4), digits(month, 2)) {
            (Some(year), Some(month @ 1..=12)) => Ok(Self {
                year: year.into(),
                month: month.try_into().map_err(|_| InvalidMonth)?,
            }),
            _ => Err(InvalidMonth),
        }
    }
}

impl TryFrom<String> for Month {
    type Error = InvalidMonth;
    fn try_from(text: String) -> Result<Self, InvalidMonth> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";

    #[test]
    fn an_id_has_one_spelling_and_one_version() {
        assert_eq!(
            ID.parse::<VideoId>().map(|id| id.to_string()),
            Ok(ID.into())
        );
        for wrong in [
            &ID.to_uppercase(),
            &ID.replace('-', ""),
            &format!("{{{ID}}}"),
            "01936f1e-7b2c-4c40-9d3e-1f2a3b4c5d6e",
            "../../etc/passwd",
            "",
        ] {
            assert_eq!(wrong.parse::<VideoId>(), Err(InvalidVideoId), "{wrong}");
        }
    }

    #[test]
    fn an_id_knows_its_month() {
        let id: VideoId = ID.parse().unwrap();
        assert_eq!(id.created_at().to_string(), "2024-11-27T19:34:48.876Z");
        assert_eq!(id.month().to_string(), "2024-11");
    }

    #[test]
    fn ids_sort_by_the_time_that_they_were_made() {
        let id: VideoId = ID.parse().unwrap();
        let made = id.created_at();
        assert!(VideoId::first_at(made) <= id);
        assert!(VideoId::first_at(made + Duration::from_millis(1)) > id);
        assert_eq!(VideoId::first_at(made).created_at(), id.created_at());
        assert!(VideoId::first_at(Timestamp::from_millis(-1)) < id);
    }

    #[test]
    fn months_count_backwards_over_a_year() {
        let january: Month = "2026-01".parse().unwrap();
        assert_eq!(january.previous().to_string(), "2025-12");
        for wrong in ["2026-13", "2026-00", "2026-1", "+026-01", "2026", ""] {
            assert_eq!(wrong.parse::<Month>(), Err(InvalidMonth), "{wrong}");
        }
    }
}
