//! Reelrun's own ffmpeg command, run by itself. What the library's types are is known here only.

use std::{
    ffi::OsString,
    iter,
    ops::AddAssign,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_s3::{presigning::PresigningConfig, primitives::ByteStream};
use reelrun_media::{
    command::{self, Output, SourceUrl, Way},
    plan::{Part, Plan},
    source::{Container, Head, SNIFF_BYTES, SourceInfo, SourceLimits},
};
use reelrun_tests::{
    processes::children_cpu_seconds,
    settings::ONE_CHUNK,
    stack::{Stack, get_range, program},
};
use reelrun_transcode::{
    examine::{Found, examine},
    process::Programs,
};

/// What a program and those that it ran have used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) cpu_seconds: f64,
    pub(crate) wall_seconds: f64,
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.wall_seconds += other.wall_seconds;
    }
}

/// Runs a program to its end, with nothing else running beside it in this process.
pub(crate) fn timed(command: &mut Command) -> Result<Used> {
    let name = command.get_program().to_owned();
    let (before, begun) = (children_cpu_seconds(), Instant::now());
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{} could not be started", name.display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = text.lines().rev().take(12).collect();
    ensure!(
        output.status.success(),
        "{} ended with {}:\n{}",
        name.display(),
        output.status,
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    );
    Ok(Used {
        cpu_seconds: children_cpu_seconds() - before,
        wall_seconds: begun.elapsed().as_secs_f64(),
    })
}

/// By how much an encode's constant quality is moved from the preset's, for each codec: upwards is
/// fewer bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    pub(crate) h264: f64,
    pub(crate) av1: f64,
}

/// Puts a file where the command reads sources from, the store, but where no event follows.
pub(crate) async fn stored(stack: &Stack, file: &Path) -> Result<String> {
    let s3 = stack.s3();
    let body = ByteStream::from(std::fs::read(file)?);
    let (bucket, key) = (&stack.media_bucket, "bench/source");
    s3.put_object()
        .bucket(bucket)
        .key(key)
        .body(body)
        .send()
        .await?;
    let valid = PresigningConfig::expires_in(Duration::from_hours(1))?;
    let url = s3
        .get_object()
        .bucket(bucket)
        .key(key)
        .presigned(valid)
        .await?;
    Ok(url.uri().into())
}

fn source(url: &str, container: Container) -> SourceUrl<'_> {
    SourceUrl {
        url,
        ca_file: None,
        container,
        reads_deep: false,
    }
}

/// What ffprobe says of a source.
pub(crate) async fn probed(url: &str) -> Result<SourceInfo> {
    match found(url).await? {
        Found::Video(examined) => Ok(examined.info),
        Found::AudioOnly(..) => bail!("it has no picture"),
    }
}

/// The plan of a source without a picture.
pub(crate) async fn audio_plan(url: &str) -> Result<Plan> {
    match found(url).await? {
        Found::AudioOnly(audio, _) => Ok(Plan::of_audio_only(&audio, ONE_CHUNK)),
        Found::Video(_) => bail!("it has a picture"),
    }
}

async fn found(url: &str) -> Result<Found<'_>> {
    let programs = Programs {
        ffmpeg: program("ffmpeg"),
        ffprobe: program("ffprobe"),
        ca_file: None,
        memory_mb: 3008,
    };
    let limits = SourceLimits {
        max_duration_seconds: 12 * 3600,
        accepts_audio_only: true,
    };
    let head = Head::of(&get_range(url, 0, SNIFF_BYTES).body)?;
    Ok(examine(&programs, source(url, head.container), head, limits).await?)
}

/// Runs a part of a plan, with each output where `place` says.
pub(crate) fn run(
    plan: &Plan,
    part: Part,
    url: &str,
    shift: Shift,
    place: impl Fn(Output) -> OsString,
) -> Result<Used> {
    let words = command(plan, part, url, shift, place)?;
    timed(Command::new(&words[0]).args(&words[1..]).env_clear())
}

/// A program and its arguments that encode a part: ffmpeg, and the one that encodes the sound.
fn command(
    plan: &Plan,
    part: Part,
    url: &str,
    shift: Shift,
    place: impl Fn(Output) -> OsString,
) -> Result<Vec<OsString>> {
    let encode = command::encode(plan, part, source(url, plan.container()), Way::default())
        .context("the plan has no such part")?;
    let mut places = encode.outputs.iter().map(|&output| match output {
        Output::Audio => "pipe:1".into(),
        _ => place(output),
    });
    let ffmpeg = || iter::once(program("ffmpeg").into_os_string());
    let main = encode.args.into_iter().map(|arg| match arg.to_str() {
        Some(text) if text.starts_with("pipe:") => places.next().unwrap_or_default(),
        _ => arg,
    });
    let main: Vec<_> = ffmpeg().chain(shifted(main.collect(), shift)?).collect();
    let Some(mut sound) = encode.audio_args else {
        return Ok(main);
    };
    let last = sound.last_mut().context("the sound has no output")?;
    *last = place(Output::Audio);
    let pipe = r#"count=$1; shift; "${@:1:count}" | "${@:count+1}""#;
    let words = ["bash", "-o", "pipefail", "-c", pipe, "pipe"].map(OsString::from);
    let count = OsString::from(main.len().to_string());
    Ok(words
        .into_iter()
        .chain([count])
        .chain(main)
        .chain(ffmpeg())
        .chain(sound)
        .collect())
}

fn shifted(mut args: Vec<OsString>, shift: Shift) -> Result<Vec<OsString>> {
    let mut by = 0.0;
    for index in 1..args.len() {
        let (option, value) = (args[index - 1].to_str(), args[index].to_str());
        match (option, value) {
            (Some("-c:v"), Some("libx264")) => by = shift.h264,
            (Some("-c:v"), Some("libsvtav1")) => by = shift.av1,
            (Some("-crf"), Some(value)) => {
                let quality: f64 = value.parse()?;
                args[index] = (quality + by).to_string().into();
            }
            _ => {}
        }
    }
    Ok(args)
}

/// A program and its arguments that encode a part to /dev/null.
pub(crate) fn bare_command(plan: &Plan, part: Part, url: &str) -> Result<Vec<OsString>> {
    command(plan, part, url, Shift::default(), |_| "/dev/null".into())
}

/// Runs it.
pub(crate) fn run_bare(plan: &Plan, part: Part, url: &str) -> Result<Used> {
    run(plan, part, url, Shift::default(), |_| "/dev/null".into())
}
