//! `PATCH /videos/{id}` and `DELETE /videos/{id}`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::StatusCode;
use reelrun_core::{
    lifecycle::{self, Outcome},
    upload::details::DetailsChange,
    video::VideoId,
    view::{self, VideoView},
};
use reelrun_platform::{
    http::JsonBody,
    now,
    problem::{Problem, ProblemKind},
    problems,
};

use crate::{Lookup, unknown, video_id};

problems! {
    ChangeProblems: MalformedRequest, Unauthorized, NotFound, RequestTooLarge, InvalidField,
        Internal;
    DeleteProblems: MalformedRequest, Unauthorized, NotFound, Internal;
}

/// Change a video's title, metadata, or both
///
/// What is absent stays as it is; `null` removes. Metadata is replaced as a whole.
#[utoipa::path(
    patch,
    path = "/videos/{id}",
    operation_id = "changeVideo",
    tag = "videos",
    params(("id" = VideoId, Path, description = "The video.")),
    request_body = DetailsChange,
    responses(
        (status = 200, description = "The video as it is now.", body = VideoView),
        ChangeProblems,
    ),
    security(("api_token" = []))
)]
pub(crate) async fn change_video(
    State(lookup): State<Arc<Lookup>>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let id = video_id(id)?;
    let change = DetailsChange::parse(&body)
        .map_err(|why| Problem::new(ProblemKind::InvalidField, why.detail).in_field(why.field))?;
    let change = lifecycle::change_details(&change);
    let changed = lookup.catalog.apply(id, &change).await;
    let Outcome::Done(video) = changed.map_err(|why| Problem::internal(&why))? else {
        return Err(unknown(id));
    };
    let video = lifecycle::as_of(now(), *video);
    let access = lookup.access_of_owner(&video);
    Ok(axum::Json(view::video(&video, &lookup.public_url, &access)).into_response())
}

/// Delete a video
///
/// Possible at any time. Answers as soon as the video can't be found any more; its files are removed
/// after that.
#[utoipa::path(
    delete,
    path = "/videos/{id}",
    operation_id = "deleteVideo",
    tag = "videos",
    params(("id" = VideoId, Path, description = "The video.")),
    responses((status = 204, description = "It is deleted."), DeleteProblems),
    security(("api_token" = []))
)]
pub(crate) async fn delete_video(
    State(lookup): State<Arc<Lookup>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Problem> {
    let id = video_id(id)?;
    let delete = lifecycle::delete(now());
    let deleted = lookup.catalog.apply(id, &delete).await;
    if !deleted.map_err(|why| Problem::internal(&why))?.is_done() {
        return Err(unknown(id));
    }
    tracing::info!(video.id = %id, "video deleted");
    Ok(StatusCode::NO_CONTENT)
}
