//! What ffprobe and ffmpeg may use of the machine for one source.
//!
//! A file of a kilobyte can ask a decoder for gigabytes or hours. Whoever exceeds an allowance is
//! ended, and that is a verdict on the source: the same bytes would ask for the same again.

use std::time::Duration;

use crate::plan::{Part, Plan};

/// The bounds of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits {
    /// The memory that it may hold, in bytes.
    pub memory_bytes: u64,
    /// The memory that it may ask for, in bytes; the system refuses it more. Threads ask for stacks
    /// that they never fill, so this is the larger of the two where there are many.
    pub address_bytes: u64,
    /// How long it may run, not counting when its output is not taken; none where the function's own
    /// deadline is the bound.
    pub time: Option<Duration>,
    /// How long it may give no output while all of it is taken.
    pub silence: Option<Duration>,
}

const MIB: u64 = 1 << 20;

/// What a function needs for itself, beside its program: segments on their way to storage.
const FUNCTION_BYTES: u64 = 160 * MIB;

/// Reading what a file says of itself takes a few megabytes; a decoder that has to be tried on a
/// frame of 8K, a few hundred. (This is less than 1 GB.)
const PROBE_BYTES: u64 = 900 * MIB;

/// The stacks of some sixty threads.
const STACKS_BYTES: u64 = 512 * MIB;

/// Reading what a file says of itself takes less than a second.
const PROBE_TIME: Duration = Duration::from_secs(25);

/// A whole file is read at 50 MB/s and more; a third of that is allowed for.
const SCAN_BYTES_PER_SECOND: u64 = 16 * MIB;

/// How long reading a file may find no packet of the picture.
const SCAN_SILENCE: Duration = Duration::from_secs(25);

/// How long encoding may take, however little there is to encode, and how many times what it is
/// estimated to take. What a source of a few kilobytes asks for by repeating itself is far beyond.
const ENCODE_TIME: Duration = Duration::from_secs(25);
const ENCODE_FACTOR: u64 = 20;

/// A second of sound takes a fiftieth of a second, or less.
const AUDIO_FACTOR: u64 = 10;

/// One CPU; decoding makes good use of two.
const CPU_MB: u64 = 1769;

/// How long encoding may give nothing, of a source up to [`PATIENT_PIXELS`].
const ENCODE_SILENCE: Duration = Duration::from_mins(1);

/// Pictures with more pixels take longer in proportion.
const PATIENT_PIXELS: u64 = 1920 * 1080;

/// A chunk other than the first has to be decoded from the keyframe before it, which may be far.
const LATER_CHUNK_FACTOR: u32 = 3;

/// Of a function's memory, what a program may hold.
fn share(function_memory_mb: u32) -> u64 {
    (u64::from(function_memory_mb) * MIB).saturating_sub(FUNCTION_BYTES)
}

impl ResourceLimits {
    /// For ffprobe, which reads what a file says of itself.
    pub fn probe(function_memory_mb: u32) -> Self {
        let memory_bytes = share(function_memory_mb).min(PROBE_BYTES);
        Self {
            memory_bytes,
            address_bytes: memory_bytes,
            time: Some(PROBE_TIME),
            silence: None,
        }
    }

    /// For ffprobe, which reads every packet of a file of this size.
    pub fn scan(function_memory_mb: u32, size_bytes: u64) -> Self {
        let reading = Duration::from_secs(size_bytes / SCAN_BYTES_PER_SECOND);
        Self {
            time: Some(PROBE_TIME + reading),
            silence: Some(SCAN_SILENCE),
            ..Self::probe(function_memory_mb)
        }
    }

    /// For ffmpeg, which encodes a part of a plan.
    pub fn encode(function_memory_mb: u32, plan: &Plan, part: Part) -> Self {
        let memory_bytes = share(function_memory_mb);
        let size = u32::try_from(plan.source_pixels.div_ceil(PATIENT_PIXELS)).unwrap_or(u32::MAX);
        let reading = Duration::from_secs(plan.source_bytes / SCAN_BYTES_PER_SECOND);
        let enters_late = plan.span(part).is_some_and(|span| !span.is_first);
        let factor = if enters_late { LATER_CHUNK_FACTOR } else { 1 };
        let silence = if part.is_audio() {
            // It may pause, or begin late, and all of the picture lies in between.
            ENCODE_SILENCE + reading
        } else {
            ENCODE_SILENCE.saturating_mul(size.max(1).saturating_mul(factor))
        };
        Self {
            memory_bytes,
            address_bytes: memory_bytes + STACKS_BYTES,
            time: encode_time(function_memory_mb, plan, part),
            // All that is before a chunk may have to be decoded first.
            silence: Some(silence).filter(|_| !(plan.enters_at_start() && enters_late)),
        }
    }

    /// For ffmpeg, which reads all of a file of this size for what is said in it: there may be nothing for hours.
    pub fn texts(function_memory_mb: u32, size_bytes: u64) -> Self {
        Self {
            silence: None,
            ..Self::copy(function_memory_mb, size_bytes)
        }
    }

    /// For ffmpeg, which copies a file of this size.
    pub fn copy(function_memory_mb: u32, size_bytes: u64) -> Self {
        let scan = Self::scan(function_memory_mb, size_bytes);
        Self {
            address_bytes: scan.memory_bytes + STACKS_BYTES,
            ..scan
        }
    }
}

/// How long encoding a part may take; as long as the function may, for sound that is a part of its
/// own.
fn encode_time(function_memory_mb: u32, plan: &Plan, part: Part) -> Option<Duration> {
    let span = plan.span(part).filter(|_| !part.is_audio())?;
    let memory_mb = u64::from(function_memory_mb).clamp(1, 2 * CPU_MB);
    let whole_ms = plan.cpu_ms.saturating_mul(CPU_MB) / memory_mb;
    let frames = span.stop_frame - span.first_frame;
    let share = |frames: u64| whole_ms.saturating_mul(frames) / plan.frames.max(1);
    let expected = share(span.end_frame - span.first_frame).saturating_mul(ENCODE_FACTOR);
    // Few sources go on after their end.
    let surplus = share(span.stop_frame.saturating_sub(span.end_frame)).saturating_mul(4);
    // It may have to be decoded from its beginning.
    let before = if span.is_first {
        0
    } else {
        whole_ms.saturating_mul(LATER_CHUNK_FACTOR.into())
    };
    let sound = plan.grid.micros_at(frames) / 1000 / AUDIO_FACTOR;
    let reading = Duration::from_secs(plan.source_bytes / SCAN_BYTES_PER_SECOND);
    let ms = expected
        .saturating_add(surplus)
        .saturating_add(before)
        .saturating_add(sound);
    Some(ENCODE_TIME + reading + Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    #[test]
    fn a_program_never_gets_all_of_a_function_s_memory() {
        for memory_mb in [512, 1024, 1769, 3008, 10_240] {
            let memory = u64::from(memory_mb) * MIB;
            let probe = ResourceLimits::probe(memory_mb);
            assert!(probe.memory_bytes < 1_000_000_000 && probe.memory_bytes < memory);
            let plan = Plan::new(&source(20_000, (25, 1)), SETTINGS);
            let encode = ResourceLimits::encode(memory_mb, &plan, Part::Chunk(0));
            assert!(encode.memory_bytes < memory && encode.memory_bytes >= memory / 2);
        }
    }

    #[test]
    fn large_files_and_pictures_get_more_time() {
        let scan = |bytes| ResourceLimits::scan(3008, bytes).time.unwrap();
        assert_eq!(scan(1000), PROBE_TIME);
        assert!(scan(20 << 30) > Duration::from_mins(20));
        let silence = |width, height, part| {
            let mut info = source(600_000, (25, 1));
            (info.video.width, info.video.height) = (width, height);
            let plan = Plan::new(&info, SETTINGS);
            ResourceLimits::encode(3008, &plan, part)
                .silence
                .unwrap()
                .as_secs()
        };
        assert_eq!(silence(640, 360, Part::Chunk(0)), 60);
        assert_eq!(silence(1920, 1080, Part::Chunk(1)), 180);
        assert_eq!(silence(3840, 2160, Part::Chunk(0)), 240);
    }

    #[test]
    fn encoding_gets_many_times_what_it_is_estimated_to_take() {
        let time = |millis, part| {
            let mut info = source(millis, (25, 1));
            info.audio[0].exact_sample_rate = None;
            let plan = Plan::new(&info, SETTINGS);
            (ResourceLimits::encode(1769, &plan, part).time, plan)
        };
        let (tiny, _) = time(100, Part::Chunk(0));
        assert!(tiny.unwrap() < Duration::from_mins(3));
        let (first, plan) = time(600_000, Part::Chunk(0));
        let estimate = Duration::from_millis(plan.cpu_ms / u64::from(plan.chunks()));
        assert!(first.unwrap() > 10 * estimate, "{first:?} {estimate:?}");
        let (later, _) = time(600_000, Part::Chunk(1));
        assert!(later.unwrap() > first.unwrap());
        assert_eq!(time(600_000, Part::Audio(0, 0)).0, None);
    }
}
