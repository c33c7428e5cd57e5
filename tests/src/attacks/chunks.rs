//! AVI, FLV and Ogg that lie.

use super::{Attack, End, MALFORMED, NOT_A_VIDEO, TOO_LONG, clip, patched};
use crate::media::Clips;

pub(super) fn attacks(clips: &Clips) -> Vec<Attack> {
    let mut attacks = avi(clips);
    attacks.extend(flv(clips));
    attacks.extend(ogg(clips));
    attacks
}

fn avi(clips: &Clips) -> Vec<Attack> {
    let good = clip(clips, "good.avi", "-c:v mpeg4");
    let index = good.windows(4).position(|name| name == b"idx1").unwrap();
    // Each entry: name, flags, offset, size.
    let mut wild = good.clone();
    for entry in wild[index + 8..].chunks_exact_mut(16) {
        entry[8..].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    let endless = [
        &good[..index],
        b"idx1\xFF\xFF\xFF\xFF",
        &good[index + 8..].repeat(3000),
    ]
    .concat();
    let file = |name, bytes, end| Attack::new(name, "index.avi", bytes, end);
    vec![
        file("an index that points beyond the file", wild, End::Ready),
        file("an index of 4 GB", endless, MALFORMED),
        // After `strh`: size, `vids`, codec, flags, priority, frames; then scale and rate.
        file(
            "a rate of 1/0",
            patched(&good, b"strh", 24, &[0; 4]),
            End::Ready,
        ),
        file(
            "a rate of 0/0",
            patched(&good, b"strh", 24, &[0; 8]),
            End::Ready,
        ),
        file(
            "a rate of 2^32",
            patched(&good, b"strh", 24, &[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
            End::Ready,
        ),
        file(
            "2^32 frames",
            patched(&good, b"strh", 36, &[0xFF; 4]),
            TOO_LONG,
        ),
        file(
            "255 million streams",
            patched(&good, b"avih", 28, &[0xFF; 4]),
            End::Ready,
        ),
        file("a list within itself", list_within_itself(), NOT_A_VIDEO),
        file(
            "a picture of 2^31 × 2^31",
            patched(
                &good,
                b"strf",
                8,
                &[0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F],
            ),
            End::Ready,
        ),
    ]
}

fn list_within_itself() -> Vec<u8> {
    let list = b"LIST\xFF\xFF\xFF\x7Fhdrl".repeat(5000);
    [&b"RIFF\xFF\xFF\xFF\x7FAVI "[..], &list].concat()
}

/// A tag of Flash video.
fn tag(kind: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    let all = u32::try_from(contents.len() + 11).unwrap().to_be_bytes();
    [&[kind], &length[1..], &[0; 7], contents, &all].concat()
}

fn flv(clips: &Clips) -> Vec<Attack> {
    let good = clip(clips, "good.flv", "-c:v flv");
    let (header, tags) = good.split_at(13);
    let meta = |value: &[u8]| [&b"\x02\0\x0AonMetaData"[..], value].concat();
    let described = |value: &[u8]| [header, &tag(18, &meta(value)), tags].concat();
    // A strict array of one, which is a strict array of one, and so on.
    let nested = b"\x0A\0\0\0\x01".repeat(20_000);
    let objects = b"\x03\0\x01a".repeat(20_000);
    let file = |name, bytes, end| Attack::new(name, "metadata.flv", bytes, end);
    vec![
        file(
            "arrays within arrays, 20,000 deep",
            described(&nested),
            End::Ready,
        ),
        file(
            "objects within objects, 20,000 deep",
            described(&objects),
            End::Ready,
        ),
        file(
            "an array of 2^32 values",
            described(b"\x08\xFF\xFF\xFF\xFF"),
            End::Ready,
        ),
        file(
            "keyframes, 2^28 of them",
            described(b"\x08\0\0\0\x01\0\x09keyframes\x03\0\x05times\x0A\x10\0\0\0"),
            End::Ready,
        ),
        file(
            "tags of 16 MB in a small file",
            [header, b"\x09\xFF\xFF\xFF\0\0\0\0\0\0\0"].concat(),
            NOT_A_VIDEO,
        ),
        file(
            "tags of no length",
            [header, &[0; 50_000]].concat(),
            MALFORMED,
        ),
    ]
}

/// A page of Ogg, without its checksum, which readers pass over.
fn page(flags: u8, granule: u64, serial: u32, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend([0; 8]);
    page.push(1);
    page.push(u8::try_from(packet.len()).unwrap());
    page.extend(packet);
    page
}

fn ogg(clips: &Clips) -> Vec<Attack> {
    let good = clip(clips, "good.ogv", "-c:v libtheora");
    let theora = b"\x80theora\x03\x02\x01\0\x04\0\x04\0\0\x40\0\0\x40\0\0\0\0\0\x19\0\0\0\x01\0\0\x01\0\0\x01\0\0\0\0\0\0\0";
    let streams = |count: u32, packet: &[u8]| -> Vec<u8> {
        (0..count)
            .flat_map(|serial| page(2, 0, serial, packet))
            .collect()
    };
    let unknown = (0..3000).flat_map(|n: u32| page(0, u64::MAX, n.wrapping_mul(0x9E37_79B9), b"x"));
    let mut late = good.clone();
    let last = (0..late.len() - 4)
        .rfind(|&at| late[at..].starts_with(b"OggS"))
        .unwrap();
    late[last + 6..last + 14].copy_from_slice(&(u64::MAX >> 1).to_le_bytes());
    let file = |name, bytes, end| Attack::new(name, "pages.ogv", bytes, end);
    vec![
        file(
            "three thousand streams of Theora",
            streams(3000, theora),
            MALFORMED,
        ),
        file(
            "three thousand streams of nothing",
            streams(3000, b"x"),
            MALFORMED,
        ),
        file(
            "a page of a new stream each",
            [&good[..], &unknown.collect::<Vec<_>>()].concat(),
            End::Ready,
        ),
        file("an end at 2^63", late, End::Ready),
    ]
}
