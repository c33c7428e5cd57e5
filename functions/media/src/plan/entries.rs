//! Where each chunk enters a source that has no index, by byte.
//!
//! An MPEG transport stream can be read from any packet on, but a reader that looks for a time
//! guesses. So its keyframes were found by reading it once, and each chunk is told the byte of one
//! that comes in good time before its first frame.

use serde::{Deserialize, Serialize};

use super::{Part, Plan, chunks};
use crate::{
    source::{SourceInfo, Trial},
    timeline::Grid,
};

/// The entries of all chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// When the container's clock starts, in microseconds.
    pub clock_start_us: i64,
    /// The byte at which each chunk enters.
    positions: Vec<u64>,
}

/// How long before the first frame or sample that it needs a chunk enters the source: a frame that
/// is still shown may have begun earlier, and a decoder of sound needs some packets to tune in.
pub(crate) const ENTER_EARLY_US: u64 = 500_000;

/// How long before its first frame a chunk enters: the tables that say what the stream holds are
/// repeated several times a second, and none is needed to have been read before.
const IN_GOOD_TIME_US: i64 = 2_000_000;

impl Entries {
    pub(super) fn new(source: &SourceInfo, grid: Grid, chunk_starts: &[u32]) -> Self {
        let position = |&cut: &u32| entry(source, grid, cut.into()).unwrap_or(0);
        Self {
            clock_start_us: source.clock_start_us,
            positions: chunk_starts.iter().map(position).collect(),
        }
    }

    /// The byte at which a part enters.
    pub(crate) fn position(&self, part: Part, entry: Entry) -> Option<u64> {
        match (part, entry) {
            (Part::Chunk(index), Entry::Planned) => self.positions.get(index as usize).copied(),
            (Part::Chunk(index), Entry::Earlier) => self
                .positions
                .get((index as usize).checked_sub(1)?)
                .copied(),
            (Part::Chunk(_), Entry::Start) | (Part::Audio, _) => None,
        }
    }
}

/// Where a chunk enters its source. What is called a keyframe is not always one, so a chunk whose
/// first frames do not come out enters once more, earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Entry {
    /// Just before its first frame.
    #[default]
    Planned,
    /// Well before it.
    Earlier,
    /// At the beginning.
    Start,
}

/// How much earlier.
const EARLIER_US: u64 = 30_000_000;

impl Entry {
    /// Where to enter if this does not do.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Planned => Some(Self::Earlier),
            Self::Earlier => Some(Self::Start),
            Self::Start => None,
        }
    }

    /// The time at which a source with an index is entered, by the time planned.
    pub(crate) fn earlier_than(self, planned_us: u64) -> u64 {
        match self {
            Self::Planned => planned_us,
            Self::Earlier => planned_us.saturating_sub(EARLIER_US),
            Self::Start => 0,
        }
    }
}

/// What a short decode at some of the chunks' entries showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryProof {
    /// Frames come out, and not from far before.
    Proven,
    /// They don't, or only after much that is not needed: what is called a keyframe is none, or there are
    /// hardly any.
    Refuted,
    /// The source goes on after the end that it states.
    GoesOn,
}

/// A time at which a source is entered, to see what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its number.
    pub number: u32,
    /// When, on the video's clock.
    pub at_us: u64,
    /// Whether it is the one at the end.
    pub is_last: bool,
}

/// How many entries are tried.
const SAMPLES: u32 = 4;

/// How many times a chunk's own length may be decoded before its first frame.
const LEAD_FACTOR: u64 = 4;

/// How long before a source's stated end its last frames are looked for, and how far beyond it they may
/// be.
const BEFORE_END_US: u64 = 2_000_000;
const BEYOND_END_US: i64 = 1_000_000;

impl Plan {
    /// Where to try the entries of some chunks; the last sample is just before the source's end.
    pub fn entry_samples(&self) -> impl Iterator<Item = Sample> {
        let chunks = self.sampled_chunks();
        let entries = chunks.map(|start_us| start_us.saturating_sub(ENTER_EARLY_US));
        let end_us = self
            .grid
            .micros_at(self.frames)
            .saturating_sub(self.hold_last_frame_us);
        let mut times: Vec<_> = entries.collect();
        times.push(end_us.saturating_sub(BEFORE_END_US));
        let last = times.len() - 1;
        (0..).zip(times).map(move |(number, at_us)| Sample {
            number,
            at_us,
            is_last: number as usize == last,
        })
    }

    /// When some chunks begin, the last one among them.
    fn sampled_chunks(&self) -> impl Iterator<Item = u64> {
        let last = self.chunks() - 1;
        let indices = (1..=SAMPLES).map(move |sample| (last * sample).div_ceil(SAMPLES));
        let mut indices: Vec<_> = indices.filter(|&index| index > 0).collect();
        indices.dedup();
        indices.into_iter().filter_map(|index| {
            let span = self.span(Part::Chunk(index))?;
            Some(self.grid.micros_at(span.first_frame))
        })
    }

    /// What a decode at those times showed.
    pub fn judge_entries(&self, source: &SourceInfo, trial: &Trial) -> EntryProof {
        let on_our_clock = |at_us: i64| at_us.saturating_sub(source.clock_start_us);
        let longest = chunks::longest(&self.chunk_starts, self.grid.segments_for(self.frames));
        let chunk_us = self
            .grid
            .micros_at(longest * u64::from(self.grid.segment_frames()));
        let most_lead = i64::try_from(chunk_us * LEAD_FACTOR).unwrap_or(i64::MAX);
        let half_frame = i64::try_from(self.grid.micros_at(1) / 2).unwrap_or(0);
        let starts: Vec<_> = self.sampled_chunks().collect();
        for (index, &start_us) in (0..).zip(&starts) {
            let first = trial
                .video
                .get(&index)
                .and_then(|pictures| pictures.first());
            let start_us = i64::try_from(start_us).unwrap_or(i64::MAX);
            let lead = first.and_then(|first| Some(start_us - on_our_clock(first.at_us?)));
            // H.264 may be entered where a picture is put together from parts of several frames. Other
            // decoders show what they have, be it grey.
            let is_whole =
                first.is_some_and(|first| first.is_intra || source.video.codec == "h264");
            let is_in_time = lead.is_some_and(|lead| (-half_frame..=most_lead).contains(&lead));
            if !is_whole || !is_in_time {
                return EntryProof::Refuted;
            }
        }
        let end = u32::try_from(starts.len())
            .ok()
            .and_then(|index| trial.video.get(&index));
        let last = end
            .into_iter()
            .flatten()
            .filter_map(|picture| picture.at_us)
            .max();
        let end_us = i64::try_from(source.video.end_us).unwrap_or(i64::MAX);
        if last.is_some_and(|last| on_our_clock(last) > end_us.saturating_add(BEYOND_END_US)) {
            EntryProof::GoesOn
        } else {
            EntryProof::Proven
        }
    }
}

/// Where a chunk that starts with this segment enters; none if there is no keyframe in good time.
pub(super) fn entry(source: &SourceInfo, grid: Grid, segment: u64) -> Option<u64> {
    let first_frame = segment * u64::from(grid.segment_frames());
    let start = i64::try_from(grid.micros_at(first_frame)).ok()?;
    let latest = source.clock_start_us + start - IN_GOOD_TIME_US;
    let after = source
        .keyframes
        .partition_point(|frame| frame.at_us <= latest);
    Some(source.keyframes.get(after.checked_sub(1)?)?.position)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    /// What ffmpeg would tell of frames at these times, of which each is the first after an entry; those
    /// of the last are all that follow.
    fn trial(firsts: &[Option<u64>], last: &[u64], kind: char) -> Trial {
        let mut text = String::new();
        let frame = |index: usize, micros: u64| {
            format!(
                "[showinfo@picture{index} @ 0x1] n: 0 pts_time:{}.{:06} sar:1/1 s:64x64 type:{kind} \n",
                micros / 1_000_000,
                micros % 1_000_000
            )
        };
        for (index, first) in firsts.iter().enumerate() {
            text.extend(first.map(|first| frame(index, first)));
        }
        for &at in last {
            let _ = write!(text, "{}", frame(firsts.len(), at));
        }
        let mut trial = Trial::default();
        text.lines().for_each(|line| trial.add(line));
        trial
    }

    #[test]
    fn an_entry_is_believed_when_its_first_frame_is_seen() {
        let mut info = source(600_000, (25, 1));
        let plan = Plan::new(&info, SETTINGS);
        let samples: Vec<_> = plan.entry_samples().collect();
        let starts: Vec<_> = plan.sampled_chunks().collect();
        assert_eq!((samples.len(), starts.len()), (5, 4));
        assert!(samples[4].is_last && !samples[3].is_last);
        assert_eq!((samples[4].number, samples[4].at_us), (4, 598_000_000));
        let judged = |info: &SourceInfo, shift: i64, last: u64, kind| {
            let firsts: Vec<_> = starts
                .iter()
                .map(|at| at.checked_add_signed(shift))
                .collect();
            plan.judge_entries(info, &trial(&firsts, &[last], kind))
        };
        let end = 599_960_000;
        assert_eq!(judged(&info, 0, end, 'I'), EntryProof::Proven);
        assert_eq!(judged(&info, -5_000_000, end, 'I'), EntryProof::Proven);
        // The frame that a chunk begins with does not come out, or only after minutes of others.
        assert_eq!(judged(&info, 40_000, end, 'I'), EntryProof::Refuted);
        assert_eq!(judged(&info, -140_000_000, end, 'I'), EntryProof::Refuted);
        assert_eq!(
            plan.judge_entries(&info, &Trial::default()),
            EntryProof::Refuted
        );
        // Put together from several frames in H.264; grey elsewhere.
        assert_eq!(judged(&info, 0, end, 'P'), EntryProof::Proven);
        assert_eq!(judged(&info, 0, 604_000_000, 'I'), EntryProof::GoesOn);
        info.video.codec = "mpeg4".into();
        assert_eq!(judged(&info, 0, end, 'P'), EntryProof::Refuted);
    }

    #[test]
    fn who_entered_too_late_enters_earlier_and_then_at_the_start() {
        let entries: Vec<_> =
            std::iter::successors(Some(Entry::Planned), |entry| entry.next()).collect();
        assert_eq!(entries, [Entry::Planned, Entry::Earlier, Entry::Start]);
        let times: Vec<_> = entries
            .iter()
            .map(|entry| entry.earlier_than(100_000_000))
            .collect();
        assert_eq!(times, [100_000_000, 70_000_000, 0]);
    }
}
