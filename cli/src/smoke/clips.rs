//! The files that are uploaded: made by ffmpeg on the spot, small and cheap to encode.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Task;
use crate::project::{Project, make_folder, remove_folder};

/// What a generated clip is, and what becomes of it with the default ladder.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) size: (u32, u32),
    pub(super) rate: u32,
    pub(super) seconds: u32,
    pub(super) renditions: &'static [(u32, u32)],
}

impl Shape {
    pub(super) fn frames(&self) -> u64 {
        u64::from(self.rate) * u64::from(self.seconds)
    }
}

const SIZES: [(u32, u32); 2] = [(640, 360), (426, 240)];

/// An ordinary one, of three segments.
pub(super) const CLIP: Shape = Shape {
    size: SIZES[0],
    rate: 25,
    seconds: 14,
    renditions: &SIZES,
};

/// A long one. How many chunks a video has is decided by the time that its pixels usually take: so many
/// frames that it is several times `TargetChunkSeconds`, and hardly anything moves in them, so that it
/// takes a fifth of that.
pub(super) const LONG: Shape = Shape {
    size: SIZES[0],
    rate: 60,
    seconds: 120,
    renditions: &SIZES,
};

const TONE: &str = "sine=frequency=330:sample_rate=48000";
const SOUND: [&str; 6] = ["-c:a", "aac", "-ac", "2", "-b:a", "64k"];

/// What is repeated to make [`LONG`], in seconds.
const LOOP: u32 = 10;

/// A folder of files, gone with the value.
pub(super) struct Clips {
    folder: PathBuf,
}

impl Drop for Clips {
    fn drop(&mut self) {
        // What is left, `cargo clean` removes.
        let _ = remove_folder(&self.folder);
    }
}

impl Clips {
    pub(super) fn new(project: &Project) -> Result<Self> {
        let name = format!("smoke-{}", std::process::id());
        let folder = project.target().join(name);
        remove_folder(&folder)?;
        make_folder(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An ordinary clip with sound.
    pub(super) fn ordinary(&self, project: &Project, ffmpeg_dir: &Path) -> Result<PathBuf> {
        let path = self.path("smoke.mp4");
        let source = format!(
            "testsrc2=size={}x{}:rate={}",
            CLIP.size.0, CLIP.size.1, CLIP.rate
        );
        make(project, ffmpeg_dir, &source, CLIP.seconds, &path)?;
        Ok(path)
    }

    /// A long clip in which hardly anything moves.
    pub(super) fn long(&self, project: &Project, ffmpeg_dir: &Path) -> Result<PathBuf> {
        let (once, path) = (self.path("once.mp4"), self.path("smoke-long.mp4"));
        let source = format!(
            "color=0x204060:size={}x{}:rate={},drawbox=x='mod(t*20,w)':y=20:w=40:h=40:c=white:t=fill",
            LONG.size.0, LONG.size.1, LONG.rate
        );
        make(project, ffmpeg_dir, &source, LOOP, &once)?;
        Task::new(project, "clip generation", ffmpeg_dir.join("ffmpeg"))
            .args(["-nostdin", "-y", "-v", "error"])
            .args(["-stream_loop", &(LONG.seconds / LOOP - 1).to_string()])
            .arg("-i")
            .arg(&once)
            // Sound that was repeated would end a little late each time, and hold up the picture.
            .args(["-f", "lavfi", "-i", TONE, "-map", "0:v", "-map", "1:a"])
            .args(["-c:v", "copy", "-t", &LONG.seconds.to_string()])
            .args(SOUND)
            .args(["-movflags", "+faststart"])
            .arg(&path)
            .run()?;
        Ok(path)
    }

    /// A clip with so many zeros behind it, in a box that players skip, that it has this size.
    pub(super) fn padded(&self, clip: &Path, size: u64) -> Result<PathBuf> {
        let path = self.path("smoke-parts.mp4");
        let unwritable = || format!("cannot write {}", path.display());
        let bytes = fs::read(clip).with_context(|| format!("cannot read {}", clip.display()))?;
        let free = size.saturating_sub(bytes.len() as u64);
        let mut file = File::create(&path).with_context(unwritable)?;
        file.write_all(&bytes)
            .and_then(|()| file.write_all(&free_box(free)))
            .and_then(|()| file.set_len(size))
            .with_context(unwritable)?;
        Ok(path)
    }

    /// A clip that breaks off half-way.
    pub(super) fn cut_short(&self, clip: &Path) -> Result<PathBuf> {
        let path = self.path("smoke-cut.mp4");
        let size = fs::metadata(clip).map(|clip| clip.len() / 2);
        fs::copy(clip, &path)
            .and(size)
            .and_then(|size| OpenOptions::new().write(true).open(&path)?.set_len(size))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A file that is no video, whatever its name says.
    pub(super) fn text(&self) -> Result<PathBuf> {
        let path = self.path("smoke-text.mp4");
        fs::write(
            &path,
            "<!doctype html><p>This is no video.</p>\n".repeat(20),
        )
        .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// What is uploaded.
pub(super) struct Files {
    pub(super) clip: PathBuf,
    pub(super) long: Option<PathBuf>,
    pub(super) cut: PathBuf,
    pub(super) text: PathBuf,
}

impl Files {
    pub(super) fn make(
        project: &Project,
        clips: &Clips,
        ffmpeg_dir: &Path,
        quick: bool,
    ) -> Result<Self> {
        let step = project.say.begin("Making videos to upload");
        let clip = clips.ordinary(project, ffmpeg_dir)?;
        let files = Self {
            long: (!quick)
                .then(|| clips.long(project, ffmpeg_dir))
                .transpose()?,
            cut: clips.cut_short(&clip)?,
            text: clips.text()?,
            clip,
        };
        step.done();
        Ok(files)
    }
}

/// A clip with a tone, its index first.
fn make(
    project: &Project,
    ffmpeg_dir: &Path,
    source: &str,
    seconds: u32,
    path: &Path,
) -> Result<()> {
    let seconds = seconds.to_string();
    Task::new(project, "clip generation", ffmpeg_dir.join("ffmpeg"))
        .args(["-nostdin", "-y", "-v", "error"])
        .args(["-f", "lavfi", "-i", source])
        .args(["-f", "lavfi", "-i", TONE])
        .args(["-t", &seconds, "-c:v", "libx264", "-preset", "veryfast"])
        .args(["-crf", "28", "-pix_fmt", "yuv420p"])
        .args(SOUND)
        .args(["-movflags", "+faststart"])
        .arg(path)
        .run()
}

/// The head of an MP4 box `free` of this many bytes, itself included.
fn free_box(size: u64) -> Vec<u8> {
    match u32::try_from(size) {
        Ok(size) => [&size.to_be_bytes()[..], b"free"].concat(),
        Err(_) => [&1_u32.to_be_bytes()[..], b"free", &size.to_be_bytes()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_says_how_long_it_is() {
        assert_eq!(free_box(16), b"\x00\x00\x00\x10free");
        assert_eq!(
            free_box(1 << 32),
            b"\x00\x00\x00\x01free\x00\x00\x00\x01\x00\x00\x00\x00"
        );
    }

    #[test]
    fn clips_are_whole_segments_and_loops() {
        assert_eq!(LONG.seconds % LOOP, 0);
        assert_eq!(CLIP.frames(), 350);
        assert_eq!(LONG.frames(), 7200);
    }
}
