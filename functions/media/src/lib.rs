//! What a source is, and what is made of it, as pure functions of data.
//!
//! Nothing here reads a file, a clock, an environment variable or a socket, and nothing here knows of
//! videos, uploads or accounts: those are `reelrun-core`'s, which builds on this.
//!
//! The order in which a source meets the modules:
//!
//! | step | modules |
//! |---|---|
//! | understand it | [`source`], [`resource_limits`], [`diagnostics`], [`error`] |
//! | decide | [`timeline`], [`ladder`], [`encoder`], [`plan`], [`command`] |
//! | cut ffmpeg's output | [`segmenter`], [`codecs`], `boxes`, [`report`] |
//! | put chunks together | [`stitch`] |
//! | publish | [`file`], [`audio_file`], [`tracks`], [`bandwidth`], [`encryption`], [`hls`], [`dash`], [`plan::storyboard`] |
#![forbid(unsafe_code)]

pub mod audio_file;
pub mod bandwidth;
mod boxes;
pub mod codecs;
pub mod command;
pub mod dash;
pub mod diagnostics;
pub mod encoder;
pub mod encryption;
pub mod error;
pub mod file;
pub mod hls;
pub mod ladder;
pub mod plan;
pub mod purpose;
pub mod report;
pub mod resource_limits;
pub mod segmenter;
pub mod source;
pub mod stitch;
pub mod timeline;
pub mod tracks;
