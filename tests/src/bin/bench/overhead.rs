//! What does the whole job cost on top of its ffmpeg?

use std::time::Duration;

use anyhow::{Result, ensure};
use reelrun_core::keys::{Folder, StorageKey};
use reelrun_media::plan::{Part, Plan};
use reelrun_platform::storage::{Buckets, Storage};
use reelrun_tests::{
    configuration::Reconfigured, media::Clips, processes::of_function, settings::ONE_CHUNK,
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    encode,
    figures::{Limits, median},
};

/// The whole job (the function with its ffmpeg: probe, encode, cut, upload, publish) against the
/// same ffmpeg command alone, writing to /dev/null. Both read the same source from the same place.
pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    const RUNS: usize = 3;
    const SECONDS: f64 = 20.0;
    const ALLOWED: f64 = 1.05;
    const ALLOWED_MEMORY_MIB: f64 = 256.0;
    println!("Whole job against bare ffmpeg: 1920x1080 at 25 fps, {SECONDS} s, {RUNS} pairs");
    // In one chunk, as the command that it is compared with.
    let _configuration = Reconfigured::chunks(stack, 1).await;
    let clips = Clips::new();
    let file = clips.clip("bench.mp4", "1920x1080", "25", SECONDS);
    let mut ratios = Vec::new();
    let mut pairs = Vec::new();
    let mut peak_memory = 0;
    for _ in 0..RUNS {
        // A fresh process, so that its figures are those of this job.
        for process in of_function(stack, &stack.transcode_function) {
            process.kill();
        }
        let id = stack.upload(&file);
        let video = stack.settled(&id);
        ensure!(video["status"] == "ready", "the job failed: {video:#}");
        // The function answers a moment after the video is ready.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let processes = of_function(stack, &stack.transcode_function);
        let job = processes
            .iter()
            .map(|process| process.cpu_seconds())
            .sum::<f64>();
        peak_memory = processes
            .iter()
            .map(|p| p.peak_memory_bytes())
            .max()
            .unwrap_or(0)
            .max(peak_memory);
        let bare = bare_ffmpeg(stack, &id).await?;
        println!(
            "  job {job:.1} CPU-s, ffmpeg alone {bare:.1} CPU-s: {:.3}",
            job / bare
        );
        ratios.push(job / bare);
        pairs.push(json!({"job_cpu_seconds": job, "ffmpeg_cpu_seconds": bare}));
    }
    let ratio = median(&ratios);
    limits.at_most(
        "CPU of the job over its ffmpeg alone, median",
        ratio,
        ALLOWED,
    );
    limits.at_most(
        "memory outside ffmpeg, MiB",
        (peak_memory >> 20) as f64,
        ALLOWED_MEMORY_MIB,
    );
    Ok(json!({
        "ratio": ratio,
        "pairs": pairs,
        "memory_outside_ffmpeg_bytes": peak_memory,
    }))
}

/// CPU seconds of the command that the function ran for this video, with every pipe at /dev/null.
async fn bare_ffmpeg(stack: &Stack, id: &str) -> Result<f64> {
    let buckets = Buckets {
        uploads: stack.uploads_bucket.clone(),
        media: stack.media_bucket.clone(),
    };
    let key = StorageKey::Source(Folder::public(id.parse()?));
    let url = Storage::new(stack.s3(), buckets)
        .presign_download(&key, Duration::from_hours(1))
        .await?;
    let plan = Plan::new(&encode::probed(&url).await?, ONE_CHUNK);
    Ok(encode::run_bare(&plan, Part::Chunk(0), &url)?.cpu_seconds)
}
