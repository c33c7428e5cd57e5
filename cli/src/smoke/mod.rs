//! The user's story against any stack, by its public API and its CDN alone: whether what was deployed
//! works, and if not, where to look.
//!
//! Nothing here has AWS credentials; of an emulator it knows only what that can't check (`target`). After a
//! failure or Ctrl-C, too, it deletes what it made.

mod clips;
mod dash;
mod estimate;
mod expected;
mod hls;
mod place;
mod receiver;
mod report;
mod steps;
mod story;
mod storyboard;
mod table;
mod target;
mod wire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use self::clips::{Clips, Files};
use self::estimate::Load;
use self::place::Place;
use self::receiver::Receiver;
use self::report::Report;
use self::steps::playback::Player;
use self::story::Story;
use self::target::{Leftovers, Target};
use crate::api::Api;
use crate::arch::Arch;
use crate::args::SmokeArgs;
use crate::process::find_program;
use crate::project::Project;
use crate::state::StackState;
use crate::{artifacts, layer, stack, tools, ui};

/// `cargo reelrun smoke`.
pub(crate) fn run(project: &Project, args: &SmokeArgs) -> Result<u8> {
    let begun = Instant::now();
    let stack = stack::chosen(project, args.stack.as_deref())?;
    project.say.line(&format!(
        "Reelrun: trying the stack {} at {}",
        stack.stack_name, stack.site_url
    ));
    let api = Api::of(&stack)?;
    let listen = |address: &String| Receiver::listen(address);
    let receiver = args.webhook_listen.as_ref().map(listen).transpose()?;
    let ffmpeg_dir = ffmpeg(project, &stack)?;
    let clips = Clips::new(project)?;
    let files = Files::make(project, &clips, &ffmpeg_dir, args.quick)?;
    let load = Load::of(&files)?;
    project.say.line(&match stack.local {
        None => load.estimate().words(load),
        Some(_) => "It runs on this machine, and costs nothing.".to_owned(),
    });

    let target = Target::new(&stack, &api);
    let leftovers = Leftovers {
        project,
        target: &target,
    };
    let mut report = Report::default();
    let story = Story {
        project,
        target: &target,
        player: Player {
            project,
            ffmpeg_dir: &ffmpeg_dir,
            target: &target,
        },
        clips: &clips,
        files: &files,
        receiver: receiver.as_ref(),
        patience: Duration::from_secs(args.wait),
    };
    story.tell(&mut report)?;
    drop(leftovers);
    Ok(conclude(project, args, &stack, &report, begun.elapsed()))
}

/// The table, or JSON; and the exit code.
fn conclude(
    project: &Project,
    args: &SmokeArgs,
    stack: &StackState,
    report: &Report,
    took: Duration,
) -> u8 {
    let place = |place: Place| place.words(stack);
    if args.json {
        println!("{}", report.json(&stack.stack_name, place, took));
    }
    let say = |text: &str| project.say.line(text);
    say(&format!("\n{}", table::table(&report.rows)));
    let faults = table::faults(report, place);
    if !faults.is_empty() {
        say(&faults);
    }
    let count = report.count();
    say(&format!("{} in {}.", count.words(), ui::seconds(took)));
    u8::from(count.failed > 0)
}

/// The layer's ffmpeg: that of the local stack, or one for this machine.
fn ffmpeg(project: &Project, stack: &StackState) -> Result<PathBuf> {
    if let Some(local) = &stack.local {
        return Ok(local.ffmpeg_dir.clone());
    }
    if cfg!(target_os = "linux") {
        tools::prepare(project)?;
        let _artifacts = artifacts::lock(project)?;
        return Ok(layer::prepare(project, Arch::host()?)?.join("bin"));
    }
    // The layer's programs are Linux's.
    let found = find_program("ffmpeg").and_then(|path| path.parent().map(Path::to_owned));
    found.context(
        "the videos are made and read with ffmpeg; install it (macOS: `brew install ffmpeg`), then \
         run the command again",
    )
}

#[cfg(test)]
mod tests {
    use crate::state::{StackState, tests::outputs};

    /// A stack as a deployment describes it.
    pub(super) fn stack() -> StackState {
        StackState::new(&outputs(), "eu-west-1".into(), "films".into()).expect("complete")
    }
}
