//! Where each chunk enters a source that has no index, by byte.
//!
//! An MPEG transport stream can be read from any packet on, but a reader that looks for a time
//! guesses. So its keyframes were found by reading it once, and each chunk is told the byte of one
//! that comes in good time before its first frame.

use serde::{Deserialize, Serialize};

use super::{Part, Plan, chunks};
use crate::{
    source::{Container, Keyframe, Measured, Seeking, SourceInfo, Trial},
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
        let position = |&first: &u32| entry(source, grid, first.into()).unwrap_or(0);
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
            (Part::Chunk(_), Entry::Start) | (Part::Audio(..), _) => None,
        }
    }
}

/// Whether a chunk may enter at the keyframe that it begins with. By the times at which frames are shown,
/// these are entered at the last keyframe from which all that follows can be shown; others are so by the
/// times at which they are decoded, or with frames missing after it. Fields are woven into frames with those
/// before and after.
pub(super) fn enters_exactly(source: &SourceInfo) -> bool {
    source.container == Container::Mp4
        && source.video.codec == "h264"
        && !source.video.interlaced
        && !source.starts_late
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

    /// The time at which a source with an index is entered, by the time planned; none at its start, for
    /// which nothing has to be looked for.
    pub(crate) fn earlier_than(self, planned_us: u64) -> Option<u64> {
        match self {
            Self::Planned => Some(planned_us),
            Self::Earlier => Some(planned_us.saturating_sub(EARLIER_US)),
            Self::Start => None,
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

/// How many entries are tried.
const SAMPLES: u32 = 4;

/// How many times a chunk's own length may be decoded before its first frame.
const LEAD_FACTOR: u64 = 4;

/// How long before a source's stated end its last frames are looked for, and how far beyond it they may
/// be.
const BEFORE_END_US: u64 = 2_000_000;
const BEYOND_END_US: i64 = 1_000_000;

impl Plan {
    /// When to try the entries of some chunks, on the video's clock; numbered in their order.
    pub fn entry_samples(&self) -> impl Iterator<Item = (u32, u64)> {
        let entries = self
            .sampled_chunks()
            .map(|start_us| start_us.saturating_sub(ENTER_EARLY_US));
        (0..).zip(entries)
    }

    /// From when on to look for what is beyond the stated end, on the container's clock.
    pub fn end_sample(&self, source: &SourceInfo) -> i64 {
        let before = source.video.end_us.saturating_sub(BEFORE_END_US);
        let start = source.picture_clock_start_us();
        start.saturating_add_unsigned(before)
    }

    /// Whether the keyframes at which its chunks enter a stream without an index are so few that most of
    /// what a chunk decodes would be before its first frame.
    pub fn enters_far_ahead(&self, source: &SourceInfo) -> bool {
        let most_lead = self.most_lead_us();
        let lead = |segment: u32| {
            let start_us = self
                .grid
                .micros_at(u64::from(segment) * u64::from(self.grid.segment_frames()));
            let entry = entry_keyframe(source, self.grid, segment.into())?;
            let entered_us = entry.at_us.saturating_sub(source.clock_start_us);
            Some(i64::try_from(start_us).ok()?.saturating_sub(entered_us))
        };
        source.seeking == Seeking::ByPosition
            && self
                .chunk_starts
                .iter()
                .skip(1)
                .any(|&segment| lead(segment).is_none_or(|lead| lead > most_lead))
    }

    /// How much a chunk may decode before its first frame.
    fn most_lead_us(&self) -> i64 {
        let longest = chunks::longest(&self.chunk_starts, self.grid.segments_for(self.frames));
        let chunk_us = self
            .grid
            .micros_at(longest * u64::from(self.grid.segment_frames()));
        i64::try_from(chunk_us * LEAD_FACTOR).unwrap_or(i64::MAX)
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

    /// What a decode at those times showed, and the packets at the end.
    pub fn judge_entries(
        &self,
        source: &SourceInfo,
        trial: &Trial,
        end: Option<&Measured>,
    ) -> EntryProof {
        let clock_start_us = source.picture_clock_start_us();
        let on_our_clock = |at_us: i64| at_us.saturating_sub(clock_start_us);
        let most_lead = self.most_lead_us();
        let half_frame = i64::try_from(self.grid.micros_at(1) / 2).unwrap_or(0);
        for (index, start_us) in (0..).zip(self.sampled_chunks()) {
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
        let end_us = i64::try_from(source.video.end_us).unwrap_or(i64::MAX);
        let is_beyond =
            |end: &Measured| on_our_clock(end.end_us) > end_us.saturating_add(BEYOND_END_US);
        if end.is_some_and(is_beyond) {
            EntryProof::GoesOn
        } else {
            EntryProof::Proven
        }
    }
}

/// Where a chunk that starts with this segment enters; none if there is no keyframe in good time.
pub(super) fn entry(source: &SourceInfo, grid: Grid, segment: u64) -> Option<u64> {
    Some(entry_keyframe(source, grid, segment)?.position)
}

fn entry_keyframe(source: &SourceInfo, grid: Grid, segment: u64) -> Option<&Keyframe> {
    let first_frame = segment * u64::from(grid.segment_frames());
    let start = i64::try_from(grid.micros_at(first_frame)).ok()?;
    let latest = source.clock_start_us + start - IN_GOOD_TIME_US;
    let after = source
        .keyframes
        .partition_point(|frame| frame.at_us <= latest);
    source.keyframes.get(after.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    /// What ffmpeg would tell of frames at these times, each the first after an entry.
    fn trial(firsts: &[u64], kind: char) -> Trial {
        let mut trial = Trial::default();
        for (index, micros) in firsts.iter().enumerate() {
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            trial.add(&format!(
                "[showinfo@picture{index} @ 0x1] n: 0 pts_time:{seconds}.{rest:06} sar:1/1 s:64x64 type:{kind} "
            ));
        }
        trial
    }

    #[test]
    fn an_entry_is_believed_when_its_first_frame_is_seen() {
        let mut info = source(600_000, (25, 1));
        info.clock_start_us = 1_400_000;
        let plan = Plan::new(&info, SETTINGS);
        let starts: Vec<_> = plan.sampled_chunks().collect();
        assert_eq!((plan.entry_samples().count(), starts.len()), (4, 4));
        assert_eq!(plan.end_sample(&info), 599_400_000);
        let judged = |info: &SourceInfo, shift: i64, end_us: i64, kind| {
            let firsts: Vec<_> = starts
                .iter()
                .map(|at| (at + 1_400_000).saturating_add_signed(shift))
                .collect();
            let end = Measured {
                end_us,
                keyframes: Vec::new(),
                is_joined: false,
            };
            plan.judge_entries(info, &trial(&firsts, kind), Some(&end))
        };
        let end = 601_400_000;
        assert_eq!(judged(&info, 0, end, 'I'), EntryProof::Proven);
        assert_eq!(judged(&info, -5_000_000, end, 'I'), EntryProof::Proven);
        // The frame that a chunk begins with does not come out, or only after minutes of others.
        assert_eq!(judged(&info, 40_000, end, 'I'), EntryProof::Refuted);
        assert_eq!(judged(&info, -140_000_000, end, 'I'), EntryProof::Refuted);
        let nothing = plan.judge_entries(&info, &Trial::default(), None);
        assert_eq!(nothing, EntryProof::Refuted);
        assert_eq!(judged(&info, 0, end + 2_000_000, 'I'), EntryProof::GoesOn);
        // Put together from several frames in H.264; grey elsewhere.
        assert_eq!(judged(&info, 0, end, 'P'), EntryProof::Proven);
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
        assert_eq!(times, [Some(100_000_000), Some(70_000_000), None]);
    }
}
