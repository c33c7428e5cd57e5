//! Errors of the API: RFC 9457 problem details, with types that stay.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use reelrun_core::video::VideoId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::Unchanged;

/// The kinds of problem. Each has its type, title and status for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemType, description = ProblemKind::described())]
pub enum ProblemKind {
    /// The request can't be understood.
    #[serde(rename = "urn:reelrun:problem:malformed-request")]
    MalformedRequest,
    /// No token, or a wrong one.
    #[serde(rename = "urn:reelrun:problem:unauthorized")]
    Unauthorized,
    /// A token that does not open this.
    #[serde(rename = "urn:reelrun:problem:forbidden")]
    Forbidden,
    /// The token of an upload whose time is over.
    #[serde(rename = "urn:reelrun:problem:upload-expired")]
    UploadExpired,
    /// No such resource.
    #[serde(rename = "urn:reelrun:problem:not-found")]
    NotFound,
    /// The resource has no such method.
    #[serde(rename = "urn:reelrun:problem:method-not-allowed")]
    MethodNotAllowed,
    /// What is asked for does not fit the resource's state.
    #[serde(rename = "urn:reelrun:problem:conflict")]
    Conflict,
    /// The source is larger than accepted.
    #[serde(rename = "urn:reelrun:problem:upload-too-large")]
    UploadTooLarge,
    /// The request itself is too large.
    #[serde(rename = "urn:reelrun:problem:request-too-large")]
    RequestTooLarge,
    /// Files of this type are not accepted.
    #[serde(rename = "urn:reelrun:problem:type-not-allowed")]
    TypeNotAllowed,
    /// An idempotency key that came with another request before.
    #[serde(rename = "urn:reelrun:problem:idempotency-key-reused")]
    IdempotencyKeyReused,
    /// Well-formed, but a field is wrong.
    #[serde(rename = "urn:reelrun:problem:invalid-field")]
    InvalidField,
    /// Our fault; trying again may help.
    #[serde(rename = "urn:reelrun:problem:internal")]
    Internal,
}

impl ProblemKind {
    /// Every kind, by status.
    pub const ALL: [Self; 13] = [
        Self::MalformedRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::UploadExpired,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::UploadTooLarge,
        Self::RequestTooLarge,
        Self::TypeNotAllowed,
        Self::IdempotencyKeyReused,
        Self::InvalidField,
        Self::Internal,
    ];

    /// The kind in words, its status, and when it comes.
    fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::MalformedRequest => (
                "The request can't be understood",
                StatusCode::BAD_REQUEST,
                "the body is not JSON, or the address can't be read",
            ),
            Self::Unauthorized => (
                "A valid API token is needed",
                StatusCode::UNAUTHORIZED,
                "no token, or a wrong one",
            ),
            Self::Forbidden => (
                "This is not permitted",
                StatusCode::FORBIDDEN,
                "an upload's token was used for something else",
            ),
            Self::UploadExpired => (
                "The time for this upload is over",
                StatusCode::FORBIDDEN,
                "the upload was not finished within its time",
            ),
            Self::NotFound => (
                "There is nothing here",
                StatusCode::NOT_FOUND,
                "no such path or video",
            ),
            Self::MethodNotAllowed => (
                "This can't be done here",
                StatusCode::METHOD_NOT_ALLOWED,
                "the path has no such method; the header `Allow` lists those it has",
            ),
            Self::Conflict => (
                "This does not fit the video's state",
                StatusCode::CONFLICT,
                "the source has arrived already, or has not yet, an `Idempotency-Key` names a video that was deleted, a public video needs no token, or the opposite change of its visibility is under way",
            ),
            Self::UploadTooLarge => (
                "The file is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "`size_bytes` is above the limit",
            ),
            Self::RequestTooLarge => (
                "The request is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request has more than 64 KiB",
            ),
            Self::TypeNotAllowed => (
                "Files of this type are not accepted",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the extension is not accepted, or `content_type` does not belong to it",
            ),
            Self::IdempotencyKeyReused => (
                "This Idempotency-Key came with another request",
                StatusCode::UNPROCESSABLE_ENTITY,
                "the `Idempotency-Key` came with another body before",
            ),
            Self::InvalidField => (
                "A field is not valid",
                StatusCode::UNPROCESSABLE_ENTITY,
                "a field is missing or out of range; `field` names it",
            ),
            Self::Internal => (
                "Something went wrong on our side",
                StatusCode::INTERNAL_SERVER_ERROR,
                "our fault; trying again may help",
            ),
        }
    }

    /// The same for every problem of the kind.
    pub fn title(self) -> &'static str {
        self.parts().0
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        self.parts().1
    }

    /// When it comes, for the API's documentation.
    pub fn meaning(self) -> &'static str {
        self.parts().2
    }

    /// The type, a URN.
    pub fn urn(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|urn| urn.as_str().map(Into::into))
            .unwrap_or_default()
    }

    fn described() -> String {
        let types = Self::ALL.map(|kind| {
            let (title, status, meaning) = kind.parts();
            format!(
                "- `{}` ({}, \"{title}\"): {meaning}.",
                kind.urn(),
                status.as_u16()
            )
        });
        format!(
            "What kind of problem it is. Types stay as they are; new ones may come.\n\n{}",
            types.join("\n")
        )
    }
}

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// What kind of problem it is: for programs.
    #[serde(rename = "type")]
    kind: ProblemKind,
    /// The type in words.
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Human-readable explanation and fix.
    detail: &'a str,
    /// Identifies the request, here and in the service's log.
    request_id: &'a str,
    /// The field of the request that is wrong, if one is; `body` for the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<Cow<'static, str>>,
}

/// One problem, as an answer.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    field: Option<Cow<'static, str>>,
    /// What went wrong on our side: for the log only.
    cause: Option<String>,
}

impl Problem {
    /// A problem of a kind, with what happened and what to do.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            cause: None,
        }
    }

    /// Names the field of the request that is at fault.
    #[must_use]
    pub fn in_field(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// There is no such video, whoever asks.
    pub fn no_video(id: impl std::fmt::Display) -> Self {
        let detail = format!("There is no video with the id {id}.");
        Self::new(ProblemKind::NotFound, detail)
    }

    /// Why a video was not changed.
    pub fn unchanged(id: VideoId, why: Unchanged<Self>) -> Self {
        match why {
            Unchanged::Missing => Self::no_video(id),
            Unchanged::Refused(problem) => problem,
            Unchanged::Busy => {
                let detail = "The video is changing too fast. Try again in a moment.";
                Self::new(ProblemKind::Conflict, detail)
            }
            Unchanged::Catalog(why) => Self::internal(&why),
        }
    }

    /// A failure on our side. The cause goes to the log, never to the caller.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                ProblemKind::Internal,
                "The request could not be carried out. Try again in a moment; if it happens again, tell the operator the request_id.",
            )
        }
    }

    /// The answer, naming the request so that its log lines can be found.
    pub fn into_response_for(self, request_id: &str) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(request_id, error = cause, "request failed");
        }
        let status = self.kind.status();
        let body = ProblemBody {
            kind: self.kind,
            title: self.kind.title(),
            status: status.as_u16(),
            detail: &self.detail,
            request_id,
            field: self.field,
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.kind == ProblemKind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Handlers return problems; the request's id is filled in by [`crate::http::router`].
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
