//! What does a ladder cost, and how does it look, next to what others make of the same clip? CPU
//! seconds, bytes and VMAF, all measured one after the other in this run.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use reelrun_media::{encoder::Preset, ladder::VideoCodecs, plan::Settings};
use reelrun_tests::{media::Clips, settings::ONE_CHUNK, stack::Stack};
use serde_json::{Value, json};

use crate::{
    clip::clip,
    contenders::{self, Ladder, RUNGS},
    encode::{self, Shift, Used},
    figures::Limits,
    quality::{Judged, judge},
};

/// CPU of the preset `balanced` over the tutorial's.
const BALANCED_CPU: f64 = 0.3;
/// By how much a rung of `balanced` may look worse than the tutorial's.
const BALANCED_VMAF_LOSS: f64 = 0.3;
/// Bytes of `balanced`'s ladder over the tutorial's.
const BALANCED_BYTES: f64 = 1.0;
/// CPU of the preset `quality` over Shaka Streamer's, with pictures as good and bytes as few.
const QUALITY_CPU: f64 = 0.65;
/// CPU of H.264 and AV1 together over the tutorial's, which makes H.264 only.
const BOTH_CPU: f64 = 1.0;

/// A ladder, judged.
struct Entry {
    name: &'static str,
    used: Used,
    rungs: Vec<Judged>,
}

pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!("Ladders of four renditions (1080, 720, 480, 360) of one clip");
    let clip = clip()?;
    let url = encode::stored(stack, &clip).await?;
    let clips = Clips::new();
    let folder = |name: &str| -> Result<_> {
        let folder = clips.path(name);
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    };
    let with = |preset, av1| Settings {
        preset,
        codecs: VideoCodecs { av1 },
        ..ONE_CHUNK
    };
    let made = async |name: &str, settings| {
        contenders::reelrun(&url, settings, Shift::default(), &folder(name)?).await
    };
    let entry = |name, ladder: Ladder| Entry::judged(name, &clip, ladder, &clips.path(""));

    let tutorial = contenders::tutorial(&clip, &folder("tutorial")?)?;
    let tutorial = entry("tutorial", tutorial)?;
    let shaka = entry(
        "Shaka Streamer",
        contenders::shaka(&clip, &folder("shaka")?)?,
    )?;
    let balanced = made("balanced", with(Preset::Balanced, false)).await?;
    let balanced = entry("balanced", balanced)?;
    let quality = made("quality", with(Preset::Quality, false)).await?;
    let quality = entry("quality", quality)?;
    let both = made("both", with(Preset::Balanced, true)).await?;
    let both = entry("balanced + AV1", both)?;

    limits.at_most(
        "CPU of balanced over the tutorial's",
        balanced.cpu() / tutorial.cpu(),
        BALANCED_CPU,
    );
    limits.at_most(
        "VMAF that balanced loses on the tutorial, worst rung",
        balanced.worst_loss(&tutorial),
        BALANCED_VMAF_LOSS,
    );
    limits.at_most(
        "bytes of balanced over the tutorial's",
        balanced.bytes() / tutorial.bytes(),
        BALANCED_BYTES,
    );
    limits.at_most(
        "CPU of quality over Shaka Streamer's",
        quality.cpu() / shaka.cpu(),
        QUALITY_CPU,
    );
    limits.at_most(
        "VMAF that quality loses on Shaka Streamer, worst rung",
        quality.worst_loss(&shaka),
        0.0,
    );
    limits.at_most(
        "bytes of quality over Shaka Streamer's",
        quality.bytes() / shaka.bytes(),
        1.0,
    );
    limits.at_most(
        "CPU of H.264 and AV1 together over the tutorial's",
        both.cpu() / tutorial.cpu(),
        BOTH_CPU,
    );
    let entries = [tutorial, shaka, balanced, quality, both];
    Ok(json!({ "ladders": entries.iter().map(Entry::to_json).collect::<Vec<_>>() }))
}

impl Entry {
    /// Judges a ladder, and prints a line for each of its codecs.
    fn judged(name: &'static str, clip: &Path, ladder: Ladder, folder: &Path) -> Result<Self> {
        let rungs = ladder.rungs.iter().map(|rung| judge(clip, rung, folder));
        let entry = Self {
            name,
            used: ladder.used,
            rungs: rungs.collect::<Result<_>>()?,
        };
        for (index, rungs) in entry.rungs.chunks(RUNGS.len()).enumerate() {
            let (name, cpu) = match index {
                0 => (name, format!("{:6.1} CPU-s", entry.cpu())),
                _ => ("", String::new()),
            };
            let rungs: Vec<String> = rungs
                .iter()
                .map(|rung| format!("{:6.2} MB {:5.2}", rung.bytes as f64 / 1e6, rung.vmaf))
                .collect();
            println!("  {name:15} {cpu:12}  {}", rungs.join("   "));
        }
        Ok(entry)
    }

    fn cpu(&self) -> f64 {
        self.used.cpu_seconds
    }

    fn bytes(&self) -> f64 {
        self.rungs.iter().map(|rung| rung.bytes as f64).sum()
    }

    /// By how much the rung that compares worst looks worse than the other's; negative if all look
    /// better.
    fn worst_loss(&self, other: &Self) -> f64 {
        let pairs = self.rungs.iter().zip(&other.rungs);
        pairs
            .map(|(own, other)| other.vmaf - own.vmaf)
            .fold(f64::NEG_INFINITY, f64::max)
    }

    fn to_json(&self) -> Value {
        let rungs = self.rungs.iter().enumerate().map(|(index, rung)| {
            let (_, height) = RUNGS[index % RUNGS.len()];
            json!({"height": height, "bytes": rung.bytes, "vmaf": rung.vmaf})
        });
        json!({
            "name": self.name,
            "cpu_seconds": self.used.cpu_seconds,
            "wall_seconds": self.used.wall_seconds,
            "rungs": rungs.collect::<Vec<_>>(),
        })
    }
}
