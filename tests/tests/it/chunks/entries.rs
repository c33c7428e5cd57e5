//! Sources that are not to be entered where they say, or not at all. Whatever is done about it, viewers
//! see what one encode gives.

use std::path::{Path, PathBuf};

use reelrun_tests::{
    chunks::{executions, hls, inits, playlist, timing},
    configuration::Reconfigured,
    media::{Clips, luma, text},
    readings::Sound,
    stack::Stack,
};
use serde_json::Value;

use super::grey;
use crate::matrix::bytes::{rename, shorter_by_its_header, without_cues};

/// How a source is encoded if three chunks are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// In one piece.
    One,
    /// Each chunk enters it in its middle.
    Several,
    /// Each chunk enters a copy of its picture.
    OfCopy,
    /// Each chunk decodes it from its beginning.
    FromStart,
}

/// Encodes a file in up to so many parts, and tells how.
async fn encoded(stack: &Stack, file: &Path, chunks: u32) -> (Value, Parts) {
    let _configuration = Reconfigured::chunks(stack, chunks).await;
    let id = stack.upload(file);
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{chunks} chunks: {video:#}");
    let parts = if executions(stack, &id).await.is_empty() {
        Parts::One
    } else {
        as_planned(stack, &id).await
    };
    (video, parts)
}

/// How the only run of a video was planned. What it has copied is gone once its video is ready.
async fn as_planned(stack: &Stack, id: &str) -> Parts {
    let keys = stack
        .keys(&stack.uploads_bucket, &format!("work/{id}/"))
        .await;
    let left = keys.iter().filter(|key| key.ends_with("/picture.nut"));
    assert_eq!(left.count(), 0, "{keys:?}");
    let plan = keys.iter().find(|key| key.ends_with("/plan.json")).unwrap();
    let plan = stack
        .s3()
        .get_object()
        .bucket(&stack.uploads_bucket)
        .key(plan);
    let plan = plan.send().await.unwrap().body.collect().await.unwrap();
    let plan: Value = serde_json::from_slice(&plan.into_bytes()).unwrap();
    if plan["enters_at_start"] == true {
        Parts::FromStart
    } else if plan["copy"].is_object() {
        Parts::OfCopy
    } else {
        Parts::Several
    }
}

/// Encodes a file whole and in up to three chunks: every frame must be the same, and the sound must
/// begin and end at the same moment. No two neighbours are alike, but for those that lead in: a frame
/// that was missing or doubled in both would show.
async fn is_as_one_encode(stack: &Stack, file: &Path, frames: usize, parts: Parts) {
    is_as_one_encode_in(stack, file, 3, frames, parts).await;
}

/// The same with up to so many chunks.
async fn is_as_one_encode_in(stack: &Stack, file: &Path, chunks: u32, frames: usize, parts: Parts) {
    let shown = encoded_twice(stack, file, chunks, parts).await;
    assert_eq!(shown.len(), frames);
    let alike = shown.windows(2).filter(|w| (w[0] - w[1]).abs() < 6.0);
    let led_in = frames.saturating_sub(FRAMES).max(1);
    assert!(alike.count() <= led_in, "{shown:?}");
}

/// Encodes a file whole and in up to so many chunks, which must be the same, and gives its frames.
async fn encoded_twice(stack: &Stack, file: &Path, chunks: u32, parts: Parts) -> Vec<f64> {
    let (whole, _) = encoded(stack, file, 1).await;
    let (video, found) = encoded(stack, file, chunks).await;
    assert_eq!(found, parts);
    assert_eq!(timing(&video), timing(&whole));
    assert_eq!(inits(&video), inits(&whole));
    let (shown, wanted) = (luma(hls(&video)), luma(hls(&whole)));
    assert_eq!(shown.len(), wanted.len());
    for (number, (shown, wanted)) in shown.iter().zip(&wanted).enumerate() {
        assert!(
            (shown - wanted).abs() < 6.0,
            "frame {number} is {shown}, not {wanted}"
        );
    }
    let codec = |video: &Value| video["source"]["audio_codec"].as_str().map(str::to_owned);
    assert_eq!(codec(&video), codec(&whole));
    if codec(&whole).is_some() {
        let sound = |video| Sound::read(&playlist(video, "audio/main"));
        let (heard, wanted) = (sound(&video), sound(&whole));
        assert!((heard.seconds() - wanted.seconds()).abs() < 0.001);
        let apart = heard.onset().unwrap() - wanted.onset().unwrap();
        assert!(apart.abs() < 0.005, "the sound is {apart} s off");
    }
    wanted
}

/// A minute of grey frames: ten segments.
const SECONDS: u32 = 60;
const FRAMES: usize = 1500;

/// The same where the encoder of the sound begins before the picture, and the container has no word
/// for that.
const LED_IN: usize = FRAMES + 1;

fn minute(options: &str) -> String {
    format!("{} {options}", grey("25", SECONDS))
}

/// The same in MPEG-4 part 2.
fn minute_of_mpeg4(options: &str) -> String {
    minute(options).replace("libx264 -preset ultrafast", "mpeg4 -q:v 3")
}

fn edited(clips: &Clips, file: &Path, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
    let name = file.file_name().unwrap().to_str().unwrap();
    let bytes = edit(std::fs::read(file).unwrap());
    clips.file(&format!("edited {name}"), &bytes)
}

/// No list of keyframes: all frames are taken for some.
fn without_keyframes(bytes: Vec<u8>) -> Vec<u8> {
    rename(bytes, *b"stss", *b"free")
}

#[tokio::test]
async fn every_frame_is_called_a_keyframe() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let long = "-g 250 -keyint_min 250 -sc_threshold 0";
    let file = clips.make("no-stss.mp4", &minute(long));
    let file = edited(&clips, &file, without_keyframes);
    is_as_one_encode(&stack, &file, FRAMES, Parts::FromStart).await;
}

/// Its decoder shows grey, and not nothing, where it is entered in the middle.
#[tokio::test]
async fn every_frame_of_mpeg4_is_called_a_keyframe() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "no-stss.mp4",
        &minute_of_mpeg4("-g 250 -sc_threshold 1000000"),
    );
    let file = edited(&clips, &file, without_keyframes);
    is_as_one_encode(&stack, &file, FRAMES, Parts::FromStart).await;
}

/// Every frame is one indeed.
#[tokio::test]
async fn every_frame_is_a_keyframe() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("intra.mp4", &minute("-g 1"));
    let file = edited(&clips, &file, |bytes| bytes);
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
}

#[tokio::test]
async fn intra_refresh() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "refresh.mp4",
        &minute("-x264-params intra-refresh=1:keyint=60"),
    );
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
}

#[tokio::test]
async fn intra_refresh_in_a_transport_stream() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "refresh.ts",
        &minute("-x264-params intra-refresh=1:keyint=60"),
    );
    is_as_one_encode(&stack, &file, LED_IN, Parts::Several).await;
}

#[tokio::test]
async fn one_keyframe() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("one.mp4", &minute("-g 9999 -sc_threshold 0"));
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
    // Of so many chunks, most would decode more of what is before them than of themselves.
    is_as_one_encode_in(&stack, &file, 10, FRAMES, Parts::FromStart).await;
}

#[tokio::test]
async fn one_keyframe_in_matroska() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("one.mkv", &minute("-g 9999 -sc_threshold 0"));
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
}

#[tokio::test]
async fn matroska_without_cues() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("cues.mkv", &minute("-g 50"));
    let file = edited(&clips, &file, without_cues);
    is_as_one_encode(&stack, &file, FRAMES, Parts::OfCopy).await;
}

#[tokio::test]
async fn matroska_that_is_longer_than_it_states() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("longer.mkv", &minute("-g 50"));
    let file = edited(&clips, &file, shorter_by_its_header);
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
}

#[tokio::test]
async fn a_broadcast_that_begins_in_the_middle() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "middle.ts",
        &minute("-g 250 -keyint_min 250 -sc_threshold 0"),
    );
    // Without its first keyframe, it begins ten seconds later.
    let file = edited(&clips, &file, |bytes| bytes[188 * 200..].to_vec());
    is_as_one_encode(&stack, &file, FRAMES - 250, Parts::Several).await;
}

/// As browsers, recorders and streams of segments write it.
#[tokio::test]
async fn mp4_in_fragments() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let options = "-bf 2 -g 50 -movflags frag_keyframe+empty_moov";
    let file = clips.make("fragments.mp4", &minute(options));
    // No edit list takes back what frames wait for their reordering.
    is_as_one_encode(&stack, &file, FRAMES + 2, Parts::OfCopy).await;
}

/// As browsers record it: it states neither its length nor where its keyframes are.
#[tokio::test]
async fn webm_from_a_browser() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let codecs = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 300k -g 50 -c:a libopus";
    let file = clips.make("browser.webm", &minute(&format!("{codecs} -live 1")));
    is_as_one_encode(&stack, &file, FRAMES, Parts::OfCopy).await;
}

#[tokio::test]
async fn flash_video() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("flash.flv", &minute("-bf 2 -g 50"));
    is_as_one_encode(&stack, &file, LED_IN, Parts::OfCopy).await;
}

#[tokio::test]
async fn flash_video_with_one_keyframe() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("one.flv", &minute("-g 9999 -sc_threshold 0 -an"));
    is_as_one_encode_in(&stack, &file, 10, FRAMES, Parts::FromStart).await;
}

#[tokio::test]
async fn a_program_stream() {
    let (stack, clips) = (Stack::get(), Clips::new());
    // As large as frames are: of small ones, only some have a time.
    let noise = "-vf noise=c1s=60:c1f=t -s 352x288";
    let mpeg2 = minute(&format!("{noise} -bf 2 -g 15 -q:v 2 -c:a mp2"));
    let mpeg2 = mpeg2.replace("libx264 -preset ultrafast", "mpeg2video");
    let file = clips.make("program.mpg", &mpeg2);
    is_as_one_encode(&stack, &file, FRAMES, Parts::OfCopy).await;
}

/// Its frames have no times but their places.
#[tokio::test]
async fn avi() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("minute.avi", &minute_of_mpeg4("-g 50 -c:a libmp3lame"));
    is_as_one_encode(&stack, &file, LED_IN, Parts::Several).await;
}

#[tokio::test]
async fn windows_media() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let codecs = minute("-g 50 -c:a wmav2").replace("libx264 -preset ultrafast", "wmv2 -q:v 3");
    let file = clips.make("windows.wmv", &codecs);
    is_as_one_encode(&stack, &file, LED_IN, Parts::OfCopy).await;
}

#[tokio::test]
async fn one_keyframe_in_a_transport_stream() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("one.ts", &minute("-g 9999 -sc_threshold 0"));
    is_as_one_encode_in(&stack, &file, 10, LED_IN, Parts::FromStart).await;
}

/// The second by another clock, and in another size.
#[tokio::test]
async fn joined_recordings() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let grey = grey("25", SECONDS / 2);
    let part = |name: &str, options: &str| clips.make(name, &format!("{grey} -g 50 {options}"));
    let first = part("first.ts", "-output_ts_offset 600");
    let second = part("second.ts", "-vf scale=88:100");
    let bytes = [first, second].map(|path| std::fs::read(path).unwrap());
    let file = clips.file("joined.ts", &bytes.concat());
    is_as_one_encode(&stack, &file, LED_IN, Parts::OfCopy).await;
}

/// A chunk begins after the picture has become another.
#[tokio::test]
async fn a_size_that_changes() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let grey = grey("25", SECONDS / 2);
    let part = |name: &str, options: &str| clips.make(name, &format!("{grey} -g 50 {options}"));
    let first = part("first.ts", "-an");
    let second = part("second.ts", "-an -vf scale=88:100 -output_ts_offset 30");
    let bytes = [first, second].map(|path| std::fs::read(path).unwrap());
    let joined = clips.file("joined.ts", &bytes.concat());
    let turned = format!("-display_rotation 90 -i {} -c copy", text(&joined));
    let file = clips.make("turned.mkv", &turned);
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
    is_as_one_encode(&stack, &joined, FRAMES, Parts::Several).await;
}

/// Sound that nobody finds at the beginning.
#[tokio::test]
async fn sound_that_begins_in_the_last_chunk() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let late = minute("-af atrim=end=15,asetpts=PTS+45/TB -g 50 -muxrate 3M");
    let file = clips.make("late.ts", &late);
    is_as_one_encode(&stack, &file, FRAMES, Parts::Several).await;
}

/// A clock that leaps in a container of a single clock: what it says is shown, and the picture stands
/// still meanwhile.
#[tokio::test]
async fn matroska_whose_clock_leaps() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let long = clips.make("long.mkv", &format!("{} -g 50", grey("25", 20)));
    let leap = "-c copy -bsf setts=ts=TS+gte(TS*TB\\,10)*40/TB";
    let file = clips.make("leaps.mkv", &format!("-i {} {leap}", text(&long)));
    let shown = encoded_twice(&stack, &file, 3, Parts::Several).await;
    assert_eq!(shown.len(), FRAMES);
    let still = shown.windows(2).filter(|w| (w[0] - w[1]).abs() < 6.0);
    assert_eq!(still.count(), 1000);
}
