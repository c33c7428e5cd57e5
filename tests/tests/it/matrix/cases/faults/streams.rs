//! Streams that are not what their names or headers say: sound that begins late, that has no decoder, or
//! nothing in it; more streams than one expects.

use crate::matrix::{
    bytes::rename_first_sound,
    case::{Case, Ear, H264, Ready},
};

const AMBISONIC: &str = "-c:a libopus -mapping_family 2";

pub(crate) fn cases() -> Vec<Case> {
    [late(), undecodable(), ambisonic(), many(), stills()].concat()
}

/// Sound that begins when whoever looks at the beginning has long stopped.
fn late() -> Vec<Case> {
    // It flashes in the last second but one.
    let late = |name, extension, args: &str, rate: u32, seconds: u64| {
        Case::new(name, extension, args)
            .size(160, 90)
            .rate((rate, 1), (seconds + 2) * u64::from(rate))
            .card(|card| card.flash = (seconds + 1) * u64::from(rate))
            .late(0.0, seconds as f64)
    };
    let h264_aac = format!("{H264} -g 10 -c:a aac");
    vec![
        late("sound after 20 s in ts", "ts", &h264_aac, 5, 20),
        // Padded to the rate of a broadcast: a look at so many bytes sees less of it.
        late(
            "sound after 20 s in a broadcast",
            "ts",
            &format!("{h264_aac} -muxrate 3M"),
            5,
            20,
        ),
        late("sound after two minutes in ts", "ts", &h264_aac, 2, 120),
        late("sound after 20 s in flv", "flv", &h264_aac, 5, 20),
        late(
            "sound after a minute in flv",
            "flv",
            "-c:v flv1 -q:v 3 -c:a libmp3lame -ar 44100",
            5,
            60,
        ),
        late(
            "sound after 20 s in mpg",
            "mpg",
            "-c:v mpeg2video -q:v 3 -c:a mp2",
            25,
            20,
        ),
        late(
            "sound after 40 s in vob",
            "mpg",
            "-c:v mpeg2video -q:v 3 -c:a ac3 -f vob",
            25,
            40,
        )
        // Its last frames have no time of their own.
        .ready(|r| r.source_seconds = Some(41.9)),
    ]
}

/// Sound that has a name and no decoder, or a decoder and nothing to decode.
fn undecodable() -> Vec<Case> {
    let h264_aac = format!("{H264} -c:a aac");
    // The first of two is silent, the default, and becomes something else.
    let second = |name, extension| {
        Case::new(name, "mkv", &h264_aac).then(
            extension,
            "-f lavfi -i anullsrc=d=2 -i {} -map 1:v -map 0 -map 1:a -c:v copy -c:a aac -disposition:a:0 default -disposition:a:1 0",
        )
    };
    let none = "-filter_complex [1:a]atrim=end_sample=0[none] -map 0:v -map [none]";
    let silent = |left_out| {
        move |r: &mut Ready| {
            (r.has_audio, r.beep) = (false, None);
            r.not_used = vec![left_out];
        }
    };
    let no_decoder = |codec| ["audio", codec, "no-decoder"];
    let empty = |codec| ["audio", codec, "no-frames"];
    vec![
        second("ac-4, then aac", "mp4")
            .edit(|bytes| rename_first_sound(bytes, *b"ac-4"))
            .ready(|r| r.not_used = vec![no_decoder("ac4")]),
        second("mpeg-h, then aac", "mov")
            .edit(|bytes| rename_first_sound(bytes, *b"mhm1"))
            .ready(|r| r.not_used = vec![no_decoder("mpegh_3d_audio")]),
        second("nobody's codec, then aac", "mp4")
            .edit(|bytes| rename_first_sound(bytes, *b"zzzz"))
            .ready(|r| r.not_used = vec![no_decoder("unknown")]),
        Case::new("ac-4 alone", "mp4", &h264_aac)
            .edit(|bytes| rename_first_sound(bytes, *b"ac-4"))
            .ready(silent(no_decoder("ac4"))),
        Case::new("mpeg-h alone", "mp4", &h264_aac)
            .edit(|bytes| rename_first_sound(bytes, *b"mhm1"))
            .ready(silent(no_decoder("mpegh_3d_audio"))),
        Case::new(
            "empty sound in mkv",
            "mkv",
            &format!("{none} {H264} -c:a aac"),
        )
        .ready(silent(empty("aac"))),
        Case::new(
            "empty sound in ts",
            "ts",
            &format!("{none} {H264} -c:a aac"),
        )
        .ready(silent(empty("aac"))),
        Case::new(
            "empty sound, then another",
            "mkv",
            &format!("{none} -map 1:a {H264} -c:a aac"),
        )
        .ready(|r| r.not_used = vec![empty("aac")]),
    ]
}

/// A sound field around the listener: what comes from a side is heard there.
fn ambisonic() -> Vec<Case> {
    let field = |name, sign: &str, ear| {
        let pan = format!("-af pan=4c|c0=c0|c1={sign}1*c1|c2=0*c2|c3=0*c3");
        Case::new(name, "mkv", &format!("{H264} {pan} {AMBISONIC}"))
            .beep(|b| b.channels = 4)
            .ready(|r| r.ear = Some(ear))
    };
    vec![
        field("ambisonic, from the left", "", Ear::Left),
        field("ambisonic, from the right", "-", Ear::Right),
    ]
}

/// More tracks than a player expects.
fn many() -> Vec<Case> {
    let texts = " -map 1".repeat(34);
    let text = "-f srt -i data:text/plain;base64,MQowMDowMDowMCwwMDAgLS0+IDAwOjAwOjAxLDAwMApIaQo=";
    let base = |name| Case::new(name, "mkv", &format!("{H264} -c:a aac"));
    vec![
        base("36 tracks").then(
            "mp4",
            &format!("-i {{}} {text} -map 0{texts} -c copy -c:s mov_text"),
        ),
        base("36 tracks, sound last").then(
            "mkv",
            &format!("-i {{}} {text} -map 0:v{texts} -map 0:a -c copy"),
        ),
        base("36 tracks, picture last").then(
            "mkv",
            &format!("-i {{}} {text} -map 0:a{texts} -map 0:v -c copy"),
        ),
    ]
}

/// A still picture comes first, and nothing says that it is a cover.
fn stills() -> Vec<Case> {
    let still = |name, extension, codec: &str| {
        let args = format!(
            "-f lavfi -i testsrc2=s=640x480:d=1:r=1 -i {{}} -map 0 -map 1 -c copy -c:v:0 {codec} -disposition:v:0 default -disposition:v:1 0"
        );
        Case::new(name, "mkv", &format!("{H264} -c:a aac")).then(extension, &args)
    };
    vec![
        still("a jpeg before the picture", "mp4", "mjpeg")
            .ready(|r| r.not_used = vec![["video", "mjpeg", "not-chosen"]]),
        still("a png before the picture", "mkv", "png")
            .ready(|r| r.not_used = vec![["video", "png", "not-chosen"]]),
    ]
}
