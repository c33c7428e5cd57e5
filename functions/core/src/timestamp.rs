//! Instants, in the one unit that everything here counts in.
//!
//! Stored records, clients and AWS each have units of their own (milliseconds, seconds, RFC 3339):
//! whoever reads or writes those converts there, so that no instant in memory needs its unit said.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An instant of the wall clock, to the millisecond.
///
/// It is written as the API writes it: RFC 3339, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_millis: i64,
}

/// The text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an instant: expected RFC 3339")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The instant that is this many milliseconds after 1970.
    pub const fn from_millis(unix_millis: i64) -> Self {
        Self { unix_millis }
    }

    /// The instant that is this many seconds after 1970.
    pub const fn from_secs(unix_seconds: i64) -> Self {
        Self::from_millis(unix_seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.unix_millis
    }

    /// Whole seconds since 1970.
    pub const fn as_secs(self) -> i64 {
        self.unix_millis.div_euclid(1000)
    }

    /// How long ago another instant was; nothing if it is still to come.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let millis = self.unix_millis.saturating_sub(earlier.unix_millis);
        Duration::from_millis(millis.try_into().unwrap_or_default())
    }

    /// The same in the calendar. One that is out of its range is the first instant of 1970.
    pub(crate) fn utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.unix_millis) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

fn millis(span: Duration) -> i64 {
    span.as_millis().try_into().unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self::from_millis(self.unix_millis.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self::from_millis(self.unix_millis.saturating_sub(millis(span)))
    }
}

/// A clock that is set before 1970 shows 1970.
impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        Self::from_millis(millis(at.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(millis)
            .map(Self::from_millis)
            .map_err(|_| InvalidTimestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_the_api_writes_it() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_732_736_088_876, "2024-11-27T19:34:48.876Z"),
            (1_732_736_088_800, "2024-11-27T19:34:48.8Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(at.to_string(), text);
            assert_eq!(text.parse(), Ok(at));
        }
        assert_eq!(
            "2024-11-27T20:34:48.8769+01:00".parse(),
            Ok(Timestamp::from_millis(1_732_736_088_876))
        );
        assert_eq!("yesterday".parse::<Timestamp>(), Err(InvalidTimestamp));
    }

    #[test]
    fn nothing_overflows() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(Timestamp::from_secs(i64::MAX), last);
        assert_eq!(last.to_string(), "1970-01-01T00:00:00Z");
        let first = Timestamp::from_millis(i64::MIN);
        assert_eq!(first - Duration::MAX, first);
        assert_eq!(first.saturating_since(last), Duration::ZERO);
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        let at = Timestamp::from_secs(7) + Duration::from_millis(900);
        assert_eq!((at.as_secs(), at.as_millis()), (7, 7900));
        let earlier = at - Duration::from_secs(2);
        assert_eq!(at.saturating_since(earlier), Duration::from_secs(2));
        assert_eq!(earlier.saturating_since(at), Duration::ZERO);
    }
}
