//! Why a step did not succeed, by whose fault it is: that decides what happens next.

use reelrun_media::{error::VideoError, stitch::StitchError};
use reelrun_platform::{
    catalog::CatalogError, failure::FailureKind, state_machine::StateMachineError,
    storage::StorageError,
};

/// A step's failure.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The source is at fault: the video ends as `errored`, the event is done with.
    #[error(transparent)]
    InvalidMedia(#[from] VideoError),
    /// A program came to a stop. The source's fault, unless storage stopped giving it.
    #[error("a program came to a stop: {0}")]
    Stalled(VideoError),
    /// What should be encoded first does not come out of where the source was entered.
    #[error("the source was entered too late: {0}")]
    EnteredLate(String),
    /// A program crashed on what it read.
    #[error("a program crashed: {0}")]
    Crashed(VideoError),
    /// Another encode took over: this one stops and leaves everything to it.
    #[error("another encode took over")]
    LeaseLost,
    /// Something around us failed; the same step may well succeed later.
    #[error("{0}")]
    Transient(String),
    /// A mistake of ours: trying again is the only hope.
    #[error("internal error: {0}")]
    Internal(String),
}

impl StepError {
    /// A program took a connection that broke for the end of the source.
    pub(crate) fn unread(stderr: &str) -> Self {
        Self::Transient(format!(
            "the source could not be read to its end: {}",
            stderr.trim()
        ))
    }
}

impl StepError {
    /// A call to AWS that failed: what stays like this until somebody fixes it is ours.
    fn of(kind: FailureKind, why: &impl ToString) -> Self {
        match kind {
            FailureKind::Transient => Self::Transient(why.to_string()),
            FailureKind::Permanent => Self::Internal(why.to_string()),
        }
    }
}

impl From<StorageError> for StepError {
    fn from(why: StorageError) -> Self {
        Self::of(why.kind(), &why)
    }
}

/// What was stored is not one video: it can't be the source's fault, nor pass by itself.
impl From<StitchError> for StepError {
    fn from(why: StitchError) -> Self {
        Self::Internal(why.to_string())
    }
}

impl From<StateMachineError> for StepError {
    fn from(why: StateMachineError) -> Self {
        Self::of(why.kind(), &why)
    }
}

impl From<CatalogError> for StepError {
    fn from(why: CatalogError) -> Self {
        match &why {
            CatalogError::LeaseLost => Self::LeaseLost,
            CatalogError::Unavailable { source, .. } => Self::of(source.kind(), &why),
            CatalogError::Malformed(_) => Self::Internal(why.to_string()),
        }
    }
}
