//! One ffmpeg process, its pipes cut into segments and stored while it runs.

use std::{io::PipeReader, os::fd::OwnedFd};

use bytes::Bytes;
use reelrun_core::{
    codecs::{InitInfo, read_init},
    command::{self, Output, SourceUrl},
    error::{ErrorType, VideoError},
    keys::{MediaFile, TrackId},
    ladder::Rendition,
    plan::{AudioPlan, Plan},
    report::{Presentation, SegmentReport, TrackKind, TrackReport},
    segmenter::{Cut, Segment, SegmenterError, audio::AudioSegmenter, video::VideoSegmenter},
    source::{SourceInfo, explain_probe_failure},
    video::VideoId,
};
use reelrun_platform::storage::Storage;
use tokio::{io::AsyncReadExt as _, net::unix::pipe, sync::watch, task::JoinSet};

use crate::{
    error::StepError,
    process::{self, Ended, Programs},
    upload::{Slots, Uploads},
};

/// What an encode works with.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// ffmpeg.
    pub programs: &'a Programs,
    /// Where segments go.
    pub storage: &'a Storage,
    /// Whose they are.
    pub video: VideoId,
    /// Told how much is done, 0 to 1.
    pub progress: watch::Sender<f64>,
}

/// What came out of an encode.
#[derive(Debug)]
pub struct Encoded {
    /// The tracks, measured.
    pub presentation: Presentation,
    /// Whether there is a poster.
    pub has_poster: bool,
}

/// How far the picture is: what the sound's segments are cut by.
#[derive(Debug, Clone, Copy, Default)]
struct VideoProgress {
    ticks: u64,
    ended: bool,
}

/// What one pipe gave.
enum Done {
    Video(usize, TrackReport),
    Audio(TrackReport),
    Poster(bool),
}

/// The largest poster that is believed.
const MAX_POSTER_BYTES: u64 = 16 << 20;

impl Encoder<'_> {
    /// Encodes the whole plan. All segments and initialization segments are stored when this
    /// returns; nothing names them yet.
    pub async fn encode(
        &self,
        plan: &Plan,
        source: SourceUrl<'_>,
        info: &SourceInfo,
    ) -> Result<Encoded, StepError> {
        let encode = command::encode(plan, source);
        let (running, readers) = process::start(
            &self.programs.ffmpeg,
            &encode.args,
            command::FIRST_FD,
            encode.outputs.len(),
        )?;
        let mut tracks = self.read_pipes(plan, encode.outputs, readers)?;
        let mut done = Vec::new();
        let mut broken = None;
        while let Some(joined) = tracks.join_next().await {
            match joined.unwrap_or_else(|why| Err(StepError::Internal(why.to_string()))) {
                Ok(part) => done.push(part),
                Err(StepError::Internal(why)) => broken = Some(why),
                // Nobody reads the other pipes any more: dropping `running` ends ffmpeg.
                Err(why) => return Err(why),
            }
        }
        let ended = running.end().await?;
        if !ended.status.success() {
            return Err(blame(&ended));
        }
        if let Some(why) = broken {
            return Err(StepError::Internal(why));
        }
        let encoded = assemble(done)?;
        check_length(plan, info, &encoded.presentation, &ended)?;
        Ok(encoded)
    }

    /// One task for each pipe.
    fn read_pipes(
        &self,
        plan: &Plan,
        outputs: Vec<Output>,
        readers: Vec<PipeReader>,
    ) -> Result<JoinSet<Result<Done, StepError>>, StepError> {
        let slots = Slots::new();
        let (video_progress, watched) = watch::channel(VideoProgress::default());
        let mut leader = Some(Leader {
            video: video_progress,
            overall: self.progress.clone(),
            expected_ticks: plan.frames * u64::from(plan.grid.frame_ticks()),
        });
        let mut tasks = JoinSet::new();
        for (output, reader) in outputs.into_iter().zip(readers) {
            let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))
                .map_err(|why| StepError::Internal(format!("a pipe can't be read: {why}")))?;
            let uploads = Uploads::new(self.storage.clone(), self.video, slots.clone());
            match output {
                Output::Video(index) => {
                    let rendition = plan.renditions[index].clone();
                    // All renditions come from the same frames, so one of them leads.
                    let leader = leader.take();
                    let segmenter = VideoSegmenter::new(plan.grid);
                    tasks.spawn(async move {
                        let track = VideoTrack {
                            rendition,
                            segmenter,
                            leader,
                        };
                        Ok(Done::Video(index, track.read(pipe, uploads).await?))
                    });
                }
                Output::Audio => {
                    if let Some(audio) = plan.audio.clone() {
                        let segmenter = AudioSegmenter::new(plan.grid, audio.sample_rate);
                        let segment_ticks = plan.grid.segment_ticks();
                        let watched = watched.clone();
                        tasks.spawn(async move {
                            let track = AudioTrack {
                                audio,
                                segmenter,
                                segment_ticks,
                                watched,
                            };
                            Ok(Done::Audio(track.read(pipe, uploads).await?))
                        });
                    }
                }
                Output::Poster => {
                    tasks.spawn(async move { read_poster(pipe, uploads).await.map(Done::Poster) });
                }
            }
        }
        Ok(tasks)
    }
}

/// Tells the others how far the picture is.
struct Leader {
    video: watch::Sender<VideoProgress>,
    overall: watch::Sender<f64>,
    expected_ticks: u64,
}

impl Leader {
    fn tell(&self, ticks: u64, ended: bool) {
        self.video.send_replace(VideoProgress { ticks, ended });
        let done = reelrun_core::report::seconds(ticks, 1)
            / reelrun_core::report::seconds(self.expected_ticks.max(1), 1);
        // The last hundredth is publishing.
        self.overall.send_replace(done.min(0.99));
    }
}

struct VideoTrack {
    rendition: Rendition,
    segmenter: VideoSegmenter,
    leader: Option<Leader>,
}

impl VideoTrack {
    async fn read(
        mut self,
        mut pipe: pipe::Receiver,
        uploads: Uploads,
    ) -> Result<TrackReport, StepError> {
        let mut sink = Sink::new(TrackId::Video(self.rendition.name.clone()), uploads);
        let mut buffer = vec![0; READ_BYTES];
        while let Some(bytes) = read_some(&mut pipe, &mut buffer).await? {
            for cut in self.segmenter.push(bytes).map_err(internal)? {
                sink.take(cut).await?;
            }
            if let Some(leader) = &self.leader {
                leader.tell(self.segmenter.ticks(), false);
            }
        }
        if let Some(last) = self.segmenter.finish().map_err(internal)? {
            sink.take(Cut::Segment(last)).await?;
        }
        if let Some(leader) = &self.leader {
            leader.tell(self.segmenter.ticks(), true);
        }
        let kind = TrackKind::Video {
            width: self.rendition.width,
            height: self.rendition.height,
            frame_rate: self.segmenter.grid().frame_rate,
        };
        sink.finish(|_| kind).await
    }
}

struct AudioTrack {
    audio: AudioPlan,
    segmenter: AudioSegmenter,
    segment_ticks: u64,
    watched: watch::Receiver<VideoProgress>,
}

impl AudioTrack {
    async fn read(
        mut self,
        mut pipe: pipe::Receiver,
        uploads: Uploads,
    ) -> Result<TrackReport, StepError> {
        let mut sink = Sink::new(TrackId::Audio("main".into()), uploads);
        let mut buffer = vec![0; READ_BYTES];
        while let Some(bytes) = read_some(&mut pipe, &mut buffer).await? {
            let video_segments = self.watched.borrow().ticks / self.segment_ticks;
            for cut in self
                .segmenter
                .push(bytes, video_segments)
                .map_err(internal)?
            {
                sink.take(cut).await?;
            }
        }
        // The sound ends where the picture does, and only the picture knows where that is.
        let video_ticks = match self.watched.wait_for(|video| video.ended).await {
            Ok(video) => video.ticks,
            Err(_) => {
                return Err(StepError::Internal(
                    "the picture did not come to its end".into(),
                ));
            }
        };
        for segment in self.segmenter.finish(video_ticks).map_err(internal)? {
            sink.take(Cut::Segment(segment)).await?;
        }
        sink.finish(|init| TrackKind::Audio {
            language: self.audio.language,
            channels: init.channels.unwrap_or(2),
            sample_rate: self.audio.sample_rate,
        })
        .await
    }
}

async fn read_poster(pipe: pipe::Receiver, mut uploads: Uploads) -> Result<bool, StepError> {
    let mut jpeg = Vec::new();
    pipe.take(MAX_POSTER_BYTES)
        .read_to_end(&mut jpeg)
        .await
        .map_err(lost_pipe)?;
    let has_poster = !jpeg.is_empty();
    if has_poster {
        uploads.store(MediaFile::Poster, Bytes::from(jpeg)).await?;
    }
    uploads.finish().await?;
    Ok(has_poster)
}

/// Stores what a segmenter cuts, and keeps account of it.
struct Sink {
    track: TrackId,
    uploads: Uploads,
    init: Option<InitInfo>,
    segments: Vec<SegmentReport>,
}

impl Sink {
    fn new(track: TrackId, uploads: Uploads) -> Self {
        Self {
            track,
            uploads,
            init: None,
            segments: Vec::new(),
        }
    }

    async fn take(&mut self, cut: Cut) -> Result<(), StepError> {
        match cut {
            Cut::Init(bytes) => {
                let info = read_init(&bytes).map_err(|why| StepError::Internal(why.to_string()))?;
                self.init = Some(info);
                self.uploads
                    .store(MediaFile::Init(self.track.clone()), bytes)
                    .await
            }
            Cut::Segment(Segment {
                number,
                bytes,
                report,
            }) => {
                self.segments.push(report);
                self.uploads
                    .store(MediaFile::Segment(self.track.clone(), number), bytes)
                    .await
            }
        }
    }

    async fn finish(
        self,
        kind: impl FnOnce(&InitInfo) -> TrackKind,
    ) -> Result<TrackReport, StepError> {
        self.uploads.finish().await?;
        let init = self
            .init
            .ok_or_else(|| StepError::Internal("a track has no initialization segment".into()))?;
        Ok(TrackReport {
            track: self.track,
            kind: kind(&init),
            codecs: init.codecs,
            timescale: init.timescale,
            segments: self.segments,
        })
    }
}

const READ_BYTES: usize = 256 * 1024;

async fn read_some<'a>(
    pipe: &mut pipe::Receiver,
    buffer: &'a mut [u8],
) -> Result<Option<&'a [u8]>, StepError> {
    let count = pipe.read(buffer).await.map_err(lost_pipe)?;
    Ok((count > 0).then_some(&buffer[..count]))
}

fn lost_pipe(why: std::io::Error) -> StepError {
    StepError::Internal(format!("a pipe from ffmpeg broke: {why}"))
}

fn internal(why: SegmenterError) -> StepError {
    StepError::Internal(why.to_string())
}

/// Puts the parts in the plan's order.
fn assemble(parts: Vec<Done>) -> Result<Encoded, StepError> {
    let mut video = Vec::new();
    let mut audio = None;
    let mut has_poster = false;
    for part in parts {
        match part {
            Done::Video(index, report) => video.push((index, report)),
            Done::Audio(report) => audio = Some(report),
            Done::Poster(found) => has_poster = found,
        }
    }
    video.sort_by_key(|(index, _)| *index);
    let video = video.into_iter().map(|(_, report)| report).collect();
    let presentation =
        Presentation::new(video, audio).map_err(|why| StepError::Internal(why.to_string()))?;
    Ok(Encoded {
        presentation,
        has_poster,
    })
}

/// ffmpeg failed: is it the source, or something around us?
fn blame(ended: &Ended) -> StepError {
    let transient = || {
        StepError::Transient(format!(
            "ffmpeg ended with {}: {}",
            ended.status,
            ended.stderr.trim()
        ))
    };
    if ended.was_killed() {
        return transient();
    }
    if is_network_trouble(&ended.stderr) {
        return explain_probe_failure(&ended.stderr).map_or_else(transient, Into::into);
    }
    tracing::warn!(
        stderr = ended.stderr.trim(),
        "ffmpeg could not decode the source"
    );
    VideoError::new(
        ErrorType::MalformedMedia,
        "Its picture or sound could not be decoded. Export or copy it again, then upload it again.",
    )
    .into()
}

/// A source that ended before its time was cut short: by its maker, or by the network.
fn check_length(
    plan: &Plan,
    info: &SourceInfo,
    presentation: &Presentation,
    ended: &Ended,
) -> Result<(), StepError> {
    let ticks = presentation.video.first().map_or(0, TrackReport::ticks);
    let frames = ticks / u64::from(plan.grid.frame_ticks());
    if !plan.is_cut_short(frames, info) {
        return Ok(());
    }
    if is_network_trouble(&ended.stderr) {
        return Err(StepError::Transient(format!(
            "the source could not be read to its end: {}",
            ended.stderr.trim()
        )));
    }
    let expected = plan.frames * u64::from(plan.grid.frame_ticks());
    let seconds = |ticks| reelrun_core::report::seconds(ticks, plan.grid.timescale());
    Err(VideoError::new(
        ErrorType::MalformedMedia,
        format!(
            "It is cut short: {:.1} s of picture were announced, but only {:.1} s are there. Copy the whole file and upload it again.",
            seconds(expected),
            seconds(ticks),
        ),
    )
    .into())
}

fn is_network_trouble(stderr: &str) -> bool {
    [
        "HTTP error",
        "Server returned",
        "Connection",
        "Stream ends prematurely",
        "Input/output error",
        "[tls",
        "[https @",
        "[http @",
    ]
    .iter()
    .any(|word| stderr.contains(word))
}
