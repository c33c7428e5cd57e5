//! Every codec that is about, in containers that hold it.

use crate::matrix::case::{Case, H264, Ready};

pub(crate) fn cases() -> Vec<Case> {
    let x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p";
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M";
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M";
    let av1 = "-c:v libsvtav1 -preset 12 -crf 25 -svtav1-params lp=1";
    let named = |codec| move |r: &mut Ready| r.codec = Some(codec);
    vec![
        Case::new("hevc hvc1", "mp4", &format!("{x265} -tag:v hvc1 -c:a aac")).ready(named("hevc")),
        Case::new("hevc hev1", "mov", &format!("{x265} -tag:v hev1 -c:a aac")).ready(named("hevc")),
        Case::new("hevc in ts", "ts", &format!("{x265} -c:a ac3")).ready(named("hevc")),
        Case::new("av1 in mp4", "mp4", &format!("{av1} -c:a aac")).ready(named("av1")),
        Case::new("av1 in webm", "webm", &format!("{av1} -c:a libopus")).ready(named("av1")),
        Case::new("vp8", "webm", &format!("{vp8} -c:a libvorbis")).ready(named("vp8")),
        Case::new("vp9 in mp4", "mp4", &format!("{vp9} -c:a libopus")).ready(named("vp9")),
        Case::new("vp9 in mkv", "mkv", &format!("{vp9} -c:a flac")).ready(named("vp9")),
        Case::new(
            "h264 with b-frames, open",
            "mkv",
            "-c:v libx264 -preset veryfast -bf 3 -x264-params open-gop=1:keyint=20 -pix_fmt yuv420p -c:a aac",
        ),
        Case::new(
            "h264 in avi",
            "avi",
            &format!("{H264} -bf 0 -c:a libmp3lame"),
        )
        .ready(Ready::is_led_in),
        Case::new(
            "h264 lossless",
            "mkv",
            "-c:v libx264 -preset ultrafast -qp 0 -pix_fmt yuv420p -c:a flac",
        ),
        Case::new(
            "mpeg2 in mov",
            "mov",
            "-c:v mpeg2video -q:v 3 -bf 2 -c:a pcm_s16le",
        )
        .ready(named("mpeg2video")),
        Case::new("mpeg4 in mp4", "mp4", "-c:v mpeg4 -q:v 3 -bf 2 -c:a aac").ready(named("mpeg4")),
        Case::new("xvid in avi", "avi", "-c:v libxvid -q:v 3 -c:a libmp3lame").ready(|r| {
            r.is_led_in();
            r.codec = Some("mpeg4");
        }),
        Case::new(
            "divx 3 in avi",
            "avi",
            "-c:v msmpeg4 -q:v 3 -c:a libmp3lame",
        )
        .ready(|r| {
            r.is_led_in();
            r.codec = Some("msmpeg4v3");
        }),
        Case::new("wmv 1", "wmv", "-c:v wmv1 -q:v 3 -c:a wmav1").ready(|r| { r.is_led_in(); r.codec = Some("wmv1"); }),
        Case::new("h263+ in mov", "mov", "-c:v h263p -q:v 3 -c:a pcm_s16le").ready(named("h263")),
        Case::new(
            "theora in mkv",
            "mkv",
            "-c:v libtheora -q:v 10 -c:a libvorbis",
        )
        .ready(named("theora")),
        Case::new(
            "prores 422",
            "mov",
            "-c:v prores_ks -profile:v 2 -c:a pcm_s24le",
        )
        .ready(named("prores")),
        Case::new(
            "motion jpeg in avi",
            "avi",
            "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a pcm_s16le",
        )
        .ready(named("mjpeg")),
        Case::new(
            "motion jpeg in mov",
            "mov",
            "-c:v mjpeg -q:v 3 -pix_fmt yuvj422p -c:a pcm_s16le",
        )
        .ready(named("mjpeg")),
        Case::new(
            "dnxhr",
            "mov",
            "-vf scale=out_color_matrix=bt709 -c:v dnxhd -profile:v dnxhr_sq -pix_fmt yuv422p -colorspace bt709 -c:a pcm_s16le",
        )
        .ready(named("dnxhd")),
        Case::new("ffv1", "mkv", "-c:v ffv1 -pix_fmt yuv420p -c:a flac").ready(named("ffv1")),
        Case::new(
            "huffyuv",
            "avi",
            "-c:v huffyuv -pix_fmt yuv422p -c:a pcm_s16le",
        )
        .ready(named("huffyuv")),
        Case::new("animation", "mov", "-c:v qtrle -c:a pcm_s16be").ready(named("qtrle")),
        Case::new("png in mov", "mov", "-c:v png -c:a pcm_s16le").ready(named("png")),
    ]
}
