//! Long videos, encoded in parts by the state machine: the result is that of a single encode.

mod entries;

use std::{path::Path, time::Duration};

use aws_sdk_sfn::types::ExecutionStatus;
use reelrun_tests::{
    chunks::{encoded, executions, hls, inits, tasks, timing},
    configuration::Reconfigured,
    conformance::{Expected, check},
    media::{Clips, channels, luma, text},
    poll::{Patience, so},
    processes::running,
    signal::{SAME_PHASE, click, departure, phase},
    stack::Stack,
};
use serde_json::Value;

/// Four minutes are 40 segments, so the last count has a joint at each of them.
#[tokio::test]
async fn a_long_clip_is_the_same_in_any_number_of_chunks() {
    const SEGMENTS: usize = 40;
    const SECONDS: u32 = 240;
    const RATE: f64 = 48_000.0;
    const HERTZ: f64 = 441.0;
    let (stack, clips) = (Stack::get(), Clips::new());
    // A tone in the left ear, and a click at each full second in the right one.
    let file = clips.make(
        "long.mp4",
        &format!(
            "-f lavfi -i testsrc2=s=160x120:r=25:d={SECONDS} \
             -f lavfi -i aevalsrc=0.5*sin({HERTZ}*2*PI*t)|0.8*lt(mod(n\\,44100)\\,12):s=44100:d={SECONDS} \
             -c:v libx264 -preset ultrafast -g 130 -pix_fmt yuv420p -c:a aac -b:a 256k -metadata:s:a:0 language=deu"
        ),
    );
    let expected = Expected {
        frames: u64::from(SECONDS) * 25,
        frame_rate: (25, 1),
        size: (160, 120),
        renditions: &["240p"],
        language: Some("de"),
    };
    let whole = encoded(&stack, &file, 1).await;
    check(&whole, &expected);
    let whole_sound = channels(hls(&whole));
    // The codec itself departs from the tone by this much, once it has begun.
    let body = 48_000..whole_sound.left.len() - 48_000;
    let worst = |samples: &[f32]| {
        departure(&samples[body.clone()], HERTZ, RATE)
            .into_iter()
            .fold(0.0, f64::max)
    };
    let allowed = worst(&whole_sound.left) * 1.5;
    for chunks in [2, 7, 40] {
        let video = encoded(&stack, &file, chunks).await;
        check(&video, &expected);
        assert_eq!(timing(&video), timing(&whole), "{chunks} chunks");
        assert_eq!(inits(&video), inits(&whole), "{chunks} chunks");

        let sound = channels(hls(&video));
        assert_eq!(sound.left.len(), whole_sound.left.len());
        let departs = worst(&sound.left);
        assert!(
            departs <= allowed,
            "{chunks} chunks: {departs} instead of {allowed}"
        );
        // The same phase before and after each joint: no sample is lost or doubled.
        for chunk in 1..chunks as usize {
            let joint = chunk * SEGMENTS / chunks as usize * 6 * 48_000;
            for at in [joint - 4800, joint - 2400, joint] {
                let offset =
                    phase(&sound.left, at, HERTZ, RATE) - phase(&whole_sound.left, at, HERTZ, RATE);
                assert!(
                    offset.abs() < SAME_PHASE,
                    "{chunks} chunks: {offset} samples at {at}"
                );
            }
        }
        // Each click is where it was.
        for second in 1..SECONDS as usize {
            let (found, wanted) = (
                click(&sound.right, second),
                click(&whole_sound.right, second),
            );
            assert!(
                (found - wanted).abs() < 1.0,
                "{chunks} chunks, second {second}: {found} instead of {wanted}"
            );
        }
    }
}

/// Flat grey frames, each another grey than its neighbours, so that it is seen which frame is
/// shown; and a tone. A minute is ten segments.
fn grey(rate: &str, seconds: u32) -> String {
    format!(
        "-f lavfi -i color=s=176x144:r={rate}:d={seconds},geq=lum='20+mod(N*37\\,200)':cb=128:cr=128 \
         -f lavfi -i sine=f=500:r=44100:d={seconds} \
         -pix_fmt yuv420p -c:a aac -c:v libx264 -preset ultrafast"
    )
}

/// Encodes a file whole and in chunks; every frame and every sample must be the same.
async fn keeps_every_frame(stack: &Stack, file: &Path) {
    let whole = encoded(stack, file, 1).await;
    let shown = luma(hls(&whole));
    let sound = channels(hls(&whole));
    // The last count has a joint at each segment.
    for chunks in [2, 4, 10] {
        let video = encoded(stack, file, chunks).await;
        assert_eq!(timing(&video), timing(&whole), "{chunks} chunks");
        assert_eq!(inits(&video), inits(&whole), "{chunks} chunks");
        let frames = luma(hls(&video));
        assert_eq!(frames.len(), shown.len(), "{chunks} chunks");
        for (number, (found, wanted)) in frames.iter().zip(&shown).enumerate() {
            assert!(
                (found - wanted).abs() < 6.0,
                "{chunks} chunks: frame {number} is {found}, not {wanted}"
            );
        }
        let heard = channels(hls(&video));
        assert_eq!(heard.left.len(), sound.left.len(), "{chunks} chunks");
        for at in (48_000..heard.left.len() - 48_000).step_by(24_000) {
            let is_quiet = |samples: &[f32]| samples[at..at + 480].iter().all(|s| s.abs() < 0.01);
            if is_quiet(&heard.left) && is_quiet(&sound.left) {
                continue;
            }
            let offset =
                phase(&heard.left, at, 500.0, 48_000.0) - phase(&sound.left, at, 500.0, 48_000.0);
            assert!(
                offset.abs() < SAME_PHASE,
                "{chunks} chunks: {offset} samples at {at}"
            );
        }
    }
}

#[tokio::test]
async fn open_gops_at_ntsc_rate() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let options = "-bf 3 -g 75 -x264-params open-gop=1:b-adapt=0";
    let file = clips.make("open.mp4", &format!("{} {options}", grey("30000/1001", 60)));
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn film_rate_in_matroska() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "film.mkv",
        &format!("{} -bf 2 -g 100", grey("24000/1001", 60)),
    );
    keeps_every_frame(&stack, &file).await;
}

/// Starts within a GOP: an edit list leaves out what comes before.
#[tokio::test]
async fn an_edit_list() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let long = clips.make("long.mp4", &format!("{} -bf 2 -g 250", grey("25", 64)));
    let file = clips.make("edited.mp4", &format!("-ss 4 -i {} -c copy", text(&long)));
    keeps_every_frame(&stack, &file).await;
}

/// A frame missing in each seven, and once more than eleven seconds of them.
#[tokio::test]
async fn a_rate_that_varies() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let thinned = "-vf select='not(eq(mod(n\\,7)\\,3))*not(between(n\\,800\\,1150))' -fps_mode vfr";
    let file = clips.make(
        "varying.mp4",
        &format!("{} {thinned} -g 60", grey("30", 60)),
    );
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn a_picture_that_starts_late() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let later = "-vf setpts=PTS+8.5/TB -fps_mode passthrough";
    let file = clips.make("late.mp4", &format!("{} {later} -g 50", grey("25", 51)));
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn a_transport_stream() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("stream.ts", &format!("{} -bf 2 -g 60", grey("25", 59)));
    keeps_every_frame(&stack, &file).await;
}

/// Each group has an execution of its own, and one that refuses the source ends the run in which it is.
#[tokio::test]
async fn more_parts_than_one_execution_encodes_come_in_groups() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("wide.mp4", "160x90", "25", 246.0);
    let _configuration = Reconfigured::chunks(&stack, 80).await;
    let video = stack.settled(&stack.upload(&file));
    check(
        &video,
        &Expected {
            frames: 6150,
            frame_rate: (25, 1),
            size: (160, 90),
            renditions: &["240p"],
            language: Some("de"),
        },
    );
    assert_ended_well(&stack, &video).await;

    let id = stack.upload(&file);
    let soon = Patience::of(Duration::from_mins(1)).every(Duration::from_millis(20));
    let is_encoded = || so(running(&stack, &stack.transcode_function, "trim=").is_some());
    soon.wait_for("a part is encoded", async || is_encoded())
        .await;
    let source = stack
        .s3()
        .delete_object()
        .bucket(&stack.uploads_bucket)
        .key(format!("uploads/{id}/source"));
    source.send().await.unwrap();
    let video = stack.settled(&id);
    assert_eq!(video["error"]["type"], "source-missing", "{video:#}");
    let detail = video["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("of 41"), "{detail}");
    assert_ended_well(&stack, &video).await;
}

/// A video's run had two groups, and nothing that raises an alarm.
async fn assert_ended_well(stack: &Stack, video: &Value) {
    let patience = Patience::of(Duration::from_mins(2)).every(Duration::from_millis(200));
    let id = video["id"].as_str().unwrap();
    let look = async || {
        let ends = executions(stack, id).await;
        let is_running = |(_, status): &_| *status == ExecutionStatus::Running;
        if ends.iter().any(is_running) {
            return Err(ends);
        }
        Ok(ends)
    };
    let ends = patience.wait_for("all executions have ended", look).await;
    // Those of groups are not listed by every emulator, and one that is not needed any more may have been
    // stopped.
    let is_group = |name: &str| {
        ["-0-", "-1-"]
            .iter()
            .any(|group| name[id.len()..].starts_with(group))
    };
    let run = ends.iter().find(|(name, _)| !is_group(name));
    let (run, end) = run.unwrap();
    assert_eq!(*end, ExecutionStatus::Succeeded);
    let has_failed = |(_, status): &_| *status == ExecutionStatus::Failed;
    assert!(!ends.iter().any(has_failed), "{ends:?}");
    // Two groups, and the publishing or that there is none.
    assert_eq!(tasks(stack, run).await.0, 3);
}

#[tokio::test]
async fn av1_beside_h264() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("both.mp4", "640x360", "25", 14.0);
    let codecs = [("VIDEO_CODECS", "h264,av1".to_owned())];
    let _configuration = Reconfigured::variables(&stack, &codecs).await;
    let whole = encoded(&stack, &file, 1).await;
    let expected = Expected {
        frames: 350,
        frame_rate: (25, 1),
        size: (640, 360),
        renditions: &["360p", "240p", "360p-av1", "240p-av1"],
        language: Some("de"),
    };
    check(&whole, &expected);
    let video = encoded(&stack, &file, 2).await;
    check(&video, &expected);
    assert_eq!(timing(&video), timing(&whole));
    assert_eq!(inits(&video), inits(&whole));
}

/// It starts within a chunk, and pauses over the joint of two.
#[tokio::test]
async fn a_sound_that_starts_late_and_pauses() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = grey("25", 60);
    let (picture, _) = video.split_once("-f lavfi -i sine").unwrap();
    let file = clips.make(
        "pauses.mp4",
        &format!(
            "{picture} -itsoffset 19.3 -f lavfi -i sine=f=500:r=44100:d=40 -af aselect='not(between(t,22,41.3))' \
             -pix_fmt yuv420p -c:a aac -c:v libx264 -preset ultrafast -g 50"
        ),
    );
    keeps_every_frame(&stack, &file).await;
}
