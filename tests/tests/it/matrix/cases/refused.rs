//! What is no video for us, and the reason that a person reads.

use crate::matrix::{
    bytes::{after, first, rename},
    case::{Case, H264},
};

pub(crate) fn cases() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac");
    vec![
        Case::bytes("text", "mp4", b"These are my notes, not a video.\n").errored("not-a-video", "format"),
        Case::bytes("page", "webm", b"<!doctype html><title>404</title>").errored("not-a-video", "web page"),
        Case::bytes("playlist", "ts", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n").errored("not-a-video", "playlist"),
        Case::bytes("archive", "mkv", b"PK\x03\x04\x14\0\0\0\x08\0").errored("not-a-video", "archive"),
        Case::bytes("zeros", "mp4", &[0; 100_000]).errored("not-a-video", "format"),
        Case::new("picture", "png", "-frames:v 1").silent().named("picture.mp4").errored("not-a-video", "picture"),
        Case::new("jpeg", "jpg", "-frames:v 1").silent().named("jpeg.mov").errored("not-a-video", "picture"),
        Case::new("gif", "gif", "-frames:v 9").silent().named("gif.mp4").errored("not-a-video", "picture"),
        Case::bytes("tune", "mp4", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk").errored("not-a-video", "audio file"),
        Case::new("encrypted", "mp4", &format!("{h264_aac} -encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8"))
            .errored("protected-content", "encrypted"),
        Case::new("bought in a shop", "m4v", &format!("{h264_aac} -f mp4")).edit(|bytes| rename(bytes, *b"avc1", *b"drmi")).errored("protected-content", "encrypted"),
        Case::new("unknown codec", "mp4", &h264_aac).edit(|bytes| rename(bytes, *b"avc1", *b"zzzz")).errored("unsupported-codec", "codec"),
        Case::new("unknown codec in avi", "avi", "-c:v mpeg4 -c:a pcm_s16le").edit(|bytes| {
            let bytes = rename(bytes, *b"FMP4", *b"ZZZZ");
            let at = after(&bytes, *b"vids");
            let mut bytes = bytes;
            bytes[at..at + 4].copy_from_slice(b"ZZZZ");
            bytes
        }).errored("unsupported-codec", "codec"),
        // The header alone says so: nothing of such a length has to be made.
        Case::new("too long", "mkv", &h264_aac).silent().then("mp4", "-itsscale 43300 -i {} -c copy").errored("too-long", "43200 s"),
        Case::new("too large", "mkv", "-vf scale=9000:9000:flags=neighbor -c:v ffv1 -pix_fmt gray -frames:v 1").silent().errored("too-large", "9000×9000"),
        Case::new("too large by its pixels' shape", "mp4", &format!("-vf setsar=30/1 {H264}")).size(1920, 1080).rate((25, 1), 2).silent().errored("too-large", "at most"),
        Case::new("header alone", "mp4", &format!("{h264_aac} -movflags +faststart")).edit(first::<12>).errored("malformed-media", ""),
        Case::new("fragmented header alone", "mp4", &format!("{h264_aac} -movflags +frag_keyframe+empty_moov")).edit(|mut bytes| {
            let moof = bytes.windows(4).position(|w| w == b"moof").unwrap() - 4;
            bytes.truncate(moof);
            bytes
        }).errored("malformed-media", ""),
    ]
}
