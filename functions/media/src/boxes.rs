//! Where the boxes of an ISO base media file (ISO/IEC 14496-12) begin and end.
//!
//! `mp4-atom` reads those that are needed, one by one. It could read whole trees of them, but then a
//! table in a box that nobody asked for decides how much memory that takes.

/// The start of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BoxHeader {
    /// Its type, as `moof`.
    pub kind: [u8; 4],
    /// How long the box is, this header included.
    pub size: u64,
    /// How long this header is.
    pub length: usize,
}

impl BoxHeader {
    /// Reads one; none while there are too few bytes of it.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (size, length) = match u32::from_be_bytes(*size) {
            1 => (u64::from_be_bytes(*rest.first_chunk()?), 16),
            size => (u64::from(size), 8),
        };
        Some(Self {
            kind: *kind,
            size,
            length,
        })
    }
}

/// The boxes that follow one another here: types, and the boxes as they are. What is not a whole box
/// ends them.
pub(crate) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let header = BoxHeader::read(bytes)?;
        let size = usize::try_from(header.size).ok();
        let size = size.filter(|size| *size >= header.length)?;
        let (whole, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some((header.kind, whole))
    })
}

/// What is inside a box.
pub(crate) fn body(whole: &[u8]) -> &[u8] {
    BoxHeader::read(whole)
        .and_then(|header| whole.get(header.length..))
        .unwrap_or_default()
}

/// The box at the end of a path of types, the first of its type on each step.
pub(crate) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    let (first, deeper) = path.split_first()?;
    let (_, whole) = boxes(bytes).find(|(kind, _)| kind == *first)?;
    if deeper.is_empty() {
        return Some(whole);
    }
    find(body(whole), deeper)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &[u8] =
        b"\0\0\0\x08free\0\0\0\x19moov\0\0\0\x01trak\0\0\0\0\0\0\0\x11!\0\0\0\x09moov?";

    #[test]
    fn a_box_is_found_by_its_path() {
        assert_eq!(find(TREE, &[b"free"]), Some(&TREE[..8]));
        assert_eq!(find(TREE, &[b"moov"]), Some(&TREE[8..33]));
        let trak = find(TREE, &[b"moov", b"trak"]);
        assert_eq!(trak, Some(&TREE[16..33]));
        assert_eq!(trak.map(body), Some(&b"!"[..]));
        assert_eq!(find(TREE, &[b"moov", b"mdia"]), None);
        assert_eq!(find(TREE, &[]), None);
    }

    #[test]
    fn what_is_no_whole_box_ends_them() {
        assert_eq!(boxes(TREE).count(), 3);
        assert_eq!(boxes(&TREE[..32]).count(), 1);
        // Sizes that cannot be, or are not here.
        for size in [*b"\0\0\0\0free", *b"\0\0\0\x07free", *b"\0\0\0\x09free"] {
            assert_eq!(boxes(&size).count(), 0);
        }
        let huge = b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(boxes(huge).count(), 0);
    }
}
