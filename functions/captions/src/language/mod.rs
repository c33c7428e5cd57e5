//! Languages of tracks: BCP 47 tags, and what they are called in a player's menu.

mod codes;
mod names;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use self::names::{NAMES, Name};

/// A BCP 47 (RFC 5646) language tag: well-formed, in its canonical case, with the shortest code for its
/// language. So two tags that mean the same are equal, except where one says more than the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LanguageTag(String);

/// The tag of a language that is not known.
const UNKNOWN: &str = "und";

/// RFC 5646 asks for room for 35 characters; no tag of a spoken language is longer.
const MOST: usize = 35;

/// A text that is no language tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no language tag; write it as en, pt-BR or zh-Hant (BCP 47)")]
pub struct InvalidLanguageTag(String);

impl LanguageTag {
    /// Reads a tag, in any case.
    pub fn parse(text: &str) -> Result<Self, InvalidLanguageTag> {
        let invalid = || InvalidLanguageTag(crate::error::shown(text));
        if text.len() > MOST {
            return Err(invalid());
        }
        let tag = oxilangtag::LanguageTag::parse_and_normalize(text).map_err(|_| invalid())?;
        // Longer ones are well-formed, but there is none: "english" is a mistake.
        if tag
            .as_str()
            .split('-')
            .next()
            .is_none_or(|language| language.len() > 3)
        {
            return Err(invalid());
        }
        let language = tag.primary_language();
        let shortest = codes::shortest(language);
        Ok(Self(match tag.as_str().strip_prefix(language) {
            Some(rest) => format!("{shortest}{rest}"),
            None => tag.into_inner(),
        }))
    }

    /// The tag of a language that is not known.
    pub fn unknown() -> Self {
        Self(UNKNOWN.into())
    }

    /// A container's word for a language: ISO 639-2 in MP4 (`deu`), that or its older form in Matroska
    /// (`ger`), anything in others.
    pub fn of_container(word: Option<&str>) -> Self {
        let tag = word.and_then(|word| Self::parse(word.trim()).ok());
        tag.filter(Self::is_registered)
            .unwrap_or_else(Self::unknown)
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it says which language.
    pub fn is_known(&self) -> bool {
        // No linguistic content, several languages, and those that have no code are none to choose.
        !matches!(self.language(), UNKNOWN | "zxx" | "mul" | "mis")
    }

    /// The language alone, as ISO 639-2's bibliographic code (`ger`), which broadcasting uses; `und` if it has
    /// none.
    pub fn bibliographic(&self) -> &str {
        codes::bibliographic(self.language()).unwrap_or(UNKNOWN)
    }

    fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    fn is_registered(&self) -> bool {
        self.is_known() && iso(self.language()).is_some()
    }

    /// The name in English: `German`, `Portuguese (Brazil)`, `German (AT)`. A language without a name is
    /// called by its tag.
    pub fn english_name(&self) -> String {
        self.named(|name| name.english, |language| language.to_name())
    }

    /// The name in the language itself, as menus of players have it: `Deutsch`, `Português (Brasil)`.
    /// In English where it isn't known.
    pub fn own_name(&self) -> String {
        self.named(|name| name.own, |language| language.to_name())
    }

    fn named(
        &self,
        known: fn(&Name) -> &'static str,
        other: fn(isolang::Language) -> &'static str,
    ) -> String {
        if !self.is_known() {
            return "Unknown language".into();
        }
        let find = |tag: &str| NAMES.iter().find(|name| name.tag == tag).map(known);
        if let Some(name) = find(&self.0) {
            return name.into();
        }
        let language = self.language();
        let name = find(language).or_else(|| iso(language).map(other));
        let rest = self.0.get(language.len() + 1..).unwrap_or_default();
        match name {
            Some(name) if rest.is_empty() => name.into(),
            Some(name) => format!("{name} ({rest})"),
            None => self.0.clone(),
        }
    }
}

fn iso(language: &str) -> Option<isolang::Language> {
    isolang::Language::from_639_1(language).or_else(|| isolang::Language::from_639_3(language))
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LanguageTag {
    type Err = InvalidLanguageTag;
    fn from_str(text: &str) -> Result<Self, InvalidLanguageTag> {
        Self::parse(text)
    }
}

impl TryFrom<String> for LanguageTag {
    type Error = InvalidLanguageTag;
    fn try_from(text: String) -> Result<Self, InvalidLanguageTag> {
        Self::parse(&text)
    }
}

impl From<LanguageTag> for String {
    fn from(tag: LanguageTag) -> Self {
        tag.0
    }
}

#[cfg(test)]
mod tests {
    use super::{codes::BIBLIOGRAPHIC, *};

    fn parse(text: &str) -> Option<String> {
        LanguageTag::parse(text).ok().map(String::from)
    }

    #[test]
    fn a_tag_is_well_formed_and_canonical() {
        for (text, expected) in [
            ("EN", "en"),
            ("pt-br", "pt-BR"),
            ("ZH-hANT-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("eng-US", "en-US"),
            ("deu", "de"),
            ("ger", "de"),
            ("iw", "he"),
            ("gsw", "gsw"),
            ("sl-rozaj-biske", "sl-rozaj-biske"),
            ("x-klingon", "x-klingon"),
            ("I-KLINGON", "i-klingon"),
            ("und", "und"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(expected), "{text}");
        }
        let long = format!("en{}", "-x-abcdefgh".repeat(4));
        for text in [
            "",
            "e",
            "en_US",
            "en-",
            "-en",
            "en us",
            "english",
            "english-language",
            "de\"",
            "日本",
            "en\n",
            &long,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let error = LanguageTag::parse("en_\u{202e}US").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("\"en_US\" is no language tag"),
            "{error}"
        );
    }

    #[test]
    fn a_container_s_word_is_a_tag_or_unknown() {
        for (word, expected) in [
            (Some("eng"), "en"),
            (Some("ger"), "de"),
            (Some("chi"), "zh"),
            (Some("gsw"), "gsw"),
            (Some("pt-BR"), "pt-BR"),
            (Some(" fre "), "fr"),
            (Some("und"), "und"),
            (Some("mul"), "und"),
            (Some("qqq"), "und"),
            (Some("x\"y"), "und"),
            (Some(""), "und"),
            (None, "und"),
        ] {
            assert_eq!(
                LanguageTag::of_container(word).as_str(),
                expected,
                "{word:?}"
            );
        }
    }

    #[test]
    fn a_language_has_names() {
        for (tag, english, own) in [
            ("de", "German", "Deutsch"),
            ("de-AT", "German (AT)", "Deutsch (AT)"),
            ("pt-BR", "Portuguese (Brazil)", "Português (Brasil)"),
            ("zh-Hant-HK", "Chinese (Hant-HK)", "中文 (Hant-HK)"),
            ("nds", "Low German", "Low German"),
            ("xx", "xx", "xx"),
            ("und", "Unknown language", "Unknown language"),
        ] {
            let tag = LanguageTag::parse(tag).unwrap();
            assert_eq!((&*tag.english_name(), &*tag.own_name()), (english, own));
        }
    }

    #[test]
    fn broadcasting_has_codes_of_three_letters() {
        for (tag, expected) in [
            ("en-GB", "eng"),
            ("de", "ger"),
            ("he", "heb"),
            ("gsw", "gsw"),
            ("xx", "und"),
        ] {
            assert_eq!(LanguageTag::parse(tag).unwrap().bibliographic(), expected);
        }
    }

    #[test]
    fn the_tables_are_canonical() {
        assert!(NAMES.is_sorted_by_key(|name| name.tag));
        for name in &NAMES {
            assert_eq!(parse(name.tag).as_deref(), Some(name.tag));
            assert!(LanguageTag::of_container(Some(name.tag)).is_known());
        }
        for (old, new) in BIBLIOGRAPHIC {
            assert_eq!(parse(old).as_deref(), Some(new));
        }
    }

    #[test]
    fn a_tag_in_json_is_checked() {
        let tag: LanguageTag = serde_json::from_str("\"en-us\"").unwrap();
        assert_eq!(serde_json::to_string(&tag).unwrap(), "\"en-US\"");
        assert!(serde_json::from_str::<LanguageTag>("\"<b>\"").is_err());
    }
}
