//! Time: frame rates, varying rates, fields, edit lists, clocks that start anywhere.

use crate::matrix::case::{Case, H264, Ready};

pub(crate) fn cases() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac");
    let at = |name, rate, frames| Case::new(name, "mp4", &h264_aac).rate(rate, frames);
    vec![
        at("23.976 fps", (24000, 1001), 48),
        at("29.97 fps", (30000, 1001), 60),
        at("29.97 fps in whole milliseconds", (30000, 1001), 60).then("mkv", "-i {} -c copy"),
        at("59.94 fps", (60000, 1001), 60),
        at("120 fps", (120, 1), 120).ready(|r| half(r, 60)),
        at("240 fps", (240, 1), 240).ready(|r| {
            half(r, 60);
            r.step = Some((4, 0));
            r.renditions = Some(&["240p"]);
        }),
        at("1 fps", (1, 1), 4),
        at("10 fps", (10, 1), 20),
        at("15 fps in webm", (15, 1), 30).then("webm", "-i {} -c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus"),
        at("12.5 fps", (25, 2), 26),
        at("one frame", (25, 1), 1).silent().ready(|r| { r.flash = Some(0..=0); r.renditions = Some(&["240p"]); }),
        at("three frames", (30, 1), 3).silent(),
        at("one frame a minute", (1, 60), 2).silent().ready(|r| {
            (r.rate, r.frames) = ((1, 1), 120..=120);
            (r.flash, r.step) = (Some(60..=60), None);
        }),
        // Every third frame is missing for a second, as phones do in the dark.
        Case::new("varying rate", "mp4", &format!("-vf select=not(between(t\\,0.3\\,1.7)*eq(mod(n\\,3)\\,1)) -fps_mode vfr {h264_aac}")).rate((30, 1), 60)
            .ready(|r| r.step = None),
        Case::new("varying rate in mkv", "mkv", &format!("-vf select=not(between(t\\,0.3\\,1.7)*eq(mod(n\\,3)\\,1)) -fps_mode vfr {h264_aac}")).rate((30, 1), 60)
            .ready(|r| r.step = None),
        // A recording of a screen on which nothing moves until it flashes.
        Case::new("screen that stands still", "mp4", &format!("-vf select=not(between(n\\,1\\,29)) -fps_mode vfr {h264_aac}")).rate((30, 1), 60)
            .ready(|r| r.step = None),
        Case::new("interlaced, upper field first", "ts", "-vf interlace=scan=tff -flags +ilme+ildct -c:v mpeg2video -q:v 3 -c:a mp2").in_fields(),
        Case::new("interlaced, lower field first", "mov", "-vf interlace=scan=bff,scale=720:576:interl=1,setsar=64/45 -c:v dvvideo -pix_fmt yuv420p -c:a pcm_s16le").size(720, 576).in_fields().silent().ready(|r| r.size = (1024, 576)),
        // The file does not say that there are fields; each frame does.
        Case::new("interlaced dv in avi", "avi", "-vf interlace=scan=bff,scale=720:576:interl=1,setsar=64/45 -c:v dvvideo -pix_fmt yuv420p -c:a pcm_s16le").size(720, 576).in_fields().silent().ready(|r| r.size = (1024, 576)),
        Case::new("interlaced h264", "mp4", &format!("-vf interlace=scan=tff -flags +ilme+ildct -x264-params tff=1 {h264_aac}")).in_fields(),
        Case::new("interlaced h264 in mkv", "mkv", &format!("-vf interlace=scan=tff -flags +ilme+ildct -x264-params tff=1 {h264_aac}")).in_fields(),
        Case::new("film pulled down to fields", "mkv", "-vf telecine -c:v mpeg2video -flags +ilme+ildct -q:v 3 -c:a ac3").rate((24000, 1001), 48)
            .ready(|r| { (r.rate, r.frames, r.flash, r.step) = ((30000, 1001), 60..=60, Some(29..=31), None); r.beep = Some((0.0, 0.034)); }),
        // Cut without a new encode: an edit list hides what comes before.
        Case::new("edit list that cuts the start", "mp4", &format!("{h264_aac} -g 10")).rate((25, 1), 60).then("mp4", "-ss 0.48 -i {} -c copy")
            .ready(|r| { (r.frames, r.flash) = (48..=48, Some(18..=18)); }),
        Case::new("edit list that delays the picture", "mov", &h264_aac).late(0.4, 0.0),
        Case::new("picture that starts late in mkv", "mkv", &h264_aac).late(0.4, 0.0),
        Case::new("clock that starts at ten hours", "ts", &format!("{h264_aac} -output_ts_offset 36000")).ready(Ready::is_led_in),
        Case::new("clock that overflows", "ts", &format!("{h264_aac} -output_ts_offset 95442.7")).ready(Ready::is_led_in),
    ]
}

/// Every other frame of a rate above 60.
fn half(ready: &mut Ready, frames: u64) {
    ready.rate = (60, 1);
    ready.frames = frames..=frames;
    ready.flash = Some(frames / 2..=frames / 2);
    ready.step = Some((2, 0));
}
