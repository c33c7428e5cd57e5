//! Why a call to AWS did not do what was asked: whether to try again, with the cause kept.

use std::{error::Error, fmt};

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// A call that failed, after the SDK's own retries.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    source: Box<dyn Error + Send + Sync>,
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The service, the network or too many calls: try again.
    Transient,
    /// A permission, a resource or a request of ours: it stays like this until somebody fixes it.
    Permanent,
}

/// The codes of errors that stay, in the words of S3, DynamoDB, Step Functions and Lambda.
const PERMANENT: [&str; 18] = [
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "ExecutionAlreadyExists",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidArn",
    "InvalidName",
    "InvalidParameterValueException",
    "InvalidRequest",
    "KMS.DisabledException",
    "NoSuchBucket",
    "PermanentRedirect",
    "ResourceNotFoundException",
    "SignatureDoesNotMatch",
    "StateMachineDoesNotExist",
    "ValidationError",
    "ValidationException",
];

impl FailureKind {
    fn of_code(code: Option<&str>) -> Self {
        match code {
            Some(code) if PERMANENT.contains(&code) => Self::Permanent,
            _ => Self::Transient,
        }
    }
}

impl Failure {
    /// Whether the same call may succeed later.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// One that the SDK tells of.
    pub(crate) fn sdk<E, R>(why: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let kind = match &why {
            SdkError::ConstructionFailure(_) => FailureKind::Permanent,
            SdkError::ServiceError(error) => FailureKind::of_code(error.err().code()),
            _ => FailureKind::Transient,
        };
        Self {
            kind,
            source: Box::new(why),
        }
    }

    /// One that no later try changes.
    pub(crate) fn permanent(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            source: why.into(),
        }
    }

    /// One that a later try may change.
    pub(crate) fn transient(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Transient,
            source: why.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DisplayErrorContext(&*self.source).fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::{error::ErrorMetadata, operation::put_object::PutObjectError};

    use super::*;

    #[test]
    fn what_nobody_waits_for_is_told_from_what_passes() {
        let failed = |code: &str| {
            let metadata = ErrorMetadata::builder().code(code).message("Why.").build();
            Failure::sdk(SdkError::service_error(
                PutObjectError::generic(metadata),
                (),
            ))
        };
        for code in ["AccessDenied", "NoSuchBucket", "ValidationException"] {
            let failure = failed(code);
            assert_eq!(failure.kind(), FailureKind::Permanent, "{code}");
            assert!(failure.to_string().contains(code), "{failure}");
            assert!(failure.source().is_some());
        }
        for code in [
            "SlowDown",
            "ThrottlingException",
            "InternalError",
            "RequestTimeout",
        ] {
            assert_eq!(failed(code).kind(), FailureKind::Transient, "{code}");
        }
        let timeout = SdkError::<PutObjectError, ()>::timeout_error("late");
        assert_eq!(Failure::sdk(timeout).kind(), FailureKind::Transient);
    }
}
