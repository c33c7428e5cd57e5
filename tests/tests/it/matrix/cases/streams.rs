//! What else is in a file: fragments, covers, subtitles, timecode, several pictures and sounds; and
//! files that don't say how long they are.

use crate::matrix::case::{Case, H264, Ready};

/// What the API says of a stream that is as good as the one that was chosen.
const OTHER_PICTURE: [&str; 3] = ["video", "h264", "not-chosen"];

pub(crate) fn cases() -> Vec<Case> {
    [fragments(), companions()].concat()
}

fn fragments() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac");
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus";
    vec![
        Case::new(
            "fragmented mp4",
            "mp4",
            &format!("{h264_aac} -g 10 -movflags +frag_keyframe+empty_moov+default_base_moof"),
        )
        .ready(Ready::is_led_in),
        Case::new(
            "fragmented mp4 with an index",
            "mp4",
            &format!("{h264_aac} -g 10 -movflags +frag_keyframe+empty_moov+dash"),
        )
        .ready(Ready::is_led_in),
        Case::new(
            "fragmented mp4 by time",
            "mp4",
            &format!("{h264_aac} -frag_duration 300000 -movflags +empty_moov+delay_moov"),
        ),
        Case::new(
            "hybrid mp4 of a recorder",
            "mp4",
            &format!("{h264_aac} -movflags +hybrid_fragmented -g 10"),
        )
        .ready(Ready::is_led_in),
        Case::new(
            "webm from a pipe",
            "webm",
            &format!("{vp8} -f webm -live 1"),
        ),
        Case::new(
            "mkv from a pipe",
            "mkv",
            &format!("{h264_aac} -f matroska -live 1"),
        ),
        Case::new(
            "flv from a pipe",
            "flv",
            &format!("{h264_aac} -flvflags no_duration_filesize"),
        )
        .ready(Ready::is_led_in),
    ]
}

fn companions() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac");
    let with =
        |name, extension, remake: &str| Case::new(name, "mkv", &h264_aac).then(extension, remake);
    let cover = "-f lavfi -i testsrc2=s=300x300:d=1:r=1";
    vec![
        with(
            "cover in mp4",
            "mp4",
            &format!(
                "-i {{}} {cover} -map 0 -map 1 -c:v:0 copy -c:a copy -c:v:1 mjpeg -disposition:v:1 attached_pic"
            ),
        )
        .ready(|r| r.not_used = vec![["video", "mjpeg", "not-chosen"]]),
        with(
            "cover before the picture",
            "mp4",
            &format!(
                "{cover} -i {{}} -map 0 -map 1 -c copy -c:v:0 png -disposition:v:0 attached_pic"
            ),
        )
        .ready(|r| r.not_used = vec![["video", "png", "not-chosen"]]),
        with(
            "subtitles in mp4",
            "mp4",
            "-i {} -f srt -i data:text/plain;base64,MQowMDowMDowMCwwMDAgLS0+IDAwOjAwOjAxLDAwMApIaQo= -map 0 -map 1 -c copy -c:s mov_text",
        ),
        with(
            "timecode",
            "mov",
            "-i {} -map 0 -c copy -timecode 01:00:00:00",
        ),
        with(
            "chapters",
            "mp4",
            "-i {} -f ffmetadata -i data:text/plain;base64,O0ZGTUVUQURBVEExCltDSEFQVEVSXQpUSU1FQkFTRT0xLzEKU1RBUlQ9MApFTkQ9MQp0aXRsZT1BCltDSEFQVEVSXQpUSU1FQkFTRT0xLzEKU1RBUlQ9MQpFTkQ9Mgp0aXRsZT1CCg== -map 0 -map_chapters 1 -c copy",
        ),
        with(
            "unknown data",
            "ts",
            "-i {} -f data -i data:text/plain,position -map 0 -map 1 -c copy",
        )
        .ready(Ready::is_led_in),
        with(
            "attachment",
            "mkv",
            "-i {} -map 0 -c copy -attach {} -metadata:s:t mimetype=application/x-font",
        ),
        // The main one is that which the file marks, else the first: as players choose.
        with(
            "several sounds",
            "mp4",
            "-i {} -f lavfi -i anullsrc=d=2 -map 0 -map 1 -c copy -c:a:1 aac -disposition:a:0 default -disposition:a:1 0",
        ),
        with(
            "the second of several sounds",
            "mkv",
            "-i {} -f lavfi -i anullsrc=d=2 -map 0:v -map 1:a -map 0:a -c copy -c:a:0 aac -disposition:a:0 0 -disposition:a:1 default",
        ),
        with(
            "several pictures",
            "mp4",
            "-i {} -f lavfi -i color=red:s=640x360:r=25:d=2 -map 0 -map 1 -c copy -c:v:1 libx264 -preset ultrafast -disposition:v:0 default -disposition:v:1 0",
        )
        .ready(|r| r.not_used = vec![OTHER_PICTURE]),
        with(
            "the second of several pictures",
            "mkv",
            "-i {} -f lavfi -i color=red:s=640x360:r=25:d=2 -map 1 -map 0 -c copy -c:v:0 libx264 -preset ultrafast -disposition:v:0 0 -disposition:v:1 default",
        )
        .ready(|r| r.not_used = vec![OTHER_PICTURE]),
        with(
            "sound before the picture",
            "mp4",
            "-i {} -map 0:a -map 0:v -c copy",
        ),
        with(
            "two programs of a broadcast",
            "ts",
            "-i {} -f lavfi -i color=red:s=320x180:r=25:d=2 -map 0 -map 1 -c copy -c:v:1 libx264 -preset ultrafast -program title=A:st=0:st=1 -program title=B:st=2",
        )
        .ready(|r| {
            r.is_led_in();
            r.not_used = vec![OTHER_PICTURE];
        }),
    ]
}
