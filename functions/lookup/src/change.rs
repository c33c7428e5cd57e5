//! `PATCH /videos/{id}` and `DELETE /videos/{id}`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::StatusCode;
use reelrun_core::{
    lifecycle::{
        self, Outcome,
        visibility::{self, BeingChanged},
    },
    upload::details::DetailsChange,
    video::{Video, VideoId, Visibility},
    view::{self, VideoView},
};
use reelrun_platform::{
    catalog::Decision,
    http::{JsonBody, video_id},
    now,
    problem::{Problem, ProblemKind},
    problems,
};

use crate::Lookup;

problems! {
    ChangeProblems: MalformedRequest, Unauthorized, NotFound, Conflict, RequestTooLarge, InvalidField,
        Internal;
    DeleteProblems: MalformedRequest, Unauthorized, NotFound, Internal;
}

/// Change a video's title, metadata and visibility
///
/// What is absent stays as it is; `null` removes. Metadata is replaced as a whole.
///
/// For another visibility, the video's files move, and the CDN forgets its copies. The answer comes before
/// that, with `pending_visibility`; once that is `null`, and `visibility` says so, the change holds: nobody
/// sees anything of a private video without a token. It takes a minute or two; for a video that is not
/// encoded yet, it follows the encode. Until then it can be taken back. Asking for the same again does no
/// harm.
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
    let video = match change.visibility {
        None => {
            let change = lifecycle::change_details(&change);
            let changed = lookup.catalog.apply(id, &change).await;
            match changed.map_err(|why| Problem::internal(&why))? {
                Outcome::Done(video) => *video,
                Outcome::Refused(_) => return Err(Problem::no_video(id)),
            }
        }
        Some(to) => lookup.change_visibility(id, to, &change).await?,
    };
    let video = lifecycle::as_of(now(), video);
    let access = lookup.access_of_owner(&video);
    Ok(axum::Json(view::video(&video, &lookup.public_url, &access)).into_response())
}

impl Lookup {
    async fn change_visibility(
        &self,
        id: VideoId,
        to: Visibility,
        details: &DetailsChange,
    ) -> Result<Video, Problem> {
        let changed = self.catalog.change(id, |video| {
            if to == Visibility::Public && video.encryption().is_some() {
                let detail = "An encrypted video stays private: of a public one, everybody could have the key. Upload it again, without encryption.";
                return Err(Problem::new(ProblemKind::Conflict, detail));
            }
            let change = visibility::change_visibility(video, to, details, now());
            change.map(Decision::Apply).map_err(|BeingChanged| {
                let detail = format!(
                    "The video is being made {}. Wait until its pending_visibility is null.",
                    to.other().as_str()
                );
                Problem::new(ProblemKind::Conflict, detail)
            })
        });
        let video = changed.await.map_err(|why| Problem::unchanged(id, why))?;
        tracing::info!(video.id = %id, pending = ?video.moving_to, "visibility changed");
        Ok(video)
    }
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
        return Err(Problem::no_video(id));
    }
    tracing::info!(video.id = %id, "video deleted");
    Ok(StatusCode::NO_CONTENT)
}
