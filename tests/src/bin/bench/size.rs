//! How large is what is deployed?

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What is deployed of each function: the program, and its size in a zip.
pub(crate) fn run() -> Result<Value> {
    println!("Size of each function");
    let mut report = serde_json::Map::new();
    for name in ["presign", "lookup", "transcode"] {
        let path = PathBuf::from(format!("target/lambda/{name}/bootstrap"));
        let bytes = std::fs::metadata(&path)
            .with_context(|| format!("{} is not there", path.display()))?
            .len();
        let zip = Command::new("python3")
            .args([
                "-c",
                "import sys, zlib; print(len(zlib.compress(open(sys.argv[1], 'rb').read(), 9)))",
            ])
            .arg(&path)
            .output()?;
        let zipped: u64 = String::from_utf8(zip.stdout)?.trim().parse()?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "  {name}: {:.1} MB, {:.1} MB zipped",
            megabytes(bytes),
            megabytes(zipped)
        );
        report.insert(name.into(), json!({"bytes": bytes, "zipped_bytes": zipped}));
    }
    Ok(report.into())
}
