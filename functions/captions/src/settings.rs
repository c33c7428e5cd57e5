//! Where a cue stands in the picture.

use std::fmt;

/// A cue's settings, as WebVTT has them. Only what is valid is kept, and regions are not: their
/// definitions are dropped with all other styling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    vertical: Option<&'static str>,
    line: Option<(Line, Option<&'static str>)>,
    position: Option<(Percent, Option<&'static str>)>,
    size: Option<Percent>,
    align: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Counted from the top, or with a minus from the bottom.
    Number(i16),
    Percent(Percent),
}

/// Hundredths of a percent, from 0 to 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Percent(u16);

impl Settings {
    /// Reads what follows a cue's times. As in players, a setting that is wrong is as if it weren't
    /// there, and the last of several counts.
    pub(crate) fn read(text: &str) -> Self {
        let mut settings = Self::default();
        for (name, value) in text
            .split_ascii_whitespace()
            .filter_map(|s| s.split_once(':'))
        {
            // The alignment is the part after the comma. If it is wrong, all is.
            let (value, align) = match value.split_once(',') {
                Some((value, align)) => (value, Some(align)),
                None => (value, None),
            };
            let aligned = |words| match align {
                Some(align) => one_of(words, align).map(Some),
                None => Some(None),
            };
            match (name, align) {
                ("vertical", None) => {
                    settings.vertical = one_of(&["rl", "lr"], value).or(settings.vertical);
                }
                ("align", None) => {
                    let words = &["start", "center", "end", "left", "right"];
                    // "middle" is what "center" was called until 2015, and is still written.
                    let value = if value == "middle" { "center" } else { value };
                    settings.align = one_of(words, value).or(settings.align);
                }
                ("size", None) => settings.size = Percent::read(value).or(settings.size),
                ("line", _) => {
                    let line = Line::read(value).zip(aligned(&["start", "center", "end"]));
                    settings.line = line.or(settings.line);
                }
                ("position", _) => {
                    let words = &["line-left", "center", "line-right"];
                    let position = Percent::read(value).zip(aligned(words));
                    settings.position = position.or(settings.position);
                }
                _ => {}
            }
        }
        settings
    }

    /// Adds where SubRip's `{\an8}` puts a cue: the keys of a number pad. What is set already stays.
    pub(crate) fn anchored(mut self, key: u8) -> Self {
        let line = match key {
            4..=6 => Some(Line::Percent(Percent(5_000))),
            7..=9 => Some(Line::Number(0)),
            _ => None,
        };
        self.line = self.line.or(line.map(|line| (line, None)));
        let side = match key % 3 {
            1 => Some((0, "left")),
            0 => Some((10_000, "right")),
            _ => None,
        };
        if let (Some((position, align)), None, None) = (side, self.position, self.align) {
            self.position = Some((Percent(position), None));
            self.align = Some(align);
        }
        self
    }
}

fn one_of(words: &[&'static str], text: &str) -> Option<&'static str> {
    words.iter().find(|word| **word == text).copied()
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        if text.ends_with('%') {
            return Percent::read(text).map(Self::Percent);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number
            .then(|| text.parse().ok())
            .flatten()
            .map(Self::Number)
    }
}

impl Percent {
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_suffix('%')?;
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) {
            return None;
        }
        let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 100)?;
        let part: u16 = format!("{part}0").get(..2)?.parse().ok()?;
        let hundredths = whole * 100 + part;
        (hundredths <= 10_000).then_some(Self(hundredths))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match (part, part % 10) {
            (0, _) => write!(f, "{whole}%"),
            (_, 0) => write!(f, "{whole}.{}%", part / 10),
            _ => write!(f, "{whole}.{part:02}%"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Percent(percent) => percent.fmt(f),
        }
    }
}

/// Each with a space before it, as they follow a cue's times.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = |align: Option<&'static str>| {
            align.map(|align| format!(",{align}")).unwrap_or_default()
        };
        if let Some(vertical) = self.vertical {
            write!(f, " vertical:{vertical}")?;
        }
        if let Some((line, align)) = self.line {
            write!(f, " line:{line}{}", after(align))?;
        }
        if let Some((position, align)) = self.position {
            write!(f, " position:{position}{}", after(align))?;
        }
        if let Some(size) = self.size {
            write!(f, " size:{size}")?;
        }
        if let Some(align) = self.align {
            write!(f, " align:{align}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_stays() {
        for (text, expected) in [
            (
                "align:end size:50% position:10%,line-left line:-1,center vertical:rl",
                " vertical:rl line:-1,center position:10%,line-left size:50% align:end",
            ),
            ("line:0 line:33.333% region:fred", " line:33.33%"),
            ("size:99.50% position:0.05%", " position:0.05% size:99.5%"),
            ("align:middle", " align:center"),
            (
                "size:101% size:-1% size:50 size:% size:.5% size:5.% size:100.01%",
                "",
            ),
            ("line:1.5 line:- line:99999 line:٣ line:50%,middle", ""),
            (
                "vertical:up align:justify position:5%,start align:left,x",
                "",
            ),
            ("size:99999999999999% x:y : :: a, align: align", ""),
            ("align:left align:nonsense", " align:left"),
        ] {
            let settings = Settings::read(text);
            assert_eq!(settings.to_string(), expected, "{text}");
            assert_eq!(Settings::read(expected), settings, "{text}");
        }
    }

    #[test]
    fn an_anchor_is_a_place() {
        let place = |key| Settings::default().anchored(key).to_string();
        assert_eq!(place(1), " position:0% align:left");
        assert_eq!(place(2), "");
        assert_eq!(place(5), " line:50%");
        assert_eq!(place(8), " line:0");
        assert_eq!(place(9), " line:0 position:100% align:right");
        let own = Settings::read("line:5 align:start").anchored(7);
        assert_eq!(own.to_string(), " line:5 align:start");
    }
}
