//! Media made on the spot, and ffprobe's word on media.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::stack::program;

/// A folder of generated clips, gone with the value.
#[derive(Debug)]
pub struct Clips(TempDir);

impl Default for Clips {
    fn default() -> Self {
        Self::new()
    }
}

impl Clips {
    /// An empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a file with these contents.
    pub fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), contents).unwrap();
        self.path(name)
    }

    /// Makes a clip with ffmpeg; `args` are split at spaces.
    pub fn make(&self, name: &str, args: &str) -> PathBuf {
        let path = self.path(name);
        let status = Command::new(program("ffmpeg"))
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
            .args(args.split_whitespace())
            .arg(&path)
            // SVT-AV1 tells its life to the terminal otherwise.
            .env("SVT_LOG", "1")
            .status()
            .expect("ffmpeg is needed: run the tests with `cargo reelrun test`");
        assert!(status.success(), "ffmpeg {args}");
        path
    }

    /// A moving picture of this size and rate with a tone, encoded quickly.
    pub fn clip(&self, name: &str, size: &str, rate: &str, seconds: f64) -> PathBuf {
        self.make(
            name,
            &format!(
                "-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds} -f lavfi -i sine=f=440:r=44100:d={seconds} \
                 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -ac 2 -metadata:s:a:0 language=deu -shortest"
            ),
        )
    }

    /// The same without sound.
    pub fn silent(&self, name: &str, size: &str, rate: &str, seconds: f64) -> PathBuf {
        self.make(
            name,
            &format!(
                "-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"
            ),
        )
    }
}

/// Runs ffprobe with `-print_format json` on an input and gives its answer.
pub fn ffprobe(args: &str, input: &str) -> Value {
    let output = Command::new(program("ffprobe"))
        .args(["-hide_banner", "-v", "error", "-print_format", "json"])
        .args(args.split_whitespace())
        .arg(input)
        .output()
        .expect("ffprobe is needed: run the tests with `cargo reelrun test`");
    assert!(
        output.status.success(),
        "ffprobe {args} {input}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Decodes an input with ffmpeg and gives what the output options write to standard output.
pub fn decode(input: &str, output: &str) -> Vec<u8> {
    let output = Command::new(program("ffmpeg"))
        .args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-nostdin",
            "-i",
            input,
        ])
        .args(output.split_whitespace())
        .output()
        .expect("ffmpeg is needed: run the tests with `cargo reelrun test`");
    assert!(
        output.status.success(),
        "{input}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// How many frames of the first video stream decode: of a file, a playlist or an MPD.
pub fn count_frames(input: &str) -> u64 {
    let listing = decode(input, "-map 0:v:0 -fps_mode passthrough -f framecrc pipe:1");
    let lines = String::from_utf8(listing).unwrap();
    lines.lines().filter(|line| !line.starts_with('#')).count() as u64
}

/// The sound, decoded to one channel of 48 kHz.
pub fn samples(input: &str) -> Vec<f32> {
    let decoded = decode(input, "-map 0:a:0 -ac 1 -ar 48000 -f f32le pipe:1");
    let (words, _) = decoded.as_chunks::<4>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// Two channels of 48 kHz.
#[derive(Debug)]
pub struct Stereo {
    /// The left one.
    pub left: Vec<f32>,
    /// The right one.
    pub right: Vec<f32>,
}

/// The sound, decoded to two channels of 48 kHz.
pub fn channels(input: &str) -> Stereo {
    let decoded = decode(input, "-map 0:a:0 -ac 2 -ar 48000 -f f32le pipe:1");
    let (pairs, _) = decoded.as_chunks::<8>();
    let channel = |at: usize| {
        let sample = |pair: &[u8; 8]| f32::from_le_bytes(pair[at..at + 4].try_into().unwrap());
        pairs.iter().map(sample).collect()
    };
    Stereo {
        left: channel(0),
        right: channel(4),
    }
}

/// Path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The mean luma (Y, 16 to 235) of each frame.
pub fn luma(input: &str) -> Vec<f64> {
    let planes = decode(
        input,
        "-map 0:v:0 -fps_mode passthrough -vf scale=16:16 -pix_fmt yuv420p -f rawvideo pipe:1",
    );
    let mean = |y: &[u8]| y.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / 256.0;
    // 256 bytes of luma, then 64 each of two chroma planes.
    planes
        .chunks(384)
        .map(|frame| mean(&frame[..256]))
        .collect()
}
