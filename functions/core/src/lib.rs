//! Reelrun's decisions, as pure functions of data.
//!
//! Nothing here reads a file, a clock, an environment variable or a socket, so every rule of the
//! product (which sizes are encoded, where a segment is cut, what a playlist says) is tested
//! without a mock. The functions beside this crate do the IO and call in here to decide.
//!
//! The order in which a video meets the modules:
//!
//! | step | modules |
//! |---|---|
//! | upload | [`upload`], [`media_type`], `text`, [`keys`], [`video`] |
//! | event | [`event`], [`task`] |
//! | understand the source | [`source`], [`allowance`], [`language`], [`complaint`], [`error`] |
//! | decide | [`timeline`], [`ladder`], [`encoder`], [`plan`], [`command`] |
//! | cut ffmpeg's output | [`segmenter`], [`codecs`], `boxes`, [`report`] |
//! | put chunks together | [`stitch`] |
//! | publish | [`bandwidth`], [`hls`], [`dash`], [`storyboard`] |
//! | look up | [`playback`], [`view`], [`cursor`] |
//! | what follows | [`change`], [`notice`] |
//! | its whole life | [`lifecycle`] |
#![forbid(unsafe_code)]

pub mod allowance;
pub mod bandwidth;
mod boxes;
pub mod change;
pub mod codecs;
pub mod command;
pub mod complaint;
pub mod cursor;
pub mod dash;
pub mod encoder;
pub mod error;
pub mod event;
pub mod hls;
pub mod keys;
pub mod ladder;
pub mod language;
pub mod lifecycle;
pub mod media_type;
pub mod notice;
pub mod plan;
pub mod playback;
pub mod report;
pub mod segmenter;
pub mod source;
pub mod stitch;
pub mod storyboard;
pub mod task;
mod text;
pub mod timeline;
pub mod upload;
pub mod video;
pub mod view;
