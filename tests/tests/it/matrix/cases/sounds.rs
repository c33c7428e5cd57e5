//! Sound: codecs, channels, sample rates, and sound that is not as long as the picture.

use crate::matrix::case::{Case, H264};

pub(crate) fn cases() -> Vec<Case> {
    let with =
        |name, extension, sound: &str| Case::new(name, extension, &format!("{H264} {sound}"));
    let heard = |name, extension, sound: &str, codec| {
        with(name, extension, sound).ready(|r| r.audio_codec = Some(codec))
    };
    vec![
        with("no sound", "mp4", "").silent(),
        heard("aac", "mkv", "-c:a aac", "aac"),
        heard("mono", "mp4", "-c:a aac -ac 1", "aac"),
        heard("5.1 aac", "mp4", "-c:a aac -ac 6", "aac").beep(|b| b.channels = 6),
        heard("5.1 ac-3", "mkv", "-c:a ac3", "ac3").beep(|b| b.channels = 6),
        heard("ac-3 in mp4", "mp4", "-c:a ac3", "ac3"),
        heard("e-ac-3", "mp4", "-c:a eac3", "eac3"),
        heard("7.1 pcm", "mov", "-c:a pcm_s16le", "pcm_s16le").beep(|b| b.channels = 8),
        heard("dts", "mkv", "-c:a dca -strict -2", "dts"),
        heard("mp3 in mp4", "mp4", "-c:a libmp3lame", "mp3"),
        heard("mp3 in mkv", "mkv", "-c:a libmp3lame", "mp3"),
        heard("mp2 in ts", "ts", "-c:a mp2", "mp2"),
        heard("opus in mp4", "mp4", "-c:a libopus", "opus"),
        heard("opus in mkv", "mkv", "-c:a libopus", "opus"),
        heard("vorbis", "mkv", "-c:a libvorbis", "vorbis"),
        heard("flac in mp4", "mp4", "-c:a flac -strict -2", "flac"),
        heard("alac", "mov", "-c:a alac", "alac"),
        heard(
            "amr",
            "3gp",
            "-c:a libopencore_amrnb -ar 8000 -ac 1",
            "amr_nb",
        ),
        heard("pcm of 24 bits", "mov", "-c:a pcm_s24le", "pcm_s24le"),
        heard("pcm in floats", "mkv", "-c:a pcm_f32le", "pcm_f32le"),
        heard(
            "a-law of 8 khz",
            "mov",
            "-c:a pcm_alaw -ar 8000 -ac 1",
            "pcm_alaw",
        ),
        heard("adpcm", "avi", "-c:a adpcm_ms", "adpcm_ms"),
        heard("44.1 khz", "mp4", "-c:a aac -ar 44100", "aac"),
        heard("22.05 khz", "mp4", "-c:a aac -ar 22050", "aac"),
        heard("96 khz", "mkv", "-c:a flac -ar 96000", "flac"),
        with("starts late", "mp4", "-c:a aac").late(0.0, 0.5),
        with("starts late in mkv", "mkv", "-c:a libopus").late(0.0, 0.5),
        with("starts late in ts", "ts", "-c:a aac").late(0.0, 0.5),
        with("is shorter", "mp4", "-c:a aac").beep(|b| b.seconds = 1.4),
        with("is shorter in mkv", "mkv", "-c:a aac").beep(|b| b.seconds = 1.4),
        // Up to a second is padding; more is content, for which the last picture is held.
        with("is longer by half a second", "mp4", "-c:a aac")
            .beep(|b| b.seconds = 2.5)
            .ready(|r| r.source_seconds = Some(2.5)),
        with("is longer by two seconds", "mp4", "-c:a aac")
            .beep(|b| b.seconds = 4.0)
            .ready(|r| {
                r.frames = 100..=100;
                r.step = Some((1, 50));
            }),
        with("is longer by two seconds in mkv", "mkv", "-c:a aac")
            .beep(|b| b.seconds = 4.0)
            .ready(|r| {
                r.frames = 100..=101;
                r.step = None;
            }),
        with("is silent", "mp4", "-af volume=0 -c:a aac").ready(|r| r.beep = None),
    ]
}
