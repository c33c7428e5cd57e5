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
