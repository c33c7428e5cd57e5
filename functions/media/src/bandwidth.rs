//! Bit rates, measured from stored bytes as RFC 8216 (4.3.4.2) defines them.

use crate::report::SegmentReport;

/// The peak segment bit rate in bit/s: the highest rate of any run of consecutive segments whose
/// length is between 0.5 and 1.5 target durations. A track shorter than that is one run.
pub fn peak(segments: &[SegmentReport], timescale: u32, target_duration_seconds: u64) -> u64 {
    let target = target_duration_seconds * u64::from(timescale);
    let mut peak = 0;
    for first in 0..segments.len() {
        let (mut bits, mut ticks) = (0, 0);
        for segment in &segments[first..] {
            bits += segment.bytes * 8;
            ticks += segment.ticks;
            if ticks * 2 > target * 3 {
                break;
            }
            if ticks * 2 >= target {
                peak = peak.max(rate(bits, ticks, timescale));
            }
        }
    }
    if peak > 0 {
        peak
    } else {
        average(segments, timescale)
    }
}

/// The average segment bit rate in bit/s: all bits over the whole length.
pub fn average(segments: &[SegmentReport], timescale: u32) -> u64 {
    let bits = segments.iter().map(|segment| segment.bytes * 8).sum();
    let ticks = segments.iter().map(|segment| segment.ticks).sum();
    rate(bits, ticks, timescale)
}

/// Bits over a time, rounded up: an announced rate must not be below the real one.
pub fn rate(bits: u64, ticks: u64, timescale: u32) -> u64 {
    let rate = (u128::from(bits) * u128::from(timescale)).div_ceil(u128::from(ticks.max(1)));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(list: &[(u64, u64)]) -> Vec<SegmentReport> {
        let report = |&(bytes, ticks)| SegmentReport {
            bytes,
            ticks,
            iframes: vec![],
        };
        list.iter().map(report).collect()
    }

    #[test]
    fn the_peak_is_over_runs_of_about_a_target_duration() {
        // The last segment alone (1 s) is too short to count; with its neighbour it is 7 s.
        let list = segments(&[(600, 6), (1200, 6), (1000, 1)]);
        assert_eq!(peak(&list, 1, 6), 2200 * 8 / 7 + 1);
        assert_eq!(average(&list, 1), 2800 * 8 / 13 + 1);
    }

    #[test]
    fn a_short_track_is_its_own_peak() {
        let list = segments(&[(100, 1)]);
        assert_eq!(peak(&list, 1, 6), 800);
        assert_eq!(peak(&[], 1, 6), 0);
    }

    #[test]
    fn short_segments_are_judged_together() {
        let list = segments(&[(100, 2), (900, 2), (100, 2), (100, 2)]);
        // 2 s alone is under half of 6 s; the best pair is 4 s.
        assert_eq!(peak(&list, 1, 6), 1000 * 8 / 4);
    }
}
