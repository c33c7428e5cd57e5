//! A copy of the picture, for sources that can't be entered in the middle.
//!
//! Matroska without cues, MP4 in fragments, FLV, program streams, recordings that were joined: they have
//! keyframes, and no list of them. Whoever wants to begin in the middle reads all that comes before, or
//! guesses. So the function that plans reads such a source once and copies its picture, as it is coded,
//! to a container that ends with an index (`command::copy`). The chunks read that.
//!
//! The container is NUT: it is written to a pipe from front to end, takes any codec, and keeps each
//! frame's time. What it has no place for, a plan knows anyway, or is told here.

use serde::{Deserialize, Serialize};

use crate::source::{ColorNames, SourceInfo};

/// Where a copy's clock stands when the video begins, in seconds. NUT has no negative times, and a
/// picture may have begun before the video does.
pub(crate) const COPY_CLOCK_START_S: i64 = 3600;

/// The same in microseconds.
pub(crate) const COPY_CLOCK_START_US: i64 = COPY_CLOCK_START_S * 1_000_000;

/// The video stream's index in the copy.
pub(crate) const COPY_STREAM: u32 = 0;

/// How the copy of the picture is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureCopy {
    /// What the source's container says of the colours.
    pub(crate) color: ColorNames,
}

impl PictureCopy {
    pub(super) fn new(source: &SourceInfo) -> Self {
        Self {
            color: source.video.color.clone(),
        }
    }
}

impl SourceInfo {
    /// When the clock of what chunks read the picture from begins.
    pub(crate) fn picture_clock_start_us(&self) -> i64 {
        if self.seeking == crate::source::Seeking::Copied {
            COPY_CLOCK_START_US
        } else {
            self.clock_start_us
        }
    }
}
