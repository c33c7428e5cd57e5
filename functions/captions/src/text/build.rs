//! Writes a cue's text: what is given to it, in any order, comes out as text that every reader of
//! WebVTT understands in the same way.

use std::fmt::Write as _;

use super::tags::{Name, Tag};
use crate::time::Timestamp;

/// Elements within each other. What is deeper loses its markup, so that a file of opening tags alone
/// takes no longer to read than others.
const MAX_DEPTH: usize = 16;

/// What separates what comes next from what is written.
#[derive(PartialEq, Eq)]
enum Gap {
    None,
    Space,
    Line,
}

pub(super) struct Builder {
    from: u64,
    until: u64,
    out: String,
    /// Where its last line begins.
    line: usize,
    /// The elements that are open, and how many of them are written already. An element is written with
    /// the first letter in it, so none is empty.
    open: Vec<Tag>,
    written: usize,
    too_deep: usize,
    gap: Gap,
    /// The time that is still to be written.
    time: Option<u64>,
    is_visible: bool,
    /// Whether the last letter was `<`, whatever tags followed.
    is_after_bracket: bool,
}

impl Builder {
    pub(super) fn new(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from: from.ms(),
            until: until.ms(),
            out: String::new(),
            line: 0,
            open: Vec::new(),
            written: 0,
            too_deep: 0,
            gap: Gap::None,
            time: None,
            is_visible: false,
            is_after_bracket: false,
        }
    }

    /// Text as it is to be read.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => self.gap = Gap::Line,
                ' ' | '\t' if self.gap == Gap::None => self.gap = Gap::Space,
                ' ' | '\t' | '\u{feff}' => {}
                '\0' => self.letter(char::REPLACEMENT_CHARACTER),
                c if c.is_control() => {}
                c => self.letter(c),
            }
        }
    }

    fn letter(&mut self, c: char) {
        let is_after_bracket = self.is_after_bracket && self.gap == Gap::None;
        match std::mem::replace(&mut self.gap, Gap::None) {
            Gap::Space if !self.out.is_empty() => self.out.push(' '),
            Gap::Line => self.end_line(),
            Gap::Space | Gap::None => {}
        }
        if let Some(time) = self.time.take() {
            let _ = write!(self.out, "<{}>", Timestamp::from_ms(time));
        }
        for tag in &self.open[self.written..] {
            if let Some(rest) = &tag.rest {
                let _ = write!(self.out, "<{}{rest}>", tag.name.as_str());
            }
        }
        self.written = self.open.len();
        self.is_visible |= !is_invisible(c);
        let opens_tag = c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
        if opens_tag && is_after_bracket {
            self.out.push('\u{2060}');
        }
        match c {
            '&' => self.out.push_str("&amp;"),
            '<' => self.out.push_str("&lt;"),
            '>' => self.out.push_str("&gt;"),
            c => self.out.push(c),
        }
        self.is_after_bracket = c == '<';
    }

    /// Begins another line, unless the one before is blank: of spaces alone that players trim, though
    /// they may be wide or not breaking.
    fn end_line(&mut self) {
        if self.out[self.line..].trim().is_empty() {
            self.out.truncate(self.line);
        } else {
            self.out.push('\n');
            self.line = self.out.len();
        }
    }

    pub(super) fn open(&mut self, mut tag: Tag) {
        if self.open.len() == MAX_DEPTH {
            self.too_deep += 1;
            return;
        }
        if tag.name == Name::RubyText
            && self
                .open
                .last()
                .is_none_or(|around| around.name != Name::Ruby)
        {
            tag.rest = None;
        }
        self.open.push(tag);
    }

    /// Closes the innermost element of that name, and all in it.
    pub(super) fn close(&mut self, name: Name) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        if let Some(at) = self.open.iter().rposition(|tag| tag.name == name) {
            self.close_from(at);
        }
    }

    fn close_from(&mut self, at: usize) {
        for (index, tag) in self.open.drain(at..).enumerate().rev() {
            if tag.rest.is_some() && at + index < self.written {
                let _ = write!(self.out, "</{}>", tag.name.as_str());
            }
        }
        self.written = self.written.min(at);
    }

    /// What follows is shown from then on. Has to be within the cue, and later than the last.
    pub(super) fn time(&mut self, ms: i64) {
        let time = u64::try_from(ms).ok();
        if let Some(time) = time.filter(|time| (self.from + 1..self.until).contains(time)) {
            self.from = time;
            self.time = Some(time);
        }
    }

    /// The whole; `None` if there is nothing to be seen.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.out[self.line..].trim().is_empty() {
            self.out.truncate(self.line.saturating_sub(1));
        }
        self.close_from(0);
        self.is_visible.then_some(self.out)
    }
}

/// Whether it leaves the picture as it is: spaces of all widths, and marks.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}
