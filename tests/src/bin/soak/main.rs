//! `cargo reelrun soak --minutes N`: everything at once, for long, and then every upload accounted
//! for.
//!
//! Clients upload a random mix of good, odd and hostile files, send one twice or another in its
//! place, delete a video while it is encoded, or never send what they announced; meanwhile
//! functions are killed and calls between functions and AWS fail. At the end, the faults stop, what
//! was begun gets the time to end, and then each upload must have ended as it had to, with nothing
//! left over: no object that no record knows of, no program that nobody waits for, no memory that
//! grew.
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
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use reelrun_tests::{configuration::Reconfigured, fault_proxy::FaultProxy, stack::Stack};

use crate::{client::Client, faults::Faults, files::Files, memory::Memory};

/// Clients at work at once.
const CLIENTS: u64 = 5;

/// One call in so many fails.
const ONE_CALL_IN: u32 = 60;

/// How often a function is killed, on average.
const KILL_EVERY: Duration = Duration::from_secs(8);

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
    let files = Arc::new(Files::make());
    println!("{} files", files.len());

    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let _configured = configure(&stack, &proxy).await;
    let until = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    proxy.chaos(ONE_CALL_IN, seed);
    let faults = Faults::begin(&stack, seed, KILL_EVERY, SWEEP_EVERY);
    let memory = Memory::watch(&stack);
    let done = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client::new(&stack, &files, seed.wrapping_add(number), &done);
            std::thread::spawn(move || client.work(until))
        })
        .collect();
    let telling = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_mins(1)).await;
            println!("{} uploads", done.load(Relaxed));
        }
    });
    let mut uploads = Vec::new();
    for client in clients {
        // A client that panics has met something that none should meet.
        let worked = tokio::task::spawn_blocking(move || client.join()).await?;
        uploads.extend(worked.map_err(|_| anyhow::anyhow!("a client met what it should not"))?);
    }
    telling.abort();
    proxy.chaos(0, 0);
    faults.no_more_kills();
    let told = account::Told {
        kills: faults.kills(),
        broken: proxy.met(),
    };
    let mut wrong = account::drained(&stack, &uploads, DRAIN).await;
    wrong.extend(account::judge(&stack, &uploads, &told).await);
    wrong.extend(memory.judge());
    faults.end();
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
    /// Of storage, the API's functions only sign addresses, and clients' own lines are good.
    const API: [&str; 1] = ["AWS_ENDPOINT_URL_DYNAMODB"];
    const ALL: [&str; 4] = [
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SFN",
        "AWS_ENDPOINT_URL_LAMBDA",
    ];
    let chunks = [
        ("MAX_PARALLEL_CHUNKS", "3".to_owned()),
        ("TARGET_CHUNK_SECONDS", "0.2".to_owned()),
    ];
    let patience = SWEEP_EVERY.as_secs().to_string();
    let sweep = [("SWEEP_EVERY_SECONDS", patience)];
    let mut configured = Vec::new();
    for (function, services, own) in [
        (&stack.transcode_function, &ALL[..], &chunks[..]),
        (&stack.sweep_function, &ALL, &sweep),
        (&stack.presign_function, &API, &[]),
        (&stack.lookup_function, &API, &[]),
    ] {
        let proxied = services.iter().map(|&service| (service, proxy.url()));
        let variables: Vec<_> = proxied.chain(own.iter().cloned()).collect();
        configured.push(Reconfigured::function(stack, function, &variables).await);
    }
    configured
}
