//! Subtitles that are added to a video which is ready.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::Target;
use super::storage::Put;
use super::uploads::pause;
use crate::ui;

const FILE: &[u8] = b"1\n00:00:00,500 --> 00:00:01,500\nsmoke\n";
/// It takes some seconds, or half a minute more if the video has just become ready.
const PUBLISHED_WITHIN: Duration = Duration::from_mins(3);
/// Playlists are cached for a minute.
const SHOWN_WITHIN: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_secs(1);

pub(in super::super) fn check(
    target: &Target<'_>,
    report: &mut Report,
    video: &Value,
) -> Result<()> {
    let id = video["id"].as_str().unwrap_or_default();
    let sent = report.check("subtitles are taken", || send(target, id))?;
    let Some(track) = sent else {
        report.not_checked("subtitles are shown", "they were not sent");
        return Ok(());
    };
    let published = report.check("they are published beside the video", || {
        published(target, id, &track)
    })?;
    match published {
        Some(()) => {
            let master = video["playback"]["hls"].as_str().unwrap_or_default();
            report.check("players find them", || named(target, master, &track))?;
        }
        None => report.not_checked("players find them", "they are not published"),
    }
    Ok(())
}

/// The id of the track.
fn send(target: &Target<'_>, id: &str) -> Outcome<String> {
    let body = json!({"kind": "subtitles", "language": "en", "filename": "smoke.srt",
        "size_bytes": FILE.len()});
    let granted = target.manage("POST", &format!("/videos/{id}/tracks"), Some(&body))?;
    if granted.status != 201 {
        return Err(Miss::fault("201", granted.words(), Place::Presign));
    }
    let granted = granted.json();
    let answer = Put::new(target, &granted).send(FILE, None);
    let answer = answer.map_err(|why| Miss::fault("200", why, Place::SignedUploads))?;
    match (answer.status, granted["track"]["id"].as_str()) {
        (200, Some(track)) => Ok((track.into(), format!("{} bytes", FILE.len()))),
        _ => Err(Miss::fault("200", answer.words(), Place::SignedUploads)),
    }
}

fn published(target: &Target<'_>, id: &str, track: &str) -> Outcome<()> {
    let begun = Instant::now();
    loop {
        // Others are told only of what is published.
        let answer = target.manage("GET", &format!("/videos/{id}"), None)?;
        let video = answer.json();
        let mut tracks = video["tracks"].as_array().into_iter().flatten();
        let found = tracks.find(|one| one["id"] == track);
        let status = found.and_then(|one| one["status"].as_str());
        match status {
            Some("ready") => return Ok(((), format!("after {}", ui::seconds(begun.elapsed())))),
            Some("waiting" | "preparing") if begun.elapsed() < PUBLISHED_WITHIN => pause(POLL),
            _ => {
                let came = found.map_or_else(|| answer.words(), ToString::to_string);
                return Err(Miss::fault("a track that is ready", came, Place::Tracks));
            }
        }
    }
}

fn named(target: &Target<'_>, master: &str, track: &str) -> Outcome<()> {
    let begun = Instant::now();
    let base = master.strip_suffix("master.m3u8").unwrap_or(master);
    let playlist = format!("subtitles/{track}/playlist.m3u8");
    while !target.served(master)?.text().contains(&playlist) {
        if begun.elapsed() > SHOWN_WITHIN {
            let expected = format!("{playlist} in the master playlist");
            return Err(Miss::fault(expected, "it is not named", Place::Tracks));
        }
        pause(POLL);
    }
    let segment = target.served(&format!("{base}subtitles/{track}/00001.vtt"))?;
    if segment.text().contains("00:00:00.500 --> 00:00:01.500") {
        Ok(((), "in the master playlist, with their text".into()))
    } else {
        let expected = "the subtitle in its first segment";
        Err(Miss::fault(expected, segment.text(), Place::Tracks))
    }
}
