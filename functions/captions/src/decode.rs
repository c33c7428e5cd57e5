//! From bytes to text. Nothing says in which encoding a subtitle file is; it has to be found out.
//!
//! In this order, and the first that fits is it:
//!
//! 1. a byte order mark, of UTF-8 or UTF-16;
//! 2. UTF-16 without one: there is an arrow (`-->`) or WebVTT's signature in it, which every such
//!    file has, with a zero beside each letter;
//! 3. UTF-8, if it is valid, or if it is mostly: a few broken characters become U+FFFD rather than
//!    all of them nonsense;
//! 4. Windows-1252, which is Latin-1 with more in it, if what comes out could be a language of Western
//!    Europe: few of its letters are outside ASCII. Text in Cyrillic, Greek, Arabic or Japanese in
//!    an encoding of its own is refused, as nobody wants to publish "Ïðèâåò".
//!
//! A crate that knows all encodings brings their tables along, of several hundred kilobytes, for what
//! needs thirty-two characters here; and none can tell Windows-1251 from Windows-1250 without a guess.

use std::fmt;

use crate::{error::ReadError, limits::MAX_BYTES};

/// How a file's text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
    /// Windows-1252 or Latin-1: a guess, though a likely one.
    Windows1252,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        })
    }
}

/// The text of a file, and how it was encoded. NUL becomes U+FFFD, as WebVTT wants it; so does what
/// is no character.
pub fn decode(bytes: &[u8]) -> Result<(String, Encoding), ReadError> {
    if bytes.len() > MAX_BYTES {
        return Err(ReadError::TooLarge { bytes: bytes.len() });
    }
    let (mut text, encoding) = if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        (String::from_utf8_lossy(rest).into_owned(), Encoding::Utf8)
    } else if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        (utf16(rest, u16::from_le_bytes), Encoding::Utf16Le)
    } else if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        (utf16(rest, u16::from_be_bytes), Encoding::Utf16Be)
    } else if is_wide(bytes, |letter| [letter, 0]) {
        (utf16(bytes, u16::from_le_bytes), Encoding::Utf16Le)
    } else if is_wide(bytes, |letter| [0, letter]) {
        (utf16(bytes, u16::from_be_bytes), Encoding::Utf16Be)
    } else if is_mostly_utf8(bytes) {
        (String::from_utf8_lossy(bytes).into_owned(), Encoding::Utf8)
    } else if bytes.contains(&0) {
        return Err(ReadError::NotText);
    } else {
        if let Some(line) = foreign_line(bytes) {
            return Err(ReadError::UnknownEncoding { line });
        }
        let text = bytes.iter().map(|byte| windows_1252(*byte)).collect();
        (text, Encoding::Windows1252)
    };
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    Ok((text, encoding))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text = char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER));
    // Cut in the middle of a character.
    text.chain((!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether there is what all captions have, written with two bytes for each letter.
fn is_wide(bytes: &[u8], pair: fn(u8) -> [u8; 2]) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    let reads = |at: &[[u8; 2]], word: &[u8]| {
        let mut letters = at.iter().zip(word);
        at.len() >= word.len() && letters.all(|(found, letter)| *found == pair(*letter))
    };
    reads(pairs, b"WEBVTT") || pairs.windows(3).any(|at| reads(at, b"-->"))
}

/// Whether most of what is outside ASCII is valid. In other encodings, next to nothing is.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        // The first bytes of characters.
        let first = chunk.valid().bytes().filter(|byte| *byte >= 0xc0);
        valid += first.count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    broken == 0 || broken < valid
}

/// The first line with a character that Windows-1252 lacks, or, where most letters are outside ASCII,
/// the first that has one. `None` if this may be a language of Western Europe.
fn foreign_line(bytes: &[u8]) -> Option<usize> {
    let line_of = |is: fn(u8) -> bool| {
        let at = bytes.iter().position(|byte| is(*byte))?;
        Some(bytes[..at].split(|byte| *byte == b'\n').count())
    };
    let missing = line_of(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
    let ascii = bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let other = bytes.iter().filter(|byte| is_letter(**byte)).count();
    // Icelandic, which has the most, has one in eight.
    let is_foreign = other * 2 > ascii;
    missing.or_else(|| is_foreign.then(|| line_of(is_letter)).flatten())
}

/// Whether it is outside ASCII and no dash, quotation mark or the like of Windows-1252, of which short
/// texts can be full.
fn is_letter(byte: u8) -> bool {
    byte >= 0x80
        && !matches!(
            byte,
            0x84 | 0x85 | 0x91..=0x97 | 0xa0 | 0xa1 | 0xab | 0xb7 | 0xbb | 0xbf
        )
}

/// Windows-1252, as browsers have it: where it has no character, it is Latin-1.
pub(crate) fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', //
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..0xa0 => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, Encoding) {
        decode(bytes).unwrap()
    }

    fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    const TEXT: &str = "1\n00:00:01,000 --> 00:00:02,000\nПривет, 世界 🎬\n";

    #[test]
    fn unicode_is_known_with_and_without_a_mark() {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{TEXT}");
            for (bytes, encoding) in [
                (text.clone().into_bytes(), Encoding::Utf8),
                (wide(&text, u16::to_le_bytes), Encoding::Utf16Le),
                (wide(&text, u16::to_be_bytes), Encoding::Utf16Be),
            ] {
                assert_eq!(read(&bytes), (TEXT.into(), encoding));
            }
        }
        let signature = wide("WEBVTT", u16::to_be_bytes);
        assert_eq!(read(&signature), ("WEBVTT".into(), Encoding::Utf16Be));
    }

    #[test]
    fn what_is_broken_is_marked() {
        // Half a surrogate pair, at the end half a unit.
        let mut bytes = wide(TEXT, u16::to_le_bytes);
        bytes.extend([0x3c, 0xd8, b'a', 0, 0x12]);
        assert!(read(&bytes).0.ends_with("\n\u{fffd}a\u{fffd}"));
        // A surrogate in UTF-8, among much that is valid.
        let mut bytes = TEXT.as_bytes().to_vec();
        bytes.extend(b"\xed\xa0\xbc!");
        let (text, encoding) = read(&bytes);
        assert_eq!(encoding, Encoding::Utf8);
        assert!(
            text.starts_with(TEXT) && text.ends_with("\u{fffd}!"),
            "{text}"
        );
        assert_eq!(read(b"a\0b").0, "a\u{fffd}b");
    }

    #[test]
    fn western_europe_is_read_and_others_are_asked_for_utf8() {
        let western = b"caf\xe9 \x96 \x93na\xefve\x94 \x80 5";
        assert_eq!(
            read(western),
            ("café – “naïve” € 5".into(), Encoding::Windows1252)
        );
        // "Привет" in Windows-1251, after a line of its time.
        let error = decode(b"00:00:01,000 --> 00:00:02,000\n\xcf\xf0\xe8\xe2\xe5\xf2").unwrap_err();
        assert_eq!(error, ReadError::UnknownEncoding { line: 2 });
        // Shift_JIS.
        assert_eq!(decode(b"\0\0\0\x20ftypisom\xff"), Err(ReadError::NotText));
        assert!(decode(b"\x93\xfa\x96{\x8c\xea \x82\xcc\x8e\x9a\x96\x8b").is_err());
    }

    #[test]
    fn size_is_bounded() {
        assert!(decode(&vec![b'a'; MAX_BYTES]).is_ok());
        let error = decode(&vec![b'a'; MAX_BYTES + 1]).unwrap_err();
        assert!(error.to_string().contains("10 MB"), "{error}");
    }
}
