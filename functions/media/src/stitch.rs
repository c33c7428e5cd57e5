//! Puts the reports of a plan's parts together, and refuses what is not one seamless video.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    file::TrackId,
    plan::{Part, Plan, Span, Storyboard},
    report::{Inconsistent, Presentation, TrackKind, TrackReport},
    source::{NotUsed, NotUsedReason, StreamKind},
    timeline::AAC_FRAME_SAMPLES,
};

/// What the encode of one part measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReport {
    /// Which part.
    pub part: Part,
    /// Its tracks: the video renditions in the plan's order, then the audio. None of an audio track
    /// that could not be decoded, if the video can do without it.
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
    /// The audio tracks that are left out.
    pub not_used: Vec<NotUsed>,
}

impl PartReport {
    /// How many frames of picture came out.
    pub fn frames(&self, plan: &Plan) -> u64 {
        let picture = self.tracks.first().filter(|_| !self.part.is_audio());
        plan.grid.frames_in(picture.map_or(0, TrackReport::ticks))
    }

    /// Of a part that could not be decoded.
    pub fn without_tracks(part: Part) -> Self {
        Self {
            part,
            tracks: Vec::new(),
            has_poster: false,
            has_sheet: false,
        }
    }
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
    let mut audio: Vec<TrackReport> = Vec::new();
    let has_poster = reports.values().any(|report| report.has_poster);
    let mut sheets = BTreeSet::new();
    for index in 0..plan.chunks() {
        let part = Part::Chunk(index);
        let span = plan.span(part).ok_or(StitchError::Missing(part))?;
        let report = reports.remove(&part).ok_or(StitchError::Missing(part))?;
        sheets.extend(report.has_sheet.then_some(index));
        let mut tracks = report.tracks.into_iter();
        let pictures: Vec<_> = tracks.by_ref().take(plan.renditions.len()).collect();
        let sound = tracks.next();
        let names_fit = pictures
            .iter()
            .map(|track| &track.track)
            .eq(&track_ids(plan));
        if !names_fit || sound.is_some() != plan.audio_of(part).is_some() || tracks.next().is_some()
        {
            return Err(StitchError::OtherTracks(part));
        }
        for (position, track) in pictures.into_iter().enumerate() {
            check_video(plan, part, span, &track)?;
            append(&mut video, position, part, track)?;
        }
        if let Some(sound) = sound {
            check_audio(plan, part, span, &sound)?;
            append(&mut audio, 0, part, sound)?;
        }
    }
    let mut not_used = Vec::new();
    for (track, own) in (0..).zip(&plan.audio) {
        if own.goes_with_picture() {
            continue;
        }
        match stitch_audio(plan, track, &mut reports)? {
            Some(mut track) => {
                // It was ended where the picture was expected to end.
                if let Some(picture) = video.first() {
                    track.segments.truncate(picture.segments.len());
                }
                audio.push(track);
            }
            None => not_used.push(NotUsed {
                kind: StreamKind::Audio,
                codec: own.codec.clone(),
                reason: NotUsedReason::Damaged,
            }),
        }
    }
    let presentation = Presentation {
        closed_captions: plan.closed_captions.clone(),
        ..Presentation::new(video, audio)?
    };
    let frames = match presentation.video.first() {
        Some(picture) => plan.grid.frames_in(picture.ticks()),
        None => plan.frames,
    };
    let is_complete =
        (0..plan.chunks()).all(|chunk| sheets.contains(&chunk) || !plan.has_sheet(chunk, frames));
    Ok(Stitched {
        frames,
        presentation,
        has_poster,
        storyboard: plan.storyboard.filter(|_| is_complete),
        not_used,
    })
}

/// Lays the parts of an audio track end to end; none if it is left out.
fn stitch_audio(
    plan: &Plan,
    track: u32,
    reports: &mut BTreeMap<Part, PartReport>,
) -> Result<Option<TrackReport>, StitchError> {
    let mut whole = Vec::new();
    let mut is_whole = true;
    for part in plan.parts_of_audio(track) {
        let span = plan.span(part).ok_or(StitchError::Missing(part))?;
        let report = reports.remove(&part).ok_or(StitchError::Missing(part))?;
        let mut tracks = report.tracks.into_iter();
        match (tracks.next(), tracks.next()) {
            (Some(track), None) => {
                check_audio(plan, part, span, &track)?;
                append(&mut whole, 0, part, track)?;
            }
            (None, _) if plan.can_do_without(part) => is_whole = false,
            _ => return Err(StitchError::OtherTracks(part)),
        }
    }
    Ok(whole.pop().filter(|_| is_whole))
}

fn track_ids(plan: &Plan) -> Vec<TrackId> {
    let renditions = plan.renditions.iter();
    renditions.map(|one| plan.video_track(one)).collect()
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
mod tests;
