//! What a file's first bytes say it is: decided before any program of ours reads it.
//!
//! A file's name and type are its sender's words. Its first bytes choose the one demuxer that may
//! read it, so a playlist named `.mp4` never meets the code that follows playlists, and a flaw in
//! the reader of one container is out of reach of a file in another.

use file_format::{FileFormat, Kind};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorType, VideoError};

/// How many of a file's first bytes are looked at: enough for transport streams that begin with
/// the rest of a packet, or with some junk.
pub const SNIFF_BYTES: u64 = 16 * 1024;

/// A family of containers, by the demuxer that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// MP4, `QuickTime`, 3GP.
    Mp4,
    /// Matroska and `WebM`.
    Matroska,
    /// AVI.
    Avi,
    /// ASF, which WMV files are in.
    Asf,
    /// Flash video.
    Flv,
    /// MPEG transport stream, with packets of 188, 192 (M2TS) or 204 bytes.
    MpegTs,
    /// MPEG program stream, and MPEG video without a container.
    Mpeg,
    /// Ogg.
    Ogg,
    /// MXF, of professional cameras and broadcasters.
    Mxf,
    /// MPEG audio, layer 2 or 3, frame after frame.
    Mp3,
    /// AAC frames in ADTS.
    Aac,
    /// RIFF, or its 64-bit siblings, with PCM.
    Wav,
    /// FLAC's own.
    Flac,
    /// NUT, in which we copy pictures. No source is in it.
    Nut,
}

/// The first words of `QuickTime` and MP4 files, whose boxes may come in any order.
const MP4_BOXES: [&[u8; 4]; 16] = [
    b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid",
    b"sidx", b"ssix", b"prft", b"emsg", b"pdin", b"junk",
];

/// `ftyp` brands of still pictures: the same boxes, but nothing that moves.
const STILL_BRANDS: [&[u8; 4]; 5] = [b"avif", b"heic", b"heix", b"mif1", b"jpeg"];

/// Each of these begins a packet of a transport stream.
const TS_SYNC: u8 = 0x47;

/// How many packets in a row are no coincidence.
const TS_PACKETS: usize = 5;

/// What a file's first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is in.
    pub container: Container,
    /// Whether a container that says at its beginning where its index is does so.
    pub has_index: bool,
}

/// The identifier of Matroska's index, its cues: the head of the file refers to it by this name.
const MATROSKA_CUES: [u8; 4] = [0x1C, 0x53, 0xBB, 0x6B];

impl Head {
    /// Reads a file's first bytes, or tells what they are instead of a video.
    pub fn of(bytes: &[u8]) -> Result<Self, VideoError> {
        let container = Container::of(bytes)?;
        let names_cues = || bytes.windows(4).any(|word| word == MATROSKA_CUES);
        Ok(Self {
            container,
            has_index: container != Container::Matroska || names_cues(),
        })
    }
}

impl Container {
    /// The container that these first bytes begin, or what they are instead.
    pub fn of(head: &[u8]) -> Result<Self, VideoError> {
        let content = after_id3(head);
        if is_id3(content) {
            // A tag that is longer than what was read, as one with a cover is.
            return Ok(Self::Mp3);
        }
        strict(content)
            // A text is not searched for a stream within.
            .or_else(|| lenient(content).filter(|_| text(content).is_none()))
            .ok_or_else(|| refusal(content))
    }

    /// Whether its clock may start anew half-way. It is ffmpeg's own distinction: of such a file, it closes
    /// leaps, and counts from where the first stream begins that is read.
    pub(crate) fn clock_may_leap(self) -> bool {
        matches!(self, Self::MpegTs | Self::Mpeg | Self::Ogg)
    }

    /// ffmpeg's names of the demuxers that read it.
    pub fn demuxers(self) -> &'static str {
        match self {
            Self::Mp4 => "mov,mp4,m4a,3gp,3g2,mj2",
            Self::Matroska => "matroska,webm",
            Self::Avi => "avi",
            Self::Asf => "asf",
            Self::Flv => "flv",
            Self::MpegTs => "mpegts",
            Self::Mpeg => "mpeg,mpegvideo,m4v",
            Self::Ogg => "ogg",
            Self::Mxf => "mxf",
            // Before any of these may be a tag that is longer than what was looked at.
            Self::Mp3 => "mp3,aac,flac",
            Self::Aac => "aac",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Nut => "nut",
        }
    }

    /// The container that ffprobe's `format_name` means: a list of names.
    pub fn named(format_name: &str) -> Option<Self> {
        let all = [
            Self::Mp4,
            Self::Matroska,
            Self::Avi,
            Self::Asf,
            Self::Flv,
            Self::MpegTs,
            Self::Mpeg,
            Self::Ogg,
            Self::Mxf,
            Self::Aac,
            Self::Wav,
            Self::Flac,
            Self::Mp3,
        ];
        let first = format_name.split(',').next()?;
        all.into_iter()
            .find(|container| container.demuxers().split(',').any(|name| name == first))
    }
}

/// Refuses a source that was stored with a `Content-Encoding`: browsers would unpack it, ffmpeg would
/// not, so what is looked at here is not what they are given. A file can be made to be both.
pub fn check_encoding(content_encoding: Option<&str>) -> Result<(), VideoError> {
    // How some clients' requests were framed; storage took that off, but may have kept the word.
    const OF_THE_REQUEST: [&str; 2] = ["aws-chunked", "identity"];
    let encodings = content_encoding.unwrap_or_default().split(',');
    let mut encodings = encodings.map(str::trim).filter(|word| {
        !word.is_empty()
            && !OF_THE_REQUEST
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
    });
    match encodings.next() {
        None => Ok(()),
        Some(_) => Err(VideoError::new(
            ErrorType::NotAVideo,
            "It was uploaded with a Content-Encoding. Upload the video itself, without that header.",
        )),
    }
}

/// What begins exactly as a container does.
fn strict(head: &[u8]) -> Option<Container> {
    let word = |at: usize| head.get(at..at + 4);
    if let Some(name) = word(4)
        && MP4_BOXES.iter().any(|known| *known == name)
    {
        let is_still = name == b"ftyp"
            && word(8).is_some_and(|brand| STILL_BRANDS.iter().any(|still| *still == brand));
        return (!is_still).then_some(Container::Mp4);
    }
    match head {
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Some(Container::Matroska),
        [b'O', b'g', b'g', b'S', ..] => Some(Container::Ogg),
        [b'F', b'L', b'V', 0..=4, ..] => Some(Container::Flv),
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => Some(Container::Asf),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => Some(Container::Avi),
        [b'f', b'L', b'a', b'C', ..] => Some(Container::Flac),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ]
        | [
            b'R',
            b'F',
            b'6',
            b'4',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ] => Some(Container::Wav),
        [0xFF, second, ..] if second & 0xF6 == 0xF0 => Some(Container::Aac),
        // Layer 2 or 3, of a version that there is. (Layer 1 would begin as UTF-16 does.)
        [0xFF, second, ..]
            if second & 0xE0 == 0xE0
                && matches!(second & 0x06, 0x02 | 0x04)
                && second & 0x18 != 0x08 =>
        {
            Some(Container::Mp3)
        }
        // The key of a header partition.
        [
            0x06,
            0x0E,
            0x2B,
            0x34,
            0x02,
            0x05,
            0x01,
            0x01,
            0x0D,
            0x01,
            0x02,
            0x01,
            0x01,
            0x02,
            ..,
        ] => Some(Container::Mxf),
        // A Video CD's file: program stream within RIFF.
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'C',
            b'D',
            b'X',
            b'A',
            ..,
        ] => Some(Container::Mpeg),
        // M2TS puts four bytes of clock before each packet.
        _ if packets_from(head, 0) || packets_from(head, 4) => Some(Container::MpegTs),
        _ => starts_mpeg(head).then_some(Container::Mpeg),
    }
}

/// Streams that were cut out of a broadcast begin anywhere.
fn lenient(head: &[u8]) -> Option<Container> {
    let packs = || head.windows(4).any(|bytes| bytes == [0, 0, 1, 0xBA]);
    if (1..head.len()).any(|at| head.len() - at > TS_PACKETS * 188 && packets_from(head, at)) {
        Some(Container::MpegTs)
    } else {
        packs().then_some(Container::Mpeg)
    }
}

/// Whether packets of one length follow each other from here on. Of a shorter file, all of them.
fn packets_from(head: &[u8], first: usize) -> bool {
    [188, 192, 204].into_iter().any(|length| {
        let mut syncs = head.iter().skip(first).step_by(length).take(TS_PACKETS);
        head.len() > first + length && syncs.all(|&byte| byte == TS_SYNC)
    })
}

/// Whether this begins a program stream, or MPEG-1, MPEG-2 or MPEG-4 video.
fn starts_mpeg(head: &[u8]) -> bool {
    // Any number of zeros may come before a start code.
    let zeros = head.iter().take_while(|&&byte| byte == 0).count();
    let code = match head.get(zeros..) {
        Some([1, code, ..]) if zeros >= 2 => *code,
        _ => return false,
    };
    // Video objects; sequence header, visual objects; pack and system headers, streams.
    matches!(code, 0x00..=0x2F | 0xB0 | 0xB3 | 0xB5 | 0xBA..=0xBF | 0xC0..=0xEF)
}

/// Without the ID3 tag that some tools put before anything.
fn after_id3(head: &[u8]) -> &[u8] {
    let [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = *head else {
        return head;
    };
    if !is_id3(head) {
        return head;
    }
    let size = [a, b, c, d]
        .iter()
        .fold(0, |size, &byte| size << 7 | usize::from(byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    head.get(10 + size + footer..).unwrap_or(head)
}

/// Whether an ID3 tag begins here: its size is written in sevens of bits.
fn is_id3(head: &[u8]) -> bool {
    let size = head.get(6..10).filter(|_| head.starts_with(b"ID3"));
    size.is_some_and(|size| size.iter().all(|&byte| byte < 0x80))
}

/// Texts that begin a file, and what it then is; letter case does not matter. These name other
/// files, or are taken for such.
const TEXTS: [(&str, &str); 10] = [
    ("#extm3u", "a playlist (M3U)"),
    ("ffconcat", "a list of files to join"),
    ("<mpd", "a DASH manifest"),
    ("<svg", "a picture (SVG)"),
    ("<smil", "a playlist (SMIL)"),
    ("<asx", "a playlist (ASX)"),
    ("<html", "a web page"),
    ("<!doctype html", "a web page"),
    ("<?xml", "a text (XML)"),
    ("v=0", "a session description (SDP)"),
];

fn text(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let start = head.trim_ascii_start();
    let begins = |text: &str| {
        start
            .get(..text.len())
            .is_some_and(|bytes| bytes.eq_ignore_ascii_case(text.as_bytes()))
    };
    TEXTS
        .iter()
        .find(|(text, _)| begins(text))
        .map(|(_, name)| *name)
}

fn refusal(head: &[u8]) -> VideoError {
    const NONE_OF_OURS: &str = "whatever its name says";
    let not_a_video = |detail| VideoError::new(ErrorType::NotAVideo, detail);
    if let Some(name) = text(head) {
        return not_a_video(format!(
            "Its content is {name}, {NONE_OF_OURS}. Upload the video file itself."
        ));
    }
    let format = FileFormat::from_bytes(head);
    let kind = match format.kind() {
        Kind::Audio => {
            return not_a_video(format!(
                "Its content is an audio file ({}) that Reelrun does not read. Upload it as MP3, M4A, AAC, WAV, FLAC or Ogg.",
                format.name()
            ));
        }
        Kind::Archive | Kind::Compressed | Kind::Package => "an archive",
        Kind::Executable => "a program",
        Kind::Image => "a picture",
        Kind::Playlist => "a playlist",
        Kind::Subtitle => "a file of subtitles",
        Kind::Document | Kind::Ebook | Kind::Presentation | Kind::Spreadsheet => "a document",
        Kind::Video => "a video in a format that Reelrun does not read",
        _ if format == FileFormat::ArbitraryBinaryData => {
            return not_a_video(format!(
                "Its content is not in a video format that Reelrun reads, {NONE_OF_OURS}."
            ));
        }
        _ => "something else",
    };
    not_a_video(format!(
        "Its content seems to be {kind} ({}), {NONE_OF_OURS}. Upload it as MP4, MOV, MKV or WebM.",
        format.name()
    ))
}

#[cfg(test)]
mod tests;
