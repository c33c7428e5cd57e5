//! The file types that may be uploaded.
//!
//! The extension only decides whether an upload is worth permitting; what the bytes really are is
//! decided by probing them.

/// Extension, the type we name in messages, and other types that browsers and tools send for it.
const ACCEPTED: &[(&str, &str, &[&str])] = &[
    ("mp4", "video/mp4", &["application/mp4"]),
    ("m4v", "video/x-m4v", &["video/mp4", "video/m4v"]),
    ("mov", "video/quicktime", &[]),
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
    ("wmv", "video/x-ms-wmv", &["video/x-ms-asf"]),
    ("flv", "video/x-flv", &["video/flv"]),
    ("mpg", "video/mpeg", &[]),
    ("mpeg", "video/mpeg", &[]),
    ("ts", "video/mp2t", &["video/vnd.dlna.mpeg-tts"]),
    ("m2ts", "video/mp2t", &["video/vnd.dlna.mpeg-tts"]),
    ("3gp", "video/3gpp", &["audio/3gpp"]),
    ("ogv", "video/ogg", &["application/ogg"]),
];

/// Why a file's type is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The extension is none of ours.
    #[error("files ending in {0} are not accepted; accepted are {accepted}", accepted = extensions())]
    Extension(String),
    /// The declared type does not belong to the extension.
    #[error("{declared} is not the type of a .{extension} file; send {expected}")]
    ContentType {
        /// What the request declared.
        declared: String,
        /// The file's extension.
        extension: &'static str,
        /// The type to send.
        expected: &'static str,
    },
}

/// Every accepted extension with its types, the one to prefer first.
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

/// The MIME type to send for a file of this name, when its extension is accepted.
pub fn for_filename(filename: &str) -> Option<&'static str> {
    entry(filename).map(|(_, mime, _)| *mime)
}

/// Whether a file of this name and declared type may be uploaded. Letter case does not matter.
///
/// Systems that know no type for an extension send `application/octet-stream`; that is no reason
/// to turn a video away.
pub fn check(filename: &str, content_type: &str) -> Result<(), Refused> {
    let Some((extension, mime, aliases)) = entry(filename) else {
        return Err(Refused::Extension(
            suffix(filename).map_or_else(|| "no extension".into(), |ext| format!(".{ext}")),
        ));
    };
    let declared = content_type.split(';').next().unwrap_or_default().trim();
    let known = |name: &&str| declared.eq_ignore_ascii_case(name);
    if known(mime) || aliases.iter().any(known) || known(&"application/octet-stream") {
        Ok(())
    } else {
        Err(Refused::ContentType {
            declared: content_type.into(),
            extension,
            expected: mime,
        })
    }
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
    use super::*;

    #[test]
    fn letter_case_and_parameters_do_not_matter() {
        assert_eq!(check("Holiday.MP4", "Video/MP4"), Ok(()));
        assert_eq!(check("a.b.WebM", "video/webm;codecs=vp9"), Ok(()));
        assert_eq!(check("clip.mkv", "application/octet-stream"), Ok(()));
    }

    #[test]
    fn the_message_names_what_would_do() {
        let why = check("notes.txt", "text/plain").unwrap_err().to_string();
        assert!(
            why.contains(".txt") && why.contains("mp4") && why.contains("ogv"),
            "{why}"
        );
        let why = check("clip.mp4", "text/html").unwrap_err().to_string();
        assert!(
            why.contains("text/html") && why.contains("video/mp4"),
            "{why}"
        );
        assert!(check("README", "video/mp4").is_err());
        assert!(check("mp4", "video/mp4").is_err());
    }
}
