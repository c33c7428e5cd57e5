//! A function is killed at any point of its encode, twenty times; and what it runs.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use reelrun_tests::{
    configuration::Reconfigured,
    conformance::{Expected, check},
    media::Clips,
    poll::Patience,
    processes::{of_function, running},
    stack::Stack,
};

const KILLS: u32 = 20;

/// An encode may be over in a second.
const CLOSELY: Patience = Patience::of(Duration::from_mins(1)).every(Duration::from_millis(5));

/// Encodes under way at once.
const AT_ONCE: usize = 5;

#[tokio::test]
async fn twenty_kills_are_twenty_ready_videos() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let file = clips.silent("killed.mp4", "640x360", "25", 12.0);
    let begun = Instant::now();
    stack.ready(&file);
    // As many at once take about so many times as long.
    let whole = begun.elapsed() * u32::try_from(AT_ONCE).unwrap_or(1) / 2;
    let left: Mutex<Vec<u32>> = Mutex::new((0..KILLS).collect());
    let ended = Mutex::new(Vec::new());
    let next = || left.lock().ok()?.pop();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(kill) = next() {
                    // Of a uniform spread over the encode, each point once.
                    let after = whole * (2 * kill + 1) / (2 * KILLS);
                    let killed = kill_after(&stack, &file, after);
                    if let Ok(mut ended) = ended.lock() {
                        ended.push(killed);
                    }
                }
            });
        }
    });
    let ended = ended.into_inner().unwrap_or_default();
    assert_eq!(ended.len(), KILLS as usize);
    for (id, after) in ended {
        let video = stack.settled(&id);
        assert_eq!(
            video["status"], "ready",
            "killed after {after:?}: {video:#}"
        );
        let attempts = stack.attempts(&id).await;
        println!("killed {after:?} after ffmpeg began: ready, {attempts} attempts");
        // One more where so much at once kept the stack from answering in time.
        assert!(attempts >= 2, "{id} had {attempts}");
        let expected = Expected {
            frames: 300,
            frame_rate: (25, 1),
            size: (640, 360),
            renditions: &["360p", "240p"],
            language: None,
        };
        check(&video, &expected);
    }
}

/// Uploads a clip and kills the function this long after it has begun; when it was done by then,
/// another one in half the time. Gives the video whose function was killed, and when.
fn kill_after(stack: &Stack, file: &std::path::Path, mut after: Duration) -> (String, Duration) {
    loop {
        let id = stack.upload(file);
        let of_video = || running(stack, &stack.transcode_function, &id);
        // One that was missed, being so short, is tried again.
        let _ = CLOSELY.try_block_on(|| of_video().ok_or(()));
        std::thread::sleep(after);
        if let Some(process) = of_video() {
            process.kill();
            return (id, after);
        }
        after /= 2;
    }
}

/// Waits for what is there once a video is encoded.
fn found<T>(id: &str, look: impl Fn() -> Option<T>) -> T {
    CLOSELY.block_on(&format!("{id} is encoded"), || look().ok_or("it is not"))
}

/// A file that makes ffmpeg crash may have run code of its own: it has its verdict, and what comes next
/// finds another process.
#[tokio::test]
async fn a_crash_ends_the_function_that_saw_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let file = clips.silent("crash.mp4", "640x360", "25", 40.0);
    // One crash is followed by a try with fewer filters, in one thread; a second one is held against
    // the file.
    for crashes in [1, 2] {
        let id = stack.upload(&file);
        let mut crashed = None;
        for is_plain in [false, true].into_iter().take(crashes) {
            let (function, program) = found(&id, || {
                let function = running(&stack, &stack.transcode_function, &id)?;
                let mut programs = function.programs().into_iter();
                let is_meant = |line: &str| {
                    line.contains("-reinit_filter") && line.contains("-threads 1") == is_plain
                };
                let (program, _) = programs.find(|(_, line)| is_meant(line))?;
                Some((function, program))
            });
            std::thread::sleep(Duration::from_millis(300));
            program.crash();
            crashed = Some(function);
        }
        let video = stack.settled(&id);
        if crashes == 1 {
            assert_eq!(video["status"], "ready", "{video:#}");
            assert_eq!(video["playback"]["poster"], serde_json::Value::Null);
        } else {
            assert_eq!(video["error"]["type"], "malformed-media", "{video:#}");
        }
        assert_eq!(stack.attempts(&id).await, 1);
        // Another file is encoded as ever, by another process.
        stack.ready(&clips.silent("next.mp4", "320x180", "25", 1.0));
        let alive = of_function(&stack, &stack.transcode_function);
        let crashed = crashed.unwrap();
        assert!(!alive.contains(&crashed), "{crashed:?} of {alive:?}");
    }
}

/// Two programs make a video, and either may be lost.
#[tokio::test]
async fn a_program_that_is_killed_runs_again() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let file = clips.make(
        "heard.mp4",
        "-f lavfi -i testsrc2=s=640x360:r=25:d=40 -f lavfi -i sine=440:r=48000:d=40 \
         -c:v libx264 -preset ultrafast -c:a aac",
    );
    for of_sound in [true, false] {
        let id = stack.upload(&file);
        let program = || {
            let programs = running(&stack, &stack.transcode_function, &id)?.programs();
            let is_of_sound = |line: &str| line.contains("-i pipe:0");
            // Not those that try the streams before.
            let both = programs.len() == 2 && programs.iter().any(|(_, line)| is_of_sound(line));
            programs
                .into_iter()
                .find_map(|(it, line)| (both && is_of_sound(&line) == of_sound).then_some(it))
        };
        let found = found(&id, program);
        std::thread::sleep(Duration::from_millis(300));
        found.kill();
        let video = stack.settled(&id);
        assert_eq!(video["status"], "ready", "{video:#}");
        assert!(stack.attempts(&id).await >= 2, "{id}");
        let expected = Expected {
            frames: 1000,
            frame_rate: (25, 1),
            size: (640, 360),
            renditions: &["360p", "240p"],
            language: Some("und"),
        };
        check(&video, &expected);
    }
}
