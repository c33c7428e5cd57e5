//! Has the tracks read that are in a video's own file.

use reelrun_core::{
    event,
    lifecycle::tracks::{asked_for, change_tracks},
    video::{Video, VideoId, track::TextTrack},
};
use reelrun_platform::catalog::{Decision, Unchanged};

use crate::{Tracks, TracksError};

impl Tracks {
    /// Asks the transcode function to read them, once. If it is asked twice, because the answer was lost, what
    /// it stores is the same.
    pub(crate) async fn ask_for_embedded(&self, id: VideoId) -> Result<(), TracksError> {
        let has_some = |video: &Video| {
            let tracks = &video.tracks.list;
            tracks.iter().any(TextTrack::is_to_be_extracted)
        };
        if !self
            .catalog
            .get(id)
            .await?
            .is_some_and(|video| has_some(&video))
        {
            return Ok(());
        }
        self.transcode.send(&event::embedded_tracks(id)).await?;
        let noted = self.catalog.change(id, |video| {
            if !has_some(video) {
                return Ok(Decision::Keep);
            }
            let list = asked_for(&video.tracks.list);
            Ok::<_, std::convert::Infallible>(Decision::Apply(change_tracks(video, &list)))
        });
        match noted.await {
            Ok(_) | Err(Unchanged::Missing) => Ok(()),
            Err(Unchanged::Refused(never)) => match never {},
            Err(Unchanged::Busy) => Err(TracksError::Busy(id)),
            Err(Unchanged::Catalog(why)) => Err(why.into()),
        }
    }
}
