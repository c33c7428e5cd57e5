//! What stands in angle brackets, and in SubRip's braces.

use super::entities;
use crate::{format::Format, language::LanguageTag, time};

/// The elements of WebVTT's cue text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Italic,
    Bold,
    Underline,
    Class,
    Voice,
    Language,
    Ruby,
    RubyText,
}

impl Name {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Italic => "i",
            Self::Bold => "b",
            Self::Underline => "u",
            Self::Class => "c",
            Self::Voice => "v",
            Self::Language => "lang",
            Self::Ruby => "ruby",
            Self::RubyText => "rt",
        }
    }

    /// Of WebVTT's names and HTML's.
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "i" | "em" => Self::Italic,
            "b" | "strong" => Self::Bold,
            "u" => Self::Underline,
            "c" | "font" => Self::Class,
            "v" => Self::Voice,
            "lang" => Self::Language,
            "ruby" => Self::Ruby,
            "rt" => Self::RubyText,
            _ => return None,
        })
    }
}

/// A tag that opens an element.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) name: Name,
    /// What follows the name: `.yellow`, ` Fred`. `None` if the element has no effect; it is there so
    /// that its end isn't taken for another's.
    pub(super) rest: Option<String>,
}

/// What a pair of brackets means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Markup {
    Open(Tag),
    Close(Name),
    /// From when on what follows is shown, in milliseconds.
    Time(i64),
    /// A line break.
    Line,
    /// Markup that has no equivalent.
    Nothing,
}

/// Elements of HTML that are found in SubRip and have no equivalent. What else is in brackets there is
/// what somebody wrote: `<door slams>`.
const DROPPED: [&str; 9] = [
    "s", "strike", "del", "span", "p", "div", "small", "big", "center",
];

/// WebVTT's colours, and how they are written in numbers.
const COLORS: [(&str, &str); 8] = [
    ("white", "#ffffff"),
    ("lime", "#00ff00"),
    ("cyan", "#00ffff"),
    ("red", "#ff0000"),
    ("yellow", "#ffff00"),
    ("magenta", "#ff00ff"),
    ("blue", "#0000ff"),
    ("black", "#000000"),
];

/// The markup at the beginning of a text, and its length. `None` if the bracket is one like any other:
/// it isn't closed before the next one opens, or what is in it can't be a tag.
pub(super) fn read(text: &str, format: Format) -> Option<(Markup, usize)> {
    let inner = text.strip_prefix('<')?;
    let end = inner.find(['<', '>'])?;
    let inner = inner[..end].strip_suffix('/').unwrap_or(&inner[..end]);
    if !text[end + 1..].starts_with('>') {
        return None;
    }
    let length = end + 2;
    if inner.starts_with(|c: char| c.is_ascii_digit()) {
        return match (time::read(inner, Format::WebVtt), format) {
            (Some(ms), _) => Some((Markup::Time(ms), length)),
            // As "<00:99>" in WebVTT; "<3>" is no attempt at a time.
            (None, Format::WebVtt) if inner.contains(':') => Some((Markup::Nothing, length)),
            (None, _) => None,
        };
    }
    let (is_end, inner) = match inner.strip_prefix('/') {
        Some(inner) => (true, inner),
        None => (false, inner),
    };
    let name_ends = inner.find(|c: char| !c.is_ascii_alphanumeric());
    let (name, rest) = inner.split_at(name_ends.unwrap_or(inner.len()));
    if name.is_empty() {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let markup = match Name::of(&lower) {
        Some(name) if is_end => Markup::Close(name),
        Some(name) => Markup::Open(Tag {
            name,
            rest: effect(name, &lower, rest),
        }),
        None if lower == "br" => Markup::Line,
        None if format == Format::WebVtt || DROPPED.contains(&&*lower) => Markup::Nothing,
        None => return None,
    };
    Some((markup, length))
}

/// What is written after the name.
fn effect(name: Name, html: &str, rest: &str) -> Option<String> {
    let (classes, annotation) = match rest.find(|c: char| c.is_ascii_whitespace()) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    match name {
        Name::Class if html == "font" => font_color(annotation).map(|color| format!(".{color}")),
        Name::Class => {
            let is_color = |class: &&str| {
                let color = class.strip_prefix("bg_").unwrap_or(class);
                COLORS.iter().any(|(known, _)| *known == color)
            };
            let colors: Vec<_> = classes.split('.').filter(is_color).take(2).collect();
            (!colors.is_empty()).then(|| format!(".{}", colors.join(".")))
        }
        Name::Voice => speaker(annotation).map(|speaker| format!(" {speaker}")),
        Name::Language => {
            let tag = LanguageTag::parse(annotation.trim()).ok()?;
            Some(format!(" {tag}"))
        }
        _ => Some(String::new()),
    }
}

/// WebVTT's colour for that of a `font` element.
fn font_color(attributes: &str) -> Option<&'static str> {
    let lower = attributes.to_ascii_lowercase();
    let (_, value) = lower.split_once("color")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
    let value = &value[..end.unwrap_or(value.len())];
    let mut colors = COLORS.iter();
    let color = colors.find(|(name, number)| *name == value || *number == value)?;
    Some(color.0)
}

/// A speaker's name, as an annotation. Quotation marks are made single ones, since some players put it
/// into an attribute of HTML as it is.
fn speaker(annotation: &str) -> Option<String> {
    let mut name = String::new();
    let mut rest = annotation;
    while let Some(next) = rest.chars().next() {
        let (next, length) = entities::read(rest).unwrap_or((next, next.len_utf8()));
        rest = &rest[length..];
        match next {
            '&' => name.push_str("&amp;"),
            '"' => name.push('\''),
            '<' | '>' | '\u{feff}' => {}
            c if c.is_whitespace() => name.push(' '),
            c if c.is_control() => {}
            c => name.push(c),
        }
    }
    let words: Vec<_> = name.split_ascii_whitespace().collect();
    // With the bracket that closes the tag, two dashes would be an arrow, and a slash would be its end.
    let name = words.join(" ");
    let name = name.trim_end_matches(['-', '/', ' ']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// What a pair of braces means.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) markup: Vec<Markup>,
    /// The key of a number pad where the cue is to stand.
    pub(super) anchor: Option<u8>,
}

/// SubStation's `{\an8}` at the beginning of a text, which SubRip has too, and its length.
pub(super) fn read_override(text: &str, format: Format) -> Option<(Overrides, usize)> {
    let inner = text.strip_prefix("{\\")?;
    if format == Format::WebVtt {
        return None;
    }
    let end = inner.find(['{', '}', '\n'])?;
    if !inner[end..].starts_with('}') {
        return None;
    }
    let mut overrides = Overrides::default();
    for code in inner[..end].split('\\') {
        let name = match code.get(..1) {
            Some("i") => Name::Italic,
            Some("b") => Name::Bold,
            Some("u") => Name::Underline,
            _ => {
                let key = code.strip_prefix("an").and_then(|key| key.parse().ok());
                overrides.anchor = overrides.anchor.or(key.filter(|key| (1..=9).contains(key)));
                continue;
            }
        };
        // Bold may have a weight.
        match code[1..].parse::<u16>() {
            Ok(0) => overrides.markup.push(Markup::Close(name)),
            Ok(_) => overrides.markup.push(Markup::Open(Tag {
                name,
                rest: Some(String::new()),
            })),
            Err(_) => {}
        }
    }
    Some((overrides, inner[..=end].len() + 2))
}
