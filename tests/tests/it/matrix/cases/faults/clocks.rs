//! Clocks that leap, recordings that begin in the middle, and videos of a moment.

use crate::matrix::case::{Case, H264, Ready};

pub(crate) fn cases() -> Vec<Case> {
    [begun(), joined(), moments()].concat()
}

/// Recordings of a broadcast that begin between two keyframes: the first frames are lost.
fn begun() -> Vec<Case> {
    let begun = |name, rate: u32, gop: u64, frames: u64, flash: u64| {
        let args = format!("{H264} -g {gop} -keyint_min {gop} -sc_threshold 0 -c:a aac");
        Case::new(name, "ts", &args)
            .size(160, 90)
            .rate((rate, 1), frames)
            .card(|card| card.flash = flash)
            .edit(|bytes| {
                let from = bytes.len() / 188 * 6 / 100 * 188;
                bytes[from..].to_vec()
            })
            .ready(|r| {
                r.frames = frames - gop..=frames - gop;
                r.flash = Some(flash - gop..=flash - gop);
            })
    };
    vec![
        begun("begins 19 s before a keyframe", 5, 100, 120, 110),
        begun("begins 2 s before a keyframe", 25, 50, 100, 75),
    ]
}

/// Two recordings, the second by another clock.
fn joined() -> Vec<Case> {
    let joined = |name, offsets: [u32; 2], encoder: &str| {
        let part = |at: usize| {
            let offset = offsets[at];
            format!(
                "-ss {at} -t 1 -i {{}} {encoder} -output_ts_offset {offset} -avoid_negative_ts disabled -f mpegts"
            )
        };
        Case::new(name, "mkv", &format!("{H264} -qp 0 -g 1 -c:a pcm_s16le"))
            .named(format!("{name}.ts"))
            .card(|card| card.flash = 35)
            .join("ts", &[part(0), part(1)])
    };
    let h264_mp2 = format!("{H264} -c:a mp2");
    vec![
        joined("goes back by ten minutes", [600, 0], &h264_mp2),
        joined("leaps ahead by ten minutes", [0, 600], &h264_mp2),
        joined(
            "goes back by ten hours, mpeg-2",
            [36_000, 0],
            "-c:v mpeg2video -q:v 3 -c:a mp2",
        ),
    ]
}

/// A second or less.
fn moments() -> Vec<Case> {
    let second = |name, extension, args: &str, rate, frames| {
        Case::new(name, extension, args).rate(rate, frames).silent()
    };
    // One frame lasts as long as the file says, or as one of an assumed rate.
    let still = |name, extension, args: &str| {
        second(name, extension, args, (25, 1), 1).ready(|r| r.flash = Some(0..=0))
    };
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M";
    vec![
        second("a second of ts", "ts", H264, (25, 1), 25),
        second("a second of ts, five frames", "ts", H264, (5, 1), 5),
        second(
            "a second of mpeg-2 in ts",
            "ts",
            "-c:v mpeg2video -q:v 3",
            (25, 1),
            25,
        ),
        Case::new(
            "a second of ts with sound",
            "ts",
            &format!("{H264} -c:a aac"),
        )
        .rate((25, 1), 25)
        .ready(Ready::is_led_in),
        still("a single frame in webm", "webm", vp8),
        still(
            "a single jpeg in mp4",
            "mp4",
            "-c:v mjpeg -pix_fmt yuvj420p",
        ),
        // Its rate is a guess: of two fields for each frame.
        still("a single frame in ts", "ts", H264).ready(|r| {
            (r.rate, r.frames, r.flash) = ((50, 1), 2..=2, Some(0..=0));
            r.step = Some((1, 1));
        }),
    ]
}
