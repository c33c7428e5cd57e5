//! From nothing to a video that plays, in one command.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::api::{Api, Privacy, Problem, Status};
use crate::args::{DemoArgs, PROXY_PORT};
use crate::builder::Profile;
use crate::playback;
use crate::process::Task;
use crate::project::Project;
use crate::stack::{self, Obtained, Site};
use crate::ui;
use crate::upload;

/// Length of the generated clip.
const CLIP_SECONDS: u32 = 20;

/// `cargo reelrun demo`.
pub(crate) fn run(project: &Project, args: &DemoArgs) -> Result<u8> {
    project
        .say
        .line("Reelrun: upload a video, get HLS and DASH back, all on this machine");
    if let Some(file) = &args.file {
        // Before minutes of building, not after.
        upload::check_file(file)?;
    }
    let site = Site::main(project, PROXY_PORT);
    let stack = if args.keep {
        Obtained::Theirs(Box::new(stack::detach(project, &site)?))
    } else {
        stack::obtain(project, Profile::Debug, &site)?
    };
    let state = stack.state();
    let ffmpeg_dir = state
        .local
        .as_ref()
        .map(|local| local.ffmpeg_dir.clone())
        .context("the stack is not a local one")?;

    let file = match &args.file {
        Some(file) => file.clone(),
        None => clip(project, &ffmpeg_dir)?,
    };
    let api = Api::of(state)?;
    let video = upload::upload(project, &api, &file, Privacy::AsDeployed, &[])?;
    if video.status == Status::Errored {
        let why = video
            .error
            .as_ref()
            .map_or("no reason was given".to_owned(), Problem::words);
        bail!("{} cannot be prepared: {why}", file.display());
    }

    let step = project.say.begin("Checking that it plays");
    let report = playback::check(project, &ffmpeg_dir, &video)?;
    step.done_with(&format!(
        "{}x{}, {} frames, {}, {} playlists",
        report.width,
        report.height,
        report.frames,
        ui::seconds(Duration::from_millis(report.duration_ms)),
        report.playlists
    ));

    project.say.line(&format!(
        "\nIt plays. {} after the start:",
        ui::seconds(project.say.elapsed())
    ));
    upload::introduce(project, &api, &video);
    if let Some(hls) = video.playback.hls.as_ref().filter(|_| !args.exit) {
        project.say.line(&format!(
            "  watch       {}/watch/{}",
            state.site_url, video.id
        ));
        project
            .say
            .line(&format!("              (or `ffplay {hls}`)"));
    }
    match stack {
        Obtained::Ours(running) if !args.exit => {
            project.say.line(
                "\nThe stack stays up until Ctrl-C; upload more with `cargo reelrun upload FILE`.",
            );
            running.serve()?;
            project.say.line("Stopped.");
        }
        Obtained::Theirs(_) => {
            project
                .say
                .line("\nThe stack stays up; `cargo reelrun down` stops it.");
        }
        Obtained::Ours(_) => {}
    }
    Ok(0)
}

/// A clip with a moving picture and a beep, generated once.
fn clip(project: &Project, ffmpeg_dir: &Path) -> Result<PathBuf> {
    let clip = project.target().join("demo.mp4");
    if clip.is_file() {
        return Ok(clip);
    }
    let step = project
        .say
        .begin(&format!("Generating a clip of {CLIP_SECONDS} s"));
    let fresh = clip.with_extension("partial.mp4");
    let picture = format!("testsrc2=size=1280x720:rate=30:duration={CLIP_SECONDS}");
    let sound =
        format!("sine=frequency=220:beep_factor=4:sample_rate=48000:duration={CLIP_SECONDS}");
    Task::new(project, "clip generation", ffmpeg_dir.join("ffmpeg"))
        .args(["-nostdin", "-y", "-v", "error"])
        .args(["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound])
        .args([
            "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p",
        ])
        .args(["-c:a", "aac", "-ac", "2", "-b:a", "128k"])
        .arg(&fresh)
        .run()?;
    fs::rename(&fresh, &clip).with_context(|| format!("cannot write {}", clip.display()))?;
    step.done();
    Ok(clip)
}
