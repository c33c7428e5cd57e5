//! How soon is a short video ready here, and where does the time go?

use std::{path::Path, time::SystemTime};

use anyhow::{Context, Result, ensure};
use reelrun_core::timestamp::Timestamp;
use reelrun_media::plan::{Part, Plan};
use reelrun_tests::{media::Clips, settings::ONE_CHUNK, stack::Stack};
use serde_json::{Map, Value, json};

use crate::{
    encode,
    figures::{Limits, median, quantile},
};

const ROUNDS: usize = 5;
/// Over the bare command's time.
const ALLOWED_RATIO: f64 = 1.35;
/// Beyond the bare command's time, of a clip in which there is next to nothing to encode.
const ALLOWED_SECONDS: f64 = 0.6;

/// From the end of the upload to `ready`, next to the time of the bare ffmpeg command on the same cores.
pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!(
        "A short video of 1920x1080, from the end of its upload to ready, {ROUNDS} times in turn with ffmpeg alone"
    );
    let clips = Clips::new();
    let mut report = Map::new();
    for (name, seconds) in [("10 s", 10.0), ("1 s", 1.0)] {
        let file = clips.clip(&format!("short-{seconds}.mp4"), "1920x1080", "25", seconds);
        let (mut ratios, mut beyond) = (Vec::new(), Vec::new());
        let mut steps = Vec::new();
        for _ in 0..ROUNDS {
            let since = now_ms()?;
            let (id, ready) = ready(stack, &file)?;
            let bare = bare(stack, &file).await?;
            ratios.push(ready / bare);
            beyond.push(ready - bare);
            println!("  {name}: ready after {ready:.2} s, ffmpeg alone {bare:.2} s");
            steps = traces(stack, &id, since);
        }
        for line in &steps {
            println!("    {line}");
        }
        let spread = |of: &[f64]| format!("{:.2} to {:.2}", quantile(of, 0.0), quantile(of, 1.0));
        if seconds < 5.0 {
            let what = format!(
                "{name}, seconds beyond ffmpeg alone, median (from {})",
                spread(&beyond)
            );
            limits.at_most(what, median(&beyond), ALLOWED_SECONDS);
        } else {
            let what = format!(
                "{name}, over ffmpeg alone, median (from {})",
                spread(&ratios)
            );
            limits.at_most(what, median(&ratios), ALLOWED_RATIO);
        }
        report.insert(
            name.into(),
            json!({"over_ffmpeg": ratios, "beyond_ffmpeg_seconds": beyond, "steps": steps}),
        );
    }
    Ok(report.into())
}

fn now_ms() -> Result<i64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_millis())?)
}

/// Uploads a file; gives the video, and the seconds from then to when it was ready.
fn ready(stack: &Stack, file: &Path) -> Result<(String, f64)> {
    let id = stack.upload(file);
    let uploaded = now_ms()?;
    let video = stack.settled(&id);
    ensure!(video["status"] == "ready", "the job failed: {video:#}");
    let at = video["ready_at"].as_str().context("no ready_at")?;
    let at: Timestamp = at.parse().context("the time when it was ready")?;
    Ok((id, (at.as_millis() - uploaded) as f64 / 1000.0))
}

/// The wall time of the command that encodes all of it, writing to /dev/null.
async fn bare(stack: &Stack, file: &Path) -> Result<f64> {
    let url = encode::stored(stack, file).await?;
    let plan = Plan::new(&encode::probed(&url).await?, ONE_CHUNK);
    Ok(encode::run_bare(&plan, Part::Chunk(0), &url)?.wall_seconds)
}

/// What the functions say of where their time went, in the order in which they were called.
fn traces(stack: &Stack, id: &str, since: i64) -> Vec<String> {
    let logs = stack.logs(&stack.transcode_function, since);
    let lines = logs.iter().flat_map(|log| log.lines());
    let own = lines.filter(|line| line.contains(id) && line.contains("steps="));
    own.filter_map(|line| {
        let (before, steps) = line.split_once("steps=")?;
        let part = before.split_once("part=").map_or("", |(_, part)| {
            part.split_whitespace().next().unwrap_or_default()
        });
        Some(format!("{part} {}", steps.trim_matches('"')))
    })
    .collect()
}
