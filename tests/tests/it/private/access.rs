//! What is private is closed to everybody else.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use reelrun_core::token::{self, Audience};
use reelrun_platform::now;
use reelrun_tests::{
    edge::{Victim, forgeries},
    media::Clips,
    poll::{Patience, so},
    stack::{Stack, get},
};
use serde_json::{Value, json};

use super::{claims, keys, ready, text, upload};

/// A GET of a path as it stands: clients tidy some up.
fn raw(stack: &Stack, path: &str, referer: Option<&str>) -> (u16, String) {
    let host = stack.cdn_url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).unwrap();
    let referer = referer.map_or_else(String::new, |page| format!("Referer: {page}\r\n"));
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{referer}Connection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("{path}: {answer}")), answer)
}

#[test]
fn whoever_has_only_the_id_finds_nothing() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let since = now().as_millis();
    let file = clips.silent("secret.mp4", "160x120", "25", 2.0);
    let (id, other) = (upload(&stack, &file), upload(&stack, &file));
    let video = ready(&stack, &id);
    ready(&stack, &other);

    // As if it did not exist, whoever asks.
    let never = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";
    let unknown = |id: &str, token| {
        let answer = stack.get_path(&format!("/videos/{id}"), token);
        assert_eq!(answer.status, 404, "{}", answer.text());
        let mut body: Value = answer.json();
        body["request_id"] = json!("");
        body.to_string().replace(id, "<id>")
    };
    let nothing = unknown(never, None);
    let keys = keys(&stack);
    let of_other = token::sign(&claims(&other, Audience::Play), &keys);
    let expired = token::sign(
        &token::Claims {
            expires_at: now().as_secs() - 1,
            ..claims(&id, Audience::Play)
        },
        &keys,
    );
    for token in [None, Some("wrong"), Some(&*of_other), Some(&*expired)] {
        assert_eq!(unknown(&id, token), nothing);
    }
    assert_eq!(stack.get_path("/videos", None).status, 401);
    assert_eq!(
        stack
            .post(&format!("/videos/{id}/tokens"), None, "{}")
            .status,
        401
    );

    let victim = Victim {
        video: id.parse().unwrap(),
        other: other.parse().unwrap(),
        keys: &keys,
        now: now(),
    };
    let mut opened = Vec::new();
    for forgery in forgeries(&victim) {
        let (status, answer) = raw(&stack, &forgery.path, forgery.referer);
        println!("{:<48} {status}", forgery.name);
        if !(400..500).contains(&status) || answer.contains("#EXTM3U") {
            opened.push((forgery, answer));
        }
    }
    assert!(opened.is_empty(), "{opened:#?}");

    // Nothing of it in what the functions write down.
    let play = text(&video, "/playback/hls").split('/').nth(4).unwrap();
    for (name, function) in stack.functions() {
        for log in stack.logs(function, since) {
            for secret in [play, keys.newest().secret()] {
                assert!(!log.contains(secret), "{name}: {log}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_a_deleted_video_opens_nothing() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = upload(&stack, &clips.silent("secret.mp4", "160x120", "25", 2.0));
    let video = ready(&stack, &id);
    let urls = ["hls", "dash", "poster", "original"]
        .map(|name| text(&video, &format!("/playback/{name}")));
    let deleted = stack.call(
        "DELETE",
        &format!("/videos/{id}"),
        Some(&stack.api_token),
        &[],
        "",
    );
    assert_eq!(deleted.status, 204);
    let token = urls[0].split('/').nth(4).unwrap();
    assert_eq!(
        stack.get_path(&format!("/videos/{id}"), Some(token)).status,
        404
    );
    let patience = Patience::of(Duration::from_mins(2));
    patience.block_on("its files are gone", || {
        so(urls.iter().all(|url| get(url).status == 403))
    });
    for bucket in [&stack.uploads_bucket, &stack.media_bucket] {
        assert!(
            stack
                .keys(bucket, &format!("private/{id}/"))
                .await
                .is_empty()
        );
    }
}

#[test]
fn a_public_video_needs_no_token_and_gets_none() {
    let stack = Stack::get();
    let id = stack.permission("a.mp4", "video/mp4", 7).video_id;
    assert_eq!(stack.video(&id)["visibility"], "public");
    let refused = stack.post(
        &format!("/videos/{id}/tokens"),
        Some(&stack.api_token),
        "{}",
    );
    assert_eq!(refused.status, 409);
}
