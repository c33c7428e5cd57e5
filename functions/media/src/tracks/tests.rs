use super::*;

pub(crate) fn audio(language: &str, purpose: Purpose) -> Track {
    track(
        Kind::Audio {
            purpose,
            channels: 2,
            playlist: format!("audio/{language}/playlist.m3u8"),
        },
        language,
    )
}

pub(crate) fn text(kind: fn(TextFiles) -> Kind, id: &str, language: &str) -> Track {
    track(
        kind(TextFiles {
            id: id.into(),
            playlist: format!("subtitles/{id}/playlist.m3u8"),
            file: format!("subtitles/{id}/all.vtt"),
            bandwidth_bps: 256,
        }),
        language,
    )
}

pub(crate) fn track(kind: Kind, language: &str) -> Track {
    Track {
        kind,
        language: LanguageTag::parse(language).unwrap(),
        name: None,
        is_default: false,
        is_forced: false,
        source: Source::Embedded,
    }
}

/// What an owner may add.
pub(crate) fn texts() -> TextTracks {
    let forced = Track {
        is_forced: true,
        ..text(Kind::Subtitles, "three", "en")
    };
    let german = Track {
        is_default: true,
        name: Some("Deutsch \"neu\"".into()),
        ..text(Kind::Subtitles, "one", "de")
    };
    TextTracks {
        tracks: vec![german, text(Kind::Captions, "two", "en"), forced],
        chapters: Some(MediaFile::ChaptersJson("four".into())),
    }
}

/// One of everything.
pub(crate) fn all() -> Vec<Track> {
    vec![
        audio("en", Purpose::Main),
        audio("de", Purpose::Dub),
        audio("en", Purpose::Description),
        audio("en", Purpose::Commentary),
        Track {
            is_default: true,
            ..text(Kind::Subtitles, "1", "de")
        },
        text(Kind::Captions, "2", "en"),
        Track {
            is_forced: true,
            ..text(Kind::Subtitles, "3", "de")
        },
        Track {
            name: Some("By \"Fans\" & <friends>\n".into()),
            source: Source::Uploaded,
            ..text(Kind::Subtitles, "4", "pt-br")
        },
        track(Kind::ClosedCaptions(1), "en"),
    ]
}

fn described(tracks: &[Track]) -> Vec<(String, bool, bool)> {
    let declared = declare(tracks).into_iter();
    declared
        .map(|one| (one.name, one.is_default, one.is_autoselect))
        .collect()
}

fn named(name: &str, is_default: bool, is_autoselect: bool) -> (String, bool, bool) {
    (name.into(), is_default, is_autoselect)
}

#[test]
fn names_are_those_of_languages_and_unique() {
    let given = |name: &str, source| Track {
        name: Some(name.into()),
        source,
        ..text(Kind::Subtitles, name, "de")
    };
    let tracks = [
        text(Kind::Subtitles, "1", "de"),
        text(Kind::Subtitles, "2", "de"),
        given("Deutsch", Source::Uploaded),
        given("Deutsch (2)", Source::Uploaded),
        text(Kind::Captions, "3", "de"),
        audio("de", Purpose::Main),
        given(" \"\u{7}\n ", Source::Embedded),
    ];
    let names: Vec<_> = declare(&tracks).into_iter().map(|one| one.name).collect();
    // What was uploaded keeps its name, and sound is another menu.
    assert_eq!(
        names,
        [
            "Deutsch (3)",
            "Deutsch (4)",
            "Deutsch",
            "Deutsch (2)",
            "Deutsch (CC)",
            "Deutsch",
            "'"
        ]
    );
}

#[test]
fn one_of_a_group_is_the_default() {
    assert_eq!(described(&[]), []);
    let commentary = audio("en", Purpose::Commentary);
    // There has to be sound.
    assert_eq!(
        described(std::slice::from_ref(&commentary)),
        [named("English (commentary)", true, true)]
    );
    assert_eq!(
        described(&[commentary, audio("de", Purpose::Dub)]),
        [
            named("English (commentary)", false, false),
            named("Deutsch", true, true)
        ]
    );
    let asked = |id, source| Track {
        is_default: true,
        source,
        ..text(Kind::Subtitles, id, "fr")
    };
    assert_eq!(
        described(&[
            asked("1", Source::Embedded),
            asked("2", Source::Uploaded),
            text(Kind::Captions, "3", "fr")
        ]),
        [
            named("Français (2)", false, false),
            named("Français", true, true),
            named("Français (CC)", false, true)
        ]
    );
}

#[test]
fn a_player_takes_one_of_those_that_are_alike() {
    let described = described(&all());
    assert_eq!(
        described,
        [
            named("English", true, true),
            named("Deutsch", false, true),
            named("English (audio description)", false, true),
            named("English (commentary)", false, false),
            named("Deutsch", true, true),
            named("English (CC)", false, true),
            named("Deutsch (forced)", false, true),
            named("By 'Fans' & <friends>", false, true),
            named("English (CC)", false, true),
        ]
    );
}
