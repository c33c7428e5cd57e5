//! `POST /uploads/{id}/sign`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::HeaderMap;
use reelrun_core::{
    lifecycle::{self, Outcome},
    upload::sign::{MAX_MULTIPART_UPLOADS, NotSigned, Operation, SignRequest},
    video::{Status, Video, VideoId},
};
use reelrun_platform::{
    auth::{self, bearer_token, is_token_of},
    http::JsonBody,
    now,
    problem::{Problem, ProblemKind},
    problems,
};

use crate::{Presign, answer::SignedRequest, permission::refused};

/// S3's ids are long, and so much of a hash is enough to tell ten apart.
const UPLOAD_NAME_DIGITS: usize = 32;

problems! {
    SignProblems: MalformedRequest, Unauthorized, Forbidden, UploadExpired, Conflict,
        RequestTooLarge, InvalidField, Internal;
}

/// Sign one request of an upload
///
/// Large files are sent as S3 multipart uploads; each of their requests is signed here. The shape
/// is that of `signRequest` in Uppy's `@uppy/aws-s3`.
#[utoipa::path(
    post,
    path = "/uploads/{id}/sign",
    operation_id = "signUploadRequest",
    tag = "uploads",
    params(("id" = VideoId, Path, description = "The `video_id` of the upload.")),
    request_body = SignRequest,
    responses(
        (status = 200, description = "The request to send to storage.", body = SignedRequest),
        SignProblems,
    ),
    security(("upload_token" = []))
)]
pub(crate) async fn sign_request(
    State(presign): State<Arc<Presign>>,
    id: Result<Path<String>, PathRejection>,
    request_headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let video = presign.opened(id, &request_headers).await?;
    let operation = Operation::permitted(&body, &video).map_err(not_signed)?;
    if let Operation::Part { upload_id, .. } = &operation {
        presign.admit(&video, upload_id).await?;
    }
    let signed = presign
        .signer
        .sign(&video, &operation, presign.url_expiry)
        .await;
    let signed = signed.map_err(|why| Problem::internal(&why))?;
    Ok(axum::Json(SignedRequest {
        url: signed.url,
        headers: signed.headers.into_iter().collect(),
    }))
}

impl Presign {
    /// Bounds the number of multipart uploads that parts are signed for. The record lists those admitted,
    /// so each costs one write.
    async fn admit(&self, video: &Video, upload_id: &str) -> Result<(), Problem> {
        let mut name = auth::hash(upload_id);
        name.truncate(UPLOAD_NAME_DIGITS);
        if video.multipart_uploads.contains(&name) {
            return Ok(());
        }
        let admission = lifecycle::admit_multipart(&name, MAX_MULTIPART_UPLOADS);
        let outcome = self.catalog.apply(video.id, &admission).await;
        match outcome.map_err(|why| Problem::internal(&why))? {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(Some(video)) if video.status == Status::Waiting => {
                Err(not_signed(NotSigned::TooMany))
            }
            Outcome::Refused(_) => Err(not_signed(NotSigned::Arrived)),
        }
    }

    /// The upload that a request's token opens. An unknown upload gets the same answer as somebody else's.
    pub(crate) async fn opened(
        &self,
        id: Result<Path<String>, PathRejection>,
        request_headers: &HeaderMap,
    ) -> Result<Video, Problem> {
        let Some(token) = bearer_token(request_headers) else {
            return Err(Problem::new(
                ProblemKind::Unauthorized,
                "Send this upload's upload_token in the header `Authorization: Bearer <token>`.",
            ));
        };
        let id = id.ok().and_then(|Path(id)| id.parse().ok());
        let found = match id {
            Some(id) => self
                .catalog
                .get(id)
                .await
                .map_err(|why| Problem::internal(&why))?,
            None => None,
        };
        let opened = found.and_then(|video| {
            let known = video.upload_token.as_ref()?;
            let valid_until = known.valid_until;
            is_token_of(token, &known.hash).then_some((video, valid_until))
        });
        let (video, valid_until) = opened.ok_or_else(not_opened)?;
        if valid_until < now() {
            return Err(Problem::new(
                ProblemKind::UploadExpired,
                "This upload was not finished in time. Start it again.",
            ));
        }
        Ok(video)
    }
}

pub(crate) fn not_opened() -> Problem {
    Problem::new(
        ProblemKind::Forbidden,
        "This token does not open this upload. Use the upload_token that came with it.",
    )
}

fn not_signed(why: NotSigned) -> Problem {
    match why {
        NotSigned::Refused(why) => refused(why),
        NotSigned::Forbidden(_) => Problem::new(ProblemKind::Forbidden, format!("{why}.")),
        NotSigned::TooMany | NotSigned::Arrived => {
            Problem::new(ProblemKind::Conflict, format!("{why}."))
        }
    }
}
