//! What is private plays for those who have a token: all of it, below the token's own path.

use reelrun_core::token::{self, Audience};
use reelrun_tests::{
    configuration::Reconfigured,
    conformance::{Expected, check},
    media::Clips,
    stack::{Stack, get, send},
};
use serde_json::json;

use super::{claims, keys, owned, ready, text, upload};

pub(super) const EXPECTED: Expected = Expected {
    frames: 350,
    frame_rate: (25, 1),
    size: (640, 360),
    renditions: &["360p", "240p"],
    language: Some("de"),
};

#[tokio::test]
async fn a_private_video_plays_by_its_token_and_is_stored_nowhere_else() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("secret.mp4", "640x360", "25", 14.0);
    let id = upload(&stack, &file);
    let video = ready(&stack, &id);
    assert_eq!(video["visibility"], "private");
    // From the URL on: playlists, segments, manifest, by an independent reader.
    check(&video, &EXPECTED);
    for name in ["hls", "dash", "audio", "poster", "storyboard", "original"] {
        let url = text(&video["playback"], &format!("/{name}"));
        assert!(url.starts_with(&format!("{}/s/", stack.cdn_url)), "{url}");
        assert_eq!(get(url).status, 200, "{name}");
    }
    let original = text(&video, "/playback/original");
    assert_eq!(get(original).body, std::fs::read(&file).unwrap());
    let headers = [("range", "bytes=0-3"), ("origin", "http://localhost:3000")];
    let range = send("GET", original, &headers, &[]);
    assert_eq!((range.status, range.body.len()), (206, 4));
    assert_eq!(range.header("content-type"), "video/mp4");
    assert!(range.header("content-security-policy").contains("sandbox"));
    assert_eq!(range.header("access-control-allow-origin"), "*");

    for (bucket, prefix) in [
        (&stack.uploads_bucket, "uploads"),
        (&stack.media_bucket, "videos"),
    ] {
        assert!(
            stack
                .keys(bucket, &format!("{prefix}/{id}/"))
                .await
                .is_empty()
        );
    }
    assert!(!stack.media_keys(&format!("private/{id}/")).await.is_empty());
}

#[tokio::test]
async fn chunks_of_a_private_video_are_private() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("secret.mp4", "640x360", "25", 14.0);
    let _configuration = Reconfigured::chunks(&stack, 2).await;
    let id = upload(&stack, &file);
    check(&ready(&stack, &id), &EXPECTED);
    assert!(stack.media_keys(&format!("videos/{id}/")).await.is_empty());
}

#[test]
fn tokens_are_made_by_the_api_or_by_whoever_has_the_key() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = upload(&stack, &clips.silent("secret.mp4", "160x120", "25", 2.0));
    ready(&stack, &id);
    let path = format!("/videos/{id}/tokens");
    let asked = |body: serde_json::Value| {
        let answer = stack.post(&path, Some(&stack.api_token), &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let play = asked(json!({"expires_in_s": 600}));
    assert_eq!(get(text(&play, "/playback/hls")).status, 200);
    assert_eq!(play["playback"]["original"], json!(null));
    let original = asked(json!({"audience": "original"}));
    assert_eq!(original["playback"]["hls"], json!(null));
    assert_eq!(get(text(&original, "/playback/original")).status, 200);
    // Whoever has one looks the video up with it, and finds its addresses.
    let seen = stack
        .get_path(&format!("/videos/{id}"), Some(text(&play, "/token")))
        .json();
    assert_eq!(seen["playback"], play["playback"]);
    // A page of another site plays nothing.
    let bound = asked(json!({"referrers": ["example.com"]}));
    let hls = text(&bound, "/playback/hls");
    let from = |page| send("GET", hls, &[("referer", page)], &[]).status;
    assert_eq!(from("http://localhost.example.com/"), 200);
    assert_eq!(from("http://localhost/"), 403);

    let offline = token::sign(&claims(&id, Audience::Play), &keys(&stack));
    let url = format!("{}/s/{offline}/{id}/master.m3u8", stack.cdn_url);
    assert_eq!(get(&url).status, 200);
    // An owner's addresses are the same from one look to the next, so that players go on.
    assert_eq!(
        owned(&stack, &id)["playback"]["hls"],
        owned(&stack, &id)["playback"]["hls"]
    );
}
