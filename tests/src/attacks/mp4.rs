//! MP4 that lies about its boxes and tables.

use super::{
    Attack, End, MALFORMED, NO_VIDEO, TOO_LONG,
    boxes::{SAMPLES, boxed, claiming, edited},
    clip, made,
};
use crate::media::Clips;

pub(super) fn attacks(clips: &Clips) -> Vec<Attack> {
    let good = clip(clips, "good.mp4", "-c:v libx264 -pix_fmt yuv420p");
    let mut attacks = tables(&good);
    attacks.extend(sizes(&good));
    attacks.extend(fragments(clips));
    attacks.extend(details(&good));
    attacks
}

/// Tables of a few bytes that claim four thousand million entries.
fn tables(good: &[u8]) -> Vec<Attack> {
    let claims = |table: &str, at: usize| {
        let path = [&SAMPLES[..], &[table]].concat();
        edited(good, &path, &|contents| {
            let mut contents = contents.to_vec();
            contents[at..at + 4].copy_from_slice(&[0xFF; 4]);
            contents
        })
    };
    let tables = [
        // Where the media are is read as far as it goes.
        ("stts", 4, MALFORMED),
        ("stsc", 4, MALFORMED),
        ("stsz", 8, MALFORMED),
        ("stco", 4, End::Ready),
        ("ctts", 4, MALFORMED),
        ("stss", 4, MALFORMED),
    ];
    let mut attacks: Vec<_> = tables
        .into_iter()
        .map(|(table, at, end)| {
            let name = format!("{table} of 2^32 entries");
            Attack::new(name, "table.mp4", claims(table, at), end)
        })
        .collect();
    // One size for all samples: then no byte of the file stands for any of them.
    let all_alike = edited(good, &[&SAMPLES[..], &["stsz"]].concat(), &|_| {
        [&[0; 4], &1_u32.to_be_bytes()[..], &[0xFF; 4]].concat()
    });
    attacks.push(Attack::new(
        "2^32 samples of one byte",
        "alike.mp4",
        all_alike,
        MALFORMED,
    ));
    attacks
}

/// Boxes that are larger, smaller or deeper than anything can be.
fn sizes(good: &[u8]) -> Vec<Attack> {
    let ftyp = boxed("ftyp", b"isom\0\0\0\0isom");
    let after_ftyp = |rest: Vec<u8>| [&ftyp[..], &rest].concat();
    let huge = [
        &1_u32.to_be_bytes()[..],
        b"moov",
        &(u64::MAX >> 1).to_be_bytes(),
        &[0; 64],
    ];
    let nested = |names: &[&str], depth: usize| {
        let mut size = depth as u64 * 8 + 8;
        let mut bytes = Vec::new();
        for level in 0..depth {
            bytes.extend(claiming(size, names[level % names.len()], &[]));
            size -= 8;
        }
        bytes.extend(boxed("free", &[]));
        bytes
    };
    let meta = |depth: usize| {
        let mut bytes = boxed("free", &[]);
        for _ in 0..depth {
            bytes = boxed("meta", &[&[0; 4], &bytes[..]].concat());
        }
        boxed("moov", &boxed("udta", &bytes))
    };
    let trailing = |bytes: Vec<u8>| [good, &bytes].concat();
    let file = |name, bytes, end| Attack::new(name, "size.mp4", bytes, end);
    vec![
        file(
            "box of no size within",
            after_ftyp(boxed("moov", &claiming(0, "trak", &[0; 64]))),
            NO_VIDEO,
        ),
        file(
            "box smaller than its head",
            after_ftyp(claiming(7, "moov", &[0; 64])),
            MALFORMED,
        ),
        file(
            "box of 2^32 bytes",
            after_ftyp(claiming(u32::MAX.into(), "moov", &[0; 64])),
            NO_VIDEO,
        ),
        file("box of 2^63 bytes", after_ftyp(huge.concat()), NO_VIDEO),
        file(
            "boxes within boxes, 20,000 deep",
            after_ftyp(nested(&["moov", "udta"], 20_000)),
            MALFORMED,
        ),
        file(
            "tracks within tracks, 20,000 deep",
            after_ftyp(nested(&["moov", "trak", "mdia"], 20_000)),
            MALFORMED,
        ),
        file(
            "meta within meta, 3,000 deep",
            after_ftyp(meta(3000)),
            NO_VIDEO,
        ),
        file(
            "a hundred thousand empty boxes",
            trailing(boxed("free", &[]).repeat(100_000)),
            End::Ready,
        ),
        file(
            "a video and a box of 2^32 bytes",
            trailing(claiming(u32::MAX.into(), "mdat", &[])),
            End::Ready,
        ),
        file(
            "five thousand tracks",
            after_ftyp(boxed("moov", &boxed("trak", &[]).repeat(5000))),
            MALFORMED,
        ),
        file(
            "only media, no table",
            after_ftyp(boxed("mdat", &[7; 5000])),
            MALFORMED,
        ),
        file("an empty table", after_ftyp(boxed("moov", &[])), NO_VIDEO),
    ]
}

/// Fragments that never end, or begin at the end of time.
fn fragments(clips: &Clips) -> Vec<Attack> {
    let fragmented = made(
        clips,
        "fragmented.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=4 -c:v libx264 -g 25 -pix_fmt yuv420p -movflags +frag_keyframe+empty_moov+default_base_moof",
    );
    let at = |time: u64| {
        let tfdt = ["moof", "traf", "tfdt"];
        edited(&fragmented, &tfdt, &|_| {
            [&[1, 0, 0, 0], &time.to_be_bytes()[..]].concat()
        })
    };
    let moof = fragmented
        .windows(4)
        .position(|name| name == b"moof")
        .unwrap()
        - 4;
    let (head, fragments) = fragmented.split_at(moof);
    // The same second again and again, each time at the same time.
    let again = [head, &fragments.repeat(40)].concat();
    let runs = edited(&fragmented, &["moof", "traf", "trun"], &|contents| {
        let mut contents = contents.to_vec();
        contents[4..8].copy_from_slice(&[0xFF; 4]);
        contents
    });
    let file = |name, bytes, end| Attack::new(name, "fragments.mp4", bytes, end);
    vec![
        file("a fragment at 2^63 ticks", at(1 << 63), MALFORMED),
        file("a fragment at the last tick", at(u64::MAX), End::Ready),
        file("a fragment a day later", at(86_400 * 12_800), TOO_LONG),
        file("a fragment of 2^32 samples", runs, MALFORMED),
        file("the same fragments forty times", again, End::Ready),
    ]
}

/// Metadata that are larger than they are, that really are large, or that mean something elsewhere.
fn details(good: &[u8]) -> Vec<Attack> {
    let titled = |data: Vec<u8>| {
        let item = [
            &u32::try_from(data.len() + 8).unwrap().to_be_bytes()[..],
            b"\xA9nam",
            &data,
        ]
        .concat();
        let handler = boxed("hdlr", &[&[0; 8], &b"mdirappl"[..], &[0; 10]].concat());
        let meta = [&[0; 4], &handler[..], &boxed("ilst", &item)].concat();
        edited(good, &["moov"], &|moov| {
            [moov, &boxed("udta", &boxed("meta", &meta))].concat()
        })
    };
    let data = |text: &[u8]| boxed("data", &[&[0, 0, 0, 1, 0, 0, 0, 0], text].concat());
    let claims = claiming(100 << 20, "data", &[0, 0, 0, 1, 0, 0, 0, 0, b'x']);
    vec![
        Attack::new(
            "a title that claims 100 MB",
            "title.mp4",
            titled(claims),
            End::Ready,
        ),
        Attack::new(
            "a title of 8 MB",
            "title.mp4",
            titled(data(&vec![b'x'; 8 << 20])),
            End::Ready,
        ),
        Attack::new(
            "a title that is a script",
            "title.mp4",
            titled(data(b"<script>alert(1)</script>\0\r\n\xFF\xFE")),
            End::Ready,
        ),
        Attack::new(
            "a title that is options",
            "title.mp4",
            titled(data(
                b"-i file:///etc/passwd -f mpegts http://127.0.0.1/ | sh; $(id)",
            )),
            End::Ready,
        ),
    ]
}
