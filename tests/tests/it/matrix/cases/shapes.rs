//! Shapes: rotated, mirrored, anamorphic, odd, tiny and large pictures.

use crate::matrix::case::{Case, H264, Ready};

const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 10 -b:v 2M -pix_fmt yuv420p";

pub(crate) fn cases() -> Vec<Case> {
    [turned(), squeezed(), odd(), large()].concat()
}

/// The picture lies in the file in one way, and the file says how to hold it.
fn turned() -> Vec<Case> {
    let turned = |name, stored: &str, held: &str| {
        Case::new(name, "mp4", &format!("-vf {stored} {H264}"))
            .silent()
            .then("mp4", &format!("-display_{held} -i {{}} -c copy"))
    };
    let clockwise = |name| turned(name, "transpose=clock", "rotation 90");
    vec![
        clockwise("rotated by 90°").ready(|r| r.renditions = Some(&["240p"])),
        turned("rotated by 180°", "hflip,vflip", "rotation 180"),
        turned("rotated by 270°", "transpose=cclock", "rotation 270"),
        turned("mirrored", "hflip", "hflip"),
        turned("upside down", "vflip", "vflip"),
        turned(
            "rotated and mirrored",
            "transpose=clock_flip",
            "rotation 90 -display_hflip",
        ),
        clockwise("rotated by 90° in mov").then("mov", "-i {} -c copy"),
        clockwise("rotated by 90° in mkv").then("mkv", "-i {} -c copy"),
        // Pixels that are half as wide as high, lying on their side.
        turned(
            "rotated and anamorphic",
            "transpose=clock,scale=180:160,setsar=1/2",
            "rotation 90",
        )
        .ready(|r| r.size = (160, 90)),
    ]
}

/// Pixels that are no squares.
fn squeezed() -> Vec<Case> {
    let squeezed = |name, extension, args: &str, (width, height), published| {
        let case = Case::new(name, extension, args).size(width, height);
        case.silent().ready(|r| r.size = published)
    };
    let in_pixels = |shape| format!("-vf setsar={shape} {H264}");
    let dvd = "-aspect 16:9 -c:v mpeg2video -q:v 3";
    let container_alone = format!("{H264} -aspect 16:9");
    vec![
        squeezed("pal, 16:9", "mpg", dvd, (720, 576), (1024, 576)),
        squeezed(
            "ntsc, 4:3",
            "mkv",
            &in_pixels("8/9"),
            (720, 480),
            (640, 480),
        ),
        squeezed(
            "by the container",
            "mkv",
            &container_alone,
            (320, 240),
            (426, 240),
        ),
        squeezed(
            "narrow pixels",
            "mp4",
            &in_pixels("1/2"),
            (640, 180),
            (320, 180),
        ),
        squeezed(
            "wide pixels",
            "mp4",
            &in_pixels("2/1"),
            (160, 180),
            (320, 180),
        ),
    ]
}

fn odd() -> Vec<Case> {
    let sized = |name, extension, args: &str, (width, height)| {
        Case::new(name, extension, args)
            .size(width, height)
            .silent()
    };
    // Published in even numbers, and never larger; but for what has less than two pixels.
    let even = |size| move |r: &mut Ready| r.size = size;
    // Too small for cells to be told apart.
    let tiny = |name, from, to| {
        sized(name, "webm", VP9, from).ready(|r| {
            r.size = to;
            (r.delta_e, r.flash, r.step) = (None, None, None);
            r.renditions = (from != (1, 1)).then_some(&["240p"]);
        })
    };
    let h264_444 = "-c:v libx264 -preset ultrafast -pix_fmt yuv444p";
    // Untagged pictures of this size are taken for BT.709.
    let hd = format!("{H264} -vf scale=out_color_matrix=bt709");
    vec![
        sized("odd", "webm", VP9, (321, 181)).ready(even((320, 180))),
        sized("odd 4:4:4", "mkv", h264_444, (333, 187)).ready(even((332, 186))),
        tiny("17x33", (17, 33), (16, 32)),
        tiny("15x9", (15, 9), (14, 8)),
        tiny("2x2", (2, 2), (2, 2)),
        tiny("1x1", (1, 1), (2, 2)),
        sized("portrait", "mp4", H264, (180, 320)).ready(|r| r.renditions = Some(&["240p"])),
        sized("square", "mp4", H264, (240, 240)),
        sized("very wide", "mp4", &hd, (1280, 64)),
        sized("very high", "mp4", &hd, (64, 1280)),
    ]
}

fn large() -> Vec<Case> {
    let hd = format!("{H264} -vf scale=out_color_matrix=bt709 -c:a aac");
    vec![
        Case::new("4k", "mp4", &hd)
            .size(3840, 2160)
            .rate((30, 1), 12)
            .ready(|r| r.size = (1920, 1080)),
        Case::new("full hd", "mp4", &hd)
            .size(1920, 1080)
            .rate((25, 1), 25),
    ]
}
