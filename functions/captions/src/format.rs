//! The formats that are read.

/// A format of subtitle files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// WebVTT.
    WebVtt,
    /// SubRip: `.srt`.
    SubRip,
}
