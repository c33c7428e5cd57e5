//! Noise for every parser of outside data, by libFuzzer.
//!
//! The targets are laid out as cargo-fuzz wants them, but it needs a nightly compiler for its
//! sanitizers. Rust without `unsafe` has little use for those; what counts is that noise is steered
//! towards new code, and that is to be had with the stable compiler.

use std::ffi::OsStr;
use std::fs;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::args::FuzzArgs;
use crate::aside::Aside;
use crate::layer;
use crate::process::{Task, find_program};
use crate::project::{Project, make_folder};
use crate::tools;

/// What libFuzzer needs to see: which branches are taken, and what is compared with what.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The target that reads media, of which none is kept beside the other seeds.
const MEDIA_TARGET: &str = "segmenter";

/// `cargo reelrun fuzz`.
pub(crate) fn run(project: &Project, args: &FuzzArgs) -> Result<u8> {
    project
        .say
        .line("Reelrun: noise for every parser of outside data");
    if find_program("c++").is_none() {
        bail!(
            "libFuzzer is C++, and there is no compiler for it; install one (Debian and Ubuntu: `sudo apt \
             install g++`, Fedora: `sudo dnf install gcc-c++`), then run the command again"
        );
    }
    let targets = targets(project)?;
    if let Some(wrong) = args.targets.iter().find(|name| !targets.contains(name)) {
        bail!(
            "there is no target {wrong}; there are {}",
            targets.join(", ")
        );
    }
    let binaries = build(project)?;
    let is_chosen = |target: &String| args.targets.is_empty() || args.targets.contains(target);
    let chosen: Vec<_> = targets.into_iter().filter(is_chosen).collect();
    let codes = on_all_cores(chosen, |target| {
        let aside = Aside::new(project, &format!("fuzz-{target}"))?;
        let code = fuzz(&aside.project, &binaries, &target, args);
        aside.print(project);
        code
    })?;
    Ok(codes.into_iter().max().unwrap_or_default())
}

/// Does something for each, one per core at a time: a target takes a core.
fn on_all_cores<T: Send, R: Send>(
    each: Vec<T>,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let waiting = Mutex::new(each.into_iter());
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let worker = || {
        let mut done = Vec::new();
        while let Some(one) = next() {
            done.push(work(one)?);
        }
        Ok(done)
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let done = workers
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>>>()?;
        Ok(done.into_iter().flatten().collect())
    })
}

fn targets(project: &Project) -> Result<Vec<String>> {
    let folder = project.root().join("fuzz/fuzz_targets");
    let files =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = files.flatten().map(|file| file.path());
    let mut names: Vec<String> = paths
        .filter_map(|path| path.file_stem().and_then(OsStr::to_str).map(Into::into))
        .collect();
    names.sort();
    Ok(names)
}

/// Builds all targets, and gives the folder that they are in.
fn build(project: &Project) -> Result<PathBuf> {
    let step = project.say.begin("Building the targets");
    let folder = project.target().join("fuzz");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Task::new(project, "fuzz build", "cargo")
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"])
        // With a target of its own, build scripts are left as they are.
        .args(["--target", &triple])
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", FLAGS)
        .run()?;
    step.done();
    Ok(folder.join(triple).join("release"))
}

fn fuzz(project: &Project, binaries: &Path, target: &str, args: &FuzzArgs) -> Result<u8> {
    let work = project.target().join("fuzz");
    let corpus = work.join("corpus").join(target);
    let artifacts = work.join("artifacts").join(target);
    make_folder(&corpus)?;
    make_folder(&artifacts)?;
    if target == MEDIA_TARGET {
        make_media(project, &corpus)?;
    }
    let seconds = args.seconds;
    project.say.line(&format!("{target}, {seconds} s"));
    let mut task = Task::new(project, "fuzz", binaries.join(target))
        .arg(format!("-max_total_time={seconds}"))
        .args(args.seed.map(|seed| format!("-seed={seed}")))
        .args(["-timeout=30", "-rss_limit_mb=1024", "-max_len=65536"])
        .args(["-verbosity=0", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus);
    let seeds = project.root().join("fuzz/corpus").join(target);
    if seeds.is_dir() {
        task = task.arg(seeds);
    }
    task.show()
}

/// A second of what ffmpeg's pipes carry.
fn make_media(project: &Project, corpus: &Path) -> Result<()> {
    let seed = corpus.join("seed");
    if seed.is_file() {
        return Ok(());
    }
    tools::prepare(project)?;
    let arch = Arch::host()?;
    layer::prepare(project, arch)?;
    let media = project.target().join("fuzz/seed.mp4");
    Task::new(project, "fuzz seed", project.layer(arch).join("bin/ffmpeg"))
        .args("-loglevel error -nostdin -y -f lavfi -i testsrc2=s=16x16:r=25:d=1".split(' '))
        .args("-c:v libx264 -g 5 -bf 0 -video_track_timescale 25000 -f mp4".split(' '))
        .args([
            "-movflags",
            "+frag_keyframe+empty_moov+default_base_moof+skip_trailer+cmaf",
        ])
        .arg(&media)
        .run()?;
    // The first byte says how large the pieces are in which the rest comes.
    let mut bytes = vec![100];
    bytes.extend(fs::read(&media).with_context(|| format!("cannot read {}", media.display()))?);
    fs::write(&seed, bytes).with_context(|| format!("cannot write {}", seed.display()))
}
