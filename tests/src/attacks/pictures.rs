//! Pictures and streams that are more than anyone needs.

use super::{Attack, End, MALFORMED, clip, made, patched, replaced};
use crate::media::{Clips, text};

pub(super) fn attacks(clips: &Clips) -> Vec<Attack> {
    // The start of a JPEG frame: length, bits, then height and width.
    let large = 16_000_u16.to_be_bytes();
    let size = [large, large].concat();
    let jpeg = clip(clips, "jpeg.avi", "-c:v mjpeg");
    let avi_size = 16_000_u32.to_le_bytes();
    let claimed = patched(&jpeg, b"strf", 8, &[avi_size, avi_size].concat());
    let frame = |size: [u8; 4]| [b"\xFF\xC0\0\x11\x08", &size[..]].concat();
    let really = replaced(
        &claimed,
        &frame([0, 64, 0, 64]),
        &frame(size.try_into().unwrap()),
    );
    let vp8 = clip(clips, "large.webm", "-c:v libvpx");
    // A keyframe of VP8 begins with its mark, then width and height of 14 bits.
    let vp8 = patched(&vp8, &[0x9D, 0x01, 0x2A], 0, &[0xFF, 0x3F, 0xFF, 0x3F]);
    let cover = |name: &str, size: &str| {
        clips.make(
            name,
            &format!("-f lavfi -i color=s={size} -frames:v 1 -c:v png"),
        )
    };
    let with_cover = |name: &str, cover: &str| {
        made(
            clips,
            name,
            &format!(
                "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -i {cover} -map 0 -map 1 -c:v:0 libx264 -pix_fmt:v:0 yuv420p -c:v:1 copy -disposition:v:1 attached_pic"
            ),
        )
    };
    let small = with_cover("small-cover.mp4", text(&cover("small.png", "64x64")));
    let huge = 60_000_u32.to_be_bytes();
    let bomb = with_cover("cover.mp4", text(&cover("bomb.png", "7000x5000")));
    vec![
        Attack::new(
            "a picture of 16,000 × 16,000",
            "large.avi",
            really,
            End::Errored("too-large"),
        ),
        Attack::new(
            "a small picture that is said to be large",
            "said.avi",
            claimed,
            End::Ready,
        ),
        Attack::new(
            "a large picture that is said to be small",
            "unsaid.webm",
            vp8,
            MALFORMED,
        ),
        Attack::new(
            "a cover of 60,000 × 60,000",
            "cover.mp4",
            patched(&small, b"IHDR", 0, &[huge, huge].concat()),
            End::Ready,
        ),
        Attack::new(
            "a cover of 35 megapixels in 100 KB",
            "bomb.mp4",
            bomb,
            End::Ready,
        ),
        Attack::new(
            "three hundred streams",
            "streams.mkv",
            streams(clips, 300, "mkv"),
            End::Ready,
        ),
        Attack::new(
            "three hundred tracks",
            "tracks.mp4",
            streams(clips, 300, "mp4"),
            MALFORMED,
        ),
    ]
}

fn streams(clips: &Clips, count: usize, extension: &str) -> Vec<u8> {
    let one = clips.make(
        "one.mkv",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=0.2 -c:v libx264 -pix_fmt yuv420p",
    );
    let maps = "-map 0:v ".repeat(count);
    made(
        clips,
        &format!("streams.{extension}"),
        &format!("-i {} {maps} -c copy", text(&one)),
    )
}
