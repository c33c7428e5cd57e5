//! From an uploaded source to published renditions.
//!
//! | step | module |
//! |---|---|
//! | an S3 event names videos | [`handler`] |
//! | one video, from lease to end | [`inline`] |
//! | nobody else works on it meanwhile | [`lease`] |
//! | what is it, and what is made of it? | [`examine`] |
//! | encode, cut, store | [`encode`], [`upload`] |
//! | playlists; the master last | [`publish`] |
//!
//! A long video is given away once it is planned: [`run`] starts a run of the state machine, and does
//! its tasks, which encode the parts and publish them. Both end in `finish`.
//!
//! Subtitles and chapters of the source itself go where uploaded ones go (`texts`), from where the tracks
//! function publishes them.
//!
//! [`process`] is the only place that starts a program.
#![forbid(unsafe_code)]

mod audio_file;
mod cipher;
mod copy;
pub mod encode;
pub mod error;
pub mod examine;
mod finish;
pub mod handler;
pub mod inline;
pub mod invocation;
pub mod lease;
pub mod partial;
pub mod process;
pub mod publish;
pub mod run;
mod texts;
pub mod trace;
pub mod transcoder;
pub mod upload;
