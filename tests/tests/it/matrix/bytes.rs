//! What happens to files: bytes that are lost, overwritten or other than they should be.

/// The first so many percent.
pub(crate) fn first<const PERCENT: usize>(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() * PERCENT / 100);
    bytes
}

/// The same length, but zeros from so many percent on: a copy that stopped half-way.
pub(crate) fn zeros_from<const PERCENT: usize>(mut bytes: Vec<u8>) -> Vec<u8> {
    let from = bytes.len() * PERCENT / 100;
    bytes[from..].fill(0);
    bytes
}

/// Some bytes in the last quarter are others, as on an old disk.
pub(crate) fn rotten(mut bytes: Vec<u8>) -> Vec<u8> {
    let from = bytes.len() * 4 / 5;
    for at in (from..from + 600).step_by(7) {
        bytes[at] ^= 0x5a;
    }
    bytes
}

/// The last of such four bytes, which name a codec or a box, become others. (The first may be a
/// brand of the file.)
pub(crate) fn rename(mut bytes: Vec<u8>, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let at = bytes.windows(4).rposition(|window| window == from);
    let at = at.expect("the file has these four bytes");
    bytes[at..at + 4].copy_from_slice(&to);
    bytes
}

/// Where a box's contents begin: after its four letters.
pub(crate) fn after(bytes: &[u8], name: [u8; 4]) -> usize {
    let at = bytes.windows(4).position(|window| window == name);
    at.expect("the file has such a box") + 4
}

/// Renames the codec of the first sound of an MP4 file whose index is at its end.
pub(crate) fn rename_first_sound(mut bytes: Vec<u8>, to: [u8; 4]) -> Vec<u8> {
    let index = bytes.windows(4).rposition(|window| window == b"moov");
    let mut at = index.expect("the file has an index");
    for (from, to) in [(*b"mp4a", to), (*b"esds", *b"free")] {
        at += bytes[at..].windows(4).position(|w| w == from).unwrap();
        bytes[at..at + 4].copy_from_slice(&to);
    }
    bytes
}

/// Puts a box at the end of the first sample entry of this name, in an MP4 file whose index is at its
/// end, so that nothing that it points to moves.
pub(crate) fn in_sample_entry(bytes: &[u8], name: [u8; 4], inner: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let find = |name: [u8; 4], from: usize| {
        let at = bytes[from..].windows(4).position(|window| window == name);
        from + at.expect("the file has such a box") - 4
    };
    let mut at = bytes.windows(4).rposition(|w| w == b"moov").unwrap() - 4;
    let mut end = 0;
    for around in [
        *b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl", *b"stsd", name,
    ] {
        at = find(around, at);
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        end = at + size as usize;
        let larger = size + u32::try_from(inner.len()).unwrap();
        out[at..at + 4].copy_from_slice(&larger.to_be_bytes());
        at += 4;
    }
    out.splice(end..end, inner.iter().copied());
    out
}

/// Has a Matroska file crop sixty pixels at both ends, in the place where it states its aspect as 16:9.
/// The elements are named by the last byte of their identifiers.
pub(crate) fn pixel_crop(mut bytes: Vec<u8>, elements: [u8; 2]) -> Vec<u8> {
    const ASPECT: [u8; 12] = *b"\x54\xb0\x81\x10\x54\xba\x81\x09\x54\xb2\x81\x03";
    let at = bytes.windows(12).position(|window| window == ASPECT);
    let at = at.expect("the file states its aspect");
    let [first, second] = elements.map(|element| [0x54, element, 0x81, 60]);
    let in_pixels = [0x54, 0xb2, 0x81, 0x00];
    bytes[at..at + 12].copy_from_slice(&[first, second, in_pixels].concat());
    bytes
}

/// Puts a message of display orientation into each access unit of a raw HEVC stream that begins with
/// a picture parameter set.
pub(crate) fn orientation_message(bytes: &[u8], payload: [u8; 3]) -> Vec<u8> {
    const PREFIX: [u8; 3] = [0, 0, 1];
    const PARAMETERS: u8 = 34;
    let mut out = Vec::new();
    let mut is_awaited = false;
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(&PREFIX) && at + 3 < bytes.len() {
            if is_awaited {
                out.extend(PREFIX);
                // A prefix message of three bytes; its type is 47.
                out.extend([39 << 1, 1, 47, 3]);
                out.extend(payload);
                out.push(0x80);
            }
            is_awaited = bytes[at + 3] >> 1 & 0x3f == PARAMETERS;
        }
        out.push(bytes[at]);
    }
    out
}

/// A Matroska file without its index: neither the list at its beginning nor the index itself has the
/// name that it should have.
pub(crate) fn without_cues(mut bytes: Vec<u8>) -> Vec<u8> {
    const CUES: [u8; 4] = [0x1c, 0x53, 0xbb, 0x6b];
    let places: Vec<_> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(&CUES))
        .collect();
    assert!(places.len() >= 2, "an index, and a word of it");
    for at in [places[0], places[places.len() - 1]] {
        bytes[at + 3] = 0x6a;
    }
    bytes
}

/// A Matroska file of a minute that says that it lasts twenty seconds.
pub(crate) fn shorter_by_its_header(mut bytes: Vec<u8>) -> Vec<u8> {
    const DURATION: [u8; 3] = [0x44, 0x89, 0x88];
    let at = bytes.windows(3).position(|window| window == DURATION);
    let at = at.expect("the file states its length") + DURATION.len();
    bytes[at..at + 8].copy_from_slice(&20_000.0_f64.to_be_bytes());
    // Each stream's is in words.
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(b"00:01:00.") {
            bytes[at..at + 9].copy_from_slice(b"00:00:20.");
        }
    }
    bytes
}
