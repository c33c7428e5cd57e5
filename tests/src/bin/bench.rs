//! `cargo reelrun bench`: figures, measured in this run, as a table and as JSON.
//!
//! Speeds are ratios between two things measured one after the other on the same machine; absolute
//! times say more about the machine than about Reelrun.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a measuring tool"
)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use reelrun_core::{
    command::{self, SourceUrl},
    keys::StorageKey,
    plan::{Part, Plan},
    source::SourceLimits,
};
use reelrun_platform::storage::{Buckets, Storage};
use reelrun_tests::{
    media::Clips,
    processes::{children_cpu_seconds, of_function},
    settings::ONE_CHUNK,
    stack::{Stack, program},
};
use reelrun_transcode::{probe::probe, process::Programs};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let stack = Stack::get();
    let report = json!({
        "overhead": overhead(&stack).await?,
        "start": start(&stack).await?,
        "size": sizes()?,
    });
    let path = Path::new("target/reelrun/bench.json");
    std::fs::create_dir_all(path.parent().unwrap())?;
    std::fs::write(path, format!("{report:#}\n"))?;
    println!("\nWritten to {}", path.display());
    Ok(())
}

/// The whole job (the function with its ffmpeg: probe, encode, cut, upload, publish) against the
/// same ffmpeg command alone, writing to /dev/null. Both read the same source from the same place.
async fn overhead(stack: &Stack) -> Result<Value> {
    const RUNS: usize = 3;
    const SECONDS: f64 = 20.0;
    const ALLOWED: f64 = 1.10;
    const ALLOWED_MEMORY: u64 = 256 << 20;
    println!("Whole job against bare ffmpeg: 1920x1080 at 25 fps, {SECONDS} s, {RUNS} pairs");
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
    let ratio = median(&mut ratios);
    println!(
        "  median ratio {ratio:.3} (at most {ALLOWED}); memory outside ffmpeg {} MiB",
        peak_memory >> 20
    );
    ensure!(
        ratio <= ALLOWED,
        "the job costs {ratio:.3} times its ffmpeg; at most {ALLOWED} is allowed"
    );
    ensure!(
        peak_memory < ALLOWED_MEMORY,
        "{peak_memory} bytes of memory outside ffmpeg"
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
    let storage = Storage::new(stack.s3(), buckets);
    let key = StorageKey::Source(id.parse()?);
    let url = storage
        .presign_download(&key, Duration::from_hours(1))
        .await?;
    let source = SourceUrl {
        url: &url,
        ca_file: None,
    };
    let programs = Programs {
        ffmpeg: program("ffmpeg"),
        ffprobe: program("ffprobe"),
        ca_file: None,
    };
    let limits = SourceLimits {
        max_duration_seconds: 3600,
    };
    let plan = Plan::new(&probe(&programs, source, limits).await?, ONE_CHUNK);
    let args = command::encode(&plan, Part::Chunk(0), source)
        .context("a plan has a first chunk")?
        .args
        .into_iter()
        .map(|arg| match arg.to_str() {
            Some(text) if text.starts_with("pipe:") => "/dev/null".into(),
            _ => arg,
        });
    let before = children_cpu_seconds();
    let status = Command::new(&programs.ffmpeg)
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .status()
        .context("ffmpeg could not be started")?;
    ensure!(status.success(), "ffmpeg ended with {status}");
    Ok(children_cpu_seconds() - before)
}

/// Cold and warm answers of each function, on this machine's emulator: what the function itself
/// adds, not what a cloud's sandbox does.
async fn start(stack: &Stack) -> Result<Value> {
    const WARM: usize = 50;
    println!("\nFirst answer of a new process, and the median of {WARM} after it");
    let lambda = aws_sdk_lambda::Client::new(&stack.aws());
    let event = |name: &str| std::fs::read(format!("events/{name}.json"));
    let mut report = serde_json::Map::new();
    for (function, fixture) in [
        (&stack.presign_function, "http-create-upload-unauthorized"),
        (&stack.lookup_function, "http-get-video"),
        (&stack.transcode_function, "s3-test-event"),
    ] {
        let payload = event(fixture)?;
        let invoke = async || -> Result<f64> {
            let begun = Instant::now();
            let answer = lambda
                .invoke()
                .function_name(function)
                .payload(Blob::new(payload.clone()))
                .send()
                .await?;
            ensure!(answer.function_error.is_none(), "{function} failed");
            Ok(begun.elapsed().as_secs_f64() * 1000.0)
        };
        let mut cold = Vec::new();
        for _ in 0..5 {
            for process in of_function(stack, function) {
                process.kill();
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            cold.push(invoke().await?);
        }
        let mut warm = Vec::new();
        for _ in 0..WARM {
            warm.push(invoke().await?);
        }
        let (cold, warm) = (median(&mut cold), median(&mut warm));
        println!("  {function}: cold {cold:.0} ms, warm {warm:.1} ms");
        report.insert(function.clone(), json!({"cold_ms": cold, "warm_ms": warm}));
    }
    Ok(report.into())
}

/// What is deployed of each function: the program, and its size in a zip.
fn sizes() -> Result<Value> {
    println!("\nSize of each function");
    let mut report = serde_json::Map::new();
    for name in ["presign", "lookup", "transcode"] {
        let path = PathBuf::from(format!("target/lambda/{name}/bootstrap"));
        let bytes = std::fs::metadata(&path)
            .with_context(|| format!("{} is not there", path.display()))?
            .len();
        let zip = Command::new("python3")
            .args([
                "-c",
                "import sys, zlib; print(len(zlib.compress(open(sys.argv[1], 'rb').read(), 9)))",
            ])
            .arg(&path)
            .output()?;
        let zipped: u64 = String::from_utf8(zip.stdout)?.trim().parse()?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "  {name}: {:.1} MB, {:.1} MB zipped",
            megabytes(bytes),
            megabytes(zipped)
        );
        report.insert(name.into(), json!({"bytes": bytes, "zipped_bytes": zipped}));
    }
    Ok(report.into())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
