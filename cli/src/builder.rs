//! Builds the functions as Lambda wants them: one `bootstrap` each, in `target/lambda/`.
//!
//! What is deployed is built by cargo-lambda, which links with zig: either architecture is built on
//! any machine against the C library Lambda has. What a local stack runs is built as the tests are:
//! a change is there in seconds instead of minutes, and arithmetic that overflows panics.
//! Cargo decides what is out of date.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::arch::Arch;
use crate::artifacts::{self, Artifacts};
use crate::layer;
use crate::process::{Task, find_program};
use crate::project::{Project, make_folder};
use crate::tools;
use crate::ui;

/// What a person can do when a build fails.
const WAY_OUT: &str = "Fix what the compiler says, then run the command again.";

/// Each function: its package is `reelrun-<name>`, its binary `<name>`.
const FUNCTIONS: [&str; 7] = [
    "presign",
    "transcode",
    "lookup",
    "cleanup",
    "notify",
    "sweep",
    "tracks",
];

/// For whom the functions are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For a local stack: soon.
    Debug,
    /// For Lambda: small and fast.
    Release,
}

/// `cargo reelrun build`.
pub(crate) fn run(project: &Project, arch: Option<Arch>) -> Result<u8> {
    let arch = arch.map_or_else(Arch::host, Ok)?;
    project
        .say
        .line(&format!("Reelrun: the functions for {arch}"));
    tools::prepare(project)?;
    let _artifacts = artifacts::lock(project)?;
    build(project, arch, Profile::Release)?;
    Ok(0)
}

/// What a deployment takes: the layer and the functions of one architecture, at the fixed paths the
/// template names. Nobody else changes them while the returned lock is held.
pub(crate) fn prepare(project: &Project, arch: Arch, profile: Profile) -> Result<Artifacts> {
    tools::prepare(project)?;
    let artifacts = artifacts::lock(project)?;
    layer::prepare(project, arch)?;
    layer::point_template_at(project, arch)?;
    build(project, arch, profile)?;
    Ok(artifacts)
}

fn build(project: &Project, arch: Arch, profile: Profile) -> Result<()> {
    let step = project
        .say
        .begin(&format!("Building the functions for {arch}"));
    match profile {
        Profile::Debug => build_for_here(project)?,
        Profile::Release => build_for_lambda(project, arch)?,
    }
    let sizes = FUNCTIONS
        .iter()
        .map(|name| {
            Ok(format!(
                "{name} {}",
                ui::size(length(&bootstrap(project, name))?)
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    step.done_with(&sizes.join(", "));
    Ok(())
}

fn build_for_lambda(project: &Project, arch: Arch) -> Result<()> {
    check_target(project, arch)?;
    let bin = project.venv().join("bin");
    Task::new(project, "function build", "cargo")
        .args([
            "lambda",
            "build",
            "--release",
            arch.cargo_lambda_flag(),
            "--lambda-dir",
        ])
        .arg(project.lambda())
        .args(FUNCTIONS.map(|name| format!("--package=reelrun-{name}")))
        .args(FUNCTIONS.map(|name| format!("--bin={name}")))
        // cargo finds cargo-lambda here, and cargo-lambda the Python that brings zig.
        .env("PATH", Project::path_with(&[bin])?)
        .way_out(WAY_OUT)
        .run()
}

fn build_for_here(project: &Project) -> Result<()> {
    let messages = Task::new(project, "function build", "cargo")
        // Features are those of the whole workspace, so the tests find every dependency built.
        .args([
            "build",
            "--workspace",
            "--message-format=json-render-diagnostics",
        ])
        .args(FUNCTIONS.map(|name| format!("--bin={name}")))
        .way_out(WAY_OUT)
        .output()?;
    for name in FUNCTIONS {
        let program = executable(&messages, name)
            .with_context(|| format!("cargo does not say where it built {name}"))?;
        let bootstrap = bootstrap(project, name);
        make_folder(&project.lambda().join(name))?;
        // Not written over one that runs, and never half there.
        let new = bootstrap.with_extension("new");
        let placed = fs::copy(&program, &new).and_then(|_| fs::rename(&new, &bootstrap));
        placed.with_context(|| {
            format!(
                "cannot copy {} to {}",
                program.display(),
                bootstrap.display()
            )
        })?;
    }
    Ok(())
}

/// Where cargo's messages say that a program of this name is.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.name == name)
        })
        .find_map(|message| message.executable)
}

/// The functions' programs.
pub(crate) fn bootstraps(project: &Project) -> [PathBuf; 7] {
    FUNCTIONS.map(|name| bootstrap(project, name))
}

fn bootstrap(project: &Project, name: &str) -> PathBuf {
    project.lambda().join(name).join("bootstrap")
}

fn length(program: &Path) -> Result<u64> {
    fs::metadata(program)
        .map(|metadata| metadata.len())
        .with_context(|| format!("the build left no {}", program.display()))
}

/// cargo-lambda adds a missing target with rustup; without rustup a person has to.
fn check_target(project: &Project, arch: Arch) -> Result<()> {
    let sysroot = Task::new(project, "rust sysroot", "rustc")
        .args(["--print", "sysroot"])
        .output()?;
    let target = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(arch.triple());
    if target.is_dir() || find_program("rustup").is_some() {
        return Ok(());
    }
    bail!(
        "this Rust cannot build for {arch}: it has no {triple} target and was not installed with \
         rustup; install your distribution's package of that target's standard library, or install \
         Rust with rustup and run `rustup target add {triple}`",
        triple = arch.triple()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_where_cargo_says() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"sweep","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"notify","kind":["bin"]},"executable":"/t/debug/notify"}
{"reason":"compiler-artifact","target":{"name":"sweep","kind":["bin"]},"executable":"/t/debug/sweep"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "sweep"), Some("/t/debug/sweep".into()));
        assert_eq!(executable(messages, "lookup"), None);
    }
}
