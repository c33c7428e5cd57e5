//! Times as ffprobe and ffmpeg write them, in microseconds.

/// Times beyond this (some 70,000 years) are forged, or the sum of a forged one; without them, no
/// sum or difference of two times overflows.
pub(super) const MAX_MICROS: i64 = i64::MAX / 4;

fn believable(micros: i64) -> Option<i64> {
    (-MAX_MICROS..=MAX_MICROS)
        .contains(&micros)
        .then_some(micros)
}

/// ffprobe's decimal seconds, exactly, in microseconds.
pub(super) fn seconds(text: Option<&str>) -> Option<i64> {
    let text = text?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let value = whole.checked_mul(1_000_000)?.checked_add(micros)?;
    believable(if negative { -value } else { value })
}

/// Matroska's `00:00:05.229000000`, in microseconds.
pub(super) fn clock_micros(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let rest = seconds(parts.next())?;
    hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?
        .checked_mul(1_000_000)?
        .checked_add(rest)
        .and_then(believable)
}

pub(super) fn positive(micros: i64) -> Option<u64> {
    u64::try_from(micros).ok().filter(|&micros| micros > 0)
}
