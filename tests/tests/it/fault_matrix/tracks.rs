//! Calls that are made while a text track is read and published. Each cell has a video and a proxy of its
//! own; the function is called here, as storage and the cleanup function would, until the record says that it
//! is done.

use reelrun_core::{
    event,
    keys::{Folder, StorageKey},
    video::track::{TextTrack, TextTrackKind, TextTrackStatus},
};
use reelrun_media::file::MediaFile;
use reelrun_platform::{aws, catalog::Catalog, lambda::Function, storage::Storage};
use reelrun_tests::{
    fault_proxy::{Call, FaultProxy, Mode},
    settings::buckets,
    stack::Stack,
};
use reelrun_tracks::Tracks;
use serde_json::{Value, json};

use crate::fault_matrix::{
    ready_video::ReadyVideo,
    steps::{Worker, through, until_done},
    stopped::{Silenced, Stopped},
    table::{Outcome, try_all},
};

const CALLS: [(&str, Call); 13] = [
    ("look the video up", Call::operation("GetItem")),
    ("read the track's file", Call::object("GET", "/source")),
    (
        "record what it is worth",
        Call::change(&["tracks", "tracks_version"], &["tracks_held_until"]),
    ),
    (
        "claim the video's tracks",
        Call::change(&["tracks_held_until", "moving_to"], &[]),
    ),
    (
        "read what was measured",
        Call::object("GET", "/presentation.json"),
    ),
    ("store a segment", Call::object("PUT", "/00001.vtt")),
    ("store the track whole", Call::object("PUT", "/all.vtt")),
    ("store its playlist", Call::object("PUT", "/playlist.m3u8")),
    ("store the manifest", Call::object("PUT", "/manifest.mpd")),
    (
        "store the master playlist",
        Call::object("PUT", "/master.m3u8"),
    ),
    ("list its objects", Call::object("GET", "list-type=2")),
    ("remove a deleted track's", Call::object("POST", "delete")),
    (
        "note that they are published",
        Call::change(&["tracks", "tracks_held_until"], &["moving_to"]),
    ),
];

const FILE: &str = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n";
const AT_ONCE: usize = 26;

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_is_added() {
    let stack = Stack::get();
    let _stream = Stopped::stream_of(&stack, &stack.cleanup_function).await;
    let _storage = Silenced::tracks(&stack).await;
    let try_one = async |call, mode| try_one(&stack, call, mode).await;
    try_all("A track is added", &CALLS, AT_ONCE, try_one).await;
}

/// With one track whose file has arrived, and what is left of another.
struct Case(ReadyVideo);

impl Case {
    async fn new(stack: &Stack) -> Self {
        let track = |id| TextTrack {
            embedded: None,
            id,
            kind: TextTrackKind::Subtitles,
            language: "en".into(),
            name: None,
            is_default: false,
            is_forced: false,
            filename: "a.vtt".into(),
            size_bytes: FILE.len() as u64,
            status: TextTrackStatus::Waiting,
            published_bytes: 0,
            error: None,
        };
        let new = Self(ReadyVideo::new(stack, track, false).await);
        let source = StorageKey::TrackSource(new.0.id, new.0.track);
        new.0.storage.put(&source, FILE.into()).await.unwrap();
        let left = new.left_over();
        new.0.storage.put(&left, FILE.into()).await.unwrap();
        new
    }

    fn left_over(&self) -> StorageKey {
        let file = MediaFile::Text("01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f".into());
        StorageKey::Media(Folder::public(self.0.id), file)
    }

    async fn is_done(&self) -> bool {
        let video = self.0.video().await;
        !video.tracks.are_pending && video.tracks.list[0].status == TextTrackStatus::Ready
    }

    /// What is told next, as far as the record says.
    async fn event(&self, stack: &Stack) -> Value {
        let video = self.0.video().await;
        if video.tracks.list[0].status == TextTrackStatus::Waiting {
            let key = StorageKey::TrackSource(self.0.id, self.0.track).to_string();
            return json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {
                "bucket": {"name": stack.uploads_bucket}, "object": {"key": key},
            }}]});
        }
        event::pending_tracks(self.0.id)
    }

    /// Whatever has happened so far: what the master playlist names is there.
    async fn check(&self) -> Result<bool, String> {
        let folder = Folder::public(self.0.id);
        let key = StorageKey::Media(folder, MediaFile::Master);
        let Some(master) = self.0.storage.get_head(&key, 1 << 20).await.unwrap() else {
            return Ok(false);
        };
        let id = self.0.track.to_string();
        let master = String::from_utf8(master.bytes.to_vec()).unwrap();
        if !master.contains(&id) {
            return Err(format!("the master playlist names no track: {master}"));
        }
        for file in [
            MediaFile::TextPlaylist(id.clone()),
            MediaFile::TextSegment(id.clone(), 1),
            MediaFile::TextSegment(id.clone(), 2),
            MediaFile::Text(id.clone()),
        ] {
            let key = StorageKey::Media(folder, file);
            if !self.0.storage.exists(&key).await.unwrap() {
                return Err(format!("{key} is named and not there"));
            }
        }
        Ok(true)
    }
}

async fn try_one(stack: &Stack, call: Call, mode: Mode) -> Outcome {
    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let sdk = through(&proxy, stack);
    let tracks = Tracks {
        storage: Storage::new(aws::s3(&sdk), buckets(stack)),
        catalog: Catalog::new(aws::dynamodb(&sdk), stack.videos_table.clone()),
        transcode: Function::new(aws::lambda(&sdk), stack.transcode_function.clone()),
    };
    let case = Case::new(stack).await;
    let rule = proxy.breaks(call, "", mode);
    let step = async || {
        let handled = tracks.handle(&case.event(stack).await).await;
        handled.map_err(|why| why.to_string())
    };
    let check = async || case.check().await.map(drop);
    let tries = until_done(
        rule,
        mode,
        Worker::Steps,
        async || case.is_done().await,
        step,
        check,
    )
    .await?;
    if !case.check().await? {
        return Err("nothing is published".into());
    }
    if case.0.storage.exists(&case.left_over()).await.unwrap() {
        return Err("what is left of a deleted track stays".into());
    }
    Ok(format!("published, {tries} tries"))
}
