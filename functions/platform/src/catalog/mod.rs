//! The catalog of videos in DynamoDB: they are looked up and listed here, recorded in [`uploads`],
//! and whatever becomes of them is written by [`transitions`], which decides nothing.

mod decisions;
mod transitions;
mod uploads;

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::query::builders::QueryFluentBuilder,
    types::AttributeValue,
};
use reelrun_core::{
    cursor::Position,
    video::{Month, Status, Video, VideoId},
};
use serde::de::DeserializeOwned;

use crate::failure::{Failure, FailureKind};

pub use self::{
    decisions::{Decision, Unchanged},
    uploads::IdempotencyRecord,
};

/// The index that lists videos by month.
const BY_MONTH: &str = "by_month";

/// The item that says in which month the library begins, so that listing knows where to stop.
const LIBRARY_ITEM: &str = "library";

/// The table of videos.
#[derive(Debug, Clone)]
pub struct Catalog {
    client: Client,
    table: String,
}

/// The catalog could not answer.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// DynamoDB did not do what was asked, after retries.
    #[error("could not {action} (table {table}): {source}")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// Of which table.
        table: String,
        /// Why not, and whether it may succeed later.
        source: Failure,
    },
    /// A record does not have the shape it was written in.
    #[error("a record can't be read: {0}")]
    Malformed(String),
    /// Another encode took this video over; what this one did is void.
    #[error("the lease was lost to another encode")]
    LeaseLost,
}

/// A page of the library.
#[derive(Debug, Clone)]
pub struct Page {
    /// Newest first.
    pub videos: Vec<Video>,
    /// Where the next page starts; none on the last.
    pub next: Option<Position>,
}

/// A record that this version can't read, and whose it is: one such record, a later version's say, must
/// not hide all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable(pub Option<VideoId>);

impl Catalog {
    /// The catalog in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn unavailable<E>(&self, action: &'static str, why: SdkError<E, HttpResponse>) -> CatalogError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        CatalogError::Unavailable {
            action,
            table: self.table.clone(),
            source: Failure::sdk(why),
        }
    }

    /// It did not answer in time.
    pub fn unanswered(&self, action: &'static str) -> CatalogError {
        CatalogError::Unavailable {
            action,
            table: self.table.clone(),
            source: Failure::transient("no answer for as long as that could wait"),
        }
    }

    /// Looks a video up. One that was deleted is not found, although its record may still be there.
    pub async fn get(&self, id: VideoId) -> Result<Option<Video>, CatalogError> {
        let found: Option<Video> = self.item(&id.to_string()).await?;
        Ok(found.filter(|video| video.status != Status::Deleting))
    }

    async fn item<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, CatalogError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(id.into()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|why| self.unavailable("look the video up", why))?;
        found
            .item
            .map(|item| serde_dynamo::from_item(item).map_err(malformed))
            .transpose()
    }

    /// Lists videos, newest first, from a position on.
    ///
    /// A page may be short, even empty, and still have a next one: filtering and empty months cost
    /// reads, and one call does a bounded number of them.
    pub async fn list(
        &self,
        from: Position,
        limit: usize,
        status: Option<Status>,
    ) -> Result<Page, CatalogError> {
        const MAX_QUERIES: usize = 12;
        let first_month = self.first_month().await?;
        let mut position = from;
        let mut videos = Vec::new();
        for _ in 0..MAX_QUERIES {
            if first_month.is_none_or(|first| position.month < first) {
                return Ok(Page { videos, next: None });
            }
            let wanted = limit - videos.len();
            let (found, last) = self.query_month(position, wanted, status).await?;
            videos.extend(found.into_iter().flatten());
            position = match last {
                Some(after) => Position {
                    after: Some(after),
                    ..position
                },
                None => Position {
                    month: position.month.previous(),
                    after: None,
                },
            };
            if videos.len() >= limit {
                break;
            }
        }
        let next = first_month
            .is_some_and(|first| position.month >= first)
            .then_some(position);
        Ok(Page { videos, next })
    }

    /// The videos of a month from an id on, oldest first, those that were deleted included: a page,
    /// and behind which video the next one begins.
    pub async fn list_recent(
        &self,
        month: Month,
        first: VideoId,
        after: Option<VideoId>,
    ) -> Result<(Vec<Result<Video, Unreadable>>, Option<VideoId>), CatalogError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_MONTH)
            .key_condition_expression("#month = :month AND id >= :first")
            .expression_attribute_names("#month", "month")
            .expression_attribute_values(":month", AttributeValue::S(month.to_string()))
            .expression_attribute_values(":first", AttributeValue::S(first.to_string()));
        self.page(query, month, after).await
    }

    /// The month in which the library begins; none while it is empty.
    pub async fn first_month(&self) -> Result<Option<Month>, CatalogError> {
        #[derive(serde::Deserialize)]
        struct Library {
            first_month: Month,
        }
        let library = self.item::<Library>(LIBRARY_ITEM).await?;
        Ok(library.map(|library| library.first_month))
    }

    async fn query_month(
        &self,
        position: Position,
        limit: usize,
        status: Option<Status>,
    ) -> Result<(Vec<Result<Video, Unreadable>>, Option<VideoId>), CatalogError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_MONTH)
            .key_condition_expression("#month = :month")
            .expression_attribute_names("#month", "month")
            .expression_attribute_values(":month", AttributeValue::S(position.month.to_string()))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let (filter, status) = match status {
            Some(status) => ("#status = :status", status),
            None => ("#status <> :status", Status::Deleting),
        };
        query = query
            .filter_expression(filter)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", status_value(status));
        self.page(query, position.month, position.after).await
    }

    /// One page of a query, from behind a video on; and its last, behind which the next one begins.
    async fn page(
        &self,
        mut query: QueryFluentBuilder,
        month: Month,
        after: Option<VideoId>,
    ) -> Result<(Vec<Result<Video, Unreadable>>, Option<VideoId>), CatalogError> {
        if let Some(after) = after {
            let start = HashMap::from([
                ("id".to_owned(), AttributeValue::S(after.to_string())),
                ("month".to_owned(), AttributeValue::S(month.to_string())),
            ]);
            query = query.set_exclusive_start_key(Some(start));
        }
        let answer = query
            .send()
            .await
            .map_err(|why| self.unavailable("list videos", why))?;
        let last = answer
            .last_evaluated_key
            .and_then(|key| key.get("id")?.as_s().ok()?.parse().ok());
        let items = answer.items.unwrap_or_default();
        Ok((items.into_iter().map(read).collect(), last))
    }
}

fn read(item: HashMap<String, AttributeValue>) -> Result<Video, Unreadable> {
    let id = item.get("id").and_then(|id| id.as_s().ok()?.parse().ok());
    serde_dynamo::from_item(item).map_err(|why| {
        tracing::error!(?id, error = %why, "a record can't be read");
        Unreadable(id)
    })
}

fn status_value(status: Status) -> AttributeValue {
    AttributeValue::S(status.as_str().into())
}

fn malformed(why: serde_dynamo::Error) -> CatalogError {
    CatalogError::Malformed(why.to_string())
}

impl CatalogError {
    /// Whether nothing helps but that somebody fixes it.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Unavailable { source, .. } => source.kind() == FailureKind::Permanent,
            Self::Malformed(_) => true,
            Self::LeaseLost => false,
        }
    }
}
