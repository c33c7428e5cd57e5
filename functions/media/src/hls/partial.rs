//! What can be watched of a video while the rest of it is still encoded: one rendition and the main sound, in
//! playlists that grow (RFC 8216's `EVENT`).
//!
//! Of segments that others encode nothing is known but that they are stored, so their lengths are the
//! grid's, and the bit rate is the highest that the encoder may reach. The last segment is as long as the
//! source turns out to be: it is named once that was measured.

use std::fmt::Write as _;

use reelrun_captions::LanguageTag;

use super::{beside_playlist, tracks};
use crate::{
    bandwidth::rate,
    file::{MediaFile, TrackId},
    ladder::Rendition,
    plan::{AudioPlan, Plan},
    report::{Presentation, TrackReport, seconds},
    timeline::Grid,
    tracks::{Kind, Source, Track, closed_captions_in, declare},
};

/// AAC-LC, which is what all audio is encoded to.
const AAC: &str = "mp4a.40.2";

/// The master playlist. `codecs` are the picture's.
pub fn master(plan: &Plan, rendition: &Rendition, codecs: &str) -> String {
    let audio = plan.audio().first();
    let captions = plan.closed_captions().map(closed_captions_in);
    let beside: Vec<_> = audio
        .map(|main| audio_track(plan, main))
        .into_iter()
        .chain(captions)
        .collect();
    let declared = declare(&beside);
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\n");
    for tag in tracks::media_tags(&declared) {
        let _ = writeln!(text, "{tag}");
    }
    let audio_bps = audio.map_or(0, |main| u64::from(main.bitrate_bps));
    let codecs = match audio {
        Some(_) => format!("{codecs},{AAC}"),
        None => codecs.to_owned(),
    };
    let _ = writeln!(
        text,
        "\n#EXT-X-STREAM-INF:BANDWIDTH={},CODECS=\"{codecs}\",RESOLUTION={}x{},FRAME-RATE={:.3}{}\n{}",
        peak(plan.grid(), rendition) + audio_bps,
        rendition.width,
        rendition.height,
        plan.grid().frame_rate.as_f64(),
        tracks::variant_attributes(&declared, true),
        MediaFile::PartialPlaylist(plan.video_track(rendition)),
    );
    text
}

/// The most that a segment may have: what may be sent in its time, and the buffer's content.
fn peak(grid: Grid, rendition: &Rendition) -> u64 {
    let (per_second, timescale) = (u64::from(rendition.max_bitrate_bps), grid.timescale());
    per_second + rate(rendition.buffer_bits(), grid.segment_ticks(), timescale)
}

fn audio_track(plan: &Plan, main: &AudioPlan) -> Track {
    Track {
        kind: Kind::Audio {
            purpose: main.purpose,
            channels: 2,
            playlist: MediaFile::PartialPlaylist(plan.audio_track(main)).to_string(),
        },
        language: LanguageTag::of_container(Some(&main.language)),
        name: main.name.clone(),
        is_default: true,
        is_forced: false,
        source: Source::Embedded,
    }
}

/// A track's media playlist of its first `count` segments.
pub fn media(plan: &Plan, track: &TrackId, count: u32) -> String {
    let grid = plan.grid();
    let length = seconds(grid.segment_ticks(), grid.timescale());
    let lengths = (0..count).map(|_| length);
    written(track, length.round(), lengths)
}

/// The same once all is encoded: whoever watches it meanwhile comes to its end.
pub fn whole(presentation: &Presentation, track: &TrackReport) -> String {
    let segments = track.segments.iter();
    let lengths = segments.map(|segment| seconds(segment.ticks, track.timescale));
    #[expect(clippy::cast_precision_loss, reason = "some seconds")]
    let target = presentation.target_duration() as f64;
    written(&track.track, target, lengths) + "#EXT-X-ENDLIST\n"
}

fn written(track: &TrackId, target: f64, lengths: impl Iterator<Item = f64>) -> String {
    let beside = |file| beside_playlist(track, &file);
    // Players begin an unfinished playlist near its end, where it is live; this one is watched from its
    // beginning.
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:1\n\
         #EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n#EXT-X-MAP:URI=\"{}\"\n",
        beside(MediaFile::Init(track.clone())),
    );
    for (length, number) in lengths.zip(1..) {
        let segment = beside(MediaFile::Segment(track.clone(), number));
        let _ = writeln!(text, "#EXTINF:{length:.6},\n{segment}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    #[test]
    fn it_names_what_is_stored_and_says_that_more_is_to_come() {
        let plan = Plan::new(&source(60_000, (24000, 1001)), SETTINGS).for_attempt(1, 2);
        let rendition = plan.partial_rendition().unwrap();
        insta::assert_snapshot!(master(&plan, rendition, "avc1.64001e"), @r#"
        #EXTM3U
        #EXT-X-VERSION:7
        #EXT-X-INDEPENDENT-SEGMENTS

        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/main_1-2/partial.m3u8"

        #EXT-X-STREAM-INF:BANDWIDTH=3327201,CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=854x480,FRAME-RATE=23.976,AUDIO="audio",CLOSED-CAPTIONS=NONE
        video/480p_1-2/partial.m3u8
        "#);
        let text = media(&plan, &plan.video_track(rendition), 2);
        insta::assert_snapshot!(text, @r#"
        #EXTM3U
        #EXT-X-VERSION:7
        #EXT-X-TARGETDURATION:6
        #EXT-X-MEDIA-SEQUENCE:1
        #EXT-X-PLAYLIST-TYPE:EVENT
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-START:TIME-OFFSET=0,PRECISE=YES
        #EXT-X-MAP:URI="init.mp4"
        #EXTINF:6.006000,
        00001.m4s
        #EXTINF:6.006000,
        00002.m4s
        "#);
        let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
        assert!(!read.end_list);
        assert_eq!(read.segments.len(), 2);
        for segment in &read.segments {
            assert!(f64::from(segment.duration.round()) <= read.target_duration as f64);
        }
    }

    #[test]
    fn whole_it_comes_to_an_end() {
        let presentation = crate::hls::tests::presentation((25, 1), &[500_000, 90_000], 75, true);
        for track in presentation.tracks() {
            let text = whole(&presentation, track);
            let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
            assert!(read.end_list);
            let total: f64 = read.segments.iter().map(|s| f64::from(s.duration)).sum();
            assert!((total - track.seconds()).abs() < 1e-3);
            assert_eq!(read.target_duration, presentation.target_duration());
        }
    }
}
