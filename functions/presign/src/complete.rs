//! `POST /uploads/{id}/complete`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::IntoResponse,
};
use http::{HeaderMap, StatusCode};
use reelrun_core::{
    event::{self, Sender},
    keys::Folder,
    lifecycle::{self, Outcome, sweep::StoredSource},
    video::{Status, Video, VideoId},
};
use reelrun_platform::{
    now,
    problem::{Problem, ProblemKind},
    problems,
};

use crate::{Presign, answer::CompletedUpload, sign::not_opened};

problems! {
    CompleteProblems: Unauthorized, Forbidden, UploadExpired, Conflict, Internal;
}

/// Say that an upload is complete
///
/// Optional: storage reports every file that it has stored, and encoding begins with whichever comes first.
/// This spares waiting for that report, which takes a second or so, at times longer. Call it once the `PUT`
/// has been answered, or the multipart upload is complete. Whether it fails, or is called again, changes
/// nothing about the video. There is no such call for text tracks, which wait for nobody.
#[utoipa::path(
    post,
    path = "/uploads/{id}/complete",
    operation_id = "completeUpload",
    tag = "uploads",
    params(("id" = VideoId, Path, description = "The `video_id` of the upload.")),
    responses(
        (status = 202, description = "The file is there; encoding begins, or has begun.", body = CompletedUpload),
        CompleteProblems,
    ),
    security(("upload_token" = []))
)]
pub(crate) async fn complete_upload(
    State(presign): State<Arc<Presign>>,
    id: Result<Path<String>, PathRejection>,
    request_headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let video = presign.opened(id, &request_headers).await?;
    let status = match video.status {
        Status::Waiting => presign.report(&video).await?,
        later => later,
    };
    let completed = CompletedUpload {
        video_id: video.id,
        video_url: format!("{}/videos/{}", presign.api_url, video.id),
        status,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(completed)))
}

impl Presign {
    /// Announces the source of a video that waits for it: once, however often it is reported. Should that
    /// one be lost, there is storage's own.
    async fn report(&self, video: &Video) -> Result<Status, Problem> {
        let source = self.arrived(video).await?;
        let report = lifecycle::report_upload(now());
        let reported = self.catalog.apply(video.id, &report).await;
        match reported.map_err(|why| Problem::internal(&why))? {
            Outcome::Done(video) => {
                let bucket = self.storage.uploads_bucket();
                let event = event::announcement(Sender::Uploader, bucket, &source);
                let sent = self.transcode.send(&event).await;
                sent.map_err(|why| Problem::internal(&why))?;
                tracing::info!(video.id = %video.id, "upload reported");
                Ok(video.status)
            }
            Outcome::Refused(Some(video)) => Ok(video.status),
            Outcome::Refused(None) => Err(not_opened()),
        }
    }

    /// The source, which must be there as it was permitted.
    async fn arrived(&self, video: &Video) -> Result<StoredSource, Problem> {
        let source = self.storage.source(Folder::of(video)).await;
        let source = source.map_err(|why| Problem::internal(&why))?;
        let conflict = |detail: String| Problem::new(ProblemKind::Conflict, detail);
        let source = source.ok_or_else(|| {
            conflict("Nothing is stored there yet. Send the file first, then say so again.".into())
        })?;
        if source.size_bytes != video.size_bytes {
            return Err(conflict(format!(
                "{} bytes are stored, and {} were announced. Start the upload again, with the file's true size.",
                source.size_bytes, video.size_bytes
            )));
        }
        Ok(source)
    }
}
