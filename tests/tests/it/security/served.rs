//! How what users made is served: as media, and as nothing that could act.

use std::time::Duration;

use reelrun_tests::{
    media::Clips,
    poll::{Patience, so},
    stack::{Answer, Stack, get, put, send},
};

const TWO_MINUTES: Patience = Patience::of(Duration::from_mins(2));

const PAGE: &[u8] =
    b"<!doctype html><script>document.title = localStorage.getItem('reelrun.token')</script>";

/// Names and values that an answer must have.
fn has(answer: &Answer, wanted: &[(&str, &str)]) {
    for (name, value) in wanted {
        assert_eq!(answer.header(name), *value, "{name}");
    }
}

/// In which nothing runs, and which has no origin.
fn is_sandboxed(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    let directives: Vec<_> = policy.split("; ").collect();
    assert!(directives.contains(&"sandbox"), "{policy}");
    assert!(directives.contains(&"default-src 'none'"), "{policy}");
    assert!(
        !policy.contains("allow-") && !policy.contains("script"),
        "{policy}"
    );
    has(
        answer,
        &[
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "cross-origin"),
        ],
    );
    assert!(
        answer
            .header("strict-transport-security")
            .contains("max-age=31536000")
    );
}

#[test]
fn media_and_originals_are_read_by_all_and_run_nowhere() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let bytes = std::fs::read(clips.silent("a.mp4", "64x64", "25", 0.2)).unwrap();
    let permission = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
    // None of these is in the signature, and storage keeps them.
    let headers = [
        ("content-type", "video/mp4"),
        ("if-none-match", "*"),
        ("cache-control", "public, max-age=31536000, immutable"),
        (
            "content-disposition",
            "attachment; filename=\"invoice.exe\"",
        ),
        ("content-language", "tlh"),
        ("expires", "Thu, 01 Dec 2033 16:00:00 GMT"),
    ];
    assert_eq!(send("PUT", &permission.url, &headers, &bytes).status, 200);
    let video = stack.settled(&permission.video_id);
    let playback = |name: &str| video["playback"][name].as_str().unwrap().to_owned();
    let from = |url: &str| send("GET", url, &[("origin", "http://localhost:3000")], &[]);
    for url in ["hls", "dash", "poster", "original"].map(playback) {
        let answer = from(&url);
        assert_eq!(answer.status, 200, "{url}");
        is_sandboxed(&answer);
        has(&answer, &[("access-control-allow-origin", "*")]);
    }
    has(
        &from(&playback("original")),
        &[
            ("content-type", "video/mp4"),
            ("content-disposition", "inline"),
            ("cache-control", "no-cache"),
            ("content-language", ""),
            ("expires", ""),
        ],
    );
}

#[test]
fn the_page_is_in_no_frame_and_the_player_in_any() {
    let stack = Stack::get();
    for (path, ancestors, frame) in [
        ("/", "frame-ancestors 'none'", "DENY"),
        ("/watch/x", "frame-ancestors 'none'", "DENY"),
        ("/embed/x", "script-src 'self'; worker-src", ""),
    ] {
        let answer = get(&format!("{}{path}", stack.cdn_url));
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains(ancestors), "{path}: {policy}");
        assert_eq!(policy.contains("frame-ancestors"), !frame.is_empty());
        assert!(policy.contains("script-src 'self'"), "{path}: {policy}");
        has(
            &answer,
            &[
                ("x-frame-options", frame),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "strict-origin-when-cross-origin"),
            ],
        );
        for name in ["strict-transport-security", "permissions-policy"] {
            assert_ne!(answer.header(name), "", "{path}: {name}");
        }
    }
}

/// Sources that an earlier version stored with a type of their client's.
#[tokio::test]
async fn a_type_that_is_none_of_ours_is_served_as_bytes() {
    let stack = Stack::get();
    for stored in [
        "text/html",
        "image/svg+xml",
        "text/javascript",
        "video/mp4;,text/html",
        "video/mp4,text/javascript",
    ] {
        let key = format!("uploads/{}/source", uuid::Uuid::now_v7());
        let put = stack.s3().put_object().bucket(&stack.uploads_bucket);
        let put = put
            .key(&key)
            .content_type(stored)
            .body(PAGE.to_vec().into());
        put.send().await.unwrap();
        // The event of a source without a video removes it; until then it could be read.
        let answer = get(&format!("{}/{key}", stack.cdn_url));
        if answer.status == 200 {
            has(&answer, &[("content-type", "application/octet-stream")]);
            is_sandboxed(&answer);
        } else {
            assert_eq!(answer.status, 403);
        }
    }
}

#[tokio::test]
async fn what_turned_out_to_be_no_video_is_withdrawn() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let cover =
        "-f lavfi -i testsrc2=s=64x64:d=1:r=1 -c:v mjpeg -frames:v 1 -disposition:v attached_pic";
    let cover = std::fs::read(clips.make("cover.mp4", cover)).unwrap();
    let good = std::fs::read(clips.clip("good.mp4", "320x240", "25", 4.0)).unwrap();
    let mut withdrawn = Vec::new();
    for (bytes, kind) in [
        (PAGE, "not-a-video"),
        (&cover, "no-video-stream"),
        (&good[..good.len() / 2], "malformed-media"),
    ] {
        let permission = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
        assert_eq!(put(&permission.url, "video/mp4", bytes).status, 200);
        let id = permission.video_id.clone();
        let video = stack.settled(&id);
        assert_eq!(video["error"]["type"], kind, "{video:#}");
        let original = format!("{}/uploads/{id}/source", stack.cdn_url);
        TWO_MINUTES.block_on("the source is withdrawn", || {
            so(get(&original).status == 403)
        });
        // It is not lost: the operator can look at it.
        let kept = stack.s3().get_object().bucket(&stack.uploads_bucket);
        let kept = kept
            .key(format!("refused/{id}/source"))
            .send()
            .await
            .unwrap();
        let kept = kept.body.collect().await.unwrap().into_bytes();
        assert_eq!(kept, bytes, "{kind}");
        let refused = format!("{}/refused/{id}/source", stack.cdn_url);
        assert_eq!(get(&refused).status, 403);
        // Whoever may still upload puts nothing else in its place.
        put(&permission.url, "video/mp4", bytes);
        TWO_MINUTES.block_on("the source is withdrawn", || {
            so(get(&original).status == 403)
        });
        withdrawn.push(id);
    }
    // And it goes with its video.
    let token = Some(stack.api_token.as_str());
    for id in &withdrawn {
        let path = format!("/videos/{id}");
        assert_eq!(stack.call("DELETE", &path, token, &[], "").status, 204);
    }
    for id in withdrawn {
        let folder = format!("refused/{id}/");
        let removed = async || so(stack.keys(&stack.uploads_bucket, &folder).await.is_empty());
        TWO_MINUTES
            .wait_for("the refused source goes", removed)
            .await;
    }
}
