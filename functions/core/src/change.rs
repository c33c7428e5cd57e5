//! What the table's stream tells: how a video's record changed.

use serde_json::{Map, Number, Value};

use crate::video::{Status, Video, VideoId};

/// A change of a video's record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The video.
    pub video: VideoId,
    /// Where it was in its life; none if it is new.
    pub before: Option<Status>,
    /// Where it is now.
    pub after: Status,
    /// When it was deleted, in Unix milliseconds.
    pub deleted_at: Option<i64>,
    /// The record as it is now, unless it is one that can't be read.
    pub record: Option<Box<Video>>,
}

/// Encoders notice within ten seconds that their video was deleted, and a request to storage that
/// is under way then is over some seconds later.
const QUIET_MILLIS: i64 = 25_000;

impl Change {
    /// From when on nobody writes to a deleted video's folders any more, in Unix milliseconds.
    pub fn quiet_from(&self) -> i64 {
        let deleted_at = self.deleted_at.unwrap_or_default();
        match self.before {
            Some(Status::Waiting | Status::Ready) => deleted_at,
            // Of a run that failed, other parts may still be at work.
            Some(Status::Preparing | Status::Errored | Status::Deleting) | None => {
                deleted_at + QUIET_MILLIS
            }
        }
    }
}

/// Reads an event of the table's stream. Other items than videos, and records that are removed, tell
/// nothing.
pub fn parse(event: &Value) -> Vec<Change> {
    let records = event.get("Records").and_then(Value::as_array);
    records
        .into_iter()
        .flatten()
        .filter_map(parse_record)
        .collect()
}

fn parse_record(record: &Value) -> Option<Change> {
    let text = |path: &str| record.pointer(path)?.as_str();
    Some(Change {
        video: text("/dynamodb/Keys/id/S")?.parse().ok()?,
        before: text("/dynamodb/OldImage/status/S").and_then(Status::from_record),
        after: text("/dynamodb/NewImage/status/S").and_then(Status::from_record)?,
        deleted_at: text("/dynamodb/NewImage/deleted_at/N").and_then(|millis| millis.parse().ok()),
        record: record
            .pointer("/dynamodb/NewImage")
            .and_then(Value::as_object)
            .and_then(|image| serde_json::from_value(item(image)?).ok()),
    })
}

/// An item of DynamoDB as plain JSON; none if it is none.
fn item(attributes: &Map<String, Value>) -> Option<Value> {
    let plain = attributes
        .iter()
        .map(|(name, value)| Some((name.clone(), plain(value)?)));
    plain.collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// A value that is tagged with its type, `{"S": "text"}`, without its tag.
fn plain(value: &Value) -> Option<Value> {
    let (kind, value) = value.as_object()?.iter().next()?;
    let list = |each: fn(&Value) -> Option<Value>| {
        value
            .as_array()?
            .iter()
            .map(each)
            .collect::<Option<Vec<_>>>()
            .map(Value::Array)
    };
    match kind.as_str() {
        "S" | "BOOL" => Some(value.clone()),
        "N" => number(value),
        "NULL" => Some(Value::Null),
        "M" => item(value.as_object()?),
        "L" => list(plain),
        "SS" => list(|text| Some(text.clone())),
        "NS" => list(number),
        _ => None,
    }
}

fn number(value: &Value) -> Option<Value> {
    value.as_str()?.parse::<Number>().ok().map(Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> Value {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_deletion_waits_for_the_encoder() {
        let [change] = &parse(&fixture("stream-deleting"))[..] else {
            panic!("one change");
        };
        assert_eq!(change.before, Some(Status::Preparing));
        assert_eq!(change.after, Status::Deleting);
        assert_eq!(change.quiet_from(), 1_795_000_000_000 + QUIET_MILLIS);
        let settled = Change {
            before: Some(Status::Ready),
            ..change.clone()
        };
        assert_eq!(settled.quiet_from(), 1_795_000_000_000);
    }

    #[test]
    fn a_record_is_read_back() {
        let [change] = &parse(&fixture("stream-ready"))[..] else {
            panic!("one change");
        };
        assert_eq!(
            (change.before, change.after),
            (Some(Status::Preparing), Status::Ready)
        );
        let video = change.record.as_deref().unwrap();
        assert_eq!(video.title.as_deref(), Some("Holiday"));
        assert_eq!(video.metadata["album"], "2026");
        assert_eq!(video.renditions[0].height, 720);
        assert!(video.has_poster);
    }

    #[test]
    fn other_items_tell_nothing() {
        let mut event = fixture("stream-deleting");
        event["Records"][0]["dynamodb"]["Keys"]["id"]["S"] = "library".into();
        assert_eq!(parse(&event), []);
        assert_eq!(parse(&Value::Null), []);
    }

    proptest! {
        #[test]
        fn noise_is_no_change(text in ".*") {
            let noise = serde_json::json!({"Records": [text, {"dynamodb": text}]});
            prop_assert_eq!(parse(&noise), []);
        }
    }
}
