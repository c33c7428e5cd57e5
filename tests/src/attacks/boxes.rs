//! Boxes of MP4, to make and to change.

/// A box.
pub(super) fn boxed(name: &str, contents: &[u8]) -> Vec<u8> {
    claiming(contents.len() as u64 + 8, name, contents)
}

/// A box that claims another size than it has.
pub(super) fn claiming(size: u64, name: &str, contents: &[u8]) -> Vec<u8> {
    let size = u32::try_from(size).unwrap().to_be_bytes();
    [&size[..], name.as_bytes(), contents].concat()
}

/// Changes the contents of the first box at a path, and the sizes of those around it.
pub(super) fn edited(bytes: &[u8], path: &[&str], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let [wanted, inner @ ..] = path else {
        return change(bytes);
    };
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let end = at + size;
        if &bytes[at + 4..at + 8] == wanted.as_bytes() {
            // `stsd` and `dref` count their entries before them.
            let header = if ["stsd", "dref"].contains(wanted) && !inner.is_empty() {
                16
            } else {
                8
            };
            let contents = [
                &bytes[at + 8..at + header],
                &edited(&bytes[at + header..end], inner, change)[..],
            ]
            .concat();
            return [&bytes[..at], &boxed(wanted, &contents), &bytes[end..]].concat();
        }
        at = end;
    }
    panic!("there is no box {wanted}");
}

/// The boxes of a track's sample table.
pub(super) const SAMPLES: [&str; 5] = ["moov", "trak", "mdia", "minf", "stbl"];
