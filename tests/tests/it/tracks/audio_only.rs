//! Files without a moving picture: podcasts, lectures, music.

use std::path::{Path, PathBuf};

use m3u8_rs::MasterPlaylist;
use reelrun_tests::{
    chunks,
    configuration::Reconfigured,
    media::{Clips, ffprobe},
    stack::{Stack, get},
};
use serde_json::{Value, json};

use super::{added, asked, audio::check_heard, master, text};

const HERTZ: f64 = 440.0;

/// A tone for a twentieth of a second in each second, after a cover if there is one.
fn recording(
    clips: &Clips,
    name: &str,
    seconds: u32,
    cover: Option<&str>,
    options: &str,
) -> PathBuf {
    let cover = cover.map_or_else(String::new, |size| {
        let picture = format!("-f lavfi -i testsrc2=s={size}:d=1:r=1 -frames:v 1");
        let file = clips.make("cover.jpg", &picture);
        let file = file.display();
        format!("-i {file} -map 0 -map 1 -c:v copy -disposition:v attached_pic ")
    });
    clips.make(
        name,
        &format!(
            "-f lavfi -i aevalsrc=0.5*sin(2*PI*{HERTZ}*t)*lt(mod(t\\,1)\\,0.05):s=44100:d={seconds} {cover}\
             -metadata language=eng {options}"
        ),
    )
}

fn size_of_poster(clips: &Clips, video: &Value) -> (u64, u64) {
    let poster = get(text(video, "/playback/poster"));
    assert_eq!(poster.status, 200);
    assert!(poster.body.len() > 2000, "{} bytes", poster.body.len());
    let file = clips.file("poster.jpg", &poster.body);
    let probed = ffprobe("-show_streams", file.to_str().unwrap());
    let of = |name: &str| probed["streams"][0][name].as_u64().unwrap();
    (of("width"), of("height"))
}

/// What the API, HLS and DASH say of it.
fn check_said(video: &Value, file: &Path) -> MasterPlaylist {
    let source = &video["source"];
    let codec = ffprobe("-show_streams -select_streams a", file.to_str().unwrap());
    assert_eq!(video["audio_only"], true);
    assert_eq!(source["audio_codec"], codec["streams"][0]["codec_name"]);
    for picture in ["width", "height", "frame_rate", "video_codec"] {
        assert_eq!(source[picture], Value::Null, "{picture}");
    }
    assert_eq!(
        (&video["renditions"], &source["not_used"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(video["audio_tracks"].as_array().unwrap().len(), 1);
    let (_, playlist) = master(video);
    let [variant] = &playlist.variants[..] else {
        panic!("{playlist:?}");
    };
    assert_eq!((variant.resolution, variant.is_i_frame), (None, false));
    assert_eq!(variant.codecs.as_deref(), Some("mp4a.40.2"));
    assert!(
        (10_000..200_000).contains(&variant.bandwidth),
        "{variant:?}"
    );
    let mpd = get(text(video, "/playback/dash")).text();
    let mpd = roxmltree::Document::parse(&mpd).unwrap();
    let sets = mpd
        .descendants()
        .filter(|node| node.has_tag_name("AdaptationSet"));
    let kinds: Vec<_> = sets
        .filter_map(|set| set.attribute("contentType"))
        .collect();
    let is_text = |kind: &&str| *kind == "text";
    assert_eq!(kinds[0], "audio");
    assert!(kinds[1..].iter().all(is_text), "{kinds:?}");
    playlist
}

#[tokio::test]
async fn each_format_is_heard_as_it_was() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let (cover, waveform) = ((300, 200), (1280, 720));
    for (name, has_cover, options) in [
        ("a.mp3", false, "-c:a libmp3lame -b:a 128k"),
        ("b.mp3", true, "-c:a libmp3lame -q:a 4 -id3v2_version 3"),
        ("a.m4a", false, "-c:a aac"),
        ("b.m4a", true, "-c:a aac -movflags +faststart"),
        ("a.wav", false, "-c:a pcm_s24le"),
        ("a.flac", false, "-c:a flac"),
        ("a.ogg", false, "-c:a libvorbis"),
        ("a.opus", false, "-c:a libopus"),
        (
            "mono.mp3",
            false,
            "-c:a libmp3lame -ac 1 -ar 22050 -b:a 24k",
        ),
        ("in matroska.webm", false, "-c:a libopus"),
    ] {
        let size = has_cover.then_some("300x200");
        let file = recording(&clips, name, 14, size, options);
        let video = stack.ready(&file);
        check_said(&video, &file);
        check_heard(text(&video, "/playback/hls"), HERTZ, 1..14);
        let expected = if has_cover { cover } else { waveform };
        assert_eq!(size_of_poster(&clips, &video), expected, "{name}");
    }
    // What it is, is only seen behind a tag that is longer than what is looked at first.
    let flac = std::fs::read(recording(&clips, "b.flac", 14, None, "-c:a flac")).unwrap();
    let tag = [&b"ID3\x03\0\0\0\x01\x1C\x20"[..], &vec![0; 20_000]].concat();
    let tagged = clips.file("tagged.flac", &[tag, flac].concat());
    let video = stack.ready(&tagged);
    check_said(&video, &tagged);
    check_heard(text(&video, "/playback/hls"), HERTZ, 1..14);
    // Nothing in ADTS says that its encoder began with a frame of nothing.
    let file = recording(&clips, "a.aac", 14, None, "-c:a aac -f adts");
    check_said(&stack.ready(&file), &file);
}

/// Where chunks meet, nothing is heard: each burst is where it was, and the segments are those of a whole.
#[tokio::test]
async fn chunks_are_as_of_a_whole() {
    let (stack, clips) = (Stack::get(), Clips::new());
    for (name, parts, options) in [
        ("constant.mp3", 3, "-c:a libmp3lame -b:a 64k"),
        ("variable.mp3", 3, "-c:a libmp3lame -q:a 6"),
        ("low.mp3", 3, "-c:a libmp3lame -ac 1 -ar 16000 -b:a 16k"),
        ("a.m4a", 3, "-c:a aac"),
        ("a.wav", 3, "-c:a pcm_s16le -ac 2"),
        ("a.flac", 3, "-c:a flac"),
    ] {
        let file = recording(&clips, name, 125, None, options);
        let whole = stack.ready(&file);
        let _chunks = Reconfigured::chunks(&stack, 4).await;
        let in_chunks = stack.ready(&file);
        let id = text(&in_chunks, "/id");
        let [(run, _)] = &chunks::executions(&stack, id).await[..] else {
            panic!("one run is expected of {name}");
        };
        let work = format!("work/{id}/{}/reports/audio-", &run[id.len() + 1..]);
        let reports = stack.keys(&stack.uploads_bucket, &work).await;
        assert_eq!(reports.len(), parts, "{name}: {reports:?}");
        assert_eq!(chunks::timing(&whole), chunks::timing(&in_chunks), "{name}");
        for video in [&whole, &in_chunks] {
            check_said(video, &file);
            check_heard(text(video, "/playback/hls"), HERTZ, 1..125);
        }
    }
}

#[tokio::test]
async fn a_transcript_is_shown_beside_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = recording(&clips, "a.mp3", 14, None, "-c:a libmp3lame");
    let video = stack.ready(&file);
    let id = text(&video, "/id");
    let cues = b"WEBVTT\n\n00:05.500 --> 00:07.000\nover a joint\n";
    let track = added(&stack, id, &asked("captions", "en", cues), cues);
    let video = stack.wait_for(id, |video| video["tracks"][0]["status"] == "ready");
    assert_eq!(video["tracks"][0]["id"], track.as_str());
    let playlist = check_said(&video, &file);
    assert_eq!(playlist.variants[0].subtitles.as_deref(), Some("subtitles"));
}

#[tokio::test]
async fn a_deployment_may_refuse_what_has_no_picture() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let refused = [("AUDIO_ONLY", "refused".to_owned())];
    let _configuration = Reconfigured::variables(&stack, &refused).await;
    for (name, cover, word) in [
        ("a.mp3", None, "sound"),
        ("b.m4a", Some("300x200"), "cover"),
    ] {
        let file = recording(&clips, name, 2, cover, "");
        let video = stack.settled(&stack.upload(&file));
        assert_eq!(video["error"]["type"], "no-video-stream", "{video:#}");
        assert!(text(&video, "/error/detail").contains(word), "{video:#}");
    }
}

/// What is damaged says so, and what names no audio is none.
#[tokio::test]
async fn what_can_not_be_heard_is_refused() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let whole = recording(&clips, "a.m4a", 14, None, "-c:a aac -movflags +faststart");
    let whole = std::fs::read(whole).unwrap();
    let cut = clips.file("cut.m4a", &whole[..whole.len() * 2 / 3]);
    let video = stack.settled(&stack.upload(&cut));
    assert_eq!(video["error"]["type"], "malformed-media", "{video:#}");
    assert!(
        text(&video, "/error/detail").contains("cut short"),
        "{video:#}"
    );
    let noise = (0..50_000_u32).flat_map(|at| at.wrapping_mul(at).to_le_bytes());
    let noise: Vec<_> = noise.collect();
    for (name, head) in [
        ("a.mp3", &b"ID3\x03\0\0\0\0\0\0"[..]),
        ("b.mp3", b"\xFF\xFB\x90\x64"),
        ("a.flac", b"fLaC"),
        ("a.wav", b"RIFF\0\0\0\0WAVE"),
        ("a.aac", b"\xFF\xF1\x50\x80"),
    ] {
        let file = clips.file(name, &[head, &noise].concat());
        let video = stack.settled(&stack.upload(&file));
        assert_eq!(video["status"], "errored", "{name}: {video:#}");
        assert_ne!(video["error"]["type"], "internal", "{name}: {video:#}");
    }
}
