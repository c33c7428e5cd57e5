//! Streams as ffmpeg writes them, made here box by box, cut in every possible way.

use bytes::Bytes;
use mp4_atom::{
    Decode, Encode, Header, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples,
};
use proptest::prelude::*;

use super::{Cut, Segment, SegmenterError, audio::AudioSegmenter, video::VideoSegmenter};
use crate::{
    boxes::{BoxHeader, body},
    timeline::{FrameRate, Grid},
};

const NON_SYNC: u32 = 0x0101_0000;
const SYNC: u32 = 0x0200_0000;

fn grid() -> Grid {
    Grid::new(FrameRate::new(25, 1).unwrap())
}

fn mp4_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), &kind[..], body].concat()
}

/// An initialization segment, as far as the segmenter looks into it.
fn init() -> Vec<u8> {
    [mp4_box(*b"ftyp", b"isom"), mp4_box(*b"moov", &[0; 40])].concat()
}

pub(crate) fn fragment(decode_time: i64, samples: &[(u32, u32, u32)], fill: u8) -> Vec<u8> {
    reordered(decode_time, samples, fill, &[])
}

/// The same with frames that are shown so much later than they are decoded, or earlier.
fn reordered(
    decode_time: i64,
    samples: &[(u32, u32, u32)],
    fill: u8,
    shown_after: &[i64],
) -> Vec<u8> {
    let entries = samples.iter().enumerate();
    let entries = entries.map(|(at, &(ticks, bytes, flags))| TrunEntry {
        duration: Some(ticks),
        size: Some(bytes),
        flags: Some(flags),
        cts: shown_after.get(at).copied(),
    });
    let mut moof = Moof {
        mfhd: Mfhd { sequence_number: 1 },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: 1,
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: decode_time.cast_unsigned(),
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: entries.collect::<Vec<_>>().into(),
            }],
            ..Traf::default()
        }],
    };
    let mut bytes = Vec::new();
    moof.encode(&mut bytes).unwrap();
    moof.traf[0].trun[0].data_offset = Some(i32::try_from(bytes.len() + 8).unwrap());
    bytes.clear();
    moof.encode(&mut bytes).unwrap();
    let data: u32 = samples.iter().map(|sample| sample.1).sum();
    bytes.extend(mp4_box(*b"mdat", &vec![fill; data as usize]));
    bytes
}

/// A GOP of this many frames at a place on the grid.
fn gop(first_frame: u32, frames: u32) -> Vec<u8> {
    let ticks = grid().frame_ticks();
    let samples: Vec<_> = (0..frames)
        .map(|i| {
            if i == 0 {
                (ticks, 500, SYNC)
            } else {
                (ticks, 20, NON_SYNC)
            }
        })
        .collect();
    fragment(i64::from(first_frame * ticks), &samples, 7)
}

/// A whole video of this many frames.
fn video(frames: u32) -> Vec<u8> {
    let gop_frames = grid().gop_frames;
    let gops = (0..frames.div_ceil(gop_frames)).map(|i| {
        let first = i * gop_frames;
        gop(first, gop_frames.min(frames - first))
    });
    std::iter::once(init()).chain(gops).flatten().collect()
}

/// A sound track of this many frames after one that primes; frame `n` has `n % 50 + 1` bytes.
fn audio(frames: u32) -> Vec<u8> {
    let frame = |n: i64| {
        let bytes = u32::try_from(n.rem_euclid(50)).unwrap() + 1;
        fragment(
            n * 1024,
            &[(1024, bytes, SYNC)],
            u8::try_from(n.rem_euclid(251)).unwrap(),
        )
    };
    std::iter::once(init())
        .chain((-1..i64::from(frames)).map(frame))
        .flatten()
        .collect()
}

fn pieces(stream: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(size.clamp(1, rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

fn cut_video(stream: &[u8], sizes: &[usize]) -> Result<Vec<Cut>, SegmenterError> {
    let mut segmenter = VideoSegmenter::new(grid(), 0);
    let mut chunk_starts = Vec::new();
    for piece in pieces(stream, sizes) {
        chunk_starts.extend(segmenter.push(&piece)?);
    }
    chunk_starts.extend(segmenter.finish()?.map(Cut::Segment));
    Ok(chunk_starts)
}

fn cut_audio(stream: &[u8], sizes: &[usize], video_frames: u64, seen: u64) -> Vec<Cut> {
    let mut segmenter = AudioSegmenter::new(grid(), 48_000, 0);
    let mut chunk_starts = Vec::new();
    for piece in pieces(stream, sizes) {
        chunk_starts.extend(segmenter.push(&piece, seen).unwrap());
    }
    let end = video_frames * u64::from(grid().frame_ticks());
    chunk_starts.extend(segmenter.finish(end).unwrap().into_iter().map(Cut::Segment));
    chunk_starts
}

fn segments(chunk_starts: &[Cut]) -> Vec<&Segment> {
    chunk_starts
        .iter()
        .filter_map(|cut| match cut {
            Cut::Segment(segment) => Some(segment),
            Cut::Init(_) => None,
        })
        .collect()
}

#[test]
fn a_segment_is_three_gops_as_they_came() {
    let stream = video(380);
    let chunk_starts = cut_video(&stream, &[1000]).unwrap();
    let init_bytes = init();
    assert_eq!(chunk_starts[0], Cut::Init(Bytes::from(init_bytes.clone())));
    let segments = segments(&chunk_starts);
    assert_eq!(
        segments.iter().map(|s| s.number).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let stored: Vec<u8> = segments.iter().flat_map(|s| s.bytes.to_vec()).collect();
    assert_eq!(stored, stream[init_bytes.len()..]);
    let seconds = |s: &Segment| s.report.ticks / u64::from(grid().timescale());
    assert_eq!(
        segments.iter().map(|s| seconds(s)).collect::<Vec<_>>(),
        [6, 6, 3]
    );
    assert_eq!(segments[2].report.iframes.len(), 2);
}

#[test]
fn an_i_frame_range_is_a_moof_and_the_first_frame() {
    let chunk_starts = cut_video(&video(150), &[4096]).unwrap();
    let segment = segments(&chunk_starts)[0];
    for iframe in &segment.report.iframes {
        let at = usize::try_from(iframe.offset).unwrap();
        let mut range = &segment.bytes[at..at + usize::try_from(iframe.bytes).unwrap()];
        let whole = range.len();
        let moof = Moof::decode(&mut range).unwrap();
        assert!(!moof.traf.is_empty());
        assert_eq!(
            Header::decode(&mut range).unwrap().kind,
            mp4_atom::FourCC::new(b"mdat")
        );
        assert_eq!((range.len(), whole > 500), (500, true));
    }
}

#[test]
fn sound_is_cut_where_the_picture_is_and_ends_with_it() {
    // 10 s of picture, 15 s of sound.
    let chunk_starts = cut_audio(&audio(703), &[777], 250, 1);
    let segments = segments(&chunk_starts);
    let frames: Vec<_> = segments.iter().map(|s| s.report.ticks / 1024).collect();
    assert_eq!(frames, [281, 188], "6 s are 281.25 frames, 10 s are 468.75");
    let mut bytes = &segments[1].bytes[..];
    let moof = Moof::decode(&mut bytes).unwrap();
    let time = moof.traf[0].tfdt.as_ref().unwrap().base_media_decode_time;
    assert_eq!(time, 281 * 1024);
    // The data is that of frame 281 and after: the priming frame is left out.
    assert_eq!(u32::from(bytes[8]), 281 % 251);
}

#[test]
fn sound_waits_for_the_picture() {
    let mut segmenter = AudioSegmenter::new(grid(), 48_000, 0);
    let chunk_starts = segmenter.push(&audio(600), 0).unwrap();
    assert_eq!(segments(&chunk_starts).len(), 0);
    assert_eq!(segmenter.cut(1).unwrap().len(), 1);
    assert_eq!(segmenter.cut(1).unwrap().len(), 0);
    assert_eq!(segmenter.cut(2).unwrap().len(), 1);
}

/// A fragment of so many samples, each of no bytes.
fn claims_samples(count: u32) -> Vec<u8> {
    let mut moof = Vec::new();
    Moof {
        mfhd: Mfhd { sequence_number: 1 },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: 1,
                default_sample_duration: Some(1000),
                default_sample_size: Some(0),
                default_sample_flags: Some(SYNC),
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: 0,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: TrunSamples::Inherited {
                    count,
                    first_flags: None,
                },
            }],
            ..Traf::default()
        }],
    }
    .encode(&mut moof)
    .unwrap();
    [moof, mp4_box(*b"mdat", b"")].concat()
}

#[test]
fn times_near_the_end_of_counting_are_survived() {
    let stream = [init(), fragment(i64::MAX, &[(1000, 1, SYNC); 2], 0)].concat();
    let mut sound = AudioSegmenter::new(grid(), 48_000, 0);
    assert_eq!(sound.push(&stream, 1).unwrap().len(), 1);
    assert!(cut_video(&stream, &[99]).is_err());
}

/// A table that nobody asked for may claim any number of entries of no bytes each.
#[test]
fn what_else_is_in_a_fragment_is_not_read() {
    let mut stream = init();
    for start in [0, 50] {
        let whole = gop(start, 50);
        let moof = BoxHeader::read(&whole).unwrap();
        let (moof, data) = whole.split_at(usize::try_from(moof.size).unwrap());
        let table = mp4_box(*b"sgpd", b"\0\0\0\0what\xff\xff\xff\xff");
        stream.extend(mp4_box(*b"moof", &[body(moof), &table].concat()));
        stream.extend(data);
    }
    let chunk_starts = cut_video(&stream, &[99]).unwrap();
    let ticks = |chunk_starts: &[Cut]| -> Vec<_> {
        let segments = segments(chunk_starts);
        segments.iter().map(|s| s.report.ticks).collect()
    };
    assert_eq!(
        ticks(&chunk_starts),
        ticks(&cut_video(&video(100), &[99]).unwrap())
    );
}

#[test]
fn what_is_not_a_clean_stream_is_refused() {
    let refused = |parts: &[Vec<u8>]| cut_video(&parts.concat(), &[64]).unwrap_err();
    let gap = [init(), gop(0, 50), gop(60, 50)];
    assert!(matches!(
        refused(&gap),
        SegmenterError::Discontinuity {
            expected: 50_000,
            found: 60_000
        }
    ));
    let short_inside = [init(), gop(0, 40), gop(40, 50)];
    assert!(matches!(refused(&short_inside), SegmenterError::NotAGop(_)));
    let too_long = [init(), gop(0, 51)];
    assert!(matches!(refused(&too_long), SegmenterError::NotAGop(_)));
    let no_keyframe = [init(), fragment(0, &[(1000, 5, NON_SYNC)], 0)];
    assert!(matches!(refused(&no_keyframe), SegmenterError::NotAGop(_)));
    let uneven = [init(), fragment(0, &[(999, 5, SYNC)], 0)];
    assert!(matches!(refused(&uneven), SegmenterError::NotAGop(_)));
    let cut_off = [init(), gop(0, 50)[..90].to_vec()];
    assert_eq!(refused(&cut_off), SegmenterError::Truncated);
    assert_eq!(refused(&[vec![]]), SegmenterError::Truncated);
    let absurd = [init(), vec![0xff, 0xff, 0xff, 0xff, b'm', b'd', b'a', b't']];
    assert!(matches!(refused(&absurd), SegmenterError::Malformed(_)));
    let tiny = [init(), vec![0, 0, 0, 3, b'm', b'd', b'a', b't']];
    assert!(matches!(refused(&tiny), SegmenterError::Malformed(_)));
    let countless = [init(), claims_samples(u32::MAX)];
    assert!(matches!(refused(&countless), SegmenterError::Malformed(_)));
    let orphan = [init(), mp4_box(*b"mdat", &[1])];
    assert!(matches!(refused(&orphan), SegmenterError::Malformed(_)));
    let whole = gop(0, 50);
    let moof_bytes = u32::from_be_bytes(*whole.first_chunk().unwrap()) as usize;
    let (moof, mdat) = whole.split_at(moof_bytes);
    let interrupted = [init(), moof.to_vec(), init(), mdat.to_vec()];
    assert!(matches!(
        refused(&interrupted),
        SegmenterError::Malformed(_)
    ));
}

#[test]
fn boxes_between_fragments_are_left_out() {
    let styp = mp4_box(*b"styp", b"msdh");
    let clean = video(100);
    let mut noisy = init();
    for start in [0, 50] {
        noisy.extend(&styp);
        noisy.extend(gop(start, 50));
    }
    assert_eq!(cut_video(&noisy, &[99]), cut_video(&clean, &[99]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_the_video_gives_the_same_segments(
        frames in 1u32..400, sizes in proptest::collection::vec(1usize..5000, 1..8)
    ) {
        let stream = video(frames);
        let chunk_starts = cut_video(&stream, &sizes).unwrap();
        prop_assert_eq!(&chunk_starts, &cut_video(&stream, &[usize::MAX]).unwrap());
        let ticks: u64 = segments(&chunk_starts).iter().map(|s| s.report.ticks).sum();
        prop_assert_eq!(ticks, u64::from(frames * grid().frame_ticks()));
    }

    #[test]
    fn any_split_and_any_pace_of_the_sound_gives_the_same_segments(
        frames in 1u64..400, sizes in proptest::collection::vec(1usize..5000, 1..8), seen in 0u64..3
    ) {
        let stream = audio(800);
        let seen = seen.min(frames / u64::from(grid().segment_frames()));
        let chunk_starts = cut_audio(&stream, &sizes, frames, seen);
        prop_assert_eq!(&chunk_starts, &cut_audio(&stream, &[usize::MAX], frames, 0));
        let ticks: u64 = segments(&chunk_starts).iter().map(|s| s.report.ticks).sum();
        let (sound, picture) = (ticks as f64 / 48_000.0, frames as f64 / 25.0);
        prop_assert!((sound - picture).abs() <= 512.0 / 48_000.0 + 1e-9 || ticks == 1024);
    }

    #[test]
    fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..2000) {
        let mut stream = video(60);
        let at = at.min(stream.len());
        stream.splice(at..(at + noise.len()).min(stream.len()), noise);
        let _ = cut_video(&stream, &[100]);
    }
}

/// Frames may be decoded in another order than they are shown, but the first is shown at once: by
/// what it is late, the picture would be behind the sound.
#[test]
fn a_picture_that_is_late_is_refused() {
    let ticks = grid().frame_ticks();
    let samples: Vec<_> = [SYNC, NON_SYNC, NON_SYNC, NON_SYNC]
        .map(|flags| (ticks, 100, flags))
        .into();
    let cut = |shown_after: [i64; 4]| {
        let shown_after = shown_after.map(|frames| frames * i64::from(ticks));
        let mut segmenter = VideoSegmenter::new(grid(), 0);
        let stream = [init(), reordered(0, &samples, 7, &shown_after)].concat();
        segmenter.push(&stream).map(|_| ())
    };
    assert!(cut([0, 0, 0, 0]).is_ok() && cut([0, 2, -1, -1]).is_ok());
    for wrong in [[2, 2, 2, 2], [1, 3, 0, 0], [0, 0, 1, 0]] {
        assert!(
            matches!(cut(wrong), Err(SegmenterError::NotAGop(_))),
            "{wrong:?}"
        );
    }
}
