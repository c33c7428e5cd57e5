//! The file types that may be uploaded, and the type that each is stored with.
//!
//! The extension only decides whether an upload is worth permitting; what the bytes really are is
//! decided by probing them. What a client says of the type is compared leniently, since browsers,
//! desktops and recorders disagree, and then forgotten: what is stored, signed and served is always
//! one of the types below, so no client can have its file served as a page or a script.

/// Extension, the type that such files are stored with, and other types that are known for it.
const ACCEPTED: &[(&str, &str, &[&str])] = &[
    ("mp4", "video/mp4", &["application/mp4"]),
    ("m4v", "video/x-m4v", &["video/mp4", "video/m4v"]),
    ("mov", "video/quicktime", &[]),
    ("qt", "video/quicktime", &[]),
    (
        "mkv",
        "video/x-matroska",
        &["video/matroska", "application/x-matroska"],
    ),
    ("webm", "video/webm", &[]),
    (
        "avi",
        "video/x-msvideo",
        &["video/avi", "video/msvideo", "video/vnd.avi"],
    ),
    ("divx", "video/x-msvideo", &["video/divx"]),
    ("wmv", "video/x-ms-wmv", &["video/x-ms-asf"]),
    (
        "asf",
        "video/x-ms-asf",
        &["application/vnd.ms-asf", "video/x-ms-wmv"],
    ),
    ("flv", "video/x-flv", &["video/flv"]),
    ("f4v", "video/mp4", &["video/x-f4v"]),
    ("mpg", "video/mpeg", &[]),
    ("mpeg", "video/mpeg", &[]),
    ("vob", "video/mpeg", &["video/x-ms-vob", "video/dvd"]),
    ("mod", "video/mpeg", &["audio/x-mod"]),
    (
        "ts",
        "video/mp2t",
        &[
            "video/vnd.dlna.mpeg-tts",
            // What Linux desktops and editors take the extension for.
            "text/vnd.trolltech.linguist",
            "text/vnd.qt.linguist",
            "application/typescript",
            "application/x-typescript",
            "text/typescript",
            "text/x-typescript",
        ],
    ),
    ("m2ts", "video/mp2t", &["video/vnd.dlna.mpeg-tts"]),
    (
        "mts",
        "video/mp2t",
        &["video/vnd.dlna.mpeg-tts", "model/vnd.mts"],
    ),
    ("3gp", "video/3gpp", &["audio/3gpp"]),
    ("3g2", "video/3gpp2", &["audio/3gpp2"]),
    ("insv", "video/mp4", &[]),
    (
        "ogv",
        "video/ogg",
        &["application/ogg", "application/x-ogg"],
    ),
    (
        "ogg",
        "video/ogg",
        &["audio/ogg", "application/ogg", "application/x-ogg"],
    ),
    ("mxf", "application/mxf", &["video/mxf"]),
    ("mp3", "audio/mpeg", &[]),
    ("m4a", "audio/mp4", &[]),
    ("m4b", "audio/mp4", &[]),
    ("aac", "audio/aac", &[]),
    ("wav", "audio/wav", &[]),
    ("flac", "audio/flac", &["application/flac"]),
    (
        "oga",
        "audio/ogg",
        &["application/ogg", "application/x-ogg"],
    ),
    (
        "opus",
        "audio/ogg",
        &["application/ogg", "application/x-ogg"],
    ),
];

/// The longest declared type that is looked at; real ones, codecs included, are far shorter.
pub const MAX_DECLARED_BYTES: usize = 255;

/// What systems send that know no type for an extension.
const UNKNOWN: &str = "application/octet-stream";

/// Why a file's type is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The extension is none of ours.
    #[error("files ending in {0} are not accepted; accepted are {accepted}", accepted = extensions())]
    Extension(String),
    /// The declared type is no type of media.
    #[error("{declared} is not a type of video or audio; send {expected}, or leave it empty")]
    ContentType {
        /// What the request declared.
        declared: String,
        /// The type that the file will be stored with.
        expected: &'static str,
    },
}

/// Every accepted extension with its types: the one that such files are stored with, then others.
pub fn accepted() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    ACCEPTED
        .iter()
        .map(|(extension, mime, aliases)| (*extension, [&[*mime], *aliases].concat()))
}

/// The accepted extensions, for messages: `mp4, m4v, …`.
pub fn extensions() -> String {
    let names: Vec<_> = ACCEPTED.iter().map(|(extension, ..)| *extension).collect();
    names.join(", ")
}

/// The MIME type that a file of this name is stored with, when its extension is accepted.
pub fn for_filename(filename: &str) -> Option<&'static str> {
    entry(filename).map(|(_, mime, _)| *mime)
}

/// The MIME type that a file of this name and declared type is stored with; or why it may not be
/// uploaded. Letter case and parameters do not matter.
///
/// Any type of video or sound will do, and none at all: a recorder that writes Matroska into a
/// `.webm` is no reason to turn a video away, and the content decides in the end. A type of something
/// else (a page, an archive) says that the file was picked by mistake.
pub fn check(filename: &str, declared: &str) -> Result<&'static str, Refused> {
    let Some((_, mime, aliases)) = entry(filename) else {
        return Err(Refused::Extension(
            suffix(filename).map_or_else(|| "no extension".into(), |ext| format!(".{ext}")),
        ));
    };
    let essence = declared.split(';').next().unwrap_or_default().trim();
    let is = |name: &&str| essence.eq_ignore_ascii_case(name);
    let is_media = essence
        .split_once('/')
        .is_some_and(|(kind, rest)| is_media_kind(kind) && is_token(rest));
    if essence.is_empty() || is_media || is(&UNKNOWN) || is(mime) || aliases.iter().any(is) {
        Ok(mime)
    } else {
        Err(Refused::ContentType {
            declared: essence.into(),
            expected: mime,
        })
    }
}

fn is_media_kind(kind: &str) -> bool {
    ["video", "audio"]
        .iter()
        .any(|media| kind.eq_ignore_ascii_case(media))
}

/// What RFC 9110 calls a token.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn suffix(filename: &str) -> Option<&str> {
    filename.rsplit_once('.').map(|(_, extension)| extension)
}

fn entry(filename: &str) -> Option<&'static (&'static str, &'static str, &'static [&'static str])> {
    let extension = suffix(filename)?;
    ACCEPTED
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_browsers_desktops_and_recorders_send_is_accepted() {
        for (filename, declared, stored) in [
            ("Holiday.MP4", "Video/MP4", "video/mp4"),
            ("a.b.WebM", "video/webm;codecs=vp9", "video/webm"),
            ("clip.mkv", "application/octet-stream", "video/x-matroska"),
            (
                "webcam-1.webm",
                "video/x-matroska;codecs=avc1,opus",
                "video/webm",
            ),
            ("clip.mp4", "video/quicktime", "video/mp4"),
            ("clip.mov", "", "video/quicktime"),
            ("clip.ts", "text/vnd.trolltech.linguist", "video/mp2t"),
            ("clip.ts", "application/typescript", "video/mp2t"),
            ("00001.MTS", "model/vnd.mts", "video/mp2t"),
            ("clip.mxf", "application/mxf", "application/mxf"),
            ("clip.3gp", "audio/3gpp; codecs=\"samr\"", "video/3gpp"),
            ("Episode 1.MP3", "audio/mp3", "audio/mpeg"),
            ("memo.m4a", "audio/x-m4a", "audio/mp4"),
        ] {
            assert_eq!(check(filename, declared), Ok(stored), "{declared}");
        }
    }

    #[test]
    fn the_message_names_what_would_do() {
        let why = check("notes.txt", "text/plain").unwrap_err().to_string();
        assert!(
            why.contains(".txt") && why.contains("mp4") && why.contains("ogv"),
            "{why}"
        );
        for declared in ["text/html", "image/svg+xml", "text/javascript", "video"] {
            let why = check("clip.mp4", declared).unwrap_err().to_string();
            assert!(why.contains(declared) && why.contains("video/mp4"), "{why}");
        }
        assert!(check("README", "video/mp4").is_err());
        assert!(check("mp4", "video/mp4").is_err());
    }

    #[test]
    fn a_list_of_types_is_none() {
        for declared in [
            "video/mp4,text/html",
            "video/mp4 , text/html",
            "text/html,video/mp4",
            "video/",
            "video/x y",
        ] {
            assert!(check("clip.mp4", declared).is_err(), "{declared}");
        }
        // What comes after the type is not looked at, and not stored.
        assert_eq!(check("clip.mp4", "video/mp4;,text/html"), Ok("video/mp4"));
    }

    proptest! {
        #[test]
        fn what_is_stored_is_a_plain_type_of_media(declared in ".{0,80}", name in "[a-z.]{0,12}") {
            if let Ok(stored) = check(&name, &declared) {
                prop_assert!(accepted().any(|(_, types)| types[0] == stored));
            }
        }
    }

    #[test]
    fn nothing_is_stored_as_what_a_browser_runs() {
        for (extension, types) in accepted() {
            let (kind, rest) = types[0].split_once('/').unwrap();
            let is_media = is_media_kind(kind) || types[0] == "application/mxf";
            assert!(is_media && is_token(rest), "{extension}: {}", types[0]);
        }
    }
}
