//! What does the whole job cost on top of its ffmpeg?

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use reelrun_core::keys::{Folder, StorageKey};
use reelrun_media::plan::{Part, Plan};
use reelrun_platform::storage::Storage;
use reelrun_tests::{
    configuration::Reconfigured,
    media::Clips,
    processes::of_function,
    settings::{ONE_CHUNK, buckets},
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    encode,
    figures::{Limits, median},
};

const RUNS: usize = 3;
const ALLOWED: f64 = 1.05;
/// Of audio only there is little to encode next to what is asked of the source.
const ALLOWED_AUDIO: f64 = 1.1;
const ALLOWED_MEMORY_MIB: f64 = 256.0;

/// The whole job (the function with its ffmpeg: probe, encode, cut, upload, publish) against the
/// same ffmpeg command alone, writing to /dev/null. Both read the same source from the same place.
pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    const SECONDS: f64 = 20.0;
    // In one chunk, as the command that it is compared with.
    let _configuration = Reconfigured::chunks(stack, 1).await;
    let clips = Clips::new();
    println!("Whole job against bare ffmpeg: 1920x1080 at 25 fps, {SECONDS} s, {RUNS} pairs");
    let video = clips.clip("bench.mp4", "1920x1080", "25", SECONDS);
    let video = pairs(stack, &video, false).await?;
    limits.at_most(
        "CPU of the job over its ffmpeg alone, median",
        median(&video.ratios),
        ALLOWED,
    );
    println!("The same of audio only: half an hour of MP3");
    let audio = clips.make(
        "bench.mp3",
        "-f lavfi -i anoisesrc=r=44100:a=0.1:c=pink:d=1800 -ac 2 -c:a libmp3lame -b:a 128k",
    );
    let audio = pairs(stack, &audio, true).await?;
    limits.at_most(
        "CPU of the job over its ffmpeg alone, audio only, median",
        median(&audio.ratios),
        ALLOWED_AUDIO,
    );
    let peak_memory = video.peak_memory.max(audio.peak_memory);
    limits.at_most(
        "memory outside ffmpeg, MiB",
        (peak_memory >> 20) as f64,
        ALLOWED_MEMORY_MIB,
    );
    Ok(json!({
        "ratios": video.ratios,
        "audio_only_ratios": audio.ratios,
        "memory_outside_ffmpeg_bytes": peak_memory,
    }))
}

struct Pairs {
    /// CPU of the job over that of the command.
    ratios: Vec<f64>,
    /// Bytes that the function itself held at the most.
    peak_memory: u64,
}

async fn pairs(stack: &Stack, file: &Path, is_audio_only: bool) -> Result<Pairs> {
    let mut pairs = Pairs {
        ratios: Vec::new(),
        peak_memory: 0,
    };
    for _ in 0..RUNS {
        // A fresh process, so that its figures are those of this job.
        for process in of_function(stack, &stack.transcode_function) {
            process.kill();
        }
        let id = stack.upload(file);
        let video = stack.settled(&id);
        ensure!(video["status"] == "ready", "the job failed: {video:#}");
        // The function answers a moment after the video is ready.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let processes = of_function(stack, &stack.transcode_function);
        let job: f64 = processes.iter().map(|process| process.cpu_seconds()).sum();
        let peaks = processes.iter().map(|process| process.peak_memory_bytes());
        pairs.peak_memory = peaks.fold(pairs.peak_memory, u64::max);
        let bare = bare_ffmpeg(stack, &id, is_audio_only).await?;
        println!(
            "  job {job:.1} CPU-s, ffmpeg alone {bare:.1} CPU-s: {:.3}",
            job / bare
        );
        pairs.ratios.push(job / bare);
    }
    Ok(pairs)
}

/// CPU seconds of the command that the function ran for this video, with every pipe at /dev/null.
async fn bare_ffmpeg(stack: &Stack, id: &str, is_audio_only: bool) -> Result<f64> {
    let key = StorageKey::Source(Folder::public(id.parse()?));
    let url = Storage::new(stack.s3(), buckets(stack))
        .presign_download(&key, Duration::from_hours(1))
        .await?;
    let (plan, part) = if is_audio_only {
        (encode::audio_plan(&url).await?, Part::Audio(0, 0))
    } else {
        let source = encode::probed(&url).await?;
        (Plan::new(&source, ONE_CHUNK), Part::Chunk(0))
    };
    Ok(encode::run_bare(&plan, part, &url)?.cpu_seconds)
}
