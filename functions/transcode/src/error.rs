//! Why a step did not succeed, by whose fault it is: that decides what happens next.

use std::error::Error;

use reelrun_media::{error::VideoError, stitch::StitchError};
use reelrun_platform::{
    catalog::{CatalogError, Unchanged},
    failure::FailureKind,
    state_machine::StateMachineError,
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
    /// A call to AWS failed. Whether it may succeed later, its kind says.
    #[error("{source}")]
    Aws {
        /// Whether it may succeed later.
        kind: FailureKind,
        /// What was asked of whom, and why it was not done.
        source: Box<dyn Error + Send + Sync>,
    },
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
    /// The name by which retries, queues and dashboards tell failures apart. What stays as it is until
    /// somebody fixes it is our fault, whoever says so.
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidMedia(_) | Self::Crashed(_) => "InvalidMedia",
            Self::LeaseLost => "LeaseLost",
            Self::Transient(_)
            | Self::Stalled(_)
            | Self::Aws {
                kind: FailureKind::Transient,
                ..
            } => "Transient",
            Self::EnteredLate(_)
            | Self::Internal(_)
            | Self::Aws {
                kind: FailureKind::Permanent,
                ..
            } => "Internal",
        }
    }

    fn aws(kind: FailureKind, why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Aws {
            kind,
            source: why.into(),
        }
    }
}

impl From<StorageError> for StepError {
    fn from(why: StorageError) -> Self {
        Self::aws(why.kind(), why)
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
        Self::aws(why.kind(), why)
    }
}

impl From<CatalogError> for StepError {
    fn from(why: CatalogError) -> Self {
        match &why {
            CatalogError::LeaseLost => Self::LeaseLost,
            CatalogError::Unavailable { source, .. } => Self::aws(source.kind(), why),
            CatalogError::Malformed(_) => Self::Internal(why.to_string()),
        }
    }
}

/// Nobody holds a video that is gone.
impl From<Unchanged<Self>> for StepError {
    fn from(why: Unchanged<Self>) -> Self {
        match why {
            Unchanged::Missing => Self::LeaseLost,
            Unchanged::Refused(why) => why,
            Unchanged::Busy => Self::Transient("the record changes too fast".into()),
            Unchanged::Catalog(why) => why.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_refuses_for_good_is_ours_and_keeps_its_cause() {
        let why = || std::io::Error::other("no such bucket");
        let passing = StepError::aws(FailureKind::Transient, why());
        let staying = StepError::aws(FailureKind::Permanent, why());
        assert_eq!((passing.name(), staying.name()), ("Transient", "Internal"));
        assert_eq!(staying.to_string(), "no such bucket");
        let source = staying.source().expect("the cause");
        assert!(source.downcast_ref::<std::io::Error>().is_some());
    }
}
