//! The event: which videos it names, and what to answer to whoever delivered it.
//!
//! A task of the state machine is one piece of work. An error is its answer; of a run that has
//! failed it is told whose fault that was.
//!
//! An event of S3 is delivered until it is acknowledged.
//! An answer without error acknowledges the event. An error brings it back later, and after the
//! last try into the failure queue. So: what can't be helped by trying again is acknowledged.

use std::time::Duration;

use reelrun_core::{
    event::{self, Record},
    lifecycle::timing::{FULL_INVOCATION_SLACK, SHUTDOWN_MARGIN},
    task::{self, RunEnd, Task},
};
use serde::Deserialize as _;
use serde_json::Value;
use tokio::time::Instant;

use crate::{error::StepError, finish::out_of_time, job::Transcoder};

/// The time that there is for an event.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// When it began.
    pub begun: Instant,
    /// When it must have ended.
    pub deadline: Instant,
}

impl Invocation {
    /// One that begins now and may take this long.
    pub fn lasting(time: Duration) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            deadline: begun + time,
        }
    }

    /// Returns when there is just time enough left to say so: why an encode that began at this time is
    /// not done. One that had the whole invocation would need the same time again; one that had to wait,
    /// for a lease or for other videos of the event, is tried once more.
    pub(crate) async fn is_over_for(self, encode_begun: Instant) -> StepError {
        tokio::time::sleep_until(self.deadline - SHUTDOWN_MARGIN).await;
        let waited = encode_begun - self.begun;
        if waited <= FULL_INVOCATION_SLACK {
            out_of_time().into()
        } else {
            StepError::Transient(format!(
                "the encode was not done in time, but began {} s late",
                waited.as_secs()
            ))
        }
    }
}

/// Handles one event.
pub async fn handle(
    transcoder: &Transcoder,
    event: &Value,
    invocation: Invocation,
) -> Result<Option<RunEnd>, StepError> {
    if task::is_task(event) {
        let task = Task::deserialize(event)
            .map_err(|why| StepError::Internal(format!("not a task: {why}")))?;
        return Box::pin(transcoder.perform(&task, invocation)).await;
    }
    let mut failed = None;
    for record in event::parse(event) {
        match record {
            Record::Ignored(why) => tracing::info!(why, "record ignored"),
            Record::Source(source) if !transcoder.storage.is_uploads_bucket(&source.bucket) => {
                tracing::warn!(bucket = source.bucket, "record ignored: not our bucket");
            }
            Record::Source(source) => {
                let video = source.video;
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

#[cfg(test)]
mod tests {
    use reelrun_media::error::ErrorType;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn only_an_encode_that_had_all_the_time_is_too_long() {
        let invocation = Invocation::lasting(SHUTDOWN_MARGIN);
        let begun = invocation.begun;
        let late = invocation.is_over_for(begun + Duration::from_secs(3)).await;
        assert!(
            matches!(&late, StepError::InvalidMedia(why) if why.kind == ErrorType::TooLong),
            "{late}"
        );
        let waited = invocation
            .is_over_for(begun + Duration::from_secs(80))
            .await;
        assert!(matches!(waited, StepError::Transient(_)), "{waited}");
    }
}
