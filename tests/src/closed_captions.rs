//! Captions within a picture, as broadcasts have them: CEA-608 in messages of H.264 (ATSC A/53, part 4). ffmpeg
//! reads them and writes none, so they are put into an encoded stream here.

use std::collections::BTreeMap;

/// Puts captions into H.264 without B-frames: from which frame on, what is shown. An empty text clears the
/// screen.
pub fn insert(h264: &[u8], shown: &[(usize, &str)]) -> Vec<u8> {
    let mut pairs = BTreeMap::new();
    for (from, text) in shown {
        pairs.extend((*from..).zip(commands(text)));
    }
    let mut captioned = Vec::new();
    let mut frame = 0;
    for unit in units(h264) {
        // A slice: each frame is one.
        if matches!(unit[0] & 31, 1 | 5) {
            let pair = pairs.get(&frame).copied().unwrap_or_default();
            push(&mut captioned, &message(pair));
            frame += 1;
        }
        push(&mut captioned, unit);
    }
    captioned
}

/// What a caption is sent as, two bytes with each frame. Commands are sent twice.
fn commands(text: &str) -> Vec<(u8, u8)> {
    const RESUME_CAPTION_LOADING: (u8, u8) = (0x14, 0x20);
    const ERASE_NON_DISPLAYED_MEMORY: (u8, u8) = (0x14, 0x2e);
    const ROW_15: (u8, u8) = (0x14, 0x70);
    const END_OF_CAPTION: (u8, u8) = (0x14, 0x2f);
    const ERASE_DISPLAYED_MEMORY: (u8, u8) = (0x14, 0x2c);
    let twice = |command| [command, command];
    if text.is_empty() {
        return twice(ERASE_DISPLAYED_MEMORY).into();
    }
    let letters = text.as_bytes().chunks(2);
    let letters = letters.map(|pair| (pair[0], pair.get(1).copied().unwrap_or(0)));
    [RESUME_CAPTION_LOADING, ERASE_NON_DISPLAYED_MEMORY, ROW_15]
        .into_iter()
        .flat_map(twice)
        .chain(letters)
        .chain(twice(END_OF_CAPTION))
        .collect()
}

/// A message (SEI, user data registered by ITU-T T.35) with two bytes of the first field.
fn message((first, second): (u8, u8)) -> Vec<u8> {
    const ONE_PAIR: u8 = 0xc1;
    const FIRST_FIELD: u8 = 0xfc;
    let mut data = vec![0xb5, 0, 0x31];
    data.extend(b"GA94");
    data.extend([
        3,
        ONE_PAIR,
        0xff,
        FIRST_FIELD,
        odd(first),
        odd(second),
        0xff,
    ]);
    let length = u8::try_from(data.len()).unwrap();
    [&[6, 4, length], &*data, &[0x80]].concat()
}

/// With a parity bit.
fn odd(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) {
        byte | 0x80
    } else {
        byte
    }
}

fn push(stream: &mut Vec<u8>, unit: &[u8]) {
    stream.extend([0, 0, 0, 1]);
    stream.extend(unit);
}

/// The units of a stream, without the start codes between them.
fn units(h264: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<_> = h264
        .windows(3)
        .enumerate()
        .filter(|(_, three)| *three == [0, 0, 1])
        .map(|(at, _)| at + 3)
        .collect();
    let ends = starts.iter().skip(1).map(|start| start - 3);
    let ends = ends.chain([h264.len()]);
    let units = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &h264[*start..end]);
    // A start code may have another nought in front.
    let units = units.map(|unit| match unit {
        [rest @ .., 0] => rest,
        unit => unit,
    });
    units.filter(|unit| !unit.is_empty()).collect()
}
