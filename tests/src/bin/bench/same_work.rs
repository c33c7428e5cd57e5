//! The events that both implementations of a function get, and the proof that they do the same with
//! them: a comparison with something that does less would be worth nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use reelrun_core::video::{Video, VideoId};
use reelrun_platform::catalog::Catalog;
use reelrun_tests::stack::Stack;
use serde_json::{Value, json};
use uuid::Uuid;

/// `POST /uploads` with the stack's token.
pub(crate) fn upload_event(stack: &Stack) -> Result<Vec<u8>> {
    let mut event = fixture("http-create-upload")?;
    event["headers"]["authorization"] = format!("Bearer {}", stack.api_token).into();
    Ok(serde_json::to_vec(&event)?)
}

/// `GET /videos/{id}`.
pub(crate) fn video_event(id: VideoId) -> Result<Vec<u8>> {
    let mut event = fixture("http-get-video")?;
    let path = format!("/videos/{id}");
    event["requestContext"]["http"]["path"] = path.clone().into();
    event["rawPath"] = path.into();
    Ok(serde_json::to_vec(&event)?)
}

fn fixture(name: &str) -> Result<Value> {
    let path = format!("events/{name}.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} can't be read"))?;
    Ok(serde_json::from_str(&text)?)
}

/// Records a video with everything that a published one has.
pub(crate) async fn ready_video(stack: &Stack) -> Result<VideoId> {
    let id = VideoId::new(Uuid::now_v7())?;
    let rendition = |name: &str, width: u32, height: u32, rate: u64| {
        json!({
            "name": name, "width": width, "height": height, "frame_rate": 23.976,
            "codecs": "avc1.640028,mp4a.40.2",
            "bandwidth_bps": rate, "average_bandwidth_bps": rate * 3 / 4,
        })
    };
    let video: Video = serde_json::from_value(json!({
        "id": id, "month": id.month(), "status": "ready", "filename": "holiday.mp4",
        "content_type": "video/mp4", "size_bytes": 1_048_576, "title": "Holiday",
        "metadata": {"album": "2026", "place": "Łódź"}, "progress": 1.0, "has_poster": true, "has_storyboard": true,
        "source": {
            "duration_ms": 60_000, "width": 1920, "height": 1080, "frame_rate": 23.976,
            "video_codec": "h264", "audio_codec": "aac", "size_bytes": 1_048_576,
        },
        "renditions": [
            rendition("1080p", 1920, 1080, 5_350_000),
            rendition("720p", 1280, 720, 2_675_000),
            rendition("480p", 854, 480, 1_075_000),
            rendition("360p", 640, 360, 875_000),
            rendition("240p", 426, 240, 400_000),
        ],
        "ready_at": "2026-11-21T02:00:00Z", "attempts": 1,
    }))?;
    let client = aws_sdk_dynamodb::Client::new(&stack.aws());
    Catalog::new(client, stack.videos_table.clone())
        .create(&video)
        .await?;
    Ok(id)
}

/// Fails unless two answers, and what they left behind, are those of the same work.
pub(crate) async fn check(stack: &Stack, name: &str, ours: &Value, theirs: &Value) -> Result<()> {
    ensure!(
        ours["statusCode"] == theirs["statusCode"],
        "{name} answers differently in Python:\n{ours}\n{theirs}"
    );
    let body = |answer: &Value| -> Result<Value> {
        let text = answer["body"].as_str().context("an answer has no body")?;
        Ok(serde_json::from_str(text)?)
    };
    let (ours, theirs) = (body(ours)?, body(theirs)?);
    if name == "lookup" {
        ensure!(ours == theirs, "not the same video:\n{ours:#}\n{theirs:#}");
        return Ok(());
    }
    ensure!(
        signed(&ours)? == signed(&theirs)?,
        "not the same is signed:\n{ours:#}\n{theirs:#}"
    );
    let (ours, theirs) = (recorded(stack, &ours).await, recorded(stack, &theirs).await);
    ensure!(
        ours == theirs,
        "not the same is recorded:\n{ours:#?}\n{theirs:#?}"
    );
    Ok(())
}

/// Which parameters an upload URL has, and which headers it is for.
fn signed(answer: &Value) -> Result<(BTreeSet<String>, String)> {
    let url = answer["upload"]["url"].as_str().context("no URL")?;
    let (_, query) = url.split_once('?').context("no signature")?;
    let pairs = || query.split('&').filter_map(|pair| pair.split_once('='));
    let headers = pairs().find(|(name, _)| *name == "X-Amz-SignedHeaders");
    let (_, headers) = headers.context("no headers are signed")?;
    // The Rust SDK also names the operation; it means nothing to S3.
    let names = pairs().map(|(name, _)| name).filter(|name| *name != "x-id");
    Ok((names.map(Into::into).collect(), headers.to_lowercase()))
}

/// What differs from video to video.
const VARIES: [&str; 4] = ["id", "expires_at", "upload_token_hash", "upload_until"];

/// The record that an answer is about, without what differs from video to video.
async fn recorded(stack: &Stack, answer: &Value) -> BTreeMap<String, AttributeValue> {
    let id = answer["video_id"].as_str().unwrap_or_default();
    let record = stack.record(id).await;
    record
        .into_iter()
        .filter(|(name, _)| !VARIES.contains(&name.as_str()))
        .collect()
}
