//! `GET /videos/{id}/key`: what a private video's segments are encrypted with, for those who may watch it.
//! Players ask the CDN, below the token's path; the gate there passes the request on to this.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::{HeaderMap, header};
use reelrun_core::video::VideoId;
use reelrun_platform::{
    http::video_id,
    problem::{Problem, ProblemKind},
    problems,
};
use utoipa::ToSchema;

use crate::Lookup;

problems! {
    KeyProblems: MalformedRequest, NotFound, Internal;
}

/// The key, byte by byte.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct KeyBytes(#[expect(dead_code, reason = "it is documentation")] Vec<u8>);

/// Get the key of an encrypted video
///
/// The 16 bytes with which players decrypt its segments. It needs an API token, or a playback token of
/// the audience `play`; without, there is no such video. Players find the key by themselves: playlists
/// name it beside them, below the token's path.
#[utoipa::path(
    get,
    path = "/videos/{id}/key",
    operation_id = "getKey",
    tag = "videos",
    params(("id" = VideoId, Path, description = "The video.")),
    responses(
        (
            status = 200,
            description = "The key. Nobody may store it.",
            body = KeyBytes,
            content_type = "application/octet-stream",
        ),
        KeyProblems,
    ),
    security(("api_token" = []), ("playback_token" = []))
)]
pub(crate) async fn get_key(
    State(lookup): State<Arc<Lookup>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let id = video_id(id)?;
    let video = lookup.find(id).await?;
    if !lookup.may_play(&video, &headers) {
        return Err(Problem::no_video(id));
    }
    let key = video.segment_key.ok_or_else(|| {
        let detail = "The video is not encrypted: it plays without a key.";
        Problem::new(ProblemKind::NotFound, detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, key.bytes().to_vec()))
}
