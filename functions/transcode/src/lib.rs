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
//! [`process`] is the only place that starts a program.
#![forbid(unsafe_code)]

pub mod encode;
pub mod error;
pub mod handler;
pub mod job;
pub mod lease;
pub mod probe;
pub mod process;
pub mod publish;
pub mod upload;
