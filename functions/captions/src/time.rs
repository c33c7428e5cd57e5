//! Times of cues: whole milliseconds, which is all that WebVTT and SubRip can say.

use std::fmt;

use crate::format::Format;

/// Hours beyond which a time is a mistake. No video that is accepted lasts as long, by far; and sums
/// stay far away from where numbers end.
const MAX_HOURS: u64 = 9_999;

/// A time from the beginning of the video, in milliseconds. Written as WebVTT does: `01:02:03.004`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// So many milliseconds from the beginning.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds from the beginning.
    pub const fn ms(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.0 / 1000, self.0 % 1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{ms:03}")
    }
}

/// Reads a time, in milliseconds; `None` if it is none. SubRip's can be negative, where a whole file
/// was moved to an earlier time.
///
/// WebVTT's times are read as its specification has it, except that a comma may stand for the point:
/// what else could be meant? SubRip has no specification, so anything goes that players read: fewer or
/// more digits, no fraction, spaces between the numbers.
pub(crate) fn read(text: &str, format: Format) -> Option<i64> {
    let compact: String;
    let (is_negative, text) = match format {
        Format::WebVtt => (false, text),
        Format::SubRip => {
            compact = text.split_whitespace().collect();
            match compact.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, &*compact),
            }
        }
    };
    let (clock, fraction) = match text.rsplit_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut units = clock.rsplit(':');
    let (seconds, minutes, hours) = (units.next()?, units.next()?, units.next());
    if units.next().is_some() {
        return None;
    }
    let ms = match (format, fraction) {
        (Format::WebVtt, _) if [seconds, minutes].iter().any(|two| two.len() != 2) => return None,
        (Format::WebVtt, fraction) => number(fraction.filter(|digits| digits.len() == 3)?)?,
        (Format::SubRip, None) => 0,
        // "1,5" is a second and five milliseconds, in every player.
        (Format::SubRip, Some(digits)) => {
            number(digits)?;
            number(digits.get(..3).unwrap_or(digits))?
        }
    };
    let most = match format {
        Format::WebVtt => 59,
        Format::SubRip => 99,
    };
    let sixty = |digits| number(digits).filter(|value| *value <= most);
    let hours = number(hours.unwrap_or("0")).filter(|hours| *hours <= MAX_HOURS)?;
    let ms = ((hours * 60 + sixty(minutes)?) * 60 + sixty(seconds)?) * 1000 + ms;
    let ms = i64::try_from(ms).ok()?;
    Some(if is_negative { -ms } else { ms })
}

/// Digits, and nothing else.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_players_read_them() {
        for (text, webvtt, subrip) in [
            ("00:00:01.500", Some(1500), Some(1500)),
            ("00:00:01,500", Some(1500), Some(1500)),
            ("00:01.500", Some(1500), Some(1500)),
            ("1:00:01.500", Some(3_601_500), Some(3_601_500)),
            ("100:00:00.000", Some(360_000_000), Some(360_000_000)),
            ("9999:59:59.999", Some(35_999_999_999), Some(35_999_999_999)),
            ("10000:00:00.000", None, None),
            ("99999999999999999999:00:00.000", None, None),
            ("0:1:2,3", None, Some(62_003)),
            ("00:00:01", None, Some(1000)),
            ("00:00:01,123456", None, Some(1123)),
            ("00:75:00,000", None, Some(4_500_000)),
            ("00: 00: 01, 500", None, Some(1500)),
            ("-00:00:01,500", None, Some(-1500)),
            ("00:00:01,", None, None),
            ("00:00:-1,500", None, None),
            ("00:00:00:01,500", None, None),
            ("00:00:01.5x0", None, None),
            ("00:00:01,١٢٣", None, None),
            ("01", None, None),
            ("", None, None),
            ("-", None, None),
        ] {
            assert_eq!(read(text, Format::WebVtt), webvtt, "WebVTT: {text:?}");
            assert_eq!(read(text, Format::SubRip), subrip, "SubRip: {text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for ms in [0, 1, 59_999, 3_600_000, 360_000_000, 35_999_999_999] {
            let text = Timestamp(ms).to_string();
            assert_eq!(
                read(&text, Format::WebVtt),
                i64::try_from(ms).ok(),
                "{text}"
            );
        }
        assert_eq!(Timestamp(360_061_001).to_string(), "100:01:01.001");
    }
}
