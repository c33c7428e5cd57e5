//! The CDN, CloudFront: what it has kept of what is gone, it is told to forget.

use std::time::Duration;

use aws_sdk_cloudfront::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::create_invalidation::CreateInvalidationError,
    types::{InvalidationBatch, Paths},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::failure::Failure;

/// A distribution takes on 15 paths with wildcards at a time, for all videos together, and says so of the
/// next. For as long, it is asked again.
const BUSY_PATIENCE: Duration = Duration::from_mins(3);

/// A path is forgotten within some seconds, at times within minutes.
const PATIENCE: Duration = Duration::from_mins(8);

/// How soon it is asked again, and how late at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A distribution.
#[derive(Debug, Clone)]
pub struct Cdn {
    client: Client,
    distribution: String,
}

/// The CDN did not do what was asked, after retries.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} (distribution {distribution}): {source}")]
pub struct CdnError {
    action: &'static str,
    distribution: String,
    source: Failure,
}

impl Cdn {
    /// The distribution with this id.
    pub fn new(client: Client, distribution: String) -> Self {
        Self {
            client,
            distribution,
        }
    }

    /// Has these paths forgotten, everywhere, and returns the name of that.
    pub async fn invalidate(&self, paths: Vec<String>) -> Result<String, CdnError> {
        let action = "invalidate paths";
        let count = i32::try_from(paths.len()).unwrap_or(i32::MAX);
        let paths = Paths::builder().quantity(count).set_items(Some(paths));
        // A name of its own each time: what an earlier one forgot may have been kept again since. The
        // client's own retries repeat it, and begin nothing new.
        let batch = paths.build().and_then(|paths| {
            InvalidationBatch::builder()
                .paths(paths)
                .caller_reference(Uuid::now_v7().to_string())
                .build()
        });
        let batch = batch.map_err(|why| self.error(action, Failure::permanent(why)))?;
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let asked = self
                .client
                .create_invalidation()
                .distribution_id(&self.distribution)
                .invalidation_batch(batch.clone())
                .send()
                .await;
            let why = match asked {
                Ok(answer) => {
                    let id = answer.invalidation.map(|invalidation| invalidation.id);
                    return Ok(id.unwrap_or_default());
                }
                Err(why) => why,
            };
            let is_busy = why
                .as_service_error()
                .is_some_and(CreateInvalidationError::is_too_many_invalidations_in_progress);
            if !is_busy || begun.elapsed() > BUSY_PATIENCE {
                return Err(self.sdk(action, why));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits until the paths of an invalidation are forgotten everywhere.
    pub async fn invalidated(&self, id: &str) -> Result<(), CdnError> {
        let action = "see whether paths are invalidated";
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let asked = self
                .client
                .get_invalidation()
                .distribution_id(&self.distribution)
                .id(id)
                .send()
                .await;
            let answer = asked.map_err(|why| self.sdk(action, why))?;
            let status = answer.invalidation.map(|invalidation| invalidation.status);
            if status.as_deref() == Some("Completed") {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let why = format!("{id} is {} still", status.unwrap_or_default());
                return Err(self.error(action, Failure::transient(why)));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn error(&self, action: &'static str, source: Failure) -> CdnError {
        CdnError {
            action,
            distribution: self.distribution.clone(),
            source,
        }
    }

    fn sdk<E>(&self, action: &'static str, why: SdkError<E, HttpResponse>) -> CdnError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.error(action, Failure::sdk(why))
    }
}
