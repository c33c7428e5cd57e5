//! A track's file has arrived.

use reelrun_captions::{MAX_BYTES, read};
use reelrun_core::{
    keys::StorageKey,
    lifecycle::tracks,
    video::{
        VideoId,
        track::{TextTrackId, TextTrackStatus},
    },
};

use reelrun_platform::catalog::{Decision, Unchanged};

use crate::{Tracks, TracksError};

impl Tracks {
    /// Reads the file of a track and records whether it can be shown.
    pub(crate) async fn receive(
        &self,
        video: VideoId,
        track: TextTrackId,
    ) -> Result<(), TracksError> {
        let key = StorageKey::TrackSource(video, track);
        let Some(file) = self.storage.get_head(&key, MAX_BYTES as u64 + 1).await? else {
            return Ok(());
        };
        let error = read(&file.bytes).err().map(|why| why.to_string());
        let received = self.catalog.change(video, |record| {
            let mut list = record.tracks.list.clone();
            let at = list.iter().position(|one| one.id == track);
            let at = at.ok_or(Deleted)?;
            // Whoever reads it from the video's file says so for all that are there.
            let is_embedded = list[at].stream_to_extract().is_some();
            if is_embedded || list[at].status != TextTrackStatus::Waiting {
                return Ok(Decision::Keep);
            }
            tracks::note_arrival(&mut list, at, error.as_deref());
            Ok(Decision::Apply(tracks::change_tracks(record, &list)))
        });
        match received.await {
            Ok(_) => {
                tracing::info!(video.id = %video, track.id = %track, is_readable = error.is_none(), "a track's file was read");
                Ok(())
            }
            // It was deleted before its file arrived.
            Err(Unchanged::Missing | Unchanged::Refused(Deleted)) => {
                Ok(self.storage.remove(&key).await?)
            }
            Err(Unchanged::Busy) => Err(TracksError::Busy(video)),
            Err(Unchanged::Catalog(why)) => Err(why.into()),
        }
    }
}

/// There is no such track.
struct Deleted;
