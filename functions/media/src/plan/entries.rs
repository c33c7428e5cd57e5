//! Where each chunk enters a source that has no index, by byte.
//!
//! An MPEG transport stream can be read from any packet on, but a reader that looks for a time
//! guesses. So its keyframes were found by reading it once, and each chunk is told the byte of one
//! that comes in good time before its first frame.

use serde::{Deserialize, Serialize};

use super::Part;
use crate::{source::SourceInfo, timeline::Grid};

/// The entries of all chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// When the container's clock starts, in microseconds.
    pub clock_start_us: i64,
    /// The byte at which each chunk enters.
    positions: Vec<u64>,
}

/// How long before its first frame a chunk enters: the tables that say what the stream holds are
/// repeated several times a second, and none is needed to have been read before.
const IN_GOOD_TIME_US: i64 = 2_000_000;

impl Entries {
    pub(super) fn new(source: &SourceInfo, grid: Grid, cuts: &[u32]) -> Self {
        let position = |&cut: &u32| entry(source, grid, cut.into()).unwrap_or(0);
        Self {
            clock_start_us: source.clock_start_us,
            positions: cuts.iter().map(position).collect(),
        }
    }

    /// The byte at which a part enters.
    pub(crate) fn position(&self, part: Part) -> Option<u64> {
        match part {
            Part::Chunk(index) => self.positions.get(index as usize).copied(),
            Part::Sound => None,
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
