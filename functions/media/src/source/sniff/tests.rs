use proptest::prelude::*;

use super::*;

fn boxed(name: [u8; 4]) -> Vec<u8> {
    [&[0, 0, 0, 16], &name[..], b"qt  \0\0\0\0"].concat()
}

/// Packets of a transport stream after some bytes.
fn ts(before: usize, length: usize, packets: usize) -> Vec<u8> {
    let mut bytes = vec![0x11; before];
    for _ in 0..packets {
        bytes.push(TS_SYNC);
        bytes.resize(bytes.len() + length - 1, 0x22);
    }
    bytes
}

fn refused(head: &[u8]) -> String {
    let error = Container::of(head).unwrap_err();
    assert_eq!(error.kind, ErrorType::NotAVideo, "{error}");
    error.detail
}

#[test]
fn containers_are_known_by_their_beginning() {
    for name in MP4_BOXES {
        assert_eq!(Container::of(&boxed(*name)), Ok(Container::Mp4), "{name:?}");
    }
    for (head, container) in [
        (&b"\x1A\x45\xDF\xA3\x01"[..], Container::Matroska),
        (b"OggS\0\x02", Container::Ogg),
        (b"FLV\x01\x05\0\0\0\x09", Container::Flv),
        (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9", Container::Asf),
        (
            b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D\x01\x02\x01\x01\x02\x04\0",
            Container::Mxf,
        ),
        (b"RIFF\0\0\0\0AVI LIST", Container::Avi),
        (b"RIFF\0\0\0\0AVIXLIST", Container::Avi),
        (b"RIFF\0\0\0\0CDXAfmt ", Container::Mpeg),
        (b"\0\0\x01\xBA\x44", Container::Mpeg),
        (b"\0\0\0\0\0\x01\xB3\x14", Container::Mpeg),
        (b"\0\0\x01\xB0\x01", Container::Mpeg),
        (b"fLaC\0\0\0\x22", Container::Flac),
        (b"RIFF\0\0\0\0WAVEfmt ", Container::Wav),
        (b"RF64\xFF\xFF\xFF\xFFWAVEds64", Container::Wav),
        (b"\xFF\xF1\x50\x80", Container::Aac),
        (b"\xFF\xF9\x50\x80", Container::Aac),
        (b"\xFF\xFB\x90\x64", Container::Mp3),
        (b"\xFF\xF3\x40\xC4", Container::Mp3),
        (b"\xFF\xE3\x18\xC4", Container::Mp3),
        (b"\xFF\xFD\xA4\x04", Container::Mp3),
        (b"ID3\x03\0\0\0\0\0\0\xFF\xFB\x90\x64", Container::Mp3),
    ] {
        assert_eq!(Container::of(head), Ok(container), "{head:?}");
    }
}

#[test]
fn what_a_browser_would_unpack_is_refused() {
    for fine in [
        None,
        Some(""),
        Some("aws-chunked"),
        Some("identity, AWS-chunked"),
    ] {
        assert_eq!(check_encoding(fine), Ok(()), "{fine:?}");
    }
    for encoding in ["gzip", "br", "aws-chunked, gzip", "GZIP", "x"] {
        let error = check_encoding(Some(encoding)).unwrap_err();
        assert_eq!(error.kind, ErrorType::NotAVideo, "{encoding}");
    }
}

#[test]
fn transport_streams_may_begin_anywhere() {
    for (before, length) in [
        (0, 188),
        (4, 192),
        (0, 204),
        (100, 188),
        (3000, 188),
        (77, 192),
    ] {
        let head = ts(before, length, 20);
        assert_eq!(
            Container::of(&head),
            Ok(Container::MpegTs),
            "{before} {length}"
        );
    }
    // A short file has few packets.
    assert_eq!(Container::of(&ts(0, 188, 2)), Ok(Container::MpegTs));
    assert!(Container::of(&ts(0, 188, 1)).is_err());
    assert!(Container::of(&ts(9, 188, 3)).is_err());
    let late = [&[7; 999][..], b"\0\0\x01\xBA\x44\0"].concat();
    assert_eq!(Container::of(&late), Ok(Container::Mpeg));
}

#[test]
fn a_tag_in_front_is_passed_over() {
    let tagged = |size: &[u8; 4], content: &[u8]| {
        [b"ID3\x04\0\0", &size[..], &[0; 200][..], content].concat()
    };
    let head = tagged(&[0, 0, 1, 72], &ts(0, 188, 6));
    assert_eq!(Container::of(&head), Ok(Container::MpegTs));
    assert_eq!(Container::of(&tagged(&[0x7F; 4], b"")), Ok(Container::Mp3));
    assert!(Container::of(&tagged(&[0xFF; 4], b"")).is_err());
}

#[test]
fn what_it_is_instead_is_said() {
    for (head, word) in [
        (&b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd"[..], "playlist"),
        (b"ffconcat version 1.0\nfile x", "join"),
        (b"<?xml version=\"1.0\"?><MPD xmlns=\"x\">", "XML"),
        (b"\xEF\xBB\xBF  <MPD>", "DASH"),
        (b"<svg xmlns=\"x\">", "SVG"),
        (b" <!DOCTYPE html><p>", "web page"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", "SDP"),
        (b"%PDF-1.7", "document"),
        (b"PK\x03\x04aaaa", "archive"),
        (b"\x89PNG\r\n\x1A\n", "picture"),
        (b"\xFF\xD8\xFF\xE0", "picture"),
        (b"GIF89a", "picture"),
        (b"\x7FELF\x02\x01\x01\0", "program"),
        (b"WEBVTT\n\n", "subtitles"),
        (b"MThd\0\0\0\x06", "audio file"),
        (b"\xFF\xFEn\0o\0t\0e\0s\0", "not in a video format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "picture"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "picture"),
        (b"These are my notes, not a video.", "not in a video format"),
        (b"\0\0\0\x01\x67\x42", "not in a video format"),
    ] {
        let detail = refused(head);
        assert!(detail.contains(word), "{head:?}: {detail}");
    }
}

/// What is known to be something else is not searched for a stream within.
#[test]
fn a_page_with_a_stream_inside_is_a_page() {
    let page = [b"<html>".to_vec(), ts(0, 188, 20), b"\0\0\x01\xBA".to_vec()].concat();
    assert!(refused(&page).contains("web page"));
}

#[test]
fn ffprobe_s_names_are_the_demuxers() {
    assert_eq!(
        Container::named("mov,mp4,m4a,3gp,3g2,mj2"),
        Some(Container::Mp4)
    );
    assert_eq!(Container::named("matroska,webm"), Some(Container::Matroska));
    assert_eq!(Container::named("mpegvideo"), Some(Container::Mpeg));
    assert_eq!(Container::named("mp3"), Some(Container::Mp3));
    assert_eq!(Container::named("flac"), Some(Container::Flac));
    assert_eq!(Container::named("hls"), None);
    assert_eq!(Container::named(""), None);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(head in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = Container::of(&head);
    }

    #[test]
    fn any_tag_is_survived(rest in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = Container::of(&[b"ID3", &rest[..]].concat());
    }
}
