//! Removes what is left of tracks that were deleted.

use reelrun_core::{
    keys::Folder,
    video::{Video, track::TextTrackId},
};

use crate::{Tracks, TracksError};

impl Tracks {
    /// Removes the files of tracks that the video does not have.
    pub(crate) async fn remove_unnamed(&self, video: &Video) -> Result<(), TracksError> {
        let folder = Folder::of(video);
        let stored = self.storage.track_objects(folder).await?;
        // Only then is it asked which there are: whatever was found was stored for a track that is in the
        // record now, or that will never be in it again.
        let Some(record) = self.catalog.get(video.id).await? else {
            return Ok(());
        };
        let is_left = |(track, _): &(TextTrackId, String)| {
            // The master playlist names those that there were when it was written.
            let tracks = record.tracks.list.iter().chain(&video.tracks.list);
            tracks.map(|one| one.id).all(|id| id != *track)
        };
        let mut removed = 0;
        for (bucket, objects) in stored {
            let left = objects.into_iter().filter(is_left);
            let left: Vec<_> = left.map(|(_, key)| key).collect();
            removed += left.len();
            self.storage.remove_listed(bucket, left).await?;
        }
        if removed > 0 {
            // The CDN forgets its copies within a minute, by itself.
            tracing::info!(video.id = %video.id, objects = removed, "deleted tracks are removed");
        }
        Ok(())
    }
}
