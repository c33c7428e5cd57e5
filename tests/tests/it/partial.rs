//! What is encoded so far of a video that browsers can't play as it was uploaded.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use m3u8_rs::{MediaPlaylist, MediaPlaylistType};
use reelrun_tests::{
    configuration::Reconfigured,
    media::{Clips, count_frames, text},
    poll::Patience,
    processes::running,
    stack::{Stack, get},
};
use serde_json::Value;

const FRAMES: u64 = 1500;
const SEGMENTS: usize = 10;

/// A minute, in a container that browsers don't know.
fn recording(clips: &Clips) -> PathBuf {
    let mp4 = clips.clip("recording.mp4", "854x480", "25", 60.0);
    clips.make("recording.mkv", &format!("-i {} -c copy", text(&mp4)))
}

fn is_partial(video: &Value) -> bool {
    video["playback"]["type"] == "hls_partial"
}

/// Media playlists of the picture and the sound that a master playlist names, with what they are below.
fn playlists(master: &str) -> Vec<(String, MediaPlaylist)> {
    let base = master.strip_suffix("partial.m3u8").unwrap();
    let read = m3u8_rs::parse_master_playlist_res(&get(master).body).unwrap();
    assert_eq!(read.variants.len(), 1);
    assert_eq!(read.alternatives.len(), 1);
    let uris = [
        read.variants[0].uri.clone(),
        read.alternatives[0].uri.clone().unwrap(),
    ];
    uris.map(|uri| {
        let answer = get(&format!("{base}{uri}"));
        assert_eq!(answer.status, 200, "{uri}");
        assert_eq!(answer.header("cache-control"), "public, max-age=1");
        let folder = uri.strip_suffix("partial.m3u8").unwrap();
        let read = m3u8_rs::parse_media_playlist_res(&answer.body).unwrap();
        (format!("{base}{folder}"), read)
    })
    .into()
}

fn named(playlists: &[(String, MediaPlaylist)]) -> Vec<Vec<String>> {
    playlists
        .iter()
        .map(|(_, playlist)| uris(playlist))
        .collect()
}

fn uris(playlist: &MediaPlaylist) -> Vec<String> {
    let segments = playlist.segments.iter();
    segments.map(|segment| segment.uri.clone()).collect()
}

/// Checks that all that is named can be had, and decodes to as many frames as it says.
fn check_named(clips: &Clips, folder: &str, playlist: &MediaPlaylist) {
    assert_eq!(playlist.playlist_type, Some(MediaPlaylistType::Event));
    let init = playlist.segments[0].map.as_ref().unwrap();
    let mut bytes = get(&format!("{folder}{}", init.uri)).body;
    for uri in uris(playlist) {
        let segment = get(&format!("{folder}{uri}"));
        assert_eq!(segment.status, 200, "{folder}{uri}");
        bytes.extend(segment.body);
    }
    if folder.contains("/video/") {
        let file = clips.path("named.mp4");
        fs::write(&file, bytes).unwrap();
        assert_eq!(
            count_frames(text(&file)),
            150 * playlist.segments.len() as u64
        );
    }
}

#[tokio::test]
async fn what_browsers_can_not_play_is_watched_while_it_is_encoded() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = recording(&clips);
    for chunks in [1, 4] {
        let _configuration = Reconfigured::chunks(&stack, chunks).await;
        let id = stack.upload(&file);
        let video = stack.wait_for(&id, |video| {
            is_partial(video) || video["ready_at"].is_string()
        });
        assert!(is_partial(&video), "in {chunks} chunks: {video:#}");
        assert_eq!(video["status"], "preparing");
        assert_eq!(video["playback"]["hls"], Value::Null);
        let master = video["playback"]["url"].as_str().unwrap().to_owned();
        let first = playlists(&master);
        for (folder, playlist) in &first {
            assert!(!playlist.end_list && !playlist.segments.is_empty());
            check_named(&clips, folder, playlist);
        }

        // It grows at its end alone.
        let mut lengths = BTreeSet::new();
        let mut before = named(&first);
        let ready = Patience::of(Duration::from_mins(8)).block_on("the video is ready", || {
            let now = named(&playlists(&master));
            for (before, now) in before.iter().zip(&now) {
                assert!(now.starts_with(before), "{before:?}, then {now:?}");
            }
            lengths.insert(now[0].len());
            before = now;
            let video = stack.video(&id);
            (video["status"] == "ready")
                .then_some(video)
                .ok_or("it is not")
        });
        println!("in {chunks} chunks: {lengths:?} segments were named");
        assert!(lengths.len() > 1, "in {chunks} chunks: {lengths:?}");

        // Whoever watches it still comes to its end.
        assert_eq!(ready["playback"]["type"], "hls");
        for (folder, playlist) in playlists(&master) {
            assert!(playlist.end_list, "{folder}");
            assert_eq!(playlist.segments.len(), SEGMENTS);
        }
        assert_eq!(count_frames(&master), FRAMES);
        assert_eq!(
            count_frames(ready["playback"]["url"].as_str().unwrap()),
            FRAMES
        );
        let record = stack.record(&id).await;
        assert!(!record.contains_key("has_partial"));
    }
}

/// What viewers have seen of an attempt that came to nothing stays in caches: the next one is stored elsewhere.
#[tokio::test]
async fn the_next_attempt_overwrites_nothing_that_was_shown() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let _configuration = Reconfigured::chunks(&stack, 1).await;
    let id = stack.upload(&recording(&clips));
    let video = stack.wait_for(&id, |video| {
        is_partial(video) || video["ready_at"].is_string()
    });
    assert!(is_partial(&video), "{video:#}");
    let master = video["playback"]["url"].as_str().unwrap().to_owned();
    let first = playlists(&master);
    let shown = format!("{}00001.m4s", first[0].0);
    let before = get(&shown).body;
    let function = running(&stack, &stack.transcode_function, &id).expect("it is encoded");
    function.kill();

    let ready = stack.settled(&id);
    assert_eq!(ready["status"], "ready", "{ready:#}");
    assert_eq!(stack.attempts(&id).await, 2);
    assert_eq!(get(&shown).body, before);
    let base = master.strip_suffix("partial.m3u8").unwrap();
    let of = |playlist: &str| get(&format!("{base}{playlist}")).text();
    for (playlist, track) in [
        ("master.m3u8", "video/480p_1-2/playlist.m3u8"),
        ("master.m3u8", "audio/main_1-2/playlist.m3u8"),
        ("manifest.mpd", "id=\"480p_1-2\""),
        ("partial.m3u8", "video/480p_1-2/partial.m3u8"),
    ] {
        assert!(of(playlist).contains(track), "{playlist}: {}", of(playlist));
        assert!(!of(playlist).contains("480p/"), "{}", of(playlist));
    }
    // Nobody need know.
    assert_eq!(ready["renditions"][0]["name"], "480p");
    for playlist in ["master.m3u8", "manifest.mpd"] {
        assert_eq!(count_frames(&format!("{base}{playlist}")), FRAMES);
    }
}
