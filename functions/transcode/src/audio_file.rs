//! Stores the main audio track as a single file as well, made of its segments as they are stored.
//!
//! It is done before the video is ready, so that whoever is told of that finds the file: it is what a
//! speech recogniser is told to read. Nothing is encoded, and a few segments are held at a time.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use reelrun_core::keys::StorageKey;
use reelrun_media::{
    audio_file::{AudioFile, fits},
    file::MediaFile,
    report::Presentation,
    segmenter::SegmenterError,
};
use reelrun_platform::storage::{PartsUpload, Storage};
use tokio::time::Instant;

use crate::{error::StepError, upload::Destination};

/// Segments that are read at once. Each has some 100 KB.
const READS: usize = 64;

/// The size of a part: the least that a store takes. The first is held until all others are stored.
const PART_BYTES: usize = 5 << 20;

type Segments = BoxStream<'static, Result<Bytes, StepError>>;

/// Stores the file, and tells whether there is one. There is none without sound; and none beside encrypted
/// segments, which would be worth nothing if the same could be had in the clear.
pub(crate) async fn store_audio_file(
    storage: &Storage,
    to: &Destination,
    presentation: &Presentation,
) -> Result<bool, StepError> {
    let main = presentation.audio.first().filter(|track| fits(track));
    let Some(main) = main.filter(|_| to.key.is_none()) else {
        return Ok(false);
    };
    let init = MediaFile::Init(main.track.clone());
    let segments = (1..).zip(&main.segments);
    let segments = segments.map(|(number, _)| MediaFile::Segment(main.track.clone(), number));
    let reads = std::iter::once(init).chain(segments).map(|file| {
        let (storage, key) = (storage.clone(), StorageKey::Media(to.folder, file));
        async move { Ok::<_, StepError>(storage.get(&key).await?) }
    });
    // Boxed, as what is to be sent between threads may not depend on how long it lives.
    let segments = stream::iter(reads.collect::<Vec<_>>())
        .buffered(READS)
        .boxed();
    let key = StorageKey::Media(to.folder, MediaFile::Audio);
    let begun = Instant::now();
    join(storage, &key, segments).await?;
    let elapsed_ms = begun.elapsed().as_millis();
    tracing::info!(%key, segments = main.segments.len(), elapsed_ms, "the audio file is stored");
    Ok(true)
}

async fn join(storage: &Storage, key: &StorageKey, segments: Segments) -> Result<(), StepError> {
    let mut upload = None;
    let stored = store(storage, key, &mut upload, segments).await;
    match (upload, &stored) {
        (Some(upload), Ok(())) => upload.complete().await?,
        (Some(upload), Err(_)) => {
            if let Err(why) = upload.give_up().await {
                tracing::warn!(%key, error = %why, "parts of an audio file are left for a day");
            }
        }
        (None, _) => {}
    }
    stored
}

/// Stores what is larger than one part in an upload that is begun for it.
async fn store(
    storage: &Storage,
    key: &StorageKey,
    upload: &mut Option<PartsUpload>,
    mut segments: Segments,
) -> Result<(), StepError> {
    let mut file = AudioFile::default();
    // What the file begins with is known last.
    let mut number = 2;
    let (mut first, mut part) = (BytesMut::new(), BytesMut::new());
    while let Some(segment) = segments.try_next().await? {
        for frames in file.push(&segment).map_err(unreadable)? {
            if first.len() < PART_BYTES {
                first.extend_from_slice(&frames);
            } else {
                part.extend_from_slice(&frames);
            }
        }
        if part.len() >= PART_BYTES {
            let parts = begun(storage, key, upload).await?;
            parts.store(number, part.split().freeze()).await?;
            number += 1;
        }
    }
    let mut bytes = BytesMut::from(file.finish().map_err(unreadable)?);
    bytes.unsplit(first);
    if upload.is_none() && part.is_empty() {
        return Ok(storage.put(key, bytes.freeze()).await?);
    }
    let parts = begun(storage, key, upload).await?;
    if !part.is_empty() {
        parts.store(number, part.freeze()).await?;
    }
    Ok(parts.store(1, bytes.freeze()).await?)
}

async fn begun<'a>(
    storage: &Storage,
    key: &StorageKey,
    upload: &'a mut Option<PartsUpload>,
) -> Result<&'a mut PartsUpload, StepError> {
    Ok(match upload {
        Some(upload) => upload,
        None => upload.insert(storage.begin_parts(key.clone()).await?),
    })
}

/// We have stored them.
fn unreadable(why: SegmenterError) -> StepError {
    StepError::Internal(format!("a stored audio segment can't be joined: {why}"))
}
