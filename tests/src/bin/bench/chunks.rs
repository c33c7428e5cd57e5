//! What do chunks cost on top of a single encode, and how well do two workers share them?

use std::{process::Command, thread, time::Instant};

use anyhow::{Result, ensure};
use reelrun_media::plan::{Part, Plan};
use reelrun_tests::{
    media::{Clips, text},
    settings::ONE_CHUNK,
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    clip::clip,
    encode,
    figures::{Limits, median},
};

/// CPU of all chunks over that of one encode of the whole. Chunks of 12 s, as a film has them.
const OVERHEAD: f64 = 1.08;
const CHUNKS_OF_TWO_SEGMENTS: [u32; 5] = [0, 2, 4, 6, 8];
/// Two for each worker, as much for the one as for the other.
const SHARED: [u32; 4] = [0, 2, 5, 7];
/// The machine itself differs by some per cent from one run to the next.
const RUNS: usize = 5;

pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!("Chunks against one encode: a minute of 1920x1080, five renditions");
    let clips = Clips::new();
    // Twice the same 30 s.
    let minute = clips.make(
        "minute.mp4",
        &format!("-stream_loop 1 -i {} -c copy", text(&clip()?)),
    );
    let url = encode::stored(stack, &minute).await?;
    let source = encode::probed(&url).await?;
    let whole = Plan::new(&source, ONE_CHUNK);
    let with_cuts = |cuts: &[u32]| Plan::in_chunks(&source, ONE_CHUNK, cuts);
    let split = with_cuts(&CHUNKS_OF_TWO_SEGMENTS);
    let mut ratios = Vec::new();
    let mut pairs = Vec::new();
    for _ in 0..RUNS {
        let one = cpu(&whole, &url)?;
        let many = cpu(&split, &url)?;
        println!(
            "  one encode {one:.1} CPU-s, five chunks {many:.1} CPU-s: {:.3}",
            many / one
        );
        ratios.push(many / one);
        pairs.push(json!({"whole_cpu_seconds": one, "chunks_cpu_seconds": many}));
    }
    let overhead = median(&ratios);
    limits.at_most(
        "CPU of chunks of 12 s over one encode, median",
        overhead,
        OVERHEAD,
    );

    let shared = with_cuts(&SHARED);
    let alone = workers(&shared, &url, 1)?;
    let together = workers(&shared, &url, 2)?;
    let efficiency = alone / together / 2.0;
    println!(
        "  four chunks by one worker on one core {alone:.1} s, by two on two {together:.1} s: \
         parallel efficiency {efficiency:.2}"
    );
    Ok(json!({
        "overhead": overhead,
        "pairs": pairs,
        "one_worker_seconds": alone,
        "two_workers_seconds": together,
        "parallel_efficiency": efficiency,
    }))
}

/// CPU seconds of all parts, one after the other.
fn cpu(plan: &Plan, url: &str) -> Result<f64> {
    let mut seconds = 0.0;
    for part in plan.parts() {
        seconds += encode::run_bare(plan, part, url)?.cpu_seconds;
    }
    Ok(seconds)
}

/// How long this many workers take for all parts, each worker bound to a core of its own.
fn workers(plan: &Plan, url: &str, count: u32) -> Result<f64> {
    let parts: Vec<Part> = plan.parts().collect();
    let begun = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .map(|core| {
                let own = parts.iter().skip(core as usize).step_by(count as usize);
                let own: Vec<Part> = own.copied().collect();
                scope.spawn(move || -> Result<()> {
                    for part in own {
                        let mut ffmpeg = Command::new("taskset");
                        ffmpeg
                            .args(["--cpu-list", &core.to_string()])
                            .args(encode::bare_command(plan, part, url)?);
                        ensure!(ffmpeg.status()?.success(), "ffmpeg failed on core {core}");
                    }
                    Ok(())
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("a worker does not panic")?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(begun.elapsed().as_secs_f64())
}
