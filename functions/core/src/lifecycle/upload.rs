//! A video that waits for its upload.

use serde_json::Value;

use super::{Change, Field, Guard, Transition, is, stored};
use crate::{
    timestamp::Timestamp,
    video::{Status, Video},
};

/// A source has arrived, so its record must not expire as one that nobody used.
pub fn clear_ttl() -> Transition {
    Transition {
        name: "clear the record's TTL",
        guard: is(Status::Waiting),
        changes: vec![Change::Remove(Field::ExpiresAt)],
    }
}

/// Whoever uploaded a source says that it is there, which is announced to the transcode function: once, since
/// nothing comes of more, and whoever has the upload's token may say so as often as he likes.
pub fn report_upload(now: Timestamp) -> Transition {
    Transition {
        name: "record that the upload is complete",
        guard: Guard::All(vec![
            is(Status::Waiting),
            Guard::Absent(Field::UploadReportedAt),
        ]),
        changes: vec![
            Change::Set(Field::UploadReportedAt, stored(now)),
            Change::Remove(Field::ExpiresAt),
        ],
    }
}

/// An upload that still waits gets the token of a newer permission, and its time; the old token is void.
pub fn renew_upload(newer: &Video) -> Transition {
    let set = |field, value: Option<Value>| match value {
        Some(value) => Change::Set(field, value),
        None => Change::Remove(field),
    };
    let token = newer.upload_token.as_ref();
    let (hash, until) = token
        .map(|token| (token.hash.as_str(), token.valid_until.as_secs()))
        .unzip();
    let expires_at = newer.expires_at.map(Timestamp::as_secs);
    Transition {
        name: "renew the upload",
        guard: is(Status::Waiting),
        changes: vec![
            set(Field::UploadTokenHash, hash.map(Into::into)),
            set(Field::UploadUntil, until.map(Into::into)),
            set(Field::ExpiresAt, expires_at.map(Into::into)),
        ],
    }
}

/// Parts of this multipart upload (a hash of its id) may be sent: it is one of this many, at most, of a
/// video that waits. Each holds as many bytes as the source has.
pub fn admit_multipart(upload: &str, most: u32) -> Transition {
    Transition {
        name: "admit the multipart upload",
        guard: Guard::All(vec![
            is(Status::Waiting),
            Guard::Any(vec![
                Guard::Absent(Field::MultipartUploads),
                Guard::Fewer(Field::MultipartUploads, most),
                Guard::Contains(Field::MultipartUploads, upload.into()),
            ]),
        ]),
        changes: vec![Change::InsertText(Field::MultipartUploads, upload.into())],
    }
}
