//! Brings what is published of a video's text tracks into line with its record.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reelrun_captions::{Chapters, Cues, MAX_BYTES, SegmentGrid, Timestamp, read};
use reelrun_core::{
    keys::{Folder, StorageKey},
    lifecycle::{
        Outcome,
        timing::{TRACKS_CLAIM, WRITERS_DRAIN},
        tracks::{claim_tracks, finish_tracks, is_offered, may_be_published, release_tracks},
        visibility::movers_drained_at,
    },
    video::{
        Video, VideoId,
        track::{TextTrack, TextTrackKind, TextTrackStatus},
    },
};
use reelrun_media::{
    dash,
    file::MediaFile,
    hls,
    report::Presentation,
    tracks::{Kind, Source, TextFiles, TextTracks, Track},
};
use reelrun_platform::now;
use tokio::time::{Instant, sleep};

use crate::{Tracks, TracksError};

/// How soon it is looked again whether somebody else is done.
const BUSY_PAUSE: Duration = Duration::from_secs(2);
/// How often: then whoever sent the event does so again.
const BUSY_LOOKS: u32 = 15;
/// From then on no further track is begun. One of twelve hours takes some 20 s, and the function has 110 s.
const STORE_TIME: Duration = Duration::from_secs(30);
/// How many objects are stored at once.
const AT_ONCE: usize = 32;

impl Tracks {
    /// Publishes a video's text tracks as its record has them.
    pub(crate) async fn publish(&self, id: VideoId) -> Result<(), TracksError> {
        for _ in 0..BUSY_LOOKS {
            let Some(video) = self.catalog.get(id).await?.filter(may_be_published) else {
                return Ok(());
            };
            // A part of its run that was started twice, or whoever moved it, may still write the playlists as
            // they were.
            let encoders = video.ready_at.map(|ready_at| ready_at + WRITERS_DRAIN);
            if let Some(drained) = encoders.max(movers_drained_at(&video)) {
                sleep(drained.saturating_since(now())).await;
            }
            let until = now() + TRACKS_CLAIM;
            let claimed = match self.catalog.apply(id, &claim_tracks(now(), until)).await? {
                Outcome::Done(video) => video,
                // The answer was lost, and the claim is ours.
                Outcome::Refused(Some(video)) if video.tracks.held_until == Some(until) => video,
                Outcome::Refused(_) => {
                    sleep(BUSY_PAUSE).await;
                    continue;
                }
            };
            let list = match self.bring_into_line(&claimed).await {
                Ok(list) => list,
                Err(why) => {
                    // Where that fails as well, the claim ends by itself.
                    let released = self
                        .catalog
                        .apply(id, &release_tracks(&claimed, now()))
                        .await;
                    tracing::warn!(video.id = %id, error = %why, is_released = released.is_ok(), "text tracks are not published");
                    return Err(why);
                }
            };
            let finish = finish_tracks(&claimed, &list);
            if self.catalog.apply(id, &finish).await?.is_done() {
                tracing::info!(video.id = %id, tracks = list.len(), "text tracks are published");
                return Ok(());
            }
            // They have changed meanwhile.
            self.catalog
                .apply(id, &release_tracks(&claimed, now()))
                .await?;
        }
        Err(TracksError::Busy(id))
    }

    /// Stores what is new, names what there is, and removes what is named no more.
    async fn bring_into_line(&self, video: &Video) -> Result<Vec<TextTrack>, TracksError> {
        let mut list = video.tracks.list.clone();
        let measured = StorageKey::Presentation(video.id);
        if !self.storage.exists(&measured).await? {
            for track in list.iter_mut().filter(|one| is_offered(one)) {
                track.status = TextTrackStatus::Errored;
                track.error = Some(NOT_MEASURED.into());
            }
            self.remove_unnamed(video).await?;
            return Ok(list);
        }
        let presentation: Presentation = self.storage.get_json(&measured).await?;
        let folder = Folder::of(video);
        let begun = Instant::now();
        for track in list.iter_mut().filter(|one| is_offered(one)) {
            // The rest is done when this is told of again, as the record is still pending.
            if begun.elapsed() > STORE_TIME {
                break;
            }
            let is_new = track.status == TextTrackStatus::Preparing;
            // Of chapters, a file has the language in it.
            if !is_new && track.kind != TextTrackKind::Chapters {
                continue;
            }
            let key = StorageKey::TrackSource(video.id, track.id);
            let file = self.storage.get_head(&key, MAX_BYTES as u64 + 1).await?;
            let cues = match file.map(|file| read(&file.bytes)) {
                Some(Ok(captions)) => Ok(captions.cues),
                Some(Err(why)) => Err(why.to_string()),
                None => Err(MISSING.into()),
            };
            let stored = match cues {
                Ok(cues) => self.store(folder, &presentation, track, &cues).await?,
                Err(why) => Err(why),
            };
            match stored {
                Ok(bytes) => {
                    track.status = TextTrackStatus::Ready;
                    track.published_bytes = bytes;
                }
                Err(why) => {
                    track.status = TextTrackStatus::Errored;
                    track.error = Some(why);
                }
            }
        }
        let texts = named(&list, &presentation);
        let mut named = Vec::new();
        // DASH has no way to say that whole segments are encrypted.
        if video.encryption().is_none() {
            let manifest = dash::manifest(&presentation, &texts);
            named.push((MediaFile::Manifest, manifest));
        }
        let master = hls::master(&presentation, video.encryption(), &texts);
        named.push((MediaFile::Master, master));
        for (file, text) in named {
            self.put(folder, file, text).await?;
        }
        self.remove_unnamed(video).await?;
        Ok(list)
    }

    /// Stores a track's files. Its WebVTT file's size; or why that can't be done, for its owner.
    async fn store(
        &self,
        folder: Folder,
        presentation: &Presentation,
        track: &TextTrack,
        cues: &Cues,
    ) -> Result<Result<u64, String>, TracksError> {
        let id = track.id.to_string();
        if track.kind == TextTrackKind::Chapters {
            let chapters = Chapters::from_cues(cues, length(presentation));
            let text = chapters.to_webvtt();
            let bytes = text.len() as u64;
            let json = chapters.to_json(&track.language());
            self.put(folder, MediaFile::Chapters(id.clone()), text)
                .await?;
            self.put(folder, MediaFile::ChaptersJson(id), json).await?;
            return Ok(Ok(bytes));
        }
        let grid: SegmentGrid = hls::tracks::text_grid(presentation);
        let segments = match cues.segments(&grid) {
            Ok(segments) => segments,
            Err(why) => return Ok(Err(why.to_string())),
        };
        let files = segments.iter().map(|(name, text)| {
            let file = MediaFile::TextSegment(id.clone(), name.0);
            self.put(folder, file, text)
        });
        stream::iter(files)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let text = cues.to_webvtt();
        let bytes = text.len() as u64;
        self.put(folder, MediaFile::Text(id.clone()), text).await?;
        self.put(folder, MediaFile::TextPlaylist(id), segments.playlist())
            .await?;
        Ok(Ok(bytes))
    }

    async fn put(&self, folder: Folder, file: MediaFile, text: String) -> Result<(), TracksError> {
        let key = StorageKey::Media(folder, file);
        Ok(self.storage.put(&key, Bytes::from(text)).await?)
    }
}

const NOT_MEASURED: &str = "The video was published by an earlier release of Reelrun, which kept nothing to write its playlists from. Upload the video again, then add the track to that one.";
const MISSING: &str = "The uploaded file was deleted before it could be published. Add it again.";

fn length(presentation: &Presentation) -> Timestamp {
    let ms = presentation.leading().map(|track| {
        let ticks = u128::from(track.ticks()) * 1000;
        ticks.div_ceil(u128::from(track.timescale.max(1)))
    });
    Timestamp::from_ms(ms.unwrap_or_default().try_into().unwrap_or(u64::MAX))
}

/// What playlists and manifest name.
fn named(list: &[TextTrack], presentation: &Presentation) -> TextTracks {
    let ready = || {
        list.iter()
            .filter(|one| one.status == TextTrackStatus::Ready)
    };
    let seconds = length(presentation).ms().div_ceil(1000).max(1);
    let track = |track: &TextTrack| {
        let id = track.id.to_string();
        let files = TextFiles {
            playlist: MediaFile::TextPlaylist(id.clone()).to_string(),
            file: MediaFile::Text(id.clone()).to_string(),
            bandwidth_bps: (track.published_bytes * 8).div_ceil(seconds),
            id,
        };
        let kind = match track.kind {
            TextTrackKind::Subtitles => Kind::Subtitles(files),
            TextTrackKind::Captions => Kind::Captions(files),
            TextTrackKind::Chapters => return None,
        };
        Some(Track {
            kind,
            language: track.language(),
            name: track.name.clone(),
            is_default: track.is_default,
            is_forced: track.is_forced,
            source: if track.embedded.is_some() {
                Source::Embedded
            } else {
                Source::Uploaded
            },
        })
    };
    let chapters = || ready().filter(|one| one.kind == TextTrackKind::Chapters);
    let shown = chapters().find(|one| one.is_default).or(chapters().next());
    TextTracks {
        tracks: ready().filter_map(track).collect(),
        chapters: shown.map(|one| MediaFile::ChaptersJson(one.id.to_string())),
    }
}
