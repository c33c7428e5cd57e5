//! Carries out the transitions of [`reelrun_core::lifecycle`]: each is one conditional write.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use reelrun_core::{
    lifecycle::{self, Change, Field, Guard, Lease, Outcome, Transition},
    video::{Video, VideoId},
};
use serde_json::Value;

use super::{Catalog, CatalogError, malformed};

impl Catalog {
    /// Carries out a transition, if it may happen.
    pub async fn apply(
        &self,
        video: VideoId,
        transition: &Transition,
    ) -> Result<Outcome, CatalogError> {
        let mut expressions = Expressions::default();
        let update = expressions.update(&transition.changes)?;
        let condition = expressions.guard(&transition.guard)?;
        let written = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(video.to_string()))
            .set_update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(expressions.names))
            .set_expression_attribute_values(
                Some(expressions.values).filter(|values| !values.is_empty()),
            )
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match written {
            Ok(output) => {
                let item = output.attributes.unwrap_or_default();
                let video = serde_dynamo::from_item(item).map_err(malformed)?;
                Ok(Outcome::Done(Box::new(video)))
            }
            Err(why) => match why.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let item = refusal.item.clone().filter(|item| !item.is_empty());
                    let video = item.map(serde_dynamo::from_item::<_, Video>).transpose();
                    Ok(Outcome::Refused(video.map_err(malformed)?.map(Box::new)))
                }
                _ => Err(self.unavailable(transition.name, why)),
            },
        }
    }

    /// Carries out a transition that only a lease's holder may make.
    pub async fn apply_held(
        &self,
        lease: &Lease,
        transition: &Transition,
    ) -> Result<(), CatalogError> {
        let outcome = self.apply(lease.video, transition).await?;
        outcome
            .is_done()
            .then_some(())
            .ok_or(CatalogError::LeaseLost)
    }

    /// Fails with [`CatalogError::LeaseLost`] unless this holder has the lease.
    pub async fn check_lease(&self, lease: &Lease) -> Result<Video, CatalogError> {
        let video: Option<Video> = self.item(&lease.video.to_string()).await?;
        let held = video.filter(|video| video.is_held_by(&lease.holder));
        held.ok_or(CatalogError::LeaseLost)
    }

    /// Removes the record of a deleted video whose objects are gone.
    pub async fn forget(&self, id: VideoId) -> Result<(), CatalogError> {
        let mut expressions = Expressions::default();
        let condition = expressions.guard(&lifecycle::may_be_forgotten())?;
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(id.to_string()))
            .condition_expression(format!("attribute_not_exists(id) OR {condition}"))
            .set_expression_attribute_names(Some(expressions.names))
            .set_expression_attribute_values(Some(expressions.values))
            .send()
            .await;
        deleted
            .map(drop)
            .map_err(|why| self.unavailable("forget the video", why))
    }
}

/// The words of an update, with the names and values that they refer to: `#name` and `:name` are an
/// attribute's own, `:if0` and so on what is compared with.
#[derive(Debug, Default)]
struct Expressions {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expressions {
    fn path(&mut self, field: Field) -> String {
        let parts: Vec<_> = field
            .path()
            .iter()
            .map(|name| {
                let placeholder = format!("#{name}");
                self.names.insert(placeholder.clone(), (*name).to_owned());
                placeholder
            })
            .collect();
        parts.join(".")
    }

    fn compared(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":if{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn set(&mut self, field: Field, value: AttributeValue) -> String {
        let placeholder = format!(":{}", field.path()[0]);
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn update(&mut self, changes: &[Change]) -> Result<Option<String>, CatalogError> {
        let (mut set, mut remove, mut add) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Set(field, value) => {
                    let (path, value) = (self.path(*field), self.set(*field, attribute(value)?));
                    set.push(format!("{path} = {value}"));
                }
                Change::Remove(field) => remove.push(self.path(*field)),
                Change::Increment(field) => {
                    let one = AttributeValue::N("1".into());
                    let (path, one) = (self.path(*field), self.set(*field, one));
                    add.push(format!("{path} {one}"));
                }
                Change::InsertText(field, text) => {
                    let text = AttributeValue::Ss(vec![text.clone()]);
                    let (path, text) = (self.path(*field), self.set(*field, text));
                    add.push(format!("{path} {text}"));
                }
                Change::Insert(field, number) => {
                    let number = AttributeValue::Ns(vec![number.to_string()]);
                    let (path, number) = (self.path(*field), self.set(*field, number));
                    add.push(format!("{path} {number}"));
                }
            }
        }
        let clauses = [("SET", set), ("REMOVE", remove), ("ADD", add)];
        let clauses = clauses.iter().filter(|(_, words)| !words.is_empty());
        let clauses: Vec<_> = clauses
            .map(|(verb, words)| format!("{verb} {}", words.join(", ")))
            .collect();
        Ok(Some(clauses.join(" ")).filter(|update| !update.is_empty()))
    }

    fn guard(&mut self, guard: &Guard) -> Result<String, CatalogError> {
        Ok(match guard {
            Guard::All(all) => self.joined(all, " AND ")?,
            Guard::Any(any) => self.joined(any, " OR ")?,
            Guard::Is(field, value) => {
                let (path, value) = (self.path(*field), self.compared(attribute(value)?));
                format!("{path} = {value}")
            }
            Guard::IsNot(field, value) => {
                let (path, value) = (self.path(*field), self.compared(attribute(value)?));
                format!("{path} <> {value}")
            }
            Guard::Below(field, bound) => {
                let bound = AttributeValue::N(bound.to_string());
                let (path, bound) = (self.path(*field), self.compared(bound));
                format!("{path} < {bound}")
            }
            Guard::Fewer(field, bound) => {
                let bound = AttributeValue::N(bound.to_string());
                let (path, bound) = (self.path(*field), self.compared(bound));
                format!("size({path}) < {bound}")
            }
            Guard::Contains(field, text) => {
                let text = AttributeValue::S(text.clone());
                let (path, text) = (self.path(*field), self.compared(text));
                format!("contains({path}, {text})")
            }
            Guard::Absent(field) => format!("attribute_not_exists({})", self.path(*field)),
            Guard::Exists => format!("attribute_exists({})", self.path(Field::Status)),
        })
    }

    fn joined(&mut self, guards: &[Guard], word: &str) -> Result<String, CatalogError> {
        let guards = guards.iter().map(|guard| self.guard(guard));
        let guards: Vec<_> = guards.collect::<Result<_, _>>()?;
        Ok(format!("({})", guards.join(word)))
    }
}

fn attribute(value: &Value) -> Result<AttributeValue, CatalogError> {
    serde_dynamo::to_attribute_value(value).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use reelrun_core::timestamp::Timestamp;

    use super::*;

    #[test]
    fn a_transition_is_one_conditional_update() {
        let mut expressions = Expressions::default();
        let at = Timestamp::from_millis;
        let transition = lifecycle::begin("me", at(1000), at(2000), Some(at(900)));
        let update = expressions.update(&transition.changes).unwrap().unwrap();
        assert_eq!(
            update,
            "SET #status = :status, #lease_owner = :lease_owner, #lease_until = :lease_until, \
             #progress = :progress \
             REMOVE #expires_at, #error, #parts_counted, #parts_done, #has_partial \
             ADD #attempts :attempts"
        );
        let guard = expressions.guard(&transition.guard).unwrap();
        assert_eq!(
            guard,
            "(#status = :if5 OR (#status = :if6 AND attribute_not_exists(#lease_owner)) OR \
             (#status = :if7 AND #lease_until < :if8) OR \
             (#status = :if9 AND #lease_until = :if10))"
        );
        assert_eq!(expressions.values[":if8"], AttributeValue::N("1000".into()));
        assert_eq!(expressions.names["#lease_until"], "lease_until");
    }
}
