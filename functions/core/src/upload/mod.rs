//! The permission to upload: what a client asks for, and whether it may.

pub mod details;
pub mod sign;
pub mod track;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

use reelrun_media::encryption::Encryption;

use crate::{
    media_type::{self, MAX_DECLARED_BYTES},
    video::Visibility,
};

/// What one deployment accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// The largest source, in bytes.
    pub max_bytes: u64,
    /// From this size on, in bytes, a source is sent in parts.
    pub multipart_from: u64,
}

/// A request to upload one source, as a client sends it.
#[derive(Deserialize, ToSchema)]
#[schema(as = UploadRequest)]
pub struct UploadBody {
    /// The file's name on its owner's disk, in 1 to 255 bytes of UTF-8. It must end in an accepted
    /// extension.
    #[schema(value_type = String, required, min_length = 1, max_length = 255, examples("holiday.mp4"))]
    filename: Option<String>,
    /// Its MIME type, as far as the client knows: any type of video or sound,
    /// `application/octet-stream`, or an empty text. The file is stored with the type that belongs to
    /// its extension, which the upload must then carry: it is among the `headers` of the answer.
    #[schema(value_type = String, required, max_length = 255, examples("video/mp4"))]
    content_type: Option<String>,
    /// Its exact size in bytes, which the upload must then have.
    #[schema(value_type = u64, required, minimum = 1, examples(1_048_576))]
    size_bytes: Option<u64>,
    /// What the owner calls it.
    #[serde(default, deserialize_with = "details::title")]
    #[schema(schema_with = details::title_schema, required = false)]
    title: Option<String>,
    /// The owner's own key-value pairs.
    #[serde(default, deserialize_with = "details::metadata")]
    #[schema(schema_with = details::metadata_schema, required = false)]
    metadata: BTreeMap<String, String>,
    /// Who may watch it. Without it, what the deployment says (`DefaultVisibility`).
    #[schema(nullable = false)]
    visibility: Option<Visibility>,
    /// How its segments are encrypted, if they are to be: of private videos only, and for good.
    #[schema(nullable = false)]
    encryption: Option<Encryption>,
}

/// A request to upload one source that may be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UploadRequest {
    /// The file's name on its owner's disk.
    pub filename: String,
    /// The MIME type that belongs to its extension.
    pub content_type: &'static str,
    /// Its exact size in bytes.
    pub size_bytes: u64,
    /// What the owner calls it.
    pub title: Option<String>,
    /// The owner's own key-value pairs.
    pub metadata: BTreeMap<String, String>,
    /// Who may watch it, if the request says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// How its segments are encrypted, if they are to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

/// Why a request is refused, and by which field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    /// What kind of refusal it is.
    pub kind: RefusedKind,
    /// The field at fault, as the client spelled it.
    pub field: Cow<'static, str>,
    /// What is wrong with it, and how to fix that.
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
    /// Reads a request from its JSON, and decides whether this deployment accepts it.
    pub fn parse(body: &Value, limits: UploadLimits) -> Result<Self, Refused> {
        let body: UploadBody = read(body)?;
        let filename = filename(body.filename, "holiday.mp4")?;
        let declared = required(
            "content_type",
            body.content_type,
            "the file's MIME type, as video/mp4",
        )?;
        if declared.len() > MAX_DECLARED_BYTES || declared.chars().any(char::is_control) {
            return Err(invalid(
                "content_type",
                format!(
                    "content_type must have up to {MAX_DECLARED_BYTES} bytes without control characters"
                ),
            ));
        }
        let content_type = media_type::check(&filename, &declared).map_err(|why| Refused {
            kind: RefusedKind::TypeNotAllowed,
            field: match why {
                media_type::Refused::Extension(_) => "filename".into(),
                media_type::Refused::ContentType { .. } => "content_type".into(),
            },
            detail: why.to_string(),
        })?;
        let size_bytes = size_bytes(body.size_bytes, limits.max_bytes)?;
        Ok(Self {
            filename,
            content_type,
            size_bytes,
            title: body.title,
            metadata: body.metadata,
            visibility: body.visibility,
            encryption: body.encryption,
        })
    }

    /// Who may watch it where this is the default; refused if its segments can't be encrypted then. Of a
    /// public video, everybody could have the key.
    pub fn visibility_or(&self, default: Visibility) -> Result<Visibility, Refused> {
        let visibility = self.visibility.unwrap_or(default);
        if self.encryption.is_some() && !visibility.is_private() {
            return Err(invalid(
                "encryption",
                "encryption: only private videos are encrypted; ask for \"visibility\": \"private\" as well",
            ));
        }
        Ok(visibility)
    }
}

/// Reads a request's body; a refusal names the field at fault.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a Value) -> Result<T, Refused> {
    // Derived code would take an array's items for the fields.
    if !body.is_object() {
        return Err(invalid("body", "the body must be a JSON object"));
    }
    serde_path_to_error::deserialize(body).map_err(|why| match why.path().iter().next() {
        Some(Segment::Map { key }) => {
            invalid(key.clone(), format!("{}: {}", why.path(), why.inner()))
        }
        _ => invalid("body", why.inner().to_string()),
    })
}

/// The name of a file on its owner's disk.
fn filename(field: Option<String>, example: &str) -> Result<String, Refused> {
    let what = format!("the name of the file, as {example}");
    let filename = required("filename", field, &what)?;
    if filename.is_empty() || filename.len() > MAX_FILENAME_BYTES {
        let detail = format!("filename must have 1 to {MAX_FILENAME_BYTES} bytes");
        return Err(invalid("filename", detail));
    }
    Ok(filename)
}

/// The size that an upload must have.
fn size_bytes(field: Option<u64>, max: u64) -> Result<u64, Refused> {
    let size_bytes = required("size_bytes", field, "the file's exact size in bytes")?;
    if size_bytes == 0 {
        let detail = "the file is empty: size_bytes must be at least 1";
        return Err(invalid("size_bytes", detail));
    }
    if size_bytes > max {
        return Err(Refused {
            kind: RefusedKind::TooLarge,
            field: "size_bytes".into(),
            detail: format!("the file has {size_bytes} bytes; at most {max} are accepted"),
        });
    }
    Ok(size_bytes)
}

/// The value of a field that may not be left out, nor be null.
fn required<T>(field: &'static str, value: Option<T>, what: &str) -> Result<T, Refused> {
    value.ok_or_else(|| invalid(field, format!("{field} is missing: {what}")))
}

pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Refused {
    Refused {
        kind: RefusedKind::Invalid,
        field: field.into(),
        detail: detail.into(),
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
                (&*refused.field, refused.kind),
                (named, kind),
                "{field}: {value}"
            );
        }
        assert_eq!(
            UploadRequest::parse(&json!([]), LIMITS).unwrap_err().field,
            "body"
        );
    }

    #[test]
    fn only_private_videos_are_encrypted() {
        let asked = |more: Value, default| {
            let mut body = good();
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let request = UploadRequest::parse(&body, LIMITS).unwrap();
            let visibility = request.visibility_or(default);
            visibility.map_err(|refused| (refused.kind, refused.field.into_owned()))
        };
        let refused = Err((RefusedKind::Invalid, "encryption".to_owned()));
        let encrypted = json!({"encryption": "aes-128"});
        assert_eq!(asked(encrypted.clone(), Visibility::Public), refused);
        assert_eq!(
            asked(encrypted.clone(), Visibility::Private),
            Ok(Visibility::Private)
        );
        for (said, expected) in [
            ("private", Ok(Visibility::Private)),
            ("public", refused.clone()),
        ] {
            let mut more = encrypted.clone();
            more["visibility"] = json!(said);
            assert_eq!(asked(more, Visibility::Private), expected);
        }
        assert_eq!(asked(json!({}), Visibility::Public), Ok(Visibility::Public));
        let mut unknown = good();
        unknown["encryption"] = json!("rot13");
        let refused = UploadRequest::parse(&unknown, LIMITS).unwrap_err();
        assert_eq!(refused.field, "encryption");
    }

    #[test]
    fn a_field_that_is_missing_or_wrong_within_is_named() {
        let refused = |field: &str, value: Option<Value>| {
            let mut body = good();
            match value {
                Some(value) => body[field] = value,
                None => drop(body.as_object_mut().unwrap().remove(field)),
            }
            let refused = UploadRequest::parse(&body, LIMITS).unwrap_err();
            (refused.field.into_owned(), refused.detail)
        };
        for field in ["filename", "content_type", "size_bytes"] {
            let (named, detail) = refused(field, None);
            assert_eq!(named, field);
            assert!(
                detail.starts_with(&format!("{field} is missing: ")),
                "{detail}"
            );
        }
        let (field, detail) = refused("size_bytes", Some(json!(1.5)));
        assert_eq!(field, "size_bytes");
        assert_eq!(
            detail,
            "size_bytes: invalid type: floating point `1.5`, expected u64"
        );
        let (field, detail) = refused("metadata", Some(json!({"album": 1})));
        assert_eq!(field, "metadata");
        assert_eq!(
            detail,
            "metadata.album: invalid type: integer `1`, expected a string"
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
