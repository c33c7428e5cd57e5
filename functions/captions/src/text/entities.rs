//! Character references (`&amp;`), as subtitles have them.

use crate::decode::windows_1252;

/// The references that WebVTT needs, and the two that HTML's writers make of quotation marks.
const NAMED: [(&str, char); 8] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
];

/// The longest that is looked for: `&#x10ffff;`, and some zeros.
const MOST: usize = 16;

/// The character that a text begins with as a reference, and how long that is. `None` if it is an
/// ampersand like any other.
pub(super) fn read(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    let end = name.bytes().take(MOST).position(|byte| byte == b';')?;
    let name = &name[..end];
    let found = match name.strip_prefix('#') {
        Some(number) => numbered(number)?,
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((found, end + 2))
}

fn numbered(text: &str) -> Option<char> {
    let (digits, radix) = match text.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = number.then(|| u32::from_str_radix(digits, radix).ok())??;
    // As HTML has it: C1 is Windows-1252, and what is no character is replaced.
    Some(match u8::try_from(number) {
        Ok(0) => char::REPLACEMENT_CHARACTER,
        Ok(byte) => windows_1252(byte),
        Err(_) => char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_html_reads_them() {
        for (text, expected) in [
            ("&amp;lt;", Some(('&', 5))),
            ("&#8217;", Some(('’', 7))),
            ("&#x1F3AC;!", Some(('🎬', 9))),
            ("&#150;", Some(('–', 6))),
            ("&#xd800;", Some(('\u{fffd}', 8))),
            ("&#0;", Some(('\u{fffd}', 4))),
            ("&#x;", None),
            ("&#+5;", None),
            ("&#99999999999;", None),
            ("&AMP;", None),
            ("&", None),
            ("& amp;", None),
            ("&amp", None),
            ("&ééééééééé;", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
