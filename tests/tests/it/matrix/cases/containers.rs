//! Every container that is accepted, with codecs that are usual in it.

use crate::matrix::case::{Case, H264, Ready};

pub(crate) fn cases() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac");
    vec![
        Case::new("mp4", "mp4", &h264_aac).ready(|r| {
            (r.codec, r.audio_codec) = (Some("h264"), Some("aac"));
        }),
        Case::new(
            "mp4, index in front",
            "mp4",
            &format!("{h264_aac} -movflags +faststart"),
        ),
        Case::new("mov", "mov", &h264_aac),
        Case::new("m4v", "m4v", &format!("{h264_aac} -f mp4")),
        Case::new("mkv", "mkv", &format!("{H264} -c:a ac3")),
        Case::new(
            "webm",
            "webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus",
        ),
        Case::new("avi", "avi", "-c:v mpeg4 -q:v 3 -c:a pcm_s16le"),
        Case::new("wmv", "wmv", "-c:v wmv2 -q:v 3 -c:a wmav2").ready(Ready::is_led_in),
        Case::new("flv", "flv", "-c:v flv1 -q:v 3 -c:a libmp3lame -ar 44100")
            .ready(Ready::is_led_in),
        Case::new("flv with h264", "flv", &h264_aac).ready(Ready::is_led_in),
        Case::new("mpg", "mpg", "-c:v mpeg2video -q:v 3 -c:a mp2"),
        Case::new("mpeg with mpeg1", "mpeg", "-c:v mpeg1video -q:v 3 -c:a mp2"),
        Case::new(
            "vob as mpg",
            "mpg",
            "-c:v mpeg2video -q:v 3 -c:a ac3 -f vob",
        ),
        Case::new(
            "mpg without a container",
            "mpg",
            "-c:v mpeg2video -q:v 3 -f mpeg2video",
        )
        .silent(),
        Case::new("ts", "ts", &h264_aac).ready(Ready::is_led_in),
        Case::new("ts with mpeg2", "ts", "-c:v mpeg2video -q:v 3 -c:a mp2"),
        Case::new(
            "m2ts",
            "m2ts",
            &format!("{H264} -c:a ac3 -mpegts_m2ts_mode 1"),
        ),
        Case::new(
            "3gp",
            "3gp",
            "-c:v h263 -q:v 3 -c:a libopencore_amrnb -ar 8000 -ac 1",
        )
        .size(176, 144)
        // H.263's pixels are 12:11 in this size.
        .ready(|r| r.size = (192, 144)),
        Case::new("ogv", "ogv", "-c:v libtheora -q:v 10 -c:a libvorbis"),
        Case::new("capitals", "mp4", &h264_aac).named("DSC_0001.MP4"),
    ]
}
