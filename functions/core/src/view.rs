//! A video as the API and notifications show it.

use serde_json::{Value, json};

use crate::{
    keys::{MediaFile, StorageKey},
    playback::original_plays_in_browsers,
    video::{Status, Video, rfc3339},
};

/// The JSON of one video. `public_url` is the CDN's base URL.
pub fn video(video: &Video, public_url: &str) -> Value {
    json!({
        "id": video.id,
        "status": video.status,
        "progress": video.progress,
        "title": video.title,
        "filename": video.filename,
        "metadata": video.metadata,
        "created_at": rfc3339(video.id.created_at()),
        "ready_at": video.ready_at,
        "source": video.source,
        "renditions": video.renditions,
        "playback": playback(video, public_url),
        "error": video.error,
    })
}

/// What to play: HLS once it is ready, until then the original where a browser can play it.
fn playback(video: &Video, public_url: &str) -> Value {
    let url = |key: StorageKey| format!("{public_url}/{key}");
    let media = |file| url(StorageKey::Media(video.id, file));
    let arrived = matches!(video.status, Status::Preparing | Status::Ready);
    let original =
        (arrived && original_plays_in_browsers(video)).then(|| url(StorageKey::Source(video.id)));
    let ready = video.status == Status::Ready;
    let hls = ready.then(|| media(MediaFile::Master));
    let kind = match (&hls, &original) {
        (Some(_), _) => Some("hls"),
        (None, Some(_)) => Some("original"),
        (None, None) => None,
    };
    json!({
        "type": kind,
        "url": hls.as_ref().or(original.as_ref()),
        "hls": hls,
        "dash": ready.then(|| media(MediaFile::Manifest)),
        "original": original,
        "poster": (ready && video.has_poster).then(|| media(MediaFile::Poster)),
        "storyboard": (ready && video.has_storyboard).then(|| media(MediaFile::Storyboard)),
    })
}
