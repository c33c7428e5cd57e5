//! Long videos, encoded in parts by the state machine: the result is that of a single encode.
#![expect(clippy::unwrap_used, reason = "this is test code")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use aws_sdk_sfn::types::ExecutionStatus;
use reelrun_tests::{
    configuration::Reconfigured,
    conformance::{Expected, check},
    media::{Clips, channels, luma, text},
    processes::running,
    stack::{Stack, get},
};
use serde_json::{Value, json};

/// The executions of a video, newest first: name, and how each ended.
async fn executions(stack: &Stack, id: &str) -> Vec<(String, ExecutionStatus)> {
    let list = aws_sdk_sfn::Client::new(&stack.aws())
        .list_executions()
        .state_machine_arn(&stack.state_machine_arn)
        .send()
        .await
        .unwrap();
    let ours = list
        .executions
        .into_iter()
        .filter(|e| e.name.starts_with(id));
    ours.map(|e| (e.name, e.status)).collect()
}

/// Encodes a file in this many chunks, and makes sure that it was this many.
async fn encoded(stack: &Stack, file: &Path, chunks: u32) -> Value {
    let _configuration = Reconfigured::chunks(stack, chunks).await;
    let id = stack.upload(file);
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{chunks} chunks: {video:#}");
    let runs = executions(stack, &id).await;
    if chunks == 1 {
        assert!(runs.is_empty(), "{runs:?}");
    } else {
        let [(name, _)] = &runs[..] else {
            panic!("one run is expected: {runs:?}");
        };
        let work = format!("work/{id}/{}/reports/chunk-", &name[id.len() + 1..]);
        let reports = stack.keys(&stack.uploads_bucket, &work).await;
        // One fewer where the first chunk is longer, since the picture starts late.
        let chunks = chunks as usize;
        assert!(
            (chunks - 1..=chunks).contains(&reports.len()),
            "{} parts",
            reports.len()
        );
    }
    video
}

/// All playlists of a video and its manifest, without what depends on how many bytes were written.
fn timing(video: &Value) -> BTreeMap<String, String> {
    let master_url = video["playback"]["hls"].as_str().unwrap();
    let base = master_url.strip_suffix("master.m3u8").unwrap();
    let master = get(master_url).text();
    let mut texts = BTreeMap::new();
    for line in master.lines() {
        let quoted = line
            .split("URI=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let uri = quoted.or((!line.starts_with('#') && !line.is_empty()).then_some(line));
        if let Some(uri) = uri {
            texts.insert(
                uri.to_owned(),
                without_bytes(&get(&format!("{base}{uri}")).text()),
            );
        }
    }
    let mpd = get(video["playback"]["dash"].as_str().unwrap()).text();
    texts.insert("manifest.mpd".into(), without_bytes(&mpd));
    // Which variant comes first depends on the rates; the set does not.
    let mut lines: Vec<_> = master.lines().map(without_bytes).collect();
    lines.sort();
    texts.insert("master.m3u8".into(), lines.join("\n"));
    texts
}

/// Leaves out byte ranges and bit rates.
fn without_bytes(text: &str) -> String {
    let mut kept = String::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-BYTERANGE"))
    {
        let mut rest = line;
        while let Some(at) = rest.to_lowercase().find("bandwidth=") {
            let (before, after) = rest.split_at(at + "bandwidth=".len());
            kept.push_str(before);
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '"');
        }
        let _ = writeln!(kept, "{rest}");
    }
    kept
}

/// The initialization segments, byte by byte.
fn inits(video: &Value) -> Vec<Vec<u8>> {
    let base = video["playback"]["hls"]
        .as_str()
        .unwrap()
        .replace("master.m3u8", "");
    let renditions = video["renditions"].as_array().unwrap().iter();
    let names = renditions.map(|r| format!("video/{}", r["name"].as_str().unwrap()));
    let tracks = names.chain(["audio/main".into()]);
    tracks
        .map(|track| get(&format!("{base}{track}/init.mp4")).body)
        .collect()
}

fn hls(video: &Value) -> &str {
    video["playback"]["hls"].as_str().unwrap()
}

/// Samples. The codec moves a tone by less than a tenth; a lost or doubled sample by one.
const SAME_PHASE: f64 = 0.25;

/// How much a signal departs from a pure tone, sample by sample: of a tone, each sample follows
/// from the two before it.
fn departure(samples: &[f32], hertz: f64, rate: f64) -> Vec<f64> {
    let turn = 2.0 * (std::f64::consts::TAU * hertz / rate).cos();
    samples
        .windows(3)
        .map(|s| (f64::from(s[2]) - turn * f64::from(s[1]) + f64::from(s[0])).abs())
        .collect()
}

/// Where a tone is within its period, in samples, around this sample; 0 where it is silent.
fn phase(samples: &[f32], at: usize, hertz: f64, rate: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / rate;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (i, &sample) in samples[at..at + 4800].iter().enumerate() {
        let angle = step * (at + i) as f64;
        sine += f64::from(sample) * angle.sin();
        cosine += f64::from(sample) * angle.cos();
    }
    // Of 4800 samples of a tone of a hundredth.
    if sine.hypot(cosine) < 24.0 {
        return 0.0;
    }
    cosine.atan2(sine) / step
}

/// Ten minutes and two more (120 segments), so that 40 chunks are three segments each.
#[tokio::test]
async fn a_long_clip_is_the_same_in_any_number_of_chunks() {
    const SECONDS: u32 = 720;
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
            let joint = chunk * SECONDS as usize / chunks as usize * 48_000;
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

/// The middle of what is loud around a full second, in samples after it.
fn click(samples: &[f32], second: usize) -> f64 {
    let start = second * 48_000 - 200;
    let energies = samples[start..start + 400]
        .iter()
        .map(|&s| f64::from(s).powi(2));
    let (mut sum, mut moment) = (0.0, 0.0);
    for (at, energy) in energies.enumerate() {
        sum += energy;
        moment += energy * (at as f64 - 200.0);
    }
    moment / sum
}

/// Flat grey frames, each another grey than its neighbours, so that it is seen which frame is
/// shown; and a tone. Four minutes are 40 segments.
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
    for chunks in [2, 7, 40] {
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
    let file = clips.make(
        "open.mp4",
        &format!("{} {options}", grey("30000/1001", 240)),
    );
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn film_rate_in_matroska() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make(
        "film.mkv",
        &format!("{} -bf 2 -g 100", grey("24000/1001", 240)),
    );
    keeps_every_frame(&stack, &file).await;
}

/// Starts within a GOP: an edit list leaves out what comes before.
#[tokio::test]
async fn an_edit_list() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let long = clips.make("long.mp4", &format!("{} -bf 2 -g 250", grey("25", 244)));
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
        &format!("{} {thinned} -g 60", grey("30", 240)),
    );
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn a_picture_that_starts_late() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let later = "-vf setpts=PTS+8.5/TB -fps_mode passthrough";
    let file = clips.make("late.mp4", &format!("{} {later} -g 50", grey("25", 231)));
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn a_transport_stream() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.make("stream.ts", &format!("{} -bf 2 -g 60", grey("25", 239)));
    keeps_every_frame(&stack, &file).await;
}

#[tokio::test]
async fn more_parts_than_one_execution_holds_are_distributed() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("wide.mp4", "320x180", "25", 300.0);
    let video = encoded(&stack, &file, 50).await;
    check(
        &video,
        &Expected {
            frames: 7500,
            frame_rate: (25, 1),
            size: (320, 180),
            renditions: &["240p"],
            language: Some("de"),
        },
    );
}

#[tokio::test]
async fn av1_beside_h264() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("both.mp4", "640x360", "25", 20.0);
    let codecs = [("VIDEO_CODECS", "h264,av1".to_owned())];
    let _configuration = Reconfigured::variables(&stack, &codecs).await;
    let whole = encoded(&stack, &file, 1).await;
    let expected = Expected {
        frames: 500,
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

/// Delivers a video's event again, and waits for the answer.
async fn deliver_again(stack: &Stack, id: &str) {
    let event = json!({"Records": [{
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": stack.uploads_bucket},
            "object": {"key": format!("uploads/{id}/source"), "size": 1, "eTag": "another"},
        },
    }]});
    let answer = aws_sdk_lambda::Client::new(&stack.aws())
        .invoke()
        .function_name(&stack.transcode_function)
        .payload(aws_sdk_lambda::primitives::Blob::new(event.to_string()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.function_error, None);
}

/// Kills the function that encodes the chunk which starts with this frame; whether there was one.
fn kill_chunk(stack: &Stack, first_frame: u64) -> bool {
    let argument = format!("trim=start_pts={first_frame}:");
    match running(stack, &stack.transcode_function, &argument) {
        Some(process) => {
            process.kill();
            true
        }
        None => false,
    }
}

#[tokio::test]
async fn a_killed_chunk_is_encoded_again_alone() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("kill.mp4", "640x360", "25", 96.0);
    let whole = encoded(&stack, &file, 1).await;
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    let begun = Instant::now();
    while !kill_chunk(&stack, 1200) {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "chunk 3 never began"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The same event once more, meanwhile: it is acknowledged, and starts nothing.
    deliver_again(&stack, &id).await;
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 1);
    assert_eq!(timing(&video), timing(&whole));
    assert_eq!(inits(&video), inits(&whole));
    let [(name, status)] = &executions(&stack, &id).await[..] else {
        panic!("one run is expected");
    };
    // The answer reaches the state machine a moment after the catalog.
    assert!(
        matches!(
            status,
            ExecutionStatus::Succeeded | ExecutionStatus::Running
        ),
        "{status:?}"
    );
    let work = format!("work/{id}/{}/reports/", &name[id.len() + 1..]);
    let reports = stack.objects(&stack.uploads_bucket, &work).await;
    assert_eq!(reports.len(), 4);
    // Chunk 3 was begun anew, so its report is the last one.
    let last = reports.iter().max_by_key(|(_, stored)| *stored).unwrap();
    assert!(
        last.0.ends_with("chunk-2.json") || last.0.ends_with("chunk-3.json"),
        "{reports:?}"
    );
}

/// A run that was stopped by hand says nothing; the event's next delivery takes the video over.
#[tokio::test]
async fn a_run_that_was_stopped_is_taken_over() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("stopped.mp4", "640x360", "25", 96.0);
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    let begun = Instant::now();
    while running(&stack, &stack.transcode_function, "trim=start_pts=600:").is_none() {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "chunk 2 never began"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let machines = aws_sdk_sfn::Client::new(&stack.aws());
    let (name, _) = executions(&stack, &id).await.remove(0);
    let machine = stack
        .state_machine_arn
        .replace(":stateMachine:", ":execution:");
    machines
        .stop_execution()
        .execution_arn(format!("{machine}:{name}"))
        .send()
        .await
        .unwrap();
    deliver_again(&stack, &id).await;
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 2);
    assert_eq!(executions(&stack, &id).await.len(), 2);
}

#[tokio::test]
async fn a_chunk_that_always_fails_is_named() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("doomed.mp4", "1280x720", "25", 96.0);
    let _configuration = Reconfigured::chunks(&stack, 4).await;
    let id = stack.upload(&file);
    let mut killed = 0;
    let begun = Instant::now();
    let video = loop {
        killed += u32::from(kill_chunk(&stack, 1200));
        let video = stack.video(&id);
        if video["status"] == "errored" {
            break video;
        }
        assert_ne!(video["status"], "ready");
        assert!(
            begun.elapsed() < Duration::from_mins(3),
            "killed {killed} times: {video:#}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(killed >= 3, "tried again before giving up: {killed}");
    assert_eq!(video["error"]["type"], "internal");
    let detail = video["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("chunk 3 of 4, 0:48 to 1:12"), "{detail}");
    assert_eq!(video["playback"]["type"], Value::Null);
    for file in ["master.m3u8", "manifest.mpd"] {
        assert_ne!(
            get(&format!("{}/videos/{id}/{file}", stack.cdn_url)).status,
            200,
            "{file}"
        );
    }
    // The run is over soon after.
    let begun = Instant::now();
    loop {
        let runs = executions(&stack, &id).await;
        if runs
            .iter()
            .all(|(_, status)| *status == ExecutionStatus::Failed)
        {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{runs:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Everything that a worker holds is bounded by segments, not by the length of its part.
#[tokio::test]
async fn memory_stays_flat_however_long_the_part() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let mut peaks = Vec::new();
    for seconds in [30.0, 240.0] {
        for process in reelrun_tests::processes::of_function(&stack, &stack.transcode_function) {
            process.kill();
        }
        let file = clips.clip(&format!("{seconds}.mp4"), "640x360", "25", seconds);
        stack.ready(&file);
        let processes = reelrun_tests::processes::of_function(&stack, &stack.transcode_function);
        peaks.push(
            processes
                .iter()
                .map(|p| p.peak_memory_bytes())
                .max()
                .unwrap(),
        );
    }
    assert!(
        peaks[1] < peaks[0] + (16 << 20),
        "bytes for 30 s and for 240 s: {peaks:?}"
    );
}
