//! From an uploaded source to published renditions.
//!
//! | step | module |
//! |---|---|
//! | an S3 event names videos | [`handler`] |
//! | one video, from lease to end | [`job`] |
//! | nobody else works on it meanwhile | [`lease`] |
//! | what is it? | [`probe`] |
//! | encode, cut, store | [`encode`], [`upload`] |
//! | playlists; the master last | [`publish`] |
//!
//! A long video is given away after the probe: [`fan_out`] starts a run of the state machine, whose
//! tasks ([`task`]) encode the parts and publish them.
//!
//! [`process`] is the only place that starts a program.
#![forbid(unsafe_code)]

pub mod encode;
pub mod error;
pub mod fan_out;
mod finish;
pub mod handler;
pub mod job;
pub mod lease;
pub mod probe;
pub mod process;
pub mod publish;
pub mod task;
pub mod upload;
