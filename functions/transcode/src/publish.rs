//! Writes the playlists over segments that are already stored.
//!
//! The order is the promise: media playlists first, then the manifest, the master playlist last.
//! Whoever can read a master playlist finds everything that it names.

use bytes::Bytes;
use reelrun_core::{
    keys::{Folder, StorageKey},
    video::{Published, PublishedRendition},
};
use reelrun_media::file::MediaFile;
use reelrun_media::{
    dash, hls,
    plan::{Plan, storyboard},
    report::{Presentation, TrackKind},
    stitch::Stitched,
};
use reelrun_platform::storage::Storage;

use crate::{
    error::StepError,
    upload::{Slots, Uploads},
};

/// Publishes a video and gives what the catalog tells of it.
pub async fn publish(
    storage: &Storage,
    folder: Folder,
    plan: &Plan,
    stitched: &Stitched,
) -> Result<Published, StepError> {
    let presentation = &stitched.presentation;
    let mut playlists = Uploads::new(storage.clone(), folder, Slots::new());
    for track in presentation.tracks() {
        let media = hls::media(presentation, track);
        playlists
            .store(MediaFile::Playlist(track.track.clone()), Bytes::from(media))
            .await?;
        if matches!(track.kind, TrackKind::Video { .. }) {
            let i_frames = hls::i_frames(presentation, track);
            playlists
                .store(
                    MediaFile::IFrames(track.track.clone()),
                    Bytes::from(i_frames),
                )
                .await?;
        }
    }
    if let Some(storyboard) = stitched.storyboard {
        let text = storyboard::webvtt(plan, storyboard, stitched.frames);
        playlists
            .store(MediaFile::Storyboard, Bytes::from(text))
            .await?;
    }
    playlists.finish().await?;
    for (file, text) in [
        (MediaFile::Manifest, dash::manifest(presentation)),
        (MediaFile::Master, hls::master(presentation)),
    ] {
        storage
            .put(&StorageKey::Media(folder, file), Bytes::from(text))
            .await?;
    }
    Ok(Published {
        renditions: renditions(presentation),
        has_poster: stitched.has_poster,
        has_storyboard: stitched.storyboard.is_some(),
    })
}

fn renditions(presentation: &Presentation) -> Vec<PublishedRendition> {
    hls::variants(presentation)
        .into_iter()
        .filter_map(|variant| match variant.video.kind {
            TrackKind::Video {
                width,
                height,
                frame_rate,
            } => Some(PublishedRendition {
                name: variant.video.track.name().into(),
                width,
                height,
                frame_rate: (frame_rate.as_f64() * 1000.0).round() / 1000.0,
                codecs: variant.codecs,
                bandwidth_bps: variant.bandwidth_bps,
                average_bandwidth_bps: variant.average_bandwidth_bps,
            }),
            TrackKind::Audio { .. } => None,
        })
        .collect()
}
