//! A video that has long been ready, with one text track, made without an encode.

use reelrun_core::{
    keys::StorageKey,
    lifecycle::timing::LEASE,
    video::{
        Status, TextTracks, Video, VideoId,
        track::{TextTrack, TextTrackId},
    },
};
use reelrun_media::{
    file::TrackId,
    report::{Presentation, SegmentReport, TrackKind, TrackReport},
    timeline::FrameRate,
};
use reelrun_platform::{aws, catalog::Catalog, now, storage::Storage};
use reelrun_tests::{settings::buckets, stack::Stack};
use uuid::Uuid;

/// The video, and what it is looked at with.
pub(super) struct ReadyVideo {
    pub(super) id: VideoId,
    pub(super) track: TextTrackId,
    pub(super) storage: Storage,
    pub(super) catalog: Catalog,
}

impl ReadyVideo {
    /// With this track, for which there may be something to be done.
    pub(super) async fn new(
        stack: &Stack,
        track: impl FnOnce(TextTrackId) -> TextTrack,
        are_pending: bool,
    ) -> Self {
        let sdk = stack.aws();
        let new = Self {
            id: VideoId::new(Uuid::now_v7()).unwrap(),
            track: TextTrackId::new(Uuid::now_v7()).unwrap(),
            storage: Storage::new(aws::s3(&sdk), buckets(stack)),
            catalog: Catalog::new(aws::dynamodb(&sdk), stack.videos_table.clone()),
        };
        let video = Video {
            status: Status::Ready,
            ready_at: Some(now() - LEASE * 60),
            tracks: TextTracks {
                list: vec![track(new.track)],
                version: 1,
                are_pending,
                held_until: None,
            },
            ..Video::waiting(new.id, "a.mkv".into(), "video/x-matroska".into(), 6)
        };
        new.catalog.create(&video).await.unwrap();
        let measured = StorageKey::Presentation(new.id);
        let stored = new.storage.put_json(&measured, &presentation()).await;
        stored.unwrap();
        new
    }

    /// The record.
    pub(super) async fn video(&self) -> Video {
        self.catalog.get(self.id).await.unwrap().unwrap()
    }
}

fn presentation() -> Presentation {
    let segment = SegmentReport {
        bytes: 1000,
        ticks: 76_800,
        iframes: Vec::new(),
    };
    let track = TrackReport {
        track: TrackId::Video("240p".into()),
        kind: TrackKind::Video {
            width: 320,
            height: 240,
            frame_rate: FrameRate::new(25, 1).unwrap(),
        },
        codecs: "avc1.64001f".into(),
        init_sha256: String::new(),
        timescale: 12_800,
        segments: vec![segment; 2],
    };
    Presentation::new(vec![track], Vec::new()).unwrap()
}
