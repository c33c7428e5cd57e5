//! Calls that are made while a video moves from one place to the other. Each cell has a video and a proxy
//! of its own; the function is called here, as the table's stream would, until the record says it is done.

use std::time::{Duration, Instant};

use reelrun_cleanup::Cleanup;
use reelrun_core::{
    lifecycle::timing::LEASE,
    video::{Status, Video, VideoId, Visibility},
};
use reelrun_platform::{aws, catalog::Catalog, cdn::Cdn, lambda::Function, now, storage::Storage};
use reelrun_tests::{
    fault_proxy::{Call, FaultProxy, Mode},
    settings::buckets,
    stack::Stack,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    fault_matrix::{
        steps::through,
        stopped::Stopped,
        table::{Outcome, try_all},
    },
    private::distribution,
};

const CALLS: [(&str, Call); 10] = [
    ("look the video up", Call::operation("GetItem")),
    ("list its objects", Call::object("GET", "list-type=2")),
    ("copy a segment", Call::object("PUT", "/00001.m4s")),
    (
        "copy the master playlist",
        Call::object("PUT", "/master.m3u8"),
    ),
    ("copy the source", Call::object("PUT", "/source")),
    (
        "show it in its new place",
        Call::change(&["moving_to", "visibility"], &["moved_at"]),
    ),
    ("remove objects", Call::object("POST", "delete")),
    ("invalidate paths", Call::object("POST", "/invalidation")),
    (
        "see whether they are",
        Call::object("GET", "/invalidation/"),
    ),
    ("note that it has moved", Call::change(&["moved_at"], &[])),
];

/// What a video has, in both buckets.
const MEDIA: [&str; 5] = [
    "master.m3u8",
    "manifest.mpd",
    "poster.jpg",
    "video/240p/playlist.m3u8",
    "video/240p/00001.m4s",
];

const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_moves() {
    let stack = Stack::get();
    let _stream = Stopped::stream_of(&stack, &stack.cleanup_function).await;
    let cdn = distribution(&aws_sdk_cloudfront::Client::new(&stack.aws())).await;
    let try_one = async |call, mode| try_one(&stack, &cdn, call, mode).await;
    try_all("A video moves", &CALLS, AT_ONCE, try_one).await;
}

async fn try_one(stack: &Stack, distribution: &str, call: Call, mode: Mode) -> Outcome {
    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let sdk = through(&proxy, stack);
    let cleanup = Cleanup {
        storage: Storage::new(aws::s3(&sdk), buckets(stack)),
        catalog: Catalog::new(aws::dynamodb(&sdk), stack.videos_table.clone()),
        cdn: Some(Cdn::new(aws::cloudfront(&sdk), distribution.into())),
        tracks: Function::new(aws::lambda(&sdk), stack.tracks_function.clone()),
    };
    let id = public_video(stack).await;
    let asked = stack.call(
        "PATCH",
        &format!("/videos/{id}"),
        Some(&stack.api_token),
        &[],
        r#"{"visibility": "private"}"#,
    );
    if asked.status != 200 {
        return Err(asked.text());
    }
    let item = stack.record(&id).await;
    let item: serde_json::Value = serde_json::to_value(serde_dynamo::Item::from(item)).unwrap();
    let event = json!({"Records": [{"dynamodb": {
        "Keys": {"id": {"S": id}}, "OldImage": item, "NewImage": item,
    }}]});

    let rule = proxy.breaks(call, "", mode);
    let mut tries = 0;
    let begun = Instant::now();
    let mut hits = 0;
    while !is_done(stack, &id).await {
        tries += 1;
        let result = cleanup.handle(&event).await;
        hits = hits.max(rule.hits());
        whole(stack, &id).await?;
        if mode == Mode::ErrorForEver {
            if result.is_ok() {
                return Err("it is done, they say, without the call".into());
            }
            if is_done(stack, &id).await {
                return Err("it failed, and is reported as done".into());
            }
            break;
        }
        if begun.elapsed() > Duration::from_mins(2) {
            return Err(format!("not done after {tries} tries: {result:?}"));
        }
    }
    drop(rule);
    if hits == 0 {
        return Err("the call was never made".into());
    }
    while !is_done(stack, &id).await {
        tries += 1;
        let tried = cleanup.handle(&event).await;
        tried.map_err(|why| format!("after it worked again: {why}"))?;
    }
    whole(stack, &id).await?;
    let left = left_of(stack, &id, Visibility::Public).await;
    if !left.is_empty() {
        return Err(format!("left in the old place: {left:?}"));
    }
    Ok(format!("private, {tries} tries"))
}

/// A video that has long been ready.
async fn public_video(stack: &Stack) -> String {
    let id = VideoId::new(Uuid::now_v7()).unwrap();
    let catalog = Catalog::new(aws::dynamodb(&stack.aws()), stack.videos_table.clone());
    let video = Video {
        status: Status::Ready,
        ready_at: Some(now() - LEASE * 60),
        ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 6)
    };
    catalog.create(&video).await.unwrap();
    let store = async |bucket: &str, key: String| {
        let put = stack.s3().put_object().bucket(bucket).key(&key);
        let body = key.into_bytes();
        put.body(body.into()).send().await.unwrap();
    };
    for name in MEDIA {
        store(&stack.media_bucket, format!("videos/{id}/{name}")).await;
    }
    store(&stack.uploads_bucket, format!("uploads/{id}/source")).await;
    id.to_string()
}

async fn is_done(stack: &Stack, id: &str) -> bool {
    !stack.record(id).await.contains_key("moving_to")
}

async fn left_of(stack: &Stack, id: &str, visibility: Visibility) -> Vec<String> {
    let (media, source) = match visibility {
        Visibility::Public => ("videos", "uploads"),
        Visibility::Private => ("private", "private"),
    };
    let mut keys = stack.media_keys(&format!("{media}/{id}/")).await;
    let sources = format!("{source}/{id}/");
    keys.extend(stack.keys(&stack.uploads_bucket, &sources).await);
    keys
}

/// Whatever has happened so far: where the record says that the video is, all of it is.
async fn whole(stack: &Stack, id: &str) -> Result<(), String> {
    let record = stack.record(id).await;
    let visibility = record.get("visibility").and_then(|it| it.as_s().ok());
    let visibility = visibility.map_or(Visibility::Public, |word| word.parse().unwrap());
    let there = left_of(stack, id, visibility).await;
    if there.len() == MEDIA.len() + 1 {
        Ok(())
    } else {
        Err(format!(
            "it is {visibility:?}, and there are only {there:?}"
        ))
    }
}
