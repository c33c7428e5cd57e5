//! What ffmpeg's and ffprobe's messages mean, and how they ended: is it the source, or the way to it?

use crate::error::{ErrorType, VideoError};

/// Which bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// The memory.
    Memory,
    /// The time.
    Time,
    /// It gave nothing for too long.
    Silence,
}

impl Exceeded {
    /// What it says of a source that could not be probed.
    pub fn while_probing(self) -> VideoError {
        VideoError::new(
            ErrorType::MalformedMedia,
            match self {
                Self::Memory => {
                    "Reading it takes more memory than any sound video does. Export it again, then upload it again."
                }
                Self::Time | Self::Silence => {
                    "Reading it does not come to an end. Export it again, then upload it again."
                }
            },
        )
    }

    /// What it says of a source that could not be encoded.
    pub fn while_encoding(self) -> VideoError {
        match self {
            Self::Memory => VideoError::new(
                ErrorType::TooLarge,
                "Decoding it takes more memory than one encode may use here. Upload it with a smaller picture, or ask the operator of this service for a function with more memory (TranscodeMemoryMb).",
            ),
            Self::Time => VideoError::new(
                ErrorType::MalformedMedia,
                "Decoding it takes far longer than other videos of its length and size do. Export it again, then upload it again.",
            ),
            Self::Silence => VideoError::new(
                ErrorType::MalformedMedia,
                "Decoding it comes to a stop half-way. Export it again, then upload it again.",
            ),
        }
    }
}

/// How a program that did not succeed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Failed,
    /// For reaching a bound.
    Exceeded(Exceeded),
    /// From outside, as when the machine's memory ran out.
    Killed,
    /// By a mistake that the system ends programs for.
    Crashed,
}

/// What a program was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Finding out what a source is.
    Probing,
    /// Decoding its first frames, once its container is known.
    Trying,
    /// Encoding it.
    Encoding,
}

/// Who is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The source.
    Source(VideoError),
    /// The source, unless storage stopped giving it.
    Stalled(VideoError),
    /// The source, and the program may have run what was in it.
    Crashed(VideoError),
    /// Something around us.
    Transient,
}

/// Judges a program that did not succeed. `stderr` holds its messages at level `error`.
pub fn diagnose(stage: Stage, ending: Ending, stderr: &str) -> Verdict {
    let exceeded = |bound: Exceeded| match stage {
        Stage::Probing | Stage::Trying => bound.while_probing(),
        Stage::Encoding => bound.while_encoding(),
    };
    match ending {
        Ending::Exceeded(Exceeded::Memory) => return Verdict::Source(exceeded(Exceeded::Memory)),
        Ending::Exceeded(stall) => return Verdict::Stalled(exceeded(stall)),
        Ending::Killed => return Verdict::Transient,
        Ending::Crashed => {
            let verb = match stage {
                Stage::Probing | Stage::Trying => "read",
                Stage::Encoding => "decoded",
            };
            return Verdict::Crashed(VideoError::new(
                ErrorType::MalformedMedia,
                format!("It can't be {verb} without harm. Export it again, then upload it again."),
            ));
        }
        Ending::Failed => {}
    }
    if stage == Stage::Encoding && !is_network_trouble(stderr) {
        return Verdict::Source(explain_encode(stderr));
    }
    match explain(stderr) {
        // What it is in was seen before.
        Some(error) if stage == Stage::Trying && error.kind == ErrorType::NotAVideo => {
            Verdict::Source(damaged())
        }
        Some(error) => Verdict::Source(error),
        None => Verdict::Transient,
    }
}

fn damaged() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It starts like a video file, but parts of it are missing or damaged. Export or copy it again, then upload it again.",
    )
}

/// What ffmpeg's messages mean when it could not encode a source that can be read.
fn explain_encode(stderr: &str) -> VideoError {
    // Memory and threads are refused beyond what is allowed. ffmpeg and the system say so in the first two
    // ways. Encoders may say nothing of it; but they get whole pictures of a size that was chosen here, so
    // they lack nothing else, and no file is to blame for them.
    let refusals = [
        "Cannot allocate memory",
        "Resource temporarily unavailable",
        "allocate memory failed",
        "Error while opening encoder",
        "Error encoding a frame",
    ];
    if refusals.iter().any(|refusal| stderr.contains(refusal)) {
        return Exceeded::Memory.while_encoding();
    }
    if let Some(codec) = refused_codec(stderr) {
        return unsupported(codec);
    }
    if stderr.contains("no decoder found") || stderr.contains("Decoder not found") {
        return VideoError::new(
            ErrorType::UnsupportedCodec,
            "Its picture or sound is in a codec that can't be decoded. Upload it as H.264, HEVC, VP9 or AV1.",
        );
    }
    VideoError::new(
        ErrorType::MalformedMedia,
        "Its picture or sound could not be decoded. Export or copy it again, then upload it again.",
    )
}

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
    // Who asks for bytes behind the end (416) was led there by the source.
    const BEHIND_THE_END: [&str; 2] = ["HTTP error 416", "Server returned 4XX"];
    let has = |line: &str, signs: &[&str]| signs.iter().any(|sign| line.contains(sign));
    let mut lines = stderr.lines().filter(|line| !has(line, &BEHIND_THE_END));
    lines.any(|line| has(line, &SIGNS))
}

/// Whether ffmpeg stopped reading before the end of a source because the way to it broke. It makes the
/// best of what it has then, and does not fail. A connection that broke and was made again is none.
pub fn was_interrupted(stderr: &str) -> bool {
    const STOPPED: &str = "Error during demuxing: ";
    let mut reasons = stderr.lines().filter_map(|line| line.split_once(STOPPED));
    reasons.any(|(_, reason)| !reason.starts_with("Invalid data"))
}

/// What ffprobe's complaint means when it can't open a source. `None`: not the source's fault.
///
/// `stderr` holds its messages at level `error`.
fn explain(stderr: &str) -> Option<VideoError> {
    let says = |text: &str| stderr.contains(text);
    if says("404 Not Found") {
        return Some(missing());
    }
    // Any other trouble on the way to the bytes says nothing about the bytes.
    if is_network_trouble(stderr) {
        return None;
    }
    if stderr.trim().is_empty() {
        return None;
    }
    // Memory is bounded for each program, so this is no shortage of the machine's.
    if says("Cannot allocate memory") {
        return Some(Exceeded::Memory.while_probing());
    }
    if let Some(codec) = refused_codec(stderr) {
        return Some(unsupported(codec));
    }
    if let Some(error) = too_large(stderr) {
        return Some(error);
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
        damaged()
    })
}

/// Nothing in it can be shown.
pub fn no_frames() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It holds no frame that can be shown.",
    )
}

/// There is nothing to hear in a source without a picture.
pub fn no_audio() -> VideoError {
    VideoError::new(
        ErrorType::MalformedMedia,
        "It has no picture, and nothing in it can be heard.",
    )
}

/// A source without a picture ends before the end that its index states.
pub fn cut_short(stated_us: u64, found_us: u64) -> VideoError {
    let seconds = |micros: u64| crate::report::seconds(micros, 1_000_000);
    VideoError::new(
        ErrorType::MalformedMedia,
        format!(
            "It is cut short: {:.1} s were announced, but only {:.1} s are there. Copy the whole file and upload it again.",
            seconds(stated_us),
            seconds(found_us),
        ),
    )
}

/// The source is not there.
pub fn missing() -> VideoError {
    VideoError::new(
        ErrorType::SourceMissing,
        "The uploaded file was deleted before it could be read. Upload it again.",
    )
}

/// The codec whose decoder was not to be opened.
fn refused_codec(stderr: &str) -> Option<&str> {
    let (_, after) = stderr.split_once("Codec (")?;
    let (codec, rest) = after.split_once(')')?;
    rest.starts_with(" not on whitelist").then_some(codec)
}

/// A codec that is not decoded.
pub fn unsupported(codec: &str) -> VideoError {
    VideoError::new(
        ErrorType::UnsupportedCodec,
        format!(
            "It holds a codec that is not decoded here ({codec}). Upload it as H.264, HEVC, VP9 or AV1."
        ),
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_that_gets_no_memory_is_no_fault_of_the_file() {
        for said in [
            "x264 [error]: malloc of size 7332416 failed\n[enc:libx264 @ 0x55] Error encoding a frame: Generic error in an external library",
            "[vost#4:0/libx264 @ 0x55] [enc:libx264 @ 0x55] Error while opening encoder - maybe incorrect parameters such as bit_rate, rate, width or height.",
            "SvtMalloc[fatal]: allocate memory failed, at enc_handle.c:2232",
            "[in#0 @ 0x55] pthread_create() failed: Resource temporarily unavailable",
            "[fc#0 @ 0x55] Error while filtering: Cannot allocate memory",
        ] {
            let verdict = diagnose(Stage::Encoding, Ending::Failed, said);
            assert_eq!(
                verdict,
                Verdict::Source(Exceeded::Memory.while_encoding()),
                "{said}"
            );
        }
    }

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
        assert_eq!(
            kind(
                "Server returned 4XX Client Error, but not one of 40{0,1,3,4}\nx: Invalid data found"
            ),
            Some(ErrorType::NotAVideo)
        );
        // A connection that broke off leaves a file that looks damaged.
        assert_eq!(
            kind(
                "[http @ 0x1] Stream ends prematurely at 5, should be 9\n[mov] moov atom not found"
            ),
            None
        );
        assert_eq!(kind("source: End of file"), Some(ErrorType::MalformedMedia));
        assert_eq!(
            kind("source: Cannot allocate memory"),
            Some(ErrorType::MalformedMedia)
        );
        assert_eq!(
            kind("[x @ 0x1] Codec (roq) not on whitelist 'h264,hevc'"),
            Some(ErrorType::UnsupportedCodec)
        );
        assert_eq!(
            kind("[hls @ 0x1] Format not on whitelist 'avi'"),
            Some(ErrorType::NotAVideo)
        );
        assert_eq!(kind(""), None);
    }

    #[test]
    fn what_was_opened_before_is_a_video() {
        let kind = |stage| match diagnose(stage, Ending::Failed, "Invalid data found") {
            Verdict::Source(error) => error.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(Stage::Probing), ErrorType::NotAVideo);
        assert_eq!(kind(Stage::Trying), ErrorType::MalformedMedia);
        assert_eq!(kind(Stage::Encoding), ErrorType::MalformedMedia);
    }

    #[test]
    fn huge_pictures_are_named() {
        let detail = |stderr: &str| explain(stderr).map(|error| (error.kind, error.detail));
        let (kind, text) = detail(
            "[ffv1 @ 0x7f] [IMGUTILS @ 0x7f] Picture size 9000x9001 exceeds specified max pixel count 35389440, see",
        )
        .unwrap();
        assert_eq!(kind, ErrorType::TooLarge);
        assert!(text.contains("9000×9001"), "{text}");
    }

    #[test]
    fn what_was_not_read_to_its_end_is_known() {
        let demuxing = "[in#0/matroska @ 0x7f] Error during demuxing: Input/output error";
        assert!(was_interrupted(demuxing));
        assert!(was_interrupted(
            "Error during demuxing: Connection timed out"
        ));
        assert!(!was_interrupted(
            "Error during demuxing: Invalid data found when processing"
        ));
        assert!(!was_interrupted(
            "[https @ 0x7f] Stream ends prematurely at 4, should be 8"
        ));
        assert!(!was_interrupted(
            "[h264 @ 0x7f] error while decoding MB 3 4"
        ));
    }
}
