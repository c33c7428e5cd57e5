//! The permission to upload: what a client asks for, and whether it may.

pub mod details;
pub mod sign;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::media_type::{self, MAX_DECLARED_BYTES};

/// What one deployment accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// The largest source, in bytes.
    pub max_bytes: u64,
    /// From this size on, in bytes, a source is sent in parts.
    pub multipart_from: u64,
}

/// A valid request to upload one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadRequest {
    /// The file's name on its owner's disk, in 1 to 255 bytes of UTF-8. It must end in an accepted
    /// extension.
    #[schema(min_length = 1, max_length = 255, examples("holiday.mp4"))]
    pub filename: String,
    /// Its MIME type, as far as the client knows: any type of video or sound,
    /// `application/octet-stream`, or an empty text. The file is stored with the type that belongs to
    /// its extension, which the upload must then carry: it is among the `headers` of the answer.
    #[schema(value_type = String, max_length = 255, examples("video/mp4"))]
    pub content_type: &'static str,
    /// Its exact size in bytes, which the upload must then have.
    #[schema(minimum = 1, examples(1_048_576))]
    pub size_bytes: u64,
    /// What the owner calls it.
    #[schema(schema_with = details::title_schema, required = false)]
    pub title: Option<String>,
    /// The owner's own key-value pairs.
    #[schema(schema_with = details::metadata_schema, required = false)]
    pub metadata: BTreeMap<String, String>,
}

/// Why a request is refused, and by which field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    /// What kind of refusal it is.
    pub kind: RefusedKind,
    /// The field at fault, as the client spelled it.
    pub field: &'static str,
    /// What is wrong with it and what would do.
    pub detail: String,
}

/// The kinds of refusal, each with its own HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedKind {
    /// A field is missing, of another type or out of its range.
    Invalid,
    /// The source is larger than this deployment accepts.
    TooLarge,
    /// Files of this type are not accepted.
    TypeNotAllowed,
}

const MAX_FILENAME_BYTES: usize = 255;

impl UploadRequest {
    /// Reads a request from its JSON, field by field, so that a refusal can name the field.
    pub fn parse(body: &Value, limits: UploadLimits) -> Result<Self, Refused> {
        let Some(body) = body.as_object() else {
            return Err(invalid("body", "the body must be a JSON object"));
        };
        let filename = string(body, "filename")?.ok_or_else(|| {
            invalid(
                "filename",
                "filename is missing: the name of the file, as holiday.mp4",
            )
        })?;
        if filename.is_empty() || filename.len() > MAX_FILENAME_BYTES {
            return Err(invalid(
                "filename",
                format!("filename must have 1 to {MAX_FILENAME_BYTES} bytes"),
            ));
        }
        let content_type = string(body, "content_type")?.ok_or_else(|| {
            invalid(
                "content_type",
                "content_type is missing: the file's MIME type, as video/mp4",
            )
        })?;
        if content_type.len() > MAX_DECLARED_BYTES || content_type.chars().any(char::is_control) {
            return Err(invalid(
                "content_type",
                format!(
                    "content_type must have up to {MAX_DECLARED_BYTES} bytes without control characters"
                ),
            ));
        }
        let content_type = media_type::check(filename, content_type).map_err(|why| Refused {
            kind: RefusedKind::TypeNotAllowed,
            field: match why {
                media_type::Refused::Extension(_) => "filename",
                media_type::Refused::ContentType { .. } => "content_type",
            },
            detail: why.to_string(),
        })?;
        let size_bytes = match body.get("size_bytes") {
            Some(Value::Number(size)) => size.as_u64(),
            _ => None,
        };
        let size_bytes = match size_bytes {
            Some(0) => {
                return Err(invalid(
                    "size_bytes",
                    "the file is empty: size_bytes must be at least 1",
                ));
            }
            Some(size) if size > limits.max_bytes => {
                return Err(Refused {
                    kind: RefusedKind::TooLarge,
                    field: "size_bytes",
                    detail: format!(
                        "the file has {size} bytes; at most {} are accepted",
                        limits.max_bytes
                    ),
                });
            }
            Some(size) => size,
            None => {
                return Err(invalid(
                    "size_bytes",
                    "size_bytes is missing or not a whole number: the file's exact size in bytes",
                ));
            }
        };
        Ok(Self {
            filename: filename.into(),
            content_type,
            size_bytes,
            title: details::title(body)?,
            metadata: details::metadata(body)?,
        })
    }
}

fn invalid(field: &'static str, detail: impl Into<String>) -> Refused {
    Refused {
        kind: RefusedKind::Invalid,
        field,
        detail: detail.into(),
    }
}

/// A string, or nothing when the field is absent or null.
fn string<'a>(
    body: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, Refused> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(field, format!("{field} must be a string"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const LIMITS: UploadLimits = UploadLimits {
        max_bytes: 1000,
        multipart_from: 500,
    };

    fn good() -> Value {
        json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1000,
               "title": "A", "metadata": {"album": "one"}})
    }

    #[test]
    fn a_whole_request_is_read() {
        let request = UploadRequest::parse(&good(), LIMITS).unwrap();
        assert_eq!(request.size_bytes, 1000);
        assert_eq!(request.title.as_deref(), Some("A"));
        assert_eq!(request.metadata["album"], "one");
    }

    #[test]
    fn each_fault_names_its_field() {
        use RefusedKind::{Invalid, TooLarge, TypeNotAllowed};
        for (field, value, named, kind) in [
            ("filename", json!(null), "filename", Invalid),
            ("filename", json!(7), "filename", Invalid),
            ("filename", json!(""), "filename", Invalid),
            ("filename", json!("é".repeat(128)), "filename", Invalid),
            ("filename", json!("a.exe"), "filename", TypeNotAllowed),
            ("content_type", json!(null), "content_type", Invalid),
            (
                "content_type",
                json!("text/html"),
                "content_type",
                TypeNotAllowed,
            ),
            (
                "content_type",
                json!("video/mp4;\r\nx: y"),
                "content_type",
                Invalid,
            ),
            (
                "content_type",
                json!(format!("video/mp4;{}", "a".repeat(250))),
                "content_type",
                Invalid,
            ),
            (
                "content_type",
                json!("video/mp4,text/html"),
                "content_type",
                TypeNotAllowed,
            ),
            ("size_bytes", json!(null), "size_bytes", Invalid),
            ("size_bytes", json!(0), "size_bytes", Invalid),
            ("size_bytes", json!(-1), "size_bytes", Invalid),
            ("size_bytes", json!(1.5), "size_bytes", Invalid),
            ("size_bytes", json!("9"), "size_bytes", Invalid),
            ("size_bytes", json!(1001), "size_bytes", TooLarge),
            ("title", json!("x".repeat(201)), "title", Invalid),
            ("metadata", json!([]), "metadata", Invalid),
            ("metadata", json!({"a": 1}), "metadata", Invalid),
            ("metadata", json!({"": "x"}), "metadata", Invalid),
        ] {
            let mut body = good();
            body[field] = value.clone();
            let refused = UploadRequest::parse(&body, LIMITS).unwrap_err();
            assert_eq!(
                (refused.field, refused.kind),
                (named, kind),
                "{field}: {value}"
            );
        }
        assert_eq!(
            UploadRequest::parse(&json!([]), LIMITS).unwrap_err().field,
            "body"
        );
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_within_the_limits(size: u64, name in "[a-z]{1,8}\\.(mp4|MOV|txt)") {
            let mut body = good();
            body["size_bytes"] = json!(size);
            body["filename"] = json!(name);
            body["content_type"] = json!("application/octet-stream");
            if let Ok(request) = UploadRequest::parse(&body, LIMITS) {
                prop_assert!((1..=1000).contains(&request.size_bytes));
                prop_assert!(!request.filename.ends_with("txt"));
            }
        }
    }
}
