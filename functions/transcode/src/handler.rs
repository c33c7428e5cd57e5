//! The event: which videos it names, and what to answer to whoever delivered it.
//!
//! A task of the state machine is one piece of work. An error is its answer; of a run that has
//! failed it is told whose fault that was.
//!
//! The tracks function asks for the texts that are in a video's file.
//!
//! An event of S3 is delivered until it is acknowledged.
//! An answer without error acknowledges the event. An error brings it back later, and after the
//! last try into the failure queue. So: what can't be helped by trying again is acknowledged.

use reelrun_core::{
    event::{self, Record},
    task::{self, RunEnd, Task},
};
use serde::Deserialize as _;
use serde_json::Value;

use crate::{error::StepError, invocation::Invocation, transcoder::Transcoder};

/// Handles one event.
pub async fn handle(
    transcoder: &Transcoder,
    event: &Value,
    invocation: &Invocation,
) -> Result<Option<RunEnd>, StepError> {
    if task::is_task(event) {
        let task = Task::deserialize(event)
            .map_err(|why| StepError::Internal(format!("not a task: {why}")))?;
        return Box::pin(transcoder.perform(&task, invocation)).await;
    }
    if let Some(video) = event::parse_embedded_tracks(event) {
        return Box::pin(transcoder.extract_texts(video, invocation))
            .await
            .map(|()| None);
    }
    let mut failed = None;
    for record in event::parse(event) {
        match record {
            Record::Ignored(why) => tracing::info!(why, "record ignored"),
            Record::Source(source) if !transcoder.storage.is_uploads_bucket(&source.bucket) => {
                tracing::warn!(bucket = source.bucket, "record ignored: not our bucket");
            }
            Record::Source(source) => {
                let video = source.folder.video;
                // One video's failure must not keep the others of the batch waiting.
                if let Err(why) = Box::pin(transcoder.transcode(&source, invocation)).await {
                    tracing::error!(video.id = %video, error = %why, "transcode failed");
                    failed = Some(why);
                }
            }
        }
    }
    failed.map_or(Ok(None), Err)
}
