//! What can be played (`GET /videos/{id}`), and the library: listed, changed and deleted.
#![forbid(unsafe_code)]

mod change;
mod key;
pub mod openapi;
mod tokens;
mod tracks;

use std::sync::Arc;

use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    middleware,
    response::IntoResponse,
    routing::{get, patch, post},
};
use http::{HeaderMap, header};
use reelrun_core::{
    cursor::{self, Position},
    lifecycle,
    token::PlaybackKeys,
    video::{Month, Status, Video, VideoId},
    view::{self, VideoView},
};
use reelrun_platform::{
    auth::{ApiTokens, require_token},
    catalog::Catalog,
    http::{router, video_id},
    now,
    problem::{Problem, ProblemKind},
    problems,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the function works with.
#[derive(Clone)]
pub struct Lookup {
    /// Where videos are recorded.
    pub catalog: Catalog,
    /// The CDN's base URL, from which everything is played.
    pub public_url: String,
    /// Who may do everything.
    pub tokens: ApiTokens,
    /// What tokens of private videos are signed with, if any are.
    pub keys: Option<PlaybackKeys>,
}

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// The most that a page holds, whatever its limit, unless a single video is larger. Lambda answers with
/// at most 6 MB, in which a byte may take two; a hundred videos with as much metadata as they may have
/// exceed that.
const MAX_PAGE_BYTES: usize = 2 << 20;

/// The function's routes. A single video is open to whoever knows its unguessable id; the library
/// needs a token.
pub fn routes(lookup: Lookup) -> Router {
    let tokens = lookup.tokens.clone();
    router(
        Router::new()
            .route("/videos", get(list_videos))
            .route(
                "/videos/{id}",
                patch(change::change_video).delete(change::delete_video),
            )
            .route("/videos/{id}/tokens", post(tokens::create_token))
            .route(
                "/videos/{id}/tracks/{track}",
                patch(tracks::change_track).delete(tracks::delete_track),
            )
            .route_layer(middleware::from_fn_with_state(tokens, require_token))
            .route("/videos/{id}", get(get_video))
            .route("/videos/{id}/key", get(key::get_key))
            .route("/health", get(health))
            .route("/openapi.json", get(openapi::document))
            .with_state(Arc::new(lookup)),
    )
}

problems! {
    GetProblems: MalformedRequest, NotFound, Internal;
    ListProblems: MalformedRequest, Unauthorized, InvalidField, Internal;
    HealthProblems: Internal;
}

/// Look a video up
///
/// A public video needs no token: its id can't be guessed. A private one needs an API token, or a
/// playback token for it; without, it is not found.
///
/// The CDN answers the same at the same path, below the base URL of playback. Ask there at each view: without a
/// token, what it says is up to five seconds old, and while the video is not ready, one second.
#[utoipa::path(
    get,
    path = "/videos/{id}",
    operation_id = "getVideo",
    tag = "videos",
    params(("id" = VideoId, Path, description = "The video.")),
    responses(
        (status = 200, description = "The video as it is now.", body = VideoView),
        GetProblems,
    ),
    security((), ("api_token" = []), ("playback_token" = []))
)]
async fn get_video(
    State(lookup): State<Arc<Lookup>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let id = video_id(id)?;
    let video = lifecycle::as_of(now(), lookup.find(id).await?);
    let access = lookup.access(&video, &headers);
    let access = access.ok_or_else(|| Problem::no_video(id))?;
    let answer = axum::Json(view::video(&video, &lookup.public_url, &access));
    if video.is_guarded() || headers.contains_key(header::AUTHORIZATION) {
        // Nobody may store it, as by default.
        return Ok(answer.into_response());
    }
    let for_all = [(header::CACHE_CONTROL, view::cache_control(&video))];
    Ok((for_all, answer).into_response())
}

impl Lookup {
    /// The record of a video, whoever asks.
    async fn find(&self, id: VideoId) -> Result<Video, Problem> {
        let found = self.catalog.get(id).await;
        let video = found.map_err(|why| Problem::internal(&why))?;
        video.ok_or_else(|| Problem::no_video(id))
    }
}

/// The id in a path. Text that is not an id names no video.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// How many videos a page has at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next_cursor` of the page before; without it, the first page.
    cursor: Option<String>,
    /// Only videos of this status.
    #[param(value_type = Option<Status>)]
    status: Option<String>,
}

/// A page of the library.
#[derive(Serialize, ToSchema)]
struct VideoList<'a> {
    /// Newest first. A page may be short, even empty, and still have a next one.
    videos: Vec<VideoView<'a>>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// List the library, newest first
#[utoipa::path(
    get,
    path = "/videos",
    operation_id = "listVideos",
    tag = "videos",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the library.", body = VideoList),
        ListProblems,
    ),
    security(("api_token" = []))
)]
async fn list_videos(
    State(lookup): State<Arc<Lookup>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(query) =
        query.map_err(|why| Problem::new(ProblemKind::MalformedRequest, why.body_text()))?;
    let invalid =
        |field, detail: String| Problem::new(ProblemKind::InvalidField, detail).in_field(field);
    let limit = match query.limit.as_deref().map(str::parse) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit @ 1..=MAX_LIMIT)) => limit,
        Some(_) => {
            return Err(invalid(
                "limit",
                format!("limit must be a whole number from 1 to {MAX_LIMIT}."),
            ));
        }
    };
    let status = match query.status.as_deref().map(str::parse::<Status>) {
        None => None,
        Some(Ok(status)) if status.is_shown() => Some(status),
        Some(_) => {
            let detail = "status must be waiting, preparing, ready or errored.";
            return Err(invalid("status", detail.into()));
        }
    };
    let now = now();
    let from = match query.cursor.as_deref().map(cursor::decode) {
        None => Position {
            month: Month::of(now),
            after: None,
        },
        Some(Some(position)) => position,
        Some(None) => {
            let detail = "cursor must be the next_cursor of an earlier page, unchanged.";
            return Err(invalid("cursor", detail.into()));
        }
    };
    let page = lookup
        .catalog
        .list(from, limit, status)
        .await
        .map_err(|why| Problem::internal(&why))?;
    let shown = page.videos.into_iter();
    let shown = shown.map(|video| lifecycle::as_of(now, video));
    // An abandoned video is shown as errored, but recorded as preparing until the next sweep.
    let videos: Vec<_> = shown
        .filter(|video| status.is_none_or(|wanted| video.status == wanted))
        .collect();
    let mut list = VideoList {
        videos: Vec::with_capacity(videos.len()),
        next_cursor: page.next.map(cursor::encode),
    };
    let (mut bytes, mut last) = (0, None);
    for video in &videos {
        let access = lookup.access_of_owner(video);
        let view = view::video(video, &lookup.public_url, &access);
        bytes += serde_json::to_vec(&view)
            .map_err(|why| Problem::internal(&why))?
            .len();
        if let Some(last) = last.filter(|_| bytes > MAX_PAGE_BYTES) {
            list.next_cursor = Some(cursor::encode(Position::after(last)));
            break;
        }
        list.videos.push(view);
        last = Some(video.id);
    }
    Ok(axum::Json(list).into_response())
}

/// How the service is.
#[derive(Serialize, ToSchema)]
struct Health {
    status: HealthStatus,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    Ok,
}

/// Check whether the service works
///
/// Answers 200 when the catalog does.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "service",
    responses((status = 200, description = "It works.", body = Health), HealthProblems)
)]
async fn health(State(lookup): State<Arc<Lookup>>) -> Result<impl IntoResponse, Problem> {
    lookup
        .catalog
        .first_month()
        .await
        .map_err(|why| Problem::internal(&why))?;
    Ok(axum::Json(Health {
        status: HealthStatus::Ok,
    }))
}
