//! The same kinds, in files of two segments that are encoded in two chunks: what is special comes before
//! the joint, at it, or after it.

use crate::matrix::{
    bytes::{in_sample_entry, pixel_crop, rename_first_sound},
    case::{Case, Ear, H264, Ready},
};

use super::geometry::clean_aperture;

const X265: &str = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1";

/// What a high dynamic range leaves room for.
const HDR_DELTA_E: f64 = 12.0;

/// The frame on which the second of two joined recordings begins. The second chunk begins ten later.
const JOINT: u64 = 20;

pub(crate) fn cases() -> Vec<Case> {
    [changing(), held(), cropped(), streams(), sounds(), colors()].concat()
}

/// Eight seconds of the card at five frames a second; it flashes in the second chunk.
fn long(name: &'static str, extension: &'static str, args: &str) -> Case {
    Case::new(name, extension, args)
        .rate((5, 1), 40)
        .card(|card| card.flash = 33)
}

fn silent(name: &'static str, extension: &'static str, filter: &str) -> Case {
    long(name, extension, &format!("-vf {filter} {H264} -g 10")).silent()
}

/// Four seconds of the card after one filter, then four after another.
fn joined(name: &'static str, encoder: &str, filters: [&str; 2]) -> Case {
    let part = |at: usize| {
        let (from, filter) = (at * 4, filters[at]);
        format!(
            "-ss {from} -t 4 -i {{}} -vf {filter} {encoder} -g 10 -output_ts_offset {from} -avoid_negative_ts disabled -f mpegts"
        )
    };
    long(name, "mkv", &format!("{H264} -qp 0"))
        .silent()
        .named(format!("{name}.ts"))
        .join("ts", &[part(0), part(1)])
}

/// The size or the shape is another half-way.
fn changing() -> Vec<Case> {
    let shrinks =
        |filter: &str| ["640:360", "320:180"].map(|size| format!("scale={size},{filter}"));
    let whole = |r: &mut Ready| {
        r.size = (640, 360);
        r.later = Some((JOINT, (640, 360)));
    };
    let by_container = |name, filter: &str, held: &str| {
        let filters = shrinks(filter);
        joined(name, H264, [&filters[0], &filters[1]])
            .then("mkv", &format!("-display_{held} -i {{}} -c copy"))
            .named(format!("{name}.mkv"))
            .ready(whole)
    };
    let message = format!("{H264} -bsf:v h264_metadata=display_orientation=insert:rotate=90");
    let turned = shrinks("transpose=clock");
    vec![
        by_container("turned, and shrinks", "transpose=clock", "rotation 90"),
        by_container("mirrored, and shrinks", "hflip", "hflip"),
        joined(
            "turned by a message, and shrinks",
            &message,
            [&turned[0], &turned[1]],
        )
        .ready(whole),
        joined(
            "turned to portrait half-way",
            H264,
            ["scale=320:180", "scale=180:320"],
        )
        .ready(|r| r.later = Some((JOINT, (102, 180)))),
        joined(
            "pixels become square",
            H264,
            ["scale=320:240,setsar=4/3", "scale=320:240,setsar=1"],
        )
        .ready(|r| {
            r.size = (426, 240);
            r.later = Some((JOINT, r.size));
        }),
    ]
}

/// An angle between quarter turns.
fn held() -> Vec<Case> {
    let held = |name, stored: &str, degrees: &str| {
        let turn = format!("-display_rotation {degrees} -i {{}} -c copy");
        silent(name, "mp4", stored).then("mp4", &turn)
    };
    vec![
        held("held at 50°", "transpose=clock", "50"),
        held("held at 355°", "null", "355"),
    ]
}

/// Only a part of each frame is to be seen.
fn cropped() -> Vec<Case> {
    let matroska = "pad=320:300:0:60:green";
    let blocks = "pad=320:304:0:60:green";
    let crop = format!("{H264} -g 10 -bsf:v h264_metadata=crop_top=60:crop_bottom=64");
    vec![
        long(
            "cropped by matroska",
            "mkv",
            &format!("-vf {matroska} {H264} -g 10 -aspect 16:9"),
        )
        .silent()
        .edit(|bytes| pixel_crop(bytes, [0xbb, 0xaa])),
        silent("cropped by a clean aperture", "mp4", matroska)
            .edit(|bytes| in_sample_entry(&bytes, *b"avc1", &clean_aperture(320, 180))),
        long(
            "cropped by the bitstream",
            "ts",
            &format!("-vf {blocks} {crop}"),
        )
        .silent(),
    ]
}

/// Streams of which there is more, or less, than their names say.
fn streams() -> Vec<Case> {
    let h264_aac = format!("{H264} -g 10 -c:a aac");
    let second = "-f lavfi -i anullsrc=d=8 -i {} -map 1:v -map 0 -map 1:a -c:v copy -c:a aac -disposition:a:0 default -disposition:a:1 0";
    let none = "-filter_complex [1:a]atrim=end_sample=0[none] -map 0:v -map [none]";
    let texts = " -map 1".repeat(34);
    let text = "-f srt -i data:text/plain;base64,MQowMDowMDowMCwwMDAgLS0+IDAwOjAwOjAxLDAwMApIaQo=";
    let still = "-f lavfi -i testsrc2=s=640x480:d=1:r=1 -i {} -map 0 -map 1 -c copy -c:v:0 mjpeg -disposition:v:0 default -disposition:v:1 0";
    vec![
        long("ac-4, then aac", "mkv", &h264_aac)
            .then("mp4", second)
            .edit(|bytes| rename_first_sound(bytes, *b"ac-4"))
            .ready(|r| r.not_used = vec![["audio", "ac4", "no-decoder"]]),
        long("mpeg-h alone", "mp4", &h264_aac)
            .edit(|bytes| rename_first_sound(bytes, *b"mhm1"))
            .ready(|r| {
                (r.has_audio, r.beep) = (false, None);
                r.not_used = vec![["audio", "mpegh_3d_audio", "no-decoder"]];
            }),
        long("empty sound", "mkv", &format!("{none} {h264_aac}")).ready(|r| {
            (r.has_audio, r.beep) = (false, None);
            r.not_used = vec![["audio", "aac", "no-frames"]];
        }),
        long(
            "empty sound, then another",
            "mkv",
            &format!("{none} -map 1:a {h264_aac}"),
        )
        .ready(|r| r.not_used = vec![["audio", "aac", "no-frames"]]),
        long("36 tracks", "mkv", &h264_aac).then(
            "mp4",
            &format!("-i {{}} {text} -map 0{texts} -c copy -c:s mov_text"),
        ),
        long("36 tracks, sound last", "mkv", &h264_aac).then(
            "mkv",
            &format!("-i {{}} {text} -map 0:v{texts} -map 0:a -c copy"),
        ),
        long("a jpeg before the picture", "mkv", &h264_aac)
            .then("mp4", still)
            .ready(|r| r.not_used = vec![["video", "mjpeg", "not-chosen"]]),
    ]
}

/// Sound that is a field, or begins in the second chunk.
fn sounds() -> Vec<Case> {
    let field = |name, sign: &str, ear| {
        let pan = format!("-af pan=4c|c0=c0|c1={sign}1*c1|c2=0*c2|c3=0*c3");
        let ambisonic = format!("{H264} -g 10 {pan} -c:a libopus -mapping_family 2");
        long(name, "mkv", &ambisonic)
            .beep(|b| b.channels = 4)
            .ready(|r| r.ear = Some(ear))
    };
    let late = |name, extension| {
        long(name, extension, &format!("{H264} -g 10 -c:a aac"))
            .card(|card| card.flash = 38)
            .late(0.0, 7.0)
    };
    vec![
        field("ambisonic, from the left", "", Ear::Left),
        field("ambisonic, from the right", "-", Ear::Right),
        late("sound after 7 s in flv", "flv"),
        late("sound after 7 s in ts", "ts"),
    ]
}

/// Colours that few can read, and colours of which only the container tells.
fn colors() -> Vec<Case> {
    let from =
        "format=gbrp,setparams=range=pc:colorspace=gbr:color_primaries=bt709:color_trc=bt709";
    let hevc = |name, filter: &str| {
        let args = format!("-vf {from},{filter},format=yuv420p10le {X265}");
        long(name, "mp4", &args).silent()
    };
    let high = |name, matrix: &str, transfer: &str| {
        let light = format!(
            "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=2020,zscale=t={transfer}:m={matrix}:r=limited:npl=203"
        );
        hevc(name, &light).ready(|r| r.delta_e = Some(HDR_DELTA_E))
    };
    // Small pictures that do not say otherwise are taken for BT.601.
    let stated = "-vf scale=out_color_matrix=bt709:out_range=tv -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv";
    let mpeg4 = "-c:v mpeg4 -q:v 2 -g 10";
    vec![
        hevc("ycgco", "zscale=p=709:t=709:m=ycgco:r=limited"),
        hevc(
            "bt.2020, constant luminance",
            "zscale=p=709:t=2020_10:m=2020_cl:r=limited",
        ),
        high("ictcp, pq", "ictcp", "smpte2084"),
        high("hlg", "2020_ncl", "arib-std-b67"),
        long(
            "bt.709 by matroska alone",
            "mkv",
            &format!("{stated} {mpeg4}"),
        )
        .silent(),
        long(
            "bt.709 by matroska without cues alone",
            "mkv",
            &format!("{stated} {mpeg4} -live 1"),
        )
        .silent(),
    ]
}
