//! How soon would a long video be ready on AWS, and for how much? Measured costs of this machine,
//! AWS's quotas and prices, and a simulation ([`reelrun_tests::projection`]).

use std::{
    collections::HashMap,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use reelrun_media::file::TrackId;
use reelrun_media::{
    dash, hls,
    plan::{FanOut, Part, Plan, Settings},
    report::{IFrame, Presentation, SegmentReport, TrackKind, TrackReport},
    source::SourceInfo,
    timeline::{FrameRate, SEGMENT_SECONDS},
    tracks::TextTracks,
};
use reelrun_tests::{
    projection::{
        Assumptions, Costs, Function, Projection, Scenario, Workload,
        aws::{Prices, Quotas},
    },
    settings::ONE_CHUNK,
    stack::Stack,
};
use serde_json::{Map, Value, json};

use crate::{
    clip::clip,
    encode,
    figures::{Limits, median, quantile},
    runtime::{self, Sandbox},
};

const FRAMES_PER_SECOND: u32 = 25;
/// Lengths of sources, in seconds.
const SOURCES: [(&str, u64); 5] = [
    ("1 min", 60),
    ("10 min", 600),
    ("1 h", 3600),
    ("2 h", 7200),
    ("12 h", 43_200),
];
/// The most that a new account's functions may have, which is what is deployed; and the most of all.
const MEMORIES_MB: [u32; 2] = [3008, 10_240];
/// How long encoding one chunk should take, as the template has it.
const TARGET: Duration = Duration::from_secs(10);
/// Each video is sent through this many times, with other stragglers each time.
const SEEDS: u64 = 101;
/// The film that must be ready in time, on functions as they are deployed.
const FILM: &str = "2 h";
const FILM_READY_SECONDS: f64 = 30.0;

/// What others publish: to be read next to our figures, not measured here.
const ELSEWHERE: &str = "\
  Elsewhere, as published (not measured here):
    Mux, median time to publish, all inputs: 2.0 s up to 1 min of video, 9.0 s for 5 to 20 min, 46.4 s
      for 20 to 60 min, 93.5 s over 60 min; 95 % of standard inputs over 60 min within 16.1 min
      (mux.com/blog/how-to-transcode-video-100x-faster-or-a-gordian-knot-cut, 27 April 2023).
      Its basic quality has no charge for encoding, its storage and delivery do (mux.com/docs/pricing).
    MediaConvert, on-demand, Basic tier, AVC up to 30 fps: $0.0075 for a minute of an SD output and
      $0.015 of an HD output, so $0.0525 for a minute through these five renditions (two HD, three SD)
      (aws.amazon.com/mediaconvert/pricing; as known, figures not verified for this run).";

pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!("Projection: one video of 1920x1080 at 25 fps on AWS, five renditions");
    let (costs, source) = measured(stack).await?;
    let assumed = Assumptions::default();
    let quotas = Quotas::default();
    println!("  measured here: {costs:?}");
    println!("  assumed: {assumed:?}");
    println!("  quotas: {quotas:?}");
    let mut report = Map::new();
    for memory_mb in MEMORIES_MB {
        let function = Function { memory_mb };
        println!(
            "  Functions of {memory_mb} MB ({:.2} vCPU):\n    {:7} {:>6} {:>8} {:>8}   {:47} {:>9} {:>9}",
            function.vcpus(),
            "",
            "chunks",
            "ready",
            "p95",
            "event  plan  machine  environ.  chunk  publish",
            "$",
            "$/min"
        );
        let mut rows = Map::new();
        for (name, seconds) in SOURCES {
            let plan = Plan::new(&longer(&source, seconds), settings(memory_mb));
            let work = Workload::of(&plan);
            let scenario = |prices| Scenario {
                costs,
                assumed,
                quotas,
                prices,
                function,
            };
            let runs: Vec<Projection> = (0..SEEDS)
                .map(|seed| scenario(Prices::arm64()).run(&work, seed))
                .collect();
            let typical = print_row(name, &work, &runs);
            let on_x86 = scenario(Prices::x86_64()).run(&work, 0).cost.total();
            if name == FILM {
                let ready = typical.terms.total().as_secs_f64();
                let what = format!(
                    "{FILM} ready on {memory_mb} MB, seconds; most of it: {}",
                    typical.terms.dominant()
                );
                limits.at_most(what, ready, FILM_READY_SECONDS);
            }
            rows.insert(name.into(), row(&work, &runs, &typical, on_x86));
        }
        report.insert(format!("{memory_mb}_mb"), rows.into());
    }
    println!("{ELSEWHERE}");
    report.insert("measured".into(), format!("{costs:?}").into());
    report.insert("assumed".into(), format!("{assumed:?}").into());
    report.insert("quotas".into(), format!("{quotas:?}").into());
    Ok(report.into())
}

fn settings(memory_mb: u32) -> Settings {
    Settings {
        fan_out: FanOut {
            max_parallel: 1000,
            target: TARGET,
            memory_mb,
        },
        ..ONE_CHUNK
    }
}

/// The same source, of another length and the rate that is asked about.
fn longer(source: &SourceInfo, seconds: u64) -> SourceInfo {
    let mut longer = source.clone();
    longer.video.frame_rate = FrameRate::new(FRAMES_PER_SECOND, 1).unwrap();
    longer.duration_us = seconds * 1_000_000;
    longer.video.end_us = longer.duration_us;
    for audio in &mut longer.audio {
        audio.end_us = Some(longer.duration_us);
    }
    longer
}

/// Prints what is typical, and gives it: the run whose total is the median.
fn print_row(name: &str, work: &Workload, runs: &[Projection]) -> Projection {
    let total = |run: &Projection| run.terms.total().as_secs_f64();
    let mut sorted = runs.to_vec();
    sorted.sort_by(|a, b| total(a).total_cmp(&total(b)));
    let typical = sorted[sorted.len() / 2];
    let totals: Vec<f64> = sorted.iter().map(total).collect();
    let [event, plan, machine, environments, chunk, publish] =
        typical.terms.named().map(|(_, time)| time.as_secs_f64());
    println!(
        "    {name:7} {:6} {:6.1} s {:6.1} s   {event:5.1} {plan:5.1} {machine:8.1} {environments:9.1} {chunk:6.1} {publish:8.1} {:9.4} {:9.5}",
        work.chunks.len(),
        total(&typical),
        quantile(&totals, 0.95),
        typical.cost.total(),
        typical.cost.total() / (work.seconds() / 60.0),
    );
    typical
}

fn row(work: &Workload, runs: &[Projection], typical: &Projection, on_x86: f64) -> Value {
    let totals: Vec<f64> = runs
        .iter()
        .map(|run| run.terms.total().as_secs_f64())
        .collect();
    let terms: Map<String, Value> = typical
        .terms
        .named()
        .into_iter()
        .map(|(name, time)| (name.into(), time.as_secs_f64().into()))
        .collect();
    let cost = typical.cost;
    json!({
        "chunks": work.chunks.len(),
        "ready_seconds": {"p50": median(&totals), "p95": quantile(&totals, 0.95)},
        "terms_seconds": terms,
        "dominant": typical.terms.dominant(),
        "peak_functions": typical.peak_functions,
        "dollars": {
            "arm64": cost.total(), "x86_64": on_x86, "lambda": cost.lambda, "s3": cost.storage,
            "step_functions": cost.machine, "dynamodb": cost.table,
        },
        "dollars_per_content_minute": cost.total() / (work.seconds() / 60.0),
    })
}

/// What the work costs on this machine, and the source it was measured with.
async fn measured(stack: &Stack) -> Result<(Costs, SourceInfo)> {
    let url = encode::stored(stack, &clip()?).await?;
    let mut probes = Vec::new();
    let mut source = encode::probed(&url).await?;
    for _ in 0..5 {
        let begun = Instant::now();
        source = encode::probed(&url).await?;
        probes.push(begun.elapsed().as_secs_f64());
    }
    // Two chunks in the middle of the source, of one segment and of two: their difference is what
    // content costs, the rest is what a chunk costs.
    let plan = Plan::in_chunks(&source, ONE_CHUNK, &[0, 1, 2, 4]);
    let cpu = |chunk| -> Result<f64> {
        let runs: Result<Vec<f64>> = (0..3)
            .map(|_| Ok(encode::run_bare(&plan, Part::Chunk(chunk), &url)?.cpu_seconds))
            .collect();
        Ok(median(&runs?))
    };
    let (short, long) = (cpu(1)?, cpu(2)?);
    let segment = f64::from(SEGMENT_SECONDS);
    let frames_ratio = f64::from(FRAMES_PER_SECOND) / source.video.frame_rate.as_f64();
    let encode_cpu = (long - short) / segment * frames_ratio;
    let costs = Costs {
        encode_cpu,
        chunk_cpu: (2.0 * short - long).max(0.0),
        cold_start: Duration::from_secs_f64(cold_start(stack).await?),
        probe: Duration::from_secs_f64(median(&probes)),
        publish_cpu_per_segment: publish_cpu_per_segment()?,
    };
    Ok((costs, source))
}

/// From the start of the transcode function's process to its first answer, in seconds.
async fn cold_start(stack: &Stack) -> Result<f64> {
    let environment: HashMap<String, String> =
        runtime::environment(stack, &stack.transcode_function).await?;
    let event = std::fs::read("events/s3-test-event.json")?;
    let mut starts = Vec::new();
    for _ in 0..7 {
        let mut command = Command::new("target/lambda/transcode/bootstrap");
        command.env_clear().envs(&environment);
        let sandbox = Sandbox::start(&mut command)?;
        sandbox
            .initialised()
            .context("the transcode function does not start")?;
        starts.push(sandbox.invoke(&event)?.since_start.as_secs_f64());
    }
    Ok(median(&starts))
}

/// All playlists of a film, by this program, which is not optimised: an upper bound.
fn publish_cpu_per_segment() -> Result<f64> {
    const SEGMENTS: usize = 600;
    let rate = FrameRate::new(FRAMES_PER_SECOND, 1).context("the rate")?;
    let track = |track, kind, iframes: usize| TrackReport {
        track,
        kind,
        codecs: "avc1.640028".into(),
        init_sha256: String::new(),
        timescale: 12_800,
        segments: vec![
            SegmentReport {
                bytes: 3_000_000,
                ticks: 76_800,
                iframes: vec![
                    IFrame {
                        offset: 0,
                        bytes: 100_000,
                        ticks: 25_600
                    };
                    iframes
                ],
            };
            SEGMENTS
        ],
    };
    let video = (0..5).map(|index| {
        let kind = TrackKind::Video {
            width: 1920 - index * 2,
            height: 1080,
            frame_rate: rate,
        };
        track(TrackId::Video(format!("{index}")), kind, 3)
    });
    let presentation = Presentation::new(video.collect(), Vec::new())?;
    let begun = Instant::now();
    for track in presentation.tracks() {
        std::hint::black_box(hls::media(&presentation, track, None));
        std::hint::black_box(hls::i_frames(&presentation, track));
    }
    std::hint::black_box((
        hls::master(&presentation, None, &TextTracks::default()),
        dash::manifest(&presentation, &TextTracks::default()),
    ));
    Ok(begun.elapsed().as_secs_f64() / SEGMENTS as f64)
}
