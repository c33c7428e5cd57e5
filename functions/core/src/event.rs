//! What S3 tells the transcode function.
//!
//! Only the fields that decide something are read, so that other senders of the same shape (local
//! emulators, a redrive by hand) work too. One odd record never hides the good ones beside it.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    keys::{Folder, StorageKey, parse_source_key, parse_track_source_key},
    lifecycle::sweep::StoredSource,
    video::{VideoId, track::TextTrackId},
};
use reelrun_media::error::ErrorType;

/// An uploaded source, as one record of an event announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceUploaded {
    /// The bucket that holds it.
    pub bucket: String,
    /// Where it is, of which video.
    pub folder: Folder,
    /// Its size in bytes, where the sender says.
    pub size_bytes: Option<u64>,
    /// Who says so.
    pub sender: Sender,
    /// Its entity tag, which changes with its bytes; empty where the sender leaves it out.
    pub entity_tag: String,
}

/// Who announces a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Storage, at least once.
    Storage,
    /// The sweep, because it does not know whether storage's event was lost.
    Sweep,
    /// Whoever uploaded it, through the API, so as not to wait for storage's event.
    Uploader,
    /// A person who wants the video tried again.
    Operator,
}

impl Sender {
    const KNOWN: [Self; 3] = [Self::Storage, Self::Sweep, Self::Uploader];

    /// What it calls itself in its events.
    fn event_source(self) -> &'static str {
        match self {
            Self::Storage => "aws:s3",
            Self::Sweep => "reelrun.sweep",
            Self::Uploader => "reelrun.uploader",
            Self::Operator => "reelrun.operator",
        }
    }

    fn named(event_source: &str) -> Self {
        let mut known = Self::KNOWN.into_iter();
        known
            .find(|sender| sender.event_source() == event_source)
            .unwrap_or(Self::Operator)
    }

    /// The failures after which such an announcement has the video tried again, in its next generation.
    ///
    /// An announcement of storage's may be delivered again by Lambda, or by a person who takes it from
    /// the failure queue: that retries what was our fault. Of the sweep's, several may still be queued
    /// when the video ends, so they retry nothing; nor does the uploader's, which is about a video that
    /// waits. Only an operator knows that limits have changed.
    pub fn retryable_errors(self) -> &'static [ErrorType] {
        match self {
            Self::Storage => &[ErrorType::Internal],
            Self::Sweep | Self::Uploader => &[],
            Self::Operator => &ErrorType::MAY_END_OTHERWISE,
        }
    }
}

/// What one record asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A source to transcode.
    Source(SourceUploaded),
    /// Nothing for us: acknowledged, and logged with this reason.
    Ignored(String),
}

/// Reads an S3 event: a batch of records, or the `s3:TestEvent` that S3 sends when a notification
/// is configured. Never fails: what can't be understood is a record to ignore, since delivering it
/// again would not make it clearer.
pub fn parse(event: &Value) -> Vec<Record> {
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return vec![Record::Ignored("S3's test event".into())];
    }
    match event.get("Records").and_then(Value::as_array) {
        Some(records) => records.iter().map(parse_record).collect(),
        None => vec![Record::Ignored("not an S3 event: it has no Records".into())],
    }
}

/// The event with which storage announces a source, as [`parse`] reads it, by somebody else.
pub fn announcement(by: Sender, bucket: &str, source: &StoredSource) -> Value {
    json!({"Records": [{
        "eventSource": by.event_source(),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {
                "key": StorageKey::Source(source.folder).to_string(),
                "size": source.size_bytes,
                "eTag": source.entity_tag,
            },
        },
    }]})
}

/// Has the tracks function publish a video's text tracks.
pub fn pending_tracks(video: VideoId) -> Value {
    json!({ "pending_tracks": video })
}

/// The video whose text tracks are to be published, if the event is [`pending_tracks`].
pub fn parse_pending_tracks(event: &Value) -> Option<VideoId> {
    event.get("pending_tracks")?.as_str()?.parse().ok()
}

/// Has the transcode function read the text tracks that are in a video's file.
pub fn embedded_tracks(video: VideoId) -> Value {
    json!({ "embedded_tracks": video })
}

/// The video whose file has text tracks to be read, if the event is [`embedded_tracks`].
pub fn parse_embedded_tracks(event: &Value) -> Option<VideoId> {
    event.get("embedded_tracks")?.as_str()?.parse().ok()
}

/// The files of text tracks that an S3 event announces, in this bucket. All else is nothing for whoever asks.
pub fn parse_tracks(event: &Value, in_bucket: &str) -> Vec<(VideoId, TextTrackId)> {
    let records = event.get("Records").and_then(Value::as_array);
    let records = records.into_iter().flatten();
    let records = records.filter_map(|record| RawRecord::deserialize(record).ok());
    records
        .filter(|raw| raw.is_creation() && raw.s3.bucket.name == in_bucket)
        .filter_map(|raw| parse_track_source_key(&decode_key(&raw.s3.object.key)))
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRecord {
    event_name: String,
    #[serde(default)]
    event_source: String,
    s3: RawS3,
}

#[derive(Deserialize)]
struct RawS3 {
    bucket: RawBucket,
    object: RawObject,
}

#[derive(Deserialize)]
struct RawBucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawObject {
    key: String,
    size: Option<u64>,
    #[serde(default)]
    e_tag: String,
}

impl RawRecord {
    fn is_creation(&self) -> bool {
        // S3 writes `ObjectCreated:Put`; event bridges and replays write `s3:ObjectCreated:Put`.
        let name = self.event_name.trim_start_matches("s3:");
        name.starts_with("ObjectCreated:")
    }
}

fn parse_record(record: &Value) -> Record {
    let raw = match RawRecord::deserialize(record) {
        Ok(raw) => raw,
        Err(why) => return Record::Ignored(format!("not an S3 record: {why}")),
    };
    if !raw.is_creation() {
        return Record::Ignored(format!(
            "{} is not the creation of an object",
            raw.event_name
        ));
    }
    let key = decode_key(&raw.s3.object.key);
    match parse_source_key(&key) {
        Ok(folder) => Record::Source(SourceUploaded {
            bucket: raw.s3.bucket.name,
            folder,
            size_bytes: raw.s3.object.size,
            sender: Sender::named(&raw.event_source),
            entity_tag: raw.s3.object.e_tag,
        }),
        Err(why) => Record::Ignored(why.to_string()),
    }
}

/// Keys in events are form-encoded: `+` is a space and `%2B` a plus.
fn decode_key(key: &str) -> String {
    percent_decode_str(&key.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timestamp::Timestamp;

    fn fixture(name: &str) -> Vec<Record> {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
        parse(&serde_json::from_str(&text).unwrap())
    }

    fn uploaded(size_bytes: impl Into<Option<u64>>) -> Record {
        Record::Source(SourceUploaded {
            bucket: "reelrun-uploads-123456789012-eu-central-1".into(),
            folder: Folder::public("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()),
            size_bytes: size_bytes.into(),
            sender: Sender::Storage,
            entity_tag: "d41d8cd98f00b204e9800998ecf8427e".into(),
        })
    }

    #[test]
    fn a_track_s_file_names_video_and_track() {
        let path = format!(
            "{}/../../events/s3-put-track.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut event: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let bucket = "reelrun-uploads-123456789012-eu-central-1";
        let (video, track) = (
            "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e",
            "01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f",
        );
        let expected = (video.parse().unwrap(), track.parse().unwrap());
        assert_eq!(parse_tracks(&event, bucket), [expected]);
        assert_eq!(parse_tracks(&event, "another"), []);
        event["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
        assert_eq!(parse_tracks(&event, bucket), []);
        assert_eq!(parse_tracks(&Value::Null, bucket), []);
        let pending = pending_tracks(expected.0);
        assert_eq!(parse_pending_tracks(&pending), Some(expected.0));
        assert_eq!(parse_pending_tracks(&event), None);
        let embedded = embedded_tracks(expected.0);
        assert_eq!(parse_embedded_tracks(&embedded), Some(expected.0));
        assert_eq!(parse_embedded_tracks(&pending), None);
        // To the transcode function it is nothing.
        assert!(matches!(fixture("s3-put-track")[..], [Record::Ignored(_)]));
    }

    #[test]
    fn a_put_names_its_video() {
        assert_eq!(fixture("s3-put"), [uploaded(1_048_576)]);
    }

    #[test]
    fn a_multipart_upload_names_its_video() {
        assert_eq!(fixture("s3-multipart-completed"), [uploaded(104_857_600)]);
    }

    #[test]
    fn an_escaped_key_is_decoded() {
        assert_eq!(fixture("s3-escaped-key"), [uploaded(1_048_576)]);
    }

    #[test]
    fn the_test_event_is_nothing_to_do() {
        assert_eq!(
            fixture("s3-test-event"),
            [Record::Ignored("S3's test event".into())]
        );
    }

    #[test]
    fn good_records_survive_odd_neighbours() {
        let records = fixture("s3-batch");
        assert_eq!(records.len(), 5);
        assert_eq!(records[0], uploaded(1_048_576));
        assert!(
            records[1..4]
                .iter()
                .all(|r| matches!(r, Record::Ignored(_)))
        );
        assert!(matches!(&records[4], Record::Source(s) if s.size_bytes == Some(7)));
    }

    #[test]
    fn an_announcement_reads_as_an_event() {
        let source = StoredSource {
            folder: Folder::public("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()),
            size_bytes: 7,
            entity_tag: "abc".into(),
            stored_at: Timestamp::from_secs(1_800_000_000),
        };
        for sender in [
            Sender::Storage,
            Sender::Sweep,
            Sender::Uploader,
            Sender::Operator,
        ] {
            let expected = SourceUploaded {
                bucket: "uploads".into(),
                folder: source.folder,
                size_bytes: Some(7),
                sender,
                entity_tag: "abc".into(),
            };
            let event = announcement(sender, "uploads", &source);
            assert_eq!(parse(&event), [Record::Source(expected)]);
        }
    }

    #[test]
    fn form_encoding_is_undone() {
        assert_eq!(decode_key("a+b%2Bc%20d%C3%A9"), "a b+c dé");
    }

    proptest! {
        #[test]
        fn any_text_in_any_field_is_survived(name in ".*", key in ".*", size: u64) {
            let event = serde_json::json!({"Records": [{
                "eventName": name, "s3": {"bucket": {"name": name}, "object": {"key": key, "size": size}}
            }]});
            prop_assert_eq!(parse(&event).len(), 1);
        }
    }
}
