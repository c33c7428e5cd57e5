//! Which requests to storage an upload needs: those are signed, and nothing else is.
//!
//! A request to be signed has the shape in which Uppy's `@uppy/aws-s3` asks for one (`signRequest`):
//! `{method, key, uploadId?, partNumber?, contentType?}`. Method, upload id and part number say which
//! operation of S3 is meant:
//!
//! | | without `uploadId` | with `uploadId` |
//! |---|---|---|
//! | `PUT` | the whole source | a part (`partNumber`) |
//! | `POST` | begin a multipart upload | complete it |
//! | `GET` | refused | list its parts |
//! | `DELETE` | refused | abort it |
//!
//! Each part's exact length is signed with it, so what is completed can't be more than was declared.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Refused, invalid, read, required};
use crate::{
    keys::{Folder, StorageKey},
    video::{Status, Video},
};

/// S3's limit.
const MAX_PARTS: u64 = 10_000;

/// How many of them it lists in one answer.
const LISTED_PARTS: u64 = 1000;

const MIB: u64 = 1 << 20;

/// Small enough that a part lost on a bad line is soon sent again, large enough that the time to sign
/// each is negligible.
const USUAL_PART: u64 = 16 * MIB;

/// What is lost with a part that breaks off late, at most, in sources of up to 2.4 TiB.
const LARGE_PART: u64 = 256 * MIB;

/// How many multipart uploads one permission allows. Each may hold as many bytes as the source has until
/// it is completed or aborted. A client that resumes needs one; the others are for attempts that broke
/// off.
pub const MAX_MULTIPART_UPLOADS: u32 = 10;

/// S3's upload ids have about a hundred characters.
const MAX_UPLOAD_ID: usize = 1024;

/// A request to storage, to be signed. What it means depends on all fields together:
///
/// | to | `method` | `uploadId` | `partNumber` |
/// |---|---|---|---|
/// | send the file whole (up to 5 GiB) | `PUT` | | |
/// | begin a multipart upload | `POST` | | |
/// | send a part | `PUT` | yes | from 1 |
/// | list the parts that are there | `GET` | yes | |
/// | complete it | `POST` | yes | |
/// | abort it | `DELETE` | yes | |
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignRequest {
    /// The method of the request to storage.
    #[schema(value_type = SignMethod, required)]
    method: Option<String>,
    /// The upload's own `key`.
    #[schema(
        value_type = String,
        required,
        examples("uploads/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source")
    )]
    key: Option<String>,
    /// The multipart upload, by the `UploadId` that storage gave it.
    #[schema(min_length = 1, max_length = 1024)]
    upload_id: Option<String>,
    /// The part's number: all but the last have exactly `part_size_bytes`.
    #[schema(minimum = 1, maximum = 10_000)]
    part_number: Option<u32>,
}

/// The methods that requests to storage have. For the schema: another one is no invalid field, but a
/// request that no upload needs.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = StorageMethod, description = "The methods that requests to storage have.")]
pub enum SignMethod {
    /// Lists parts.
    Get,
    /// Sends the source, or a part.
    Put,
    /// Begins or completes a multipart upload.
    Post,
    /// Aborts it.
    Delete,
}

/// An operation of S3 on an upload's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `PutObject`: the whole source.
    Put,
    /// `CreateMultipartUpload`.
    Create,
    /// `UploadPart`.
    Part {
        /// The multipart upload.
        upload_id: String,
        /// From 1.
        number: u32,
        /// Its exact length, in bytes.
        length: u64,
    },
    /// `ListParts`.
    List {
        /// The multipart upload.
        upload_id: String,
    },
    /// `CompleteMultipartUpload`.
    Complete {
        /// The multipart upload.
        upload_id: String,
    },
    /// `AbortMultipartUpload`.
    Abort {
        /// The multipart upload.
        upload_id: String,
    },
}

/// Why a request is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// It can't be read.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It is none that this upload needs.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Parts of [`MAX_MULTIPART_UPLOADS`] were signed.
    #[error(
        "parts of {MAX_MULTIPART_UPLOADS} multipart uploads were signed; go on with one of them, or ask for a new permission"
    )]
    TooMany,
    /// The source has arrived; no other may take its place.
    #[error("the source of this video has arrived already")]
    Arrived,
}

/// The length of all parts but the last of a source of this size, in bytes.
///
/// Where that does not make them large, there are no more parts than S3 lists at once: a client
/// that goes on with an upload, as Uppy, asks only once which parts are there.
pub fn part_size(size_bytes: u64) -> u64 {
    let least = size_bytes.div_ceil(MAX_PARTS);
    let listed = size_bytes.div_ceil(LISTED_PARTS).min(LARGE_PART);
    least.max(listed).next_multiple_of(MIB).max(USUAL_PART)
}

/// The exact length of a part of a source of this size; none if there is no such part.
pub fn part_length(size_bytes: u64, number: u32) -> Option<u64> {
    let size = part_size(size_bytes);
    let before = u64::from(number).checked_sub(1)? * size;
    let left = size_bytes.checked_sub(before)?;
    (left > 0).then_some(left.min(size))
}

impl Operation {
    /// Reads a request to be signed, and decides whether this video's upload needs it.
    pub fn permitted(body: &Value, video: &Video) -> Result<Self, NotSigned> {
        let request: SignRequest = read(body)?;
        let key = required("key", request.key, "the `key` of the upload")?;
        if key != StorageKey::Source(Folder::of(video)).to_string() {
            return Err(NotSigned::Forbidden("this is not the key of this upload"));
        }
        let upload_id = request.upload_id;
        if upload_id
            .as_ref()
            .is_some_and(|id| id.is_empty() || id.len() > MAX_UPLOAD_ID)
        {
            return Err(invalid("uploadId", "this is no upload id of S3").into());
        }
        let is_waiting = video.status == Status::Waiting;
        let while_waiting = |operation| {
            if is_waiting {
                Ok(operation)
            } else {
                Err(NotSigned::Arrived)
            }
        };
        let method = required("method", request.method, "that of the request to storage")?;
        match (method.as_str(), upload_id) {
            ("PUT", None) => while_waiting(Self::Put),
            ("POST", None) => while_waiting(Self::Create),
            ("PUT", Some(upload_id)) => {
                let part = request
                    .part_number
                    .and_then(|number| Some((number, part_length(video.size_bytes, number)?)));
                let Some((number, length)) = part else {
                    let last = video.size_bytes.div_ceil(part_size(video.size_bytes));
                    let detail = format!("partNumber must be a whole number from 1 to {last}");
                    return Err(invalid("partNumber", detail).into());
                };
                while_waiting(Self::Part {
                    upload_id,
                    number,
                    length,
                })
            }
            // Harmless at any time, and an answer that was lost is asked for again.
            ("GET", Some(upload_id)) => Ok(Self::List { upload_id }),
            // What was refused has left its place, and nothing comes there any more.
            ("POST", Some(_)) if video.status == Status::Errored => Err(NotSigned::Arrived),
            ("POST", Some(upload_id)) => Ok(Self::Complete { upload_id }),
            ("DELETE", Some(upload_id)) => Ok(Self::Abort { upload_id }),
            _ => Err(NotSigned::Forbidden(
                "an upload only needs to put, create, list, complete and abort",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ID: &str = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";

    fn video(status: Status) -> Video {
        let id = ID.parse().unwrap();
        Video {
            status,
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 40 * MIB)
        }
    }

    fn ask(changes: Value) -> Result<Operation, NotSigned> {
        let mut request = json!({"method": "PUT", "key": format!("uploads/{ID}/source")});
        for (name, value) in changes.as_object().unwrap() {
            request[name] = value.clone();
        }
        Operation::permitted(&request, &video(Status::Waiting))
    }

    #[test]
    fn what_an_upload_needs_is_permitted() {
        let upload_id = || "u".to_owned();
        for (request, operation) in [
            (json!({}), Operation::Put),
            (json!({"method": "POST"}), Operation::Create),
            (
                json!({"uploadId": "u", "partNumber": 3}),
                Operation::Part {
                    upload_id: upload_id(),
                    number: 3,
                    length: 8 * MIB,
                },
            ),
            (
                json!({"method": "GET", "uploadId": "u"}),
                Operation::List {
                    upload_id: upload_id(),
                },
            ),
            (
                json!({"method": "POST", "uploadId": "u"}),
                Operation::Complete {
                    upload_id: upload_id(),
                },
            ),
            (
                json!({"method": "DELETE", "uploadId": "u"}),
                Operation::Abort {
                    upload_id: upload_id(),
                },
            ),
        ] {
            assert_eq!(ask(request.clone()), Ok(operation), "{request}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for request in [
            json!({"method": "DELETE"}),
            json!({"method": "GET"}),
            json!({"method": "HEAD"}),
            json!({"method": "put"}),
            json!({"key": "uploads/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6f/source"}),
            json!({"key": format!("uploads/{ID}/source/")}),
            json!({"key": format!("videos/{ID}/master.m3u8")}),
            json!({"key": "x"}),
        ] {
            let answer = ask(request.clone());
            assert!(
                matches!(answer, Err(NotSigned::Forbidden(_))),
                "{request}: {answer:?}"
            );
        }
        for (request, field) in [
            (json!({"key": null}), "key"),
            (json!({"method": 7}), "method"),
            (json!({"uploadId": "", "partNumber": 1}), "uploadId"),
            (json!({"uploadId": "u"}), "partNumber"),
            (json!({"uploadId": "u", "partNumber": 0}), "partNumber"),
            (json!({"uploadId": "u", "partNumber": 4}), "partNumber"),
            (json!({"uploadId": "u", "partNumber": 1.5}), "partNumber"),
        ] {
            match ask(request.clone()) {
                Err(NotSigned::Refused(why)) => assert_eq!(why.field, field, "{request}"),
                answer => panic!("{request}: {answer:?}"),
            }
        }
    }

    #[test]
    fn a_source_that_has_arrived_stays() {
        let key = format!("uploads/{ID}/source");
        let ask = |method: &str, upload_id: Option<&str>| {
            let request =
                json!({"method": method, "key": key, "uploadId": upload_id, "partNumber": 1});
            Operation::permitted(&request, &video(Status::Preparing))
        };
        assert_eq!(ask("PUT", None), Err(NotSigned::Arrived));
        assert_eq!(ask("POST", None), Err(NotSigned::Arrived));
        assert_eq!(ask("PUT", Some("u")), Err(NotSigned::Arrived));
        assert!(
            ask("POST", Some("u")).is_ok(),
            "the answer to complete may have been lost"
        );
    }

    proptest! {
        #[test]
        fn parts_tile_the_source(size in 1_u64..60_000_000_000_000) {
            let count = size.div_ceil(part_size(size));
            prop_assert!(count <= MAX_PARTS);
            prop_assert!(count <= LISTED_PARTS || part_size(size) >= LARGE_PART);
            let count = u32::try_from(count).unwrap();
            let mut sum = 0;
            for number in 1..=count {
                sum += part_length(size, number).unwrap();
            }
            prop_assert_eq!(sum, size);
            prop_assert_eq!(part_length(size, count + 1), None);
            prop_assert_eq!(part_length(size, 0), None);
        }
    }
}
