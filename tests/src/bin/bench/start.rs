//! How soon do the deployed functions answer, through the emulator? And how soon is a short video ready?

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use reelrun_tests::{
    processes::of_function,
    stack::{LIVE, Stack},
};
use serde_json::{Value, json};

use crate::{
    figures::{Limits, median},
    short,
};

/// Cold and warm answers of each function, on this machine's emulator: what the function itself
/// adds, not what a cloud's sandbox does.
pub(crate) async fn run(stack: &Stack, limits: &mut Limits) -> Result<Value> {
    const WARM: usize = 50;
    println!("First answer of a new process, and the median of {WARM} after it");
    let lambda = aws_sdk_lambda::Client::new(&stack.aws());
    let event = |name: &str| std::fs::read(format!("events/{name}.json"));
    let mut report = serde_json::Map::new();
    for (function, fixture) in [
        (&stack.presign_function, "http-create-upload-unauthorized"),
        (&stack.lookup_function, "http-get-video"),
        (&stack.transcode_function, "s3-test-event"),
    ] {
        let payload = event(fixture)?;
        let invoke = async || -> Result<f64> {
            let begun = Instant::now();
            let answer = lambda
                .invoke()
                .function_name(function)
                .qualifier(LIVE)
                .payload(Blob::new(payload.clone()))
                .send()
                .await?;
            ensure!(answer.function_error.is_none(), "{function} failed");
            Ok(begun.elapsed().as_secs_f64() * 1000.0)
        };
        let mut cold = Vec::new();
        for _ in 0..5 {
            for process in of_function(stack, function) {
                process.kill();
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            cold.push(invoke().await?);
        }
        let mut warm = Vec::new();
        for _ in 0..WARM {
            warm.push(invoke().await?);
        }
        let (cold, warm) = (median(&cold), median(&warm));
        println!("  {function}: cold {cold:.0} ms, warm {warm:.1} ms");
        report.insert(function.clone(), json!({"cold_ms": cold, "warm_ms": warm}));
    }
    println!();
    report.insert("short videos".into(), short::run(stack, limits).await?);
    Ok(report.into())
}
