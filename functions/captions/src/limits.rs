//! How much is read.

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 10 << 20;

/// The most cues of a track: two each second, for twelve hours, and more.
pub const MAX_CUES: usize = 100_000;
