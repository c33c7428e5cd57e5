//! One of ffmpeg's pipes: read, cut, stored, accounted for.

use std::ops::Range;

use bytes::Bytes;
use reelrun_media::file::{MediaFile, TrackId};
use reelrun_media::{
    codecs::{InitInfo, read_init},
    ladder::Rendition,
    plan::AudioPlan,
    report::{SegmentReport, TrackKind, TrackReport, seconds},
    segmenter::{Cut, SegmenterError, audio::AudioSegmenter, video::VideoSegmenter},
};
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncReadExt as _, net::unix::pipe, sync::watch};

use crate::{error::StepError, process::ActivityClock, trace::Trace, upload::Uploads};

/// Why a pipe gave no whole track.
pub(super) enum TrackError {
    /// The stream ended early. How ffmpeg ended tells why.
    Incomplete(String),
    /// Something that is not ffmpeg's doing.
    Step(StepError),
}

impl From<StepError> for TrackError {
    fn from(why: StepError) -> Self {
        Self::Step(why)
    }
}

impl From<SegmenterError> for TrackError {
    fn from(why: SegmenterError) -> Self {
        match why {
            // An ffmpeg that can't decode the source closes its pipes and then says so.
            SegmenterError::Truncated | SegmenterError::AudioTooShort { .. } => {
                Self::Incomplete(why.to_string())
            }
            // The first frames are missing, or some in the middle.
            SegmenterError::Discontinuity { .. } => {
                Self::Step(StepError::EnteredLate(why.to_string()))
            }
            // The stream is not what we asked for: our mistake, whatever ffmpeg says of it.
            why => Self::Step(StepError::Internal(why.to_string())),
        }
    }
}

/// How far the picture is: what the sound's segments are cut by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct VideoProgress {
    pub(super) ticks: u64,
    pub(super) ended: bool,
}

/// The largest single picture that is believed.
const MAX_STILL_BYTES: u64 = 16 << 20;

/// Tells the others how far the picture is.
pub(super) struct Leader {
    pub(super) video: watch::Sender<VideoProgress>,
    pub(super) overall: watch::Sender<f64>,
    /// Where the picture starts and where it is expected to end.
    pub(super) expected: Range<u64>,
    /// Told when the first bytes are there, and when all are.
    pub(super) trace: Trace,
    pub(super) has_begun: bool,
}

impl Leader {
    fn tell(&mut self, ticks: u64, ended: bool) {
        if !self.has_begun {
            self.has_begun = true;
            self.trace.end("first_bytes");
        }
        if ended {
            self.trace.end("encode");
        }
        self.video.send_replace(VideoProgress { ticks, ended });
        let Range { start, end } = self.expected;
        let done = seconds(ticks - start, 1) / seconds((end - start).max(1), 1);
        // The last hundredth is publishing.
        self.overall.send_replace(done.min(0.99));
    }
}

pub(super) struct VideoTrack {
    pub(super) track: TrackId,
    pub(super) rendition: Rendition,
    pub(super) segmenter: VideoSegmenter,
    pub(super) leader: Option<Leader>,
    pub(super) stores_init: bool,
}

impl VideoTrack {
    pub(super) async fn read(
        mut self,
        mut pipe: pipe::Receiver,
        uploads: Uploads,
        activity: ActivityClock,
    ) -> Result<TrackReport, TrackError> {
        let mut sink = Sink::new(self.track, uploads, self.stores_init, activity);
        let mut buffer = vec![0; READ_BYTES];
        while let Some(bytes) = read_some(&mut pipe, &mut buffer, &sink.activity).await? {
            for cut in self.segmenter.push(bytes)? {
                sink.take(cut).await?;
            }
            if let Some(leader) = &mut self.leader {
                leader.tell(self.segmenter.ticks(), false);
            }
        }
        if let Some(last) = self.segmenter.finish()? {
            sink.take(Cut::Segment(last)).await?;
        }
        if let Some(leader) = &mut self.leader {
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

pub(super) struct AudioTrack {
    pub(super) track: TrackId,
    pub(super) audio: AudioPlan,
    pub(super) segmenter: AudioSegmenter,
    pub(super) segment_ticks: u64,
    pub(super) watched: watch::Receiver<VideoProgress>,
    pub(super) stores_init: bool,
}

impl AudioTrack {
    pub(super) async fn read(
        mut self,
        mut pipe: pipe::Receiver,
        uploads: Uploads,
        activity: ActivityClock,
    ) -> Result<TrackReport, TrackError> {
        let mut sink = Sink::new(self.track, uploads, self.stores_init, activity);
        let mut buffer = vec![0; READ_BYTES];
        while let Some(bytes) = read_some(&mut pipe, &mut buffer, &sink.activity).await? {
            let video_segments = self.watched.borrow().ticks / self.segment_ticks;
            for cut in self.segmenter.push(bytes, video_segments)? {
                sink.take(cut).await?;
            }
        }
        // The sound ends where the picture does, and only the picture knows where that is.
        let video_ticks = match self.watched.wait_for(|video| video.ended).await {
            Ok(video) => video.ticks,
            Err(_) => {
                return Err(TrackError::Incomplete(
                    "the picture did not come to its end".into(),
                ));
            }
        };
        for segment in self.segmenter.finish(video_ticks)? {
            sink.take(Cut::Segment(segment)).await?;
        }
        sink.finish(|init| TrackKind::Audio {
            language: self.audio.language,
            name: self.audio.name,
            purpose: self.audio.purpose,
            channels: init.channels.unwrap_or(2),
            sample_rate: self.audio.sample_rate,
        })
        .await
    }
}

/// A single JPEG; whether there was one.
pub(super) async fn read_still(
    pipe: pipe::Receiver,
    mut uploads: Uploads,
    file: MediaFile,
) -> Result<bool, TrackError> {
    let mut jpeg = Vec::new();
    pipe.take(MAX_STILL_BYTES)
        .read_to_end(&mut jpeg)
        .await
        .map_err(lost_pipe)?;
    let is_there = !jpeg.is_empty();
    if is_there {
        uploads.store(file, Bytes::from(jpeg)).await?;
    }
    uploads.finish().await?;
    Ok(is_there)
}

/// Stores what a segmenter cuts, and keeps account of it.
struct Sink {
    track: TrackId,
    uploads: Uploads,
    /// Whether the initialization segment is stored: once for all parts of a track.
    stores_init: bool,
    /// While a segment waits for storage, the pipe is not read.
    activity: ActivityClock,
    init: Option<(InitInfo, String)>,
    segments: Vec<SegmentReport>,
}

impl Sink {
    fn new(track: TrackId, uploads: Uploads, stores_init: bool, activity: ActivityClock) -> Self {
        Self {
            track,
            uploads,
            stores_init,
            activity,
            init: None,
            segments: Vec::new(),
        }
    }

    async fn take(&mut self, cut: Cut) -> Result<(), StepError> {
        let _busy = self.activity.busy();
        match cut {
            Cut::Init(bytes) => {
                let info = read_init(&bytes).map_err(|why| StepError::Internal(why.to_string()))?;
                if let (TrackId::Video(_), Some(told)) = (&self.track, &self.uploads.told) {
                    told.send_modify(|stored| stored.codecs = Some(info.codecs.clone()));
                }
                let digest = Bytes::copy_from_slice(&Sha256::digest(&bytes));
                self.init = Some((info, format!("{digest:x}")));
                if self.stores_init {
                    self.uploads
                        .store(MediaFile::Init(self.track.clone()), bytes)
                        .await?;
                }
                Ok(())
            }
            Cut::Segment(segment) => {
                let stored = self.uploads.store_segment(self.track.clone(), segment);
                self.segments.push(stored.await?);
                Ok(())
            }
        }
    }

    async fn finish(
        self,
        kind: impl FnOnce(&InitInfo) -> TrackKind,
    ) -> Result<TrackReport, TrackError> {
        self.uploads.finish().await?;
        let (init, init_sha256) = self.init.ok_or_else(|| {
            TrackError::Incomplete("a track has no initialization segment".into())
        })?;
        Ok(TrackReport {
            track: self.track,
            kind: kind(&init),
            codecs: init.codecs,
            init_sha256,
            timescale: init.timescale,
            segments: self.segments,
        })
    }
}

const READ_BYTES: usize = 256 * 1024;

async fn read_some<'a>(
    pipe: &mut pipe::Receiver,
    buffer: &'a mut [u8],
    activity: &ActivityClock,
) -> Result<Option<&'a [u8]>, StepError> {
    let count = pipe.read(buffer).await.map_err(lost_pipe)?;
    activity.beat();
    Ok((count > 0).then_some(&buffer[..count]))
}

fn lost_pipe(why: std::io::Error) -> StepError {
    StepError::Internal(format!("a pipe from ffmpeg broke: {why}"))
}
