//! `POST /uploads`: the permission to upload one source.
//!
//! The file never passes through here. The client gets a URL signed for exactly one key, length
//! and type, valid for a while, and sends the bytes to storage itself.
#![forbid(unsafe_code)]

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, middleware, response::IntoResponse, routing::post};
use http::{StatusCode, header};
use reelrun_core::{
    upload::{Refused, RefusedKind, UploadLimits, UploadRequest},
    video::{Status, Video, VideoId, rfc3339},
};
use reelrun_platform::{
    auth::{ApiTokens, require_token},
    catalog::Catalog,
    http::{JsonBody, router},
    problem::{Problem, ProblemKind},
    storage::Storage,
};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

/// What the function works with.
#[derive(Clone)]
pub struct Presign {
    /// Where videos are recorded.
    pub catalog: Catalog,
    /// Where sources go.
    pub storage: Storage,
    /// What is accepted.
    pub limits: UploadLimits,
    /// How long an upload URL is valid.
    pub upload_expiry: Duration,
    /// The API's own base URL.
    pub api_url: String,
}

/// A permission that was not used is forgotten this long after it expired: long enough for a slow
/// upload that began in time to end.
const FORGET_AFTER: Duration = Duration::from_hours(24);

/// The function's routes.
pub fn routes(presign: Presign, tokens: ApiTokens) -> Router {
    router(
        Router::new()
            .route("/uploads", post(create_upload))
            .route_layer(middleware::from_fn_with_state(tokens, require_token))
            .with_state(Arc::new(presign)),
    )
}

async fn create_upload(
    State(presign): State<Arc<Presign>>,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let request = UploadRequest::parse(&body, presign.limits).map_err(refused)?;
    let id = VideoId::new(Uuid::now_v7()).map_err(|why| Problem::internal(&why))?;
    let upload = presign
        .storage
        .presign_upload(id, &request, presign.upload_expiry)
        .await
        .map_err(|why| Problem::internal(&why))?;
    let expires_at = OffsetDateTime::now_utc() + presign.upload_expiry;
    // The record comes before the answer: an event for this source finds its video.
    let video = waiting(id, request, expires_at + FORGET_AFTER);
    let recorded = async {
        presign.catalog.note_month(video.month).await?;
        presign.catalog.create(&video).await
    };
    recorded.await.map_err(|why| Problem::internal(&why))?;
    tracing::info!(video.id = %id, video.size_bytes = video.size_bytes, "upload permitted");

    let video_url = format!("{}/videos/{id}", presign.api_url);
    let headers: serde_json::Map<_, _> = upload
        .headers
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let body = json!({
        "video_id": id,
        "video_url": video_url,
        "upload": {
            "strategy": "single",
            "method": "PUT",
            "url": upload.url,
            "headers": headers,
            "expires_at": rfc3339(expires_at),
        },
    });
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, video_url)],
        axum::Json(body),
    ))
}

fn waiting(id: VideoId, request: UploadRequest, forget_at: OffsetDateTime) -> Video {
    Video {
        id,
        month: id.month(),
        status: Status::Waiting,
        filename: request.filename,
        content_type: request.content_type,
        size_bytes: request.size_bytes,
        title: request.title,
        metadata: request.metadata,
        progress: 0.0,
        source: None,
        renditions: Vec::new(),
        has_poster: false,
        ready_at: None,
        error: None,
        attempts: 0,
        lease_until: 0,
        parts_counted: 0,
        parts_done: std::collections::BTreeSet::new(),
        expires_at: Some(forget_at.unix_timestamp()),
    }
}

fn refused(why: Refused) -> Problem {
    let kind = match why.kind {
        RefusedKind::Invalid => ProblemKind::InvalidField,
        RefusedKind::TooLarge => ProblemKind::UploadTooLarge,
        RefusedKind::TypeNotAllowed => ProblemKind::TypeNotAllowed,
    };
    Problem::new(kind, why.detail).in_field(why.field)
}
