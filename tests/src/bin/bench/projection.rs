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
    plan::{FanOut, Plan, Settings},
    report::{IFrame, Presentation, SegmentReport, TrackKind, TrackReport},
    source::SourceInfo,
    timeline::FrameRate,
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
/// How the functions may be: their memory, and how long encoding one chunk should take.
const SETTINGS: [(&str, u32, Duration); 3] = [
    ("balanced", 3008, Duration::from_secs(10)),
    (
        "fastest, but of a new account's memory",
        3008,
        Duration::from_secs(1),
    ),
    ("fastest", 10_240, Duration::from_secs(1)),
];
/// The segments of what is measured, each a chunk.
const SEGMENTS: [u32; 5] = [0, 1, 2, 3, 4];
const ROUNDS: usize = 3;
/// Each video is sent through this many times, with other stragglers each time.
const SEEDS: u64 = 101;
/// When a source must be ready: the setting, the source, seconds.
const READY: [(&str, &str, f64); 7] = [
    ("balanced", "2 h", 30.0),
    ("fastest, but of a new account's memory", "1 min", 10.0),
    ("fastest, but of a new account's memory", "2 h", 15.0),
    ("fastest", "1 min", 5.5),
    ("fastest", "10 min", 7.0),
    ("fastest", "1 h", 10.0),
    ("fastest", "2 h", 10.0),
];
/// What a minute may cost over one of the same source with chunks as long as they are by default.
const DEARER: f64 = 1.1;

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
    let mut usual = HashMap::new();
    for (setting, memory_mb, target) in SETTINGS {
        let function = Function { memory_mb };
        println!(
            "  {setting}, {memory_mb} MB ({:.2} vCPU), chunks of {} s of work:\n    {:7} {:>6} {:>8} {:>8}   {:47} {:>9} {:>9}",
            function.vcpus(),
            target.as_secs(),
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
            let plan = Plan::new(&longer(&source, seconds), settings(memory_mb, target));
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
            let wanted = READY
                .iter()
                .find(|(of, source, _)| (*of, *source) == (setting, name));
            if let Some((_, _, limit)) = wanted {
                let ready = typical.terms.total().as_secs_f64();
                let dominant = typical.terms.dominant();
                let what = format!("{name} ready, {setting}, seconds; most of it: {dominant}");
                limits.at_most(what, ready, *limit);
            }
            let cost = typical.cost.total();
            let usual = *usual.entry(name).or_insert(cost);
            if memory_mb == SETTINGS[0].1 && target != SETTINGS[0].2 {
                let what = format!("{name}, cost over that of balanced chunks");
                limits.at_most(what, cost / usual, DEARER);
            }
            rows.insert(name.into(), row(&work, &runs, &typical, on_x86));
        }
        report.insert(setting.into(), rows.into());
    }
    println!("{ELSEWHERE}");
    report.insert("measured".into(), format!("{costs:?}").into());
    report.insert("assumed".into(), format!("{assumed:?}").into());
    report.insert("quotas".into(), format!("{quotas:?}").into());
    Ok(report.into())
}

fn settings(memory_mb: u32, target: Duration) -> Settings {
    Settings {
        fan_out: FanOut {
            max_parallel: 1000,
            target,
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
    // The same content, whole and in chunks of a segment, in turn: what is more is what chunks cost.
    let whole = Plan::new(&source, ONE_CHUNK);
    let split = Plan::in_chunks(&source, ONE_CHUNK, &SEGMENTS);
    let cpu = |plan: &Plan| -> Result<f64> {
        let parts = plan.parts();
        let used = parts.map(|part| Ok(encode::run_bare(plan, part, &url)?.cpu_seconds));
        used.sum()
    };
    let (mut encodes, mut chunks) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let one = cpu(&whole)?;
        encodes.push(one);
        chunks.push((cpu(&split)? - one) / (SEGMENTS.len() - 1) as f64);
    }
    let seconds = whole.frames() as f64 / f64::from(FRAMES_PER_SECOND);
    let costs = Costs {
        encode_cpu: median(&encodes) / seconds,
        chunk_cpu: median(&chunks).max(0.0),
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
