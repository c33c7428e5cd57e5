use proptest::prelude::*;

use std::time::Duration;

use super::*;
use crate::{
    plan::{
        FanOut, Settings,
        tests::{SETTINGS, audio, source},
    },
    report::SegmentReport,
};

fn plan(millis: u64, exact_sound: bool) -> Plan {
    let fan_out = FanOut {
        target: Duration::from_secs(1),
        ..SETTINGS.fan_out
    };
    let mut info = source(millis, (30000, 1001));
    if !exact_sound {
        info.audio[0].exact_sample_rate = None;
    }
    Plan::new(
        &info,
        Settings {
            fan_out,
            ..SETTINGS
        },
    )
}

fn segments(lengths: impl IntoIterator<Item = u64>) -> Vec<SegmentReport> {
    let segment = |ticks| SegmentReport {
        bytes: 1,
        ticks,
        iframes: vec![],
    };
    lengths.into_iter().map(segment).collect()
}

/// What an encode that does as it is told reports.
fn report(plan: &Plan, part: Part) -> PartReport {
    let span = plan.span(part).unwrap();
    let grid = plan.grid;
    let per_segment = u64::from(grid.segment_frames());
    let starts: Vec<_> = (span.first_frame..span.end_frame)
        .step_by(usize::try_from(per_segment).unwrap())
        .collect();
    let ends = starts
        .iter()
        .map(|start| (start + per_segment).min(span.end_frame));
    let lengths: Vec<_> = starts
        .iter()
        .zip(ends)
        .map(|(&from, to)| (from, to))
        .collect();
    let ticks = |frame: u64| grid.ticks_at(frame);
    let mut tracks = Vec::new();
    if !part.is_audio() {
        for rendition in &plan.renditions {
            tracks.push(TrackReport {
                track: plan.video_track(rendition),
                kind: TrackKind::Video {
                    width: rendition.width,
                    height: rendition.height,
                    frame_rate: grid.frame_rate,
                },
                codecs: "avc1".into(),
                init_sha256: rendition.name.clone(),
                timescale: grid.timescale(),
                segments: segments(lengths.iter().map(|&(from, to)| ticks(to - from))),
            });
        }
    }
    if let Some(audio) = plan.audio_of(part) {
        let at = |frame: u64| grid.audio_frame_at(ticks(frame), 48_000) * 1024;
        tracks.push(TrackReport {
            track: plan.audio_track(audio),
            kind: TrackKind::Audio {
                language: "und".into(),
                name: None,
                purpose: audio.purpose,
                channels: 2,
                sample_rate: 48_000,
            },
            codecs: "mp4a".into(),
            init_sha256: String::new(),
            timescale: 48_000,
            segments: segments(lengths.iter().map(|&(from, to)| at(to) - at(from))),
        });
    }
    PartReport {
        part,
        tracks,
        has_poster: plan.has_poster(part),
        has_sheet: !part.is_audio(),
    }
}

fn reports(plan: &Plan) -> Vec<PartReport> {
    plan.parts().map(|part| report(plan, part)).collect()
}

#[test]
fn parts_in_any_order_make_the_whole() {
    for exact_sound in [true, false] {
        let plan = plan(61_000, exact_sound);
        assert!(plan.chunks() > 3);
        let mut parts = reports(&plan);
        parts.reverse();
        let stitched = stitch(&plan, parts).unwrap();
        assert_eq!(stitched.frames, plan.frames);
        assert!(stitched.has_poster);
        assert_eq!(stitched.storyboard, plan.storyboard);
        let video = &stitched.presentation.video[0];
        let audio = &stitched.presentation.audio[0];
        assert_eq!((video.segments.len(), audio.segments.len()), (11, 11));
        assert!((audio.seconds() - video.seconds()).abs() < 0.02);
        let mut without_a_sheet = reports(&plan);
        assert!(plan.has_sheet(plan.chunks() - 1, plan.frames));
        without_a_sheet.last_mut().unwrap().has_sheet = false;
        let stitched = stitch(&plan, without_a_sheet).unwrap();
        assert_eq!(stitched.storyboard, None);
    }
}

#[test]
fn what_is_not_seamless_is_refused() {
    let plan = plan(61_000, true);
    let broken = |change: &dyn Fn(&mut Vec<PartReport>)| {
        let mut parts = reports(&plan);
        change(&mut parts);
        stitch(&plan, parts).unwrap_err()
    };
    let part = Part::Chunk(1);
    let rung = || TrackId::Video("720p".into());
    assert_eq!(
        broken(&|parts| {
            parts.remove(1);
        }),
        StitchError::Missing(part)
    );
    assert_eq!(
        broken(&|parts| {
            parts[1].tracks[1].segments.pop();
        }),
        StitchError::Gap {
            part,
            track: rung()
        }
    );
    assert_eq!(
        broken(&|parts| parts[1].tracks[1].segments[0].ticks -= 1),
        StitchError::Gap {
            part,
            track: rung()
        }
    );
    assert_eq!(
        broken(&|parts| parts[1].tracks.last_mut().unwrap().segments[0].ticks -= 1024),
        StitchError::Gap {
            part,
            track: TrackId::Audio("main".into())
        }
    );
    assert_eq!(
        broken(&|parts| parts[1].tracks[1].init_sha256.push('x')),
        StitchError::OtherInit {
            part,
            track: rung()
        }
    );
    assert_eq!(
        broken(&|parts| {
            parts[1].tracks.pop();
        }),
        StitchError::OtherTracks(part)
    );
    assert_eq!(
        broken(&|parts| parts[1].tracks.swap(0, 1)),
        StitchError::OtherTracks(part)
    );
    let other_end = |parts: &mut Vec<PartReport>| {
        parts.last_mut().unwrap().tracks[1]
            .segments
            .last_mut()
            .unwrap()
            .ticks -= 1001;
    };
    assert!(matches!(broken(&other_end), StitchError::Inconsistent(_)));
}

#[test]
fn a_sound_that_could_not_be_decoded_is_left_out() {
    let mut info = source(200_000, (30000, 1001));
    info.audio.extend([audio(2, 200_000), audio(3, 200_000)]);
    let fan_out = FanOut {
        target: Duration::from_secs(1),
        ..SETTINGS.fan_out
    };
    let settings = Settings {
        fan_out,
        ..SETTINGS
    };
    let plan = Plan::new(&info, settings);
    assert_eq!(plan.parts_of_audio(1).count(), 5);
    let names = |stitched: &Stitched| {
        let audio = stitched.presentation.audio.iter();
        audio
            .map(|track| track.track.name().to_owned())
            .collect::<Vec<_>>()
    };
    let whole = stitch(&plan, reports(&plan)).unwrap();
    assert_eq!(names(&whole), ["main", "2", "3"]);
    assert_eq!(whole.not_used, []);
    let [main, second, _] = &whole.presentation.audio[..] else {
        panic!()
    };
    assert_eq!(main.segments, second.segments);
    let without = |lost| {
        let reports = reports(&plan).into_iter();
        reports.map(move |report| {
            if report.part == lost {
                PartReport::without_tracks(lost)
            } else {
                report
            }
        })
    };
    let stitched = stitch(&plan, without(Part::Audio(1, 1))).unwrap();
    assert_eq!(names(&stitched), ["main", "3"]);
    assert_eq!(stitched.not_used[0].reason, NotUsedReason::Damaged);
    let lost = Part::Chunk(1);
    let why = stitch(&plan, without(lost)).unwrap_err();
    assert_eq!(why, StitchError::OtherTracks(lost));
}

proptest! {
    #[test]
    fn any_number_of_chunks_gives_the_same_presentation(millis in 7_000u64..300_000, max_parallel in 1u32..60) {
        let whole = {
            let mut plan = plan(millis, true);
            plan.chunk_starts = vec![0];
            stitch(&plan, reports(&plan)).unwrap()
        };
        let mut split = plan(millis, true);
        split.chunk_starts.truncate(max_parallel as usize);
        prop_assert_eq!(stitch(&split, reports(&split)).unwrap(), whole);
    }
}
