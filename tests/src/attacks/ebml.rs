//! Matroska that lies about its elements.

use super::{Attack, End, MALFORMED, NO_VIDEO, NOT_A_VIDEO, clip, made, patched};
use crate::media::Clips;

/// An element with its size in eight bytes.
fn element(id: u32, contents: &[u8]) -> Vec<u8> {
    claiming(contents.len() as u64, id, contents)
}

/// An element that claims another size than it has.
fn claiming(size: u64, id: u32, contents: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = &id[id.iter().take_while(|&&byte| byte == 0).count()..];
    [id, &(size | 1 << 56).to_be_bytes(), contents].concat()
}

/// The size of what has none.
const UNKNOWN: u64 = (1 << 56) - 1;

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;

fn header() -> Vec<u8> {
    element(0x1A45_DFA3, &element(0x4282, b"matroska"))
}

fn segment(contents: &[u8]) -> Vec<u8> {
    [header(), claiming(UNKNOWN, SEGMENT, contents)].concat()
}

/// A track of VP8, and what follows it.
fn with_track(rest: &[u8]) -> Vec<u8> {
    let video = element(0xE0, &[element(0xB0, &[64]), element(0xBA, &[64])].concat());
    let entry = [
        element(0xD7, &[1]),
        element(0x73C5, &[1]),
        element(0x83, &[1]),
        element(0x86, b"V_VP8"),
        video,
    ];
    let tracks = element(0x1654_AE6B, &element(0xAE, &entry.concat()));
    segment(&[&tracks, rest].concat())
}

fn nested(id: u32, depth: usize) -> Vec<u8> {
    let heads: Vec<_> = (0..depth)
        .map(|level| claiming((depth - level - 1) as u64 * 12, id, &[]))
        .collect();
    heads.concat()
}

pub(super) fn attacks(clips: &Clips) -> Vec<Attack> {
    let good = clip(clips, "good.webm", "-c:v libvpx");
    let cluster = |block: &[u8]| {
        element(
            CLUSTER,
            &[element(0xE7, &[0]), element(0xA3, block)].concat(),
        )
    };
    // Track 1, time 0, keyframe; 256 frames in one block, all of them of 255 bytes again and again.
    let xiph = [&[0x81, 0, 0, 0x82, 0xFF], &[0xFF; 5000][..]].concat();
    let ebml = [&[0x81, 0, 0, 0x86, 0xFF, 0x01], &[0xFF; 5000][..]].concat();
    // A table of contents that names itself.
    let seek = element(
        0x4DBB,
        &[
            element(0x53AB, &0x114D_9B74_u32.to_be_bytes()),
            element(0x53AC, &[0]),
        ]
        .concat(),
    );
    let contents = element(0x114D_9B74, &seek.repeat(500));
    let file = |name, bytes, end| Attack::new(name, "elements.mkv", bytes, end);
    vec![
        file(
            "an element of 2^56 bytes",
            segment(&claiming(UNKNOWN - 1, CLUSTER, &[0; 64])),
            NO_VIDEO,
        ),
        file(
            "a header of 2^56 bytes",
            claiming(UNKNOWN - 1, 0x1A45_DFA3, &[0; 64]),
            NOT_A_VIDEO,
        ),
        file(
            "clusters within clusters",
            with_track(&nested(CLUSTER, 5000)),
            MALFORMED,
        ),
        file(
            "tags within tags, 5,000 deep",
            with_track(&element(0x1254_C367, &nested(0x67C8, 5000))),
            MALFORMED,
        ),
        file(
            "chapters within chapters, 5,000 deep",
            with_track(&element(0x1043_A770, &element(0x45B9, &nested(0xB6, 5000)))),
            MALFORMED,
        ),
        file(
            "a block that claims 256 frames, by Xiph's laces",
            with_track(&cluster(&xiph)),
            MALFORMED,
        ),
        file(
            "a block that claims 256 frames, by EBML's laces",
            with_track(&cluster(&ebml)),
            MALFORMED,
        ),
        file(
            "contents that name themselves",
            [header(), claiming(UNKNOWN, SEGMENT, &contents)].concat(),
            MALFORMED,
        ),
        file(
            "a codec's data of 2^40 bytes",
            with_track(&claiming(1 << 40, 0x63A2, &[])),
            MALFORMED,
        ),
        file(
            "an attachment of 2^40 bytes",
            with_track(&element(
                0x1941_A469,
                &element(0x61A7, &claiming(1 << 40, 0x465C, &[])),
            )),
            MALFORMED,
        ),
        file(
            "an hour in a second",
            patched(&good, &[0x44, 0x89, 0x88], 0, &3_600_000_f64.to_be_bytes()),
            End::Ready,
        ),
        file(
            "a length that is no number",
            patched(&good, &[0x44, 0x89, 0x88], 0, &f64::NAN.to_be_bytes()),
            End::Ready,
        ),
        file(
            "a clock whose tick is 17 ms",
            made_with_tick(clips),
            End::Ready,
        ),
    ]
}

/// The timestamp scale stands in seven bytes where it can be overwritten.
fn made_with_tick(clips: &Clips) -> Vec<u8> {
    let good = made(
        clips,
        "tick.mkv",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    // 2AD7B1, three bytes: 1,000,000 ns.
    patched(&good, &[0x2A, 0xD7, 0xB1, 0x83], 0, &[0xFF; 3])
}
