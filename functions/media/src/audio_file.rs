//! An audio track as a single file, for those who want to hear it and nothing else: a speech recogniser, say.
//!
//! Joined to one file, segments would be a fragmented MP4, which not everybody reads who reads M4A. So their
//! frames are given a common index instead, before them, for those who read a file from its beginning. It is
//! known last; as the frames do not depend on it, they can be stored while they come.

use bytes::Bytes;
use mp4_atom::{Atom, Decode, Encode, Ftyp, Moov, Stco, Stsc, StscEntry, StszSamples, SttsEntry};

use crate::{
    boxes::find,
    report::TrackReport,
    segmenter::{
        SegmenterError,
        fragments::{Fragment, FragmentReader, Item},
    },
    timeline::AAC_FRAME_SAMPLES,
};

/// The most that segments may have together: places in the file, and the size of all frames, have 32 bits
/// wherever it is read. That is more than two days.
const MAX_BYTES: u64 = 4_000_000_000;

/// Whether a track can be made one file.
pub fn fits(track: &TrackReport) -> bool {
    track.segments.iter().map(|one| one.bytes).sum::<u64>() <= MAX_BYTES
}

/// A file that is made of a track's initialization segment and, in order, all of its segments.
#[derive(Debug, Default)]
pub struct AudioFile {
    reader: FragmentReader,
    movie: Option<Moov>,
    /// The size of each frame.
    frames: Vec<u32>,
    /// How many frames each segment has, and how many bytes.
    segments: Vec<(u32, u32)>,
}

impl AudioFile {
    /// Takes the next segment and gives its frames.
    pub fn push(&mut self, segment: &[u8]) -> Result<Vec<Bytes>, SegmenterError> {
        self.reader.push(segment);
        let mut frames = Vec::new();
        while let Some(item) = self.reader.next()? {
            match item {
                Item::Init(init) => self.movie = Some(movie(&init)?),
                Item::Fragment(fragment) => frames.push(self.take(&fragment)?),
            }
        }
        Ok(frames)
    }

    fn take(&mut self, fragment: &Fragment) -> Result<Bytes, SegmenterError> {
        let expected = self.frames.len() as u64 * u64::from(AAC_FRAME_SAMPLES);
        let is_next = u64::try_from(fragment.decode_time) == Ok(expected);
        let is_whole = |ticks| ticks == AAC_FRAME_SAMPLES;
        if !is_next || !fragment.samples.iter().all(|one| is_whole(one.ticks)) {
            return Err(SegmenterError::Discontinuity {
                expected,
                found: fragment.decode_time,
            });
        }
        let sizes = fragment.samples.iter().map(|one| one.bytes);
        let bytes: u64 = sizes.clone().map(u64::from).sum();
        self.frames.extend(sizes);
        let counted = |count: u64| u32::try_from(count).map_err(|_| too_large());
        self.segments
            .push((counted(fragment.samples.len() as u64)?, counted(bytes)?));
        let end = fragment.data_offset + usize::try_from(bytes).map_err(|_| too_large())?;
        Ok(fragment.bytes.slice(fragment.data_offset..end))
    }

    /// All has come: gives what the file begins with. The frames follow.
    pub fn finish(self) -> Result<Bytes, SegmenterError> {
        self.reader.finish()?;
        let mut movie = self.movie.ok_or(SegmenterError::Truncated)?;
        let [track] = &mut movie.trak[..] else {
            return Err(SegmenterError::Malformed("not one track".into()));
        };
        let ticks = self.frames.len() as u64 * u64::from(AAC_FRAME_SAMPLES);
        let scale = |to: u32, from: u32| ticks * u64::from(to) / u64::from(from.max(1));
        let duration = scale(movie.mvhd.timescale, track.mdia.mdhd.timescale);
        movie.mvhd.duration = duration;
        movie.mvex = None;
        track.tkhd.duration = duration;
        track.edts = None;
        track.mdia.mdhd.duration = ticks;
        let table = &mut track.mdia.minf.stbl;
        table.stts.entries = vec![SttsEntry {
            sample_count: u32::try_from(self.frames.len()).map_err(|_| too_large())?,
            sample_delta: AAC_FRAME_SAMPLES,
        }];
        table.stsc = frames_in_chunks(&self.segments);
        table.stsz.samples = StszSamples::Different { sizes: self.frames };
        table.stco = Some(places(&self.segments, 0)?);
        // Where the frames are depends on the size of what says so, which does not depend on where they are.
        let begin = beginning(&movie)?.len() + 8;
        let begin = u32::try_from(begin).map_err(|_| too_large())?;
        movie.trak[0].mdia.minf.stbl.stco = Some(places(&self.segments, begin)?);
        let all: u64 = self
            .segments
            .iter()
            .map(|(_, bytes)| u64::from(*bytes))
            .sum();
        let size = u32::try_from(all + 8).map_err(|_| too_large())?;
        let mut bytes = beginning(&movie)?;
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        Ok(bytes.into())
    }
}

fn too_large() -> SegmenterError {
    SegmenterError::Malformed("more audio than a file may have".into())
}

/// What an initialization segment says of its track.
fn movie(init: &[u8]) -> Result<Moov, SegmenterError> {
    let mut movie = find(init, &[b"moov"]).ok_or(SegmenterError::Truncated)?;
    Moov::decode(&mut movie).map_err(|why| SegmenterError::Malformed(format!("moov: {why}")))
}

/// A chunk, in the words of MP4, is what was a segment. An entry stands for all chunks up to the next one's.
fn frames_in_chunks(segments: &[(u32, u32)]) -> Stsc {
    let mut entries: Vec<StscEntry> = Vec::new();
    for (number, (frames, _)) in (1..).zip(segments) {
        if entries
            .last()
            .is_none_or(|one| one.samples_per_chunk != *frames)
        {
            entries.push(StscEntry {
                first_chunk: number,
                samples_per_chunk: *frames,
                sample_description_index: 1,
            });
        }
    }
    Stsc { entries }
}

fn places(segments: &[(u32, u32)], begin: u32) -> Result<Stco, SegmenterError> {
    let mut next = begin;
    let mut entries = Vec::with_capacity(segments.len());
    for (_, bytes) in segments {
        entries.push(next);
        next = next.checked_add(*bytes).ok_or_else(too_large)?;
    }
    Ok(Stco { entries })
}

/// All but the frames.
fn beginning(movie: &Moov) -> Result<Vec<u8>, SegmenterError> {
    let kind = Ftyp {
        major_brand: b"M4A ".into(),
        minor_version: 0,
        compatible_brands: vec![b"M4A ".into(), b"mp42".into(), b"isom".into()],
    };
    let mut bytes = Vec::new();
    encode(&kind, &mut bytes)?;
    encode(movie, &mut bytes)?;
    Ok(bytes)
}

fn encode<T: Atom>(atom: &T, bytes: &mut Vec<u8>) -> Result<(), SegmenterError> {
    let encoded = atom.encode(bytes);
    encoded.map_err(|why| SegmenterError::Malformed(format!("{}: {why}", T::KIND)))
}

#[cfg(test)]
mod tests {
    use mp4_atom::Trak;

    use super::*;
    use crate::{boxes::boxes, segmenter::tests::fragment};

    fn init() -> Vec<u8> {
        let mut movie = Moov {
            trak: vec![Trak::default()],
            ..Moov::default()
        };
        movie.mvhd.timescale = 1000;
        movie.trak[0].mdia.mdhd.timescale = 48_000;
        beginning(&movie).unwrap()
    }

    /// A segment of frames of these sizes, each byte of which is this one.
    fn segment(first_frame: u32, sizes: &[u32], fill: u8) -> Vec<u8> {
        let frames: Vec<_> = sizes
            .iter()
            .map(|size| (AAC_FRAME_SAMPLES, *size, 0))
            .collect();
        fragment(i64::from(first_frame * AAC_FRAME_SAMPLES), &frames, fill)
    }

    #[test]
    fn frames_are_where_the_index_says() {
        let sizes = [&[3, 5, 1][..], &[2, 2, 9], &[7]];
        let mut file = AudioFile::default();
        let mut frames = file.push(&init()).unwrap();
        assert!(frames.is_empty());
        for (first, (fill, sizes)) in [0, 3, 6].into_iter().zip((1..).zip(sizes)) {
            frames.extend(file.push(&segment(first, sizes, fill)).unwrap());
        }
        let begin = file.finish().unwrap();
        let whole = [&begin[..], &frames.concat()].concat();
        let kinds: Vec<_> = boxes(&whole).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [*b"ftyp", *b"moov", *b"mdat"]);
        let movie = movie(&whole).unwrap();
        let track = &movie.trak[0];
        assert_eq!((movie.mvhd.duration, track.tkhd.duration), (149, 149));
        assert_eq!(track.mdia.mdhd.duration, 7 * 1024);
        let table = &track.mdia.minf.stbl;
        assert_eq!(
            table.stsz.samples,
            StszSamples::Different {
                sizes: sizes.concat()
            }
        );
        let runs = table.stsc.entries.iter();
        let runs: Vec<_> = runs
            .map(|one| (one.first_chunk, one.samples_per_chunk))
            .collect();
        assert_eq!(runs, [(1, 3), (3, 1)]);
        let places = &table.stco.as_ref().unwrap().entries;
        for (fill, (place, sizes)) in (1_u8..).zip(places.iter().zip(sizes)) {
            let from = *place as usize;
            let bytes = &whole[from..from + sizes.iter().sum::<u32>() as usize];
            assert!(bytes.iter().all(|byte| *byte == fill), "{fill}");
        }
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let mut file = AudioFile::default();
        file.push(&init()).unwrap();
        file.push(&segment(0, &[1, 1], 0)).unwrap();
        let left_out = file.push(&segment(3, &[1], 0)).unwrap_err();
        let (expected, found) = (2 * 1024, 3 * 1024);
        assert_eq!(left_out, SegmenterError::Discontinuity { expected, found });
        let mut cut = AudioFile::default();
        let bytes = [init(), segment(0, &[8], 0)].concat();
        cut.push(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(cut.finish().unwrap_err(), SegmenterError::Truncated);
        assert_eq!(
            AudioFile::default().finish().unwrap_err(),
            SegmenterError::Truncated
        );
    }
}
