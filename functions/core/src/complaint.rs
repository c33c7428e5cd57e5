//! What ffmpeg's and ffprobe's complaints mean: is it the source, or the way to it?

use crate::error::{ErrorType, VideoError};

/// Whether ffmpeg or ffprobe complain of the way to the source's bytes, and not of the bytes: its
/// protocols name themselves in front of what they say.
pub fn is_network_trouble(stderr: &str) -> bool {
    const SIGNS: [&str; 10] = [
        "[http @",
        "[https @",
        "[tcp @",
        "[tls @",
        "HTTP error",
        "Server returned",
        "Failed to resolve",
        "Connection re",
        "Connection timed out",
        // A failed TLS handshake says no more than this.
        "Error opening input: Input/output error",
    ];
    SIGNS.iter().any(|sign| stderr.contains(sign))
}

/// What ffprobe's complaint means when it can't open a source. `None`: not the source's fault.
///
/// `stderr` holds its messages at level `error`.
pub fn explain(stderr: &str) -> Option<VideoError> {
    let says = |text: &str| stderr.contains(text);
    if says("404 Not Found") {
        return Some(VideoError::new(
            ErrorType::SourceMissing,
            "The uploaded file was deleted before it could be read. Upload it again.",
        ));
    }
    // Any other trouble on the way to the bytes says nothing about the bytes.
    if is_network_trouble(stderr) {
        return None;
    }
    if stderr.trim().is_empty() || says("Cannot allocate memory") {
        return None;
    }
    if let Some(error) = too_large(stderr) {
        return Some(error);
    }
    if is_sound_file(stderr) {
        return Some(VideoError::new(
            ErrorType::NoVideoStream,
            "It has sound, but no picture.",
        ));
    }
    let known_container = says("moov atom not found") || says("error reading header");
    let unknown_content =
        says("Invalid data found") || says("not on whitelist") || says("not in whitelist");
    Some(if unknown_content && !known_container {
        VideoError::new(
            ErrorType::NotAVideo,
            "Its content is not in a video format that Reelrun reads, whatever its name says.",
        )
    } else {
        VideoError::new(
            ErrorType::MalformedMedia,
            "It starts like a video file, but parts of it are missing or damaged. Export or copy it again, then upload it again.",
        )
    })
}

/// Whether a picture was larger than the decoders are told to accept. They say so whether or not
/// the rest of the file could be read.
pub fn too_large(stderr: &str) -> Option<VideoError> {
    let (before, _) = stderr.split_once(" exceeds specified max pixel count")?;
    let size = before.rsplit(' ').next()?.replace('x', "×");
    Some(VideoError::new(
        ErrorType::TooLarge,
        format!("Its picture has {size} pixels; at most 8192×4320 are accepted."),
    ))
}

/// Whether the file was recognized as one of sound alone: such are not opened, but named.
fn is_sound_file(stderr: &str) -> bool {
    const SOUND: [&str; 12] = [
        "mp3", "wav", "w64", "flac", "aac", "ac3", "eac3", "dts", "amr", "aiff", "ape", "caf",
    ];
    stderr.lines().any(|line| {
        let named = line
            .strip_prefix('[')
            .and_then(|line| line.split_once(" @ "));
        named.is_some_and(|(format, rest)| {
            SOUND.contains(&format) && rest.contains("Format not on whitelist")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_probe_blames_the_right_side() {
        let kind = |stderr| explain(stderr).map(|error| error.kind);
        assert_eq!(
            kind("source: Invalid data found when processing input"),
            Some(ErrorType::NotAVideo)
        );
        assert_eq!(
            kind("[mov] moov atom not found\nx: Invalid data found when processing input"),
            Some(ErrorType::MalformedMedia)
        );
        assert_eq!(
            kind("Error opening input: Server returned 404 Not Found"),
            Some(ErrorType::SourceMissing)
        );
        assert_eq!(
            kind("Error opening input: Server returned 5XX Server Error reply"),
            None
        );
        assert_eq!(
            kind(
                "[tls @ 0x7f] The certificate is not correctly signed by the trusted CA.\nx: I/O error"
            ),
            None
        );
        assert_eq!(
            kind("clip.webm: I/O error"),
            Some(ErrorType::MalformedMedia)
        );
        assert_eq!(kind("Connection refused"), None);
        // A connection that broke off leaves a file that looks damaged.
        assert_eq!(
            kind(
                "[http @ 0x1] Stream ends prematurely at 5, should be 9\n[mov] moov atom not found"
            ),
            None
        );
        assert_eq!(kind("source: End of file"), Some(ErrorType::MalformedMedia));
        assert_eq!(kind("source: Cannot allocate memory"), None);
        assert_eq!(kind(""), None);
    }

    #[test]
    fn sound_and_huge_pictures_are_named() {
        let detail = |stderr: &str| explain(stderr).map(|error| (error.kind, error.detail));
        let refused = |format: &str| {
            format!("[{format} @ 0x7f5b] Format not on whitelist 'mov,mp4'\nx: Invalid argument")
        };
        let (kind, text) = detail(&refused("mp3")).unwrap();
        assert_eq!(kind, ErrorType::NoVideoStream);
        assert!(text.contains("sound"));
        for other in ["png_pipe", "hls", "mxf"] {
            assert_eq!(detail(&refused(other)).unwrap().0, ErrorType::NotAVideo);
        }
        let (kind, text) = detail(
            "[ffv1 @ 0x7f] [IMGUTILS @ 0x7f] Picture size 9000x9001 exceeds specified max pixel count 35389440, see",
        )
        .unwrap();
        assert_eq!(kind, ErrorType::TooLarge);
        assert!(text.contains("9000×9001"), "{text}");
    }
}
