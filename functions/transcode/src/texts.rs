//! Subtitles, captions and chapters that are in a video's own file.
//!
//! Once a source is examined, its record is told of them. Chapters are known by then; subtitles are spread over
//! the whole file. Nobody waits for them to see the picture: when the video is ready, the tracks function asks
//! for them. Both are stored as WebVTT where uploaded files go, and are published as those are.

use std::{io::PipeReader, os::fd::OwnedFd};

use bytes::Bytes;
use futures_util::future;
use reelrun_captions::MAX_BYTES;
use reelrun_core::{
    keys::{Folder, StorageKey},
    lifecycle::{
        Lease,
        tracks::{change_tracks, note_arrival, note_embedded, with_embedded},
    },
    video::{
        VideoId,
        track::{TextTrack, TextTrackId, TextTrackKind},
    },
};
use reelrun_media::{
    command::{self, FIRST_FD},
    diagnostics::{Stage, is_network_trouble, was_interrupted},
    resource_limits::ResourceLimits,
    source::SourceTexts,
};
use reelrun_platform::catalog::{Decision, Unchanged};
use tokio::{io::AsyncReadExt as _, net::unix::pipe, time::Instant};
use uuid::Uuid;

use crate::{error::StepError, invocation::Invocation, process, transcoder::Transcoder};

/// What is read from a pipe at once.
const READ_BYTES: usize = 64 * 1024;

/// What was read of a track; or why it can't be shown.
type Text = Result<Bytes, String>;

impl Transcoder {
    /// Tells the record which text is in the source, and stores the chapters.
    pub(crate) async fn note_texts(
        &self,
        lease: &Lease,
        texts: &SourceTexts,
        start_us: i64,
    ) -> Result<(), StepError> {
        let id = lease.video;
        let streams = texts
            .streams
            .iter()
            .map(|stream| Ok(TextTrack::in_stream(new_id()?, stream, start_us)));
        let chapters = texts.chapters.iter();
        let chapters = chapters.map(|_| Ok(TextTrack::chapters(new_id()?, start_us)));
        let found = streams
            .chain(chapters)
            .collect::<Result<Vec<_>, StepError>>()?;
        if found.is_empty() {
            return Ok(());
        }
        let noted = self.catalog.change(id, |video| {
            if !video.is_held_by(&lease.holder) {
                return Err(StepError::LeaseLost);
            }
            let list = with_embedded(&video.tracks, found.clone());
            Ok(if list == video.tracks.list {
                Decision::Keep
            } else {
                Decision::Apply(note_embedded(lease, video, &list))
            })
        });
        let video = noted.await?;
        let own = video.tracks.list.into_iter();
        let mut own = own.filter(|one| one.embedded.is_some());
        let own = own.find(|one| one.kind == TextTrackKind::Chapters);
        if let Some((track, text)) = own.zip(texts.chapters.clone()) {
            let key = StorageKey::TrackSource(id, track.id);
            self.storage.put(&key, Bytes::from(text)).await?;
        }
        Ok(())
    }

    /// Reads the subtitles that are in a video's file, and stores each as a file of its own.
    pub async fn extract_texts(
        &self,
        id: VideoId,
        invocation: &Invocation,
    ) -> Result<(), StepError> {
        let Some(video) = self.catalog.get(id).await? else {
            return Ok(());
        };
        let tracks = video.tracks.list.iter();
        let wanted = tracks.filter_map(|one| Some((one.id, one.stream_to_extract()?)));
        let (wanted, streams): (Vec<_>, Vec<_>) = wanted.unzip();
        // All begin with the video.
        let Some(embedded) = video.tracks.list.iter().find_map(|one| one.embedded) else {
            return Ok(());
        };
        if wanted.is_empty() {
            return Ok(());
        }
        let folder = Folder::of(&video);
        let begun = Instant::now();
        let read = tokio::select! {
            read = self.read_texts(folder, &streams, embedded.clock_start_us, video.size_bytes) => read,
            late = invocation.is_over_for(begun) => Err(late),
        };
        let read = match self.blame(folder, read).await {
            // What is taken away while it is read just ends early.
            Ok(_) | Err(StepError::InvalidMedia(_)) if self.has_moved(id, folder).await? => {
                return Err(StepError::Transient("the source is being moved".into()));
            }
            Err(StepError::InvalidMedia(why) | StepError::Crashed(why)) => {
                tracing::warn!(video.id = %id, error.detail = why.detail, "its subtitles can't be read");
                wanted.iter().map(|_| Err(UNREADABLE.into())).collect()
            }
            read => read?,
        };
        let texts: Vec<_> = wanted.iter().zip(read).collect();
        for (track, text) in &texts {
            if let Ok(text) = text {
                let key = StorageKey::TrackSource(id, **track);
                self.storage.put(&key, text.clone()).await?;
            }
        }
        // All of them by one change: of many at the same time, each would be in the way of the others.
        let recorded = self.catalog.change(id, |video| {
            let mut list = video.tracks.list.clone();
            for (track, text) in &texts {
                let is_it =
                    |one: &TextTrack| one.id == **track && one.stream_to_extract().is_some();
                if let Some(at) = list.iter().position(is_it) {
                    note_arrival(&mut list, at, text.as_ref().err().map(String::as_str));
                }
            }
            Ok::<_, StepError>(Decision::Apply(change_tracks(video, &list)))
        });
        match recorded.await {
            // What was stored for a video that is gone is removed as it arrives.
            Ok(_) | Err(Unchanged::Missing) => {}
            Err(why) => return Err(why.into()),
        }
        let elapsed_ms = begun.elapsed().as_millis();
        tracing::info!(video.id = %id, tracks = wanted.len(), elapsed_ms, "its subtitles are read");
        Ok(())
    }

    async fn has_moved(&self, id: VideoId, from: Folder) -> Result<bool, StepError> {
        let video = self.catalog.get(id).await?;
        Ok(video.is_some_and(|video| video.moving_to.is_some() || Folder::of(&video) != from))
    }

    /// The text of each, or why there is none.
    async fn read_texts(
        &self,
        folder: Folder,
        streams: &[u32],
        clock_start_us: i64,
        size_bytes: u64,
    ) -> Result<Vec<Text>, StepError> {
        let head = self.sniff(folder).await?;
        let url = self.sign_source(folder).await?;
        // Containers that list no streams have no text that is taken over.
        let source = self.source_at(&url, head.container, false);
        let args = command::texts(source, streams, clock_start_us);
        let limits = ResourceLimits::texts(self.programs.memory_mb, size_bytes);
        let ffmpeg = &self.programs.ffmpeg;
        let (running, readers) =
            process::start(ffmpeg, &args, None, FIRST_FD, streams.len(), limits)?;
        let activity = running.activity().clone();
        let reads = readers
            .into_iter()
            .map(|pipe| read_text(pipe, || activity.beat()));
        let texts = future::try_join_all(reads).await?;
        let ended = running.end().await?;
        if was_interrupted(&ended.stderr) || is_network_trouble(&ended.stderr) {
            return Err(StepError::unread(&ended.stderr));
        }
        if !ended.status.success() {
            return Err(ended.blame(Stage::Encoding));
        }
        Ok(texts)
    }
}

const UNREADABLE: &str =
    "The video's file has this track, but it can't be read. Add its text as a file of its own.";
const NO_TEXT: &str = "The video's file names this track, but there is no text in it.";
const TOO_LARGE: &str =
    "This track of the video's file has more than 10 MB of text, which is the most that is read.";

fn new_id() -> Result<TextTrackId, StepError> {
    TextTrackId::new(Uuid::now_v7()).map_err(|why| StepError::Internal(why.to_string()))
}

/// Reads a pipe to its end, and keeps what a track may have. Tells each time that something came.
async fn read_text(pipe: PipeReader, beat: impl Fn()) -> Result<Text, StepError> {
    let lost = |why: std::io::Error| StepError::Internal(format!("a pipe is lost: {why}"));
    let mut pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(pipe)).map_err(lost)?;
    let mut kept = Vec::new();
    let mut is_too_large = false;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = pipe.read(&mut buffer).await.map_err(lost)?;
        beat();
        if count == 0 {
            break;
        }
        is_too_large |= kept.len() + count > MAX_BYTES;
        if !is_too_large {
            kept.extend_from_slice(&buffer[..count]);
        }
    }
    let has_text = kept.windows(3).any(|three| three == b"-->");
    Ok(match reelrun_captions::read(&kept) {
        _ if is_too_large => Err(TOO_LARGE.into()),
        _ if !has_text => Err(NO_TEXT.into()),
        Ok(_) => Ok(Bytes::from(kept)),
        Err(why) => Err(why.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    async fn read(bytes: Vec<u8>) -> Text {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
        let text = read_text(reader, || ()).await.unwrap();
        writing.join().unwrap();
        text
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_no_text_says_why() {
        let cue = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n";
        assert_eq!(read(cue.into()).await.unwrap(), &cue[..]);
        assert_eq!(read(b"WEBVTT\n\n".into()).await.unwrap_err(), NO_TEXT);
        let long = cue.repeat(MAX_BYTES / cue.len() + 1);
        assert_eq!(read(long).await.unwrap_err(), TOO_LARGE);
        let blank = b"WEBVTT\n\n00:01.000 --> 00:02.000\n \n".into();
        assert!(read(blank).await.unwrap_err().contains("has no text"));
    }
}
