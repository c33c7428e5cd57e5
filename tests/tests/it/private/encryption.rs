//! Segments that are encrypted: whoever has a token plays them, and to others they are noise.

use std::{path::Path, process::Command};

use m3u8_rs::KeyMethod;
use reelrun_core::token::{self, Audience};
use reelrun_platform::now;
use reelrun_tests::{
    configuration::Reconfigured,
    media::{Clips, count_frames},
    recorder::Recorder,
    stack::{Answer, Stack, get, program, send},
};
use serde_json::{Value, json};

use super::{
    claims, keys, owned,
    players::{self, PLAYERS},
    ready, text, upload_as,
};

const FRAMES: u64 = 350;

/// Uploads 14 s of 25 frames a second, to be encrypted; its id.
fn encrypted(stack: &Stack, clips: &Clips) -> String {
    let file = clips.clip("secret.mp4", "640x360", "25", 14.0);
    upload_as(stack, &file, json!({"encryption": "aes-128"}))
}

#[tokio::test]
async fn an_encrypted_video_plays_with_its_key_and_is_noise_without() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = encrypted(&stack, &clips);
    let video = ready(&stack, &id);
    check_view(&video);
    check_files(&stack, &clips, &id, &video).await;
    check_key(&stack, &id);

    // Players find the key by themselves, and are lost without it.
    let token = token::sign(&claims(&id, Audience::Play), &keys(&stack));
    // (GStreamer 1.22 takes the initialization segment for encrypted as well, wherever the key stands.)
    for (name, player) in PLAYERS.into_iter().filter(|(name, _)| *name != "GStreamer") {
        let cdn = Recorder::start(&stack.cdn_url);
        let path = format!("/s/{token}/{id}/");
        let url = |cdn: &Recorder| format!("{}{path}master.m3u8", cdn.url);
        let plays = player(&url(&cdn), 0);
        plays.unwrap_or_else(|why| panic!("{name}: {why}"));
        players::check_asked(&cdn.asked(), &path, 0);
        let refusing = Recorder::without(&stack.cdn_url, "/key");
        assert!(player(&url(&refusing), 0).is_err(), "{name} without a key");
        let asked = refusing.asked();
        assert!(asked.iter().any(|one| one.path.ends_with("/key")), "{name}");
    }

    // Its owner sees that it is encrypted, and not with what.
    let secret = stack.record(&id).await["segment_key"]
        .as_s()
        .unwrap()
        .clone();
    let list = stack.get_path("/videos", Some(&stack.api_token)).text();
    assert!(list.contains(&id) && !list.contains(&secret));
    assert!(!owned(&stack, &id).to_string().contains(&secret));
}

#[tokio::test]
async fn chunks_encrypt_their_own_segments() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 2).await;
    let id = encrypted(&stack, &clips);
    let video = ready(&stack, &id);
    check_view(&video);
    check_files(&stack, &clips, &id, &video).await;
}

#[test]
fn only_private_videos_are_encrypted_and_only_as_is_known() {
    let stack = Stack::get();
    let asked = |more: Value| {
        let mut body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 7});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        stack.post("/uploads", Some(&stack.api_token), &body.to_string())
    };
    for wrong in [
        json!({"encryption": "aes-128"}),
        json!({"encryption": "aes-128", "visibility": "public"}),
        json!({"encryption": "aes-256", "visibility": "private"}),
    ] {
        let answer = asked(wrong.clone());
        assert_eq!(answer.status, 422, "{wrong}");
        assert_eq!(answer.json()["field"], "encryption", "{wrong}");
    }
    // One that is encrypted stays so, and private.
    let granted = asked(json!({"visibility": "private", "encryption": "aes-128"})).json();
    let path = format!("/videos/{}", text(&granted, "/video_id"));
    let change = |body: Value| {
        let token = Some(&*stack.api_token);
        stack.call("PATCH", &path, token, &[], &body.to_string())
    };
    assert_eq!(change(json!({"visibility": "public"})).status, 409);
    assert_eq!(change(json!({"visibility": "private"})).status, 200);
    let seen = change(json!({"title": "Secret"})).json();
    assert_eq!(
        (&seen["visibility"], &seen["encryption"]),
        (&json!("private"), &json!("aes-128"))
    );
    // One that is private and not encrypted has no key.
    let granted = asked(json!({"visibility": "private"})).json();
    let path = format!("/videos/{}/key", text(&granted, "/video_id"));
    assert_eq!(stack.get_path(&path, Some(&stack.api_token)).status, 404);
}

fn check_view(video: &Value) {
    assert_eq!(video["encryption"], "aes-128");
    assert_eq!(video["playback"]["dash"], json!(null));
    assert_eq!(video["playback"]["audio"], json!(null));
    assert_eq!(video["playback"]["type"], "hls");
}

/// Every playlist states the key of each segment, every segment is noise without it and plays with it, and
/// nothing else is there.
async fn check_files(stack: &Stack, clips: &Clips, id: &str, video: &Value) {
    let base = text(video, "/playback/hls")
        .strip_suffix("master.m3u8")
        .unwrap();
    let fetched = |file: &str| -> Answer {
        let answer = get(&format!("{base}{file}"));
        assert_eq!(answer.status, 200, "{file}");
        answer
    };
    let master = m3u8_rs::parse_master_playlist_res(&fetched("master.m3u8").body).unwrap();
    assert!(master.variants.iter().all(|variant| !variant.is_i_frame));
    let sounds = master
        .alternatives
        .iter()
        .filter_map(|one| one.uri.as_deref());
    let pictures = master.variants.iter().map(|variant| &*variant.uri);
    let mut vectors = Vec::new();
    let mut average = 0.0;
    for uri in pictures.clone().chain(sounds) {
        let folder = uri.strip_suffix("playlist.m3u8").unwrap();
        let playlist = m3u8_rs::parse_media_playlist_res(&fetched(uri).body).unwrap();
        assert_eq!(playlist.segments.len(), 3, "{uri}");
        let init = fetched(&format!("{folder}init.mp4")).body;
        let seen = clips.file("init.mp4", &init);
        assert_eq!(streams(&seen), 1, "the init of {uri} is clear");
        let mut bytes = 0;
        for segment in &playlist.segments {
            let key = segment.key.as_ref().unwrap();
            assert_eq!(key.method, KeyMethod::AES128);
            assert_eq!(key.uri.as_deref(), Some("../../key"));
            vectors.push(key.iv.clone().unwrap());
            let stored = fetched(&format!("{folder}{}", segment.uri)).body;
            assert_eq!(stored.len() % 16, 0);
            bytes += stored.len();
            let alone = clips.file("alone.m4s", &stored);
            assert_eq!(streams(&alone), 0, "{folder}{}", segment.uri);
            let with_init = clips.file("with_init.mp4", &[&init[..], &stored].concat());
            assert_eq!(packets(&with_init), 0, "{folder}{}", segment.uri);
        }
        let own = bytes as f64 * 8.0 / 14.0;
        if uri == master.variants[0].uri || uri.starts_with("audio/") {
            average += own;
        }
        if uri.starts_with("video/") {
            assert_eq!(count_frames(&format!("{base}{uri}")), FRAMES, "{uri}");
        }
    }
    let said = master.variants[0].average_bandwidth.unwrap() as f64;
    assert!((said / average - 1.0).abs() < 0.01, "{said} {average}");
    let count = vectors.len();
    vectors.sort_unstable();
    vectors.dedup();
    assert_eq!(vectors.len(), count, "no two segments begin alike");

    let stored = stack.media_keys(&format!("private/{id}/")).await;
    for key in &stored {
        let others = ["iframes.m3u8", "manifest.mpd", "audio.m4a", "key"];
        assert!(!others.iter().any(|name| key.ends_with(name)), "{key}");
    }
    assert!(!stored.is_empty());
}

/// Who gets the key, and how.
fn check_key(stack: &Stack, id: &str) {
    let path = format!("/videos/{id}/key");
    let keys = keys(stack);
    let play = token::sign(&claims(id, Audience::Play), &keys);
    let original = token::sign(&claims(id, Audience::Original), &keys);
    let expired = token::sign(
        &token::Claims {
            expires_at: now().as_secs() - 1,
            ..claims(id, Audience::Play)
        },
        &keys,
    );
    for token in [None, Some("wrong"), Some(&*original), Some(&*expired)] {
        assert_eq!(stack.get_path(&path, token).status, 404, "{token:?}");
    }
    let owner = stack.get_path(&path, Some(&stack.api_token));
    let viewer = stack.get_path(&path, Some(&play));
    let origin = [("origin", "http://localhost:3000")];
    let url = format!("{}/s/{play}/{id}/key", stack.cdn_url);
    let player = send("GET", &url, &origin, b"");
    for answer in [&owner, &viewer, &player] {
        assert_eq!((answer.status, answer.body.len()), (200, 16));
        assert_eq!(answer.body, owner.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
    }
    assert_eq!(player.header("access-control-allow-origin"), "*");
    for token in [&original, &expired] {
        let url = format!("{}/s/{token}/{id}/key", stack.cdn_url);
        assert_eq!(send("GET", &url, &origin, b"").status, 403);
    }
    // Not even the bearer helps where the path has no token.
    let bearer = format!("Bearer {play}");
    let asked = [("authorization", &*bearer)];
    for path in ["videos", "private"] {
        let url = format!("{}/{path}/{id}/key", stack.cdn_url);
        let answer = send("GET", &url, &asked, b"");
        assert!([403, 404].contains(&answer.status), "{url}");
        assert_ne!(answer.body, owner.body, "{url}");
    }
}

/// How many streams ffprobe finds in an MP4 file. (Left to guess, it takes some noise for MP3.)
fn streams(file: &Path) -> usize {
    probed(file, "-show_entries stream=index").lines().count()
}

/// How many packets ffprobe finds in a file.
fn packets(file: &Path) -> usize {
    probed(file, "-show_entries packet=size").lines().count()
}

fn probed(file: &Path, what: &str) -> String {
    let output = Command::new(program("ffprobe"))
        .args(["-v", "quiet", "-of", "csv=p=0", "-f", "mp4"])
        .args(what.split_whitespace())
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
