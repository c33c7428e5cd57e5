//! Subtitles, captions and chapters, as pure functions of data: nothing here reads a file, a clock or a
//! socket, or knows of videos and accounts.
//!
//! A file that somebody uploaded goes in at [`read`], whatever it is called; what comes out of [`Cues`]
//! is WebVTT that was written here, letter by letter, and never a part of the file as it was.
//!
//! ```
//! use reelrun_captions::{Format, SegmentGrid, read};
//!
//! let file = b"1\r\n00:00:01,000 --> 00:00:08,500\r\n{\\an8}<font color=\"yellow\">Caf\xe9</font> & <b>bar\r\n";
//! let captions = read(file)?;
//! assert_eq!(captions.format, Format::SubRip);
//! assert_eq!(captions.skipped.count, 0);
//!
//! // One file, for DASH and for `<track>`:
//! assert_eq!(
//!     captions.cues.to_webvtt(),
//!     "WEBVTT\n\n00:00:01.000 --> 00:00:08.500 line:0\n<c.yellow>Café</c> &amp; <b>bar</b>\n"
//! );
//!
//! // And segments where the picture has them, for HLS: here at 25 frames per second, 12800 ticks each.
//! let grid = SegmentGrid::new(12_800, [76_800, 76_800, 38_400], 6);
//! let segments = captions.cues.segments(&grid)?;
//! for (name, file) in segments.iter() {
//!     assert!(file.starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n"), "{name}");
//! }
//! assert!(segments.playlist().contains("#EXTINF:6.000000,\n00002.vtt\n"));
//!
//! // What is no subtitle file is refused, in words for who uploaded it:
//! let error = read(b"[Script Info]\nTitle: Cafe").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "This is a SubStation (.ass, .ssa) file: the file begins with \"[Script Info]\". \
//!      Export the subtitles as WebVTT or SubRip (.srt) instead."
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | step | modules |
//! |---|---|
//! | find out what it is | [`decode`], [`parse`], [`error`] |
//! | keep what is harmless | [`text`], [`settings`], [`time`] |
//! | write it | [`cues`], [`segments`], [`chapters`] |
//! | name it | [`language`] |
//!
//! **Why own parsers.** Crates that read these formats stop at the first line that is wrong
//! (`subtitler`, `subtp`), split text at blank lines, or need an async runtime and regular expressions;
//! and all hand a cue's text on as it was, which is the part that has to be safe.
#![forbid(unsafe_code)]

pub mod chapters;
pub mod cues;
pub mod decode;
pub mod error;
mod format;
pub mod language;
mod limits;
pub mod parse;
pub mod segments;
pub mod settings;
pub mod text;
pub mod time;

pub use self::{
    chapters::Chapters,
    cues::{Cue, Cues},
    decode::Encoding,
    error::{Problem, ReadError, Reason},
    format::Format,
    language::LanguageTag,
    limits::{MAX_BYTES, MAX_CUES},
    parse::{Captions, Skipped, read},
    segments::{SegmentGrid, Segments, TooMuch},
    time::Timestamp,
};
