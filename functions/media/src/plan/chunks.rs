//! How many chunks a video is encoded in, and where they meet.
//!
//! # The rule
//!
//! Let *W* be the seconds that one function would need for the whole video. Chunks are encoded at
//! the same time, so *n* chunks take about *W / n* and a fixed time each: a function starts,
//! opens the source, and decodes from a keyframe before its first frame to that frame.
//! More chunks are sooner done, and cost more:
//!
//! | chunks of | ready after | surplus work |
//! |---|---|---|
//! | one segment | soonest | half as much decoding again |
//! | 12 s | some seconds later | up to 5 % of the CPU time, as measured; 0 to 3 % in most runs |
//! | minutes | minutes | nothing to speak of |
//!
//! So *n* is the least that reaches the *target* (`W / target`), within these bounds:
//!
//! - a chunk is whole segments, so at most one chunk for each;
//! - not more than may run at the same time: chunks that wait for others gain nothing,
//! - unless a chunk would last too long to be worth losing ([`LONGEST_SECONDS`]): then more of
//!   them take turns;
//! - never more than [`MAX_CHUNKS`].
//!
//! Segments are dealt out as evenly as whole segments allow, and then *n* is lowered as far as the
//! longest chunk stays as it is: 1200 segments for 1000 functions make 600 chunks of two, since
//! 1000 chunks of one or two would not be ready any sooner.

use super::FanOut;
use crate::{encoder::Preset, ladder::Rendition, source::VideoStream};

/// The longest a chunk may take to encode, in seconds: what is lost when its function dies, and
/// well within the 15 minutes that a function may run even if the estimate is far off.
pub const LONGEST_SECONDS: u64 = 240;

/// The most chunks of one video: what a state machine encodes at the same time, in groups.
pub const MAX_CHUNKS: u64 = 1600;

/// The most chunks of one sound beside the picture's.
pub const MAX_AUDIO_CHUNKS: u64 = 100;

/// What encoding a whole video costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// CPU time in milliseconds.
    pub(super) cpu_ms: u64,
    /// The part of it that goes into decoding.
    pub(super) decode_ms: u64,
}

impl Work {
    /// An estimate, from what was measured of a pixel that is decoded and of one that is encoded.
    pub(super) fn of(
        video: &VideoStream,
        frames: u64,
        renditions: &[Rendition],
        preset: Preset,
    ) -> Self {
        const DECODE_PICOSECONDS: u64 = 4_000;
        let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
        let encode = renditions
            .iter()
            .map(|r| pixels(r.width, r.height) * preset.picoseconds_per_pixel(r))
            .sum::<u64>();
        let decode = pixels(video.width, video.height) * DECODE_PICOSECONDS;
        let total = |per_frame: u64| {
            let total = u128::from(per_frame) * u128::from(frames) / 1_000_000_000;
            u64::try_from(total).unwrap_or(u64::MAX >> 16)
        };
        Self {
            cpu_ms: total(encode + decode),
            decode_ms: total(decode),
        }
    }
}

/// The number of chunks for a video of this many segments.
pub(super) fn count(segments: u64, work: Work, fan_out: FanOut) -> u64 {
    let whole_ms = work.cpu_ms * 1769 / u64::from(fan_out.memory_mb.max(1));
    let target_ms = u64::try_from(fan_out.target.as_millis()).unwrap_or(u64::MAX);
    let wanted = whole_ms.div_ceil(target_ms.max(1));
    let at_once = wanted.min(fan_out.max_parallel.into());
    let chunks = at_once
        .max(whole_ms.div_ceil(1000 * LONGEST_SECONDS))
        .clamp(1, segments.clamp(1, MAX_CHUNKS));
    let longest = segments.div_ceil(chunks).max(1);
    segments.div_ceil(longest).max(1)
}

/// The number of chunks for a video of which each decodes the source from its beginning; one if the last
/// would not be ready in time.
///
/// Every further chunk decodes half of the source once more, on average. So there are no more than make
/// the work twice what it is, unless a chunk would take too long.
pub(super) fn count_from_start(segments: u64, work: Work, fan_out: FanOut) -> u64 {
    let on_function = |cpu_ms: u64| cpu_ms * 1769 / u64::from(fan_out.memory_mb.max(1));
    if on_function(work.decode_ms) > 1000 * LONGEST_LEAD_SECONDS {
        return 1;
    }
    let affordable = 2 * work.cpu_ms / work.decode_ms.max(1);
    let needed = on_function(work.cpu_ms).div_ceil(1000 * LONGEST_SECONDS);
    count(segments, work, fan_out)
        .min(affordable)
        .max(needed)
        .clamp(1, segments.clamp(1, MAX_CHUNKS))
}

/// The longest that a chunk may decode before its first frame, in seconds: with [`LONGEST_SECONDS`] for
/// the chunk itself, it leaves some of the 15 minutes.
const LONGEST_LEAD_SECONDS: u64 = 500;

/// The first segment of each chunk: `chunks` as equal as can be, where `may_start` allows a cut.
pub(super) fn chunk_starts(
    segments: u64,
    chunks: u64,
    may_start: impl Fn(u64) -> bool,
) -> Vec<u32> {
    let mut chunk_starts: Vec<u32> = (1..chunks)
        .map(|index| index * segments / chunks)
        .filter(|&segment| segment > 0 && may_start(segment))
        .filter_map(|segment| segment.try_into().ok())
        .collect();
    chunk_starts.insert(0, 0);
    chunk_starts.dedup();
    chunk_starts
}

/// The segments of the longest chunk.
pub(super) fn longest(chunk_starts: &[u32], segments: u64) -> u64 {
    let ends = chunk_starts
        .iter()
        .skip(1)
        .map(|&next| next.into())
        .chain([segments]);
    let lengths = chunk_starts
        .iter()
        .zip(ends)
        .map(|(&first, end)| end.saturating_sub(first.into()));
    lengths.max().unwrap_or(segments)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const FAN_OUT: FanOut = FanOut {
        max_parallel: 1000,
        target: Duration::from_secs(15),
        memory_mb: 1769,
    };

    fn chunks(segments: u64, cpu_seconds: u64, fan_out: FanOut) -> u64 {
        let cpu_ms = cpu_seconds * 1000;
        let work = Work {
            cpu_ms,
            decode_ms: cpu_ms / 8,
        };
        count(segments, work, fan_out)
    }

    #[test]
    fn what_one_function_does_in_time_is_one_chunk() {
        assert_eq!(chunks(1, 0, FAN_OUT), 1);
        assert_eq!(chunks(10, 15, FAN_OUT), 1);
        assert_eq!(chunks(10, 16, FAN_OUT), 2);
    }

    #[test]
    fn a_film_uses_what_there_is_and_no_more() {
        // Two hours: 1200 segments; some 12,000 s of CPU time.
        assert_eq!(chunks(1200, 12_000, FAN_OUT), 600);
        // A new account runs ten functions at once: longer chunks, which take turns.
        let few = FanOut {
            max_parallel: 10,
            ..FAN_OUT
        };
        assert_eq!(chunks(1200, 12_000, few), 50);
        // Twelve hours.
        assert_eq!(chunks(7200, 72_000, FAN_OUT), 900);
    }

    #[test]
    fn one_at_a_time_still_bounds_what_can_be_lost() {
        let one = FanOut {
            max_parallel: 1,
            ..FAN_OUT
        };
        assert_eq!(chunks(100, 200, one), 1);
        assert_eq!(chunks(100, 1000, one), 5);
    }

    #[test]
    fn who_decodes_from_the_start_does_so_a_few_times() {
        let chunks = |cpu_seconds: u64, fan_out| {
            let work = Work {
                cpu_ms: cpu_seconds * 1000,
                decode_ms: cpu_seconds * 1000 / 8,
            };
            count_from_start(10_000, work, fan_out)
        };
        assert_eq!(chunks(10, FAN_OUT), 1);
        assert_eq!(chunks(60, FAN_OUT), 4);
        // Sixteen decode half of it, on average: eight times as long as it takes to decode it once.
        assert_eq!(chunks(600, FAN_OUT), 16);
        let few = FanOut {
            max_parallel: 2,
            ..FAN_OUT
        };
        assert_eq!(chunks(600, few), 3);
        // More only where a chunk would take more than four minutes; and none if the lead would.
        assert_eq!(chunks(4000, FAN_OUT), 17);
        assert_eq!(chunks(4001, FAN_OUT), 1);
    }

    #[test]
    fn cuts_are_even_and_only_where_they_may_be() {
        assert_eq!(chunk_starts(10, 4, |_| true), [0, 2, 5, 7]);
        assert_eq!(
            chunk_starts(10, 4, |segment| segment > 2 && segment < 7),
            [0, 5]
        );
        assert_eq!(chunk_starts(1, 1, |_| true), [0]);
        assert_eq!(chunk_starts(3, 3, |_| false), [0]);
    }

    proptest! {
        #[test]
        fn chunks_are_within_bounds_and_as_even_as_can_be(
            segments in 1u64..10_000, cpu_seconds in 0u64..200_000, max_parallel in 1u32..2000, memory_mb in 128u32..10_240,
        ) {
            let fan_out = FanOut { max_parallel, memory_mb, ..FAN_OUT };
            let chunks = chunks(segments, cpu_seconds, fan_out);
            prop_assert!(chunks >= 1 && chunks <= segments && chunks <= MAX_CHUNKS);
            let chunk_starts = chunk_starts(segments, chunks, |_| true);
            prop_assert_eq!(chunk_starts.len() as u64, chunks);
            let ends = chunk_starts[1..].iter().map(|&cut| u64::from(cut)).chain([segments]);
            let lengths: Vec<_> = chunk_starts.iter().zip(ends).map(|(&from, to)| to - u64::from(from)).collect();
            let (shortest, longest) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
            prop_assert!(*shortest >= 1 && longest - shortest <= 1, "{lengths:?}");
        }
    }
}
