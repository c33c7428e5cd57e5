//! `cargo reelrun soak --minutes N`: everything at once, for long, and then every upload accounted
//! for.
//!
//! Clients upload a random mix of good, odd and hostile files, deliver events twice, delete while
//! it is encoded, or never send what they announced; meanwhile functions are killed and calls
//! between functions and AWS fail. At the end, the faults stop, what was begun gets the time to
//! end, and then each upload must have ended as it had to, with nothing left over: no object that
//! no record knows of, no program that nobody waits for, no memory that grew.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a test tool"
)]

mod account;
mod client;
mod faults;
mod files;
mod memory;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use reelrun_tests::{configuration::Reconfigured, fault_proxy::FaultProxy, stack::Stack};

use crate::{client::Client, faults::Faults, files::Files, memory::Memory};

/// Clients at work at once.
const CLIENTS: u64 = 5;

/// One call in so many fails.
const ONE_CALL_IN: u32 = 150;

/// How often a function is killed, on average.
const KILL_EVERY: Duration = Duration::from_secs(12);

/// What the sweep believes to be its period; it is called as often.
const SWEEP_EVERY: Duration = Duration::from_secs(20);

/// How long what was begun may take to end once nothing is broken any more: a lease, an execution's
/// retries, and two sweeps.
const DRAIN: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let minutes: f64 = args.next().context("for how many minutes?")?.parse()?;
    let seed = match args.next() {
        Some(seed) => seed.parse()?,
        None => fastrand::u64(..),
    };
    let stack = Stack::get();
    println!("Soaking for {minutes} minutes with seed {seed}");
    let files = Arc::new(Files::make(&stack));
    println!("{} files", files.len());

    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let _configured = configure(&stack, &proxy).await;
    let until = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    proxy.chaos(ONE_CALL_IN, seed);
    let faults = Faults::begin(&stack, seed, KILL_EVERY, SWEEP_EVERY);
    let memory = Memory::watch(&stack);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client::new(&stack, &files, seed.wrapping_add(number));
            std::thread::spawn(move || client.work(until))
        })
        .collect();
    let mut uploads = Vec::new();
    for client in clients {
        // A client that panics has met something that none should meet.
        let worked = tokio::task::spawn_blocking(move || client.join()).await?;
        uploads.extend(worked.map_err(|_| anyhow::anyhow!("a client met what it should not"))?);
    }
    proxy.chaos(0, 0);
    faults.no_more_kills();
    let told = account::Told {
        kills: faults.kills(),
        broken: proxy.met(),
    };
    let ended = account::drained(&stack, &uploads, DRAIN).await;
    let mut wrong = ended;
    wrong.extend(account::judge(&stack, &uploads, &told).await);
    wrong.extend(memory.judge());
    faults.end().await;
    if wrong.is_empty() {
        println!("Every upload is accounted for.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} things are wrong (seed {seed}):", wrong.len());
    for what in &wrong {
        println!("  {what}");
    }
    Ok(ExitCode::FAILURE)
}

/// Functions reach AWS through the proxy; even small videos are encoded in chunks; the sweep has
/// little patience.
async fn configure(stack: &Stack, proxy: &FaultProxy) -> Vec<Reconfigured> {
    let proxied = ["S3", "DYNAMODB", "SFN", "LAMBDA"].map(|service| {
        let name: &str = Box::leak(format!("AWS_ENDPOINT_URL_{service}").into_boxed_str());
        (name, proxy.url())
    });
    let own = [
        (
            &stack.transcode_function,
            vec![
                ("MAX_PARALLEL_CHUNKS", "3".into()),
                ("TARGET_CHUNK_SECONDS", "0.2".into()),
            ],
        ),
        (
            &stack.sweep_function,
            vec![("SWEEP_EVERY_SECONDS", SWEEP_EVERY.as_secs().to_string())],
        ),
        (&stack.presign_function, Vec::new()),
        (&stack.lookup_function, Vec::new()),
    ];
    let mut configured = Vec::new();
    for (function, variables) in own {
        let all = [&proxied[..], &variables].concat();
        configured.push(Reconfigured::function(stack, function, &all).await);
    }
    configured
}
