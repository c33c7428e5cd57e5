//! Why a call to AWS did not do what was asked: whether to try again, and what to fix, with the cause kept.

use std::{any::type_name, error::Error, fmt};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};

/// A call that failed, after the SDK's own retries.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    /// The permission that the call needs, where that is what it lacks.
    lacks: Option<&'static str>,
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

/// The codes of errors that pass, although their status says that the request is at fault: too many
/// requests, two at the same time, a wrong clock, credentials that are about to be renewed.
const PASSING: [&str; 19] = [
    "ConditionalRequestConflict",
    "ExecutionLimitExceeded",
    "ExpiredToken",
    "ExpiredTokenException",
    "LimitExceededException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyInvalidationsInProgress",
    "TooManyRequestsException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The codes of errors that stay, whatever the status: S3 may begin an answer with 200 and end it with
/// an error, and names errors of single objects without any.
const STAYING: [&str; 4] = [
    "AccessDenied",
    "AllAccessDisabled",
    "NoSuchBucket",
    "PermanentRedirect",
];

/// The codes by which a permission is refused.
const DENIED: [&str; 2] = ["AccessDenied", "AccessDeniedException"];

/// What each operation is permitted by, in the words of a role's policy. Not all services say so, and
/// an answer to HEAD says nothing at all.
const PERMISSIONS: [(&str, &str); 21] = [
    ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
    ("CompleteMultipartUpload", "s3:PutObject"),
    ("CopyObject", "s3:GetObject or s3:PutObject"),
    ("CreateMultipartUpload", "s3:PutObject"),
    ("DeleteObject", "s3:DeleteObject"),
    ("DeleteObjects", "s3:DeleteObject"),
    ("GetObject", "s3:GetObject"),
    ("HeadObject", "s3:GetObject"),
    ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("ListObjectsV2", "s3:ListBucket"),
    ("PutObject", "s3:PutObject"),
    ("UploadPart", "s3:PutObject"),
    ("UploadPartCopy", "s3:GetObject or s3:PutObject"),
    ("DeleteItem", "dynamodb:DeleteItem"),
    ("GetItem", "dynamodb:GetItem"),
    ("PutItem", "dynamodb:PutItem"),
    ("Query", "dynamodb:Query"),
    ("UpdateItem", "dynamodb:UpdateItem"),
    ("DescribeExecution", "states:DescribeExecution"),
    ("StartExecution", "states:StartExecution"),
    ("Invoke", "lambda:InvokeFunction"),
];

impl FailureKind {
    fn of(code: Option<&str>, status: Option<u16>) -> Self {
        let is_refused = match (code, status) {
            (Some(code), _) if PASSING.contains(&code) => false,
            (Some(code), _) if STAYING.contains(&code) => true,
            // A timeout, a conflict, too early, too many.
            (_, Some(408 | 409 | 425 | 429) | None) => false,
            (_, Some(status)) => (400..500).contains(&status),
        };
        if is_refused {
            Self::Permanent
        } else {
            Self::Transient
        }
    }
}

impl Failure {
    /// Whether the same call may succeed later.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// One that the SDK tells of.
    pub(crate) fn sdk<E>(why: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let status = why.raw_response().map(|answer| answer.status().as_u16());
        let code = why.code();
        let kind = match &why {
            SdkError::ConstructionFailure(_) => FailureKind::Permanent,
            _ => FailureKind::of(code, status),
        };
        let is_denied = match code {
            Some(code) => DENIED.contains(&code),
            None => status == Some(403),
        };
        Self {
            kind,
            lacks: is_denied.then(permission::<E>).flatten(),
            source: Box::new(why),
        }
    }

    /// One of several things in a call, with this code.
    pub(crate) fn coded(code: Option<&str>, why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::of(code, None),
            lacks: None,
            source: why.into(),
        }
    }

    /// One that no later try changes.
    pub(crate) fn permanent(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            lacks: None,
            source: why.into(),
        }
    }

    /// One that a later try may change.
    pub(crate) fn transient(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Transient,
            lacks: None,
            source: why.into(),
        }
    }
}

/// The permission for the operation whose error this is: the SDK names one after the other.
fn permission<E>() -> Option<&'static str> {
    let error = type_name::<E>().rsplit("::").next()?;
    let operation = error.strip_suffix("Error")?;
    let known = PERMISSIONS.iter().find(|(name, _)| *name == operation);
    known.map(|(_, permission)| *permission)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(permission) = self.lacks {
            write!(f, "the function's role lacks {permission}: ")?;
        }
        DisplayErrorContext(&*self.source).fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests;
