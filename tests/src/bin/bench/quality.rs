//! How good a rendition looks and how large it is, by ffmpeg's own judgement.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use reelrun_tests::{
    media::{ffprobe, text},
    stack::program,
};
use serde_json::Value;

use crate::encode::timed;

/// Every how many-th frame is judged.
const SUBSAMPLE: u32 = 10;

/// One rendition, judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    /// Bytes of the picture's packets, without any container.
    pub(crate) bytes: u64,
    /// The mean VMAF against the source, both at the source's size: 100 is no visible difference.
    pub(crate) vmaf: f64,
}

/// Judges a rendition, frame by frame. Both must have the same frames.
pub(crate) fn judge(clip: &Path, rendition: &Path, folder: &Path) -> Result<Judged> {
    let (bytes, frames) = packets(rendition)?;
    let (_, expected) = packets(clip)?;
    // A frame more or less at the end is a matter of rounding; more would compare different frames.
    ensure!(
        frames.abs_diff(expected) <= 2,
        "{} has {frames} frames, the source {expected}",
        rendition.display()
    );
    let log = folder.join("vmaf.json");
    // A file that names its colours and one that does not would be converted to each other first,
    // and compared in colours that neither has.
    let alike = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709,\
                 format=yuv420p,settb=1/1000,setpts=N*40";
    let graph = format!(
        "[0:v:0]scale=1920:1080:flags=bicubic,{alike}[made];[1:v:0]{alike}[source];\
         [made][source]libvmaf=n_subsample={SUBSAMPLE}:log_fmt=json:log_path={}",
        text(&log)
    );
    let mut ffmpeg = Command::new(program("ffmpeg"));
    ffmpeg
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-i"])
        .arg(rendition)
        .arg("-i")
        .arg(clip)
        .arg("-filter_complex")
        .arg(graph)
        .args(["-f", "null", "-"]);
    timed(&mut ffmpeg)?;
    let log: Value = serde_json::from_str(&fs::read_to_string(log)?)?;
    let vmaf = log["pooled_metrics"]["vmaf"]["mean"].as_f64();
    Ok(Judged {
        bytes,
        vmaf: vmaf.context("libvmaf gave no mean")?,
    })
}

/// The picture's bytes and frames.
fn packets(file: &Path) -> Result<(u64, u64)> {
    let listing = ffprobe("-select_streams v:0 -show_entries packet=size", text(file));
    let packets = listing["packets"].as_array().context("no packets")?;
    let sizes = packets
        .iter()
        .filter_map(|packet| packet["size"].as_str()?.parse::<u64>().ok());
    Ok((sizes.sum(), packets.len() as u64))
}
