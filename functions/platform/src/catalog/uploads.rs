//! Videos that wait for their source: recorded once, however often their client asks.

use aws_sdk_dynamodb::{
    operation::{
        put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
    types::{AttributeValue, Put, TransactWriteItem},
};
use reelrun_core::{
    timestamp::Timestamp,
    video::{Month, Video, VideoId},
};
use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogError, malformed};

/// What a client's idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The item's key, which holds a hash of the client's.
    pub id: String,
    /// A hash of the request that came with it.
    pub request_hash: String,
    /// The video that it made.
    pub video_id: VideoId,
    /// Until when it is kept, in Unix seconds, as DynamoDB's TTL wants them.
    expires_at: i64,
}

impl IdempotencyRecord {
    /// The record behind the hash of a client's key.
    pub fn new(
        key_hash: &str,
        request_hash: String,
        video_id: VideoId,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id: format!("idempotency/{key_hash}"),
            request_hash,
            video_id,
            expires_at: expires_at.as_secs(),
        }
    }
}

impl Catalog {
    /// Adds a video.
    pub async fn create(&self, video: &Video) -> Result<(), CatalogError> {
        let item = serde_dynamo::to_item(video).map_err(malformed)?;
        let added = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await;
        match added {
            Ok(_) => Ok(()),
            // Ids are made once: what is there was written by this very call, whose answer was lost.
            Err(why)
                if why
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(why) => Err(self.unavailable("record the video", why)),
        }
    }

    /// Adds a video together with its key's record, unless there is one already that has not expired
    /// by now: then that is the answer, and nothing is added. (DynamoDB removes what has expired days
    /// later.)
    pub async fn create_once(
        &self,
        video: &Video,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, CatalogError> {
        let (new, now) = ("attribute_not_exists(id)", now.as_secs());
        let add = |item, condition: &str, values| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression(condition)
                .set_expression_attribute_values(values)
                .build()
                .map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(|why| CatalogError::Malformed(why.to_string()))
        };
        let written = self
            .client
            .transact_write_items()
            .transact_items(add(
                serde_dynamo::to_item(record).map_err(malformed)?,
                &format!("{new} OR expires_at < :now"),
                Some([(":now".to_owned(), AttributeValue::N(now.to_string()))].into()),
            )?)
            .transact_items(add(
                serde_dynamo::to_item(video).map_err(malformed)?,
                new,
                None,
            )?)
            .send()
            .await;
        let Err(why) = written else {
            return Ok(None);
        };
        // Of two that are written at the same time, one is cancelled for that reason alone.
        if let Some(TransactWriteItemsError::TransactionCanceledException(_)) =
            why.as_service_error()
            && let Some(earlier) = self.item::<IdempotencyRecord>(&record.id).await?
            && earlier.expires_at >= now
        {
            return Ok(Some(earlier));
        }
        Err(self.unavailable("record the video", why))
    }

    /// Has the library reach back at least to this month. Idempotent.
    pub async fn extend_library_to(&self, month: Month) -> Result<(), CatalogError> {
        let written = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(super::LIBRARY_ITEM.into()))
            .update_expression("SET first_month = :month")
            .condition_expression("attribute_not_exists(first_month) OR first_month > :month")
            .expression_attribute_values(":month", AttributeValue::S(month.to_string()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(why)
                if why
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(why) => Err(self.unavailable("extend the library", why)),
        }
    }
}
