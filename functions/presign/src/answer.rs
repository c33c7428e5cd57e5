//! What the calls answer.
//!
//! Fields with several values have an `example`, as utoipa repeats `examples` for each value.

use std::collections::BTreeMap;

use reelrun_core::{
    video::{Status, VideoId, Visibility},
    view::TrackView,
};
use serde::Serialize;
use utoipa::ToSchema;

/// An upload that is permitted, and the video that it will be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantedUpload {
    /// The video, which exists from now on and is `waiting`.
    pub(crate) video_id: VideoId,
    /// Where to look it up.
    #[schema(format = "uri")]
    pub(crate) video_url: String,
    /// Authorizes this upload only: send it as `Authorization: Bearer <upload_token>` to `sign_url`, and with
    /// `completeUpload`.
    pub(crate) upload_token: String,
    /// How to send the file.
    pub(crate) upload: Upload,
}

/// How to send the file: in one request, or in parts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "strategy", rename_all = "lowercase")]
pub(crate) enum Upload {
    /// The whole file in one request.
    #[schema(title = "SingleUpload")]
    Single {
        /// The method of that request.
        method: UploadMethod,
        /// Where to send it. The URL carries a signature: whoever has it may send the file.
        #[schema(format = "uri")]
        url: String,
        /// Headers that the request must carry, by their names.
        #[schema(example = json!({"content-type": "video/mp4", "if-none-match": "*"}))]
        headers: BTreeMap<&'static str, String>,
        /// When the URL expires: RFC 3339, UTC.
        #[schema(format = DateTime)]
        expires_at: String,
        /// The name of the file in storage.
        #[schema(examples("uploads/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source"))]
        key: String,
        /// Where to get the URL signed again.
        #[schema(format = "uri")]
        sign_url: String,
    },
    /// An S3 multipart upload, each of whose requests is signed by `sign_url`.
    #[schema(title = "MultipartUpload")]
    Multipart {
        /// The name of the file in storage.
        #[schema(examples("uploads/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source"))]
        key: String,
        /// The length of all parts but the last, in bytes.
        #[schema(examples(16_777_216))]
        part_size_bytes: u64,
        /// Where to get each request signed.
        #[schema(format = "uri")]
        sign_url: String,
        /// When requests stop being signed: RFC 3339, UTC.
        #[schema(format = DateTime)]
        expires_at: String,
    },
}

/// A track that was added, and how to send its file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantedTrack<'a> {
    /// The track, which is `waiting` for its file.
    pub(crate) track: TrackView<'a>,
    /// How to send the file.
    pub(crate) upload: TrackUpload,
}

/// How to send a track's file: in one request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrackUpload {
    /// The method of that request.
    pub(crate) method: UploadMethod,
    /// Where to send it. The URL carries a signature: whoever has it may send the file.
    #[schema(format = "uri")]
    pub(crate) url: String,
    /// Headers that the request must carry, by their names.
    #[schema(example = json!({"content-type": "application/octet-stream", "if-none-match": "*"}))]
    pub(crate) headers: BTreeMap<&'static str, String>,
    /// When the URL expires: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// The name of the file in storage.
    #[schema(examples(
        "tracks/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/source"
    ))]
    pub(crate) key: String,
}

/// An upload that is complete.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompletedUpload {
    /// The video.
    pub(crate) video_id: VideoId,
    /// Where to look it up.
    #[schema(format = "uri")]
    pub(crate) video_url: String,
    /// Where it is now; `waiting` until its encode has begun.
    pub(crate) status: Status,
}

/// The method that sends a whole file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum UploadMethod {
    Put,
}

/// A request to storage that is signed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedRequest {
    /// Where to send it.
    #[schema(format = "uri")]
    pub(crate) url: String,
    /// Headers that it must carry, by their names.
    #[schema(example = json!({"content-type": "video/mp4", "if-none-match": "*"}))]
    pub(crate) headers: BTreeMap<&'static str, String>,
}

/// What may be uploaded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// The largest file, in bytes.
    pub(crate) max_upload_bytes: u64,
    /// Which files are accepted.
    pub(crate) accepted: Vec<AcceptedType>,
    /// Who may watch a video of which its upload says nothing else.
    pub(crate) default_visibility: Visibility,
}

/// An extension that is accepted, in any letter case.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedType {
    /// Without a dot.
    #[schema(examples("mp4"))]
    pub(crate) extension: &'static str,
    /// The MIME types that are accepted with it, preferred first; `application/octet-stream` is, too.
    #[schema(example = json!(["video/mp4", "application/mp4"]))]
    pub(crate) content_types: Vec<&'static str>,
}
