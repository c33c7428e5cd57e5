//! Puts the reports of a plan's parts together, and refuses what is not one seamless video.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    file::TrackId,
    plan::{Part, Plan, Span, Storyboard},
    report::{Inconsistent, Presentation, TrackKind, TrackReport},
    timeline::AAC_FRAME_SAMPLES,
};

/// What the encode of one part measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReport {
    /// Which part.
    pub part: Part,
    /// Its tracks: the video renditions in the plan's order, then the sound.
    pub tracks: Vec<TrackReport>,
    /// Whether it made the poster.
    pub has_poster: bool,
    /// Whether it made a sheet of the storyboard.
    #[serde(default)]
    pub has_sheet: bool,
}

/// A whole video, ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stitched {
    /// The tracks, from start to end.
    pub presentation: Presentation,
    /// Whether there is a poster.
    pub has_poster: bool,
    /// The storyboard, if each of its sheets was made.
    pub storyboard: Option<Storyboard>,
    /// How many frames came out.
    pub frames: u64,
}

/// Why reports are not one video. Nothing of it may be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StitchError {
    /// A part was not reported.
    #[error("nothing is known of {0}")]
    Missing(Part),
    /// A part lacks a track, or has one too many.
    #[error("{0} does not have the tracks of the plan")]
    OtherTracks(Part),
    /// A track's part does not fill the time between its neighbours.
    #[error("{track} of {part} does not reach from its beginning to its end")]
    Gap {
        /// Where.
        part: Part,
        /// Of which track.
        track: TrackId,
    },
    /// A player could not go on from one part to the next.
    #[error("{track} of {part} was encoded otherwise than what comes before it")]
    OtherInit {
        /// Where.
        part: Part,
        /// Of which track.
        track: TrackId,
    },
    /// The tracks don't fit together.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
}

/// Lays the parts end to end.
pub fn stitch(
    plan: &Plan,
    reports: impl IntoIterator<Item = PartReport>,
) -> Result<Stitched, StitchError> {
    let mut reports: BTreeMap<Part, PartReport> = reports
        .into_iter()
        .map(|report| (report.part, report))
        .collect();
    let mut video: Vec<TrackReport> = Vec::new();
    let mut audio: Option<TrackReport> = None;
    let mut has_poster = false;
    let mut sheets = BTreeSet::new();
    for index in 0..plan.chunks() {
        let part = Part::Chunk(index);
        let span = plan.span(part).ok_or(StitchError::Missing(part))?;
        let report = reports.remove(&part).ok_or(StitchError::Missing(part))?;
        has_poster |= report.has_poster;
        sheets.extend(report.has_sheet.then_some(index));
        let mut tracks = report.tracks.into_iter();
        let pictures: Vec<_> = tracks.by_ref().take(plan.renditions.len()).collect();
        let sound = tracks.next();
        let names_fit = pictures
            .iter()
            .map(|track| &track.track)
            .eq(&track_ids(plan));
        if !names_fit || sound.is_some() != plan.has_audio(part) || tracks.next().is_some() {
            return Err(StitchError::OtherTracks(part));
        }
        for (position, track) in pictures.into_iter().enumerate() {
            check_video(plan, part, span, &track)?;
            append(&mut video, position, part, track)?;
        }
        if let Some(sound) = sound {
            check_audio(plan, part, span, &sound)?;
            let mut whole: Vec<_> = audio.take().into_iter().collect();
            append(&mut whole, 0, part, sound)?;
            audio = whole.pop();
        }
    }
    if plan.audio_is_apart() {
        let report = reports.remove(&Part::Audio);
        let report = report.ok_or(StitchError::Missing(Part::Audio))?;
        audio = report.tracks.into_iter().next();
        // The sound was ended where the picture was expected to end.
        let segments = video.first().map_or(0, |track| track.segments.len());
        if let Some(audio) = &mut audio {
            audio.segments.truncate(segments);
        }
    }
    if audio.is_some() != plan.audio.is_some() {
        return Err(StitchError::Missing(Part::Audio));
    }
    let presentation = Presentation {
        closed_captions: plan.closed_captions.clone(),
        ..Presentation::new(video, audio)?
    };
    let ticks = presentation.video.first().map_or(0, TrackReport::ticks);
    let frames = plan.grid.frames_in(ticks);
    let is_complete =
        (0..plan.chunks()).all(|chunk| sheets.contains(&chunk) || !plan.has_sheet(chunk, frames));
    Ok(Stitched {
        frames,
        presentation,
        has_poster,
        storyboard: plan.storyboard.filter(|_| is_complete),
    })
}

fn track_ids(plan: &Plan) -> Vec<TrackId> {
    let names = plan.renditions.iter().map(|r| r.name.clone());
    names.map(TrackId::Video).collect()
}

/// Every chunk but the last is exactly its segments, each exactly as long as the grid's.
fn check_video(
    plan: &Plan,
    part: Part,
    span: Span,
    track: &TrackReport,
) -> Result<(), StitchError> {
    let frames = plan.grid.frames_in(track.ticks());
    let (last, others) = track
        .segments
        .split_last()
        .ok_or_else(|| gap(part, track))?;
    let whole = |ticks: u64| ticks == plan.grid.segment_ticks();
    let fits = others.iter().all(|segment| whole(segment.ticks))
        && (span.is_last || whole(last.ticks) && span.first_frame + frames == span.end_frame);
    let is_video = matches!(track.kind, TrackKind::Video { .. });
    if fits && is_video && track.timescale == plan.grid.timescale() {
        Ok(())
    } else {
        Err(gap(part, track))
    }
}

/// The sound of a chunk is cut where its picture is, to the nearest AAC frame.
fn check_audio(
    plan: &Plan,
    part: Part,
    span: Span,
    track: &TrackReport,
) -> Result<(), StitchError> {
    let aac_frame = |frame: u64| {
        plan.grid
            .audio_frame_at(plan.grid.ticks_at(frame), track.timescale)
    };
    let expected = aac_frame(span.end_frame) - aac_frame(span.first_frame);
    let segments = plan.grid.segments_for(span.end_frame - span.first_frame);
    let fits = span.is_last
        || track.ticks() == expected * u64::from(AAC_FRAME_SAMPLES)
            && track.segments.len() as u64 == segments;
    if fits { Ok(()) } else { Err(gap(part, track)) }
}

fn gap(part: Part, track: &TrackReport) -> StitchError {
    StitchError::Gap {
        part,
        track: track.track.clone(),
    }
}

/// Adds a part of a track to what there is of it.
fn append(
    tracks: &mut Vec<TrackReport>,
    position: usize,
    part: Part,
    track: TrackReport,
) -> Result<(), StitchError> {
    let Some(whole) = tracks.get_mut(position) else {
        tracks.push(track);
        return Ok(());
    };
    let is_same = whole.init_sha256 == track.init_sha256
        && whole.track == track.track
        && whole.kind == track.kind
        && whole.codecs == track.codecs
        && whole.timescale == track.timescale;
    if !is_same {
        return Err(StitchError::OtherInit {
            part,
            track: track.track,
        });
    }
    whole.segments.extend(track.segments);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use super::*;
    use crate::{
        plan::{
            FanOut, Settings,
            tests::{SETTINGS, source},
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
            info.audio.as_mut().unwrap().exact_sample_rate = None;
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
        if part != Part::Audio {
            for rendition in &plan.renditions {
                tracks.push(TrackReport {
                    track: TrackId::Video(rendition.name.clone()),
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
        if plan.has_audio(part) {
            let at = |frame: u64| grid.audio_frame_at(ticks(frame), 48_000) * 1024;
            tracks.push(TrackReport {
                track: TrackId::Audio("main".into()),
                kind: TrackKind::Audio {
                    language: "und".into(),
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
            has_sheet: part != Part::Audio,
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
            let audio = stitched.presentation.audio.as_ref().unwrap();
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
}
