//! `PATCH` and `DELETE /videos/{id}/tracks/{track}`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::StatusCode;
use reelrun_core::{
    lifecycle::tracks,
    upload::{Refused, track::TrackChange},
    video::{
        Video, VideoId,
        track::{TextTrack, TextTrackId},
    },
    view::{self, TrackView},
};
use reelrun_platform::{
    catalog::Decision,
    http::JsonBody,
    problem::{Problem, ProblemKind},
    problems,
};

use crate::Lookup;

problems! {
    ChangeTrackProblems: MalformedRequest, Unauthorized, NotFound, Conflict, RequestTooLarge, InvalidField,
        Internal;
    DeleteTrackProblems: MalformedRequest, Unauthorized, NotFound, Conflict, Internal;
}

/// Change a track's language, its name, and when it is shown
///
/// What is absent stays as it is. Players see the change within a minute. Another file is another track.
#[utoipa::path(
    patch,
    path = "/videos/{id}/tracks/{track}",
    operation_id = "changeTrack",
    tag = "tracks",
    params(
        ("id" = VideoId, Path, description = "The video."),
        ("track" = TextTrackId, Path, description = "The track."),
    ),
    request_body = TrackChange,
    responses(
        (status = 200, description = "The track as it is now.", body = TrackView),
        ChangeTrackProblems,
    ),
    security(("api_token" = []))
)]
pub(crate) async fn change_track(
    State(lookup): State<Arc<Lookup>>,
    path: Result<Path<(String, String)>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let (id, track) = ids(path)?;
    let change = TrackChange::parse(&body).map_err(invalid)?;
    let changed = |list: &mut Vec<TextTrack>, at: usize| {
        change.apply(&mut list[at])?;
        tracks::keep_one_default(list, at);
        Ok(())
    };
    let video = lookup.change_tracks(id, track, changed).await?;
    let access = lookup.access_of_owner(&video);
    let found = video.tracks.list.iter().find(|one| one.id == track);
    let found = found.ok_or_else(|| unknown_track(track))?;
    let view = view::track(&video, found, &lookup.public_url, &access);
    Ok(axum::Json(view).into_response())
}

/// Delete a track
///
/// Players stop offering it within a minute, and its files are removed.
#[utoipa::path(
    delete,
    path = "/videos/{id}/tracks/{track}",
    operation_id = "deleteTrack",
    tag = "tracks",
    params(
        ("id" = VideoId, Path, description = "The video."),
        ("track" = TextTrackId, Path, description = "The track."),
    ),
    responses((status = 204, description = "It is deleted."), DeleteTrackProblems),
    security(("api_token" = []))
)]
pub(crate) async fn delete_track(
    State(lookup): State<Arc<Lookup>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<impl IntoResponse, Problem> {
    let (id, track) = ids(path)?;
    let removed = |list: &mut Vec<TextTrack>, at: usize| {
        list.remove(at);
        Ok(())
    };
    lookup.change_tracks(id, track, removed).await?;
    tracing::info!(video.id = %id, track.id = %track, "track deleted");
    Ok(StatusCode::NO_CONTENT)
}

impl Lookup {
    /// Changes the list of a video's tracks, given where in it the track is.
    async fn change_tracks(
        &self,
        id: VideoId,
        track: TextTrackId,
        change: impl Fn(&mut Vec<TextTrack>, usize) -> Result<(), Refused>,
    ) -> Result<Video, Problem> {
        let mut was_there = false;
        let changed = self.catalog.change(id, |video| {
            let mut list = video.tracks.list.clone();
            let at = match list.iter().position(|one| one.id == track) {
                Some(at) => at,
                // It was deleted, by this very call if its answer was lost.
                None if was_there => return Ok(Decision::Keep),
                None => return Err(unknown_track(track)),
            };
            was_there = true;
            change(&mut list, at).map_err(invalid)?;
            Ok(Decision::Apply(tracks::change_tracks(video, &list)))
        });
        changed.await.map_err(|why| Problem::unchanged(id, why))
    }
}

fn invalid(why: Refused) -> Problem {
    Problem::new(ProblemKind::InvalidField, why.detail).in_field(why.field)
}

fn ids(
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<(VideoId, TextTrackId), Problem> {
    let Path((id, track)) =
        path.map_err(|why| Problem::new(ProblemKind::MalformedRequest, why.body_text()))?;
    let id = id.parse().map_err(|_| Problem::no_video(&id))?;
    Ok((id, track.parse().map_err(|_| unknown_track(&track))?))
}

fn unknown_track(track: impl std::fmt::Display) -> Problem {
    let detail = format!("The video has no track with the id {track}.");
    Problem::new(ProblemKind::NotFound, detail)
}
