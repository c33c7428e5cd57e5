//! A video becomes private, and public again, while players are at it.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reelrun_tests::{
    conformance::check,
    media::Clips,
    poll::{Patience, so},
    stack::{Answer, Stack, get, put},
};
use serde_json::{Value, json};

use super::{owned, playback::EXPECTED, ready, text};

/// How long a change may take: writers are waited for, and the stream brings one after another.
const PATIENCE: Patience = Patience::of(Duration::from_mins(4));

fn show(stack: &Stack, id: &str, visibility: &str) -> Answer {
    let body = json!({"visibility": visibility}).to_string();
    let token = Some(&*stack.api_token);
    stack.call("PATCH", &format!("/videos/{id}"), token, &[], &body)
}

/// Asks for a change, and waits until it is reported as done.
fn shown(stack: &Stack, id: &str, visibility: &str) -> Value {
    let answer = show(stack, id, visibility);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["pending_visibility"], visibility);
    assert_ne!(answer.json()["visibility"], visibility);
    done(stack, id, visibility)
}

fn done(stack: &Stack, id: &str, visibility: &str) -> Value {
    PATIENCE.block_on("the change is done", || {
        let video = owned(stack, id);
        if video["pending_visibility"].is_null() {
            assert_eq!(video["visibility"], visibility);
            Ok(video)
        } else {
            Err(video)
        }
    })
}

/// Everything by which a video can be read: what its view names, and a playlist and segments below that.
fn addresses(video: &Value) -> Vec<String> {
    let mut all: Vec<String> = ["hls", "dash", "audio", "poster", "storyboard", "original"]
        .map(|name| text(video, &format!("/playback/{name}")).to_owned())
        .into();
    let base = all[0].strip_suffix("master.m3u8").unwrap().to_owned();
    for file in [
        "video/360p/playlist.m3u8",
        "video/360p/iframes.m3u8",
        "video/240p/init.mp4",
        "video/240p/00001.m4s",
        "video/360p/00002.m4s",
    ] {
        all.push(format!("{base}{file}"));
    }
    all
}

/// A request that a player without a token made: when it began, and what came.
struct Seen {
    at: Instant,
    url: String,
    status: u16,
}

/// Asks for all of these, again and again, while something happens.
fn while_read<T>(urls: &[String], happens: impl FnOnce() -> T) -> (T, Vec<Seen>) {
    let (seen, is_over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            // One round more than anything happens.
            let mut last = false;
            while !last {
                last = is_over.load(Ordering::SeqCst);
                for url in urls {
                    let at = Instant::now();
                    let answer = get(url);
                    // Of a function that did not answer in time nothing was read.
                    if !answer.is_of_a_busy_gateway() {
                        let (url, status) = (url.clone(), answer.status);
                        seen.lock().unwrap().push(Seen { at, url, status });
                    }
                }
            }
        });
        let result = happens();
        is_over.store(true, Ordering::SeqCst);
        result
    });
    (result, seen.into_inner().unwrap())
}

async fn left_in(stack: &Stack, id: &str, folders: [&str; 2]) -> Vec<String> {
    let mut left = stack.media_keys(&format!("{}/{id}/", folders[0])).await;
    left.extend(
        stack
            .keys(&stack.uploads_bucket, &format!("{}/{id}/", folders[1]))
            .await,
    );
    left
}

/// The paths that the distribution was told to forget.
async fn invalidated(stack: &Stack) -> Vec<String> {
    let cdn = aws_sdk_cloudfront::Client::new(&stack.aws());
    let distribution = super::distribution(&cdn).await;
    let listed = cdn.list_invalidations().distribution_id(&distribution);
    let listed = listed.send().await.unwrap().invalidation_list.unwrap();
    let mut paths = Vec::new();
    for known in listed.items() {
        let asked = cdn.get_invalidation().distribution_id(&distribution);
        let answer = asked.id(known.id()).send().await.unwrap();
        let invalidation = answer.invalidation.unwrap();
        assert_eq!(invalidation.status, "Completed");
        let batch = invalidation.invalidation_batch.unwrap();
        paths.extend(batch.paths.unwrap().items().to_vec());
    }
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_video_that_became_private_is_read_without_a_token() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("seen.mp4", "640x360", "25", 14.0);
    let video = stack.ready(&file);
    let id = text(&video, "/id").to_owned();
    let public = addresses(&video);
    let token = Some(&*stack.api_token);
    for url in &public {
        assert_eq!(get(url).status, 200, "{url}");
    }

    // What is said of it, as well.
    let lookup = format!("{}/videos/{id}", stack.cdn_url);
    assert_eq!(get(&lookup).status, 200);
    let all: Vec<_> = public.iter().chain([&lookup]).cloned().collect();
    let ((private, done_at), seen) = while_read(&all, || {
        let answer = show(&stack, &id, "private");
        let asked = answer.json();
        assert_eq!(
            (&asked["visibility"], &asked["pending_visibility"]),
            (&json!("public"), &json!("private"))
        );
        // Whoever looks for it needs a token from now on, and it can't be turned round half-way.
        assert_eq!(stack.get_path(&format!("/videos/{id}"), None).status, 404);
        assert_eq!(show(&stack, &id, "public").status, 409);
        assert_eq!(show(&stack, &id, "private").status, 200, "asking again");
        (done(&stack, &id, "private"), Instant::now())
    });
    let refusal = |seen: &Seen| if seen.url == lookup { 404 } else { 403 };
    let late: Vec<_> = seen
        .iter()
        .filter(|seen| seen.at >= done_at && seen.status != refusal(seen))
        .map(|seen| (&seen.url, seen.status))
        .collect();
    assert!(late.is_empty(), "read after it was done: {late:?}");
    assert!(seen.iter().any(|seen| seen.at >= done_at), "nobody asked");
    let odd: Vec<_> = seen
        .iter()
        .filter(|seen| ![200, refusal(seen)].contains(&seen.status))
        .map(|seen| (&seen.url, seen.status))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert_eq!(left_in(&stack, &id, ["videos", "uploads"]).await, [""; 0]);
    let paths = invalidated(&stack).await;
    for path in [format!("/videos/{id}*"), format!("/uploads/{id}/source")] {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }

    // Those who have a token see all of it, with its types.
    check(&private, &EXPECTED);
    let by_token = addresses(&private);
    assert_eq!(
        get(text(&private, "/playback/original")).body,
        std::fs::read(&file).unwrap()
    );
    assert_eq!(
        get(&by_token[9]).header("cache-control"),
        "public, max-age=31536000, immutable"
    );

    // And back. Whoever has a token is not cut off before there are addresses that need none.
    let ((again, shown_at), seen) = while_read(&by_token, || {
        let answer = show(&stack, &id, "public");
        assert_eq!(answer.json()["visibility"], "private");
        PATIENCE.block_on("it is found without a token", || {
            let answer = stack.get_path(&format!("/videos/{id}"), None);
            so(answer.status == 200)
        });
        let shown_at = Instant::now();
        for url in &public {
            assert_eq!(get(url).status, 200, "{url}");
        }
        (done(&stack, &id, "public"), shown_at)
    });
    assert!(
        seen.iter()
            .any(|seen| seen.at < shown_at && seen.status == 200)
    );
    check(&again, &EXPECTED);
    assert_eq!(addresses(&again), public);
    assert_eq!(left_in(&stack, &id, ["private", "private"]).await, [""; 0]);
    let refused = stack.post(&format!("/videos/{id}/tokens"), token, "{}");
    assert_eq!(refused.status, 409, "it needs none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_kept_until_the_video_is_encoded() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("later.mp4", "160x120", "25", 2.0)).unwrap();
    let size = bytes.len() as u64;
    // One that waits can be changed, and changed back.
    let permission = stack.permission("later.mp4", "video/mp4", size);
    let id = permission.video_id;
    for (visibility, pending) in [
        ("private", json!("private")),
        ("public", json!(null)),
        ("public", json!(null)),
        ("private", json!("private")),
    ] {
        let answer = show(&stack, &id, visibility);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["pending_visibility"], pending);
        assert_eq!(answer.json()["visibility"], "public");
    }
    // Its permission to upload is as good as it was.
    assert_eq!(
        put(&permission.url, &permission.content_type, &bytes).status,
        200
    );
    ready(&stack, &id);
    let video = done(&stack, &id, "private");
    assert_eq!(get(text(&video, "/playback/hls")).status, 200);
    assert_eq!(left_in(&stack, &id, ["videos", "uploads"]).await, [""; 0]);

    // And it opens nothing any more: what it stores where the video was is removed.
    assert_eq!(
        put(&permission.url, &permission.content_type, &bytes).status,
        200
    );
    PATIENCE
        .wait_for("the stray source is removed", async || {
            let left = left_in(&stack, &id, ["videos", "uploads"]).await;
            if left.is_empty() { Ok(()) } else { Err(left) }
        })
        .await;
    assert_eq!(get(text(&video, "/playback/original")).status, 200);
}

#[test]
fn a_video_that_failed_changes_too() {
    let stack = Stack::get();
    let permission = stack.permission("none.mp4", "video/mp4", 2000);
    let id = permission.video_id;
    assert_eq!(put(&permission.url, "video/mp4", &[7; 2000]).status, 200);
    assert_eq!(stack.settled(&id)["status"], "errored");
    let video = shown(&stack, &id, "private");
    assert_eq!(video["status"], "errored");
    assert_eq!(stack.get_path(&format!("/videos/{id}"), None).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_deleted_while_it_moves_leaves_nothing() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let video = stack.ready(&clips.silent("gone.mp4", "160x120", "25", 2.0));
    let id = text(&video, "/id").to_owned();
    assert_eq!(show(&stack, &id, "private").status, 200);
    let token = Some(&*stack.api_token);
    let deleted = stack.call("DELETE", &format!("/videos/{id}"), token, &[], "");
    assert_eq!(deleted.status, 204);
    assert_eq!(show(&stack, &id, "private").status, 404);
    PATIENCE
        .wait_for("all of it is gone", async || {
            so(stack.record(&id).await.is_empty())
        })
        .await;
    let left = [
        left_in(&stack, &id, ["videos", "uploads"]).await,
        left_in(&stack, &id, ["private", "private"]).await,
    ];
    assert_eq!(left, [[""; 0]; 2]);
    let paths = invalidated(&stack).await;
    assert!(paths.contains(&format!("/videos/{id}*")), "{paths:?}");
}
