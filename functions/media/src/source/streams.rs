//! Which of a file's streams are encoded: those that a player would choose, among those that decode.
//!
//! A header names streams; only a decoder knows whether there is anything in them. So the choice is
//! made by short decodes: [`Selection`] says which streams to try next, its caller tries them
//! ([`crate::command::trial`]) and tells it what came out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ffprobe::{Probe, ProbeStream, no_video},
    trial::{AudioFrame, Trial, VideoFrame},
};
use crate::{diagnostics, error::VideoError};

/// Streams of which the first frames are to be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streams {
    /// Each for itself: of two that are decoded at the same time, the messages get mixed up.
    pub each: Vec<Stream>,
    /// Whether to look at the beginning only: among several streams, one may be without any frame.
    pub is_brief: bool,
}

/// A stream, by its index among all of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Of pictures.
    Video(u32),
    /// Of sound.
    Audio(u32),
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// To decode the first frames of these.
    Try(Streams),
    /// The choice is made.
    Chosen(Box<Chosen>),
}

/// The streams that are encoded, and what their first frames are.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The video stream's index.
    pub(super) video: u32,
    pub(super) picture: VideoFrame,
    /// Whether each frame that was decoded is one that needs no other.
    pub(super) is_intra: bool,
    /// Whether there is only one.
    pub(super) is_still: bool,
    /// Whether captions come with the frames.
    pub(super) has_captions: bool,
    /// How the bitstream wants it turned, where the container does not say.
    pub(super) matrix: Option<[i64; 4]>,
    /// The audio streams by index, the main one first.
    pub(super) audio: Vec<(u32, AudioFrame)>,
    pub(super) not_used: Vec<NotUsed>,
}

/// A stream of a source that is not in what is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotUsed {
    /// What it holds.
    pub kind: StreamKind,
    /// ffmpeg's name of the codec; `unknown` where it has none.
    #[schema(examples("ac4"))]
    pub codec: String,
    /// Why it is left out.
    pub reason: NotUsedReason,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// Why a stream is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotUsedReason {
    /// There is no decoder for it.
    NoDecoder,
    /// Nothing in it could be decoded.
    NoFrames,
    /// A further audio track, too much of which could not be decoded, or not in time.
    Damaged,
    /// There is a better picture, or there are too many audio tracks.
    NotChosen,
    /// Its subtitles are pictures, not text.
    NotText,
}

/// Streams of each kind that are looked at.
const CANDIDATES: usize = 8;

/// Streams that are named as left out; a file may have hundreds.
pub const MOST_NOT_USED: usize = 32;

/// A choice that is being made.
#[derive(Debug)]
pub struct Selection<'a> {
    probe: &'a Probe,
    /// The best first, each.
    videos: Vec<u32>,
    audios: Vec<u32>,
    /// Whether the first of the videos is the one.
    is_video_settled: bool,
    not_used: Vec<NotUsed>,
}

impl<'a> Selection<'a> {
    /// Begins a choice among a file's streams.
    pub fn new(probe: &'a Probe) -> Result<Self, VideoError> {
        let mut not_used = Vec::new();
        let videos = candidates(probe, "video", &mut not_used);
        let mut audios = candidates(probe, "audio", &mut not_used);
        let covers = probe.streams.iter().filter(|stream| stream.is_cover());
        let covers = covers.map(|stream| stream.not_used(NotUsedReason::NotChosen));
        // First, as there are few of them.
        not_used.splice(..0, covers);
        let Some(&first) = videos.first() else {
            let Some(unknown) = probe.streams.iter().find(|stream| stream.is("video")) else {
                return Err(no_video(&probe.streams));
            };
            probe.check_is_open(unknown)?;
            return Err(unknown.unknown_codec());
        };
        for index in [Some(&first), audios.first()].into_iter().flatten() {
            if let Some(stream) = probe.stream(*index) {
                probe.check_is_open(stream)?;
            }
        }
        // A further sound that is encrypted is one that nobody here decodes.
        let is_closed = |stream: &&ProbeStream| probe.check_is_open(stream).is_err();
        let closed = audios.iter().filter_map(|&index| probe.stream(index));
        let closed: Vec<_> = closed.filter(is_closed).collect();
        audios.retain(|&index| closed.iter().all(|stream| stream.index != index));
        not_used.extend(all_not_used(&closed, NotUsedReason::NoDecoder));
        Ok(Self {
            probe,
            is_video_settled: videos.len() == 1,
            videos,
            audios,
            not_used,
        })
    }

    /// The streams to try first.
    pub fn first(&self) -> Streams {
        let videos = self.videos.iter().copied().map(Stream::Video);
        let each = if self.is_video_settled {
            let audios = self.audios.iter().copied().map(Stream::Audio);
            videos.take(1).chain(audios).collect()
        } else {
            videos.collect()
        };
        Streams {
            each,
            is_brief: !self.is_video_settled,
        }
    }

    /// Takes what came of the last try, and says what comes next.
    pub fn tried(&mut self, trial: &Trial) -> Result<Next, VideoError> {
        let has_lost_video = self.drop_refused(&trial.refused)?;
        if has_lost_video {
            return Ok(Next::Try(self.first()));
        }
        if !self.is_video_settled {
            self.settle_video(trial);
            return Ok(Next::Try(self.first()));
        }
        let video = self.videos[0];
        let pictures = trial.video.get(&video);
        let pictures = pictures.filter(|pictures| !pictures.is_empty());
        let pictures = pictures.ok_or_else(diagnostics::no_frames)?;
        let mut heard = Vec::new();
        for index in std::mem::take(&mut self.audios) {
            match trial.audio.get(&index) {
                Some(sound) => heard.push((index, sound.clone())),
                None => self.leave_out(index, NotUsedReason::NoFrames),
            }
        }
        Ok(Next::Chosen(self.chosen(video, pictures, heard).into()))
    }

    /// Of several video streams, one that moves: a cover is not always marked as one.
    fn settle_video(&mut self, trial: &Trial) {
        let frames = |index: &u32| trial.video.get(index).map_or(0, Vec::len);
        let best = self.videos.iter().map(frames).max().unwrap_or(0).min(2);
        let at = self
            .videos
            .iter()
            .position(|index| frames(index) >= best)
            .unwrap_or(0);
        let chosen = self.videos.remove(at);
        for index in std::mem::replace(&mut self.videos, vec![chosen]) {
            let reason = if frames(&index) == 0 {
                NotUsedReason::NoFrames
            } else {
                NotUsedReason::NotChosen
            };
            self.leave_out(index, reason);
        }
        self.is_video_settled = true;
    }

    /// Does without the streams that nobody can decode. Tells whether there is a picture among them.
    fn drop_refused(&mut self, refused: &BTreeMap<u32, String>) -> Result<bool, VideoError> {
        let mut has_lost_video = false;
        for (&index, codec) in refused {
            let is_video = self.videos.contains(&index);
            if !is_video && !self.audios.contains(&index) {
                return Err(diagnostics::unsupported(codec));
            }
            has_lost_video |= is_video;
            self.videos.retain(|&video| video != index);
            self.audios.retain(|&audio| audio != index);
            self.leave_out(index, NotUsedReason::NoDecoder);
            if self.videos.is_empty() {
                return Err(diagnostics::unsupported(codec));
            }
        }
        self.is_video_settled |= self.videos.len() == 1;
        Ok(has_lost_video)
    }

    fn leave_out(&mut self, index: u32, reason: NotUsedReason) {
        let stream = self.probe.stream(index);
        self.not_used
            .extend(stream.map(|stream| stream.not_used(reason)));
    }

    fn chosen(
        &mut self,
        video: u32,
        pictures: &[VideoFrame],
        audio: Vec<(u32, AudioFrame)>,
    ) -> Chosen {
        Chosen {
            video,
            is_intra: pictures.iter().all(|picture| picture.is_intra),
            is_still: pictures.len() == 1,
            has_captions: pictures.iter().any(|picture| picture.has_captions),
            picture: pictures[0].clone(),
            matrix: None,
            audio,
            not_used: {
                self.not_used.truncate(MOST_NOT_USED);
                std::mem::take(&mut self.not_used)
            },
        }
    }
}

/// The streams of a kind that are looked at, in the order in which a player would choose them: the default one,
/// else the first.
pub(super) fn candidates(probe: &Probe, kind: &str, not_used: &mut Vec<NotUsed>) -> Vec<u32> {
    let mut own: Vec<_> = probe.streams.iter().filter(|s| s.is(kind)).collect();
    own.sort_by_key(|stream| stream.disposition.default != 1);
    let (known, unknown): (Vec<_>, Vec<_>) = own.into_iter().partition(|s| s.has_codec());
    not_used.extend(all_not_used(&unknown, NotUsedReason::NoDecoder));
    let (first, beyond) = known.split_at(known.len().min(CANDIDATES));
    not_used.extend(all_not_used(beyond, NotUsedReason::NotChosen));
    first.iter().map(|stream| stream.index).collect()
}

fn all_not_used(streams: &[&ProbeStream], reason: NotUsedReason) -> Vec<NotUsed> {
    let streams = streams.iter().map(|stream| stream.not_used(reason));
    streams.collect()
}

impl Chosen {
    /// The video stream of which a frame has to be asked how it is turned: something in the bitstream
    /// says so, but the messages of a trial don't tell the whole of it.
    pub fn turned_by_bitstream(&self, probe: &Probe) -> Option<u32> {
        let by_container = probe.stream(self.video)?.matrix();
        (self.picture.is_turned && by_container.is_none()).then_some(self.video)
    }

    /// Takes the answer: ffprobe's frames of that stream.
    pub fn set_turn(&mut self, frames: &Probe) {
        self.matrix = frames.first_matrix();
    }

    /// What a file says of itself, where nothing of it was decoded.
    pub fn as_stated(probe: &Probe) -> Result<Self, VideoError> {
        let mut selection = Selection::new(probe)?;
        let video = selection.videos[0];
        selection.videos.truncate(1);
        let stated = probe
            .stream(video)
            .map(ProbeStream::picture)
            .unwrap_or_default();
        let audio = selection.audios.iter();
        let audio = audio.filter_map(|&index| Some((index, probe.stream(index)?.sound())));
        let audio = audio.collect();
        let stated = [stated.clone(), stated];
        Ok(selection.chosen(video, &stated, audio))
    }
}
