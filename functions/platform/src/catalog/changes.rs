//! What a video's owner changes: its details, and whether it is there at all.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use reelrun_core::{
    upload::details::DetailsChange,
    video::{Status, Video, VideoId},
};

use super::{
    Catalog, CatalogError, is_condition_failed, malformed, number, status_value, unavailable,
};

impl Catalog {
    /// Changes a video's details, and gives the video; none if there is no such video.
    pub async fn change_details(
        &self,
        id: VideoId,
        change: &DetailsChange,
    ) -> Result<Option<Video>, CatalogError> {
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(id.to_string()))
            .condition_expression("attribute_exists(id) AND #status <> :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", status_value(Status::Deleting))
            .return_values(ReturnValue::AllNew);
        match &change.title {
            Some(Some(title)) => {
                set.push("title = :title");
                request =
                    request.expression_attribute_values(":title", AttributeValue::S(title.clone()));
            }
            Some(None) => remove.push("title"),
            None => {}
        }
        if let Some(metadata) = &change.metadata {
            set.push("metadata = :metadata");
            let value = serde_dynamo::to_attribute_value(metadata).map_err(malformed)?;
            request = request.expression_attribute_values(":metadata", value);
        }
        let clauses = [("SET", set), ("REMOVE", remove)];
        let clauses = clauses.iter().filter(|(_, changes)| !changes.is_empty());
        let update: Vec<_> = clauses
            .map(|(verb, changes)| format!("{verb} {}", changes.join(", ")))
            .collect();
        if !update.is_empty() {
            request = request.update_expression(update.join(" "));
        }
        match request.send().await {
            Ok(output) => {
                let item = output.attributes.unwrap_or_default();
                serde_dynamo::from_item(item).map(Some).map_err(malformed)
            }
            Err(why) if is_condition_failed(&why) => Ok(None),
            Err(why) => Err(unavailable("change the video", why)),
        }
    }

    /// Keeps the record of a video whose source has arrived: one that waits for it is forgotten after
    /// a while. Anything that happened to the video meanwhile stands.
    pub async fn keep(&self, id: VideoId) -> Result<(), CatalogError> {
        let kept = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(id.to_string()))
            .update_expression("REMOVE expires_at")
            .condition_expression("#status = :waiting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":waiting", status_value(Status::Waiting))
            .send()
            .await;
        match kept {
            Ok(_) => Ok(()),
            Err(why) if is_condition_failed(&why) => Ok(()),
            Err(why) => Err(unavailable("keep the video", why)),
        }
    }

    /// Takes a video out of the library for good. Whoever encodes it loses its lease with this
    /// write, and nothing more is published. The record stays until its objects are removed; it is
    /// what that work is started by, and asking again starts it again. Whether there was such a video
    /// is the answer.
    pub async fn delete(&self, id: VideoId, now_millis: i64) -> Result<bool, CatalogError> {
        let written = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(id.to_string()))
            .update_expression(
                "SET #status = :deleting, asked_at = :now \
                 REMOVE lease_owner, lease_until, expires_at, upload_token_hash",
            )
            .condition_expression("attribute_exists(id) AND attribute_exists(#status)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", status_value(Status::Deleting))
            .expression_attribute_values(":now", number(now_millis))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(why) if is_condition_failed(&why) => Ok(false),
            Err(why) => Err(unavailable("delete the video", why)),
        }
    }

    /// Forgets a deleted video whose objects are gone.
    pub async fn forget(&self, id: VideoId) -> Result<(), CatalogError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(id.to_string()))
            .condition_expression("attribute_not_exists(id) OR #status = :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", status_value(Status::Deleting))
            .send()
            .await;
        deleted
            .map(drop)
            .map_err(|why| unavailable("forget the video", why))
    }
}
