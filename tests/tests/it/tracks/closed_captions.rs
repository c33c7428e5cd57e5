//! Captions within the picture.

use std::{path::PathBuf, process::Command};

use reelrun_tests::{
    chunks,
    closed_captions::insert,
    media::Clips,
    stack::{Stack, get, program},
};
use serde_json::Value;

use super::{master, text};

/// 14 s, with a caption over a joint of segments and one in the third.
fn clip(clips: &Clips, rate: &str) -> PathBuf {
    let plain = clips.make(
        "plain.h264",
        &format!(
            "-f lavfi -i testsrc2=s=320x180:r={rate}:d=14 -c:v libx264 -preset ultrafast -bf 0 -g 50 -pix_fmt yuv420p \
             -x264-params slices=1 -f h264"
        ),
    );
    let frame = |seconds: usize| seconds * rate.parse::<usize>().unwrap();
    let shown = [
        (frame(5), "HELLO"),
        (frame(7), ""),
        (frame(12), "SECOND ONE"),
        (frame(13), ""),
    ];
    let captioned = insert(&std::fs::read(plain).unwrap(), &shown);
    let captioned = clips.file("captioned.h264", &captioned);
    let input = captioned.display();
    clips.make(
        &format!("{rate}.mp4"),
        &format!("-r {rate} -i {input} -c copy"),
    )
}

/// What ffmpeg reads from a rendition: seconds, and the text.
fn read(clips: &Clips, video: &Value, rendition: &str) -> Vec<(f64, f64, String)> {
    let base = text(video, "/playback/hls").replace("master.m3u8", "");
    let folder = format!("{base}video/{rendition}/");
    let playlist = get(&format!("{folder}playlist.m3u8")).body;
    let playlist = m3u8_rs::parse_media_playlist_res(&playlist).unwrap();
    let mut bytes = get(&format!("{folder}init.mp4")).body;
    for segment in &playlist.segments {
        bytes.extend(get(&format!("{folder}{}", segment.uri)).body);
    }
    let file = clips.file("rendition.mp4", &bytes);
    let input = format!("movie={}[out+subcc]", file.display());
    let output = Command::new(program("ffmpeg"))
        .args(["-v", "error", "-f", "lavfi", "-i", &input])
        .args(["-map", "0:s", "-c:s", "webvtt", "-f", "webvtt", "-"])
        .output()
        .unwrap();
    let written = String::from_utf8(output.stdout).unwrap();
    let cues = reelrun_captions::read(written.as_bytes()).unwrap().cues;
    let seconds = |at: reelrun_captions::Timestamp| at.ms() as f64 / 1000.0;
    let cues = cues.iter().map(|cue| {
        (
            seconds(cue.from()),
            seconds(cue.until()),
            cue.text().plain(),
        )
    });
    cues.collect()
}

fn check(clips: &Clips, video: &Value) {
    let (written, playlist) = master(video);
    let captions = playlist.alternatives.iter();
    let captions: Vec<_> = captions.filter(|one| one.group_id == "captions").collect();
    assert_eq!(captions.len(), 1, "{written}");
    for rendition in video["renditions"].as_array().unwrap() {
        let name = rendition["name"].as_str().unwrap();
        let read = read(clips, video, name);
        let texts: Vec<_> = read.iter().map(|(.., text)| text.trim()).collect();
        assert_eq!(texts, ["HELLO", "SECOND ONE"], "{name}");
        // They are sent within a second, by two letters for each frame.
        for ((from, until, _), expected) in read.iter().zip([(5.0, 7.0), (12.0, 13.0)]) {
            assert!(
                (expected.0..expected.0 + 0.9).contains(from),
                "{name}: {read:?}"
            );
            assert!((until - expected.1).abs() < 0.3, "{name}: {read:?}");
        }
    }
}

#[tokio::test]
async fn captions_within_the_picture_stay_there() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = stack.ready(&clip(&clips, "25"));
    check(&clips, &video);
    let mpd = get(text(&video, "/playback/dash")).text();
    assert!(mpd.contains("cea-608:2015\" value=\"CC1=und\""), "{mpd}");
    // Without them, players are told not to look.
    let plain = stack.ready(&clips.silent("a.mp4", "160x120", "25", 1.0));
    assert!(master(&plain).0.contains("CLOSED-CAPTIONS=NONE"));
}

#[tokio::test]
async fn captions_within_the_picture_go_over_chunks() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = chunks::encoded(&stack, &clip(&clips, "50"), 2).await;
    check(&clips, &video);
}
