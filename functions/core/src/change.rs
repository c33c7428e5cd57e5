//! What the table's stream tells: how a video's record changed.

use std::time::Duration;

use serde_json::{Map, Number, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    lifecycle::timing::{WRITERS_DRAIN, millis},
    video::{Status, Video, VideoId},
};

/// A change of a video's record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The video.
    pub video: VideoId,
    /// Where it was in its life; none if it is new.
    pub before: Option<Status>,
    /// Where it is now.
    pub after: Status,
    /// When it changed, in Unix milliseconds, if that is told.
    pub at: Option<i64>,
    /// Whether a run of the state machine was encoding it.
    pub was_in_parts: bool,
    /// The record as it is now, unless it is one that can't be read.
    pub record: Option<Box<Video>>,
}

/// What is of no use any more after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    /// All of a video that was deleted.
    Everything,
    /// What was stored of renditions that will never be complete. The source stays where it is.
    Renditions,
    /// The same, and the source goes to where the CDN does not read.
    RenditionsAndPublicSource,
}

impl Change {
    /// What there may be to remove now.
    pub fn leftovers(&self) -> Option<Leftovers> {
        match self.after {
            Status::Deleting => Some(Leftovers::Everything),
            Status::Errored if self.before != Some(Status::Errored) => {
                // What may be tried again at any time then overwrites it.
                let error = self.record.as_deref()?.error.as_ref()?;
                match error.kind {
                    kind if kind.may_end_otherwise() => None,
                    kind if kind.withdraws_the_source() => {
                        Some(Leftovers::RenditionsAndPublicSource)
                    }
                    _ => Some(Leftovers::Renditions),
                }
            }
            _ => None,
        }
    }

    /// From when on nobody stores anything for the video any more, in Unix milliseconds. A change of
    /// unknown age is as young as it can be.
    pub fn drained_at(&self, now: i64) -> i64 {
        let at = self.at.unwrap_or(now);
        let drained = at + millis(WRITERS_DRAIN);
        match (self.before, self.after) {
            (Some(Status::Waiting), _) => at,
            // Whoever says that it failed has stopped, but other parts of a run may still be at work.
            (Some(Status::Preparing), Status::Errored) if !self.was_in_parts => at,
            // So may a part that a run began twice, until it sees that the run is over.
            (Some(Status::Ready), _) => match self.ready_at() {
                Some(ready_at) => at.max(ready_at + millis(WRITERS_DRAIN)).min(drained),
                None => drained,
            },
            _ => drained,
        }
    }

    /// When the video became ready, in Unix milliseconds.
    fn ready_at(&self) -> Option<i64> {
        let text = self.record.as_deref()?.ready_at.as_deref()?;
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
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
        at: record
            .pointer("/dynamodb/ApproximateCreationDateTime")
            .and_then(Value::as_f64)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .and_then(|since_1970| since_1970.as_millis().try_into().ok())
            .filter(|at| *at > 0),
        // Not in the new image: whoever writes the end down removes it.
        was_in_parts: text("/dynamodb/OldImage/parts_counted/N").is_some_and(|parts| parts != "0"),
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

    const AT: i64 = 1_795_000_000_000;

    #[test]
    fn a_deletion_waits_for_the_encoder() {
        let [change] = &parse(&fixture("stream-deleting"))[..] else {
            panic!("one change");
        };
        assert_eq!(change.before, Some(Status::Preparing));
        assert_eq!(change.leftovers(), Some(Leftovers::Everything));
        assert_eq!(change.drained_at(0), AT + millis(WRITERS_DRAIN));
        let ready = |ready_at: Option<&str>| {
            let mut record = change
                .record
                .clone()
                .unwrap_or_else(|| Box::new(Video::waiting(change.video)));
            record.ready_at = ready_at.map(Into::into);
            Change {
                before: Some(Status::Ready),
                record: Some(record),
                ..change.clone()
            }
        };
        assert_eq!(ready(Some("2024-11-27T19:35:20.004Z")).drained_at(0), AT);
        assert_eq!(ready(None).drained_at(0), AT + millis(WRITERS_DRAIN));
        let undated = Change {
            at: None,
            ..change.clone()
        };
        assert_eq!(undated.drained_at(AT), AT + millis(WRITERS_DRAIN));
    }

    #[test]
    fn what_a_refused_source_left_goes_and_what_may_be_tried_again_stays() {
        let failed = |kind: &str, parts: u32| {
            let mut event = fixture("stream-ready");
            let images = &mut event["Records"][0]["dynamodb"];
            images["NewImage"]["status"]["S"] = "errored".into();
            images["NewImage"]["error"] = serde_json::json!({"M": {"type": {"S": kind}, "title": {"S": "What"}, "detail": {"S": "Why."}}});
            images["OldImage"]["parts_counted"] = serde_json::json!({"N": parts.to_string()});
            parse(&event).remove(0)
        };
        let alone = failed("malformed-media", 0);
        assert_eq!(
            alone.leftovers(),
            Some(Leftovers::RenditionsAndPublicSource)
        );
        for kind in ["not-a-video", "no-video-stream"] {
            let leftovers = failed(kind, 0).leftovers();
            assert_eq!(leftovers, Some(Leftovers::RenditionsAndPublicSource));
        }
        for kind in ["unsupported-codec", "protected-content"] {
            assert_eq!(failed(kind, 0).leftovers(), Some(Leftovers::Renditions));
        }
        assert_eq!(alone.drained_at(0), AT);
        assert_eq!(
            failed("malformed-media", 3).drained_at(0),
            AT + millis(WRITERS_DRAIN)
        );
        for kind in ["internal", "too-long", "too-large"] {
            assert_eq!(failed(kind, 3).leftovers(), None);
        }
        let told_again = Change {
            before: Some(Status::Errored),
            ..alone
        };
        assert_eq!(told_again.leftovers(), None);
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
