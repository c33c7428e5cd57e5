//! What is compared: the same ladder of one clip, made by others and by us, into files.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use reelrun_media::{
    command::Output,
    plan::{Part, Plan, Settings},
};
use reelrun_tests::stack::program;

use crate::{
    encode::{self, Shift, Used, timed},
    python,
};

/// The sizes that all make, highest first.
pub(crate) const RUNGS: [(u32, u32); 4] = [(1920, 1080), (1280, 720), (854, 480), (640, 360)];

/// A ladder in files.
pub(crate) struct Ladder {
    pub(crate) used: Used,
    /// What ffmpeg reads each rung's picture from, as [`RUNGS`].
    pub(crate) rungs: Vec<PathBuf>,
}

/// What tutorials do: four runs of ffmpeg, one for each size, x264's `medium`, constant quality.
pub(crate) fn tutorial(clip: &Path, folder: &Path) -> Result<Ladder> {
    let mut used = Used::default();
    let mut rungs = Vec::new();
    for (width, height) in RUNGS {
        let playlist = folder.join(format!("{height}p.m3u8"));
        let mut ffmpeg = Command::new(program("ffmpeg"));
        ffmpeg
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i"])
            .arg(clip)
            .arg("-vf")
            .arg(format!("scale={width}:{height}"))
            .args(
                "-c:a aac -ar 48000 -c:v libx264 -profile:v main -crf 20 -sc_threshold 0"
                    .split(' '),
            )
            .args("-g 48 -keyint_min 48 -hls_time 6 -hls_playlist_type vod -b:a 128k".split(' '))
            .arg("-hls_segment_filename")
            .arg(folder.join(format!("{height}p_%03d.ts")))
            .arg(&playlist);
        used += timed(&mut ffmpeg)?;
        rungs.push(playlist);
    }
    Ok(Ladder { used, rungs })
}

/// Shaka Streamer as it comes, with its own ffmpeg and packager.
pub(crate) fn shaka(clip: &Path, folder: &Path) -> Result<Ladder> {
    let python = python::environment("shaka", "tests/bench/shaka/requirements.txt")?;
    let input = format!(
        "inputs:\n  - {{name: '{clip}', media_type: video}}\n  - {{name: '{clip}', media_type: audio}}\n",
        clip = clip.display()
    );
    let pipeline = "streaming_mode: vod\nresolutions: [1080p, 720p, 480p, 360p]\n\
                    audio_codecs: [aac]\nvideo_codecs: [h264]\nmanifest_format: [hls]\n\
                    segment_size: 6\nsegment_per_file: false\nquiet: true\n";
    fs::write(folder.join("input.yaml"), input)?;
    fs::write(folder.join("pipeline.yaml"), pipeline)?;
    let output = folder.join("output");
    let mut streamer = Command::new(&python);
    streamer
        .arg(python.with_file_name("shaka-streamer"))
        .arg("-i")
        .arg(folder.join("input.yaml"))
        .arg("-p")
        .arg(folder.join("pipeline.yaml"))
        .arg("-o")
        .arg(&output);
    let used = timed(&mut streamer)?;
    // It names files by its own bit rates: `video_1080p_4M_h264.mp4`.
    let mut rungs = Vec::new();
    for (_, height) in RUNGS {
        let prefix = format!("video_{height}p_");
        let mut files = fs::read_dir(&output)?.flatten().map(|entry| entry.path());
        let rung = files.find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            path.extension().is_some_and(|extension| extension == "mp4")
                && name.is_some_and(|name| name.starts_with(&prefix))
        });
        rungs.push(rung.with_context(|| format!("Shaka Streamer made no {prefix}*.mp4"))?);
    }
    Ok(Ladder { used, rungs })
}

/// Reelrun's command for the same rungs, with these settings. Of several codecs, each has a ladder.
pub(crate) async fn reelrun(
    url: &str,
    settings: Settings,
    shift: Shift,
    folder: &Path,
) -> Result<Ladder> {
    let plan = Plan::new(&encode::probed(url).await?, settings)
        .only(|r| RUNGS.contains(&(r.width, r.height)));
    let file = |index: usize| folder.join(format!("{index}.mp4"));
    let used = encode::run(&plan, Part::Chunk(0), url, shift, |output| match output {
        Output::Video(index) => file(index).into_os_string(),
        Output::Audio | Output::Poster | Output::SpriteSheet => OsString::from("/dev/null"),
    })?;
    let rungs: Vec<PathBuf> = (0..plan.renditions().len()).map(file).collect();
    ensure!(
        rungs.len().is_multiple_of(RUNGS.len()),
        "the ladder has other rungs"
    );
    Ok(Ladder { used, rungs })
}
