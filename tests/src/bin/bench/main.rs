//! `cargo reelrun bench [NAME…]`: figures, measured in this run, as tables and as JSON.
//!
//! Each part answers one question; without names all are asked. Speeds are ratios between two
//! things measured in turn on the same machine: absolute times say more about the machine than
//! about Reelrun. A part states its limits, and a limit that does not hold fails the run once every
//! part has been heard.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a measuring tool"
)]

mod api;
mod av1;
mod bd_rate;
mod chunks;
mod clip;
mod contenders;
mod edge;
mod encode;
mod figures;
mod memory;
mod meter;
mod overhead;
mod peers;
mod projection;
mod python;
mod quality;
mod runtime;
mod same_work;
mod short;
mod size;
mod start;

use std::{path::Path, process::ExitCode};

use anyhow::{Result, bail, ensure};
use reelrun_tests::stack::Stack;
use serde_json::{Map, Value, json};

use crate::figures::Limits;

/// What may be named on the command line, in the order in which it is run.
const PARTS: [&str; 10] = [
    "size",
    "start",
    "api",
    "edge",
    "memory",
    "overhead",
    "chunks",
    "projection",
    "peers",
    "av1",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    for name in &names {
        ensure!(
            PARTS.contains(&name.as_str()),
            "there is no part {name}; there are {}",
            PARTS.join(", ")
        );
    }
    let stack = Stack::get();
    let mut report = Map::new();
    let mut broken = Vec::new();
    for part in PARTS {
        if !names.is_empty() && !names.iter().any(|name| name == part) {
            continue;
        }
        let mut limits = Limits::default();
        let figures = run(part, &stack, &mut limits).await;
        broken.extend(limits.broken().map(|limit| format!("{part}: {limit}")));
        let figures = figures.unwrap_or_else(|why| {
            broken.push(format!("{part}: {why:#}"));
            json!({ "failed": format!("{why:#}") })
        });
        report.insert(part.into(), with_limits(figures, &limits));
        println!();
    }
    let path = Path::new("target/reelrun/bench.json");
    std::fs::create_dir_all(path.parent().unwrap())?;
    std::fs::write(path, format!("{:#}\n", Value::from(report)))?;
    println!("Written to {}", path.display());
    for limit in &broken {
        println!("NOT MET: {limit}");
    }
    Ok(if broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn run(part: &str, stack: &Stack, limits: &mut Limits) -> Result<Value> {
    match part {
        "size" => size::run(),
        "start" => start::run(stack, limits).await,
        "api" => api::run(stack, limits).await,
        "edge" => edge::run(limits),
        "memory" => memory::run(stack, limits).await,
        "projection" => projection::run(stack, limits).await,
        "peers" => peers::run(stack, limits).await,
        "av1" => av1::run(stack, limits).await,
        "overhead" => overhead::run(stack, limits).await,
        "chunks" => chunks::run(stack, limits).await,
        _ => bail!("nothing measures {part}"),
    }
}

fn with_limits(mut figures: Value, limits: &Limits) -> Value {
    if let Some(figures) = figures.as_object_mut() {
        figures.insert("limits".into(), limits.to_json());
    }
    figures
}
