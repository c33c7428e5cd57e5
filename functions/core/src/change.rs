//! The table's stream: how a video's record changed.

use std::time::Duration;

use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};
use serde_json::Value;

use crate::{
    lifecycle::{
        timing::WRITERS_DRAIN,
        tracks::{may_be_published, tracks_drained_at},
        visibility::{movers_drained_at, next_step},
    },
    timestamp::Timestamp,
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
    /// When it changed, if that is told.
    pub at: Option<Timestamp>,
    /// Whether a run of the state machine was encoding it.
    pub was_in_parts: bool,
    /// Whether its objects were being moved.
    pub was_moving: bool,
    /// The record as it is now, unless it is one that can't be read.
    pub record: Option<Box<Video>>,
}

/// What cleanup removes after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupScope {
    /// All of a video that was deleted.
    Everything,
    /// What was stored of renditions that will never be complete. The source stays where it is.
    Renditions,
    /// The same, and the source goes to where the CDN does not read.
    RenditionsAndPublicSource,
}

impl Change {
    /// What is of no use any more now, if anything is.
    pub fn cleanup_scope(&self) -> Option<CleanupScope> {
        match self.after {
            Status::Deleting => Some(CleanupScope::Everything),
            Status::Errored if self.before != Some(Status::Errored) => {
                // A retry may come at any time, and overwrites what is left.
                let error = self.record.as_deref()?.error.as_ref()?;
                match error.kind {
                    kind if kind.may_end_otherwise() => None,
                    kind if kind.withdraws_the_source() => {
                        Some(CleanupScope::RenditionsAndPublicSource)
                    }
                    _ => Some(CleanupScope::Renditions),
                }
            }
            _ => None,
        }
    }

    /// Whether the video's objects are to be moved, as far as this change tells.
    pub fn wants_a_move(&self) -> bool {
        self.record.as_deref().and_then(next_step).is_some()
    }

    /// Whether the video's text tracks are to be published, as far as this change tells.
    pub fn wants_tracks(&self) -> bool {
        self.record.as_deref().is_some_and(may_be_published)
    }

    /// From when on nobody stores anything for the video any more. A change of unknown age is as young as
    /// it can be.
    pub fn drained_at(&self, now: Timestamp) -> Timestamp {
        let encoders = self.encoders_drained_at(now);
        let tracks = self.record.as_deref().and_then(tracks_drained_at);
        let drained = encoders.max(tracks.unwrap_or(encoders));
        if self.was_moving {
            drained.max(self.at.unwrap_or(now) + WRITERS_DRAIN)
        } else {
            drained
        }
    }

    /// The same, but for who may be moving it to where this change has it moved, too.
    pub fn encoders_drained_at(&self, now: Timestamp) -> Timestamp {
        let at = self.at.unwrap_or(now);
        let drained = at + WRITERS_DRAIN;
        match (self.before, self.after) {
            (Some(Status::Waiting), _) => at,
            // The function that recorded the failure has stopped. Of a run, other parts may still be at
            // work.
            (Some(Status::Preparing), Status::Errored) if !self.was_in_parts => at,
            // A part that was started twice may still be at work, until it sees that the run is over; and
            // whoever has moved it, until that is seen to be done.
            (Some(Status::Ready), _) => {
                let video = self.record.as_deref();
                let ready_at = video.and_then(|video| video.ready_at);
                let moved = video.and_then(movers_drained_at).unwrap_or(at);
                ready_at.map_or(drained, |ready_at| {
                    at.max(ready_at + WRITERS_DRAIN).max(moved).min(drained)
                })
            }
            _ => drained,
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

/// A record of the stream: an item before and after, as attributes that are tagged with their types.
#[derive(Deserialize)]
struct StreamRecord {
    dynamodb: StreamImages,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamImages {
    approximate_creation_date_time: Option<f64>,
    keys: Item,
    old_image: Option<Item>,
    new_image: Option<Item>,
}

fn parse_record(record: &Value) -> Option<Change> {
    let StreamRecord { dynamodb: images } = StreamRecord::deserialize(record).ok()?;
    let text = |item: &Item, name: &str| match item.get(name)? {
        AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    };
    let status = |item| text(item, "status")?.parse().ok();
    let old = images.old_image.unwrap_or_default();
    // One that is removed by itself is an upload that never came.
    let removed = || {
        let mut waited = old.clone();
        let deleting = AttributeValue::S(Status::Deleting.as_str().into());
        waited.insert("status".into(), deleting);
        (status(&old) == Some(Status::Waiting)).then_some(waited)
    };
    let new = images.new_image.or_else(removed)?;
    let parts_counted = old.get("parts_counted");
    Some(Change {
        video: text(&images.keys, "id")?.parse().ok()?,
        before: status(&old),
        after: status(&new)?,
        at: images
            .approximate_creation_date_time
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|since_1970| !since_1970.is_zero())
            .map(|since_1970| Timestamp::from_secs(0) + since_1970),
        // Not in the new image: whoever writes the end down removes it.
        was_in_parts: parts_counted.is_some_and(|parts| *parts != AttributeValue::N("0".into())),
        was_moving: old.contains_key("moving_to"),
        record: serde_dynamo::from_item(new).ok(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lifecycle::timing::IN_FLIGHT_PUT_GRACE;

    fn fixture(name: &str) -> Value {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    const AT: Timestamp = Timestamp::from_secs(1_795_000_000);
    const EARLIER: Timestamp = Timestamp::from_secs(0);

    #[test]
    fn a_deletion_waits_for_the_encoder() {
        let [change] = &parse(&fixture("stream-deleting"))[..] else {
            panic!("one change");
        };
        assert_eq!(change.before, Some(Status::Preparing));
        assert_eq!(change.cleanup_scope(), Some(CleanupScope::Everything));
        assert_eq!(change.drained_at(EARLIER), AT + WRITERS_DRAIN);
        let ready = |ready_at: Option<&str>| {
            let name = String::from;
            let mut record = Video::waiting(change.video, name("a.mp4"), name("video/mp4"), 1);
            record.ready_at = ready_at.map(|at| at.parse().unwrap());
            Change {
                before: Some(Status::Ready),
                record: Some(Box::new(record)),
                ..change.clone()
            }
        };
        assert_eq!(
            ready(Some("2024-11-27T19:35:20.004Z")).drained_at(EARLIER),
            AT
        );
        assert_eq!(ready(None).drained_at(EARLIER), AT + WRITERS_DRAIN);
        let undated = Change {
            at: None,
            ..change.clone()
        };
        assert_eq!(undated.drained_at(AT), AT + WRITERS_DRAIN);
    }

    #[test]
    fn a_move_waits_for_encoders_and_a_deletion_for_movers() {
        let [change] = &parse(&fixture("stream-moving"))[..] else {
            panic!("one change");
        };
        assert!(change.wants_a_move());
        assert_eq!((change.cleanup_scope(), change.was_moving), (None, false));
        assert_eq!(change.encoders_drained_at(EARLIER), AT);
        // One whose objects may be copied still.
        let mut event = fixture("stream-moving");
        let images = &mut event["Records"][0]["dynamodb"];
        images["OldImage"]["moving_to"] = serde_json::json!({"S": "private"});
        images["NewImage"]["status"]["S"] = "deleting".into();
        let deleted = parse(&event).remove(0);
        assert!(deleted.was_moving && !deleted.wants_a_move());
        assert_eq!(deleted.drained_at(EARLIER), AT + WRITERS_DRAIN);
        // One whose objects had moved a moment before.
        let mut moved = change.clone();
        if let Some(record) = &mut moved.record {
            record.moved_at = Some(AT);
        }
        assert_eq!(moved.drained_at(EARLIER), AT + WRITERS_DRAIN);
    }

    #[test]
    fn an_upload_that_never_came_leaves_nothing() {
        let mut event = fixture("stream-deleting");
        let images = event["Records"][0]["dynamodb"].as_object_mut().unwrap();
        images.remove("NewImage");
        assert_eq!(parse(&event), []);
        event["Records"][0]["dynamodb"]["OldImage"]["status"]["S"] = "waiting".into();
        let [change] = &parse(&event)[..] else {
            panic!("one change");
        };
        assert_eq!(change.cleanup_scope(), Some(CleanupScope::Everything));
        assert_eq!(change.drained_at(EARLIER), AT);
    }

    #[test]
    fn tracks_are_published_and_a_deletion_waits_for_who_does_that() {
        let mut event = fixture("stream-tracks");
        let [change] = &parse(&event)[..] else {
            panic!("one change");
        };
        assert!(change.wants_tracks() && !change.wants_a_move());
        let video = change.record.as_deref().unwrap();
        assert_eq!(video.tracks.list[0].language, "de");
        let image = &mut event["Records"][0]["dynamodb"]["NewImage"];
        let until = AT + WRITERS_DRAIN * 4;
        image["tracks_held_until"] = serde_json::json!({"N": until.as_millis().to_string()});
        image["status"]["S"] = "deleting".into();
        let deleted = parse(&event).remove(0);
        assert!(!deleted.wants_tracks());
        assert_eq!(deleted.drained_at(EARLIER), until + IN_FLIGHT_PUT_GRACE);
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
            alone.cleanup_scope(),
            Some(CleanupScope::RenditionsAndPublicSource)
        );
        for kind in ["not-a-video", "no-video-stream"] {
            let scope = failed(kind, 0).cleanup_scope();
            assert_eq!(scope, Some(CleanupScope::RenditionsAndPublicSource));
        }
        for kind in ["unsupported-codec", "protected-content"] {
            assert_eq!(
                failed(kind, 0).cleanup_scope(),
                Some(CleanupScope::Renditions)
            );
        }
        assert_eq!(alone.drained_at(EARLIER), AT);
        assert_eq!(
            failed("malformed-media", 3).drained_at(EARLIER),
            AT + WRITERS_DRAIN
        );
        for kind in ["internal", "too-long", "too-large"] {
            assert_eq!(failed(kind, 3).cleanup_scope(), None);
        }
        let told_again = Change {
            before: Some(Status::Errored),
            ..alone
        };
        assert_eq!(told_again.cleanup_scope(), None);
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
