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
}
