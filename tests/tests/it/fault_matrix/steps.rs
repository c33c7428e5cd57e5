//! A function that is called again and again, as who sends its events would.

use std::time::Duration;

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use reelrun_tests::{
    fault_proxy::{FaultProxy, Mode, Rule},
    stack::Stack,
};
use tokio::time::Instant;

/// How long it may take while a call is broken.
const BROKEN: Duration = Duration::from_mins(3);
/// How long it may take altogether, once the call works again.
const WHOLE: Duration = Duration::from_mins(4);

/// A call is not waited for any longer.
const ANSWER: Duration = Duration::from_secs(4);

/// How a function in this process gets at AWS, by a proxy that breaks calls.
pub(crate) fn through(proxy: &FaultProxy, stack: &Stack) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ANSWER);
    let sdk = stack.aws().into_builder().endpoint_url(proxy.url());
    sdk.timeout_config(timeouts.build()).build()
}

/// Who brings it about that all is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// The steps alone.
    Steps,
    /// Perhaps the deployed functions, too.
    Others,
}

/// Takes steps until all is done, with a call that is broken; one that fails for ever is repaired once it was
/// tried. How many there were.
pub(crate) async fn until_done(
    rule: Rule,
    mode: Mode,
    worker: Worker,
    is_done: impl AsyncFn() -> bool,
    step: impl AsyncFn() -> Result<(), String>,
    check: impl AsyncFn() -> Result<(), String>,
) -> Result<u32, String> {
    let (mut tries, begun) = (0, Instant::now());
    while !is_done().await {
        tries += 1;
        let result = step().await;
        check().await?;
        if mode == Mode::ErrorForEver && rule.hits() > 0 {
            if result.is_ok() {
                return Err("it is done, they say, without the call".into());
            }
            if worker == Worker::Steps && is_done().await {
                return Err("it failed, and is reported as done".into());
            }
            break;
        }
        if begun.elapsed() > BROKEN {
            return Err(format!("not done after {tries} tries: {result:?}"));
        }
    }
    if rule.hits() == 0 {
        return Err("the call was never made".into());
    }
    drop(rule);
    while !is_done().await {
        tries += 1;
        let tried = step().await;
        if begun.elapsed() > WHOLE {
            return Err(format!("not done after it worked again: {tried:?}"));
        }
    }
    check().await?;
    Ok(tries)
}
