//! Errors of the API: RFC 9457 problem details, with types that stay.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// The kinds of problem. Each has its type, title and status for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request can't be understood.
    MalformedRequest,
    /// No token, or a wrong one.
    Unauthorized,
    /// A token that does not open this.
    Forbidden,
    /// The token of an upload whose time is over.
    UploadExpired,
    /// No such resource.
    NotFound,
    /// The resource has no such method.
    MethodNotAllowed,
    /// What is asked for does not fit the resource's state.
    Conflict,
    /// An idempotency key that came with another request before.
    IdempotencyKeyReused,
    /// The source is larger than accepted.
    UploadTooLarge,
    /// The request itself is too large.
    RequestTooLarge,
    /// Files of this type are not accepted.
    TypeNotAllowed,
    /// Well-formed, but a field is wrong.
    InvalidField,
    /// Our fault; trying again may help.
    Internal,
}

impl ProblemKind {
    fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::MalformedRequest => (
                "malformed-request",
                "The request can't be understood",
                StatusCode::BAD_REQUEST,
            ),
            Self::Unauthorized => (
                "unauthorized",
                "A valid API token is needed",
                StatusCode::UNAUTHORIZED,
            ),
            Self::Forbidden => ("forbidden", "This is not permitted", StatusCode::FORBIDDEN),
            Self::UploadExpired => (
                "upload-expired",
                "The time for this upload is over",
                StatusCode::FORBIDDEN,
            ),
            Self::NotFound => ("not-found", "There is nothing here", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "This can't be done here",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::Conflict => (
                "conflict",
                "This does not fit the video's state",
                StatusCode::CONFLICT,
            ),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                "This Idempotency-Key came with another request",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::UploadTooLarge => (
                "upload-too-large",
                "The file is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Self::RequestTooLarge => (
                "request-too-large",
                "The request is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Self::TypeNotAllowed => (
                "type-not-allowed",
                "Files of this type are not accepted",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::InvalidField => (
                "invalid-field",
                "A field is not valid",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::Internal => (
                "internal",
                "Something went wrong on our side",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
        }
    }
}

/// One problem, as an answer.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    field: Option<&'static str>,
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
    pub fn in_field(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
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
        let (name, title, status) = self.kind.parts();
        let mut body = json!({
            "type": format!("urn:reelrun:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
            "request_id": request_id,
        });
        if let Some(field) = self.field {
            body["field"] = json!(field);
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.kind == ProblemKind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Handlers return problems; the request's id is filled in by [`crate::http::router`].
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().2.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
