//! One ffmpeg and the one that encodes its sound, their pipes cut into segments and stored while they
//! run.

mod pair;
mod track;

use std::{io::PipeReader, os::fd::OwnedFd, pin::pin};

use reelrun_media::file::{MediaFile, TrackId};
use reelrun_media::{
    command::{self, Output, SourceUrl, Way},
    diagnostics::{Stage, is_network_trouble, was_interrupted},
    error::{ErrorType, VideoError},
    plan::{Part, Plan, Span},
    report::{TrackKind, TrackReport, seconds},
    resource_limits::ResourceLimits,
    segmenter::{audio::AudioSegmenter, video::VideoSegmenter},
    stitch::PartReport,
};
use reelrun_platform::storage::Storage;
use tokio::{
    net::unix::pipe,
    sync::watch,
    task::{JoinError, JoinSet},
};

use self::pair::Pair;
use self::track::{AudioTrack, Leader, TrackError, VideoProgress, VideoTrack, read_still};
use crate::{
    error::StepError,
    partial::{Partial, Stored},
    process::{ActivityClock, Ended, Programs},
    trace::Trace,
    upload::{Destination, Slots, Uploads},
};

/// What an encode works with.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// ffmpeg.
    pub programs: &'a Programs,
    /// Where segments go.
    pub storage: &'a Storage,
    /// Whose they are, and where.
    pub to: Destination,
    /// Told how much is done, 0 to 1.
    pub progress: watch::Sender<f64>,
    /// Shows what is encoded so far, if viewers have nothing else.
    pub partial: Option<Partial<'a>>,
    /// What the invocation is spent on.
    pub trace: Trace,
}

/// What one pipe gave.
enum Done {
    Video(usize, TrackReport),
    Audio(TrackReport),
    Poster(bool),
    Sheet(bool),
}

impl Encoder<'_> {
    /// Encodes one part of a plan. All its segments are stored when this returns; nothing names
    /// them yet.
    ///
    /// A chunk whose first frames don't come out enters the source once more, earlier. A crash may be
    /// ffmpeg's own fault, in one of many filters; before the source is blamed, there is one try with
    /// as few as can be.
    pub async fn encode(
        &self,
        plan: &Plan,
        part: Part,
        source: SourceUrl<'_>,
    ) -> Result<PartReport, StepError> {
        let mut way = Way::first(plan);
        loop {
            match self.encode_in(way, plan, part, source).await {
                Err(StepError::EnteredLate(why)) => {
                    let earlier = way.entry.next().filter(|_| plan.chunks() > 1);
                    way.entry = earlier.ok_or(StepError::Internal(why.clone()))?;
                    tracing::warn!(%part, why, ?way, "entered too late, so once more");
                }
                Err(StepError::Crashed(error)) => {
                    if way.is_plain {
                        return Err(error.into());
                    }
                    way.is_plain = true;
                    tracing::warn!(%part, "ffmpeg has crashed, so once more with as little as can be");
                }
                result => return result,
            }
        }
    }

    async fn encode_in(
        &self,
        way: Way,
        plan: &Plan,
        part: Part,
        source: SourceUrl<'_>,
    ) -> Result<PartReport, StepError> {
        let no_such_part = || StepError::Internal(format!("the plan has no {part}"));
        let encode = command::encode(plan, part, source, way).ok_or_else(no_such_part)?;
        let span = plan.span(part).ok_or_else(no_such_part)?;
        let limits = ResourceLimits::encode(self.programs.memory_mb, plan, part);
        let (pair, readers) = Pair::start(self.programs, &encode, limits)?;
        let activity = pair.activity().clone();
        let (told, stored) = watch::channel(Stored::default());
        let shown = self.partial.clone();
        let mut showing = pin!(async {
            match shown {
                Some(shown) => shown.follow(plan, part, stored).await,
                None => drop(stored),
            }
        });
        let mut is_shown = false;
        let pipes = (encode.outputs, readers);
        let mut tracks = self.read_pipes(plan, part, span, pipes, &activity, &told)?;
        drop(told);
        let mut done = Vec::new();
        let mut incomplete = None;
        let mut end = pin!(pair.end());
        let mut ended = None;
        loop {
            tokio::select! {
                both = &mut end, if ended.is_none() => ended = Some(both?),
                () = &mut showing, if !is_shown => is_shown = true,
                joined = tracks.join_next() => {
                    let Some(joined) = joined else { break };
                    let lost = |why: JoinError| Err(StepError::Internal(why.to_string()).into());
                    match joined.unwrap_or_else(lost) {
                        Ok(part) => done.push(part),
                        Err(TrackError::Incomplete(why)) => incomplete = Some(why),
                        // Nobody reads the other pipes any more: dropping what runs ends it.
                        Err(TrackError::Step(why)) => return Err(why),
                    }
                }
            }
        }
        let ended = match ended {
            Some(ended) => ended,
            None => end.await?,
        };
        let report = assemble(part, done);
        if ended.main.status.success() && is_blank(&report) {
            // Of nothing, the sound can't be encoded either, and that is not what is wrong.
            check_length(plan, span, &report, &ended.main)?;
        }
        if let Some(failed) = ended.failed() {
            return Err(failed.blame(Stage::Encoding));
        }
        if let Some(why) = incomplete {
            return Err(StepError::Internal(why));
        }
        check_length(plan, span, &report, &ended.main)?;
        self.trace.end("store");
        if !is_shown {
            showing.await;
        }
        Ok(report)
    }

    /// One task for each pipe.
    fn read_pipes(
        &self,
        plan: &Plan,
        part: Part,
        span: Span,
        (outputs, readers): (Vec<Output>, Vec<PipeReader>),
        activity: &ActivityClock,
        told: &watch::Sender<Stored>,
    ) -> Result<JoinSet<Result<Done, TrackError>>, StepError> {
        let slots = Slots::new();
        let expected = plan.grid().ticks_at(span.first_frame)..plan.grid().ticks_at(span.end_frame);
        // Sound without a picture beside it ends where the picture is expected to.
        let is_beside_video = outputs.iter().any(|o| matches!(o, Output::Video(_)));
        let (video, watched) = watch::channel(VideoProgress {
            ticks: if is_beside_video {
                expected.start
            } else {
                expected.end
            },
            ended: !is_beside_video,
        });
        let mut leader = Some(Leader {
            video,
            overall: self.progress.clone(),
            expected,
            trace: self.trace.clone(),
            has_begun: false,
        });
        let mut tasks = JoinSet::new();
        for (output, reader) in outputs.into_iter().zip(readers) {
            let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))
                .map_err(|why| StepError::Internal(format!("a pipe can't be read: {why}")))?;
            let mut uploads = Uploads::new(self.storage.clone(), self.to.clone(), slots.clone());
            let mut tell = |track: &TrackId| {
                let is_shown = self.partial.is_some() && Partial::shows(plan, track);
                uploads.told = is_shown.then(|| told.clone());
            };
            let activity = activity.clone();
            match output {
                Output::Video(index) => {
                    let rendition = plan.renditions()[index].clone();
                    let track = plan.video_track(&rendition);
                    tell(&track);
                    // All renditions come from the same frames, so one of them leads.
                    let leader = leader.take();
                    let segmenter = VideoSegmenter::new(plan.grid(), span.first_segment);
                    tasks.spawn(async move {
                        let track = VideoTrack {
                            track,
                            rendition,
                            segmenter,
                            leader,
                            stores_init: span.is_first,
                        };
                        Ok(Done::Video(
                            index,
                            track.read(pipe, uploads, activity).await?,
                        ))
                    });
                }
                Output::Audio => {
                    if let Some(audio) = plan.audio_of(part).cloned() {
                        let track = plan.audio_track(&audio);
                        tell(&track);
                        let segmenter =
                            AudioSegmenter::new(plan.grid(), audio.sample_rate, span.first_segment);
                        let segment_ticks = plan.grid().segment_ticks();
                        let watched = watched.clone();
                        tasks.spawn(async move {
                            let track = AudioTrack {
                                track,
                                audio,
                                segmenter,
                                segment_ticks,
                                watched,
                                stores_init: span.is_first,
                            };
                            Ok(Done::Audio(track.read(pipe, uploads, activity).await?))
                        });
                    }
                }
                Output::Poster => {
                    let file = MediaFile::Poster;
                    tasks.spawn(
                        async move { read_still(pipe, uploads, file).await.map(Done::Poster) },
                    );
                }
                Output::SpriteSheet => {
                    if let Part::Chunk(index) = part {
                        let file = MediaFile::SpriteSheet(index);
                        tasks.spawn(async move {
                            read_still(pipe, uploads, file).await.map(Done::Sheet)
                        });
                    }
                }
            }
        }
        Ok(tasks)
    }
}

/// Puts the tracks in the plan's order.
fn assemble(part: Part, parts: Vec<Done>) -> PartReport {
    let mut video = Vec::new();
    let mut audio = None;
    let (mut has_poster, mut has_sheet) = (false, false);
    for part in parts {
        match part {
            Done::Video(index, report) => video.push((index, report)),
            Done::Audio(report) => audio = Some(report),
            Done::Poster(found) => has_poster = found,
            Done::Sheet(found) => has_sheet = found,
        }
    }
    video.sort_by_key(|(index, _)| *index);
    PartReport {
        part,
        tracks: video
            .into_iter()
            .map(|(_, report)| report)
            .chain(audio)
            .collect(),
        has_poster,
        has_sheet,
    }
}

/// Whether there is a picture without any frame: nothing is left of the source where the chunk begins.
fn is_blank(report: &PartReport) -> bool {
    let picture = report.tracks.first();
    picture.is_some_and(|track| {
        matches!(track.kind, TrackKind::Video { .. }) && track.segments.is_empty()
    })
}

/// A part that ended before its time was cut short: by its maker, or by the network. The last part
/// may be a little shorter or longer than planned; [`check_whole`] looks at the whole.
fn check_length(
    plan: &Plan,
    span: Span,
    report: &PartReport,
    ended: &Ended,
) -> Result<(), StepError> {
    if report.part.is_audio() && was_interrupted(&ended.stderr) {
        // Silence was put in the place of what is missing, so its length says nothing.
        return Err(StepError::unread(&ended.stderr));
    }
    if report.part.is_audio() || report.tracks.is_empty() {
        return Ok(());
    }
    let frames = report.frames(plan);
    let expected = span.end_frame - span.first_frame;
    // A broken connection does not make ffmpeg fail; but then not a frame may be missing.
    if is_network_trouble(&ended.stderr) && frames + 2 < expected {
        return Err(StepError::unread(&ended.stderr));
    }
    // One that reads the source from its beginning can't have entered it too late.
    if frames == 0 && !span.is_first && !span.is_last && !plan.enters_at_start() {
        return Err(StepError::EnteredLate(format!(
            "{} has no frame",
            report.part
        )));
    }
    // Frames whose times are beyond reason are none.
    if frames == 0 || frames < expected && !span.is_last {
        return Err(cut_short(plan, span.first_frame + frames).into());
    }
    Ok(())
}

/// Whether a whole encode of this many frames is the whole source.
pub fn check_whole(plan: &Plan, frames: u64) -> Result<(), StepError> {
    if plan.is_cut_short(frames) {
        return Err(cut_short(plan, frames).into());
    }
    Ok(())
}

fn cut_short(plan: &Plan, frames: u64) -> VideoError {
    let seconds = |frames: u64| seconds(plan.grid().ticks_at(frames), plan.grid().timescale());
    VideoError::new(
        ErrorType::MalformedMedia,
        format!(
            "It is cut short: {:.1} s of picture were announced, but only {:.1} s are there. Copy the whole file and upload it again.",
            seconds(plan.frames()),
            seconds(frames),
        ),
    )
}
