//! Audio: AAC frames are packed anew, so that segments end where the video's do and the track ends
//! with the picture.
//!
//! An encoder starts with frames that only prime the decoder, and a chunk's with some that only
//! tune it; their time is before the first segment's and they are left out, so that the first
//! sample heard belongs to that time. What was encoded after the end is left out as well.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::{
    Cut, Segment, SegmenterError,
    fragments::{Fragment, FragmentReader, Item},
    segment_number,
};
use crate::{
    report::SegmentReport,
    timeline::{AAC_FRAME_SAMPLES, Grid},
};

/// Cuts one audio stream along a video's grid.
#[derive(Debug)]
pub struct AudioSegmenter {
    grid: Grid,
    sample_rate: u32,
    reader: FragmentReader,
    track_id: u32,
    /// Frames that were read and not yet given out.
    frames: VecDeque<Bytes>,
    /// The number of the first of them.
    first_frame: u64,
    next_number: u32,
}

/// A frame that depends on no other, as every AAC frame.
const SYNC_SAMPLE: u32 = 0x0200_0000;

impl AudioSegmenter {
    /// A segmenter for an AAC stream of this sample rate, beside a video on this grid, that starts
    /// with this segment (the first is 0). What comes before it is left out.
    pub fn new(grid: Grid, sample_rate: u32, first_segment: u64) -> Self {
        let first_tick = first_segment * grid.segment_ticks();
        Self {
            grid,
            sample_rate,
            reader: FragmentReader::default(),
            track_id: 1,
            frames: VecDeque::new(),
            first_frame: grid.audio_frame_at(first_tick, sample_rate),
            next_number: segment_number(first_segment),
        }
    }

    /// Takes more of the stream. `video_segments` is how many whole segments the video has by now:
    /// sound is cut only where the picture is known to go on. Counted from the video's start.
    pub fn push(&mut self, bytes: &[u8], video_segments: u64) -> Result<Vec<Cut>, SegmenterError> {
        self.reader.push(bytes);
        let mut chunk_starts = Vec::new();
        while let Some(item) = self.reader.next()? {
            match item {
                Item::Init(init) => chunk_starts.push(Cut::Init(init)),
                Item::Fragment(fragment) => self.collect(&fragment)?,
            }
        }
        chunk_starts.extend(self.cut(video_segments)?.into_iter().map(Cut::Segment));
        Ok(chunk_starts)
    }

    /// Gives the segments that the video's progress allows.
    pub fn cut(&mut self, video_segments: u64) -> Result<Vec<Segment>, SegmenterError> {
        let mut segments = Vec::new();
        while u64::from(self.next_number) <= video_segments {
            let end = self.frame_at(u64::from(self.next_number) * self.grid.segment_ticks());
            if end > self.end() {
                break;
            }
            segments.extend(self.segment(end)?);
        }
        Ok(segments)
    }

    /// The stream has ended, and the video ended at this tick of the grid: gives the rest.
    pub fn finish(&mut self, video_ticks: u64) -> Result<Vec<Segment>, SegmenterError> {
        self.reader.finish()?;
        let mut segments = self.cut(video_ticks / self.grid.segment_ticks())?;
        // A picture shorter than half a frame of sound still gets one, so that there is a track.
        let end = self.frame_at(video_ticks).max(1);
        if end > self.end() {
            return Err(SegmenterError::AudioTooShort {
                found: self.end(),
                needed: end,
            });
        }
        segments.extend(self.segment(end)?);
        Ok(segments)
    }

    /// The number of the frame that would be read next.
    fn end(&self) -> u64 {
        self.first_frame + self.frames.len() as u64
    }

    fn frame_at(&self, ticks: u64) -> u64 {
        self.grid.audio_frame_at(ticks, self.sample_rate)
    }

    fn collect(&mut self, fragment: &Fragment) -> Result<(), SegmenterError> {
        self.track_id = fragment.track_id;
        let mut at = fragment.decode_time;
        let mut offset = fragment.data_offset;
        let first = (self.first_frame * u64::from(AAC_FRAME_SAMPLES)).cast_signed();
        for sample in &fragment.samples {
            let end = offset + sample.bytes as usize;
            let expected = self.end() * u64::from(AAC_FRAME_SAMPLES);
            // The encoder's last frame may be a short one: it is surplus silence, and not kept.
            if at >= first && sample.ticks == AAC_FRAME_SAMPLES {
                if u64::try_from(at) != Ok(expected) {
                    return Err(SegmenterError::Discontinuity {
                        expected,
                        found: at,
                    });
                }
                self.frames.push_back(fragment.bytes.slice(offset..end));
            }
            at = at.saturating_add(i64::from(sample.ticks));
            offset = end;
        }
        Ok(())
    }

    /// Packs the frames before `end` into one segment.
    fn segment(&mut self, end: u64) -> Result<Option<Segment>, SegmenterError> {
        let available = self.frames.len() as u64;
        let count = end.saturating_sub(self.first_frame).min(available);
        if count == 0 {
            return Ok(None);
        }
        let frames: Vec<_> = self
            .frames
            .drain(..usize::try_from(count).unwrap_or(usize::MAX))
            .collect();
        let bytes = self.fragment(&frames)?;
        let number = self.next_number;
        self.next_number += 1;
        self.first_frame += count;
        Ok(Some(Segment {
            number,
            report: SegmentReport {
                bytes: bytes.len() as u64,
                ticks: count * u64::from(AAC_FRAME_SAMPLES),
                iframes: Vec::new(),
            },
            bytes,
        }))
    }

    fn fragment(&self, frames: &[Bytes]) -> Result<Bytes, SegmenterError> {
        let size_of = |len: usize| {
            u32::try_from(len)
                .map_err(|_| SegmenterError::Malformed("an AAC frame over 4 GiB".into()))
        };
        let mut entries = Vec::with_capacity(frames.len());
        for frame in frames {
            entries.push(TrunEntry {
                size: Some(size_of(frame.len())?),
                ..TrunEntry::default()
            });
        }
        let mut moof = Moof {
            mfhd: Mfhd {
                sequence_number: self.next_number,
            },
            traf: vec![Traf {
                tfhd: Tfhd {
                    track_id: self.track_id,
                    default_sample_duration: Some(AAC_FRAME_SAMPLES),
                    default_sample_flags: Some(SYNC_SAMPLE),
                    default_base_is_moof: true,
                    ..Tfhd::default()
                },
                tfdt: Some(Tfdt {
                    base_media_decode_time: self.first_frame * u64::from(AAC_FRAME_SAMPLES),
                }),
                trun: vec![Trun {
                    data_offset: Some(0),
                    samples: entries.into(),
                }],
                ..Traf::default()
            }],
        };
        let encoded = |moof: &Moof| -> Result<Vec<u8>, SegmenterError> {
            let mut buffer = Vec::new();
            moof.encode(&mut buffer)
                .map_err(|why| SegmenterError::Malformed(why.to_string()))?;
            Ok(buffer)
        };
        // The data's place depends on the header's size, which does not depend on the place.
        let header_bytes = encoded(&moof)?.len() + 8;
        moof.traf[0].trun[0].data_offset = i32::try_from(header_bytes).ok();
        let data_bytes: usize = frames.iter().map(Bytes::len).sum();
        let mut bytes = BytesMut::with_capacity(header_bytes + data_bytes);
        bytes.extend_from_slice(&encoded(&moof)?);
        bytes.extend_from_slice(&size_of(data_bytes + 8)?.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        for frame in frames {
            bytes.extend_from_slice(frame);
        }
        Ok(bytes.freeze())
    }
}
