//! What an encode writes into a video's record.
//!
//! Every change of status is a conditional write: events come more than once and in any order, and
//! of two writers exactly one wins. While a video is `preparing`, one encode holds its *lease*: a
//! name and a time until which nobody else touches it. The holder renews it as it works; a holder
//! that dies simply stops renewing. A run of the state machine holds one for as long as it may last.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use reelrun_core::{
    error::{ErrorType, VideoError},
    source::SourceSummary,
    video::{Published, Status, VideoId, rfc3339},
};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    Catalog, CatalogError, is_condition_failed, malformed, number, status_value, unavailable,
};

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

/// What is asked for with a lease.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Names who asks.
    pub owner: &'a str,
    /// What time it is, in Unix milliseconds.
    pub now_millis: i64,
    /// When the lease is to expire.
    pub until_millis: i64,
    /// A lease until then is its dead holder's, whatever time it is.
    pub dead_until_millis: Option<i64>,
    /// The failures after which a video is tried again.
    pub revives: &'a [ErrorType],
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

impl Catalog {
    /// Asks for the right to encode a video: granted when it waits for its source, when the last
    /// holder let its lease expire, or when it failed as is to be tried again, so that a repeated event
    /// brings it to its end.
    pub async fn take_lease(
        &self,
        video: VideoId,
        claim: Claim<'_>,
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
        let mut condition = "#status = :waiting OR (#status = :preparing AND lease_until < :now) \
             OR (#status = :preparing AND lease_until = :dead)"
            .to_owned();
        let revived = claim.revives.iter().zip(0..);
        let revived = revived.map(|(kind, number)| (format!(":failure{number}"), kind.as_str()));
        let (names, types): (Vec<_>, Vec<_>) = revived.unzip();
        if !names.is_empty() {
            condition += " OR (#status = :errored AND #error.#type IN (";
            condition += &names.join(", ");
            condition += "))";
        }
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(video.to_string()))
            .update_expression(
                "SET #status = :preparing, lease_owner = :owner, lease_until = :until, \
                 progress = :zero, attempts = if_not_exists(attempts, :zero) + :one \
                 REMOVE expires_at, #error, parts_counted, parts_done",
            )
            .condition_expression(condition)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#error", "error")
            .expression_attribute_values(":waiting", status_value(Status::Waiting))
            .expression_attribute_values(":preparing", status_value(Status::Preparing))
            .expression_attribute_values(":owner", AttributeValue::S(claim.owner.into()))
            .expression_attribute_values(":now", number(claim.now_millis))
            .expression_attribute_values(":until", number(claim.until_millis))
            .expression_attribute_values(
                ":dead",
                claim
                    .dead_until_millis
                    .map_or(AttributeValue::Null(true), number),
            )
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if !names.is_empty() {
            request = request
                .expression_attribute_names("#type", "type")
                .expression_attribute_values(":errored", status_value(Status::Errored));
        }
        for (name, kind) in names.into_iter().zip(types) {
            request = request.expression_attribute_values(name, AttributeValue::S(kind.into()));
        }
        let granted = |held: Held| {
            LeaseAnswer::Granted(Lease {
                video,
                owner: claim.owner.into(),
                attempt: held.attempts,
            })
        };
        match request.send().await {
            Ok(output) => {
                let item = output.attributes.unwrap_or_default();
                Ok(granted(serde_dynamo::from_item(item).map_err(malformed)?))
            }
            Err(why) => match why.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let Some(item) = refusal.item.clone().filter(|item| !item.is_empty()) else {
                        return Ok(LeaseAnswer::Unknown);
                    };
                    let held: Held = serde_dynamo::from_item(item).map_err(malformed)?;
                    Ok(match held.status {
                        // It was granted before, and the answer lost: it counts once.
                        Status::Preparing if held.lease_owner == claim.owner => granted(held),
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
        let update = "SET lease_owner = :run, lease_until = :lease_until \
                      REMOVE parts_counted, parts_done";
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
    pub async fn complete(&self, lease: &Lease, published: &Published) -> Result<(), CatalogError> {
        let changes = [
            ("status", status_value(Status::Ready)),
            ("renditions", attribute(&published.renditions)?),
            ("has_poster", AttributeValue::Bool(published.has_poster)),
            (
                "has_storyboard",
                AttributeValue::Bool(published.has_storyboard),
            ),
            ("progress", number(1)),
            (
                "ready_at",
                AttributeValue::S(rfc3339(OffsetDateTime::now_utc())),
            ),
        ];
        let update = "SET #status = :status, renditions = :renditions, has_poster = :has_poster, \
                      has_storyboard = :has_storyboard, \
                      progress = :progress, ready_at = :ready_at \
                      REMOVE lease_owner, lease_until, parts_counted, parts_done";
        self.as_holder(lease, update, changes).await
    }

    /// The video has failed, for this reason.
    pub async fn fail(&self, lease: &Lease, error: &VideoError) -> Result<(), CatalogError> {
        let changes = [
            ("status", status_value(Status::Errored)),
            ("error", attribute(error)?),
        ];
        let update = "SET #status = :status, #error = :error \
                      REMOVE lease_owner, lease_until, parts_counted, parts_done";
        self.as_holder(lease, update, changes).await
    }

    /// The video has failed, for this reason: whoever held its lease until this time never
    /// said so. Whoever holds it now is left alone.
    pub async fn abandon(
        &self,
        lease: &Lease,
        held_until_millis: i64,
        error: &VideoError,
    ) -> Result<(), CatalogError> {
        let changes = [
            ("status", status_value(Status::Errored)),
            ("error", attribute(error)?),
            ("seen", number(held_until_millis)),
        ];
        let update = "SET #status = :status, #error = :error \
                      REMOVE lease_owner, lease_until, parts_counted, parts_done";
        let holds = "lease_owner = :owner AND lease_until = :seen";
        self.where_held(lease, holds, update, changes).await
    }

    /// Lets a lease go now, so that the next attempt need not wait for it to expire.
    pub async fn release(&self, lease: &Lease, now_millis: i64) -> Result<(), CatalogError> {
        let changes = [("lease_until", number(now_millis - 1))];
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

fn attribute<T: Serialize + ?Sized>(value: &T) -> Result<AttributeValue, CatalogError> {
    serde_dynamo::to_attribute_value(value).map_err(malformed)
}
