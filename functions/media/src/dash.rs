//! The DASH manifest (ISO/IEC 23009-1) over the same segments as HLS.

use std::time::Duration;

use dash_mpd_core::{
    AdaptationSet, AudioChannelConfiguration, MPD, Period, Representation, Role, S,
    SegmentTemplate, SegmentTimeline,
};

use crate::{
    bandwidth,
    report::{Presentation, TrackKind, TrackReport},
    timeline::SEGMENT_SECONDS,
};

/// The manifest, as XML.
pub fn manifest(presentation: &Presentation) -> String {
    let mut codecs: Vec<_> = presentation.video.iter().map(TrackReport::codec).collect();
    codecs.dedup();
    // Players switch within a set, and choose a set by what they can decode.
    let mut video = codecs.iter().map(|codec| video_set(presentation, codec));
    let audio = presentation.audio.as_ref();
    let mut adaptations: Vec<_> = video.next().into_iter().collect();
    adaptations.extend(audio.map(|audio| audio_set(presentation, audio)));
    adaptations.extend(video);
    for (set, id) in adaptations.iter_mut().zip(0_u32..) {
        set.id = Some(id.to_string());
    }
    let mpd = MPD {
        xmlns: Some("urn:mpeg:dash:schema:mpd:2011".into()),
        profiles: Some(
            "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019".into(),
        ),
        mpdtype: Some("static".into()),
        mediaPresentationDuration: presentation.video.first().map(length),
        minBufferTime: Some(Duration::from_secs(SEGMENT_SECONDS.into())),
        periods: vec![Period {
            id: Some("0".into()),
            start: Some(Duration::ZERO),
            adaptations,
            ..Period::default()
        }],
        ..MPD::default()
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{mpd}\n")
}

fn length(track: &TrackReport) -> Duration {
    let nanos = u128::from(track.ticks()) * 1_000_000_000 / u128::from(track.timescale.max(1));
    // Whole milliseconds, rounded up, so that the announced end never cuts the last frame.
    Duration::from_millis(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

fn video_set(presentation: &Presentation, codec: &str) -> AdaptationSet {
    let tracks = presentation.video.iter();
    let tracks = tracks.filter(|track| track.codec() == codec);
    let representations = tracks.filter_map(|track| {
        let TrackKind::Video {
            width,
            height,
            frame_rate,
        } = track.kind
        else {
            return None;
        };
        Some(Representation {
            width: Some(width.into()),
            height: Some(height.into()),
            frameRate: Some(match frame_rate.den() {
                1 => frame_rate.num().to_string(),
                _ => frame_rate.to_string(),
            }),
            sar: Some("1:1".into()),
            ..representation(presentation, track)
        })
    });
    let representations: Vec<_> = representations.collect();
    AdaptationSet {
        contentType: Some("video".into()),
        mimeType: Some("video/mp4".into()),
        segmentAlignment: Some(true),
        startWithSAP: Some(1),
        maxWidth: representations.iter().filter_map(|r| r.width).max(),
        maxHeight: representations.iter().filter_map(|r| r.height).max(),
        SegmentTemplate: presentation
            .video
            .first()
            .map(|track| template("video", track)),
        representations,
        ..AdaptationSet::default()
    }
}

fn audio_set(presentation: &Presentation, track: &TrackReport) -> AdaptationSet {
    let TrackKind::Audio {
        language,
        channels,
        sample_rate,
    } = &track.kind
    else {
        return AdaptationSet::default();
    };
    AdaptationSet {
        contentType: Some("audio".into()),
        mimeType: Some("audio/mp4".into()),
        lang: Some(language.clone()),
        segmentAlignment: Some(true),
        startWithSAP: Some(1),
        Role: vec![Role {
            schemeIdUri: "urn:mpeg:dash:role:2011".into(),
            value: Some("main".into()),
            ..Role::default()
        }],
        SegmentTemplate: Some(template("audio", track)),
        representations: vec![Representation {
            audioSamplingRate: Some(sample_rate.to_string()),
            AudioChannelConfiguration: vec![AudioChannelConfiguration {
                schemeIdUri: "urn:mpeg:dash:23003:3:audio_channel_configuration:2011".into(),
                value: Some(channels.to_string()),
                ..AudioChannelConfiguration::default()
            }],
            ..representation(presentation, track)
        }],
        ..AdaptationSet::default()
    }
}

fn representation(presentation: &Presentation, track: &TrackReport) -> Representation {
    let peak = bandwidth::peak(
        &track.segments,
        track.timescale,
        presentation.target_duration(),
    );
    Representation {
        id: Some(track.track.name().into()),
        codecs: Some(track.codecs.clone()),
        bandwidth: Some(peak),
        ..Representation::default()
    }
}

/// Segments by number in folders by representation, with every length stated.
fn template(folder: &str, track: &TrackReport) -> SegmentTemplate {
    SegmentTemplate {
        timescale: Some(track.timescale.into()),
        startNumber: Some(1),
        initialization: Some(format!("{folder}/$RepresentationID$/init.mp4")),
        media: Some(format!("{folder}/$RepresentationID$/$Number%05d$.m4s")),
        SegmentTimeline: Some(SegmentTimeline {
            segments: runs(track),
        }),
        ..SegmentTemplate::default()
    }
}

/// Run-length encoding: `r` is how often a length is repeated after the first time.
fn runs(track: &TrackReport) -> Vec<S> {
    let mut runs: Vec<S> = Vec::new();
    for segment in &track.segments {
        match runs.last_mut() {
            Some(run) if run.d == segment.ticks => run.r = Some(run.r.unwrap_or(0) + 1),
            last => {
                let is_first = last.is_none();
                runs.push(S {
                    t: is_first.then_some(0),
                    d: segment.ticks,
                    ..S::default()
                });
            }
        }
    }
    runs
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
        insta::assert_snapshot!(manifest(&presentation).replace("><", ">\n<"));
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
        let text = manifest(&presentation);
        let sets: Vec<_> = text.split("<AdaptationSet").skip(1).collect();
        assert_eq!(sets.len(), 3);
        assert!(sets[0].contains("avc1.") && !sets[0].contains("av01."));
        assert!(sets[1].contains("audio/mp4") && sets[1].contains("id=\"1\""));
        assert!(sets[2].contains("av01.") && !sets[2].contains("avc1."));
    }

    #[test]
    fn a_silent_video_has_one_set() {
        let text = manifest(&presentation((25, 1), &[100], 10, false));
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
            let fill = |text: Option<String>| {
                text.unwrap()
                    .replace("$RepresentationID$", track.track.name())
                    .replace("$Number%05d$", "00007")
            };
            assert_eq!(
                fill(template.initialization),
                MediaFile::Init(track.track.clone()).to_string()
            );
            assert_eq!(
                fill(template.media),
                MediaFile::Segment(track.track.clone(), 7).to_string()
            );
        }
    }
}
