//! The harness of the whole-system tests: a running stack, generated media and independent
//! readers of what comes out.
//!
//! The tests need a stack. `cargo reelrun test` starts one and names its description in
//! `REELRUN_STACK`; a test that finds none fails and says so.
#![forbid(unsafe_code)]
// A test that can't go on panics; that is how it reports.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is test code"
)]

pub mod attacks;
pub mod attempts;
pub mod card;
pub mod chunks;
pub mod closed_captions;
pub mod color;
pub mod configuration;
pub mod confined;
pub mod conformance;
pub mod delivery;
pub mod deployment;
pub mod edge;
pub mod fault_proxy;
pub mod media;
pub mod mp4;
pub mod multipart;
pub mod notices;
pub mod openapi;
pub mod poll;
pub mod processes;
pub mod projection;
pub mod readings;
pub mod recorder;
pub mod records;
pub mod request;
pub mod settings;
pub mod signal;
pub mod stack;
pub mod tls_front;
