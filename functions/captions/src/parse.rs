//! The parsers of WebVTT and SubRip.
//!
//! Both formats are lines: one with an arrow says when, the lines after it say what. So one reader does
//! for both, in one pass; it has no input on which it fails or takes longer than its length.
//!
//! **What is recovered, and what is left out.** The rule is: what players show, is shown.
//!
//! | found | WebVTT | SubRip |
//! |---|---|---|
//! | what ends a cue | a blank line, or the next line with an arrow | the next line with times; blank lines in it go, as with ffmpeg |
//! | what stands between cues (numbers, names, `NOTE`, `STYLE`, `REGION`, junk) | left out | the number before times is left out, all else belongs to the cue above |
//! | a line with an arrow that has no times | the cue is skipped, and counted | the same if it begins like one with times; else it is text |
//! | a cue that ends before it begins, or when it does | skipped, counted: no player ever shows it | the same |
//! | a cue before the beginning | | one that is over by then is skipped and counted, another begins at 0 |
//! | a cue without text, or with nothing visible in it | skipped, counted | the same |
//! | cues out of order or at the same time | sorted by their beginning, else in the file's order | the same |
//! | settings that are wrong | as if they weren't there | the same; WebVTT's are understood |
//!
//! Skipped cues are no error as long as one is left: [`Skipped`] says how many there were, and where
//! the first of them are.

use crate::{
    cues::{Cue, Cues},
    decode::{Encoding, decode},
    error::{Problem, ReadError, Reason, shown},
    format::Format,
    limits::MAX_CUES,
    settings::Settings,
    text::{self, CueText},
    time::{self, Timestamp},
};

/// A file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captions {
    /// What it was, by its content.
    pub format: Format,
    /// How its text was encoded.
    pub encoding: Encoding,
    /// What it says. There is at least one.
    pub cues: Cues,
    /// What was left out.
    pub skipped: Skipped,
}

/// The cues that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skipped {
    /// How many.
    pub count: usize,
    /// The first few.
    pub first: Vec<Problem>,
}

impl Skipped {
    /// Skipped cues that are described.
    const DESCRIBED: usize = 10;

    fn add(&mut self, line: usize, found: &str, reason: Reason) {
        self.count += 1;
        if self.first.len() < Self::DESCRIBED {
            let found = shown(found);
            self.first.push(Problem {
                line,
                found,
                reason,
            });
        }
    }
}

/// Reads a subtitle file, whatever its name and type say.
pub fn read(bytes: &[u8]) -> Result<Captions, ReadError> {
    let (text, encoding) = decode(bytes)?;
    let format = Format::of(&text);
    let mut reader = Reader::new(format);
    for (line, number) in lines(&text).zip(1..) {
        reader.line(line, number)?;
    }
    reader.end_cue()?;
    if reader.cues.is_empty() {
        return Err(nothing(&text, &reader.skipped));
    }
    Ok(Captions {
        format,
        encoding,
        cues: Cues::new(reader.cues),
        skipped: reader.skipped,
    })
}

impl Format {
    /// WebVTT has a signature; what has none can only be SubRip.
    fn of(text: &str) -> Self {
        // Blank lines before it are refused by players, but nobody means anything else by them.
        let start = text.trim_start_matches(['\u{feff}', '\n', '\r', ' ', '\t']);
        let rest = start.strip_prefix("WEBVTT");
        let is_webvtt =
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']));
        if is_webvtt {
            Self::WebVtt
        } else {
            Self::SubRip
        }
    }
}

/// Lines end with LF, CR or both, in any mixture.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, end) = text.split_at(at);
        rest = Some(end.strip_prefix("\r\n").unwrap_or(&end[1..]));
        Some(line)
    })
}

/// Why there is nothing in a file.
fn nothing(text: &str, skipped: &Skipped) -> ReadError {
    if let Some(first) = skipped.first.first() {
        let first = first.clone();
        return ReadError::NoCues { first };
    }
    let mut numbered = lines(text)
        .zip(1..)
        .map(|(line, number)| (shown(line), number));
    let Some((found, line)) = numbered.find(|(line, _)| !line.is_empty()) else {
        return ReadError::Empty;
    };
    let other = OTHER_FORMATS
        .iter()
        .find(|(begins, _)| found.starts_with(begins));
    match other {
        Some((_, format)) => ReadError::OtherFormat { format, found },
        None => ReadError::NoTimes { line, found },
    }
}

/// What else people have, by how it begins.
const OTHER_FORMATS: [(&str, &str); 13] = [
    ("[Script Info]", "a SubStation (.ass, .ssa) file"),
    ("<?xml", "an XML file (TTML, perhaps)"),
    ("<tt", "a TTML file"),
    ("<SAMI", "a SAMI (.smi) file"),
    ("Scenarist_SCC", "a Scenarist (.scc) file"),
    ("{1}", "a MicroDVD (.sub) file"),
    ("{0}", "a MicroDVD (.sub) file"),
    ("[00:", "a song text (.lrc)"),
    ("0:00:", "a SubViewer or YouTube (.sbv) file"),
    (
        "# VobSub",
        "the index of bitmap subtitles (.idx), in which there is no text",
    ),
    ("PK", "a ZIP archive or an office document"),
    ("{\\rtf", "an RTF document"),
    ("%PDF", "a PDF document"),
];

/// The cue that is being read.
struct Open<'a> {
    line: usize,
    times: &'a str,
    from: Timestamp,
    until: Timestamp,
    settings: Settings,
    lines: Vec<&'a str>,
}

struct Reader<'a> {
    format: Format,
    open: Option<Open<'a>>,
    cues: Vec<Cue>,
    skipped: Skipped,
}

impl<'a> Reader<'a> {
    fn new(format: Format) -> Self {
        Self {
            format,
            open: None,
            cues: Vec::new(),
            skipped: Skipped::default(),
        }
    }

    fn line(&mut self, line: &'a str, number: usize) -> Result<(), ReadError> {
        if line.contains("-->") && self.begins_cue(line) {
            if let (Some(open), Format::SubRip) = (&mut self.open, self.format) {
                drop_number(&mut open.lines);
            }
            self.end_cue()?;
            self.begin_cue(line, number);
        } else if self.format == Format::WebVtt && line.is_empty() {
            self.end_cue()?;
        } else if let Some(open) = &mut self.open {
            open.lines.push(line);
        }
        Ok(())
    }

    /// Whether a line with an arrow is one with times, or is meant to be.
    fn begins_cue(&self, line: &str) -> bool {
        let is_like_time = |text: &str| {
            let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '-']);
            let number_ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
            number_ends > 0 && text[number_ends..].trim_start().starts_with(':')
        };
        let before = line.split("-->").next().unwrap_or_default();
        self.format == Format::WebVtt || is_like_time(before)
    }

    fn begin_cue(&mut self, times: &'a str, line: usize) {
        let Some((from, until, settings)) = read_times(times, self.format) else {
            return self.skipped.add(line, times, Reason::Times);
        };
        if until <= from {
            return self.skipped.add(line, times, Reason::Backwards);
        }
        let [from, until] = [from, until].map(|ms| u64::try_from(ms).unwrap_or(0));
        if until == 0 {
            return self.skipped.add(line, times, Reason::BeforeBeginning);
        }
        self.open = Some(Open {
            line,
            times,
            from: Timestamp::from_ms(from),
            until: Timestamp::from_ms(until),
            settings: Settings::read(settings),
            lines: Vec::new(),
        });
    }

    fn end_cue(&mut self) -> Result<(), ReadError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let source = open.lines.join("\n");
        let text::Read { text, anchor } =
            CueText::read(&source, self.format, open.from, open.until);
        let Some(text) = text else {
            self.skipped.add(open.line, open.times, Reason::Empty);
            return Ok(());
        };
        if self.cues.len() == MAX_CUES {
            return Err(ReadError::TooManyCues { line: open.line });
        }
        let settings = anchor.map_or(open.settings, |key| open.settings.anchored(key));
        self.cues.push(Cue {
            from: open.from,
            until: open.until,
            settings,
            text,
        });
        Ok(())
    }
}

/// From when, until when, and what follows.
fn read_times(line: &str, format: Format) -> Option<(i64, i64, &str)> {
    let (from, rest) = line.split_once("-->")?;
    let from = from.trim_matches(['\u{feff}', ' ', '\t']);
    let rest = rest.trim_start_matches([' ', '\t']);
    let is_in_time = |c: char| match c {
        ':' | '.' | ',' => true,
        ' ' | '\t' => format == Format::SubRip,
        c => c.is_ascii_digit(),
    };
    let sign = usize::from(format == Format::SubRip && rest.starts_with('-'));
    let ends = rest[sign..].find(|c| !is_in_time(c));
    let ends = ends.map_or(rest.len(), |at| sign + at);
    let (until, settings) = rest.split_at(ends);
    Some((
        time::read(from, format)?,
        time::read(until, format)?,
        settings,
    ))
}

/// Takes away the number of the next cue, which is the last line before that one's times.
fn drop_number(lines: &mut Vec<&str>) {
    let is_blank = |line: &&str| line.trim().is_empty();
    let Some(last) = lines.iter().rposition(|line| !is_blank(line)) else {
        return;
    };
    let digits = lines[last].trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return;
    }
    let is_beside_times = last + 1 == lines.len();
    // As in files that have a blank line after each line; where the numbers are missing, it is text.
    let stands_alone =
        last > 0 && is_blank(&lines[last - 1]) && !lines[..last].iter().all(is_blank);
    if is_beside_times || stands_alone {
        lines.truncate(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(text: &str) -> Vec<(u64, u64, String)> {
        let captions = read(text.as_bytes()).unwrap();
        let of = |cue: &Cue| {
            (
                cue.from.ms(),
                cue.until.ms(),
                cue.text.as_webvtt().to_owned(),
            )
        };
        captions.cues.iter().map(of).collect()
    }

    #[test]
    fn lines_end_in_any_way() {
        let all: Vec<_> = lines("a\r\nb\n\rc\r\r\nd").collect();
        assert_eq!(all, ["a", "b", "", "c", "", "d"]);
        assert_eq!(lines("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn content_decides_the_format() {
        for (text, format) in [
            ("WEBVTT", Format::WebVtt),
            ("\u{feff}\n WEBVTT - title", Format::WebVtt),
            ("WEBVTTX", Format::SubRip),
            ("webvtt", Format::SubRip),
            ("", Format::SubRip),
        ] {
            assert_eq!(Format::of(text), format, "{text}");
        }
    }

    #[test]
    fn numbers_go_and_text_of_digits_stays() {
        let text = "1\n00:01,0 --> 00:02,0\n42\n\n00:02,0 --> 00:03,0\n1984\n3\n00:03,0 --> 00:04,0\na\n\n4\n\n00:04,0 --> 00:05,0\nb";
        let texts: Vec<_> = cues(text).into_iter().map(|cue| cue.2).collect();
        assert_eq!(texts, ["42", "1984", "a", "b"]);
    }

    #[test]
    fn an_error_says_where_and_what_to_do() {
        for (text, part) in [
            ("", "The file is empty"),
            ("\n \n", "The file is empty"),
            ("\n\nHello", "Line 3 is \"Hello\""),
            ("WEBVTT\n", "Line 1 is \"WEBVTT\""),
            ("[Script Info]\nTitle: x", "a SubStation (.ass, .ssa) file"),
            (
                "1\n00:00:02,000 --> 00:00:01,000\na",
                "Line 2, \"00:00:02,000 --> 00:00:01,000\", ends before",
            ),
            (
                "WEBVTT\n\n00:00 --> 00:01\na",
                "Line 3, \"00:00 --> 00:01\", is no pair of times",
            ),
            ("1\n00:00:01,000 --> 00:00:02,000\n\n", "has no text"),
            (
                "-00:00:02,000 --> -00:00:01,000\na",
                "over before the video begins",
            ),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn skipped_cues_are_counted_and_the_first_described() {
        let mut text = "WEBVTT\n\n00:01.000 --> 00:02.000\nseen\n\n".to_owned();
        for _ in 0..100 {
            text.push_str("00:02.000 --> 00:01.000\nnot seen\n\n");
        }
        let skipped = read(text.as_bytes()).unwrap().skipped;
        assert_eq!((skipped.count, skipped.first.len()), (100, 10));
        assert_eq!((skipped.first[0].line, skipped.first[1].line), (6, 9));
        assert_eq!(skipped.first[0].reason, Reason::Backwards);
    }

    #[test]
    fn a_hundred_thousand_cues_are_read_and_one_more_is_too_many() {
        let one = "0:0:1,0 --> 0:0:2,0\na\n";
        let captions = read(one.repeat(MAX_CUES).as_bytes()).unwrap();
        assert_eq!(captions.cues.len(), MAX_CUES);
        let error = read(one.repeat(MAX_CUES + 1).as_bytes()).unwrap_err();
        assert_eq!(error, ReadError::TooManyCues { line: 200_001 });
    }

    #[test]
    fn a_megabyte_of_anything_takes_no_longer_than_others() {
        for (text, pattern) in [
            ("WEBVTT\n\n00:00.000 --> 01:00.000\n", "<"),
            ("WEBVTT\n\n00:00.000 --> 01:00.000\n", "<i>"),
            ("WEBVTT\n\n00:00.000 --> 01:00.000\n", "<b><i></b>a"),
            ("WEBVTT\n\n00:00.000 --> 01:00.000\n", "&#"),
            ("WEBVTT\n\n00:00.000 --> 01:00.000\n", "\n--> "),
            ("0:0:0,0 --> 0:0:1,0\n", "{\\"),
            ("0:0:0,0 --> 0:0:1,0\n", "1\n\n"),
            ("0:0:0,0 --> 0:0:1,0\n", "0:-->"),
            ("", "\r"),
        ] {
            // If it were quadratic, nobody would wait for it.
            let text = text.to_owned() + &pattern.repeat((1 << 20) / pattern.len());
            let _ = read(text.as_bytes());
        }
    }
}
