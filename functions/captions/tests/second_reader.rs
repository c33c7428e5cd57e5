//! ffmpeg reads the same odd files, and sees the same cues, except where there is a reason.
//!
//! Needs ffmpeg, which `cargo reelrun test` has.
#![expect(clippy::unwrap_used, reason = "this is test code")]

mod files;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use reelrun_captions::{Format, Timestamp, read};

/// Where ffmpeg sees something else, and why what we see is meant.
const DIFFERENCES: [(&str, &str); 31] = [
    (
        "active_text.srt",
        "it takes any word in angle brackets for markup, and drops it",
    ),
    ("automatic_captions.vtt", "it keeps a line of spaces"),
    (
        "backwards.srt",
        "it gives cues that end before they begin some length",
    ),
    (
        "backwards.vtt",
        "it gives cues that end before they begin some length",
    ),
    (
        "blank_line_in_a_cue.vtt",
        "it stops at a block without times",
    ),
    (
        "blank_lines_before.vtt",
        "it stops at a block without times",
    ),
    (
        "broken_times.srt",
        "a line that was meant to be times is text to it",
    ),
    (
        "broken_times.vtt",
        "it counts beyond 59, and takes fractions of two digits for milliseconds",
    ),
    ("commas_for_points.vtt", "it stops at the first comma"),
    (
        "cue_right_after_the_signature.vtt",
        "it wants a blank line after the signature",
    ),
    ("drawings.srt", "it shows the words that draw"),
    ("empty_cues.srt", "it keeps cues of spaces"),
    (
        "entities.vtt",
        "it knows six of HTML's characters by name, and none by number",
    ),
    ("hours_beyond_all.srt", "it has no bound"),
    (
        "lines_of_spaces.srt",
        "it keeps spaces at the ends of lines",
    ),
    (
        "lone_surrogates.srt",
        "it drops cues that are not valid UTF-8",
    ),
    (
        "lower_case_signature.vtt",
        "it reads what it is told is WebVTT; a player would refuse this",
    ),
    (
        "marks_inside.srt",
        "a byte order mark in the middle of the file hides times from it",
    ),
    ("named_as_subrip.vtt", "it reads what it is told is WebVTT"),
    ("negative_times.srt", "it ignores the sign"),
    (
        "no_blank_lines.vtt",
        "it wants a blank line after the signature",
    ),
    ("nul_and_controls.srt", "a NUL ends the cue to it"),
    (
        "braces.srt",
        "what begins like an override is one to it, even if it never ends",
    ),
    ("points_for_commas.srt", "it wants a fraction in each time"),
    (
        "right_to_left.srt",
        "it does not know HTML's names of characters in SubRip",
    ),
    ("short_fractions.srt", "it does not know microseconds"),
    ("utf16_be.srt", "it wants a byte order mark"),
    (
        "utf16_be_mark.srt",
        "it loses bytes of letters like \u{141}",
    ),
    ("utf16_le.srt", "it wants a byte order mark"),
    (
        "utf16_le_mark.srt",
        "it loses bytes of letters like \u{141}",
    ),
    (
        "windows_1252.srt",
        "it drops cues that are not valid UTF-8, unless it is told the encoding",
    ),
];

/// From when, until when, what.
type Cue = (String, String, String);

#[test]
fn ffmpeg_sees_the_same_cues() {
    let folder = env::temp_dir().join(format!("reelrun-captions-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut differences: BTreeMap<_, _> = DIFFERENCES.into_iter().collect();
    let mut wrong = Vec::new();
    for (name, bytes) in files::all() {
        let path = folder.join(&name);
        fs::write(&path, &bytes).unwrap();
        let (ours, theirs) = (ours(&bytes), theirs(&path));
        match (ours == theirs, differences.remove(&*name)) {
            (true, Some(reason)) => {
                wrong.push(format!("{name}: no difference any more ({reason})"));
            }
            (false, None) => wrong.push(format!("{name}:\n  ours   {ours:?}\n  theirs {theirs:?}")),
            _ => {}
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(differences.is_empty(), "no such files: {differences:?}");
}

/// What we wrote of each file, ffmpeg reads as we meant it.
#[test]
fn ffmpeg_reads_what_was_written() {
    let folder = env::temp_dir().join(format!("reelrun-captions-written-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files::all() {
        let Ok(captions) = read(&bytes) else { continue };
        // On its way from WebVTT to SubRip, ffmpeg itself escapes braces, and reads them as overrides.
        if name == "braces.srt" {
            continue;
        }
        let path = folder.join(format!("{name}.vtt"));
        fs::write(&path, captions.cues.to_webvtt()).unwrap();
        let mut theirs = theirs(&path);
        for (.., text) in &mut theirs {
            *text = without_joiners(text);
        }
        assert_eq!(theirs, ours(&bytes), "{name}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

fn ours(bytes: &[u8]) -> Vec<Cue> {
    let Ok(captions) = read(bytes) else {
        return Vec::new();
    };
    let cues = captions.cues.iter().map(|cue| {
        let time = |time: Timestamp| time.to_string().replace('.', ",");
        let text = without_joiners(&cue.text().plain());
        (time(cue.from()), time(cue.until()), text)
    });
    cues.collect()
}

fn theirs(path: &Path) -> Vec<Cue> {
    let is_webvtt = path.extension().is_some_and(|extension| extension == "vtt");
    let output = Command::new(ffmpeg())
        .args(["-hide_banner", "-loglevel", "error", "-nostdin"])
        .args(["-f", if is_webvtt { "webvtt" } else { "srt" }, "-i"])
        .arg(path)
        .args(["-map", "0:s", "-c:s", "subrip", "-f", "srt", "pipe:1"])
        .output()
        .expect("ffmpeg is needed: run the tests with `cargo reelrun test`");
    let messages = String::from_utf8_lossy(&output.stderr);
    // Where it finds no cue, or none that it can decode, it says so and fails.
    assert!(
        output.status.success()
            || messages.contains("Invalid")
            || messages.contains("matches no streams"),
        "{}: {messages}",
        path.display()
    );
    // SubRip as ffmpeg writes it: a number, the times, the text, a blank line.
    let text = String::from_utf8(output.stdout).unwrap();
    let mut cues: Vec<Cue> = Vec::new();
    for block in text.split_inclusive("\n\n") {
        let mut lines = block.lines();
        let times = lines.by_ref().find(|line| line.contains(" --> "));
        if let Some((from, until)) = times.and_then(|times| times.split_once(" --> ")) {
            let text: Vec<_> = lines.map(without_markup).collect();
            let text = text.join("\n");
            cues.push((
                from.into(),
                until.into(),
                text.trim_end_matches('\n').into(),
            ));
        }
    }
    cues
}

/// Text without what keeps a bracket from opening a tag.
fn without_joiners(text: &str) -> String {
    text.replace('\u{2060}', "")
}

/// A line without `<i>` and `{\an8}`; ffmpeg escapes neither `<` nor `&`, and writes `\h` for a space
/// that does not break.
fn without_markup(line: &str) -> String {
    let mut text = line.replace("\\h", "\u{a0}");
    for name in ["i", "b", "u", "s", "font"] {
        text = text.replace(&format!("</{name}>"), "");
        while let Some(from) = text
            .find(&format!("<{name}>"))
            .or_else(|| text.find("<font "))
        {
            let until = text[from..].find('>').unwrap();
            text.replace_range(from..=from + until, "");
        }
    }
    for key in 1..=9 {
        text = text.replace(&format!("{{\\an{key}}}"), "");
    }
    text
}

/// The layer's, where the tests are run by `cargo reelrun test`.
fn ffmpeg() -> PathBuf {
    env::var("REELRUN_FFMPEG_DIR").map_or_else(
        |_| "ffmpeg".into(),
        |folder| Path::new(&folder).join("ffmpeg"),
    )
}

#[test]
fn both_formats_are_in_the_corpus() {
    let formats = files::all()
        .into_iter()
        .filter_map(|(_, bytes)| Some(read(&bytes).ok()?.format));
    let formats: Vec<_> = formats.collect();
    assert!(formats.contains(&Format::SubRip) && formats.contains(&Format::WebVtt));
}
