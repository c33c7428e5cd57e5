//! How many bytes does AV1 take for the same picture? A single pair of encodes can't tell: no two are
//! alike in quality, and near the top VMAF hardly tells them apart. So both codecs' ladders are made
//! at several qualities, and what is compared is curves (see [`crate::bd_rate`]).

use std::fs;

use anyhow::{Context, Result};
use reelrun_media::{encoder::Preset, ladder::VideoCodecs, plan::Settings};
use reelrun_tests::{media::Clips, settings::ONE_CHUNK, stack::Stack};
use serde_json::{Value, json};

use crate::{
    bd_rate::Curve,
    clip::clip,
    contenders::{self, RUNGS},
    encode::{self, Shift},
    figures::Limits,
    quality::{Judged, judge},
};

/// From the published quality of H.264 down to where 1080p begins to look soft. AV1 begins higher:
/// at its own published quality it looks a little worse than H.264.
const SHIFTS: [Shift; 4] = [
    Shift {
        h264: 0.0,
        av1: -6.0,
    },
    Shift {
        h264: 4.0,
        av1: 0.0,
    },
    Shift {
        h264: 8.0,
        av1: 7.0,
    },
    Shift {
        h264: 12.0,
        av1: 19.0,
    },
];
/// Bytes of AV1 over those of H.264 at equal VMAF, over the whole range, mean of the rungs.
const BYTES: f64 = 0.65;

pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    println!("AV1 next to H.264 at {} qualities", SHIFTS.len());
    let clip = clip()?;
    let url = encode::stored(stack, &clip).await?;
    let clips = Clips::new();
    let settings = Settings {
        preset: Preset::Balanced,
        codecs: VideoCodecs { av1: true },
        ..ONE_CHUNK
    };
    // What each rung of each codec is like, at each quality.
    let mut judged: [Vec<Vec<Judged>>; 2] = [(); 2].map(|()| vec![Vec::new(); RUNGS.len()]);
    for (index, shift) in SHIFTS.into_iter().enumerate() {
        let folder = clips.path(&format!("{index}"));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let ladder = contenders::reelrun(&url, settings, shift, &folder).await?;
        for (codec, files) in judged.iter_mut().zip(ladder.rungs.chunks(RUNGS.len())) {
            for (rung, file) in codec.iter_mut().zip(files) {
                rung.push(judge(&clip, file, &folder)?);
            }
        }
        fs::remove_dir_all(&folder)?;
    }
    let [h264, av1] = judged;
    let mut rungs = Vec::new();
    let mut ratios = Vec::new();
    // Of AV1 that looks like the published H.264, and of that.
    let mut published = (0.0, 0.0);
    for ((h264, av1), (_, height)) in h264.iter().zip(&av1).zip(RUNGS) {
        let (of_h264, of_av1) = (Curve::new(h264), Curve::new(av1));
        let difference = of_av1
            .over(&of_h264)
            .with_context(|| format!("at {height}p the two codecs share no quality"))?;
        let (from, to, ratio) = (difference.from, difference.to, difference.ratio);
        let alike = of_av1
            .bytes_at(h264[0].vmaf)
            .with_context(|| format!("at {height}p AV1 is never as good as H.264"))?;
        let at_published = alike / h264[0].bytes as f64;
        println!(
            "  {height:4}p  {}\n         {}\n         {ratio:.3} of the bytes, VMAF {from:.1} to {to:.1}; {at_published:.3} at the published {:.1}",
            listed("H.264", h264),
            listed("AV1", av1),
            h264[0].vmaf,
        );
        published.0 += alike;
        published.1 += h264[0].bytes as f64;
        ratios.push(ratio);
        rungs.push(json!({
            "height": height,
            "ratio": ratio,
            "vmaf": [from, to],
            "ratio_at_published": at_published,
            "h264": h264.iter().map(figures).collect::<Vec<_>>(),
            "av1": av1.iter().map(figures).collect::<Vec<_>>(),
        }));
    }
    let published = published.0 / published.1;
    println!("  {published:.3} of the bytes of the published ladder, at its VMAF");
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    limits.at_most(
        "bytes of AV1 over H.264's at equal VMAF, mean of the rungs",
        mean,
        BYTES,
    );
    Ok(json!({ "rungs": rungs, "ratio": mean, "ratio_at_published": published }))
}

fn listed(codec: &str, points: &[Judged]) -> String {
    let points = points
        .iter()
        .map(|point| format!("{:6.2} MB {:5.2}", point.bytes as f64 / 1e6, point.vmaf));
    format!("{codec:6} {}", points.collect::<Vec<_>>().join("   "))
}

fn figures(point: &Judged) -> Value {
    json!({"bytes": point.bytes, "vmaf": point.vmaf})
}
