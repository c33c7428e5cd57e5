//! The catalog of videos in DynamoDB.
//!
//! Every change of status is a conditional write: events come more than once and in any order, and
//! of two writers exactly one wins. While a video is `preparing`, one encode holds its *lease*: a
//! name and a time until which nobody else touches it. The holder renews it as it works; a holder
//! that dies simply stops renewing.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::{DisplayErrorContext, SdkError},
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use reelrun_core::{
    error::{ErrorType, VideoError},
    source::SourceSummary,
    video::{Month, PublishedRendition, Status, Video, VideoId, rfc3339},
};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

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
    #[error("could not {action}: {why}")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// The SDK's account of it.
        why: String,
    },
    /// A record does not have the shape it was written in.
    #[error("a record can't be read: {0}")]
    Malformed(String),
    /// Another encode took this video over; what this one did is void.
    #[error("the lease was lost to another encode")]
    LeaseLost,
}

/// The exclusive right to encode a video, until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The video.
    pub video: VideoId,
    /// Names this holder.
    pub owner: String,
    /// How many encodes of this video were begun, this one included.
    pub attempt: u32,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is ours.
    Granted(Lease),
    /// Another encode holds it until this time (Unix milliseconds), unless it renews.
    Held {
        /// When it expires.
        until_millis: i64,
        /// The run of the state machine that holds it, and does not renew it.
        run: Option<String>,
    },
    /// The video is ready or has failed: there is nothing to do.
    Settled(Status),
    /// There is no such video.
    Unknown,
}

/// A page of the library.
#[derive(Debug, Clone)]
pub struct Page {
    /// Newest first.
    pub videos: Vec<Video>,
    /// Where the next page starts; none on the last.
    pub next: Option<Position>,
}

/// A place in the library: after this video, in this month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The month to go on in.
    pub month: Month,
    /// The last video seen in it; none when none was.
    pub after: Option<VideoId>,
}

impl Catalog {
    /// The catalog in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Adds a video.
    pub async fn create(&self, video: &Video) -> Result<(), CatalogError> {
        let item = serde_dynamo::to_item(video).map_err(malformed)?;
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await
            .map(drop)
            .map_err(|why| unavailable("record the video", why))
    }

    /// Notes that the library reaches back at least to this month. Idempotent.
    pub async fn note_month(&self, month: Month) -> Result<(), CatalogError> {
        let written = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(LIBRARY_ITEM.into()))
            .update_expression("SET first_month = :month")
            .condition_expression("attribute_not_exists(first_month) OR first_month > :month")
            .expression_attribute_values(":month", AttributeValue::S(month.to_string()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(why) if is_condition_failed(&why) => Ok(()),
            Err(why) => Err(unavailable("note the month", why)),
        }
    }

    /// Looks a video up.
    pub async fn get(&self, id: VideoId) -> Result<Option<Video>, CatalogError> {
        self.item(&id.to_string()).await
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
            .map_err(|why| unavailable("look the video up", why))?;
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
            videos.extend(found);
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
    ) -> Result<(Vec<Video>, Option<VideoId>), CatalogError> {
        let month = AttributeValue::S(position.month.to_string());
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_MONTH)
            .key_condition_expression("#month = :month")
            .expression_attribute_names("#month", "month")
            .expression_attribute_values(":month", month.clone())
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        if let Some(status) = status {
            query = query
                .filter_expression("#status = :status")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", AttributeValue::S(status.as_str().into()));
        }
        if let Some(after) = position.after {
            let start = HashMap::from([
                ("id".to_owned(), AttributeValue::S(after.to_string())),
                ("month".to_owned(), month),
            ]);
            query = query.set_exclusive_start_key(Some(start));
        }
        let answer = query
            .send()
            .await
            .map_err(|why| unavailable("list videos", why))?;
        let last = answer
            .last_evaluated_key
            .and_then(|key| key.get("id")?.as_s().ok()?.parse().ok());
        let videos =
            serde_dynamo::from_items(answer.items.unwrap_or_default()).map_err(malformed)?;
        Ok((videos, last))
    }

    /// Asks for the right to encode a video: granted when it waits for its source, when the last
    /// holder let its lease expire, or when it failed by our fault, so that a redrive of the
    /// failure queue brings it to its end.
    pub async fn take_lease(
        &self,
        video: VideoId,
        owner: &str,
        now_millis: i64,
        until_millis: i64,
    ) -> Result<LeaseAnswer, CatalogError> {
        #[derive(serde::Deserialize)]
        struct Held {
            status: Status,
            #[serde(default)]
            lease_until: i64,
            #[serde(default)]
            parts_counted: u32,
            #[serde(default)]
            lease_owner: String,
            #[serde(default)]
            attempts: u32,
        }
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(video.to_string()))
            .update_expression(
                "SET #status = :preparing, lease_owner = :owner, lease_until = :until, \
                 progress = :zero, attempts = if_not_exists(attempts, :zero) + :one \
                 REMOVE expires_at, #error, parts_counted, parts_done",
            )
            .condition_expression(
                "#status = :waiting OR (#status = :preparing AND lease_until < :now) \
                 OR (#status = :preparing AND lease_owner = :owner) \
                 OR (#status = :errored AND #error.#type = :internal)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#error", "error")
            .expression_attribute_names("#type", "type")
            .expression_attribute_values(":errored", status_value(Status::Errored))
            .expression_attribute_values(
                ":internal",
                AttributeValue::S(ErrorType::Internal.as_str().into()),
            )
            .expression_attribute_values(":waiting", status_value(Status::Waiting))
            .expression_attribute_values(":preparing", status_value(Status::Preparing))
            .expression_attribute_values(":owner", AttributeValue::S(owner.into()))
            .expression_attribute_values(":now", number(now_millis))
            .expression_attribute_values(":until", number(until_millis))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(output) => {
                let item = output.attributes.unwrap_or_default();
                let held: Held = serde_dynamo::from_item(item).map_err(malformed)?;
                Ok(LeaseAnswer::Granted(Lease {
                    video,
                    owner: owner.into(),
                    attempt: held.attempts,
                }))
            }
            Err(why) => match why.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let Some(item) = refusal.item.clone().filter(|item| !item.is_empty()) else {
                        return Ok(LeaseAnswer::Unknown);
                    };
                    let held: Held = serde_dynamo::from_item(item).map_err(malformed)?;
                    Ok(match held.status {
                        Status::Preparing => LeaseAnswer::Held {
                            until_millis: held.lease_until,
                            run: (held.parts_counted > 0).then_some(held.lease_owner),
                        },
                        status => LeaseAnswer::Settled(status),
                    })
                }
                _ => Err(unavailable("take the lease", why)),
            },
        }
    }

    /// Keeps a lease, and tells how far the encode is (0 to 1).
    pub async fn renew_lease(
        &self,
        lease: &Lease,
        until_millis: i64,
        progress: f64,
    ) -> Result<(), CatalogError> {
        let changes = [
            ("lease_until", number(until_millis)),
            ("progress", AttributeValue::N(format!("{progress:.3}"))),
        ];
        self.as_holder(
            lease,
            "SET lease_until = :lease_until, progress = :progress",
            changes,
        )
        .await
    }

    /// Gives a lease to a run of the state machine, until this time. Giving it again, because the
    /// answer was lost, changes nothing.
    pub async fn hand_over(
        &self,
        lease: &Lease,
        run: &Lease,
        until_millis: i64,
    ) -> Result<(), CatalogError> {
        let changes = [
            ("run", AttributeValue::S(run.owner.clone())),
            ("lease_until", number(until_millis)),
        ];
        let update = "SET lease_owner = :run, lease_until = :lease_until";
        let holds = "lease_owner = :owner OR lease_owner = :run";
        self.where_held(lease, holds, update, changes).await
    }

    /// Keeps the lease of a run that has started until this time; from now on its progress is that
    /// of this many parts.
    pub async fn hold(
        &self,
        run: &Lease,
        until_millis: i64,
        parts_counted: u32,
    ) -> Result<(), CatalogError> {
        let changes = [
            ("lease_until", number(until_millis)),
            ("parts_counted", number(parts_counted.into())),
        ];
        let update = "SET lease_until = :lease_until, parts_counted = :parts_counted";
        self.as_holder(run, update, changes).await
    }

    /// Fails with [`CatalogError::LeaseLost`] unless this holder has the lease.
    pub async fn check_lease(&self, lease: &Lease) -> Result<(), CatalogError> {
        #[derive(serde::Deserialize)]
        struct Holder {
            #[serde(default)]
            lease_owner: String,
        }
        let holder: Option<Holder> = self.item(&lease.video.to_string()).await?;
        match holder {
            Some(holder) if holder.lease_owner == lease.owner => Ok(()),
            _ => Err(CatalogError::LeaseLost),
        }
    }

    /// Notes that a part of a run is done; noting it again changes nothing.
    pub async fn note_part(&self, run: &Lease, index: u32) -> Result<(), CatalogError> {
        let changes = [("part", AttributeValue::Ns(vec![index.to_string()]))];
        self.as_holder(run, "ADD parts_done :part", changes).await
    }

    /// Records what the source turned out to be.
    pub async fn record_source(
        &self,
        lease: &Lease,
        source: &SourceSummary,
    ) -> Result<(), CatalogError> {
        let changes = [("source", attribute(source)?)];
        self.as_holder(lease, "SET #source = :source", changes)
            .await
    }

    /// The video is published.
    pub async fn complete(
        &self,
        lease: &Lease,
        renditions: &[PublishedRendition],
        has_poster: bool,
    ) -> Result<(), CatalogError> {
        let changes = [
            ("status", status_value(Status::Ready)),
            ("renditions", attribute(renditions)?),
            ("has_poster", AttributeValue::Bool(has_poster)),
            ("progress", number(1)),
            (
                "ready_at",
                AttributeValue::S(rfc3339(OffsetDateTime::now_utc())),
            ),
        ];
        let update = "SET #status = :status, renditions = :renditions, has_poster = :has_poster, \
                      progress = :progress, ready_at = :ready_at \
                      REMOVE lease_owner, lease_until, parts_counted, parts_done";
        self.as_holder(lease, update, changes).await
    }

    /// The video will never be ready, for this reason.
    pub async fn fail(&self, lease: &Lease, error: &VideoError) -> Result<(), CatalogError> {
        let changes = [
            ("status", status_value(Status::Errored)),
            ("error", attribute(error)?),
        ];
        let update = "SET #status = :status, #error = :error \
                      REMOVE lease_owner, lease_until, parts_counted, parts_done";
        self.as_holder(lease, update, changes).await
    }

    /// Lets a lease go, so that the next attempt need not wait for it to expire.
    pub async fn release(&self, lease: &Lease) -> Result<(), CatalogError> {
        let changes = [("lease_until", number(0))];
        self.as_holder(lease, "SET lease_until = :lease_until", changes)
            .await
    }

    /// A change that only the lease's holder may make.
    async fn as_holder<const N: usize>(
        &self,
        lease: &Lease,
        update: &str,
        changes: [(&'static str, AttributeValue); N],
    ) -> Result<(), CatalogError> {
        self.where_held(lease, "lease_owner = :owner", update, changes)
            .await
    }

    async fn where_held<const N: usize>(
        &self,
        lease: &Lease,
        holds: &str,
        update: &str,
        changes: [(&'static str, AttributeValue); N],
    ) -> Result<(), CatalogError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(lease.video.to_string()))
            .update_expression(update)
            .condition_expression(holds)
            .expression_attribute_values(":owner", AttributeValue::S(lease.owner.clone()));
        for (name, value) in changes {
            let reserved = format!("#{name}");
            if update.contains(&reserved) {
                request = request.expression_attribute_names(reserved, name);
            }
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(why) if is_condition_failed(&why) => Err(CatalogError::LeaseLost),
            Err(why) => Err(unavailable("change the video's record", why)),
        }
    }
}

fn is_condition_failed<R>(why: &SdkError<UpdateItemError, R>) -> bool {
    matches!(
        why.as_service_error(),
        Some(UpdateItemError::ConditionalCheckFailedException(_))
    )
}

fn status_value(status: Status) -> AttributeValue {
    AttributeValue::S(status.as_str().into())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn attribute<T: Serialize + ?Sized>(value: &T) -> Result<AttributeValue, CatalogError> {
    serde_dynamo::to_attribute_value(value).map_err(malformed)
}

fn malformed(why: serde_dynamo::Error) -> CatalogError {
    CatalogError::Malformed(why.to_string())
}

fn unavailable<E, R>(action: &'static str, why: SdkError<E, R>) -> CatalogError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    CatalogError::Unavailable {
        action,
        why: DisplayErrorContext(why).to_string(),
    }
}
