//! How much memory does a function take, for which sources?

use std::time::Duration;

use anyhow::{Result, ensure};
use reelrun_tests::{configuration::Reconfigured, media::Clips, poll::Patience, stack::Stack};
use serde_json::{Value, json};

use crate::figures::Limits;

/// As much as Lambda gives.
const MOST_MB: i32 = 10_240;

/// What `TranscodeMemoryMb` is by default.
const DEFAULT_MB: f64 = 3008.0;

const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
const HEVC: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p10le";

/// A source, its size and codec; how high pictures are at most, what they are encoded to, and whether the
/// default memory has to do.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    u32,
    &'static str,
    bool,
);

const CASES: [Case; 7] = [
    ("1080p H.264", "1920x1080", H264, 1080, "h264", true),
    ("4K H.264", "3840x2160", H264, 1080, "h264", true),
    ("4K HEVC, 10 bits", "3840x2160", HEVC, 1080, "h264", true),
    ("1080p H.264", "1920x1080", H264, 1080, "h264,av1", true),
    (
        "4K HEVC, 10 bits",
        "3840x2160",
        HEVC,
        1080,
        "h264,av1",
        true,
    ),
    ("4K H.264", "3840x2160", H264, 2160, "h264", true),
    (
        "4K HEVC, 10 bits",
        "3840x2160",
        HEVC,
        2160,
        "h264,av1",
        false,
    ),
];

/// The most that the sandbox of the transcode function held while it encoded a few seconds of each
/// in one piece: the function, its programs and what is in `/tmp`.
pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    const SECONDS: u32 = 4;
    println!(
        "Memory of the transcode function, {SECONDS} s at 25 fps in one piece, as its sandbox counts it"
    );
    let clips = Clips::new();
    let mut report = Vec::new();
    for case in CASES {
        let (source, size, codec, max_height, codecs, by_default) = case;
        let file = clips.make(
            "memory.mp4",
            &format!(
                "-f lavfi -i testsrc2=s={size}:r=25:d={SECONDS} -f lavfi -i sine=d={SECONDS} {codec} -c:a aac"
            ),
        );
        let variables = [
            ("MAX_PARALLEL_CHUNKS", "1".to_owned()),
            ("MAX_HEIGHT", max_height.to_string()),
            ("VIDEO_CODECS", codecs.to_owned()),
        ];
        let _configuration = Reconfigured::memory(stack, MOST_MB, &variables).await;
        let begun = reelrun_platform::now().as_millis();
        let id = stack.upload(&file);
        let video = stack.settled(&id);
        ensure!(video["status"] == "ready", "the job failed: {video:#}");
        let taken = Patience::of(Duration::from_mins(1))
            .wait_for("its sandbox reports", async || {
                let logs = stack.logs(&stack.transcode_function, begun);
                let mut encoded = logs.iter().filter_map(|log| log.rsplit_once(&id));
                encoded.find_map(|(_, after)| most_mb(after)).ok_or(logs)
            })
            .await;
        println!("  {source} to {max_height}p in {codecs}: {taken} MB");
        if by_default {
            let what = format!("MB for {source} to {max_height}p in {codecs}");
            limits.at_most(what, f64::from(taken), DEFAULT_MB);
        }
        report.push(
            json!({"source": source, "max_height": max_height, "codecs": codecs, "mb": taken}),
        );
    }
    Ok(report.into())
}

/// What the sandbox says at the end of an invocation, after all that the function has said.
fn most_mb(log: &str) -> Option<u32> {
    let (_, after) = log.split_once("SANDBOX\tMost memory held: ")?;
    after.split_once(" MB")?.0.parse().ok()
}
