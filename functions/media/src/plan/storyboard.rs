//! The storyboard: small pictures that a player shows over its seek bar.
//!
//! Every chunk puts its pictures side by side into one JPEG, the *sheet*, while it encodes; a WebVTT
//! file says which part of which sheet belongs to which time, as a media fragment (`#xywh=`). Players
//! such as Vidstack, Video.js and Shaka read that form.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Part, Plan, Span};
use crate::{file::sheet_name, timeline::Grid};

/// Pictures beside each other in a sheet.
pub const COLUMNS: u64 = 10;

/// A picture fits into a square of this side, in pixels.
const TILE_SIDE: u32 = 160;

/// About how many pictures a short video has.
const USUAL_TILES: u64 = 100;

const SECOND_US: u64 = 1_000_000;

/// Apart this far at most: a viewer looks for a scene, not for a minute.
const MAX_INTERVAL_US: u64 = 10 * SECOND_US;

/// A sheet of more would be a picture that phones refuse. Only a long video that can't be cut into
/// chunks comes near.
const MAX_TILES_IN_SHEET: u64 = 400;

/// How a video's storyboard is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storyboard {
    /// A picture is taken of each frame whose number is a multiple of this.
    pub interval_frames: u64,
    /// A picture's width, in pixels.
    pub tile_width: u32,
    /// A picture's height, in pixels.
    pub tile_height: u32,
}

impl Storyboard {
    /// The storyboard of a video of this many frames and this shape, whose longest chunk has
    /// `chunk_frames`.
    pub fn new(grid: Grid, frames: u64, chunk_frames: u64, (width, height): (u32, u32)) -> Self {
        let length_us = grid.micros_at(frames);
        let usual = (length_us / USUAL_TILES).clamp(SECOND_US, MAX_INTERVAL_US);
        let interval = grid.frame_rate.frames_in_micros(usual).max(1);
        let side = |this: u32, other: u32| {
            let scaled = u64::from(TILE_SIDE) * u64::from(this) / u64::from(this.max(other).max(1));
            let even = u32::try_from(scaled / 2 * 2).unwrap_or(TILE_SIDE);
            even.max(2)
        };
        Self {
            interval_frames: interval.max(chunk_frames.div_ceil(MAX_TILES_IN_SHEET)),
            tile_width: side(width, height),
            tile_height: side(height, width),
        }
    }

    /// The first picture at or after a frame.
    fn tile_from(self, frame: u64) -> u64 {
        frame.div_ceil(self.interval_frames)
    }

    /// How many pictures a span of frames has.
    fn tiles(self, first_frame: u64, end_frame: u64) -> u64 {
        self.tile_from(end_frame)
            .saturating_sub(self.tile_from(first_frame))
    }

    /// How many rows a part's sheet has; none if it has no pictures.
    pub fn rows(self, span: Span) -> Option<u64> {
        let rows = self
            .tiles(span.first_frame, span.stop_frame)
            .div_ceil(COLUMNS);
        (rows > 0).then_some(rows)
    }
}

impl Plan {
    /// Whether a chunk of a video of this many frames must have a sheet.
    pub fn has_sheet(&self, chunk: u32, frames: u64) -> bool {
        let span = self.span(Part::Chunk(chunk));
        self.storyboard.zip(span).is_some_and(|(storyboard, span)| {
            let end = if span.is_last { frames } else { span.end_frame };
            storyboard.tiles(span.first_frame, end) > 0
        })
    }
}

/// The WebVTT file of a video's storyboard. `frames` is how many came out.
pub fn webvtt(plan: &Plan, storyboard: Storyboard, frames: u64) -> String {
    let mut text = "WEBVTT\n".to_owned();
    let grid = plan.grid;
    for chunk in 0..plan.chunks() {
        let Some(span) = plan.span(Part::Chunk(chunk)) else {
            continue;
        };
        let end = if span.is_last { frames } else { span.end_frame };
        let first = storyboard.tile_from(span.first_frame);
        for tile in first..storyboard.tile_from(end) {
            let from = tile * storyboard.interval_frames;
            let to = (from + storyboard.interval_frames).min(frames);
            let (row, column) = ((tile - first) / COLUMNS, (tile - first) % COLUMNS);
            let _ = write!(
                text,
                "\n{} --> {}\n{}#xywh={},{},{},{}\n",
                timestamp(grid.micros_at(from)),
                timestamp(grid.micros_at(to)),
                sheet_name(chunk),
                column * u64::from(storyboard.tile_width),
                row * u64::from(storyboard.tile_height),
                storyboard.tile_width,
                storyboard.tile_height,
            );
        }
    }
    text
}

/// A time as WebVTT writes it.
fn timestamp(micros: u64) -> String {
    let millis = micros / 1000;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!(
        "{:02}:{:02}:{seconds:02}.{millis:03}",
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    fn plan(millis: u64, chunk_starts: &[u32]) -> Plan {
        let mut plan = Plan::new(&source(millis, (25, 1)), SETTINGS);
        plan.chunk_starts = chunk_starts.to_vec();
        plan
    }

    #[test]
    fn the_interval_grows_with_the_video() {
        let seconds = |millis| {
            let plan = plan(millis, &[0]);
            plan.storyboard.unwrap().interval_frames / 25
        };
        assert_eq!(seconds(10_000), 1);
        assert_eq!(seconds(500_000), 5);
        assert_eq!(seconds(7_200_000), 10);
    }

    #[test]
    fn pictures_fit_into_a_square() {
        let grid = Plan::new(&source(1000, (25, 1)), SETTINGS).grid;
        let size = |shape| {
            let storyboard = Storyboard::new(grid, 100, 100, shape);
            (storyboard.tile_width, storyboard.tile_height)
        };
        assert_eq!(size((1920, 1080)), (160, 90));
        assert_eq!(size((608, 1080)), (90, 160));
        assert_eq!(size((4000, 2)), (160, 2));
    }

    #[test]
    fn each_chunk_has_its_sheet() {
        let plan = plan(20_000, &[0, 2]);
        let text = webvtt(&plan, plan.storyboard.unwrap(), 500);
        assert_eq!(text.matches("-->").count(), 20);
        let around_the_joint: Vec<_> = text.lines().skip(32).take(8).collect();
        insta::assert_snapshot!(around_the_joint.join("\n"), @r"
        00:00:10.000 --> 00:00:11.000
        00001.jpg#xywh=0,90,160,90

        00:00:11.000 --> 00:00:12.000
        00001.jpg#xywh=160,90,160,90

        00:00:12.000 --> 00:00:13.000
        00002.jpg#xywh=0,0,160,90
        ");
    }

    proptest! {
        #[test]
        fn every_moment_has_one_picture(millis in 40u64..4_000_000, cut in 1u32..40) {
            let plan = plan(millis, &[0, cut]);
            if plan.span(Part::Chunk(1)).is_none_or(|span| span.first_frame >= plan.frames) {
                return Ok(());
            }
            let storyboard = plan.storyboard.unwrap();
            let text = webvtt(&plan, storyboard, plan.frames);
            let times: Vec<_> = text.lines().filter_map(|line| line.split_once(" --> ")).collect();
            prop_assert_eq!(times[0].0, "00:00:00.000");
            prop_assert_eq!(times.last().unwrap().1, timestamp(plan.grid.micros_at(plan.frames)));
            for pair in times.windows(2) {
                prop_assert_eq!(pair[0].1, pair[1].0);
            }
            for chunk in 0..2 {
                let named = text.contains(&sheet_name(chunk));
                prop_assert_eq!(named, plan.has_sheet(chunk, plan.frames));
                let span = plan.span(Part::Chunk(chunk)).unwrap();
                prop_assert!(!named || storyboard.rows(span).is_some());
            }
        }
    }
}
