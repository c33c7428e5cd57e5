//! HLS playlists (RFC 8216 and Apple's authoring rules), written from what was measured.

pub mod partial;
pub mod tracks;

use std::fmt::Write as _;

use crate::{
    bandwidth,
    encryption::{Encryption, KEY_URI, initialization_vector},
    file::{MediaFile, TrackId},
    report::{Presentation, TrackKind, TrackReport, seconds},
    tracks::{Declared, TextTracks, audio_tracks, carries_captions, closed_captions, declare},
};

const AUDIO_GROUP: &str = "audio";

/// A variant's figures: a video rendition together with the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant<'a> {
    /// The video rendition.
    pub video: &'a TrackReport,
    /// Peak bit rate, sound included.
    pub bandwidth_bps: u64,
    /// Average bit rate, sound included.
    pub average_bandwidth_bps: u64,
    /// Codecs of picture and sound.
    pub codecs: String,
}

/// The variants, highest first.
pub fn variants(presentation: &Presentation) -> Vec<Variant<'_>> {
    // The worst case is a peak of the sound in the very segment where the picture has its own.
    let (audio_peak, audio_average) = audio_rates(presentation);
    let audio_codecs = presentation.audio.first().map(|main| &main.codecs);
    let variant = |video| {
        let (peak, average) = rates(presentation, video);
        Variant {
            video,
            bandwidth_bps: peak + audio_peak,
            average_bandwidth_bps: average + audio_average,
            codecs: match audio_codecs {
                Some(audio) => format!("{},{audio}", video.codecs),
                None => video.codecs.clone(),
            },
        }
    };
    presentation.video.iter().map(variant).collect()
}

/// A track's peak and average bit rate.
fn rates(presentation: &Presentation, track: &TrackReport) -> (u64, u64) {
    let target = presentation.target_duration();
    (
        bandwidth::peak(&track.segments, track.timescale, target),
        bandwidth::average(&track.segments, track.timescale),
    )
}

/// The highest among the audio tracks, each: a viewer may choose any.
fn audio_rates(presentation: &Presentation) -> (u64, u64) {
    let tracks = presentation.audio.iter();
    let rates = tracks.map(|track| rates(presentation, track));
    rates.fold((0, 0), |most, own| (most.0.max(own.0), most.1.max(own.1)))
}

/// The bit rate of the variant that a player should start with, before it has measured anything.
const FIRST_VARIANT_BPS: u64 = 2_000_000;

/// The master playlist. I-frames of encrypted segments can't be had apart, so it names none.
pub fn master(
    presentation: &Presentation,
    encryption: Option<Encryption>,
    texts: &TextTracks,
) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if let Some(chapters) = &texts.chapters {
        let _ = writeln!(text, "\n{}", tracks::chapters_tag(chapters));
    }
    let beside: Vec<_> = audio_tracks(presentation)
        .into_iter()
        .chain(texts.tracks.iter().cloned())
        .chain(closed_captions(presentation))
        .collect();
    let declared = declare(&beside);
    if !declared.is_empty() {
        text.push('\n');
    }
    for tag in tracks::media_tags(&declared) {
        let _ = writeln!(text, "{tag}");
    }
    text.push('\n');
    let mut variants = variants(presentation);
    // Players start with the first entry, so every player must have its codec; the rest keep their
    // order.
    let codec = |variant: &Variant<'_>| variant.video.codec().to_owned();
    let common = variants.first().map(codec);
    let first = (0..variants.len())
        .filter(|&i| Some(codec(&variants[i])) == common)
        .min_by_key(|&i| {
            variants[i]
                .average_bandwidth_bps
                .abs_diff(FIRST_VARIANT_BPS)
        });
    if let Some(first) = first {
        variants[..=first].rotate_right(1);
    }
    for variant in &variants {
        stream_inf(&mut text, variant, &declared);
    }
    if presentation.is_audio_only() {
        audio_stream_inf(&mut text, presentation, &declared);
        return text;
    }
    if encryption.is_some() {
        return text;
    }
    text.push('\n');
    for video in &presentation.video {
        i_frame_stream_inf(&mut text, presentation, video);
    }
    text
}

fn stream_inf(text: &mut String, variant: &Variant<'_>, beside: &[Declared<'_>]) {
    let TrackKind::Video {
        width,
        height,
        frame_rate,
    } = variant.video.kind
    else {
        return;
    };
    let _ = write!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={width}x{height},FRAME-RATE={:.3}",
        variant.bandwidth_bps,
        variant.average_bandwidth_bps,
        variant.codecs,
        frame_rate.as_f64(),
    );
    let _ = writeln!(
        text,
        "{}\n{}",
        tracks::variant_attributes(beside, carries_captions(variant.video)),
        MediaFile::Playlist(variant.video.track.clone())
    );
}

/// The one variant of what has no picture: the main audio track.
fn audio_stream_inf(text: &mut String, presentation: &Presentation, beside: &[Declared<'_>]) {
    let Some(main) = presentation.audio.first() else {
        return;
    };
    let (peak, average) = audio_rates(presentation);
    let _ = writeln!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"{}\n{}",
        main.codecs,
        tracks::variant_attributes(beside, false),
        MediaFile::Playlist(main.track.clone())
    );
}

fn i_frame_stream_inf(text: &mut String, presentation: &Presentation, video: &TrackReport) {
    let TrackKind::Video { width, height, .. } = video.kind else {
        return;
    };
    // An I-frame playlist's "segments" are its I-frames, each shown until the next.
    let iframes: Vec<_> = iframes(video)
        .map(|(_, iframe)| crate::report::SegmentReport {
            bytes: iframe.bytes,
            ticks: iframe.ticks,
            iframes: Vec::new(),
        })
        .collect();
    let _ = writeln!(
        text,
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={width}x{height},URI=\"{}\"",
        bandwidth::peak(&iframes, video.timescale, presentation.target_duration()),
        bandwidth::average(&iframes, video.timescale),
        video.codecs,
        MediaFile::IFrames(video.track.clone()),
    );
}

/// A track's media playlist. A key applies to what comes after it: the initialization segment, which
/// comes before, is clear.
pub fn media(
    presentation: &Presentation,
    track: &TrackReport,
    encryption: Option<Encryption>,
) -> String {
    let mut text = header(presentation, track, "");
    for (segment, number) in track.segments.iter().zip(1..) {
        let file = MediaFile::Segment(track.track.clone(), number);
        if let Some(Encryption::Aes128) = encryption {
            key(&mut text, &file);
        }
        let _ = writeln!(
            text,
            "#EXTINF:{:.6},\n{}",
            seconds(segment.ticks, track.timescale),
            beside_playlist(&track.track, &file),
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

fn key(text: &mut String, file: &MediaFile) {
    let vector = u128::from_be_bytes(initialization_vector(file));
    let _ = writeln!(
        text,
        "#EXT-X-KEY:METHOD=AES-128,URI=\"{KEY_URI}\",IV=0x{vector:032x}"
    );
}

/// A video track's I-frame playlist, for scrubbing.
pub fn i_frames(presentation: &Presentation, track: &TrackReport) -> String {
    let mut text = header(presentation, track, "#EXT-X-I-FRAMES-ONLY\n");
    for (number, iframe) in iframes(track) {
        let _ = writeln!(
            text,
            "#EXTINF:{:.6},\n#EXT-X-BYTERANGE:{}@{}\n{}",
            seconds(iframe.ticks, track.timescale),
            iframe.bytes,
            iframe.offset,
            beside_playlist(
                &track.track,
                &MediaFile::Segment(track.track.clone(), number)
            ),
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

fn iframes(track: &TrackReport) -> impl Iterator<Item = (u32, crate::report::IFrame)> {
    let numbered = track.segments.iter().zip(1..);
    numbered
        .flat_map(|(segment, number)| segment.iframes.iter().map(move |iframe| (number, *iframe)))
}

fn header(presentation: &Presentation, track: &TrackReport, extra: &str) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:1\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n{extra}#EXT-X-MAP:URI=\"{}\"\n",
        presentation.target_duration(),
        beside_playlist(&track.track, &MediaFile::Init(track.track.clone())),
    )
}

/// A file's URI as seen from its track's playlist, which lies in the same folder.
fn beside_playlist(track: &TrackId, file: &MediaFile) -> String {
    let path = file.to_string();
    match path.strip_prefix(&format!("{track}/")) {
        Some(name) => name.into(),
        None => path,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use m3u8_rs::{MasterPlaylist, MediaPlaylist};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        report::{IFrame, SegmentReport},
        timeline::{FrameRate, Grid},
        tracks::Purpose,
    };

    /// A presentation on a grid, with segments of these sizes; the last has `last_frames` frames.
    pub(crate) fn presentation(
        rate: (u32, u32),
        sizes: &[u64],
        last_frames: u32,
        with_audio: bool,
    ) -> Presentation {
        let grid = Grid::new(FrameRate::new(rate.0, rate.1).unwrap());
        let gop = u64::from(grid.gop_frames * grid.frame_ticks());
        let track = |name: &str, width, height, factor: u64| TrackReport {
            track: TrackId::Video(name.into()),
            kind: TrackKind::Video {
                width,
                height,
                frame_rate: grid.frame_rate,
            },
            codecs: "avc1.64001f".into(),
            init_sha256: String::new(),
            timescale: grid.timescale(),
            segments: sizes
                .iter()
                .enumerate()
                .map(|(i, &bytes)| {
                    let is_last = i + 1 == sizes.len();
                    let frames = if is_last {
                        last_frames
                    } else {
                        grid.segment_frames()
                    };
                    let mut left = u64::from(frames * grid.frame_ticks());
                    let mut iframes = Vec::new();
                    while left > 0 {
                        let ticks = left.min(gop);
                        iframes.push(IFrame {
                            offset: iframes.len() as u64 * bytes * factor / 4,
                            bytes: bytes * factor / 40 + 1,
                            ticks,
                        });
                        left -= ticks;
                    }
                    SegmentReport {
                        bytes: bytes * factor,
                        ticks: iframes.iter().map(|f| f.ticks).sum(),
                        iframes,
                    }
                })
                .collect(),
        };
        let video = vec![track("720p", 1280, 720, 4), track("360p", 640, 360, 1)];
        let mut cut = 0;
        let audio = TrackReport {
            track: TrackId::Audio("main".into()),
            kind: TrackKind::Audio {
                language: "en".into(),
                name: None,
                purpose: Purpose::Main,
                channels: 2,
                sample_rate: 48_000,
            },
            codecs: "mp4a.40.2".into(),
            init_sha256: String::new(),
            timescale: 48_000,
            segments: video[0]
                .segments
                .iter()
                .scan(0, |at, segment| {
                    *at += segment.ticks;
                    let end = grid.audio_frame_at(*at, 48_000).max(cut + 1);
                    let frames = end - cut;
                    cut = end;
                    Some(SegmentReport {
                        bytes: frames * 340,
                        ticks: frames * 1024,
                        iframes: vec![],
                    })
                })
                .collect(),
        };
        Presentation::new(video, with_audio.then_some(audio).into_iter().collect()).unwrap()
    }

    #[test]
    fn the_playlists_read_well() {
        let presentation = presentation((30000, 1001), &[500_000, 400_000, 90_000], 75, true);
        insta::assert_snapshot!(
            "master",
            master(&presentation, None, &TextTracks::default())
        );
        insta::assert_snapshot!("video", media(&presentation, &presentation.video[0], None));
        insta::assert_snapshot!("iframes", i_frames(&presentation, &presentation.video[0]));
        insta::assert_snapshot!("audio", media(&presentation, &presentation.audio[0], None));
    }

    #[test]
    fn encrypted_segments_have_their_key_stated_and_no_i_frames() {
        let presentation = presentation((25, 1), &[500_000, 90_000], 75, true);
        let encryption = Some(Encryption::Aes128);
        insta::assert_snapshot!(
            "encrypted_master",
            master(&presentation, encryption, &TextTracks::default())
        );
        let video = media(&presentation, &presentation.video[0], encryption);
        insta::assert_snapshot!("encrypted_video", video);
    }

    #[test]
    fn text_tracks_are_named_beside_the_sound() {
        let presentation = presentation((25, 1), &[500_000, 90_000], 75, true);
        let texts = crate::tracks::tests::texts();
        let text = master(&presentation, None, &texts);
        let read = read_master(&text);
        assert_eq!(read.alternatives.len(), 1 + texts.tracks.len());
        for variant in read.variants.iter().filter(|variant| !variant.is_i_frame) {
            assert_eq!(variant.subtitles.as_deref(), Some("subtitles"));
            assert_eq!(variant.audio.as_deref(), Some("audio"));
        }
        insta::assert_snapshot!("master_with_texts", text);
    }

    #[test]
    fn captions_within_the_picture_are_named_where_they_are() {
        let mut presentation = presentation((25, 1), &[500_000], 75, true);
        presentation.closed_captions = Some("en".into());
        let mut av1 = presentation.video[0].clone();
        av1.codecs = "av01.0.08M.08".into();
        presentation.video.push(av1);
        let text = master(&presentation, None, &TextTracks::default());
        let named = "TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"English (CC)\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,INSTREAM-ID=\"CC1\"";
        assert!(text.contains(named), "{text}");
        for variant in text
            .lines()
            .filter(|line| line.starts_with("#EXT-X-STREAM-INF"))
        {
            let is_there = variant.contains("CLOSED-CAPTIONS=\"captions\"");
            assert_eq!(is_there, variant.contains("avc1"), "{variant}");
            assert!(!variant.contains("CLOSED-CAPTIONS=NONE"), "{variant}");
        }
        let mpd = crate::dash::manifest(&presentation, &TextTracks::default());
        let sets: Vec<_> = mpd.split("<AdaptationSet").skip(1).collect();
        let is_said = |set: &&str| set.contains("cea-608:2015\" value=\"CC1=eng\"");
        let said: Vec<_> = sets.iter().map(is_said).collect();
        assert_eq!(said, [true, false, false]);
    }

    #[test]
    fn what_has_no_picture_is_one_variant() {
        let whole = presentation((25, 1), &[500_000, 90_000], 75, true);
        let audio_only = Presentation::new(Vec::new(), whole.audio).unwrap();
        let text = master(&audio_only, None, &crate::tracks::tests::texts());
        let read = read_master(&text);
        assert_eq!(read.variants.len(), 1);
        assert_eq!(read.variants[0].resolution, None);
        insta::assert_snapshot!("audio_only_master", text);
        let mpd = crate::dash::manifest(&audio_only, &TextTracks::default());
        assert!(
            mpd.contains("mediaPresentationDuration=\"PT9.003S\"") && !mpd.contains("video/mp4"),
            "{mpd}"
        );
    }

    #[test]
    fn a_silent_video_names_no_audio() {
        let silent = presentation((25, 1), &[100], 10, false);
        let text = master(&silent, None, &TextTracks::default());
        assert!(!text.contains("AUDIO") && !text.contains("mp4a"), "{text}");
    }

    fn read_media(text: &str) -> MediaPlaylist {
        m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap()
    }

    fn read_master(text: &str) -> MasterPlaylist {
        m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn an_independent_parser_reads_back_what_was_written(
            sizes in proptest::collection::vec(1_000u64..5_000_000, 1..20),
            last in 1u32..144,
            with_audio: bool,
            is_encrypted: bool,
        ) {
            let presentation = presentation((24000, 1001), &sizes, last, with_audio);
            let encryption = is_encrypted.then_some(Encryption::Aes128);
            let read = read_master(&master(&presentation, encryption, &TextTracks::default()));
            let variants = variants(&presentation);
            prop_assert!(read.independent_segments);
            prop_assert_eq!(read.alternatives.len(), usize::from(with_audio));
            prop_assert_eq!(read.variants.iter().filter(|v| v.is_i_frame).count(), if is_encrypted { 0 } else { 2 });
            for variant in &variants {
                let found = read.variants.iter().find(|v| !v.is_i_frame && v.bandwidth == variant.bandwidth_bps);
                prop_assert_eq!(found.unwrap().average_bandwidth, Some(variant.average_bandwidth_bps));
                prop_assert!(variant.average_bandwidth_bps <= variant.bandwidth_bps);
            }
            for track in presentation.tracks() {
                let playlist = read_media(&media(&presentation, track, encryption));
                prop_assert!(playlist.end_list);
                prop_assert_eq!(playlist.segments.len(), track.segments.len());
                let total: f64 = playlist.segments.iter().map(|s| f64::from(s.duration)).sum();
                prop_assert!((total - track.seconds()).abs() < 1e-3, "{} {}", total, track.seconds());
                for segment in &playlist.segments {
                    prop_assert_eq!(segment.key.is_some(), is_encrypted);
                    prop_assert!(f64::from(segment.duration.round()) <= playlist.target_duration as f64);
                }
            }
            let video = &presentation.video[0];
            let playlist = read_media(&i_frames(&presentation, video));
            let total: f64 = playlist.segments.iter().map(|s| f64::from(s.duration)).sum();
            prop_assert!((total - video.seconds()).abs() < 1e-3);
            prop_assert!(playlist.segments.iter().all(|s| s.byte_range.is_some()));
        }
    }
}
