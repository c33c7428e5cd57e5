//! What a run costs on AWS, and how long it takes: told before it starts.

use anyhow::Result;

use super::clips::{CLIP, Files, LONG, Shape};
use crate::{ui, upload};

/// Lambda's price of a GB-second on arm64 and of the rest, in US dollars: list prices of us-east-1.
const GB_SECOND: f64 = 0.000_013_333_4;
const PUT: f64 = 0.005 / 1000.0;
const TRANSITION: f64 = 0.025 / 1000.0;
const GB_DELIVERED: f64 = 0.085;
const CALL: f64 = 1.2 / 1_000_000.0;

/// The transcode function by default.
const MEMORY_GB: f64 = 3008.0 / 1024.0;
const VCPUS: f64 = 3008.0 / 1769.0;

/// What a pixel takes on one CPU, in seconds: as encodes are planned with, so rather too much.
const ENCODE: f64 = 18e-9;
const DECODE: f64 = 4e-9;

/// A usual uplink, in bytes per second.
const UPLINK: f64 = 10e6 / 8.0;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Clips of [`CLIP`]'s shape that are encoded.
    pub(super) clips: u32,
    /// Whether [`LONG`] is.
    pub(super) long: bool,
    pub(super) upload_bytes: u64,
}

/// The answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub(super) dollars: f64,
    pub(super) seconds: f64,
}

impl Load {
    /// What sending and encoding these takes.
    pub(super) fn of(files: &Files) -> Result<Self> {
        /// From which a stack has files sent in parts, by default.
        const IN_PARTS: u64 = 64 << 20;
        let clip = upload::check_file(&files.clip)?;
        // The cut one is half of it.
        let short = clip + clip / 2;
        Ok(match &files.long {
            None => Self {
                clips: 1,
                long: false,
                upload_bytes: short,
            },
            Some(long) => Self {
                clips: 2,
                long: true,
                upload_bytes: short + upload::check_file(long)? + IN_PARTS,
            },
        })
    }

    pub(super) fn estimate(self) -> Estimate {
        let long = u32::from(self.long);
        let both =
            |of: fn(&Shape) -> f64| f64::from(self.clips) * of(&CLIP) + f64::from(long) * of(&LONG);
        let cpu = both(cpu_seconds);
        let puts = both(puts);
        // Three transitions a chunk, and some to begin and end; every outcome is told by another machine.
        let transitions = f64::from(long) * 30.0 + f64::from(self.clips + long + 1) * 6.0;
        // All of it is read twice over by the players, at a megabit per second.
        let delivered = both(|shape| f64::from(shape.seconds)) * 2.0 * 1e6 / 8.0 / 1e9;
        let dollars = cpu / VCPUS * MEMORY_GB * GB_SECOND
            + puts * PUT
            + transitions * TRANSITION
            + delivered * GB_DELIVERED
            + 300.0 * CALL;
        // Encodes run side by side, the longest in some chunks; then caches may keep a minute.
        let encode = cpu_seconds(&CLIP).max(if self.long { 30.0 } else { 0.0 }) / VCPUS;
        Estimate {
            dollars,
            seconds: 60.0 + encode + self.upload_bytes as f64 / UPLINK,
        }
    }
}

/// What encoding takes on one CPU.
fn cpu_seconds(shape: &Shape) -> f64 {
    let pixels = |(width, height): (u32, u32)| f64::from(width) * f64::from(height);
    let frame = shape.renditions.iter().map(|&size| pixels(size) * ENCODE);
    let frame = frame.sum::<f64>() + pixels(shape.size) * DECODE;
    frame * f64::from(shape.rate * shape.seconds)
}

/// The README's formula.
fn puts(shape: &Shape) -> f64 {
    let renditions = f64::from(u32::try_from(shape.renditions.len()).unwrap_or(u32::MAX));
    let tracks = renditions + 1.0;
    tracks * (f64::from(shape.seconds) / 6.0 + 2.0) + renditions + 6.0
}

impl Estimate {
    /// For a stack on AWS.
    pub(super) fn words(self, load: Load) -> String {
        format!(
            "On AWS this costs about {:.1} US cents (list prices of us-east-1 for functions of 3008 MB on \
             arm64, {} uploaded, {} clips of {} s{} encoded; no free tier), and takes some {:.0} minutes \
             over an uplink of 10 Mbit/s.",
            (self.dollars * 100.0).max(0.1),
            ui::size(load.upload_bytes),
            load.clips,
            CLIP.seconds,
            if load.long {
                format!(" and one of {} s", LONG.seconds)
            } else {
                String::new()
            },
            (self.seconds / 60.0).ceil(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Load = Load {
        clips: 2,
        long: true,
        upload_bytes: 70_000_000,
    };

    #[test]
    fn a_run_costs_less_than_a_cent_and_takes_minutes() {
        let all = ALL.estimate();
        assert!((0.001..0.01).contains(&all.dollars), "{all:?}");
        assert!((60.0..240.0).contains(&all.seconds), "{all:?}");
        let quick = Load {
            clips: 1,
            long: false,
            upload_bytes: 500_000,
        };
        let quick = quick.estimate();
        assert!(quick.dollars < all.dollars / 2.0 && quick.seconds < all.seconds / 1.5);
    }

    #[test]
    fn what_it_assumes_is_said() {
        let words = ALL.estimate().words(ALL);
        for part in ["70.0 MB", "2 clips of", "cents", "minutes", "3008 MB"] {
            assert!(words.contains(part), "{words}");
        }
    }

    /// With default parameters, three functions share the long clip's work: see `plan::chunks`.
    #[test]
    fn the_long_clip_is_worth_several_chunks() {
        const TARGET_CHUNK_SECONDS: f64 = 10.0;
        assert!(cpu_seconds(&LONG) / VCPUS > 2.0 * TARGET_CHUNK_SECONDS);
        assert!(cpu_seconds(&CLIP) / VCPUS < TARGET_CHUNK_SECONDS);
    }
}
