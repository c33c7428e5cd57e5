//! The time that a function has for an event.

use std::time::Duration;

use reelrun_core::lifecycle::timing::{FULL_INVOCATION_SLACK, SHUTDOWN_MARGIN};
use tokio::time::Instant;

use crate::{error::StepError, finish::out_of_time, trace::Trace};

/// The time that there is for an event.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// When it began.
    pub begun: Instant,
    /// When it must have ended.
    pub deadline: Instant,
    /// What it is spent on.
    pub trace: Trace,
}

impl Invocation {
    /// One that begins now and may take this long.
    pub fn lasting(time: Duration) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            deadline: begun + time,
            trace: Trace::begin(),
        }
    }

    /// Returns when there is just time enough left to say so: why an encode that began at this time is
    /// not done. One that had the whole invocation would need the same time again; one that had to wait,
    /// for a lease or for other videos of the event, is tried once more.
    pub(crate) async fn is_over_for(&self, encode_begun: Instant) -> StepError {
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
