//! Which headers what a stack serves must have: the contract with browsers and caches, by kind of file.
//!
//! Written down once more rather than taken from the code that sets them: what both would have wrong,
//! nobody would see.

use super::place::Place;
use super::report::Fault;

/// What a URL of the CDN serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Playlist,
    Manifest,
    Video,
    Audio,
    Picture,
    Storyboard,
    Original,
    Page,
    Embed,
}

/// How a header must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Is(&'static str),
    /// Among its parts, which `;` or `,` separate.
    Has(&'static str),
    /// Of all parts, none begins so.
    HasNo(&'static str),
    Set,
    Absent,
}

struct Header(&'static str, Wanted, Place);

impl Kind {
    /// The kind of a published file, by its path.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/')?;
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        Some(match extension {
            Some("m3u8") => Self::Playlist,
            Some("mpd") => Self::Manifest,
            Some("m4a") => Self::Audio,
            Some("mp4" | "m4s") if folder.contains("/audio/") => Self::Audio,
            Some("mp4" | "m4s") => Self::Video,
            Some("jpg") => Self::Picture,
            Some("vtt") => Self::Storyboard,
            None if name == "source" => Self::Original,
            _ => return None,
        })
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Playlist => "application/vnd.apple.mpegurl",
            Self::Manifest => "application/dash+xml",
            Self::Video | Self::Original => "video/mp4",
            Self::Audio => "audio/mp4",
            Self::Picture => "image/jpeg",
            Self::Storyboard => "text/vtt",
            Self::Page | Self::Embed => "text/html",
        }
    }

    fn headers(self) -> Vec<Header> {
        use Wanted::{Absent, Has, HasNo, Is, Set};
        let policy = match self {
            Self::Original => Place::OriginalHeaders,
            Self::Page => Place::PageHeaders,
            Self::Embed => Place::EmbedHeaders,
            _ => Place::MediaHeaders,
        };
        let stored = match self {
            Self::Original => Place::OriginalTypes,
            Self::Page | Self::Embed => Place::Page,
            _ => Place::Stored,
        };
        let mut headers = vec![
            Header("content-type", Has(self.content_type()), stored),
            Header("x-content-type-options", Is("nosniff"), policy),
            Header("strict-transport-security", Has("max-age=31536000"), policy),
        ];
        match self {
            Self::Page | Self::Embed => headers.extend([
                Header("content-security-policy", Has("script-src 'self'"), policy),
                Header("content-security-policy", Has("object-src 'none'"), policy),
                Header(
                    "referrer-policy",
                    Is("strict-origin-when-cross-origin"),
                    policy,
                ),
                Header("permissions-policy", Set, policy),
            ]),
            _ => headers.extend([
                Header("access-control-allow-origin", Is("*"), policy),
                Header("content-security-policy", Has("sandbox"), policy),
                Header("content-security-policy", Has("default-src 'none'"), policy),
                Header("content-security-policy", HasNo("script-src"), policy),
                Header("referrer-policy", Is("no-referrer"), policy),
                Header("cross-origin-resource-policy", Is("cross-origin"), policy),
            ]),
        }
        match self {
            Self::Page => headers.extend([
                Header(
                    "content-security-policy",
                    Has("frame-ancestors 'none'"),
                    policy,
                ),
                Header("x-frame-options", Is("DENY"), policy),
            ]),
            Self::Embed => headers.extend([
                Header("content-security-policy", HasNo("frame-ancestors"), policy),
                Header("x-frame-options", Absent, policy),
            ]),
            Self::Original => headers.extend([
                Header("cache-control", Is("no-cache"), policy),
                Header("content-disposition", Is("inline"), policy),
            ]),
            // They never change.
            Self::Video | Self::Audio => headers.extend([
                Header("cache-control", Has("immutable"), stored),
                Header("cache-control", Has("max-age=31536000"), stored),
            ]),
            // They may gain entries.
            _ => headers.push(Header("cache-control", Has("max-age=60"), stored)),
        }
        headers
    }

    /// What is wrong with an answer's headers; `value` gives a header's, empty if there is none.
    pub(super) fn fault<'a>(self, value: impl Fn(&str) -> &'a str) -> Option<Fault> {
        let wrong: Vec<_> = self
            .headers()
            .into_iter()
            .filter(|Header(name, wanted, _)| !wanted.is_met_by(value(name)))
            .collect();
        let place = wrong.first()?.2;
        let mut came: Vec<_> = wrong
            .iter()
            .map(|Header(name, ..)| match value(name) {
                "" => format!("no {name}"),
                value => format!("{name}: {value}"),
            })
            .collect();
        came.dedup();
        let expected = wrong
            .iter()
            .map(|Header(name, wanted, _)| wanted.words(name));
        Some(Fault {
            expected: expected.collect::<Vec<_>>().join(", "),
            came: came.join(", "),
            place,
        })
    }

    /// How many things [`Self::fault`] looks at.
    pub(super) fn count(self) -> usize {
        self.headers().len()
    }
}

impl Wanted {
    fn is_met_by(self, value: &str) -> bool {
        let mut parts = value.split([';', ',']).map(str::trim);
        match self {
            Self::Is(wanted) => value == wanted,
            Self::Has(wanted) => parts.any(|part| part == wanted),
            Self::HasNo(unwanted) => !parts.any(|part| part.starts_with(unwanted)),
            Self::Set => !value.is_empty(),
            Self::Absent => value.is_empty(),
        }
    }

    fn words(self, name: &str) -> String {
        match self {
            Self::Is(wanted) => format!("{name}: {wanted}"),
            Self::Has(wanted) => format!("{name} with {wanted}"),
            Self::HasNo(unwanted) => format!("{name} without {unwanted}"),
            Self::Set => format!("a {name}"),
            Self::Absent => format!("no {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MEDIA: [(&str, &str); 7] = [
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("strict-transport-security", "max-age=31536000"),
        (
            "content-security-policy",
            "sandbox; default-src 'none'; media-src 'self'",
        ),
        ("cache-control", "public, max-age=60"),
    ];

    fn playlist() -> BTreeMap<&'static str, &'static str> {
        let mut headers = BTreeMap::from(MEDIA);
        headers.insert("content-type", "application/vnd.apple.mpegurl");
        headers
    }

    fn fault(kind: Kind, headers: &BTreeMap<&'static str, &'static str>) -> Option<Fault> {
        kind.fault(|name| headers.get(name).copied().unwrap_or(""))
    }

    #[test]
    fn files_are_known_by_their_path() {
        let kind = |path| Kind::of(path);
        assert_eq!(kind("/videos/a/master.m3u8"), Some(Kind::Playlist));
        assert_eq!(kind("/videos/a/manifest.mpd"), Some(Kind::Manifest));
        assert_eq!(kind("/videos/a/video/360p/00001.m4s"), Some(Kind::Video));
        assert_eq!(kind("/videos/a/audio/main/init.mp4"), Some(Kind::Audio));
        assert_eq!(kind("/videos/a/audio.m4a"), Some(Kind::Audio));
        assert_eq!(kind("/videos/a/storyboard/00001.jpg"), Some(Kind::Picture));
        assert_eq!(kind("/uploads/a/source"), Some(Kind::Original));
        assert_eq!(kind("/videos/a/x"), None);
    }

    #[test]
    fn a_good_playlist_has_no_fault_and_each_wrong_header_is_one() {
        let good = playlist();
        assert_eq!(fault(Kind::Playlist, &good), None);
        for name in good.keys() {
            for value in ["", "x"] {
                let mut bad = good.clone();
                bad.insert(name, value);
                let fault = fault(Kind::Playlist, &bad).expect(name);
                assert!(fault.expected.contains(name), "{fault:?}");
                assert!(fault.came.contains(name), "{fault:?}");
            }
        }
    }

    #[test]
    fn the_place_is_where_the_header_is_set() {
        let mut bad = playlist();
        bad.remove("access-control-allow-origin");
        let wrong = fault(Kind::Playlist, &bad).expect("a fault");
        assert_eq!(wrong.place, Place::MediaHeaders);
        assert_eq!(wrong.came, "no access-control-allow-origin");
        let mut bad = playlist();
        bad.insert("cache-control", "no-store");
        let wrong = fault(Kind::Playlist, &bad).expect("a fault");
        assert_eq!(wrong.place, Place::Stored);
    }

    #[test]
    fn segments_are_kept_for_good_and_playlists_are_not() {
        let mut segment = playlist();
        segment.insert("content-type", "video/mp4");
        let why = fault(Kind::Video, &segment).expect("a fault");
        assert!(why.expected.contains("immutable"), "{why:?}");
        segment.insert("cache-control", "public, max-age=31536000, immutable");
        assert_eq!(fault(Kind::Video, &segment), None);
    }

    #[test]
    fn the_page_is_in_no_frame_and_the_player_in_any() {
        let mut page = BTreeMap::from([
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("permissions-policy", "camera=()"),
            (
                "content-security-policy",
                "script-src 'self'; object-src 'none'; frame-ancestors 'none'",
            ),
            ("x-frame-options", "DENY"),
            ("cache-control", "max-age=60"),
        ]);
        assert_eq!(fault(Kind::Page, &page), None);
        let why = fault(Kind::Embed, &page).expect("a fault");
        assert!(why.expected.contains("without frame-ancestors"), "{why:?}");
        page.insert(
            "content-security-policy",
            "script-src 'self'; object-src 'none'",
        );
        page.remove("x-frame-options");
        assert_eq!(fault(Kind::Embed, &page), None);
        assert!(fault(Kind::Page, &page).is_some());
    }
}
