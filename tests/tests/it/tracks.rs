//! Subtitles, captions and chapters that are uploaded for a video.

mod audio;
mod audio_file;
mod audio_only;
mod closed_captions;
mod embedded;

use std::time::Duration;

use reelrun_platform::now;
use reelrun_tests::{
    delivery::invocations_ended,
    media::{Clips, decode},
    poll::{Patience, so},
    records::{change, s},
    stack::{Answer, Stack, get, send},
};
use serde_json::{Value, json};

/// In the encoding of old Windows, with one cue over a joint of segments.
const GERMAN: &[u8] =
    b"1\r\n00:00:01,000 --> 00:00:02,500\r\nGr\xfc\xdf <b>Gott</b> & <script>\r\n\r\n\
2\r\n00:00:05,500 --> 00:00:07,000\r\nzwei\r\n\r\n3\r\n00:00:13,000 --> 00:00:13,900\r\ndrei\r\n";
const ENGLISH: &[u8] = b"WEBVTT\n\n00:01.000 --> 00:02.500\n[door slams]\n";
const CHAPTERS: &[u8] =
    b"WEBVTT\n\n00:00.000 --> 00:07.000\nArrival\n\n00:07.000 --> 00:14.000\nThe door\n";

fn tracks_of(id: &str) -> String {
    format!("/videos/{id}/tracks")
}

fn asked(kind: &str, language: &str, bytes: &[u8]) -> Value {
    json!({"kind": kind, "language": language, "filename": "text.srt", "size_bytes": bytes.len()})
}

fn granted(stack: &Stack, id: &str, body: &Value) -> Value {
    let answer = stack.post(&tracks_of(id), Some(&stack.api_token), &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn sent(upload: &Value, bytes: &[u8]) -> Answer {
    let headers = upload["headers"].as_object().unwrap();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    send("PUT", text(upload, "/url"), &headers, bytes)
}

/// Adds a track and sends its file. Its id.
fn added(stack: &Stack, id: &str, body: &Value, bytes: &[u8]) -> String {
    let granted = granted(stack, id, body);
    assert_eq!(granted["track"]["status"], "waiting");
    let answer = sent(&granted["upload"], bytes);
    assert_eq!(answer.status, 200, "{}", answer.text());
    text(&granted, "/track/id").into()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value:#}"))
}

fn track<'a>(video: &'a Value, id: &str) -> &'a Value {
    let tracks = video["tracks"].as_array().unwrap();
    let found = tracks.iter().find(|one| one["id"] == id);
    found.unwrap_or_else(|| panic!("no track {id} in {video:#}"))
}

/// The video, as its owner sees it.
fn seen(stack: &Stack, id: &str) -> Value {
    let path = format!("/videos/{id}");
    stack.get_path(&path, Some(&stack.api_token)).json()
}

/// Waits until a video is as wanted.
fn wait_for(stack: &Stack, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let patience = Patience::of(Duration::from_mins(3));
    patience.block_on("the video is as wanted", || {
        let video = seen(stack, id);
        if wanted(&video) {
            Ok(video)
        } else {
            Err(video)
        }
    })
}

/// Waits until none of a video's tracks is under way.
fn settled(stack: &Stack, id: &str) -> Value {
    wait_for(stack, id, |video| {
        let tracks = video["tracks"].as_array().unwrap();
        let is_settled = |one: &Value| ["ready", "errored"].contains(&text(one, "/status"));
        tracks.iter().all(is_settled)
    })
}

/// A video that has been ready for a while, so that nobody still writes its playlists.
async fn ready(stack: &Stack, clips: &Clips) -> String {
    let video = stack.ready(&clips.clip("a.mp4", "160x120", "25", 14.0));
    let id = text(&video, "/id").to_owned();
    let past = [(":past", s("2026-01-01T00:00:00.000Z"))];
    change(stack, &id, "SET ready_at = :past", &past).await;
    id
}

fn master(video: &Value) -> (String, m3u8_rs::MasterPlaylist) {
    let answer = get(text(video, "/playback/hls"));
    let playlist = m3u8_rs::parse_master_playlist_res(&answer.body).unwrap();
    (answer.text(), playlist)
}

/// What a player that is not ours reads: one line for each cue, without those of the joints that come again.
fn cues(playlist: &str) -> Vec<String> {
    let read = decode(playlist, "-map 0:s:0 -f webvtt -");
    let read = String::from_utf8(read).unwrap();
    let blocks = read.split("\n\n").filter(|block| block.contains("-->"));
    let mut cues: Vec<_> = blocks
        .map(|block| block.trim().replace('\n', " "))
        .collect();
    cues.dedup();
    cues
}

#[tokio::test]
async fn tracks_of_a_ready_video_are_played_and_nothing_is_encoded() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let since = now().as_millis();
    let id = ready(&stack, &clips).await;
    let before = stack.video(&id);
    let (_, plain) = master(&before);
    assert!(plain.variants.iter().all(|one| one.subtitles.is_none()));
    let segments = stack
        .objects(&stack.media_bucket, &format!("videos/{id}/video/"))
        .await;

    let mut german = asked("subtitles", "de", GERMAN);
    german["default"] = json!(true);
    let german = added(&stack, &id, &german, GERMAN);
    let mut english = asked("captions", "en-gb", ENGLISH);
    english["name"] = json!("English \"SDH\"");
    let english = added(&stack, &id, &english, ENGLISH);
    let chapters = added(&stack, &id, &asked("chapters", "en", CHAPTERS), CHAPTERS);
    let video = settled(&stack, &id);
    for track in video["tracks"].as_array().unwrap() {
        assert_eq!(
            (&track["status"], &track["error"]),
            (&json!("ready"), &Value::Null)
        );
    }
    assert_eq!(track(&video, &german)["default"], true);
    assert_eq!(track(&video, &english)["language"], "en-GB");

    let (written, playlist) = master(&video);
    let said: Vec<_> = playlist
        .alternatives
        .iter()
        .filter(|one| one.group_id == "subtitles")
        .map(|one| {
            (
                one.name.as_str(),
                one.language.as_deref().unwrap(),
                one.default,
                one.forced,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("Deutsch", "de", true, false),
            ("English 'SDH'", "en-GB", false, false)
        ]
    );
    assert!(written.contains("describes-music-and-sound"), "{written}");
    assert!(
        written.contains(&format!("chapters/{chapters}/chapters.json")),
        "{written}"
    );
    for variant in playlist.variants.iter().filter(|one| !one.is_i_frame) {
        assert_eq!(variant.subtitles.as_deref(), Some("subtitles"));
    }

    // The cues, as ffmpeg reads them from the playlist.
    let base = text(&video, "/playback/hls")
        .strip_suffix("master.m3u8")
        .unwrap();
    let list = format!("{base}subtitles/{german}/playlist.m3u8");
    let media = m3u8_rs::parse_media_playlist_res(&get(&list).body).unwrap();
    assert_eq!(media.segments.len(), 3);
    assert_eq!(
        cues(&list),
        [
            "00:01.000 --> 00:02.500 Grüß <b>Gott</b> & <\u{2060}script>",
            "00:05.500 --> 00:07.000 zwei",
            "00:13.000 --> 00:13.900 drei",
        ]
    );
    let whole = get(text(track(&video, &german), "/url"));
    assert_eq!(whole.header("content-type"), "text/vtt");
    let whole = whole.text();
    assert!(whole.contains("Grüß <b>Gott</b> &amp; &lt;"), "{whole}");

    // DASH names them, too.
    let mpd = get(text(&video, "/playback/dash")).text();
    for (language, track) in [("de", &german), ("en-GB", &english)] {
        let set = format!("mimeType=\"text/vtt\" lang=\"{language}\"");
        assert!(mpd.contains(&set), "{mpd}");
        let file = format!("<BaseURL>subtitles/{track}/all.vtt</BaseURL>");
        assert!(mpd.contains(&file), "{mpd}");
    }
    assert_eq!(
        get(text(track(&video, &chapters), "/url"))
            .text()
            .matches("-->")
            .count(),
        2
    );
    let shown = get(&format!("{base}chapters/{chapters}/chapters.json")).json();
    assert_eq!(shown[1]["titles"][0]["title"], "The door");

    // Nothing was encoded.
    let after = stack
        .objects(&stack.media_bucket, &format!("videos/{id}/video/"))
        .await;
    assert_eq!(after, segments);
    invocations_ended(&stack, &stack.transcode_function, &id, since, 1).await;
}

#[tokio::test]
async fn a_track_that_comes_before_its_video_is_published_with_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.silent("a.mp4", "160x120", "25", 7.0);
    let bytes = std::fs::read(file).unwrap();
    let permission = stack.permission("a.mp4", "video/mp4", bytes.len() as u64);
    let id = &permission.video_id;
    let german = added(&stack, id, &asked("subtitles", "de", GERMAN), GERMAN);
    let read = wait_for(&stack, id, |video| {
        track(video, &german)["status"] != "waiting"
    });
    assert_eq!(track(&read, &german)["status"], "preparing");
    assert_eq!(track(&read, &german)["url"], Value::Null);
    let stored = reelrun_tests::stack::put(&permission.url, &permission.content_type, &bytes);
    assert_eq!(stored.status, 200);
    stack.wait_for(id, |video| video["status"] == "ready");
    let video = settled(&stack, id);
    assert_eq!(track(&video, &german)["status"], "ready");
    let (_, playlist) = master(&video);
    assert_eq!(playlist.alternatives.len(), 1);
}

#[tokio::test]
async fn a_track_changes_and_goes() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = ready(&stack, &clips).await;
    let token = Some(&*stack.api_token);
    let first = added(&stack, &id, &asked("subtitles", "de", GERMAN), GERMAN);
    let second = added(&stack, &id, &asked("subtitles", "en", ENGLISH), ENGLISH);
    settled(&stack, &id);
    let path = |track: &str| format!("{}/{track}", tracks_of(&id));
    let body =
        json!({"language": "de-AT", "name": "Österreichisch", "default": true, "forced": true});
    let changed = stack.call("PATCH", &path(&first), token, &[], &body.to_string());
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["name"], "Österreichisch");
    let minute = Patience::of(Duration::from_mins(1));
    let named = |wanted: &'static str| {
        let (stack, id) = (&stack, &id);
        async move || so(master(&stack.video(id)).0.contains(wanted))
    };
    let wanted = "NAME=\"Österreichisch\",LANGUAGE=\"de-AT\",DEFAULT=YES,AUTOSELECT=YES,FORCED=YES";
    minute
        .wait_for("the change is published", named(wanted))
        .await;

    for (track, left) in [(&first, 1), (&second, 0)] {
        let gone = stack.call("DELETE", &path(track), token, &[], "");
        assert_eq!((gone.status, gone.body.len()), (204, 0));
        let again = stack.call("DELETE", &path(track), token, &[], "");
        assert_eq!(again.status, 404);
        assert_eq!(seen(&stack, &id)["tracks"].as_array().unwrap().len(), left);
        let look = async || {
            let mut traces = stack
                .keys(&stack.uploads_bucket, &format!("tracks/{id}/{track}/"))
                .await;
            traces.extend(
                stack
                    .media_keys(&format!("videos/{id}/subtitles/{track}/"))
                    .await,
            );
            let written = master(&stack.video(&id)).0;
            traces.extend(
                written
                    .lines()
                    .filter(|line| line.contains(track.as_str()))
                    .map(Into::into),
            );
            if traces.is_empty() {
                Ok(())
            } else {
                Err(traces)
            }
        };
        minute.wait_for("nothing of it is left", look).await;
    }
    let (_, playlist) = master(&stack.video(&id));
    assert!(playlist.variants.iter().all(|one| one.subtitles.is_none()));
}

#[tokio::test]
async fn what_is_no_subtitle_file_says_why() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = ready(&stack, &clips).await;
    for (bytes, why) in [
        (&b"[Script Info]\nTitle: a"[..], "SubStation"),
        (b"1\n\n2\nno times\n", "Line 1"),
        (b"\x7fELF\x02\x01\x01\x00", "WebVTT or SubRip"),
        (b"1\n00:00:05,000 --> 00:00:01,000\nback\n", "Line 2"),
    ] {
        let track_id = added(&stack, &id, &asked("subtitles", "de", bytes), bytes);
        let video = settled(&stack, &id);
        let track = track(&video, &track_id);
        assert_eq!(track["status"], "errored");
        assert!(text(track, "/error").contains(why), "{track}");
        assert_eq!(track["url"], Value::Null);
    }
    // Others are told neither of them nor what was in the files.
    let video = stack.video(&id);
    assert_eq!(video["tracks"], json!([]));
    let (written, _) = master(&video);
    assert!(!written.contains("SUBTITLES"), "{written}");
}

#[tokio::test]
async fn a_deleted_video_leaves_nothing_of_its_tracks() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let id = ready(&stack, &clips).await;
    added(&stack, &id, &asked("subtitles", "de", GERMAN), GERMAN);
    let late = granted(&stack, &id, &asked("subtitles", "en", ENGLISH));
    settled_but(&stack, &id, text(&late, "/track/id"));
    let gone = stack.call(
        "DELETE",
        &format!("/videos/{id}"),
        Some(&stack.api_token),
        &[],
        "",
    );
    assert_eq!(gone.status, 204);
    let body = asked("subtitles", "fr", ENGLISH).to_string();
    let refused = stack.post(&tracks_of(&id), Some(&stack.api_token), &body);
    assert_eq!(refused.status, 404, "{}", refused.text());
    let look = async || {
        let mut traces = stack
            .keys(&stack.uploads_bucket, &format!("tracks/{id}/"))
            .await;
        traces.extend(stack.media_keys(&format!("videos/{id}/")).await);
        traces.extend(stack.record(&id).await.keys().cloned());
        if traces.is_empty() {
            Ok(())
        } else {
            Err(traces)
        }
    };
    let patience = Patience::of(Duration::from_mins(3));
    patience.wait_for("nothing is left", look).await;
    // A URL that was signed before stays valid for a while.
    assert_eq!(sent(&late["upload"], ENGLISH).status, 200);
    patience.wait_for("the late file is gone, too", look).await;
}

/// Waits until no other track than this one is under way.
fn settled_but(stack: &Stack, id: &str, late: &str) {
    wait_for(stack, id, |video| {
        let tracks = video["tracks"].as_array().unwrap();
        let mut others = tracks.iter().filter(|one| one["id"] != late);
        others.all(|one| one["status"] == "ready")
    });
}

#[test]
fn wrong_requests_are_refused() {
    let stack = Stack::get();
    let id = stack.permission("a.mp4", "video/mp4", 5).video_id;
    let good = asked("subtitles", "de", GERMAN);
    let path = tracks_of(&id);
    let post = |path: &str, token: Option<&str>, body: &str| stack.post(path, token, body);
    let token = Some(&*stack.api_token);
    for wrong in [None, Some("wrong")] {
        assert_eq!(post(&path, wrong, &good.to_string()).status, 401);
    }
    assert_eq!(post(&path, token, "{").status, 400);
    let never = tracks_of("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e");
    assert_eq!(post(&never, token, &good.to_string()).status, 404);
    for (field, value, status) in [
        ("kind", json!("lyrics"), 422),
        ("language", json!("german"), 422),
        ("forced", json!(1), 422),
        ("size_bytes", json!(11 << 20), 413),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = post(&path, token, &body.to_string());
        assert_eq!(refused.status, status, "{}", refused.text());
        assert_eq!(refused.json()["field"], field);
    }
    // Storage takes no other length, and the file once.
    let one = granted(&stack, &id, &good);
    assert_eq!(sent(&one["upload"], b"short").status, 403);
    assert_eq!(sent(&one["upload"], GERMAN).status, 200);
    assert_eq!(sent(&one["upload"], GERMAN).status, 412);
    let track = format!("{path}/{}", text(&one, "/track/id"));
    for (method, token, status) in [
        ("PATCH", None, 401),
        ("DELETE", None, 401),
        ("PATCH", token, 422),
    ] {
        let body = if method == "PATCH" {
            "{\"kind\": \"captions\"}"
        } else {
            ""
        };
        assert_eq!(stack.call(method, &track, token, &[], body).status, status);
    }
    let other = format!("{path}/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f");
    assert_eq!(stack.call("PATCH", &other, token, &[], "{}").status, 404);
    // There is an end of tracks.
    for _ in 1..50 {
        granted(&stack, &id, &good);
    }
    let refused = post(&path, token, &good.to_string());
    assert_eq!(refused.status, 409, "{}", refused.text());
}
