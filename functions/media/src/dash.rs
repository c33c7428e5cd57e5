//! The DASH manifest (ISO/IEC 23009-1) over the same segments as HLS.

pub mod tracks;
mod xml;

use std::time::Duration;

use self::xml::Element;
use crate::{
    bandwidth,
    report::{Presentation, TrackKind, TrackReport},
    timeline::SEGMENT_SECONDS,
    tracks::{Declared, TextTracks, audio_tracks, carries_captions, closed_captions, declare},
};

/// The manifest, as XML.
pub fn manifest(presentation: &Presentation, texts: &TextTracks) -> String {
    let mut codecs: Vec<_> = presentation.video.iter().map(TrackReport::codec).collect();
    codecs.dedup();
    // Players switch within a set, and choose a set by what they can decode.
    let mut video = codecs
        .iter()
        .filter_map(|codec| video_set(presentation, codec));
    let first = video.next();
    let beside = audio_tracks(presentation);
    let heard = presentation.audio.iter().zip(declare(&beside));
    let audio = heard.filter_map(|(track, declared)| audio_set(presentation, track, &declared));
    let declared = declare(&texts.tracks);
    let texts = tracks::text_sets(&declared)
        .into_iter()
        .map(|piece| piece.0);
    let sets = first.into_iter().chain(audio).chain(video).chain(texts);
    let sets = (0..).zip(sets).map(|(id, set)| set.attribute("id", id));
    let period = Element::new("Period")
        .attribute("id", 0)
        .attribute("start", xs_duration(Duration::ZERO))
        .children(sets);
    let mpd = Element::new("MPD")
        .attribute("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .attribute(
            "profiles",
            "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019",
        )
        .attribute("type", "static")
        .attributes(presentation.leading().map(|track| {
            let length = xs_duration(length(track));
            ("mediaPresentationDuration", length)
        }))
        .attribute(
            "minBufferTime",
            xs_duration(Duration::from_secs(SEGMENT_SECONDS.into())),
        )
        .children([period]);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{mpd}\n")
}

fn length(track: &TrackReport) -> Duration {
    let nanos = u128::from(track.ticks()) * 1_000_000_000 / u128::from(track.timescale.max(1));
    // Whole milliseconds, rounded up, so that the announced end never cuts the last frame.
    Duration::from_millis(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// A duration as XML Schema writes it, to the millisecond.
fn xs_duration(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("PT{}S", span.as_secs()),
        millis => format!("PT{}.{millis:03}S", span.as_secs()),
    }
}

/// The renditions of one codec; none if there are none.
fn video_set(presentation: &Presentation, codec: &str) -> Option<Element> {
    let tracks = presentation.video.iter();
    let tracks = tracks.filter(|track| track.codec() == codec);
    let (mut max_width, mut max_height) = (0, 0);
    let mut representations = Vec::new();
    let mut has_captions = false;
    for track in tracks {
        has_captions |= carries_captions(track);
        let TrackKind::Video {
            width,
            height,
            frame_rate,
        } = track.kind
        else {
            continue;
        };
        (max_width, max_height) = (max_width.max(width), max_height.max(height));
        let frame_rate = match frame_rate.den() {
            1 => frame_rate.num().to_string(),
            _ => frame_rate.to_string(),
        };
        representations.push(
            representation(presentation, track)
                .attribute("width", width)
                .attribute("height", height)
                .attribute("sar", "1:1")
                .attribute("frameRate", frame_rate),
        );
    }
    let captions = closed_captions(presentation);
    let declared = declare(captions.as_slice());
    let captions = tracks::closed_captions(&declared).filter(|_| has_captions);
    let set = adaptation_set("video")
        .attribute("maxWidth", max_width)
        .attribute("maxHeight", max_height)
        .children(captions.map(|piece| piece.0))
        .children([template("video", presentation.video.first()?)])
        .children(representations);
    Some(set)
}

/// One sound; none if the track is no sound.
fn audio_set(
    presentation: &Presentation,
    track: &TrackReport,
    declared: &Declared<'_>,
) -> Option<Element> {
    let TrackKind::Audio {
        channels,
        sample_rate,
        ..
    } = &track.kind
    else {
        return None;
    };
    let described = |name, scheme, value: &str| {
        Element::new(name)
            .attribute("schemeIdUri", scheme)
            .attribute("value", value)
    };
    let configuration = described(
        "AudioChannelConfiguration",
        "urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
        &channels.to_string(),
    );
    let set = adaptation_set("audio")
        .attribute("lang", &declared.track.language)
        .children(
            tracks::descriptors(declared)
                .into_iter()
                .map(|piece| piece.0),
        )
        .children([
            template("audio", track),
            representation(presentation, track)
                .attribute("audioSamplingRate", sample_rate)
                .children([configuration]),
        ]);
    Some(set)
}

fn adaptation_set(content: &str) -> Element {
    Element::new("AdaptationSet")
        .attribute("contentType", content)
        .attribute("mimeType", format!("{content}/mp4"))
        .attribute("segmentAlignment", true)
        .attribute("startWithSAP", 1)
}

fn representation(presentation: &Presentation, track: &TrackReport) -> Element {
    let peak = bandwidth::peak(
        &track.segments,
        track.timescale,
        presentation.target_duration(),
    );
    Element::new("Representation")
        .attribute("id", track.track.folder())
        .attribute("bandwidth", peak)
        .attribute("codecs", &track.codecs)
}

/// Segments by number in folders by representation, with every length stated.
fn template(folder: &str, track: &TrackReport) -> Element {
    let timeline = Element::new("SegmentTimeline").children(runs(track));
    Element::new("SegmentTemplate")
        .attribute(
            "media",
            format!("{folder}/$RepresentationID$/$Number%05d$.m4s"),
        )
        .attribute(
            "initialization",
            format!("{folder}/$RepresentationID$/init.mp4"),
        )
        .attribute("startNumber", 1)
        .attribute("timescale", track.timescale)
        .children([timeline])
}

/// Run-length encoding: `r` is how often a length is repeated after the first time.
fn runs(track: &TrackReport) -> impl Iterator<Item = Element> {
    let runs = track.segments.chunk_by(|one, next| one.ticks == next.ticks);
    runs.enumerate().map(|(index, run)| {
        let repeated = run.len() - 1;
        Element::new("S")
            .attributes((index == 0).then(|| ("t", "0".to_owned())))
            .attribute("d", run[0].ticks)
            .attributes((repeated > 0).then(|| ("r", repeated.to_string())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        file::{MediaFile, TrackId},
        hls::tests::presentation,
    };

    #[test]
    fn the_manifest_reads_well() {
        let presentation = presentation((30000, 1001), &[500_000, 400_000, 90_000], 75, true);
        insta::assert_snapshot!(
            manifest(&presentation, &TextTracks::default()).replace("><", ">\n<")
        );
    }

    #[test]
    fn each_codec_is_a_set_of_its_own() {
        let mut presentation = presentation((25, 1), &[100], 10, true);
        let mut av1 = presentation.video.clone();
        for track in &mut av1 {
            track.codecs = "av01.0.08M.08".into();
            track.track = TrackId::Video(format!("{}-av1", track.track.name()));
        }
        presentation.video.extend(av1);
        let text = manifest(&presentation, &TextTracks::default());
        let sets: Vec<_> = text.split("<AdaptationSet").skip(1).collect();
        assert_eq!(sets.len(), 3);
        assert!(sets[0].contains("avc1.") && !sets[0].contains("av01."));
        assert!(sets[1].contains("audio/mp4") && sets[1].contains("id=\"1\""));
        assert!(sets[2].contains("av01.") && !sets[2].contains("avc1."));
    }

    #[test]
    fn a_silent_video_has_one_set() {
        let text = manifest(
            &presentation((25, 1), &[100], 10, false),
            &TextTracks::default(),
        );
        assert_eq!(text.matches("<AdaptationSet").count(), 1);
    }

    #[test]
    fn the_templates_give_the_keys_under_which_segments_are_stored() {
        let presentation = presentation((25, 1), &[100], 10, true);
        for track in presentation.tracks() {
            let folder = match &track.track {
                TrackId::Video(_) => "video",
                TrackId::Audio(_) => "audio",
            };
            let template = template(folder, track);
            let fill = |name| {
                template
                    .value(name)
                    .unwrap()
                    .replace("$RepresentationID$", track.track.folder())
                    .replace("$Number%05d$", "00007")
            };
            assert_eq!(
                fill("initialization"),
                MediaFile::Init(track.track.clone()).to_string()
            );
            assert_eq!(
                fill("media"),
                MediaFile::Segment(track.track.clone(), 7).to_string()
            );
        }
    }
}
