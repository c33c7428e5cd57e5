//! `POST /videos/{id}/tracks`: the permission to upload the file of a text track.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::StatusCode;
use reelrun_core::{
    keys::StorageKey,
    lifecycle::tracks::{self, MAX_TRACKS, TooManyTracks},
    upload::track::TrackBody,
    video::{
        Video, VideoId,
        track::{TextTrack, TextTrackId},
    },
    view::{self, Access},
};
use reelrun_platform::{
    catalog::Decision,
    http::{JsonBody, video_id},
    now,
    problem::{Problem, ProblemKind},
    problems,
};
use uuid::Uuid;

use crate::{
    Presign,
    answer::{GrantedTrack, TrackUpload, UploadMethod},
    permission::refused,
};

problems! {
    CreateTrackProblems: MalformedRequest, Unauthorized, NotFound, Conflict, UploadTooLarge,
        RequestTooLarge, InvalidField, Internal;
}

/// Add subtitles, captions or chapters
///
/// At any time: before the video is ready, or long after. The answer has a signed URL for the file, which
/// is WebVTT or SubRip in any usual encoding. If it can't be read, the track's `error` says why. A
/// track is published once file and video are there, without another encode; players see it within a
/// minute.
#[utoipa::path(
    post,
    path = "/videos/{id}/tracks",
    operation_id = "createTrack",
    tag = "tracks",
    params(("id" = VideoId, Path, description = "The video.")),
    request_body = TrackBody,
    responses(
        (status = 201, description = "The track, and how to send its file.", body = GrantedTrack),
        CreateTrackProblems,
    ),
    security(("api_token" = []))
)]
pub(crate) async fn create_track(
    State(presign): State<Arc<Presign>>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let id = video_id(id)?;
    let track_id = TextTrackId::new(Uuid::now_v7()).map_err(|why| Problem::internal(&why))?;
    let track = TrackBody::parse(&body, track_id).map_err(refused)?;
    let video = presign.add_track(id, &track).await?;
    tracing::info!(video.id = %id, track.id = %track.id, ?track.kind, "track added");
    let signed = presign
        .signer
        .sign_track(id, &track, presign.url_expiry)
        .await;
    let signed = signed.map_err(|why| Problem::internal(&why))?;
    // It has no address yet, for which one needs access.
    let granted = GrantedTrack {
        track: view::track(&video, &track, "", &Access::of_owner()),
        upload: TrackUpload {
            method: UploadMethod::Put,
            url: signed.url,
            headers: signed.headers.into_iter().collect(),
            expires_at: (now() + presign.url_expiry).to_string(),
            key: StorageKey::TrackSource(id, track.id).to_string(),
        },
    };
    Ok((StatusCode::CREATED, axum::Json(granted)).into_response())
}

impl Presign {
    async fn add_track(&self, id: VideoId, track: &TextTrack) -> Result<Video, Problem> {
        let added = self.catalog.change(id, |video| {
            // Of an answer that was lost, the change is there.
            if video.tracks.list.iter().any(|one| one.id == track.id) {
                return Ok(Decision::Keep);
            }
            let list = tracks::added(&video.tracks, track.clone());
            let list = list.map_err(|TooManyTracks| {
                let detail = format!(
                    "The video has {MAX_TRACKS} tracks, and can't have more. Delete one first."
                );
                Problem::new(ProblemKind::Conflict, detail)
            })?;
            Ok(Decision::Apply(tracks::change_tracks(video, &list)))
        });
        added.await.map_err(|why| Problem::unchanged(id, why))
    }
}
