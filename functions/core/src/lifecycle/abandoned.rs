//! A video that nobody will finish, and nobody could say so: it has failed, whatever its record says.

use super::{MAX_ATTEMPTS, timing::ABANDONED_AFTER};
use crate::{
    timestamp::Timestamp,
    video::{Status, Video},
};
use reelrun_media::error::{ErrorType, VideoError};

/// Whether no encode will come any more although none has ended: the function was killed each time
/// (memory that runs out takes it along), so that nobody could write the end down.
pub fn is_abandoned(video: &Video, now: Timestamp) -> bool {
    let holder = video.holder.as_ref();
    // A run that has started is not retried by anyone: it holds its lease for as long as it may last.
    let is_last = video.attempts >= MAX_ATTEMPTS || video.run().is_some();
    let is_over = holder.is_none_or(|holder| holder.until + ABANDONED_AFTER < now);
    video.status == Status::Preparing && is_last && is_over
}

/// A record as it must be read at this time: an abandoned video has failed, and a run's progress is
/// that of its parts.
#[must_use]
pub fn as_of(now: Timestamp, mut video: Video) -> Video {
    if let Some(run) = video.holder.as_ref().and_then(|holder| holder.run.as_ref()) {
        // The last hundredths are publishing.
        video.progress = 0.98 * run.parts_done.len() as f64 / f64::from(run.parts_total.get());
    }
    if is_abandoned(&video, now) {
        video.status = Status::Errored;
        video.error = Some(out_of_attempts());
    }
    video
}

/// The end of a video that could not be encoded by our fault.
pub fn out_of_attempts() -> VideoError {
    VideoError::new(
        ErrorType::Internal,
        format!(
            "It could not be transcoded in {MAX_ATTEMPTS} attempts. The upload is kept, and the operator of this service can have it tried again."
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::video::Holder;

    #[test]
    fn a_video_whose_function_was_killed_each_time_has_failed() {
        let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        let until = Timestamp::from_secs(1000);
        let video = |attempts| Video {
            status: Status::Preparing,
            attempts,
            holder: Some(Holder {
                name: "function".into(),
                until,
                run: None,
            }),
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
        };
        let status = |video: Video, now| as_of(now, video).status;
        let last = until + ABANDONED_AFTER;
        let later = last + Duration::from_millis(1);
        assert_eq!(status(video(3), last), Status::Preparing);
        assert_eq!(status(video(3), later), Status::Errored);
        let kind = as_of(later, video(3)).error.map(|error| error.kind);
        assert_eq!(kind, Some(ErrorType::Internal));
        assert_eq!(status(video(2), later), Status::Preparing);
    }
}
