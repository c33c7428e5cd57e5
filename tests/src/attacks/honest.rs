//! Files of every kind that is accepted, made as their usual makers do.

use std::fs;

use super::{Attack, End, made};
use crate::media::{Clips, text};

/// One or more of each container.
pub fn honest(clips: &Clips) -> Vec<Attack> {
    const INPUT: &str = "-f lavfi -i testsrc2=s=176x144:r=25:d=1 -f lavfi -i sine=r=44100:d=1";
    const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let subtitles = clips.file("lines.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n");
    let cover = clips.make("cover.jpg", "-f lavfi -i color=s=64x64 -frames:v 1");
    let with = |file: &std::path::Path| format!("-i {}", text(file));
    let kinds = [
        ("plain.mp4", format!("{H264} -c:a aac")),
        ("phone.mp4", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -c:a aac -movflags +faststart".into()),
        ("browser.mp4", format!("{H264} -c:a libopus -movflags +frag_keyframe+empty_moov+default_base_moof")),
        ("av1.mp4", "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p -c:a aac".into()),
        ("covered.m4v", format!("{} -map 0 -map 1 -map 2 {H264} -c:a alac -c:v:1 copy -disposition:v:1 attached_pic", with(&cover))),
        ("camera.mov", "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s24le".into()),
        ("photo.mov", "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16be".into()),
        ("animation.mov", "-c:v qtrle -c:a pcm_s16le".into()),
        ("film.mkv", format!("{} -map 0 -map 1 -map 2 {H264} -c:a ac3 -c:s srt", with(&subtitles))),
        ("archive.mkv", "-c:v ffv1 -c:a flac".into()),
        ("recorded.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis -f webm -live 1".into()),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus".into()),
        ("old.avi", "-c:v mpeg4 -vtag XVID -c:a libmp3lame".into()),
        ("older.avi", "-c:v msvideo1 -c:a adpcm_ms".into()),
        ("windows.wmv", "-c:v wmv2 -c:a wmav2".into()),
        ("flash.flv", "-c:v flv -c:a libmp3lame".into()),
        ("disc.mpg", "-c:v mpeg2video -c:a mp2 -f vob".into()),
        ("system.mpeg", "-c:v mpeg1video -c:a mp2".into()),
        ("broadcast.ts", "-c:v mpeg2video -c:a ac3".into()),
        ("camcorder.m2ts", format!("{H264} -c:a ac3 -mpegts_m2ts_mode 1")),
        ("feature.3gp", "-c:v h263 -c:a aac".into()),
        ("free.ogv", "-c:v libtheora -c:a libvorbis".into()),
    ];
    let mut files: Vec<_> = kinds
        .into_iter()
        .map(|(filename, options)| {
            let file = made(clips, filename, &format!("{INPUT} {options}"));
            Attack::new(filename, filename, file, End::Ready)
        })
        .collect();
    // Each of a thousand frames is the same as the one before, and none may be held for long.
    let still = "-f lavfi -i testsrc2=s=1280x720:r=25:d=42 -vf select='not(between(n\\,20\\,1020))' -fps_mode vfr";
    files.push(Attack::new(
        "a screen on which nothing happens for 40 s",
        "screen.mp4",
        made(clips, "screen.mp4", &format!("{still} {H264}")),
        End::Ready,
    ));
    // One whose parts are found by their order, not by their place in the file.
    let fragmented = fs::read(clips.path("browser.mp4")).unwrap();
    let before = |bytes: &[u8]| [bytes, &fragmented].concat();
    files.push(Attack::new(
        "free space before all",
        "spare.mp4",
        before(b"\0\0\0\x10free\0\0\0\0\0\0\0\0"),
        End::Ready,
    ));
    files.push(Attack::new(
        "a wide box before all",
        "wide.mov",
        before(b"\0\0\0\x08wide"),
        End::Ready,
    ));
    files
}
