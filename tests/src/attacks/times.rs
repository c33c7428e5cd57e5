//! Clocks that jump.

use super::{
    Attack, End, MALFORMED, TOO_LONG,
    boxes::{SAMPLES, edited},
    clip, made, patched, replaced,
};
use crate::media::Clips;

pub(super) fn attacks(clips: &Clips) -> Vec<Attack> {
    let apart = |name: &str| {
        made(
            clips,
            name,
            "-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 2 -vf setpts=N*100000/TB -fps_mode passthrough -c:v libx264 -bf 0 -pix_fmt yuv420p",
        )
    };
    let matroska = apart("apart.mkv");
    // The length is stated in two places: two seconds each.
    let hidden = replaced(&matroska, b"DURATION", b"XURATION");
    let hidden = patched(&hidden, &[0x44, 0x89, 0x88], 0, &2000_f64.to_be_bytes());
    let good = clip(clips, "clock.mp4", "-c:v libx264 -bf 0 -pix_fmt yuv420p");
    let stts = |entries: &[[u32; 2]]| {
        let count = u32::try_from(entries.len()).unwrap();
        let words = [0, count].into_iter().chain(entries.concat());
        let table: Vec<_> = words.flat_map(u32::to_be_bytes).collect();
        edited(&good, &[&SAMPLES[..], &["stts"]].concat(), &|_| {
            table.clone()
        })
    };
    let edits = |media_time: i64| {
        edited(&good, &["moov", "trak", "edts", "elst"], &|_| {
            let head = [1, 0, 0, 0, 0, 0, 0, 1];
            let rate = [0, 1, 0, 0];
            [
                &head[..],
                &1000_u64.to_be_bytes(),
                &media_time.to_be_bytes(),
                &rate,
            ]
            .concat()
        })
    };
    let many_edits = edited(&good, &["moov", "trak", "edts", "elst"], &|_| {
        let entry: Vec<_> = [1_u32, 0, 0x1_0000]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        [
            &[0; 4],
            &100_000_u32.to_be_bytes()[..],
            &entry.repeat(100_000),
        ]
        .concat()
    });
    let scale = |at: &str, value: u32| patched(&good, at.as_bytes(), 12, &value.to_be_bytes());
    let file = |name, bytes, end| Attack::new(name, "clock.mp4", bytes, end);
    vec![
        file("two frames 100,000 s apart", apart("apart.mp4"), TOO_LONG),
        Attack::new(
            "two frames 100,000 s apart, in Matroska",
            "clock.mkv",
            matroska,
            TOO_LONG,
        ),
        Attack::new(
            "two frames 100,000 s apart, said to be two",
            "clock.mkv",
            hidden,
            TOO_LONG,
        ),
        file(
            "a frame of 2^31 ticks",
            stts(&[[24, 512], [1, 0x7FFF_FFFF]]),
            TOO_LONG,
        ),
        file(
            "frames that last -1 tick",
            stts(&[[25, u32::MAX]]),
            MALFORMED,
        ),
        file("frames that last nothing", stts(&[[25, 0]]), End::Ready),
        file("an edit at the last tick", edits(i64::MAX), MALFORMED),
        file(
            "an edit at the first tick of all",
            edits(i64::MIN),
            MALFORMED,
        ),
        file("a hundred thousand edits", many_edits, MALFORMED),
        file("a clock of 1 Hz", scale("mdhd", 1), End::Ready),
        file("a clock of 4 GHz", scale("mdhd", u32::MAX), End::Ready),
        file("a clock of no ticks", scale("mdhd", 0), End::Ready),
        Attack::new(
            // Two streams that were joined: nothing lasts a day.
            "a stream whose clock jumps a day",
            "clock.ts",
            jumping(clips),
            End::Ready,
        ),
    ]
}

/// Two transport streams, one of which begins a day after the other.
fn jumping(clips: &Clips) -> Vec<u8> {
    let at = |name: &str, offset: u32| {
        made(
            clips,
            name,
            &format!(
                "-f lavfi -i testsrc2=s=64x64:r=25:d=2 -c:v mpeg2video -output_ts_offset {offset}"
            ),
        )
    };
    [at("now.ts", 0), at("tomorrow.ts", 86_000)].concat()
}
