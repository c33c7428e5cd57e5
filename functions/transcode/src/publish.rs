//! Writes the playlists over segments that are already stored.
//!
//! The order is the promise: media playlists first, then the manifest, the master playlist last.
//! Whoever can read a master playlist finds everything that it names.

use bytes::Bytes;
use reelrun_core::{
    keys::StorageKey,
    video::{Published, PublishedAudio, PublishedRendition},
};
use reelrun_media::file::MediaFile;
use reelrun_media::{
    dash,
    encryption::SegmentKey,
    hls,
    plan::{Plan, storyboard},
    report::{Presentation, TrackKind},
    stitch::Stitched,
    tracks::{self, TextTracks},
};
use reelrun_platform::storage::Storage;

use crate::{
    error::StepError,
    upload::{Destination, Slots, Uploads},
};

/// Publishes a video and gives what the catalog tells of it.
pub async fn publish(
    storage: &Storage,
    to: &Destination,
    plan: &Plan,
    stitched: &Stitched,
    has_audio_file: bool,
) -> Result<Published, StepError> {
    let encryption = to.key.as_ref().map(SegmentKey::encryption);
    let presentation = &stitched.presentation;
    let mut playlists = Uploads::new(storage.clone(), to.clone(), Slots::new());
    for track in presentation.tracks() {
        let media = hls::media(presentation, track, encryption);
        playlists
            .store(MediaFile::Playlist(track.track.clone()), Bytes::from(media))
            .await?;
        if encryption.is_none() && matches!(track.kind, TrackKind::Video { .. }) {
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
    // Whoever adds text tracks writes the playlists anew, from this.
    let measured = StorageKey::Presentation(to.folder.video);
    storage.put_json(&measured, presentation).await?;
    let texts = TextTracks::default();
    // DASH has no way to say that whole segments are encrypted.
    let manifest = encryption
        .is_none()
        .then(|| (MediaFile::Manifest, dash::manifest(presentation, &texts)));
    let master = (
        MediaFile::Master,
        hls::master(presentation, encryption, &texts),
    );
    for (file, text) in manifest.into_iter().chain([master]) {
        storage
            .put(&StorageKey::Media(to.folder, file), Bytes::from(text))
            .await?;
    }
    Ok(Published {
        renditions: renditions(presentation),
        audio: audio(presentation),
        has_poster: stitched.has_poster,
        has_storyboard: stitched.storyboard.is_some(),
        has_audio_file,
    })
}

fn audio(presentation: &Presentation) -> Vec<PublishedAudio> {
    let sounds = tracks::audio_tracks(presentation);
    let declared = tracks::declare(&sounds).into_iter();
    let published = declared.filter_map(|sound| {
        Some(PublishedAudio {
            language: sound.track.language.to_string(),
            purpose: sound.track.purpose()?,
            default: sound.is_default,
            name: sound.name,
        })
    });
    published.collect()
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
