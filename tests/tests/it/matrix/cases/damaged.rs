//! Files that lost some of their bytes.

use crate::matrix::{
    bytes::{first, rotten, zeros_from},
    case::{Case, H264, Ready},
};

const VP8: &str = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus -f webm -live 1";

pub(crate) fn cases() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac -g 10");
    let fragmented = format!("{h264_aac} -movflags +frag_keyframe+empty_moov+default_base_moof");
    let faststart = format!("{h264_aac} -movflags +faststart");
    let whole = |name, extension, args: &str| Case::new(name, extension, args);
    let cut = |name, extension, args: &str| Case::new(name, extension, args).edit(first::<70>);
    let part = |r: &mut Ready| r.frames = 28..=47;
    let led_in_part = |r: &mut Ready| {
        r.is_led_in();
        part(r);
    };
    // Some frames are not what they were, but the flash and the beep are before them.
    let spoilt = |r: &mut Ready| (r.delta_e, r.step) = (Some(20.0), None);
    vec![
        // A file that knows how long it is lacks its end: whoever sent it should send it again.
        whole("mp4 without its index", "mp4", &h264_aac)
            .edit(first::<60>)
            .errored("malformed-media", "missing"),
        whole("mp4 of which half is there", "mp4", &faststart)
            .edit(first::<50>)
            .errored("malformed-media", "cut short"),
        cut("mkv cut", "mkv", &h264_aac).errored("malformed-media", "cut short"),
        whole("mp4 with zeros at the end", "mp4", &faststart)
            .edit(zeros_from::<50>)
            .errored("malformed-media", ""),
        whole("mp4 that lacks a moment", "mp4", &faststart)
            .edit(first::<97>)
            .ready(|r| (r.frames, r.source_seconds) = (44..=50, Some(2.0))),
        // One that does not is played as far as it goes.
        cut("fragmented mp4 cut", "mp4", &fragmented).ready(led_in_part),
        cut("ts cut", "ts", &h264_aac).ready(led_in_part),
        cut("webm of a recorder cut", "webm", VP8).ready(part),
        cut("flv cut", "flv", &h264_aac).ready(|r| {
            led_in_part(r);
            r.source_seconds = Some(2.0);
        }),
        cut("wmv cut", "wmv", "-c:v wmv2 -q:v 3 -c:a wmav2").ready(|r| {
            led_in_part(r);
            r.step = None;
        }),
        cut("avi cut", "avi", "-c:v mpeg4 -q:v 3 -c:a pcm_s16le").ready(part),
        whole("rotten mp4", "mp4", &faststart)
            .edit(rotten)
            .ready(spoilt),
        whole("rotten ts", "ts", &h264_aac).edit(rotten).ready(|r| {
            r.is_led_in();
            spoilt(r);
        }),
        whole("ts that begins in a frame", "ts", &h264_aac)
            .edit(|bytes| bytes[5000..].to_vec())
            .ready(|r| {
                (r.frames, r.flash, r.step) = (35..=51, None, None);
                r.delta_e = Some(20.0);
                r.beep = None;
            }),
        whole("rubbish after the end", "mp4", &h264_aac).edit(|mut bytes| {
            bytes.extend([0xa5; 5000]);
            bytes
        }),
    ]
}
