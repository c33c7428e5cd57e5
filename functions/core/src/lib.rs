//! Reelrun's decisions, as pure functions of data.
//!
//! Nothing here reads a file, a clock, an environment variable or a socket, so every rule of the
//! product is tested without a mock. The functions beside this crate do the IO and call in here to
//! decide. What a source is and what is made of it (sizes, segments, playlists) is `reelrun-media`'s.
//!
//! The order in which a video meets the modules:
//!
//! | step | modules |
//! |---|---|
//! | upload | [`upload`], [`media_type`], `text`, [`keys`], [`video`] |
//! | event | [`event`], [`task`] |
//! | look up | [`playback`], [`token`], [`view`], [`cursor`] |
//! | what follows | [`change`], [`notice`] |
//! | its whole life | [`lifecycle`], [`timestamp`] |
#![forbid(unsafe_code)]

pub mod change;
pub mod cursor;
pub mod event;
pub mod keys;
pub mod lifecycle;
pub mod media_type;
#[cfg(test)]
mod model;
pub mod notice;
pub mod playback;
pub mod task;
mod text;
pub mod timestamp;
pub mod token;
pub mod upload;
pub mod video;
pub mod view;
