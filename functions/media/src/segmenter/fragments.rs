//! Finds the initialization segment and the fragments in a stream of bytes.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use mp4_atom::{Atom, Decode, Tfdt, Tfhd, Trun};

use super::SegmenterError;
use crate::boxes::{BoxHeader, body, find};

/// One `moof` and its `mdat`.
#[derive(Debug, Clone)]
pub(crate) struct Fragment {
    /// When it starts, in ticks. Negative for the frames that prime an audio decoder.
    pub decode_time: i64,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// The track it belongs to.
    pub track_id: u32,
    /// Both boxes.
    pub bytes: Bytes,
    /// Where the samples' bytes start in [`Self::bytes`].
    pub data_offset: usize,
}

/// One frame of video or audio.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub ticks: u32,
    /// How long after it is decoded it is shown; less than 0 for frames that others wait for.
    pub shown_after: i64,
    pub bytes: u32,
    pub is_sync: bool,
}

/// What the reader found.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Init(Bytes),
    Fragment(Fragment),
}

/// Collects bytes until there is a whole item.
#[derive(Debug, Default)]
pub(crate) struct FragmentReader {
    buffer: BytesMut,
    /// How much of the buffer is whole boxes of the item under way.
    parsed: usize,
    /// Where the movie fragment box is whose data are to come.
    moof: Option<Range<usize>>,
    init_done: bool,
}

/// `sample_is_non_sync_sample` in a sample's flags (ISO/IEC 14496-12, 8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// No box that we ask for comes near this; one that claims to is not worth waiting for.
const MAX_BOX_BYTES: u64 = 256 << 20;

/// No GOP comes near this; samples that take no bytes could be as many as are claimed.
const MAX_SAMPLES: usize = 1 << 16;

impl FragmentReader {
    /// Takes more of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole item, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, SegmenterError> {
        while let Some((kind, size)) = self.next_box()? {
            let start = self.parsed;
            self.parsed += size;
            match &kind {
                b"moov" => {
                    if self.moof.is_some() {
                        let why = "an initialization segment within a fragment";
                        return Err(SegmenterError::Malformed(why.into()));
                    }
                    self.init_done = true;
                    return Ok(Some(Item::Init(self.take())));
                }
                b"moof" => self.moof = Some(start..self.parsed),
                b"mdat" => {
                    let moof = self.moof.take().ok_or_else(|| {
                        SegmenterError::Malformed("media data without a movie fragment".into())
                    })?;
                    let mut bytes = self.take();
                    // Anything before the fragment (a segment type box, say) is not part of it.
                    bytes.advance(moof.start);
                    return fragment(moof.len(), bytes).map(|f| Some(Item::Fragment(f)));
                }
                // The initialization segment starts with its file type; all else between fragments
                // is left out.
                _ if self.init_done && self.moof.is_none() => drop(self.take()),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Whether the stream may end here.
    pub(crate) fn finish(&self) -> Result<(), SegmenterError> {
        if self.buffer.is_empty() && self.init_done {
            Ok(())
        } else {
            Err(SegmenterError::Truncated)
        }
    }

    fn take(&mut self) -> Bytes {
        let taken = self.buffer.split_to(self.parsed).freeze();
        self.parsed = 0;
        taken
    }

    /// Kind and size of the next box, once it is whole.
    fn next_box(&self) -> Result<Option<([u8; 4], usize)>, SegmenterError> {
        let rest = &self.buffer[self.parsed..];
        let Some(BoxHeader { kind, size, length }) = BoxHeader::read(rest) else {
            return Ok(None);
        };
        if size < length as u64 || size > MAX_BOX_BYTES {
            let name = String::from_utf8_lossy(&kind).into_owned();
            return Err(SegmenterError::Malformed(format!(
                "a {name} box of {size} bytes"
            )));
        }
        let size = usize::try_from(size).map_err(|_| SegmenterError::Truncated)?;
        Ok((rest.len() >= size).then_some((kind, size)))
    }
}

/// A movie fragment box of this length, and its media data.
fn fragment(moof: usize, bytes: Bytes) -> Result<Fragment, SegmenterError> {
    let missing = |what: &str| SegmenterError::Malformed(format!("a fragment without {what}"));
    let traf = find(&bytes[..moof], &[b"moof", b"traf"]).map(body);
    let traf = traf.ok_or_else(|| missing("a track"))?;
    let header: Tfhd = read(traf)?.ok_or_else(|| missing("its header"))?;
    let decode_time: Tfdt = read(traf)?.ok_or_else(|| missing("its time"))?;
    let run: Trun = read(traf)?.ok_or_else(|| missing("samples"))?;
    if run.samples.len() > MAX_SAMPLES {
        return Err(missing("a sound number of samples"));
    }
    let data_offset = run.data_offset.ok_or_else(|| missing("its data's place"))?;
    let data_offset = usize::try_from(data_offset).map_err(|_| missing("a sound data offset"))?;
    let samples = run.samples.iter().map(|entry| {
        let flags = entry.flags.or(header.default_sample_flags);
        Some(Sample {
            ticks: entry.duration.or(header.default_sample_duration)?,
            shown_after: entry.cts.unwrap_or(0),
            bytes: entry.size.or(header.default_sample_size)?,
            is_sync: flags? & NON_SYNC == 0,
        })
    });
    let samples: Vec<_> = samples
        .collect::<Option<_>>()
        .ok_or_else(|| missing("the sizes of its samples"))?;
    let end = samples
        .iter()
        .fold(data_offset as u64, |end, s| end + u64::from(s.bytes));
    if samples.is_empty() || end > bytes.len() as u64 {
        return Err(missing("all of its data"));
    }
    Ok(Fragment {
        decode_time: decode_time.base_media_decode_time.cast_signed(),
        samples,
        track_id: header.track_id,
        bytes,
        data_offset,
    })
}

/// The first box of a type, if there is one.
fn read<T: Atom>(bytes: &[u8]) -> Result<Option<T>, SegmenterError> {
    let kind: [u8; 4] = T::KIND.into();
    let decode = |mut whole: &[u8]| {
        T::decode(&mut whole)
            .map_err(|why| SegmenterError::Malformed(format!("{}: {why}", T::KIND)))
    };
    find(bytes, &[&kind]).map(decode).transpose()
}
