//! HLS playlists (RFC 8216 and Apple's authoring rules), written from what was measured.

use std::fmt::Write as _;

use crate::{
    bandwidth,
    file::{MediaFile, TrackId},
    language::name_of,
    report::{Presentation, TrackKind, TrackReport, seconds},
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
    let target = presentation.target_duration();
    let rates = |track: &TrackReport| {
        (
            bandwidth::peak(&track.segments, track.timescale, target),
            bandwidth::average(&track.segments, track.timescale),
        )
    };
    // The worst case is a peak of the sound in the very segment where the picture has its own.
    let (audio_peak, audio_average) = presentation.audio.as_ref().map_or((0, 0), rates);
    let audio_codecs = presentation.audio.as_ref().map(|audio| &audio.codecs);
    let variant = |video| {
        let (peak, average) = rates(video);
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

/// The bit rate of the variant that a player should start with, before it has measured anything.
const FIRST_VARIANT_BPS: u64 = 2_000_000;

/// The master playlist.
pub fn master(presentation: &Presentation) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if let Some(TrackReport {
        track,
        kind: TrackKind::Audio {
            language, channels, ..
        },
        ..
    }) = &presentation.audio
    {
        let _ = write!(
            text,
            "\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{}\",LANGUAGE=\"{language}\",\
             DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{}\"\n",
            name_of(language),
            MediaFile::Playlist(track.clone()),
        );
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
        stream_inf(&mut text, presentation, variant);
    }
    text.push('\n');
    for video in &presentation.video {
        i_frame_stream_inf(&mut text, presentation, video);
    }
    text
}

fn stream_inf(text: &mut String, presentation: &Presentation, variant: &Variant<'_>) {
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
    if presentation.audio.is_some() {
        let _ = write!(text, ",AUDIO=\"{AUDIO_GROUP}\"");
    }
    // Unsaid, players look for captions in the picture, and some offer a track that has none.
    text.push_str(",CLOSED-CAPTIONS=NONE");
    let _ = writeln!(
        text,
        "\n{}",
        MediaFile::Playlist(variant.video.track.clone())
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

/// A track's media playlist.
pub fn media(presentation: &Presentation, track: &TrackReport) -> String {
    let mut text = header(presentation, track, "");
    for (segment, number) in track.segments.iter().zip(1..) {
        let _ = writeln!(
            text,
            "#EXTINF:{:.6},\n{}",
            seconds(segment.ticks, track.timescale),
            beside_playlist(
                &track.track,
                &MediaFile::Segment(track.track.clone(), number)
            ),
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
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
        Presentation::new(video, with_audio.then_some(audio)).unwrap()
    }

    #[test]
    fn the_playlists_read_well() {
        let presentation = presentation((30000, 1001), &[500_000, 400_000, 90_000], 75, true);
        insta::assert_snapshot!("master", master(&presentation));
        insta::assert_snapshot!("video", media(&presentation, &presentation.video[0]));
        insta::assert_snapshot!("iframes", i_frames(&presentation, &presentation.video[0]));
        insta::assert_snapshot!(
            "audio",
            media(&presentation, presentation.audio.as_ref().unwrap())
        );
    }

    #[test]
    fn a_silent_video_names_no_audio() {
        let text = master(&presentation((25, 1), &[100], 10, false));
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
        ) {
            let presentation = presentation((24000, 1001), &sizes, last, with_audio);
            let read = read_master(&master(&presentation));
            let variants = variants(&presentation);
            prop_assert!(read.independent_segments);
            prop_assert_eq!(read.alternatives.len(), usize::from(with_audio));
            prop_assert_eq!(read.variants.iter().filter(|v| v.is_i_frame).count(), 2);
            for variant in &variants {
                let found = read.variants.iter().find(|v| !v.is_i_frame && v.bandwidth == variant.bandwidth_bps);
                prop_assert_eq!(found.unwrap().average_bandwidth, Some(variant.average_bandwidth_bps));
                prop_assert!(variant.average_bandwidth_bps <= variant.bandwidth_bps);
            }
            for track in presentation.tracks() {
                let playlist = read_media(&media(&presentation, track));
                prop_assert!(playlist.end_list);
                prop_assert_eq!(playlist.segments.len(), track.segments.len());
                let total: f64 = playlist.segments.iter().map(|s| f64::from(s.duration)).sum();
                prop_assert!((total - track.seconds()).abs() < 1e-3, "{} {}", total, track.seconds());
                for segment in &playlist.segments {
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
