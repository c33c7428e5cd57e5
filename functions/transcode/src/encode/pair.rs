//! The two ffmpegs of an encode: the one that reads the source, and the one that encodes its sound.

use std::{ffi::OsString, io::PipeReader, pin::pin, time::Duration};

use reelrun_media::{
    command::{Encode, FIRST_FD, Output},
    diagnostics::Exceeded,
    resource_limits::ResourceLimits,
};

use crate::{
    error::StepError,
    process::{self, ActivityClock, Ended, Programs, Running},
};

/// Both while they run; ended when dropped.
pub(super) struct Pair {
    main: Running,
    /// Reads the sound that the main one has decoded.
    sound: Option<Running>,
}

/// How both ended.
pub(super) struct PairEnded {
    pub(super) main: Ended,
    /// None if there was none, or if the main one failed and took it along.
    pub(super) sound: Option<Ended>,
}

impl Pair {
    /// Starts them, and gives a pipe for each of the command's outputs.
    pub(super) fn start(
        programs: &Programs,
        encode: &Encode,
        limits: ResourceLimits,
    ) -> Result<(Self, Vec<PipeReader>), StepError> {
        let start = |args: &[OsString], stdin, pipes, limits| {
            process::start(&programs.ffmpeg, args, stdin, FIRST_FD, pipes, limits)
        };
        let (main, mut readers) = start(&encode.args, None, encode.outputs.len(), limits)?;
        let mut sound = None;
        let decoded = encode.outputs.iter().position(|o| *o == Output::Audio);
        if let Some((args, at)) = encode.audio_args.as_ref().zip(decoded) {
            // Time is the main one's: this one waits for it, and ends with it.
            let limits = ResourceLimits {
                memory_bytes: limits.memory_bytes / 2,
                address_bytes: limits.address_bytes / 2,
                time: None,
                silence: None,
            };
            let (encoder, encoded) = start(args, Some(readers.remove(at)), 1, limits)?;
            readers.splice(at..at, encoded);
            sound = Some(encoder);
        }
        Ok((Self { main, sound }, readers))
    }

    /// Where readers of their output tell that they read it.
    pub(super) fn activity(&self) -> &ActivityClock {
        self.main.activity()
    }

    /// Waits until both have ended.
    pub(super) async fn end(self) -> Result<PairEnded, StepError> {
        let activity = self.main.activity().clone();
        let main = self.main.end().await?;
        let sound = match self.sound {
            Some(sound) if !main.status.success() && !has_lost_its_reader(&main) => {
                // What is left would be silence, for as long as the video was meant to be.
                drop(sound);
                None
            }
            Some(sound) => Some(end_soon(sound, &activity).await?),
            None => None,
        };
        Ok(PairEnded { main, sound })
    }
}

impl PairEnded {
    /// The one that is to blame, if one failed.
    pub(super) fn failed(&self) -> Option<&Ended> {
        let main_failed = !self.main.status.success();
        let sound = self.sound.as_ref().filter(|it| !it.status.success());
        let was_first = |it: &&Ended| {
            let was_ended = it.exceeded.is_some() || it.was_killed() || it.has_crashed();
            was_ended || !main_failed || has_lost_its_reader(&self.main)
        };
        let sound = sound.filter(was_first);
        sound.or(main_failed.then_some(&self.main))
    }
}

/// How long the one that encodes the sound may give nothing once it has all of it. (Until then it waits
/// for the main one, whose time is bounded.)
const DRAIN_SILENCE: Duration = Duration::from_secs(30);

/// Waits for its end, and ends it if nothing comes out of it any more.
async fn end_soon(sound: Running, activity: &ActivityClock) -> Result<Ended, StepError> {
    activity.beat();
    let mut end = pin!(sound.end());
    loop {
        match tokio::time::timeout(DRAIN_SILENCE, &mut end).await {
            Ok(ended) => return ended,
            Err(_) if activity.silence() < DRAIN_SILENCE => {}
            Err(_) => return Err(StepError::Stalled(Exceeded::Silence.while_encoding())),
        }
    }
}

/// Whether the main one failed because the one that reads its sound did.
fn has_lost_its_reader(main: &Ended) -> bool {
    main.stderr.contains("Broken pipe")
}
