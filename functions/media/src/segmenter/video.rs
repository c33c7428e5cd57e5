//! Video: a segment is a fixed number of ffmpeg's fragments, stored as they came.

use bytes::{Bytes, BytesMut};

use super::{
    Cut, Segment, SegmenterError,
    fragments::{Fragment, FragmentReader, Item},
    segment_number,
};
use crate::{
    report::{IFrame, SegmentReport},
    timeline::Grid,
};

/// Cuts one rendition's stream.
#[derive(Debug)]
pub struct VideoSegmenter {
    grid: Grid,
    reader: FragmentReader,
    gops: Vec<Fragment>,
    next_tick: u64,
    next_number: u32,
    /// A GOP shorter than the grid's was seen: only the last one may be.
    ended: bool,
}

impl VideoSegmenter {
    /// A segmenter for a stream on this grid that starts with this segment (the first is 0).
    pub fn new(grid: Grid, first_segment: u64) -> Self {
        Self {
            grid,
            reader: FragmentReader::default(),
            gops: Vec::new(),
            next_tick: first_segment * grid.segment_ticks(),
            next_number: segment_number(first_segment),
            ended: false,
        }
    }

    /// Takes more of the stream, and gives what became whole.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Cut>, SegmenterError> {
        self.reader.push(bytes);
        let mut chunk_starts = Vec::new();
        while let Some(item) = self.reader.next()? {
            match item {
                Item::Init(init) => chunk_starts.push(Cut::Init(init)),
                Item::Fragment(fragment) => {
                    self.check(&fragment)?;
                    self.gops.push(fragment);
                    if self.gops.len() == self.grid.gops_per_segment as usize {
                        chunk_starts.extend(self.segment().map(Cut::Segment));
                    }
                }
            }
        }
        Ok(chunk_starts)
    }

    /// The stream has ended: gives the last segment, if one was begun.
    pub fn finish(&mut self) -> Result<Option<Segment>, SegmenterError> {
        self.reader.finish()?;
        Ok(self.segment())
    }

    /// The grid that the stream is cut along.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// How far the stream was cut or collected, in ticks of the grid.
    pub fn ticks(&self) -> u64 {
        self.next_tick
    }

    /// Every fragment continues the one before, starts with a keyframe and is a GOP of the grid.
    fn check(&mut self, fragment: &Fragment) -> Result<(), SegmenterError> {
        if u64::try_from(fragment.decode_time) != Ok(self.next_tick) {
            return Err(SegmenterError::Discontinuity {
                expected: self.next_tick,
                found: fragment.decode_time,
            });
        }
        let not_a_gop = |why: String| Err(SegmenterError::NotAGop(why));
        if self.ended {
            return not_a_gop("a short one is not the last".into());
        }
        let count = fragment.samples.len();
        let sync = fragment.samples.iter().position(|sample| sample.is_sync);
        if sync != Some(0) || fragment.samples[1..].iter().any(|sample| sample.is_sync) {
            return not_a_gop("its only keyframe must be its first frame".into());
        }
        if fragment
            .samples
            .iter()
            .any(|s| s.ticks != self.grid.frame_ticks())
        {
            return not_a_gop(format!(
                "not every frame lasts {} ticks",
                self.grid.frame_ticks()
            ));
        }
        // The sound's clock is the decoder's: a picture that is shown later would be out of sync.
        if !fragment.is_shown_on(self.grid.frame_ticks()) {
            return not_a_gop("its frames are not shown one after the other from its start".into());
        }
        match count.cmp(&(self.grid.gop_frames as usize)) {
            std::cmp::Ordering::Less => self.ended = true,
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => {
                return not_a_gop(format!(
                    "{count} frames instead of {}",
                    self.grid.gop_frames
                ));
            }
        }
        self.next_tick += fragment.ticks();
        Ok(())
    }

    fn segment(&mut self) -> Option<Segment> {
        if self.gops.is_empty() {
            return None;
        }
        let size = self.gops.iter().map(|gop| gop.bytes.len()).sum();
        let mut bytes = BytesMut::with_capacity(size);
        let mut iframes = Vec::with_capacity(self.gops.len());
        for gop in self.gops.drain(..) {
            iframes.push(IFrame {
                offset: bytes.len() as u64,
                bytes: gop.data_offset as u64 + u64::from(gop.samples[0].bytes),
                ticks: gop.ticks(),
            });
            bytes.extend_from_slice(&gop.bytes);
        }
        let number = self.next_number;
        self.next_number += 1;
        Some(Segment {
            number,
            report: SegmentReport {
                bytes: bytes.len() as u64,
                ticks: iframes.iter().map(|iframe| iframe.ticks).sum(),
                iframes,
            },
            bytes: Bytes::from(bytes),
        })
    }
}

impl Fragment {
    /// Whether, in whichever order they are decoded, each frame's time belongs to one frame.
    fn is_shown_on(&self, frame_ticks: u32) -> bool {
        let mut shown: Vec<i64> = (0_i64..)
            .zip(&self.samples)
            .map(|(at, sample)| at * i64::from(frame_ticks) + sample.shown_after)
            .collect();
        shown.sort_unstable();
        (0_i64..)
            .zip(shown)
            .all(|(at, time)| time == at * i64::from(frame_ticks))
    }

    fn ticks(&self) -> u64 {
        self.samples
            .iter()
            .map(|sample| u64::from(sample.ticks))
            .sum()
    }
}
