//! What reading every packet of a stream tells: how long it lasts, and where it can be entered.

use super::{Container, clock::MAX_MICROS};
use crate::error::{ErrorType, VideoError};

/// The packets of a video stream, gathered from the lines of [`crate::command::probe_packets`].
#[derive(Debug, Clone)]
pub struct Packets {
    /// Whether whoever reads the stream takes a leap of its clock for a joint.
    closes_leaps: bool,
    count: u64,
    bytes: u64,
    first: Option<i64>,
    end: i64,
    sum: i64,
    untimed: i64,
    /// The last packet's time and length.
    last: Option<(i64, i64)>,
    /// By how much the clock has leapt so far.
    leapt: i64,
    keyframes: Vec<Keyframe>,
    is_joined: bool,
    /// Keyframes are not in order, by their times or places.
    is_disordered: bool,
}

/// What they told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// When the last packet is over on the stream's clock, in microseconds. Where the clock starts
    /// anew half-way, as in streams that were joined, the packets' own lengths count.
    pub end_us: i64,
    /// The keyframes in order; none where they are not in order.
    pub keyframes: Vec<Keyframe>,
    /// Whether the clock starts anew half-way, or leaps.
    pub is_joined: bool,
}

/// A frame that can be decoded by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Keyframe {
    /// When it is shown on the stream's clock, in microseconds.
    pub at_us: i64,
    /// The byte of the file at which its packet starts.
    pub position: u64,
}

impl Packets {
    /// Of a stream in such a container.
    pub fn of(container: Container) -> Self {
        Self {
            closes_leaps: container.clock_may_leap(),
            count: 0,
            bytes: 0,
            first: None,
            end: 0,
            sum: 0,
            untimed: 0,
            last: None,
            leapt: 0,
            keyframes: Vec::new(),
            is_joined: false,
            is_disordered: false,
        }
    }

    /// Takes one line: time, duration, size, place, flags. One without a time tells little.
    pub fn add(&mut self, line: &str) {
        self.count += 1;
        let mut fields = line.split(',');
        let mut micros = || {
            let seconds = fields.next()?.parse::<f64>().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float to integer cast saturates"
            )]
            let micros = (seconds * 1e6).round() as i64;
            (seconds.is_finite() && micros.unsigned_abs() <= MAX_MICROS.unsigned_abs())
                .then_some(micros)
        };
        let (at, length) = (micros(), micros().unwrap_or(0));
        let size = fields.next().and_then(|text| text.parse().ok());
        self.bytes = self.bytes.saturating_add(size.unwrap_or(0));
        let Some(at) = at else {
            self.untimed = self.untimed.saturating_add(length);
            return;
        };
        let at = self.without_leaps(at, length);
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.end = self.end.max(at.saturating_add(length));
        self.sum = self.sum.saturating_add(length);
        let position = fields.next().and_then(|text| text.parse().ok());
        let is_keyframe = fields.next().is_some_and(|flags| flags.starts_with('K'));
        if let Some(position) = position.filter(|_| is_keyframe) {
            let frame = Keyframe {
                at_us: at,
                position,
            };
            let follows = |last: &Keyframe| last.at_us < at && last.position < position;
            self.is_disordered |= !self.keyframes.last().is_none_or(follows);
            self.keyframes.push(frame);
        }
    }

    /// A time as if the clock had never leapt.
    fn without_leaps(&mut self, at: i64, length: i64) -> i64 {
        if let Some((last, last_length)) = self
            .last
            .replace((at, length))
            .filter(|_| self.closes_leaps)
        {
            let step = at.saturating_sub(last);
            if !(-LEAP_BACK_US..=LEAP_US).contains(&step) {
                self.is_joined = true;
                self.leapt = self.leapt.saturating_add(step).saturating_sub(last_length);
            }
        }
        at.saturating_sub(self.leapt)
    }

    /// Whether there are more than any video has, or more in them than in the whole file of this
    /// size, since it repeats itself: then it is not worth reading on.
    pub fn are_too_many(&self, file_bytes: u64) -> bool {
        self.count > MAX_PACKETS || is_repeated(self.bytes, file_bytes)
    }

    /// What all lines told; nothing if none had a time or a length.
    pub fn measured(self) -> Option<Measured> {
        let Some(first) = self.first else {
            // A stream without a container, whose frames follow one another from the beginning.
            return (self.untimed > 0).then_some(Measured {
                end_us: self.untimed,
                keyframes: Vec::new(),
                is_joined: false,
            });
        };
        let whole = first.saturating_add(self.sum);
        // Frames overlap by a rounding here and there; a clock that starts anew is far off.
        let is_joined =
            self.is_joined || !self.closes_leaps && whole > self.end.saturating_add(JOINED_US);
        // A clock of 33 bits that overflows is unwrapped by whoever reads from the start only.
        let cannot_be_entered = is_joined || self.is_disordered || self.end >= CLOCK_OVERFLOWS_US;
        Some(Measured {
            end_us: if self.closes_leaps {
                self.end
            } else {
                self.end.max(whole)
            },
            keyframes: if cannot_be_entered {
                Vec::new()
            } else {
                self.keyframes
            },
            is_joined,
        })
    }
}

/// Whether so many bytes were read of a file of this size that it must repeat itself.
pub fn is_repeated(bytes: u64, file_bytes: u64) -> bool {
    bytes > file_bytes.max(MIN_REPEATED).saturating_mul(REPEATS)
}

/// What is said of such a file.
pub fn repeats_itself() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It repeats itself, or is cut into more pieces than any video has. Export it again, then upload it again.",
    )
}

/// A clock that leaps so far ahead, or goes back so far, goes on after it as if it had not: ffmpeg
/// reads streams that were joined in that way.
const LEAP_US: i64 = 10_000_000;
const LEAP_BACK_US: i64 = 2_000_000;

/// A video may repeat a scene. One that is read a hundred times over asks for work that it does
/// not bring.
const REPEATS: u64 = 4;

/// Of a small file, this may be repeated.
const MIN_REPEATED: u64 = 1 << 20;

/// Twelve hours at 60 frames per second have 2.6 million, and a field may be a packet.
const MAX_PACKETS: u64 = 8_000_000;

/// When the clock of an MPEG transport stream, 33 bits at 90 kHz, starts anew.
const CLOCK_OVERFLOWS_US: i64 = (1 << 33) * 100 / 9;

/// A stream whose packets last so much longer than its clock was joined from several.
const JOINED_US: i64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(lines: &str) -> Option<Measured> {
        let mut packets = Packets::of(Container::Matroska);
        lines.lines().for_each(|line| packets.add(line));
        packets.measured()
    }

    fn end(lines: &str) -> Option<i64> {
        measured(lines).map(|measured| measured.end_us)
    }

    #[test]
    fn the_end_is_found_in_any_order() {
        assert_eq!(end("0.5,0.04\n0.58,0.04\n0.54,0.04\n"), Some(620_000));
        assert_eq!(end("0.0,N/A\nN/A,N/A\n2.0,\n"), Some(2_000_000));
        // A clock that starts anew.
        assert_eq!(end("0,1\n1,1\n0,1\n1,1\n"), Some(4_000_000));
        // No clock at all.
        assert_eq!(end("N/A,0.04\nN/A,0.04\n"), Some(80_000));
        assert_eq!(end("N/A,N/A\n"), None);
        assert_eq!(end(""), None);
        assert_eq!(end("inf,nan\n"), None);
    }

    #[test]
    fn a_clock_that_leaps_is_read_on() {
        let end = |lines: &str| {
            let mut packets = Packets::of(Container::MpegTs);
            lines.lines().for_each(|line| packets.add(line));
            let measured = packets.measured().unwrap();
            (measured.end_us, measured.is_joined)
        };
        // Ten minutes back, ten minutes ahead, a frame that is out of order.
        assert_eq!(end("601,1\n602,1\n1,1\n2,1\n"), (605_000_000, true));
        assert_eq!(end("1,1\n2,1\n603,1\n604,1\n"), (5_000_000, true));
        assert_eq!(end("1,1\n3,1\n2,1\n4,1\n"), (5_000_000, false));
    }

    #[test]
    fn what_repeats_itself_is_not_read_on() {
        let mut packets = Packets::of(Container::Matroska);
        for _ in 0..5 {
            assert!(!packets.are_too_many(1 << 20));
            packets.add("N/A,N/A,1000000,0,K__");
        }
        assert!(packets.are_too_many(1 << 20));
        assert!(!packets.are_too_many(10 << 20));
    }

    #[test]
    fn keyframes_have_their_place() {
        let found =
            measured("1.5,0.5,9,564,K__\n2.0,0.5,9,1000,___\n2.5,0.5,9,2000,K__\n").unwrap();
        let places: Vec<_> = found
            .keyframes
            .iter()
            .map(|k| (k.at_us, k.position))
            .collect();
        assert_eq!(places, [(1_500_000, 564), (2_500_000, 2000)]);
        for joined in [
            "1,0.5,9,100,K__\n0.5,0.5,9,200,K__\n",
            "1,5,9,100,K__\n2,5,9,200,K__\n",
            "95443.0,0.5,9,100,K__\n95444.0,0.5,9,200,K__\n",
        ] {
            assert!(measured(joined).unwrap().keyframes.is_empty(), "{joined}");
        }
    }
}
