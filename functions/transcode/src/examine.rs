//! Finds out what a source is: by its first bytes, by what it says of itself, by a short decode, and,
//! where that does not do, by reading all of it. What is found is kept, so nothing is asked twice.

use std::{ffi::OsString, ops::ControlFlow, path::Path};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reelrun_media::{
    command::{self, SourceUrl},
    diagnostics::{self, Stage, is_network_trouble},
    error::ErrorType,
    plan::{EntryProof, Plan, Settings},
    resource_limits::ResourceLimits,
    source::{
        self, AudioOnlyChoice, AudioOnlySource, Chosen, Head, Measured, Next, Packets, Probe,
        Seeking, Selection, SourceFault, SourceInfo, SourceLimits, Stream, Trial,
    },
};

use crate::{
    error::StepError,
    process::{self, Ended, Programs},
};

/// More text than this says nothing useful about a video.
const MAX_PROBE_BYTES: u64 = 1 << 20;

/// Sounds, and pictures up to this size, are decoded several at a time: there is memory for that.
const SMALL_PIXELS: u32 = 1920 * 1088;
const SMALL_AT_ONCE: usize = 4;

/// What is known of a source.
#[derive(Debug)]
pub struct Examined<'a> {
    /// Where it is, and how it is read.
    pub source: SourceUrl<'a>,
    /// What it is.
    pub info: SourceInfo,
    probe: Probe,
    head: Head,
    chosen: Chosen,
    limits: SourceLimits,
}

/// What a source turned out to be.
#[derive(Debug)]
pub enum Found<'a> {
    /// It has a moving picture.
    Video(Box<Examined<'a>>),
    /// It has none, and how it is read.
    AudioOnly(Box<AudioOnlySource>, SourceUrl<'a>),
}

/// Finds out what a source is.
pub async fn examine<'a>(
    programs: &Programs,
    mut source: SourceUrl<'a>,
    head: Head,
    limits: SourceLimits,
) -> Result<Found<'a>, StepError> {
    let mut probe = ask(programs, source).await?;
    if probe.may_hold_more() {
        source.reads_deep = true;
        probe = ask(programs, source).await?;
    }
    if limits.accepts_audio_only && probe.is_audio_only() {
        let audio = examine_audio(programs, source, &probe, limits).await?;
        return Ok(Found::AudioOnly(Box::new(audio), source));
    }
    let video = examine_video(programs, source, probe, head, limits).await?;
    Ok(Found::Video(Box::new(video)))
}

async fn examine_audio(
    programs: &Programs,
    source: SourceUrl<'_>,
    probe: &Probe,
    limits: SourceLimits,
) -> Result<AudioOnlySource, StepError> {
    let candidates = AudioOnlyChoice::candidates(probe);
    let size_bytes = probe.size_bytes();
    let tried = try_each(
        programs,
        source,
        size_bytes,
        &candidates,
        false,
        SMALL_AT_ONCE,
    );
    let (trial, failed) = tried.await?;
    if let Some(ended) = failed.as_ref().filter(|_| !trial.has_answer()) {
        return Err(blame(ended, Stage::Trying));
    }
    let choice = AudioOnlyChoice::new(probe, &trial)?;
    let measured = measure(programs, source, size_bytes, choice.main()).await?;
    AudioOnlySource::new(probe, &choice, &measured, limits).map_err(fault)
}

async fn examine_video<'a>(
    programs: &Programs,
    source: SourceUrl<'a>,
    probe: Probe,
    head: Head,
    limits: SourceLimits,
) -> Result<Examined<'a>, StepError> {
    let chosen = choose(programs, source, &probe).await?;
    let info = match SourceInfo::new(&probe, head, &chosen, None, limits) {
        Err(SourceFault::LengthUnknown {
            video_stream,
            size_bytes,
        }) => {
            let measured = measure(programs, source, size_bytes, video_stream).await?;
            SourceInfo::new(&probe, head, &chosen, Some(&measured), limits)
        }
        known => known,
    };
    Ok(Examined {
        source,
        info: info.map_err(fault)?,
        probe,
        head,
        chosen,
        limits,
    })
}

impl Examined<'_> {
    /// Reads all of the source, which is longer than it states, or lacks an index.
    pub async fn measure(&mut self, programs: &Programs) -> Result<(), StepError> {
        let stream = self.info.video.index;
        let measured = measure(programs, self.source, self.info.size_bytes, stream).await?;
        let info = SourceInfo::new(
            &self.probe,
            self.head,
            &self.chosen,
            Some(&measured),
            self.limits,
        );
        self.info = info.map_err(fault)?;
        Ok(())
    }

    /// Decides what is made of it. For a long one, more may have to be found out.
    pub async fn plan(
        &mut self,
        programs: &Programs,
        settings: Settings,
    ) -> Result<Plan, StepError> {
        let mut plan = Plan::new(&self.info, settings);
        if plan.is_worth_measuring(&self.info) {
            self.measure(programs).await?;
            plan = Plan::new(&self.info, settings);
        }
        if plan.enters_far_ahead(&self.info) {
            return Ok(self.plan_from_start(settings));
        }
        if plan.chunks() == 1 || self.info.seeking != Seeking::Exact {
            return Ok(plan);
        }
        let stream = self.info.video.index;
        let proof = self.try_entries(programs, &plan, self.source, stream);
        match proof.await? {
            EntryProof::Proven => Ok(plan),
            EntryProof::Refuted => Ok(self.plan_from_start(settings)),
            EntryProof::GoesOn => {
                tracing::info!("it goes on after the end that it states");
                self.measure(programs).await?;
                Ok(Plan::new(&self.info, settings))
            }
        }
    }

    /// The same, once there is a copy of its picture.
    pub async fn plan_copied(
        &mut self,
        programs: &Programs,
        settings: Settings,
        copy: SourceUrl<'_>,
    ) -> Result<Plan, StepError> {
        let before = self.info.clone();
        let mut planned = self.plan_by_copy(programs, settings, copy).await;
        if matches!(planned, Err(StepError::Transient(_))) {
            // To read it again costs less than the next attempt, which would make it again.
            self.info = before.clone();
            planned = self.plan_by_copy(programs, settings, copy).await;
        }
        match planned {
            Ok(Some(plan)) => Ok(plan),
            Err(StepError::InvalidMedia(error)) if error.kind == ErrorType::TooLong => {
                Err(error.into())
            }
            // Few codecs can't be read back from a copy, though they can be decoded.
            Ok(None) | Err(StepError::InvalidMedia(_) | StepError::Crashed(_)) => {
                self.info = before;
                Ok(self.plan_from_start(settings))
            }
            Err(why) => Err(why),
        }
    }

    async fn plan_by_copy(
        &mut self,
        programs: &Programs,
        settings: Settings,
        copy: SourceUrl<'_>,
    ) -> Result<Option<Plan>, StepError> {
        let end = command::probe_copy_end(copy, &self.info);
        let Some(end) = read_packets(programs, copy, self.info.size_bytes, &end).await? else {
            return Ok(None);
        };
        self.info.copied(&end, self.limits)?;
        let plan = Plan::new(&self.info, settings);
        if plan.chunks() == 1 {
            return Ok(Some(plan));
        }
        let proof = self.try_entries(programs, &plan, copy, 0).await?;
        Ok((proof == EntryProof::Proven).then_some(plan))
    }

    /// The same, if nothing that it says of its keyframes is to be believed, or there are hardly any.
    pub fn plan_from_start(&mut self, settings: Settings) -> Plan {
        self.info.seeking = Seeking::FromStart;
        let plan = Plan::new(&self.info, settings);
        tracing::info!(
            chunks = plan.chunks(),
            "it can't be entered in the middle, so each chunk decodes it from its beginning"
        );
        plan
    }

    /// Enters it, or the copy of its picture, at some of the places where a plan's chunks would.
    async fn try_entries(
        &self,
        programs: &Programs,
        plan: &Plan,
        source: SourceUrl<'_>,
        stream: u32,
    ) -> Result<EntryProof, StepError> {
        let limits = ResourceLimits::scan(programs.memory_mb, self.info.size_bytes);
        // Several at once, since most of their time goes into asking storage; each by a process of its
        // own, since what several decoders say at the same time gets mixed up.
        let tries = plan.entry_samples().map(async |(number, at_us)| {
            let args = command::trial_entry(source, stream, number, at_us);
            let told = decode_briefly(&programs.ffmpeg, &args, limits).await;
            told.map(|(trial, _)| trial)
        });
        let is_small = self.info.video.width * self.info.video.height <= SMALL_PIXELS;
        let at_once = if is_small { SMALL_AT_ONCE } else { 1 };
        let trial = stream::iter(tries)
            .buffered(at_once)
            .try_fold(Trial::default(), async |all, one| Ok(all.merged(one)))
            .await?;
        let end = command::probe_end(source, stream, plan.end_sample(&self.info));
        let end = read_packets(programs, source, self.info.size_bytes, &end).await?;
        Ok(plan.judge_entries(&self.info, &trial, end.as_ref()))
    }
}

/// What the source says of itself.
async fn ask(programs: &Programs, source: SourceUrl<'_>) -> Result<Probe, StepError> {
    let json = ffprobe(programs, &command::probe(source)).await?;
    Ok(Probe::parse(&json, source.reads_deep)?)
}

/// Which of its streams are encoded: each choice is tried.
async fn choose(
    programs: &Programs,
    source: SourceUrl<'_>,
    probe: &Probe,
) -> Result<Chosen, StepError> {
    let mut selection = Selection::new(probe)?;
    let mut streams = selection.first();
    loop {
        // Pictures beside sounds, since most of their time goes into asking storage. (Of two pictures at a
        // time, there may not be the memory.)
        let (pictures, sounds): (Vec<_>, Vec<_>) = streams
            .each
            .iter()
            .partition(|stream| matches!(stream, Stream::Video(_)));
        let is_brief = streams.is_brief;
        let size_bytes = probe.size_bytes();
        let ((trial, failed), (heard, unheard)) = tokio::try_join!(
            try_each(programs, source, size_bytes, &pictures, is_brief, 1),
            try_each(
                programs,
                source,
                size_bytes,
                &sounds,
                is_brief,
                SMALL_AT_ONCE
            ),
        )?;
        let (trial, failed) = (trial.merged(heard), failed.or(unheard));
        if let Some(ended) = failed.as_ref().filter(|_| !trial.has_answer()) {
            return Err(blame(ended, Stage::Trying));
        }
        // What was too large to be decoded gave no frame.
        let too_large = |error| {
            let said = failed.as_ref().map(|ended| ended.stderr.as_str());
            said.and_then(diagnostics::too_large).unwrap_or(error)
        };
        match selection.tried(&trial).map_err(too_large)? {
            Next::Try(next) => streams = next,
            Next::Chosen(mut chosen) => {
                if let Some(stream) = chosen.turned_by_bitstream(probe) {
                    let json = ffprobe(programs, &command::probe_frames(source, stream)).await?;
                    chosen.set_turn(&Probe::parse(&json, source.reads_deep)?);
                }
                return Ok(*chosen);
            }
        }
    }
}

/// Decodes the first frames of some streams, each by a process of its own. Gives what was told, and the
/// first failure.
async fn try_each(
    programs: &Programs,
    source: SourceUrl<'_>,
    size_bytes: u64,
    streams: &[Stream],
    is_brief: bool,
    at_once: usize,
) -> Result<(Trial, Option<Ended>), StepError> {
    let limits = ResourceLimits::scan(programs.memory_mb, size_bytes);
    let streams = streams.iter().copied();
    let tries = streams.map(async |stream| {
        let args = command::trial(source, stream, is_brief);
        decode_briefly(&programs.ffmpeg, &args, limits).await
    });
    let tried: Vec<_> = stream::iter(tries).buffered(at_once).try_collect().await?;
    let mut trial = Trial::default();
    let mut failed = None;
    for (told, ended) in tried {
        trial = trial.merged(told);
        if !ended.status.success() {
            failed.get_or_insert(ended);
        }
    }
    Ok((trial, failed))
}

/// A short decode: what was told of the frames, and how ffmpeg ended. Where it was cut short from outside,
/// that some frames are missing says nothing of the source.
async fn decode_briefly(
    ffmpeg: &Path,
    args: &[OsString],
    limits: ResourceLimits,
) -> Result<(Trial, Ended), StepError> {
    let mut trial = Trial::default();
    let ended = process::each_message(ffmpeg, args, limits, |line| trial.add(line)).await?;
    if is_network_trouble(&ended.stderr) {
        return Err(StepError::unread(&ended.stderr));
    }
    if ended.was_killed() {
        return Err(ended.blame(Stage::Trying));
    }
    Ok((trial, ended))
}

/// What ffprobe says.
async fn ffprobe(programs: &Programs, args: &[OsString]) -> Result<String, StepError> {
    let limits = ResourceLimits::probe(programs.memory_mb);
    let (ended, json) = process::output(&programs.ffprobe, args, MAX_PROBE_BYTES, limits).await?;
    if ended.status.success() {
        Ok(json)
    } else {
        Err(blame(&ended, Stage::Probing))
    }
}

fn fault(fault: SourceFault) -> StepError {
    match fault {
        SourceFault::Final(error) => error.into(),
        SourceFault::LengthUnknown { .. } => diagnostics::no_frames().into(),
    }
}

/// Reads every packet to learn what a source does not say of itself.
async fn measure(
    programs: &Programs,
    source: SourceUrl<'_>,
    size_bytes: u64,
    stream: u32,
) -> Result<Measured, StepError> {
    let args = command::probe_packets(source, stream);
    let measured = read_packets(programs, source, size_bytes, &args).await?;
    measured.ok_or_else(|| diagnostics::no_frames().into())
}

async fn read_packets(
    programs: &Programs,
    url: SourceUrl<'_>,
    size_bytes: u64,
    args: &[OsString],
) -> Result<Option<Measured>, StepError> {
    let mut packets = Packets::of(url.container);
    let limits = ResourceLimits::scan(programs.memory_mb, size_bytes);
    let ended = process::each_line(&programs.ffprobe, args, limits, |line| {
        packets.add(line);
        if packets.are_too_many(size_bytes) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .await?;
    if packets.are_too_many(size_bytes) {
        return Err(source::repeats_itself().into());
    }
    if !ended.status.success() {
        return Err(blame(&ended, Stage::Probing));
    }
    if is_network_trouble(&ended.stderr) {
        return Err(StepError::unread(&ended.stderr));
    }
    Ok(packets.measured())
}

fn blame(ended: &Ended, stage: Stage) -> StepError {
    match ended.blame(stage) {
        StepError::Crashed(error) => error.into(),
        why => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose decoder is lost, beside a sound that is heard, would be "no frame that can be
    /// shown"; a sound that is lost would be left out.
    #[tokio::test(flavor = "current_thread")]
    async fn a_short_decode_that_is_cut_short_is_no_verdict() {
        let decode = async |script: &str| {
            let args = ["-c", script].map(OsString::from);
            decode_briefly(Path::new("/bin/sh"), &args, ResourceLimits::probe(1024)).await
        };
        for cut_short in [
            "kill -KILL $$",
            "echo '[http @ 0x1] HTTP error 503 Service Unavailable' >&2; exit 1",
        ] {
            let why = decode(cut_short).await.unwrap_err();
            assert!(matches!(why, StepError::Transient(_)), "{cut_short}: {why}");
        }
        let (trial, ended) = decode("echo 'no such frame' >&2; exit 1").await.unwrap();
        assert!(!trial.has_answer() && !ended.status.success());
    }
}
