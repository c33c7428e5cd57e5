//! Shows viewers what is encoded so far of a video that their browsers can't play as it was uploaded.
//!
//! Segments are stored in any order, and by many functions. Whoever stores some looks how many there are
//! without a gap from the first one on, and names those in a playlist. Two functions that do so at once may
//! write the shorter list last; the next one puts that right. Nothing of this is worth an encode: what fails
//! is logged, and the video is ready a little later all the same.

use std::time::Duration;

use bytes::Bytes;
use reelrun_core::{
    keys::{Folder, StorageKey},
    lifecycle::{self, Lease},
    playback::needs_partial,
    video::Video,
};
use reelrun_media::{
    file::{MediaFile, TrackId},
    hls::partial::{master, media, whole},
    ladder::Rendition,
    plan::{Part, Plan},
    report::Presentation,
};
use reelrun_platform::{catalog::Catalog, storage::Storage};
use tokio::{sync::watch, time};

use crate::error::StepError;

/// How long what was stored is left to gather before it is named.
const PAUSE: Duration = Duration::from_secs(2);

/// How long it may take to name it: a function that is done with its part waits for that.
const LONGEST: Duration = Duration::from_secs(3);

/// What a part has stored of the tracks that are shown.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Segments, of picture and sound.
    pub segments: u32,
    /// The picture's codecs.
    pub codecs: Option<String>,
}

/// Shows what is encoded so far of one video.
#[derive(Debug, Clone)]
pub struct Partial<'a> {
    storage: &'a Storage,
    catalog: &'a Catalog,
    folder: Folder,
    lease: Lease,
    is_announced: bool,
}

/// What one part names.
struct Naming<'a, 'p> {
    partial: Partial<'p>,
    plan: &'a Plan,
    part: Part,
    rendition: &'a Rendition,
    /// The segments of the picture, and of the sound, that were found so far.
    video: u32,
    audio: u32,
}

/// Returns once nothing more will be stored.
async fn ended(mut stored: watch::Receiver<Stored>) {
    while stored.changed().await.is_ok() {}
}

impl<'a> Partial<'a> {
    /// None if there is a better thing to show.
    pub fn of(
        video: &Video,
        lease: &Lease,
        storage: &'a Storage,
        catalog: &'a Catalog,
    ) -> Option<Self> {
        needs_partial(video).then(|| Self {
            storage,
            catalog,
            folder: Folder::of(video),
            lease: lease.clone(),
            is_announced: video.has_partial,
        })
    }

    /// Whether this track is shown.
    pub fn shows(plan: &Plan, track: &TrackId) -> bool {
        let rendition = plan.partial_rendition();
        let main = plan.audio().first();
        rendition.is_some_and(|one| plan.video_track(one) == *track)
            || main.is_some_and(|one| plan.audio_track(one) == *track)
    }

    /// Names what this part stores until it is done.
    pub async fn follow(self, plan: &Plan, part: Part, mut stored: watch::Receiver<Stored>) {
        let Some(rendition) = plan.partial_rendition() else {
            return;
        };
        let mut naming = Naming {
            partial: self,
            plan,
            part,
            rendition,
            video: 0,
            audio: 0,
        };
        while stored.changed().await.is_ok() {
            let seen = stored.borrow_and_update().clone();
            naming.try_to_name(&seen).await;
            tokio::select! {
                () = time::sleep(PAUSE) => {}
                () = ended(stored.clone()) => break,
            }
        }
        // Of a video that is encoded as a whole, the real playlists come next.
        if plan.chunks() > 1 {
            let seen = stored.borrow().clone();
            naming.try_to_name(&seen).await;
        }
    }

    async fn put(&self, file: MediaFile, text: String) -> Result<(), StepError> {
        let key = StorageKey::Media(self.folder, file);
        Ok(self.storage.put(&key, Bytes::from(text)).await?)
    }

    /// Brings the playlists to their end, for those who still watch them.
    pub async fn end(&self, plan: &Plan, presentation: &Presentation) {
        if self.is_announced
            && let Err(why) = self.write_whole(plan, presentation).await
        {
            tracing::warn!(video.id = %self.lease.video, error = %why, "what was shown so far has no end");
        }
    }

    async fn write_whole(&self, plan: &Plan, presentation: &Presentation) -> Result<(), StepError> {
        let rendition = plan.partial_rendition();
        let codecs = rendition.and_then(|one| {
            let of = plan.video_track(one);
            let mut tracks = presentation.tracks();
            Some((one, &tracks.find(|track| track.track == of)?.codecs))
        });
        if let Some((rendition, codecs)) = codecs {
            let text = master(plan, rendition, codecs);
            self.put(MediaFile::PartialMaster, text).await?;
        }
        for track in presentation.tracks() {
            if Self::shows(plan, &track.track) {
                let text = whole(presentation, track);
                self.put(MediaFile::PartialPlaylist(track.track.clone()), text)
                    .await?;
            }
        }
        Ok(())
    }
}

impl Naming<'_, '_> {
    async fn try_to_name(&mut self, seen: &Stored) {
        if seen.segments == 0 {
            return;
        }
        let part = self.part;
        match time::timeout(LONGEST, self.name(seen)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                tracing::warn!(%part, error = %why, "what is encoded so far is not shown");
            }
            Err(_) => tracing::warn!(%part, "what is encoded so far is not shown in time"),
        }
    }

    async fn name(&mut self, seen: &Stored) -> Result<(), StepError> {
        let main = self.plan.audio().first();
        let is_along = main.is_some() && self.plan.audio_of(self.part) == main;
        if is_along && let Some(main) = main {
            let track = self.plan.audio_track(main);
            self.audio = self.extend(&track, self.audio).await?;
        }
        if self.part.is_audio() {
            return Ok(());
        }
        let track = self.plan.video_track(self.rendition);
        self.video = self.extend(&track, self.video).await?;
        if self.partial.is_announced || self.video == 0 {
            return Ok(());
        }
        let is_heard = match main {
            Some(_) if is_along => self.audio > 0,
            Some(main) => self.count(&self.plan.audio_track(main), 0).await? > 0,
            None => true,
        };
        match &seen.codecs {
            Some(codecs) if is_heard => self.announce(codecs).await,
            _ => Ok(()),
        }
    }

    /// From here on, viewers are shown what there is.
    async fn announce(&mut self, codecs: &str) -> Result<(), StepError> {
        let Partial { catalog, lease, .. } = &self.partial;
        // An earlier attempt that does not know yet that it is over must not speak for this one.
        catalog.check_lease(lease).await?;
        let text = master(self.plan, self.rendition, codecs);
        self.partial.put(MediaFile::PartialMaster, text).await?;
        let shown = lifecycle::show_partial(lease);
        catalog.apply_held(lease, &shown).await?;
        tracing::info!(video.id = %lease.video, segments = self.video, "what is encoded so far is shown");
        self.partial.is_announced = true;
        Ok(())
    }

    /// Names a track's segments if there are more than were named, and they reach to what this part
    /// stores: of others, others know sooner.
    async fn extend(&self, track: &TrackId, named: u32) -> Result<u32, StepError> {
        let count = self.count(track, named).await?;
        let first = self
            .plan
            .span(self.part)
            .map_or(0, |span| span.first_segment);
        if count > named && u64::from(count) > first {
            let text = media(self.plan, track, count);
            let file = MediaFile::PartialPlaylist(track.clone());
            self.partial.put(file, text).await?;
        }
        Ok(count)
    }

    /// How many segments of a track are stored without a gap, of which so many are known.
    async fn count(&self, track: &TrackId, known: u32) -> Result<u32, StepError> {
        let key = |number| {
            let file = MediaFile::Segment(track.clone(), number);
            StorageKey::Media(self.partial.folder, file)
        };
        let stored = self.partial.storage.keys_after(&key(known)).await?;
        let expected = (known + 1..).map(|number| key(number).to_string());
        let more = stored.iter().zip(expected);
        let more = more
            .take_while(|(stored, expected)| *stored == expected)
            .count();
        let count = known.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        Ok(count.min(self.plan.partial_segments()).max(known))
    }
}
