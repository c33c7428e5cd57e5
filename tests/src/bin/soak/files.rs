//! What is uploaded.

use std::{fs, path::Path};

use reelrun_tests::{
    attacks::{self, End},
    media::Clips,
};

/// How a file's video may end, when nobody deletes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It plays.
    Ready,
    /// It is refused with this type.
    Errored(&'static str),
    /// Chance made it: it plays, or is refused for what it is.
    Either,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) filename: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) wanted: Wanted,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Files {
    good: Vec<File>,
    odd: Vec<File>,
    hostile: Vec<File>,
}

impl Files {
    /// Makes them, which takes about half a minute.
    pub(crate) fn make() -> Self {
        let clips = Clips::new();
        let of = |attack: attacks::Attack| File {
            wanted: match attack.end {
                End::Ready => Wanted::Ready,
                End::Errored(kind) => Wanted::Errored(kind),
            },
            name: attack.name,
            filename: attack.filename.into(),
            bytes: attack.bytes,
        };
        let mut good: Vec<_> = attacks::honest(&clips).into_iter().map(of).collect();
        good.push(clip(&clips.clip("long.mp4", "320x180", "25", 40.0)));
        good.push(clip(&clips.clip("portrait.mp4", "360x640", "30", 6.0)));
        good.push(clip(&clips.silent("silent.mp4", "320x240", "24", 15.0)));
        good.push(clip(&clips.clip("stream.ts", "320x180", "25", 20.0)));
        let hostile = attacks::structures(&clips)
            .into_iter()
            .chain(attacks::claims(&clips))
            .map(of)
            .collect();
        Self {
            odd: good.iter().flat_map(damaged).collect(),
            good,
            hostile,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.good.len() + self.odd.len() + self.hostile.len()
    }

    /// Half of what comes is good.
    pub(crate) fn pick(&self, random: &mut fastrand::Rng) -> &File {
        let kind = match random.u32(..100) {
            ..50 => &self.good,
            50..75 => &self.odd,
            _ => &self.hostile,
        };
        &kind[random.usize(..kind.len())]
    }
}

fn clip(path: &Path) -> File {
    let filename = path.file_name().unwrap().to_str().unwrap();
    File {
        name: filename.into(),
        filename: filename.into(),
        bytes: fs::read(path).unwrap(),
        wanted: Wanted::Ready,
    }
}

/// A file that was cut short, and one with noise in it; the same each time.
fn damaged(file: &File) -> [File; 2] {
    let mut random = fastrand::Rng::with_seed(file.bytes.len() as u64);
    let cut = file.bytes[..random.usize(1..file.bytes.len())].to_vec();
    let mut noisy = file.bytes.clone();
    for _ in 0..20 {
        let at = random.usize(..noisy.len());
        noisy[at] = random.u8(..);
    }
    [("cut short", cut), ("with noise", noisy)].map(|(how, bytes)| File {
        name: format!("{} {how}", file.name),
        filename: file.filename.clone(),
        bytes,
        wanted: Wanted::Either,
    })
}
