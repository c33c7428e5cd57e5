//! Nothing from beyond a frame is shown: what lies there is the memory of the program that decodes.
//!
//! Each picture has a single colour, so every pixel of what is published is of that colour, or of a
//! black bar, or of a mixture where the two meet.

use reelrun_tests::{
    color::{Coding, delta_e},
    media::{Clips, decode},
    readings::Picture,
    stack::Stack,
};

use crate::matrix::{
    bytes::pixel_crop,
    case::{Case, H264},
    judge::Streams,
    runner::make,
};

/// The picture's colour.
const COLOR: [f64; 3] = [192.0, 64.0, 128.0];

/// Eight bits and two lossy encodes keep a colour this well, in each plane.
const TOLERANCE: f64 = 5.0;

/// Black, in limited range.
const BLACK: [f64; 3] = [16.0, 128.0, 128.0];

/// How far the codec mixes two sides of an edge.
const EDGE_PIXELS: u64 = 8;

/// Two seconds of the colour, in one size and then in another.
fn changing(name: &'static str, sizes: [&str; 2], options: &str) -> Case {
    let part = |at: usize| {
        let size = sizes[at];
        format!(
            "-f lavfi -i color=0xc04080:s={size}:r=25:d=1 {H264} {options} -output_ts_offset {at} -f mpegts"
        )
    };
    Case::bytes(name, "ts", &[]).join("ts", &[part(0), part(1)])
}

fn cases() -> Vec<Case> {
    let turned = |name, sizes, held: &str| {
        changing(name, sizes, "").then("mkv", &format!("-display_{held} -i {{}} -c copy"))
    };
    let by_message = "-bsf:v h264_metadata=display_orientation=insert:rotate=90";
    let cropped = |name, sizes, held: &str| {
        changing(name, sizes, "")
            .then("mkv", &format!("{held} -i {{}} -c copy -aspect 16:9"))
            .edit(|bytes| pixel_crop(bytes, [0xbb, 0xaa]))
    };
    let upright = "-display_rotation 0";
    vec![
        turned("turned, shrinks", ["640x360", "320x180"], "rotation 90"),
        turned(
            "turned, other shape",
            ["640x360", "200x300"],
            "rotation 270",
        ),
        turned("mirrored, shrinks", ["640x360", "320x180"], "hflip"),
        turned("turned, grows", ["320x180", "640x360"], "rotation 90"),
        changing(
            "turned by a message, shrinks",
            ["640x360", "320x180"],
            by_message,
        ),
        changing(
            "turned by a message, other shape",
            ["640x360", "180x320"],
            by_message,
        ),
        cropped("cropped, shrinks", ["320x300", "160x150"], upright),
        cropped("cropped, other shape", ["320x300", "640x100"], upright),
        cropped(
            "cropped, turned, shrinks",
            ["320x300", "160x150"],
            "-display_rotation 90",
        ),
        cropped(
            "cropped, smaller than what is cropped",
            ["320x300", "64x48"],
            upright,
        ),
    ]
}

#[test]
fn nothing_from_beyond_a_frame_is_shown() {
    let stack = Stack::get();
    let complaints: Vec<_> = cases()
        .iter()
        .filter_map(|case| {
            let complaint = complaint(&stack, case)?;
            Some(format!("{}: {complaint}", case.name))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn complaint(stack: &Stack, case: &Case) -> Option<String> {
    let clips = Clips::new();
    let video = stack.settled(&stack.upload(&make(&clips, case)));
    if video["status"] != "ready" {
        return Some(format!("{video}"));
    }
    let url = Streams::of(&video).picture;
    let picture = Picture::read(&url);
    if picture.frames() != 50 {
        return Some(format!("{} frames", picture.frames()));
    }
    let (width, height) = picture.size;
    let pixels = usize::try_from(width * height).unwrap();
    let raw = decode(
        &url,
        "-map 0:v:0 -fps_mode passthrough -vf format=yuv444p -f rawvideo pipe:1",
    );
    // The colour as it is published: of the first pixel, if that is right.
    let pixel =
        |frame: &[u8], at: usize| [0, 1, 2].map(|plane| f64::from(frame[at + plane * pixels]));
    let own = pixel(&raw, pixels / 2 + usize::try_from(width / 2).unwrap());
    let off = own_color(&picture.coding, own)?;
    if off > 4.0 {
        return Some(format!("its colour is off by {off:.1}"));
    }
    for (number, frame) in raw.chunks_exact(pixels * 3).enumerate() {
        let (mut colored, mut mixed) = (0_u64, 0_u64);
        for at in 0..pixels {
            let found = pixel(frame, at);
            if is_near(found, own) {
                colored += 1;
            } else if is_mixture(found, own) {
                mixed += u64::from(!is_near(found, BLACK));
            } else {
                return Some(format!(
                    "frame {number} has a pixel of {found:?}, not {own:?}"
                ));
            }
        }
        let is_first = number < 25;
        if is_first && colored < width * height || colored * 20 < width * height {
            return Some(format!("frame {number} has {colored} pixels of its own"));
        }
        if mixed > 2 * (width + height) * EDGE_PIXELS {
            return Some(format!(
                "frame {number} has {mixed} pixels that are no edge"
            ));
        }
    }
    None
}

/// How far the published colour is from the one that was made.
fn own_color(coding: &Coding, own: [f64; 3]) -> Option<f64> {
    Some(delta_e(COLOR, coding.rgb(own)?))
}

fn is_near(found: [f64; 3], wanted: [f64; 3]) -> bool {
    (0..3).all(|plane| (found[plane] - wanted[plane]).abs() <= TOLERANCE)
}

/// Whether it lies between black and the colour. Brightness has twice the detail that colour has, so
/// each is somewhere of its own between the two.
fn is_mixture(found: [f64; 3], own: [f64; 3]) -> bool {
    (0..3).all(|plane| {
        let (low, high) = (own[plane].min(BLACK[plane]), own[plane].max(BLACK[plane]));
        (low - 2.0 * TOLERANCE..=high + 2.0 * TOLERANCE).contains(&found[plane])
    })
}
