//! The language of a sound track: from a container's word to a playlist's.

/// An RFC 5646 tag for a container's language: MP4 and Matroska write ISO 639-2 (`eng`), for which
/// RFC 5646 wants the shorter code where there is one (`en`).
pub fn tag_of(tag: Option<&str>) -> String {
    let tag = tag.unwrap_or_default();
    isolang::Language::from_639_3(tag)
        .or_else(|| isolang::Language::from_639_1(tag))
        .filter(|language| language.to_639_3() != "und")
        .map_or("und", |language| {
            language.to_639_1().unwrap_or_else(|| language.to_639_3())
        })
        .into()
}

/// The English name of a language tag, for a player's menu.
pub fn name_of(tag: &str) -> &'static str {
    isolang::Language::from_639_1(tag)
        .or_else(|| isolang::Language::from_639_3(tag))
        .filter(|language| language.to_639_3() != "und")
        .map_or("Audio", |language| language.to_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_a_tag_that_players_know() {
        for (tag, expected) in [
            (Some("eng"), "en"),
            (Some("deu"), "de"),
            (Some("en"), "en"),
            (Some("gsw"), "gsw"),
            (Some("und"), "und"),
            (Some("x\"y"), "und"),
            (None, "und"),
        ] {
            assert_eq!(tag_of(tag), expected, "{tag:?}");
        }
        assert_eq!(name_of("de"), "German");
        assert_eq!(name_of("und"), "Audio");
    }
}
