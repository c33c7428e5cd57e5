//! What is seen and heard of a [`card`](crate::card), measured by decoding what was published.

use std::{fmt, ops::Range};

use m3u8_rs::MediaPlaylist;
use serde_json::Value;

use crate::{
    card::{CELLS, COUNT, Cell, SIDE},
    color::{Coding, delta_e},
    media::{decode, ffprobe, samples},
    mp4,
    stack::get,
};

/// A picture that was laid on its side, turned over or mirrored: one of eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation {
    /// Quarter turns clockwise, after the mirroring.
    pub quarter_turns: u8,
    /// Whether left and right are exchanged.
    pub is_mirrored: bool,
}

impl Orientation {
    /// As it was made.
    pub const UPRIGHT: Self = Self {
        quarter_turns: 0,
        is_mirrored: false,
    };

    fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|is_mirrored| {
            (0..4).map(move |quarter_turns| Self {
                quarter_turns,
                is_mirrored,
            })
        })
    }

    /// The cell of the card that is seen in a row and column.
    fn source(self, row: usize, column: usize) -> usize {
        let (mut row, mut column) = (row, column);
        for _ in 0..self.quarter_turns {
            (row, column) = (SIDE - 1 - column, row);
        }
        if self.is_mirrored {
            column = SIDE - 1 - column;
        }
        row * SIDE + column
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mirrored = if self.is_mirrored {
            "mirrored and "
        } else {
            ""
        };
        write!(
            f,
            "{mirrored}turned by {}°",
            u32::from(self.quarter_turns) * 90
        )
    }
}

/// The mean of each cell in one frame: luma and two colour differences.
type Grid = [[f64; 3]; SIDE * SIDE];

/// A picture, frame by frame.
#[derive(Debug)]
pub struct Picture {
    /// Pixels.
    pub size: (u64, u64),
    /// How its colours are coded.
    pub coding: Coding,
    /// When each frame is shown, in seconds.
    pub times: Vec<f64>,
    /// What each frame shows.
    grids: Vec<Grid>,
    /// The brightest luma beside the card, where that does not fill all frames.
    pub around: Option<u8>,
}

/// Pixels of a cell, of which the middle is measured: at its edges, codecs mix the neighbours.
const CELL_PIXELS: usize = 16;
const MARGIN: usize = 5;

/// How far codecs carry a picture over its edge.
const EDGE_PIXELS: u64 = 8;

impl Picture {
    /// Decodes the first video stream of a file or playlist.
    pub fn read(input: &str) -> Self {
        Self {
            times: times(input, "v:0"),
            ..Self::still(input)
        }
    }

    /// Decodes a picture that has no times.
    pub fn still(input: &str) -> Self {
        let probe = ffprobe(
            "-select_streams v:0 -show_entries stream=width,height,color_space,color_range",
            input,
        );
        let stream = &probe["streams"][0];
        let pixels = |name: &str| stream[name].as_u64().unwrap();
        let word = |name: &str| stream[name].as_str().unwrap_or("unknown").to_owned();
        Self {
            size: (pixels("width"), pixels("height")),
            coding: Coding {
                matrix: word("color_space"),
                is_full_range: word("color_range") == "pc",
            },
            times: Vec::new(),
            grids: grids(input, "null"),
            around: None,
        }
    }

    /// From a frame on, looks for the card in the middle of the picture only, where it has so many
    /// pixels, and for what is around it.
    pub fn narrow(&mut self, input: &str, from: u64, (width, height): (u64, u64)) {
        let at = usize::try_from(from).unwrap().min(self.grids.len());
        let inner = grids(input, &format!("crop={width}:{height}"));
        self.grids.truncate(at);
        self.grids.extend(inner.into_iter().skip(at));
        // At the card's edge, codecs mix it with what is around.
        let covered = (width + 2 * EDGE_PIXELS, height + 2 * EDGE_PIXELS);
        let (all_width, all_height) = self.size;
        let mask = format!(
            "drawbox=x=(iw-w)/2:y=(ih-h)/2:w={}:h={}:color=black:t=fill",
            covered.0.min(all_width),
            covered.1.min(all_height)
        );
        let raw = decode(
            input,
            &format!(
                "-map 0:v:0 -fps_mode passthrough -vf {mask},format=yuv420p,extractplanes=y -f rawvideo pipe:1"
            ),
        );
        let pixels = usize::try_from(all_width * all_height).unwrap();
        self.around = raw.into_iter().skip(at * pixels).max();
    }

    /// How many frames were decoded.
    pub fn frames(&self) -> u64 {
        self.grids.len() as u64
    }

    /// How the card lies, and how far its colours are off: the worst of all coloured cells, on
    /// average over all frames. None where the colours can't be told.
    pub fn look(&self) -> Option<(Orientation, f64)> {
        self.look_at(0..self.frames())
    }

    /// The same of some frames.
    pub fn look_at(&self, frames: Range<u64>) -> Option<(Orientation, f64)> {
        let index = |frame| usize::try_from(frame).unwrap();
        let grids = &self.grids[index(frames.start)..index(frames.end)];
        let mut mean = [[0.0; 3]; SIDE * SIDE];
        for grid in grids {
            for (sum, cell) in mean.iter_mut().zip(grid) {
                let rgb = self.coding.rgb(*cell)?;
                for (sum, value) in sum.iter_mut().zip(rgb) {
                    *sum += value / grids.len() as f64;
                }
            }
        }
        let differences = |orientation: Orientation| {
            let places = (0..SIDE * SIDE).map(|at| (at / SIDE, at % SIDE));
            places
                .filter_map(
                    |(row, column)| match CELLS[orientation.source(row, column)] {
                        Cell::Color(color) => {
                            Some(delta_e(color.map(f64::from), mean[row * SIDE + column]))
                        }
                        Cell::Flash | Cell::Bit(_) => None,
                    },
                )
                .collect::<Vec<f64>>()
        };
        let sum = |orientation: &Orientation| differences(*orientation).iter().sum::<f64>();
        let best = Orientation::all().min_by(|a, b| sum(a).total_cmp(&sum(b)))?;
        Some((best, differences(best).into_iter().fold(0.0, f64::max)))
    }

    /// The first frame of the flash.
    pub fn flash(&self) -> Option<u64> {
        let is_white = |grid: &Grid| {
            let cells = CELLS.iter().zip(grid);
            let lumas = cells.filter_map(|(cell, yuv)| (*cell == Cell::Flash).then_some(yuv[0]));
            lumas.sum::<f64>() / 4.0 > MIDDLE_LUMA
        };
        Some(self.grids.iter().position(is_white)? as u64)
    }

    /// The number that each frame shows, from 0 to [`COUNT`] - 1. Of an upright card. None where
    /// a digit is neither black nor white, as in two frames or fields that were mixed.
    pub fn numbers(&self) -> Vec<Option<u64>> {
        let number = |grid: &Grid| {
            let cells = CELLS.iter().zip(grid);
            let set = cells.map(|(cell, yuv)| match cell {
                Cell::Bit(_) if BETWEEN.contains(&yuv[0]) => None,
                Cell::Bit(bit) if yuv[0] > BETWEEN.end => Some(1 << bit),
                _ => Some(0),
            });
            set.sum::<Option<u64>>()
        };
        self.grids.iter().map(number).collect()
    }

    /// The steps from each frame's number to the next one's, where both can be read.
    pub fn steps(&self) -> Vec<Option<u64>> {
        let numbers = self.numbers();
        let step = |pair: &[Option<u64>]| Some((pair[1]? + COUNT - pair[0]?) % COUNT);
        numbers.windows(2).map(step).collect()
    }
}

/// When each frame of a stream is shown or heard, in seconds.
///
/// A playlist's are read from its segments' boxes: ffmpeg's reader moves all frames of a fragmented
/// file by as much as some are decoded before their time.
fn times(input: &str, stream: &str) -> Vec<f64> {
    if let Some((folder, _)) = input.rsplit_once('/').filter(|_| input.starts_with("http")) {
        let fetched = |name: &str| get(&format!("{folder}/{name}")).body;
        let playlist: MediaPlaylist = m3u8_rs::parse_media_playlist_res(&get(input).body).unwrap();
        let init = playlist.segments[0].map.as_ref().unwrap();
        let timescale = mp4::timescale(&fetched(&init.uri));
        let segments = playlist.segments.iter();
        return segments
            .flat_map(|segment| mp4::presentation_times(&fetched(&segment.uri)))
            .map(|ticks| ticks as f64 / timescale)
            .collect();
    }
    let args = format!("-select_streams {stream} -show_entries packet=pts_time");
    let probe = ffprobe(&args, input);
    let packets = probe["packets"].as_array().unwrap();
    let time = |packet: &Value| packet["pts_time"].as_str()?.parse().ok();
    let mut times: Vec<f64> = packets.iter().filter_map(time).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Between black and white.
const MIDDLE_LUMA: f64 = 126.0;

/// Neither black nor white.
const BETWEEN: Range<f64> = 76.0..176.0;

/// What each frame shows after a filter.
fn grids(input: &str, filter: &str) -> Vec<Grid> {
    let side = SIDE * CELL_PIXELS;
    // Same family of colours in and out, so that no matrix is applied here.
    let raw = decode(
        input,
        &format!(
            "-map 0:v:0 -fps_mode passthrough -vf {filter},scale={side}:{side}:flags=area,format=yuv444p -f rawvideo pipe:1"
        ),
    );
    raw.chunks_exact(side * side * 3).map(grid).collect()
}

fn grid(frame: &[u8]) -> Grid {
    let side = SIDE * CELL_PIXELS;
    let planes: Vec<_> = frame.chunks_exact(side * side).collect();
    let mut grid = [[0.0; 3]; SIDE * SIDE];
    for (index, cell) in grid.iter_mut().enumerate() {
        let (top, left) = (index / SIDE * CELL_PIXELS, index % SIDE * CELL_PIXELS);
        let inner = MARGIN..CELL_PIXELS - MARGIN;
        for (mean, plane) in cell.iter_mut().zip(&planes) {
            let pixels = inner.clone().flat_map(|y| {
                let line = (top + y) * side + left;
                &plane[line + inner.start..line + inner.end]
            });
            let sum: f64 = pixels.map(|&pixel| f64::from(pixel)).sum();
            *mean = sum / (inner.len() * inner.len()) as f64;
        }
    }
    grid
}

/// A sound, mixed to one channel of 48 kHz.
#[derive(Debug)]
pub struct Sound {
    samples: Vec<f32>,
    start: f64,
}

/// Samples per second of a [`Sound`].
const RATE: f64 = 48_000.0;

impl Sound {
    /// Decodes the first audio stream of a file or playlist.
    pub fn read(input: &str) -> Self {
        Self {
            start: times(input, "a:0").first().copied().unwrap_or(0.0),
            samples: samples(input),
        }
    }

    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / RATE
    }

    /// The loudest sample.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, s| s.abs().max(peak))
    }

    /// When the beep begins, in seconds: the first sample of a third of the peak. What codecs
    /// spread before an onset is much quieter.
    pub fn onset(&self) -> Option<f64> {
        let peak = self.peak();
        let at = self.samples.iter().position(|s| s.abs() > peak / 3.0)?;
        (peak > 0.05).then_some(self.start + at as f64 / RATE)
    }
}
