//! A video as it is stored: the attributes' names, units and defaults, which outlive every version.
//!
//! Nothing but the conversions here knows that times are stored in milliseconds, seconds and text, or
//! that `0` stands for none.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use serde::{Deserialize, Serialize};

use super::{
    Holder, Month, PublishedAudio, PublishedRendition, RunProgress, Status, TextTracks,
    UploadToken, Video, VideoId, Visibility, track::TextTrack,
};
use crate::timestamp::{InvalidTimestamp, Timestamp};
use reelrun_media::{encryption::SegmentKey, error::VideoError, source::SourceSummary};

/// The attributes of a record. Those with a default are missing in records of earlier versions, or
/// while there is nothing to say.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Record {
    id: VideoId,
    month: Month,
    status: Status,
    #[serde(default, skip_serializing_if = "is_public")]
    visibility: Visibility,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moving_to: Option<Visibility>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    move_requested_at: Option<i64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved_at: Option<i64>,
    /// Hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segment_key: Option<SegmentKey>,
    filename: String,
    content_type: String,
    size_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    progress: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<SourceSummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    renditions: Vec<PublishedRendition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    audio: Vec<PublishedAudio>,
    #[serde(default)]
    has_poster: bool,
    #[serde(default)]
    has_storyboard: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_audio_file: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_partial: bool,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ready_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<VideoError>,
    /// The first versions did not count.
    #[serde(default = "first")]
    generation: u32,
    #[serde(default)]
    attempts: u32,
    /// Unix milliseconds; 0 is none.
    #[serde(default)]
    lease_until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_owner: Option<String>,
    /// Of how many parts the progress of a run is told; 0 while there is no run.
    #[serde(default)]
    parts_counted: u32,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    parts_done: BTreeSet<u32>,
    /// Hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload_token_hash: Option<String>,
    /// Unix seconds; 0 is none.
    #[serde(default)]
    upload_until: i64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    multipart_uploads: BTreeSet<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload_reported_at: Option<i64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_at: Option<i64>,
    /// Unix seconds, as DynamoDB's TTL wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tracks: Vec<TextTrack>,
    #[serde(default, skip_serializing_if = "is_zero")]
    tracks_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracks_pending: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracks_held_until: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_public(visibility: &Visibility) -> bool {
    *visibility == Visibility::Public
}

fn first() -> u32 {
    1
}

impl TryFrom<Record> for Video {
    type Error = InvalidTimestamp;

    fn try_from(record: Record) -> Result<Self, InvalidTimestamp> {
        let run = NonZeroU32::new(record.parts_counted).map(|parts_total| RunProgress {
            parts_total,
            parts_done: record.parts_done,
        });
        Ok(Self {
            id: record.id,
            month: record.month,
            status: record.status,
            visibility: record.visibility,
            moving_to: record.moving_to,
            move_requested_at: record.move_requested_at.map(Timestamp::from_millis),
            moved_at: record.moved_at.map(Timestamp::from_millis),
            segment_key: record.segment_key,
            filename: record.filename,
            content_type: record.content_type,
            size_bytes: record.size_bytes,
            title: record.title,
            metadata: record.metadata,
            progress: record.progress,
            source: record.source,
            renditions: record.renditions,
            audio: record.audio,
            has_poster: record.has_poster,
            has_storyboard: record.has_storyboard,
            has_audio_file: record.has_audio_file,
            has_partial: record.has_partial,
            ready_at: record.ready_at.map(|at| at.parse()).transpose()?,
            error: record.error,
            generation: record.generation,
            attempts: record.attempts,
            holder: record.lease_owner.map(|name| Holder {
                name,
                until: Timestamp::from_millis(record.lease_until),
                run,
            }),
            upload_token: record.upload_token_hash.map(|hash| UploadToken {
                hash,
                valid_until: Timestamp::from_secs(record.upload_until),
            }),
            multipart_uploads: record.multipart_uploads,
            upload_reported_at: record.upload_reported_at.map(Timestamp::from_millis),
            delete_requested_at: record.asked_at.map(Timestamp::from_millis),
            expires_at: record.expires_at.map(Timestamp::from_secs),
            tracks: TextTracks {
                list: record.tracks,
                version: record.tracks_version,
                are_pending: record.tracks_pending.is_some(),
                held_until: record.tracks_held_until.map(Timestamp::from_millis),
            },
        })
    }
}

impl From<Video> for Record {
    fn from(video: Video) -> Self {
        let (lease_owner, lease_until, run) = match video.holder {
            Some(holder) => (Some(holder.name), holder.until.as_millis(), holder.run),
            None => (None, 0, None),
        };
        let (parts_counted, parts_done) = run.map_or_else(Default::default, |run| {
            (run.parts_total.get(), run.parts_done)
        });
        let (upload_token_hash, upload_until) = match video.upload_token {
            Some(token) => (Some(token.hash), token.valid_until.as_secs()),
            None => (None, 0),
        };
        Self {
            id: video.id,
            month: video.month,
            status: video.status,
            visibility: video.visibility,
            moving_to: video.moving_to,
            move_requested_at: video.move_requested_at.map(Timestamp::as_millis),
            moved_at: video.moved_at.map(Timestamp::as_millis),
            segment_key: video.segment_key,
            filename: video.filename,
            content_type: video.content_type,
            size_bytes: video.size_bytes,
            title: video.title,
            metadata: video.metadata,
            progress: video.progress,
            source: video.source,
            renditions: video.renditions,
            audio: video.audio,
            has_poster: video.has_poster,
            has_storyboard: video.has_storyboard,
            has_audio_file: video.has_audio_file,
            has_partial: video.has_partial,
            ready_at: video.ready_at.map(|at| at.to_string()),
            error: video.error,
            generation: video.generation,
            attempts: video.attempts,
            lease_until,
            lease_owner,
            parts_counted,
            parts_done,
            upload_token_hash,
            upload_until,
            multipart_uploads: video.multipart_uploads,
            upload_reported_at: video.upload_reported_at.map(Timestamp::as_millis),
            asked_at: video.delete_requested_at.map(Timestamp::as_millis),
            expires_at: video.expires_at.map(Timestamp::as_secs),
            tracks: video.tracks.list,
            tracks_version: video.tracks.version,
            tracks_pending: video.tracks.are_pending.then(|| "yes".into()),
            tracks_held_until: video.tracks.held_until.map(Timestamp::as_millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use reelrun_media::error::ErrorType;

    const ID: &str = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";

    /// What every record has, with more.
    fn record(more: Value) -> Value {
        let mut record = json!({
            "id": ID, "month": "2024-11", "filename": "holiday.mp4", "content_type": "video/mp4",
            "size_bytes": 1_048_576,
        });
        let (Value::Object(fields), Value::Object(more)) = (&mut record, more) else {
            panic!("objects");
        };
        fields.extend(more);
        record
    }

    /// What the catalog writes when an upload is permitted.
    fn waiting() -> Value {
        record(json!({
            "status": "waiting", "title": "Holiday", "metadata": {"album": "2026"},
            "progress": 0.0, "has_poster": false, "has_storyboard": false, "generation": 1,
            "attempts": 0, "lease_until": 0, "parts_counted": 0, "upload_token_hash": "ab12",
            "upload_until": 1_732_822_488, "multipart_uploads": ["cd34"],
            "upload_reported_at": 1_732_736_108_876_i64, "expires_at": 1_732_908_888,
        }))
    }

    fn read(record: Value) -> Video {
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn one_that_waits_is_written_as_ever() {
        let video = read(waiting());
        assert_eq!(video.holder, None);
        let token = video.upload_token.as_ref().unwrap();
        assert_eq!(token.hash, "ab12");
        assert_eq!(token.valid_until.as_millis(), 1_732_822_488_000);
        assert_eq!(video.expires_at.unwrap().as_millis(), 1_732_908_888_000);
        assert_eq!(json!(video), waiting());
    }

    #[test]
    fn one_that_is_encrypted_has_its_key_and_shows_it_to_no_log() {
        let stored = json!({"status": "waiting", "visibility": "private",
            "segment_key": "30313233343536373839616263646566"});
        let video = read(record(stored.clone()));
        let key = SegmentKey::new(*b"0123456789abcdef");
        assert_eq!(video.segment_key, Some(key));
        assert_eq!(json!(video)["segment_key"], stored["segment_key"]);
        assert!(!format!("{video:?}").contains("3031"));
    }

    #[test]
    fn one_that_a_function_prepares_has_a_holder() {
        let stored = record(json!({
            "status": "preparing", "progress": 0.333, "has_poster": false, "has_storyboard": false,
            "generation": 2, "attempts": 1, "lease_until": 1_732_736_108_876_i64,
            "lease_owner": "8f5e7a9c", "parts_counted": 0, "upload_until": 1_732_822_488,
            "upload_token_hash": "ab12",
            "source": {
                "duration_ms": 60_000, "width": 1920, "height": 1080, "frame_rate": 23.976,
                "video_codec": "h264", "audio_codec": "aac", "size_bytes": 1_048_576,
            },
        }));
        let video = read(stored.clone());
        let holder = Holder {
            name: "8f5e7a9c".into(),
            until: Timestamp::from_millis(1_732_736_108_876),
            run: None,
        };
        assert_eq!((video.generation, video.attempts), (2, 1));
        assert_eq!(video.run(), None);
        assert_eq!(video.holder.as_ref(), Some(&holder));
        // What an earlier version did not say of a source is none.
        let mut rewritten = stored.clone();
        rewritten["source"]["not_used"] = json!([]);
        rewritten["source"]["subtitles_not_used"] = json!([]);
        assert_eq!(json!(video), rewritten);
        // A transition removes what there is nothing to say of.
        let mut stored = stored;
        stored.as_object_mut().unwrap().remove("parts_counted");
        assert_eq!(read(stored), video);
    }

    #[test]
    fn one_that_a_run_prepares_has_the_run_s_parts() {
        let stored = record(json!({
            "status": "preparing", "progress": 0.0, "has_poster": false, "has_storyboard": false,
            "generation": 1, "attempts": 1, "lease_until": 1_732_739_688_876_i64,
            "lease_owner": format!("{ID}-abc-1"), "parts_counted": 4, "parts_done": [0, 2],
            "upload_until": 0,
        }));
        let video = read(stored.clone());
        assert_eq!(video.run(), Some(&*format!("{ID}-abc-1")));
        let run = video.holder.as_ref().unwrap().run.as_ref().unwrap();
        assert_eq!(run.parts_total.get(), 4);
        assert_eq!(run.parts_done, [0, 2].into());
        assert_eq!(json!(video), stored);
    }

    #[test]
    fn one_that_is_ready_knows_since_when() {
        let stored = record(json!({
            "status": "ready", "progress": 1.0, "has_poster": true, "has_storyboard": true,
            "ready_at": "2024-11-27T19:35:20.004Z", "generation": 1, "attempts": 1,
            "renditions": [{
                "name": "720p", "width": 1280, "height": 720, "frame_rate": 25.0,
                "codecs": "avc1.64001f,mp4a.40.2", "bandwidth_bps": 2_675_000,
                "average_bandwidth_bps": 2_000_000,
            }],
            "lease_until": 0, "parts_counted": 0, "upload_token_hash": "ab12",
            "upload_until": 1_732_822_488,
        }));
        let video = read(stored.clone());
        assert_eq!(video.ready_at.unwrap().as_millis(), 1_732_736_120_004);
        assert_eq!(video.renditions[0].height, 720);
        assert_eq!(json!(video), stored);
    }

    #[test]
    fn sets_and_numbers_are_read_as_dynamodb_gives_them() {
        let item = json!({
            "id": {"S": ID}, "month": {"S": "2024-11"}, "status": {"S": "preparing"},
            "filename": {"S": "holiday.mp4"}, "content_type": {"S": "video/mp4"},
            "size_bytes": {"N": "1048576"}, "progress": {"N": "0"}, "has_poster": {"BOOL": false},
            "attempts": {"N": "1"}, "lease_owner": {"S": "run"},
            "lease_until": {"N": "1732739688876"}, "parts_counted": {"N": "4"},
            "parts_done": {"NS": ["2", "0"]}, "multipart_uploads": {"SS": ["cd34"]},
            "upload_token_hash": {"S": "ab12"}, "upload_until": {"N": "1732822488"},
        });
        let item: serde_dynamo::Item = serde_json::from_value(item).unwrap();
        let video: Video = serde_dynamo::from_item(item).unwrap();
        let run = RunProgress {
            parts_total: 4.try_into().unwrap(),
            parts_done: [0, 2].into(),
        };
        let holder = Holder {
            name: "run".into(),
            until: Timestamp::from_millis(1_732_739_688_876),
            run: Some(run),
        };
        assert_eq!(video.holder, Some(holder));
        assert_eq!(video.multipart_uploads, ["cd34".to_owned()].into());
    }

    #[test]
    fn one_that_failed_says_why() {
        let error = json!({
            "type": "too-long", "title": "The video is too long", "detail": "It has 13 hours.",
        });
        let stored = record(json!({"status": "errored", "attempts": 3, "error": error}));
        let video = read(stored);
        assert_eq!(video.error.unwrap().kind, ErrorType::TooLong);
    }

    #[test]
    fn one_that_is_deleted_knows_when_that_was_asked_for() {
        let video = read(record(json!({
            "status": "deleting", "asked_at": 1_732_736_120_004_i64, "upload_until": 1_732_822_488,
        })));
        assert_eq!(
            video.delete_requested_at,
            Some(Timestamp::from_millis(1_732_736_120_004))
        );
        assert_eq!(video.upload_token, None);
    }

    #[test]
    fn one_that_moves_knows_where_to() {
        let stored = record(json!({
            "status": "ready", "visibility": "private", "moving_to": "private",
            "move_requested_at": 1_732_736_120_004_i64, "moved_at": 1_732_736_120_000_i64,
        }));
        let video = read(stored);
        assert_eq!(video.visibility, Visibility::Private);
        assert_eq!(video.moving_to, Some(Visibility::Private));
        let at = video.move_requested_at.unwrap();
        assert_eq!(at.as_millis(), 1_732_736_120_004);
        let written = json!(video);
        assert_eq!(read(written), video);
    }

    #[test]
    fn one_of_the_first_version_lacks_most() {
        let video = read(record(json!({"status": "waiting"})));
        let expected = Video::waiting(
            ID.parse().unwrap(),
            "holiday.mp4".into(),
            "video/mp4".into(),
            1_048_576,
        );
        assert_eq!(video, expected);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for wrong in [
            json!({"status": "unheard-of"}),
            json!({"status": "ready", "ready_at": "yesterday"}),
            json!({"status": "ready", "month": "2024-13"}),
        ] {
            let wrong = record(wrong);
            assert!(
                serde_json::from_value::<Video>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }
}
