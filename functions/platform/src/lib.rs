//! Reelrun's IO: the only code that talks to S3, DynamoDB and HTTP.
//!
//! Adapters hold no policy. What a key is called, what a video may become and what a limit is, is
//! decided in `reelrun-core`; here it is carried out.
#![forbid(unsafe_code)]

pub mod auth;
pub mod aws;
pub mod catalog;
pub mod cdn;
pub mod config;
pub mod failure;
pub mod http;
pub mod lambda;
pub mod openapi;
pub mod problem;
pub mod signer;
pub mod state_machine;
pub mod storage;

use std::time::SystemTime;

use reelrun_core::timestamp::Timestamp;

/// What this machine's clock shows.
pub fn now() -> Timestamp {
    SystemTime::now().into()
}
