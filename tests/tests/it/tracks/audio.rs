//! Several sounds in one file: languages, and what somebody says about the film.

use std::path::{Path, PathBuf};

use reelrun_tests::{
    chunks,
    media::{Clips, ffprobe, samples},
    stack::{Stack, get},
};
use serde_json::{Value, json};

use super::{master, text};

/// Each sound by its own tone, for a twentieth of a second in each second.
const TONES: [f64; 4] = [440.0, 660.0, 880.0, 1100.0];
const RATE: f64 = 48_000.0;

/// A film in three languages, of which a director speaks in one.
fn film(clips: &Clips, name: &str, seconds: u32, options: &str) -> PathBuf {
    let sounds = TONES.map(|hertz| {
        format!(
            "-f lavfi -i aevalsrc=0.5*sin(2*PI*{hertz}*t)*lt(mod(t\\,1)\\,0.05):s=44100:d={seconds} "
        )
    });
    clips.make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s=160x120:r=25:d={seconds} {} -map 0 -map 1 -map 2 -map 3 -map 4 \
             -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -b:a 64k \
             -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:a:2 language=fre \
             -metadata:s:a:3 language=eng -metadata:s:a:3 title=Commentary -disposition:a:0 0 \
             -disposition:a:1 default -disposition:a:3 comment {options}",
            sounds.concat()
        ),
    )
}

/// How much of a tone there is in these samples.
fn power(samples: &[f32], hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / RATE;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (at, &sample) in samples.iter().enumerate() {
        let angle = step * at as f64;
        sine += f64::from(sample) * angle.sin();
        cosine += f64::from(sample) * angle.cos();
    }
    sine.hypot(cosine)
}

/// When the bursts of a sound begin, in seconds, and their tone.
fn bursts(url: &str) -> (Vec<f64>, f64) {
    let heard = samples(url);
    let mut begins = Vec::new();
    let mut hertz = None;
    let mut at = 0;
    while let Some(silent) = heard[at..].iter().position(|sample| sample.abs() > 0.05) {
        at += silent;
        let Some(burst) = heard.get(at..at + 2000) else {
            break;
        };
        let loudest = TONES
            .into_iter()
            .max_by(|one, other| power(burst, *one).total_cmp(&power(burst, *other)));
        let begun = at as f64 / RATE;
        // The first is within what the source's encoder began with.
        if begun > 0.5 {
            let same = *hertz.get_or_insert(loudest.unwrap());
            assert_eq!(loudest, Some(same), "{url} at {begun} s");
            begins.push(begun);
        }
        // It lasts a twentieth of a second, and is silent for the rest.
        at = (at + 24_000).min(heard.len());
    }
    (begins, hertz.unwrap())
}

/// Makes sure that a sound has a burst in each of these seconds, where it belongs.
pub(super) fn check_heard(url: &str, hertz: f64, seconds: std::ops::Range<u32>) {
    let (begins, tone) = bursts(url);
    assert!((tone - hertz).abs() < 1.0, "{url}: {tone}");
    let expected: Vec<f64> = seconds.map(f64::from).collect();
    let is_near = |(one, other): (&f64, &f64)| (one - other).abs() < 0.005;
    assert!(
        begins.len() == expected.len() && begins.iter().zip(&expected).all(is_near),
        "{url}: {begins:?}"
    );
}

fn sounds_of(source: &Path) -> Vec<Value> {
    let probed = ffprobe("-show_streams", source.to_str().unwrap());
    let streams = probed["streams"].as_array().unwrap().iter();
    let sounds = streams.filter(|one| one["codec_type"] == "audio");
    sounds.cloned().collect()
}

/// What the API, HLS and DASH say of a video's sounds is what ffprobe says of its source's.
fn check_said(source: &Path, video: &Value) {
    // The default one comes first.
    let mut streams = sounds_of(source);
    streams.sort_by_key(|one| one["disposition"]["default"] != 1);
    let expected = [
        ("de", "Deutsch", "main"),
        ("en", "English", "main"),
        ("fr", "Français", "main"),
        ("en", "English (commentary)", "commentary"),
    ];
    let shown = video["audio_tracks"].as_array().unwrap();
    let (_, playlist) = master(video);
    let named: Vec<_> = playlist.alternatives.iter().collect();
    let mpd = get(text(video, "/playback/dash")).text();
    let mpd = roxmltree::Document::parse(&mpd).unwrap();
    let sets = mpd.descendants();
    let sets = sets.filter(|node| node.attribute("contentType") == Some("audio"));
    let sets: Vec<_> = sets.collect();
    assert_eq!(
        [shown.len(), named.len(), sets.len(), streams.len()],
        [4; 4]
    );
    for (at, (language, name, purpose)) in expected.into_iter().enumerate() {
        let is_main = at == 0;
        let stream = &streams[at];
        // Not every container has room for a title.
        let name = stream["tags"]["title"].as_str().unwrap_or(name);
        assert_eq!(json!(is_main), json!(stream["disposition"]["default"] == 1));
        assert_eq!(
            purpose == "commentary",
            stream["disposition"]["comment"] == 1
        );
        assert_eq!(
            shown[at],
            json!({"name": name, "language": language, "purpose": purpose, "default": is_main})
        );
        let media = named[at];
        assert_eq!(media.name, name);
        assert_eq!(media.language.as_deref(), Some(language));
        assert_eq!((media.default, media.autoselect), (is_main, at < 3));
        let set = sets[at];
        assert_eq!(set.attribute("lang"), Some(language));
        let children = |name: &'static str| set.children().filter(move |n| n.has_tag_name(name));
        assert_eq!(children("Label").next().unwrap().text(), Some(name));
        let roles: Vec<_> = children("Role")
            .filter_map(|role| role.attribute("value"))
            .collect();
        let rank = if is_main { "main" } else { "alternate" };
        assert_eq!(roles.last(), Some(&rank));
        assert_eq!(roles.contains(&"commentary"), purpose == "commentary");
    }
    assert_eq!(video["source"]["not_used"], json!([]));
}

/// Each sound's playlist, and its tone.
fn playlists(video: &Value) -> Vec<(String, f64)> {
    let base = text(video, "/playback/hls").replace("master.m3u8", "");
    let (_, playlist) = master(video);
    let uris = playlist
        .alternatives
        .into_iter()
        .map(|one| one.uri.unwrap());
    let urls = uris.map(|uri| format!("{base}{uri}"));
    urls.zip([TONES[1], TONES[0], TONES[2], TONES[3]]).collect()
}

fn check_sounds(video: &Value, seconds: u32) {
    for (url, hertz) in playlists(video) {
        check_heard(&url, hertz, 1..seconds);
    }
}

#[tokio::test]
async fn each_language_of_a_video_is_heard_by_its_name() {
    let (stack, clips) = (Stack::get(), Clips::new());
    for (name, options) in [("a.mp4", ""), ("a.mkv", "-c:a:2 ac3 -c:a:3 libopus")] {
        let file = film(&clips, name, 14, options);
        let video = stack.ready(&file);
        check_said(&file, &video);
        check_sounds(&video, 14);
        let (_, playlist) = master(&video);
        // A variant's rate is with one sound.
        let own = stack.ready(&clips.clip("b.mp4", "160x120", "25", 14.0));
        let rates = |video: &Value| video["renditions"][0]["codecs"].clone();
        assert_eq!(rates(&video), rates(&own));
        let variants = playlist.variants.iter().filter(|one| !one.is_i_frame);
        assert!(
            variants
                .into_iter()
                .all(|one| one.audio.as_deref() == Some("audio"))
        );
    }
}

/// Long enough for each further sound to be in parts of its own; then one that can't be entered.
#[tokio::test]
async fn languages_of_a_source_in_chunks_are_as_of_a_whole() {
    let (stack, clips) = (Stack::get(), Clips::new());
    for (name, parts) in [("a.mp4", 3 * 3), ("a.mkv", 4)] {
        let file = film(&clips, name, 125, "");
        let video = chunks::encoded(&stack, &file, 4).await;
        check_said(&file, &video);
        check_sounds(&video, 125);
        let id = text(&video, "/id");
        let [(run, _)] = &chunks::executions(&stack, id).await[..] else {
            panic!("one run is expected");
        };
        let work = format!("work/{id}/{}/reports/audio-", &run[id.len() + 1..]);
        let reports = stack.keys(&stack.uploads_bucket, &work).await;
        assert_eq!(reports.len(), parts, "{reports:?}");
    }
}

/// The video is worth it without a commentary that is damaged, and says so.
#[tokio::test]
async fn a_sound_that_breaks_off_is_left_out() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let film = film(&clips, "a.mkv", 14, "-c:a:3 flac");
    let damaged = clips.make(
        "b.mkv",
        &format!(
            "-i {} -map 0 -c copy -bsf:a:3 noise=amount=gte(n\\,20)",
            film.display()
        ),
    );
    let whole = stack.ready(&damaged);
    let in_chunks = chunks::encoded(&stack, &damaged, 2).await;
    for video in [whole, in_chunks] {
        let shown = video["audio_tracks"].as_array().unwrap();
        let languages: Vec<_> = shown.iter().map(|one| text(one, "/language")).collect();
        assert_eq!(languages, ["de", "en", "fr"]);
        assert_eq!(master(&video).1.alternatives.len(), 3);
        assert_eq!(
            video["source"]["not_used"],
            json!([{"kind": "audio", "codec": "flac", "reason": "damaged"}])
        );
    }
}

/// In containers whose clock begins anywhere, and leaps where two recordings were joined. Of the sounds, one
/// begins before the picture, and another one later.
#[tokio::test]
async fn sounds_that_begin_at_other_times_stay_in_sync() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let trims =
        "-filter:v trim=start=0.5 -filter:a:1 atrim=start=0.25 -filter:a:3 atrim=start=3.25";
    for (name, options) in [
        ("a.ts", ""),
        ("a.mpg", "-c:v mpeg2video -c:a mp2 -ar 48000"),
        ("a.mkv", ""),
    ] {
        let file = film(&clips, name, 20, &format!("{trims} {options}"));
        let whole = stack.ready(&file);
        let in_chunks = chunks::encoded(&stack, &file, 2).await;
        for video in [&whole, &in_chunks] {
            assert_eq!(video["audio_tracks"].as_array().unwrap().len(), 4, "{name}");
            check_in_step(video, name);
        }
    }
    let file = film(&clips, "b.ts", 14, "");
    let once = std::fs::read(file).unwrap();
    let joined = clips.file("joined.ts", &[once.clone(), once].concat());
    let whole = stack.ready(&joined);
    let in_chunks = chunks::encoded(&stack, &joined, 2).await;
    for video in [whole, in_chunks] {
        check_in_step(&video, "joined");
    }
}

/// Where two sounds have a burst in the same second, it begins at the same time.
fn check_in_step(video: &Value, name: &str) {
    let sounds = playlists(video).into_iter().map(|(url, _)| bursts(&url));
    let (heard, mut tones): (Vec<_>, Vec<_>) = sounds.unzip();
    tones.sort_by(f64::total_cmp);
    assert_eq!(tones, TONES, "{name}");
    for other in &heard[1..] {
        assert!(other.len() >= 16, "{name}: {heard:?}");
        for begun in other {
            let is_near = |main: &&f64| (*main - begun).abs() < 0.5;
            let Some(main) = heard[0].iter().find(is_near) else {
                continue;
            };
            assert!((main - begun).abs() < 0.005, "{name}: {heard:?}");
        }
    }
}
