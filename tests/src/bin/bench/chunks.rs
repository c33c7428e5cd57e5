//! What do chunks cost on top of a single encode, and how well do two workers share them?

use std::{process::Command, thread, time::Instant};

use anyhow::{Result, ensure};
use reelrun_media::plan::{Part, Plan};
use reelrun_tests::{
    media::{Clips, text},
    settings::ONE_CHUNK,
    stack::Stack,
};
use serde_json::{Map, Value, json};

use crate::{
    clip::clip,
    encode,
    figures::{Limits, median, quantile},
};

/// CPU of all chunks over that of one encode of the whole, by their length in segments.
const LIMITS: [(&str, &[u32], f64); 2] = [("6 s", &[0, 1, 2, 3], 1.08), ("12 s", &[0, 2], 1.03)];
/// How far apart the sources' keyframes are, in frames of a film.
const KEYFRAMES: [(&str, u32); 2] = [("2 s", 48), ("10 s", 240)];
/// Two for each worker, as much for the one as for the other.
const SHARED: [u32; 4] = [0, 1, 2, 3];
/// The machine itself differs by some per cent from one run to the next.
const ROUNDS: usize = 5;

pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!(
        "Chunks against one encode: 24 s of 1920x1080, five renditions, {ROUNDS} rounds in turn"
    );
    let clips = Clips::new();
    let mut figures = Map::new();
    for (apart, frames) in KEYFRAMES {
        let file = clips.make(
            &format!("keyframes-{frames}.mp4"),
            &format!(
                "-i {} -t 24 -c:a copy -c:v libx264 -preset veryfast -crf 18 -g {frames} -keyint_min {frames} -sc_threshold 0",
                text(&clip()?)
            ),
        );
        let url = encode::stored(stack, &file).await?;
        let source = encode::probed(&url).await?;
        let whole = Plan::new(&source, ONE_CHUNK);
        let split = LIMITS.map(|(_, starts, _)| Plan::in_chunks(&source, ONE_CHUNK, starts));
        let mut ratios = LIMITS.map(|_| Vec::new());
        for _ in 0..ROUNDS {
            let one = cpu(&whole, &url)?;
            for (plan, ratios) in split.iter().zip(&mut ratios) {
                ratios.push(cpu(plan, &url)? / one);
            }
        }
        for ((length, _, limit), ratios) in LIMITS.into_iter().zip(&ratios) {
            let what = format!(
                "CPU of chunks of {length} over one encode, keyframes each {apart}, median (from {:.3} to {:.3})",
                quantile(ratios, 0.0),
                quantile(ratios, 1.0)
            );
            limits.at_most(&what, median(ratios), limit);
            figures.insert(format!("{length}, keyframes each {apart}"), json!(ratios));
        }
        if frames == 48 {
            let shared = Plan::in_chunks(&source, ONE_CHUNK, &SHARED);
            let alone = workers(&shared, &url, 1)?;
            let together = workers(&shared, &url, 2)?;
            let efficiency = alone / together / 2.0;
            println!(
                "  four chunks by one worker on one core {alone:.1} s, by two on two {together:.1} s: \
         parallel efficiency {efficiency:.2}"
            );
            figures.insert("parallel_efficiency".into(), efficiency.into());
        }
    }
    Ok(figures.into())
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
