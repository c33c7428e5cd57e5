//! Subtitles and chapters that are in a video's own file.

use std::path::Path;

use reelrun_platform::now;
use reelrun_tests::{
    chunks,
    delivery::invocations_ended,
    media::{Clips, ffprobe},
    stack::{Stack, get},
};
use serde_json::{Value, json};

use super::{added, asked, cues, master, seen, settled, text, wait_for};

const GERMAN: &[u8] =
    b"1\n00:00:01,000 --> 00:00:02,500\neins\n\n2\n00:00:05,500 --> 00:00:07,000\nzwei\n\n3\n00:00:13,000 --> 00:00:13,900\ndrei\n";
const ENGLISH: &[u8] = b"1\n00:00:01,000 --> 00:00:02,500\n<i>one</i>\n";
const FRENCH: &[u8] = b"1\n00:00:12,200 --> 00:00:12,800\n[porte qui claque]\n";
const CHAPTERS: &[u8] = b";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=7000\ntitle=Arrival\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=7000\nEND=14000\ntitle=The door\n";

/// A clip with three subtitle tracks in these codecs, and chapters.
fn clip(clips: &Clips, name: &str, codecs: [&str; 3], options: &str) -> std::path::PathBuf {
    let file = |name: &str, contents| clips.file(name, contents).display().to_string();
    let (german, english, french) = (
        file("de.srt", GERMAN),
        file("en.srt", ENGLISH),
        file("fr.srt", FRENCH),
    );
    let chapters = file("chapters.txt", CHAPTERS);
    let [first, second, third] = codecs;
    clips.make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s=160x120:r=25:d=14 -i {german} -i {english} -i {french} -i {chapters} \
             -map 0 -map 1 -map 2 -map 3 -map_chapters 4 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 \
             -c:s:0 {first} -c:s:1 {second} -c:s:2 {third} \
             -metadata:s:s:0 language=ger -metadata:s:s:1 language=eng -metadata:s:s:2 language=fre \
             -metadata:s:s:0 title=Vollständig -disposition:s:0 0 -disposition:s:1 default+forced -disposition:s:2 hearing_impaired {options}"
        ),
    )
}

/// Each track of the view and of the playlist is as ffprobe says of the source.
fn check_against(source: &Path, video: &Value) {
    let probed = ffprobe("-show_streams", source.to_str().unwrap());
    let streams = probed["streams"].as_array().unwrap().iter();
    let streams: Vec<_> = streams
        .filter(|one| one["codec_type"] == "subtitle")
        .collect();
    let tracks = video["tracks"].as_array().unwrap().iter();
    let tracks: Vec<_> = tracks.filter(|one| one["kind"] != "chapters").collect();
    assert_eq!(tracks.len(), streams.len());
    let (_, playlist) = master(video);
    for ((track, stream), language) in tracks.iter().zip(streams).zip(["de", "en", "fr"]) {
        let disposition = |name: &str| json!(stream["disposition"][name] == 1);
        assert_eq!(track["language"], language, "{track:#}");
        assert_eq!(track["source"], "embedded");
        assert_eq!(track["filename"], Value::Null);
        assert_eq!(track["name"], stream["tags"]["title"]);
        assert_eq!(track["default"], disposition("default"));
        assert_eq!(track["forced"], disposition("forced"));
        let is_captions = stream["disposition"]["hearing_impaired"] == 1;
        let kind = if is_captions { "captions" } else { "subtitles" };
        assert_eq!(track["kind"], kind);
        let named = playlist.alternatives.iter();
        let mut named = named.filter(|one| one.language.as_deref() == Some(language));
        let named = named.next().unwrap();
        assert_eq!(json!(named.default), track["default"]);
        assert_eq!(json!(named.forced), track["forced"]);
    }
}

fn cues_of(video: &Value, language: &str) -> Vec<String> {
    let base = text(video, "/playback/hls").replace("master.m3u8", "");
    let tracks = video["tracks"].as_array().unwrap();
    let track = tracks
        .iter()
        .find(|one| one["language"] == language)
        .unwrap();
    cues(&format!(
        "{base}subtitles/{}/playlist.m3u8",
        text(track, "/id")
    ))
}

fn check_cues(video: &Value) {
    let german = [
        "00:01.000 --> 00:02.500 eins",
        "00:05.500 --> 00:07.000 zwei",
        "00:13.000 --> 00:13.900 drei",
    ];
    assert_eq!(cues_of(video, "de"), german);
    assert_eq!(cues_of(video, "en"), ["00:01.000 --> 00:02.500 <i>one</i>"]);
    let french = "00:12.200 --> 00:12.800 [porte qui claque]";
    assert_eq!(cues_of(video, "fr"), [french]);
}

fn check_chapters(video: &Value) {
    let tracks = video["tracks"].as_array().unwrap();
    let chapters = tracks.iter().find(|one| one["kind"] == "chapters").unwrap();
    let written = get(text(chapters, "/url")).text();
    assert_eq!(
        written,
        "WEBVTT\n\n00:00:00.000 --> 00:00:07.000\nArrival\n\n00:00:07.000 --> 00:00:14.000\nThe door\n"
    );
    assert!(master(video).0.contains("com.apple.hls.chapters"));
}

#[tokio::test]
async fn texts_of_the_source_are_published_after_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let since = now().as_millis();
    let matroska = clip(&clips, "a.mkv", ["srt", "ass", "webvtt"], "");
    let mp4 = clip(&clips, "a.mp4", ["mov_text"; 3], "-movflags +faststart");
    let [of_matroska, of_mp4] = [&matroska, &mp4].map(|file| stack.upload(file));
    for (id, file) in [(&of_matroska, &matroska), (&of_mp4, &mp4)] {
        let seen_by_all = stack.wait_for(id, |video| video["status"] == "ready");
        let shown = seen_by_all["tracks"].as_array().unwrap();
        assert!(shown.iter().all(|one| one["status"] == "ready"));
        let video = settled(&stack, id);
        assert_eq!(video["tracks"].as_array().unwrap().len(), 4);
        check_against(file, &video);
        check_cues(&video);
        check_chapters(&video);
        assert_eq!(video["source"]["not_used"], json!([]));
        // One invocation for the picture, and one for all texts.
        invocations_ended(&stack, &stack.transcode_function, id, since, 2).await;
    }
    // They change and go as others do.
    let video = seen(&stack, &of_mp4);
    let first = text(&video, "/tracks/0/id");
    let path = format!("/videos/{of_mp4}/tracks/{first}");
    let renamed = stack.call(
        "PATCH",
        &path,
        Some(&stack.api_token),
        &[],
        r#"{"name": "Deutsch"}"#,
    );
    assert_eq!(renamed.json()["name"], "Deutsch");
    let deleted = stack.call("DELETE", &path, Some(&stack.api_token), &[], "");
    assert_eq!(deleted.status, 204);
    wait_for(&stack, &of_mp4, |video| {
        let (_, playlist) = master(video);
        playlist.alternatives.len() == 2
    });
    let left = format!("tracks/{of_mp4}/{first}/");
    assert_eq!(stack.keys(&stack.uploads_bucket, &left).await, [""; 0]);
}

/// On a clock that does not begin at nought; and beside one that its owner has added.
#[tokio::test]
async fn texts_of_a_source_in_chunks_keep_their_times() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let codecs = ["srt", "ass", "webvtt"];
    let file = clip(
        &clips,
        "a.mkv",
        codecs,
        "-map_chapters -1 -output_ts_offset 7",
    );
    let video = chunks::encoded(&stack, &file, 2).await;
    let id = text(&video, "/id");
    let mut own = asked("subtitles", "it", FRENCH);
    own["default"] = json!(true);
    let own = added(&stack, id, &own, FRENCH);
    let video = settled(&stack, id);
    check_cues(&video);
    let tracks = video["tracks"].as_array().unwrap().iter();
    let defaults: Vec<_> = tracks.filter(|one| one["default"] == true).collect();
    assert_eq!(defaults.len(), 1);
    assert_eq!(defaults[0]["id"], own.as_str());
}

/// As many as are taken over, one of them in an old encoding and one without any text; a cue before the video
/// begins is left out, and moves no other.
#[tokio::test]
async fn forty_texts_are_read_whatever_is_in_one_of_them() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let text = clips.file("a.srt", ENGLISH).display().to_string();
    let inputs = format!("-i {text} ").repeat(40);
    let maps: Vec<_> = (1..=40).map(|input| format!("-map {input}")).collect();
    let maps = maps.join(" ");
    let file = clips.make(
        "a.mkv",
        &format!(
            "-f lavfi -i testsrc2=s=160x120:r=25:d=4 {inputs} -map 0 {maps} -c:v libx264 -preset ultrafast \
             -pix_fmt yuv420p -c:s srt"
        ),
    );
    // The same letters in Windows-1252, in the first track alone.
    let mut bytes = std::fs::read(&file).unwrap();
    let cue = b"<i>one</i>";
    let at = bytes
        .windows(cue.len())
        .position(|part| part == cue)
        .unwrap();
    bytes[at..at + cue.len()].copy_from_slice(b"Gr\xfc\xdf Gott\xe9");
    let file = clips.file("b.mkv", &bytes);
    let id = stack.upload(&file);
    stack.wait_for(&id, |video| video["status"] == "ready");
    let video = settled(&stack, &id);
    let tracks = video["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 40);
    for (index, track) in tracks.iter().enumerate() {
        assert_eq!(track["status"], "ready", "{track:#}");
        let written = get(text_of(track)).text();
        let expected = if index == 0 {
            "Grüß Gotté"
        } else {
            "<i>one</i>"
        };
        assert!(written.contains(expected), "{index}: {written}");
    }
}

fn text_of(track: &Value) -> &str {
    track["url"].as_str().unwrap()
}
