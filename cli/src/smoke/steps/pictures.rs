//! The poster, and the storyboard's small pictures.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::storyboard::{self, Cue};
use super::playback::{Player, url};
use crate::playback::resolve;
use crate::process::Task;

pub(in super::super) fn check(
    player: &Player<'_>,
    report: &mut Report,
    video: &Value,
) -> Result<()> {
    report.check("the poster is a picture of the video's shape", || {
        let (width, height) = size(player, url(video, "poster")?)?;
        let of = |name: &str| video["source"][name].as_u64().unwrap_or(0);
        let off = (width * of("height")).abs_diff(height * of("width"));
        // Sides are even numbers of pixels.
        if off <= 2 * (of("width") + of("height")) {
            Ok(((), format!("{width}x{height}")))
        } else {
            let expected = format!("the shape of {}x{}", of("width"), of("height"));
            Err(Miss::fault(
                expected,
                format!("{width}x{height}"),
                Place::Stored,
            ))
        }
    })?;
    let cues = report.check("the storyboard covers the video", || cues(player, video))?;
    let Some(cues) = cues else {
        report.not_checked("its pictures are there", "there is no storyboard to read");
        return Ok(());
    };
    report.check("its pictures are there", || {
        let (url, mut sheet) = (url(video, "storyboard")?, None);
        for cue in &cues {
            if sheet.is_none_or(|(name, _)| name != cue.sheet.as_str()) {
                let size = size(player, &resolve(url, &cue.sheet))?;
                sheet = Some((cue.sheet.as_str(), size));
            }
            let (width, height) = sheet.map_or((0, 0), |(_, size)| size);
            if cue.x + cue.width > width || cue.y + cue.height > height {
                let expected = format!("a part of {}, which is {width}x{height}", cue.sheet);
                return Err(Miss::fault(expected, format!("{cue:?}"), Place::Stored));
            }
        }
        Ok(((), format!("{} pictures", cues.len())))
    })?;
    Ok(())
}

fn cues(player: &Player<'_>, video: &Value) -> Outcome<Vec<Cue>> {
    let text = player.target.served(url(video, "storyboard")?)?.text();
    let wrong = |why: String| Miss::fault("a WebVTT file of pictures", why, Place::Stored);
    let cues = storyboard::cues(&text).map_err(wrong)?;
    let end = cues.last().map_or(0, |cue| cue.end_ms);
    let length = video["source"]["duration_ms"].as_u64().unwrap_or(0);
    if end.abs_diff(length) > 1000 {
        let came = format!("pictures until {end} ms");
        return Err(Miss::fault(
            format!("pictures until {length} ms"),
            came,
            Place::Stored,
        ));
    }
    let note = format!("{} pictures", cues.len());
    Ok((cues, note))
}

/// A picture's width and height, as ffprobe sees them.
fn size(player: &Player<'_>, url: &str) -> Result<(u64, u64), Miss> {
    probe(player, url).map_err(|why| Miss::fault("a JPEG", format!("{why:#}"), Place::Stored))
}

fn probe(player: &Player<'_>, url: &str) -> Result<(u64, u64)> {
    let json = Task::new(player.project, "ffprobe", player.ffmpeg_dir.join("ffprobe"))
        .args(["-v", "error", "-of", "json"])
        .args(["-show_entries", "stream=codec_name,width,height", url])
        .output()?;
    let found: Value = serde_json::from_str(&json).context("ffprobe wrote no JSON")?;
    let stream = &found["streams"][0];
    match (
        &stream["codec_name"],
        stream["width"].as_u64(),
        stream["height"].as_u64(),
    ) {
        (Value::String(codec), Some(width), Some(height)) if codec == "mjpeg" => {
            Ok((width, height))
        }
        _ => Err(anyhow!("{url} is {stream}")),
    }
}
