//! Cuts ffmpeg's fragmented MP4 into CMAF segments while it is being written.
//!
//! Bytes go in as they come from a pipe, in pieces of any size; segments come out as soon as they
//! are whole. Any split of the same bytes gives the same segments.
//!
//! - [`video`]: ffmpeg writes one fragment for each GOP; a segment is a fixed number of them.
//! - [`audio`]: ffmpeg writes one fragment for each AAC frame; a segment packs those between two
//!   of the video's cuts into a single fragment.

pub mod audio;
pub mod fragments;
pub mod video;

#[cfg(test)]
pub(crate) mod tests;

use bytes::Bytes;

use crate::report::SegmentReport;

/// A whole segment, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its number in the track, from 1.
    pub number: u32,
    /// What is stored.
    pub bytes: Bytes,
    /// What is said of it in playlists.
    pub report: SegmentReport,
}

/// The number of the segment with this index.
fn segment_number(index: u64) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// What comes out of a segmenter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// The initialization segment; first and once.
    Init(Bytes),
    /// A media segment.
    Segment(Segment),
}

/// The stream is not what the command asked ffmpeg for. It would be our mistake (or a killed
/// ffmpeg), never something to publish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmenterError {
    /// The boxes don't parse.
    #[error("ffmpeg's output can't be read: {0}")]
    Malformed(String),
    /// The stream ended within a box.
    #[error("ffmpeg's output ends in the middle of a box")]
    Truncated,
    /// A fragment does not start where the one before it ended.
    #[error("a fragment starts at tick {found}, not at {expected}")]
    Discontinuity {
        /// Where the last fragment ended.
        expected: u64,
        /// Where this one starts.
        found: i64,
    },
    /// The sound ended before the picture did, although silence was asked for.
    #[error("the sound has {found} frames, and {needed} are needed")]
    AudioTooShort {
        /// How many came.
        found: u64,
        /// How many the picture's length needs.
        needed: u64,
    },
    /// A fragment does not start with a keyframe, or has another length than a GOP.
    #[error("a fragment is not a whole group of pictures: {0}")]
    NotAGop(String),
}
