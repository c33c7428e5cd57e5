//! Files made to harm who reads them, each with the end that it must come to.
//!
//! All are made on the spot: by hand where the harm is in the container, and by editing a clip of
//! ffmpeg's where it is deeper. [`crate::confined`] runs them.

mod boxes;
mod chunks;
mod ebml;
mod honest;
mod mp4;
mod pictures;
mod references;
mod times;
mod transport;

pub use self::honest::honest;
pub use self::references::{CANARY, References, attacks as references};

use std::fs;

use crate::media::Clips;

/// One file.
#[derive(Debug)]
pub struct Attack {
    /// What is tried.
    pub name: String,
    /// What its sender calls it.
    pub filename: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// What must become of it.
    pub end: End,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is refused, with this error type.
    Errored(&'static str),
    /// What is odd about it does no harm.
    Ready,
}

/// The types of error that most attacks end with.
pub const NOT_A_VIDEO: End = End::Errored("not-a-video");
/// A container that is broken.
pub const MALFORMED: End = End::Errored("malformed-media");
/// Nothing that moves.
pub const NO_VIDEO: End = End::Errored("no-video-stream");
/// Longer than is accepted.
pub const TOO_LONG: End = End::Errored("too-long");

impl Attack {
    fn new(name: impl Into<String>, filename: &'static str, bytes: Vec<u8>, end: End) -> Self {
        Self {
            name: name.into(),
            filename,
            bytes,
            end,
        }
    }
}

/// Containers that lie about their structure.
pub fn structures(clips: &Clips) -> Vec<Attack> {
    let mut attacks = mp4::attacks(clips);
    attacks.extend(ebml::attacks(clips));
    attacks.extend(chunks::attacks(clips));
    attacks.extend(transport::attacks(clips));
    attacks
}

/// Media that ask for more pixels, streams, or time than they are worth.
pub fn claims(clips: &Clips) -> Vec<Attack> {
    let mut attacks = pictures::attacks(clips);
    attacks.extend(times::attacks(clips));
    attacks
}

/// A clip of ffmpeg's, as bytes.
fn made(clips: &Clips, name: &str, args: &str) -> Vec<u8> {
    fs::read(clips.make(name, args)).unwrap()
}

/// A second of moving picture in any container.
fn clip(clips: &Clips, name: &str, codec: &str) -> Vec<u8> {
    made(
        clips,
        name,
        &format!("-f lavfi -i testsrc2=s=64x64:r=25:d=1 {codec}"),
    )
}

/// Replaces every occurrence of some bytes by others of the same length; there must be one.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = (0..bytes.len().saturating_sub(from.len()))
        .filter(|&at| bytes[at..].starts_with(from))
        .collect();
    assert!(!places.is_empty(), "{from:?} is not there");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Overwrites the bytes that come some way after a mark; the mark must be there.
fn patched(bytes: &[u8], mark: &[u8], after: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .unwrap_or_else(|| panic!("{mark:?} is not there"));
    let at = at + mark.len() + after;
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}
