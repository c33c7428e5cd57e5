//! Calls that are made while subtitles are read from a video's own file: by the tracks function, which asks for
//! it, and by the transcode function, which does it.

use std::time::Duration;

use reelrun_core::{
    event,
    keys::{Folder, StorageKey},
    video::track::{TextTrack, TextTrackStatus},
};
use reelrun_media::{source::TextStream, tracks::TextTrackKind};
use reelrun_platform::{aws, catalog::Catalog, lambda::Function, storage::Storage};
use reelrun_tests::{
    fault_proxy::{Call, FaultProxy, Mode},
    media::Clips,
    settings::{buckets, transcoder},
    stack::{LIVE, Stack},
};
use reelrun_tracks::Tracks;
use reelrun_transcode::{handler, invocation::Invocation};

use crate::fault_matrix::{
    ready_video::ReadyVideo,
    steps::{Worker, through, until_done},
    stopped::{Silenced, Stopped},
    table::{Outcome, try_all},
};

const READING: [(&str, Call); 4] = [
    ("look the video up", Call::operation("GetItem")),
    ("read the video's file", Call::object("GET", "/source")),
    ("store a track's file", Call::object("PUT", "/source")),
    ("record what was read", RECORD),
];
const RECORD: Call = Call::change(&["tracks", "tracks_version"], &["tracks_held_until"]);

const ASKING: [(&str, Call); 2] = [
    (
        "call the transcode function",
        Call::object("POST", "/invocations"),
    ),
    ("record that it was asked", RECORD),
];

const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn subtitles_of_a_video_s_file() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _stream = Stopped::stream_of(&stack, &stack.cleanup_function).await;
    let _storage = Silenced::tracks(&stack).await;
    let cue = clips.file("a.srt", b"1\n00:00:00,200 --> 00:00:00,800\nHello\n");
    let source = clips.make(
        "a.mkv",
        &format!(
            "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -i {} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:s srt",
            cue.display()
        ),
    );
    let source = std::fs::read(source).unwrap();
    let asking = async |call, mode| try_asking(&stack, &source, call, mode).await;
    try_all("Subtitles are asked for", &ASKING, AT_ONCE, asking).await;
    let reading = async |call, mode| try_reading(&stack, &source, call, mode).await;
    try_all("Subtitles are read", &READING, AT_ONCE, reading).await;
}

/// With subtitles in its file.
struct Case(ReadyVideo);

impl Case {
    async fn new(stack: &Stack, source: &[u8]) -> Self {
        let found = TextStream {
            index: 1,
            kind: TextTrackKind::Subtitles,
            language: "en".into(),
            name: None,
            is_default: false,
            is_forced: false,
        };
        let track = |id| TextTrack::in_stream(id, &found, 0);
        let new = Self(ReadyVideo::new(stack, track, true).await);
        let key = StorageKey::Source(Folder::public(new.0.id));
        let stored = new.0.storage.put(&key, source.to_vec().into()).await;
        stored.unwrap();
        new
    }

    async fn track(&self) -> TextTrack {
        self.0.video().await.tracks.list.remove(0)
    }

    /// The file that was made of the track.
    async fn file(&self) -> Option<String> {
        let key = StorageKey::TrackSource(self.0.id, self.0.track);
        let head = self.0.storage.get_head(&key, 1 << 10).await.unwrap()?;
        Some(String::from_utf8(head.bytes.to_vec()).unwrap())
    }
}

/// The deployed function then reads it, beside the one that asks.
async fn try_asking(stack: &Stack, source: &[u8], call: Call, mode: Mode) -> Outcome {
    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let sdk = through(&proxy, stack);
    let transcode = format!("{}:{LIVE}", stack.transcode_function);
    let tracks = Tracks {
        storage: Storage::new(aws::s3(&sdk), buckets(stack)),
        catalog: Catalog::new(aws::dynamodb(&sdk), stack.videos_table.clone()),
        transcode: Function::new(aws::lambda(&sdk), transcode),
    };
    let case = Case::new(stack, source).await;
    let rule = proxy.breaks(call, "", mode);
    // Or read already, by whoever was asked before that was noted.
    let is_done = async || !case.track().await.is_to_be_extracted();
    let step = async || {
        let handled = tracks.handle(&event::pending_tracks(case.0.id)).await;
        handled.map_err(|why| why.to_string())
    };
    let tries = until_done(rule, mode, Worker::Others, is_done, step, async || Ok(())).await?;
    for _ in 0..60 {
        if let Some(file) = case.file().await {
            assert!(file.contains("Hello"), "{file}");
            return Ok(format!("read, {tries} tries"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("it was asked for, and never read".into())
}

async fn try_reading(stack: &Stack, source: &[u8], call: Call, mode: Mode) -> Outcome {
    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let transcoder = transcoder(stack, &through(&proxy, stack));
    let case = Case::new(stack, source).await;
    let rule = proxy.breaks(call, "", mode);
    let is_done = async || case.track().await.status != TextTrackStatus::Waiting;
    let step = async || {
        let invocation = Invocation::lasting(Duration::from_mins(2));
        let event = event::embedded_tracks(case.0.id);
        let handled = Box::pin(handler::handle(&transcoder, &event, &invocation)).await;
        handled.map(drop).map_err(|why| why.to_string())
    };
    let tries = until_done(rule, mode, Worker::Steps, is_done, step, async || Ok(())).await?;
    let track = case.track().await;
    let is_stored = case.file().await.is_some_and(|file| file.contains("Hello"));
    let is_right = is_stored && track.status == TextTrackStatus::Preparing;
    is_right
        .then(|| format!("read, {tries} tries"))
        .ok_or_else(|| format!("{track:?}"))
}
