//! Which part of a frame is shown, in which shape, which side up; said by the container, by the
//! bitstream or by a message in it; and all of that may be other half-way.

use crate::matrix::{
    bytes::{in_sample_entry, orientation_message, pixel_crop},
    case::{Case, H264},
};

const HEVC: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=0 -pix_fmt yuv420p";

/// The frame on which the second of two joined recordings begins.
const JOINT: u64 = 25;

pub(crate) fn cases() -> Vec<Case> {
    [
        changing(),
        turned_by_message(),
        changing_and_turned(),
        cropped(),
        reshaped(),
        between(),
    ]
    .concat()
}

/// The card, losslessly, of which further steps make something.
fn card(name: &'static str, extension: &str) -> Case {
    let file = format!("{name}.{extension}");
    Case::new(name, "mkv", &format!("{H264} -qp 0"))
        .silent()
        .named(file)
}

/// A second of the card after one filter, then a second after another, by the same encoder.
fn joined(name: &'static str, encoder: &str, filters: [&str; 2]) -> Case {
    let part = |at: u32, filter: &str| {
        format!(
            "-ss {at} -t 1 -i {{}} -vf {filter} {encoder} -output_ts_offset {at} -avoid_negative_ts disabled -f mpegts"
        )
    };
    card(name, "ts").join("ts", &[part(0, filters[0]), part(1, filters[1])])
}

/// The size is another half-way.
fn changing() -> Vec<Case> {
    let changing = |name, from: (u64, u64), to: (u64, u64)| {
        let scale = |(width, height)| format!("scale={width}:{height}");
        joined(name, H264, [&scale(from), &scale(to)]).ready(|r| {
            r.size = from;
            r.later = Some((JOINT, from));
        })
    };
    vec![
        changing("shrinks half-way", (640, 360), (320, 180)),
        changing("grows half-way", (320, 180), (640, 360)),
        changing("turned to portrait half-way", (320, 180), (180, 320))
            .ready(|r| r.later = Some((JOINT, (102, 180)))),
        changing("turned to landscape half-way", (180, 320), (320, 180)).ready(|r| {
            r.size = (180, 320);
            r.later = Some((JOINT, (180, 102)));
        }),
    ]
}

/// A message in the bitstream says how to hold the picture; the container says nothing.
fn turned_by_message() -> Vec<Case> {
    let turned = |name, extension, stored: &str, says: &str| {
        let message = format!("-bsf:v h264_metadata=display_orientation=insert:{says}");
        Case::new(name, extension, &format!("-vf {stored} {H264} {message}")).silent()
    };
    let hevc = |name, extension, stored: &str, edit| {
        Case::new(name, "hevc", &format!("-vf {stored} {HEVC}"))
            .silent()
            .edit(edit)
            .then(extension, "-i {} -c copy -bsf:v setts=ts=N/25/TB")
            .named(format!("{name}.{extension}"))
    };
    vec![
        turned("turned by a message", "ts", "transpose=clock", "rotate=90"),
        turned(
            "turned by a message in mp4",
            "mp4",
            "transpose=cclock",
            "rotate=270",
        ),
        turned(
            "turned over by a message",
            "mkv",
            "hflip,vflip",
            "rotate=180",
        ),
        turned("mirrored by a message", "ts", "hflip", "flip=horizontal"),
        turned("upside down by a message", "mp4", "vflip", "flip=vertical"),
        hevc(
            "hevc turned by a message",
            "ts",
            "transpose=clock",
            |bytes| orientation_message(&bytes, [0x08, 0x00, 0x18]),
        ),
        hevc("hevc mirrored by a message", "mp4", "hflip", |bytes| {
            orientation_message(&bytes, [0x40, 0x00, 0x18])
        }),
    ]
}

/// Both at once: what is turned or mirrored becomes smaller.
fn changing_and_turned() -> Vec<Case> {
    let by_container = |name, encoder, filter: &str, held: &str| {
        let filters = ["640:360", "320:180"].map(|size| format!("scale={size},{filter}"));
        joined(name, encoder, [&filters[0], &filters[1]])
            .then("mkv", &format!("-display_{held} -i {{}} -c copy"))
            .named(format!("{name}.mkv"))
            .ready(|r| {
                r.size = (640, 360);
                r.later = Some((JOINT, (640, 360)));
            })
    };
    let message = format!("{H264} -bsf:v h264_metadata=display_orientation=insert:rotate=90");
    let sizes = |from, to| [from, to].map(|size| format!("scale={size},transpose=clock"));
    let by_message = |name, sizes: [String; 2]| joined(name, &message, [&sizes[0], &sizes[1]]);
    vec![
        by_container(
            "turned, and shrinks",
            H264,
            "transpose=clock",
            "rotation 90",
        ),
        by_container(
            "hevc turned, and shrinks",
            HEVC,
            "transpose=cclock",
            "rotation 270",
        ),
        by_container("mirrored, and shrinks", H264, "hflip", "hflip"),
        by_message(
            "turned by a message, and shrinks",
            sizes("640:360", "320:180"),
        )
        .ready(|r| {
            r.size = (640, 360);
            r.later = Some((JOINT, (640, 360)));
        }),
        // What was upright lies on its side from then on, in both senses.
        by_message(
            "turned by a message, and on its side",
            sizes("320:180", "180:320"),
        )
        .ready(|r| r.later = Some((JOINT, (102, 180)))),
    ]
}

/// Only a part of each frame is to be seen. The rest is green.
fn cropped() -> Vec<Case> {
    const ROWS: &str = "pad=320:300:0:60:green";
    // Whole blocks: what an encoder adds to fill its last one is cropped as well.
    const BLOCKS: &str = "pad=320:304:0:60:green";
    const COLUMNS: &str = "pad=440:180:60:0:green";
    // The aspect has an element of the header written that the edit makes use of.
    let matroska = |name, pad: &str, edit| {
        Case::new(name, "mkv", &format!("-vf {pad} {H264} -aspect 16:9"))
            .silent()
            .edit(edit)
    };
    let bitstream = |name, extension, encoder: &str, crop: &str| {
        Case::new(
            name,
            extension,
            &format!("-vf {BLOCKS} {encoder} -bsf:v {crop}"),
        )
        .silent()
    };
    let shrinking = [
        "pad=320:300:0:60:green",
        "pad=320:300:0:60:green,scale=160:150",
    ];
    vec![
        matroska("cropped by matroska, rows", ROWS, |bytes| {
            pixel_crop(bytes, [0xbb, 0xaa])
        }),
        matroska("cropped by matroska, columns", COLUMNS, |bytes| {
            pixel_crop(bytes, [0xcc, 0xdd])
        })
        .ready(|r| r.size = (320, 180)),
        matroska(
            "cropped by matroska, and turned",
            "transpose=clock,pad=180:440:0:60:green",
            |bytes| bytes,
        )
        .then("mkv", "-display_rotation 90 -i {} -c copy -aspect 16:9")
        .edit(|bytes| pixel_crop(bytes, [0xbb, 0xaa])),
        joined("cropped by matroska, and shrinks", H264, shrinking)
            .then("mkv", "-i {} -c copy -aspect 16:9")
            .edit(|bytes| pixel_crop(bytes, [0xbb, 0xaa]))
            .named("cropped by matroska, and shrinks.mkv")
            .ready(|r| r.later = Some((JOINT, r.size))),
        Case::new(
            "cropped by a clean aperture",
            "mp4",
            &format!("-vf {ROWS} {H264}"),
        )
        .silent()
        .edit(|bytes| in_sample_entry(&bytes, *b"avc1", &clean_aperture(320, 180))),
        Case::new(
            "cropped by a clean aperture, hevc",
            "mov",
            &format!("-vf {COLUMNS} {HEVC} -tag:v hvc1"),
        )
        .silent()
        .edit(|bytes| in_sample_entry(&bytes, *b"hvc1", &clean_aperture(320, 180))),
        bitstream(
            "cropped by the bitstream",
            "mp4",
            H264,
            "h264_metadata=crop_top=60:crop_bottom=64",
        ),
        bitstream(
            "cropped by the bitstream, in ts",
            "ts",
            H264,
            "h264_metadata=crop_top=60:crop_bottom=64",
        ),
        bitstream(
            "cropped by the bitstream, hevc",
            "mkv",
            HEVC,
            "hevc_metadata=crop_top=60:crop_bottom=64",
        ),
    ]
}

/// A box that says how much of the middle is to be seen.
pub(super) fn clean_aperture(width: u32, height: u32) -> Vec<u8> {
    let numbers = [width, 1, height, 1, 0, 1, 0, 1];
    let contents = numbers.into_iter().flat_map(u32::to_be_bytes);
    40_u32
        .to_be_bytes()
        .into_iter()
        .chain(*b"clap")
        .chain(contents)
        .collect()
}

/// A pixel has another shape half-way. ffmpeg gives all frames of a stream the shape of the first, so
/// that is what they are seen in; all of each is.
fn reshaped() -> Vec<Case> {
    let mpeg2 = "-c:v mpeg2video -q:v 3";
    vec![
        joined(
            "pixels become square",
            H264,
            ["scale=320:240,setsar=4/3", "scale=320:240,setsar=1"],
        )
        .ready(|r| {
            r.size = (426, 240);
            r.later = Some((JOINT, r.size));
        }),
        joined(
            "pixels become wide",
            H264,
            ["scale=320:180,setsar=1", "scale=240:180,setsar=4/3"],
        )
        .ready(|r| r.later = Some((JOINT, (240, 180)))),
        joined(
            "pixels become narrow, mpeg-2",
            mpeg2,
            ["scale=352:288,setdar=16/9", "scale=352:288,setdar=4/3"],
        )
        .ready(|r| {
            r.size = (512, 288);
            r.later = Some((JOINT, r.size));
        }),
    ]
}

/// An angle between quarter turns is rounded.
fn between() -> Vec<Case> {
    let held = |name, stored: &str, degrees: &str| {
        Case::new(name, "mp4", &format!("-vf {stored} {H264}"))
            .silent()
            .then(
                "mp4",
                &format!("-display_rotation {degrees} -i {{}} -c copy"),
            )
    };
    vec![
        held("held at 50°", "transpose=clock", "50"),
        held("held at 40°", "null", "40"),
        held("held at 355°", "null", "355"),
        held("held at 190°", "hflip,vflip", "190"),
    ]
}
