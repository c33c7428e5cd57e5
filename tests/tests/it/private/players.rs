//! Players play what is private: all of it, from any place on, and by its token's path alone.

use std::{collections::BTreeSet, process::Command};

use reelrun_core::token::{self, Audience};
use reelrun_tests::{
    media::Clips,
    recorder::{Asked, Recorder},
    stack::{Stack, program},
};

use super::{claims, keys, ready, upload};

const SECONDS: u32 = 14;
const SEEK_TO: u32 = 8;

/// A player that can be told by its arguments to play a URL from a second on, to its end.
pub(super) type Player = fn(&str, u32) -> Result<(), String>;

/// Those that there are.
pub(super) const PLAYERS: [(&str, Player); 3] =
    [("ffmpeg", ffmpeg), ("GStreamer", gstreamer), ("mpv", mpv)];

#[test]
fn players_play_a_private_video_and_seek_in_it() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let file = clips.clip("secret.mp4", "320x180", "25", f64::from(SECONDS));
    let id = upload(&stack, &file);
    ready(&stack, &id);
    let token = token::sign(&claims(&id, Audience::Play), &keys(&stack));
    let path = format!("/s/{token}/{id}/");
    let dash: [(&str, Player); 1] = [("GStreamer", gstreamer)];
    let of_hls = PLAYERS.map(|player| ("master.m3u8", player));
    let of_dash = dash.map(|player| ("manifest.mpd", player));
    for (manifest, (name, player)) in of_hls.into_iter().chain(of_dash) {
        for from in [0, SEEK_TO] {
            let cdn = Recorder::start(&stack.cdn_url);
            let played = player(&format!("{}{path}{manifest}", cdn.url), from);
            let asked = cdn.asked();
            played
                .unwrap_or_else(|why| panic!("{name}, {manifest} from {from}: {why}, {asked:#?}"));
            check_asked(&asked, &path, from);
        }
    }
}

/// A player got all of picture and sound from a second on, from below the token's path, at once and without
/// a detour.
pub(super) fn check_asked(asked: &[Asked], path: &str, from: u32) {
    let mut segments = BTreeSet::new();
    for one in asked {
        let is_good = one.path.starts_with(path) && [200, 206].contains(&one.status);
        assert!(is_good, "{one:?} of {asked:#?}");
        if let Some((track, number)) = one.path[path.len()..].rsplit_once('/')
            && let Some(number) = number.strip_suffix(".m4s")
        {
            segments.insert((track.split('/').next().unwrap_or_default(), number));
        }
    }
    // A player begins with one rendition and may go on with another.
    let wanted: &[&str] = match from {
        0 => &["00001", "00002", "00003"],
        _ => &["00002", "00003"],
    };
    for kind in ["video", "audio"] {
        let has = |number: &&&str| segments.contains(&(kind, **number));
        assert_eq!(
            wanted.iter().filter(has).count(),
            wanted.len(),
            "{asked:#?}"
        );
    }
}

/// Picture and sound are decoded; of the picture, each frame must be there.
fn ffmpeg(url: &str, from: u32) -> Result<(), String> {
    let mut ffmpeg = Command::new(program("ffmpeg"));
    ffmpeg.args(["-nostdin", "-v", "error", "-xerror"]);
    if from > 0 {
        ffmpeg.args(["-ss", &from.to_string()]);
    }
    ffmpeg.args(["-i", url, "-map", "0:v:0", "-map", "0:a:0"]);
    let output = run(ffmpeg.args(["-f", "framecrc", "pipe:1"]))?;
    let pictures = output.lines().filter(|line| line.starts_with("0,")).count();
    let expected = 25 * (SECONDS - from) as usize;
    // A frame or two more where it enters.
    let is_whole = (expected..expected + 3).contains(&pictures);
    is_whole
        .then_some(())
        .ok_or_else(|| format!("{pictures} frames, not {expected}"))
}

/// `GStreamer`'s own player, with the elements that `playbin3` picks.
fn gstreamer(url: &str, from: u32) -> Result<(), String> {
    let sink = "fakesink sync=false";
    let said = run(Command::new("gst-play-1.0")
        .args(["--use-playbin3", "--no-interactive"])
        .arg(format!("--videosink={sink}"))
        .arg(format!("--audiosink={sink}"))
        .arg(format!("--start-position={from}"))
        .arg(url))?;
    let has_failed = said.contains("ERROR") || !said.contains("Reached end of play list");
    if has_failed { Err(said) } else { Ok(()) }
}

/// It plays from the beginning, and goes back to the second once, shortly before the end.
fn mpv(url: &str, from: u32) -> Result<(), String> {
    let mut mpv = Command::new("mpv");
    mpv.args(["--no-config", "--vo=null", "--ao=null", "--ao-null-untimed"])
        .args(["--untimed", "--msg-level=all=warn"]);
    if from > 0 {
        mpv.arg(format!("--ab-loop-a={from}"))
            .arg(format!("--ab-loop-b={}", SECONDS - 1))
            .arg("--ab-loop-count=1");
    }
    let said = run(mpv.arg(url))?;
    if said.contains("rror") {
        Err(said)
    } else {
        Ok(())
    }
}

/// Runs a player to its end. What it says, if it ends well.
fn run(player: &mut Command) -> Result<String, String> {
    let output = player.output().unwrap_or_else(|why| {
        panic!("{player:?}: {why}; `cargo reelrun test` says what is missing on this machine")
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaints = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {complaints}{said}", output.status))
}
