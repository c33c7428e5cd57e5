//! The main audio track as one file, as a speech recogniser reads it.

use std::path::Path;

use reelrun_tests::{
    chunks,
    media::{Clips, ffprobe, samples},
    mp4::boxes,
    stack::{Answer, Stack, get},
};
use serde_json::{Value, json};

use super::{audio::check_heard, master, text};

const HERTZ: f64 = 440.0;

/// A frame of AAC, in seconds.
const FRAME: f64 = 1024.0 / 48_000.0;

fn seconds(probed: &Value) -> f64 {
    let stream = &probed["streams"][0];
    assert_eq!(probed["streams"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&stream["codec_name"], &stream["start_pts"]),
        (&json!("aac"), &json!(0))
    );
    stream["duration"].as_str().unwrap().parse().unwrap()
}

/// Reads a video's audio file: it is as long as the sound of its source, the samples of its playlist are in
/// it, and it can be read from its beginning on.
fn check_file(video: &Value, source: &Path) -> Answer {
    let url = text(video, "/playback/audio");
    let answer = get(url);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "audio/mp4");
    assert!(answer.header("cache-control").contains("immutable"));
    let kinds: Vec<_> = boxes(&answer.body).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [*b"ftyp", *b"moov", *b"mdat"]);

    let sound = "-show_streams -select_streams a:0";
    let of_source = ffprobe(sound, source.to_str().unwrap());
    let of_source: f64 = of_source["streams"][0]["duration"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let length = seconds(&ffprobe("-show_streams", url));
    assert!((length - of_source).abs() <= FRAME, "{length} {of_source}");
    let base = text(video, "/playback/hls")
        .strip_suffix("master.m3u8")
        .unwrap();
    let (_, playlist) = master(video);
    let main = playlist.alternatives.into_iter().find_map(|one| one.uri);
    let main = main.unwrap_or_else(|| playlist.variants[0].uri.clone());
    assert!(samples(url) == samples(&format!("{base}{main}")), "{url}");
    answer
}

#[tokio::test]
async fn the_sound_of_a_video_is_one_file() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "a.mp4",
        &format!(
            "-f lavfi -i testsrc2=s=160x120:r=25:d=14 \
             -f lavfi -i aevalsrc=0.5*sin(2*PI*{HERTZ}*t)*lt(mod(t\\,1)\\,0.05):s=44100:d=14 \
             -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac"
        ),
    );
    let whole = stack.ready(&file);
    let in_chunks = chunks::encoded(&stack, &file, 2).await;
    for video in [whole, in_chunks] {
        check_file(&video, &file);
        check_heard(text(&video, "/playback/audio"), HERTZ, 1..14);
    }
}

/// One part of an upload is too small for it.
#[tokio::test]
async fn a_long_one_is_stored_in_parts() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let noise = "-f lavfi -i anoisesrc=r=16000:a=0.5:seed=1 -t 420 -c:a pcm_s16le";
    let file = clips.make("a.wav", noise);
    let video = stack.ready(&file);
    let read = check_file(&video, &file);
    assert!(read.body.len() > 6_000_000, "{}", read.body.len());
    let key = format!("videos/{}/audio.m4a", text(&video, "/id"));
    let head = stack.s3().head_object().bucket(&stack.media_bucket);
    let head = head.key(key).send().await.unwrap();
    assert!(head.e_tag.unwrap().trim_matches('"').ends_with("-2"));
}

#[tokio::test]
async fn without_sound_there_is_none() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = stack.ready(&clips.silent("a.mp4", "160x120", "25", 2.0));
    assert_eq!(video["playback"]["audio"], Value::Null);
    let stored = stack
        .media_keys(&format!("videos/{}/", text(&video, "/id")))
        .await;
    assert!(!stored.is_empty() && !stored.iter().any(|key| key.contains("audio")));
}
