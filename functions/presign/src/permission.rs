//! `POST /uploads`.

use std::sync::{Arc, atomic::Ordering};

use axum::{extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode, header};
use reelrun_core::{
    keys::{Folder, StorageKey},
    lifecycle::{
        self, Outcome,
        timing::{IDEMPOTENCY_WINDOW, UNUSED_UPLOAD_GRACE},
    },
    timestamp::Timestamp,
    upload::{
        Refused, RefusedKind, UploadBody, UploadRequest,
        sign::{Operation, part_size},
    },
    video::{UploadToken, Video, VideoId},
};
use reelrun_media::encryption::Encryption;
use reelrun_platform::{
    auth,
    catalog::IdempotencyRecord,
    http::{IDEMPOTENCY_KEY, JsonBody},
    now,
    problem::{Problem, ProblemKind},
    problems,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Presign,
    answer::{GrantedUpload, Upload, UploadMethod},
};

const MAX_KEY_CHARS: usize = 255;

problems! {
    CreateUploadProblems: MalformedRequest, Unauthorized, Conflict, UploadTooLarge,
        RequestTooLarge, TypeNotAllowed, IdempotencyKeyReused, InvalidField, Internal;
}

/// Request permission to upload a file
///
/// The answer has signed URLs: the file goes to storage itself, and not through this API. Storage
/// refuses another length or type than those asked for.
#[utoipa::path(
    post,
    path = "/uploads",
    operation_id = "createUpload",
    tag = "uploads",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "A client-chosen name for a request that may be sent twice: for 24 hours the \
            same key and body return the same video, and the token of the latest answer is the \
            valid one.",
        min_length = 1,
        max_length = 255,
        nullable = false,
    )),
    request_body = UploadBody,
    responses(
        (
            status = 201,
            description = "How to send the file.",
            body = GrantedUpload,
            headers(("Location" = String, description = "The video's URL.")),
        ),
        CreateUploadProblems,
    ),
    security(("api_token" = []))
)]
pub(crate) async fn create_upload(
    State(presign): State<Arc<Presign>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let key = idempotency_key(&headers)?;
    let request = UploadRequest::parse(&body, presign.limits).map_err(refused)?;
    let request_hash = auth::hash(&json!(request).to_string());
    let id = VideoId::new(Uuid::now_v7()).map_err(|why| Problem::internal(&why))?;
    let now = now();
    let token = auth::new_token();
    let visibility = request.visibility_or(presign.default_visibility);
    let visibility = visibility.map_err(refused)?;
    let segment_key = request
        .encryption
        .map(|Encryption::Aes128| auth::new_segment_key());
    let video = Video {
        visibility,
        segment_key,
        ..waiting(id, request, now + presign.upload_expiry, &token)
    };
    // The record comes before the answer: an event for this source finds its video.
    let video = presign
        .record(video, key.as_deref(), request_hash, now)
        .await?;
    tracing::info!(video.id = %video.id, video.size_bytes = video.size_bytes, "upload permitted");
    let video_url = format!("{}/videos/{}", presign.api_url, video.id);
    let body = GrantedUpload {
        video_id: video.id,
        video_url: video_url.clone(),
        upload_token: token,
        upload: presign.instructions(&video, now).await?,
    };
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, video_url)],
        axum::Json(body),
    ))
}

impl Presign {
    /// Records a video; or finds the one that an earlier request with the same key has made, and
    /// gives its upload the new token.
    async fn record(
        &self,
        video: Video,
        key: Option<&str>,
        request_hash: String,
        now: Timestamp,
    ) -> Result<Video, Problem> {
        let internal = |why| Problem::internal(&why);
        // Once per process is enough: later months change nothing.
        if !self.library_is_extended.load(Ordering::Relaxed) {
            let noted = self.catalog.extend_library_to(video.month).await;
            noted.map_err(internal)?;
            self.library_is_extended.store(true, Ordering::Relaxed);
        }
        let Some(key) = key else {
            self.catalog.create(&video).await.map_err(internal)?;
            return Ok(video);
        };
        let until = video.id.created_at() + IDEMPOTENCY_WINDOW;
        let key_record = IdempotencyRecord::new(&auth::hash(key), request_hash, video.id, until);
        let recorded = self.catalog.create_once(&video, &key_record, now).await;
        let Some(earlier) = recorded.map_err(internal)? else {
            return Ok(video);
        };
        if earlier.request_hash != key_record.request_hash {
            return Err(Problem::new(
                ProblemKind::IdempotencyKeyReused,
                "An earlier request with this Idempotency-Key had another body. Use a new key for each upload.",
            ));
        }
        let found = self.catalog.get(earlier.video_id).await.map_err(internal)?;
        let found = found.ok_or_else(|| {
            Problem::new(
                ProblemKind::Conflict,
                "The video that this Idempotency-Key made was deleted. Use a new key to upload it again.",
            )
        })?;
        let renewal = lifecycle::renew_upload(&video);
        let renewal = self.catalog.apply(found.id, &renewal).await;
        match renewal.map_err(internal)? {
            Outcome::Done(renewed) => Ok(*renewed),
            Outcome::Refused(_) => Err(Problem::new(
                ProblemKind::Conflict,
                format!(
                    "This Idempotency-Key made the video {}, whose source has arrived already. Look it up.",
                    found.id
                ),
            )),
        }
    }

    /// How to send the source.
    async fn instructions(&self, video: &Video, now: Timestamp) -> Result<Upload, Problem> {
        let key = StorageKey::Source(Folder::of(video)).to_string();
        let sign_url = format!("{}/uploads/{}/sign", self.api_url, video.id);
        if video.size_bytes >= self.limits.multipart_from {
            return Ok(Upload::Multipart {
                key,
                part_size_bytes: part_size(video.size_bytes),
                sign_url,
                expires_at: (now + self.upload_expiry).to_string(),
            });
        }
        let signed = self
            .signer
            .sign(video, &Operation::Put, self.url_expiry)
            .await;
        let signed = signed.map_err(|why| Problem::internal(&why))?;
        Ok(Upload::Single {
            method: UploadMethod::Put,
            url: signed.url,
            headers: signed.headers.into_iter().collect(),
            expires_at: (now + self.url_expiry).to_string(),
            key,
            sign_url,
        })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY_CHARS).contains(&key.len()) => Ok(Some(key.into())),
        _ => Err(Problem::new(
            ProblemKind::InvalidField,
            format!("Idempotency-Key must be 1 to {MAX_KEY_CHARS} characters of ASCII."),
        )
        .in_field("Idempotency-Key")),
    }
}

fn waiting(id: VideoId, request: UploadRequest, until: Timestamp, token: &str) -> Video {
    let video = Video::waiting(
        id,
        request.filename,
        request.content_type.into(),
        request.size_bytes,
    );
    Video {
        title: request.title,
        metadata: request.metadata,
        upload_token: Some(UploadToken {
            hash: auth::hash(token),
            valid_until: until,
        }),
        expires_at: Some(until + UNUSED_UPLOAD_GRACE),
        ..video
    }
}

pub(crate) fn refused(why: Refused) -> Problem {
    let kind = match why.kind {
        RefusedKind::Invalid => ProblemKind::InvalidField,
        RefusedKind::TooLarge => ProblemKind::UploadTooLarge,
        RefusedKind::TypeNotAllowed => ProblemKind::TypeNotAllowed,
    };
    Problem::new(kind, why.detail).in_field(why.field)
}
