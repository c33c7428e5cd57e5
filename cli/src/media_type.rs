//! The containers that may be uploaded, and the content type each is uploaded with.

use std::path::Path;

use anyhow::{Result, anyhow, bail};

/// Accepted file extensions (in any letter case) and their content types.
const MEDIA_TYPES: [(&str, &str); 14] = [
    ("mp4", "video/mp4"),
    ("m4v", "video/x-m4v"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("avi", "video/x-msvideo"),
    ("wmv", "video/x-ms-wmv"),
    ("flv", "video/x-flv"),
    ("mpg", "video/mpeg"),
    ("mpeg", "video/mpeg"),
    ("ts", "video/mp2t"),
    ("m2ts", "video/mp2t"),
    ("3gp", "video/3gpp"),
    ("ogv", "video/ogg"),
];

/// The content type of a file to upload, by its extension.
pub(crate) fn of(file: &Path) -> Result<&'static str> {
    let accepted = || MEDIA_TYPES.map(|(extension, _)| extension).join(", ");
    let Some(extension) = file.extension() else {
        bail!(
            "{} has no file extension, so its container is unknown; give it one of: {}",
            file.display(),
            accepted()
        );
    };
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    MEDIA_TYPES
        .iter()
        .find_map(|(known, media_type)| (*known == extension).then_some(*media_type))
        .ok_or_else(|| {
            anyhow!(
                "{} is not a kind of video Reelrun takes; it takes: {}",
                file.display(),
                accepted()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_does_not_matter() {
        assert_eq!(of(Path::new("a/Holiday.MP4")).expect("known"), "video/mp4");
        assert_eq!(of(Path::new("x.MoV")).expect("known"), "video/quicktime");
    }

    /// The list stands here again because the command must compile in seconds and `reelrun-core`
    /// does not; this keeps the two alike.
    #[test]
    fn the_api_accepts_exactly_these() {
        let here = MEDIA_TYPES.map(|(extension, _)| extension).join(", ");
        assert_eq!(here, reelrun_core::media_type::extensions());
        for (extension, kind) in MEDIA_TYPES {
            let name = format!("a.{extension}");
            assert_eq!(reelrun_core::media_type::for_filename(&name), Some(kind));
        }
    }

    #[test]
    fn what_is_not_taken_is_said_with_what_is() {
        let error = of(Path::new("notes.txt")).expect_err("unknown").to_string();
        assert!(
            error.contains("notes.txt") && error.contains("webm"),
            "{error}"
        );
        let error = of(Path::new("Makefile")).expect_err("none").to_string();
        assert!(error.contains("no file extension"), "{error}");
    }
}
