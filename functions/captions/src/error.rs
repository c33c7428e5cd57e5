//! Why a file is not taken, in words for the person who uploaded it.

use std::fmt;

use crate::limits::{MAX_BYTES, MAX_CUES};

/// Why nothing can be made of a file. It would be the same with the same bytes again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Larger than anything that is read.
    #[error(
        "The file has {} MB, and {} MB is the most that is read. Is it a subtitle file?",
        bytes.div_ceil(1 << 20),
        MAX_BYTES >> 20
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Nothing in it.
    #[error("The file is empty. Export the subtitles again, as WebVTT or SubRip (.srt).")]
    Empty,
    /// Bytes that are no text.
    #[error("This is no text file. Upload the subtitles as WebVTT or SubRip (.srt).")]
    NotText,
    /// Neither Unicode, nor what is likely to be Windows-1252.
    #[error(
        "The file is not in UTF-8, and in line {line} there are letters of an alphabet that can't be told. Save it as UTF-8 and upload it again."
    )]
    UnknownEncoding {
        /// Where, counted from 1.
        line: usize,
    },
    /// Another format than those that are read.
    #[error(
        "This is {format}: the file begins with \"{found}\". Export the subtitles as WebVTT or SubRip (.srt) instead."
    )]
    OtherFormat {
        /// What it is, with its article.
        format: &'static str,
        /// Its beginning.
        found: String,
    },
    /// There is no line with times.
    #[error(
        "There are no subtitles in this file. Line {line} is \"{found}\", and no line says from when to when a subtitle is shown, as 00:00:01.000 --> 00:00:04.000 does. Export it as WebVTT or SubRip (.srt)."
    )]
    NoTimes {
        /// The first line that has something in it, counted from 1.
        line: usize,
        /// What it has.
        found: String,
    },
    /// There are lines with times, but not one subtitle can be shown.
    #[error("No subtitle in this file can be shown. {first}")]
    NoCues {
        /// What is wrong with the first.
        first: Problem,
    },
    /// More than are kept.
    #[error("There are more than {MAX_CUES} subtitles in this file (line {line}). Split it.")]
    TooManyCues {
        /// Where the first too many is, counted from 1.
        line: usize,
    },
}

/// A cue that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line with its times, counted from 1.
    pub line: usize,
    /// What that line says, in at most 80 characters.
    pub found: String,
    /// What is wrong.
    pub reason: Reason,
}

/// Why a cue is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its times can't be read.
    Times,
    /// It ends before it begins, or when it does.
    Backwards,
    /// It is over before the video begins.
    BeforeBeginning,
    /// There is nothing to be seen in it.
    Empty,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, remedy) = match self.reason {
            Reason::Times => (
                "is no pair of times",
                "Write it as 00:00:01.000 --> 00:00:04.000.",
            ),
            Reason::Backwards => (
                "ends before it begins",
                "Put the earlier time before the arrow.",
            ),
            Reason::BeforeBeginning => (
                "is over before the video begins",
                "Move it to a time of 0 or later.",
            ),
            Reason::Empty => ("has no text", "Write its text into the line below."),
        };
        let Self { line, found, .. } = self;
        write!(f, "Line {line}, \"{found}\", {what}. {remedy}")
    }
}

/// A line as it can be shown in a message: short, and without what changes how the rest is read.
pub(crate) fn shown(line: &str) -> String {
    const MOST: usize = 80;
    let visible = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown: String = line.trim().chars().filter(visible).take(MOST + 1).collect();
    if let Some((at, _)) = shown.char_indices().nth(MOST - 1)
        && shown.chars().count() > MOST
    {
        shown.truncate(at);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_short_and_plain() {
        assert_eq!(shown("  a\u{202e}b\u{1b}[31m "), "ab[31m");
        assert_eq!(shown(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(shown(&"é".repeat(81)), format!("{}…", "é".repeat(79)));
    }
}
