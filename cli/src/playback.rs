//! Checks that a video really plays: every playlist answers, and ffmpeg decodes it from the CDN.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use ureq::Agent;

use crate::api::Video;
use crate::http;
use crate::process::Task;
use crate::project::Project;

/// A decoded duration may differ from the source's: sound that outlasts the picture by up to a
/// second is cut, and containers round.
const TOLERANCE_MS: u64 = 1500;

/// What was found.
pub(crate) struct Report {
    pub(crate) playlists: usize,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) duration_ms: u64,
    pub(crate) frames: u64,
}

/// Fetches the video as a player would, then decodes its best variant.
pub(crate) fn check(project: &Project, ffmpeg_dir: &Path, video: &Video) -> Result<Report> {
    let agent = http::agent(Duration::from_secs(30), true);
    let hls = video
        .playback
        .hls
        .as_deref()
        .context("the video is ready, but has no HLS playlist")?;
    let master = fetch_playlist(&agent, hls)?;
    let playlists = playlists_of(&master);
    ensure!(
        !playlists.is_empty(),
        "the master playlist {hls} names no variants"
    );
    for playlist in &playlists {
        let url = resolve(hls, playlist);
        let media = fetch_playlist(&agent, &url)?;
        for part in first_parts_of(&media) {
            fetch(&agent, &resolve(&url, part))?;
        }
    }
    if let Some(dash) = &video.playback.dash {
        let manifest = fetch(&agent, dash)?;
        ensure!(
            String::from_utf8_lossy(&manifest).contains("<MPD"),
            "{dash} is not an MPD"
        );
    }

    let (width, height) = best_size(project, ffmpeg_dir, hls)?;
    let (frames, duration_ms) = decode(project, ffmpeg_dir, hls)?;
    if let Some(expected) = video.source.as_ref().and_then(|source| source.duration_ms) {
        ensure!(
            expected.abs_diff(duration_ms) <= TOLERANCE_MS,
            "{hls} plays for {duration_ms} ms, but its source lasts {expected} ms"
        );
    }
    Ok(Report {
        playlists: playlists.len(),
        width,
        height,
        duration_ms,
        frames,
    })
}

fn fetch(agent: &Agent, url: &str) -> Result<Vec<u8>> {
    let mut answer = agent
        .get(url)
        .call()
        .with_context(|| format!("{url} cannot be fetched"))?;
    let status = answer.status();
    ensure!(status == 200, "{url} answers {status}");
    let limit = 256 * 1024 * 1024;
    let bytes = answer
        .body_mut()
        .with_config()
        .limit(limit)
        .read_to_vec()
        .with_context(|| format!("{url} breaks off"))?;
    ensure!(!bytes.is_empty(), "{url} is empty");
    Ok(bytes)
}

fn fetch_playlist(agent: &Agent, url: &str) -> Result<String> {
    let text =
        String::from_utf8(fetch(agent, url)?).with_context(|| format!("{url} is not text"))?;
    ensure!(text.starts_with("#EXTM3U"), "{url} is not a playlist");
    Ok(text)
}

/// The playlists a master names: variants, audio, I-frames.
fn playlists_of(master: &str) -> Vec<&str> {
    let named = master
        .lines()
        .filter_map(|line| line.starts_with("#EXT").then(|| uri_of(line))?);
    let variants = master
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    named.chain(variants).collect()
}

/// A media playlist's initialisation and its first segment.
fn first_parts_of(media: &str) -> Vec<&str> {
    let map = media
        .lines()
        .find(|line| line.starts_with("#EXT-X-MAP:"))
        .and_then(uri_of);
    let segment = media
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    map.into_iter().chain(segment).collect()
}

fn uri_of(tag: &str) -> Option<&str> {
    let value = tag.split_once("URI=\"")?.1;
    Some(value.split_once('"')?.0)
}

/// A reference resolved against the URL it was found at.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let authority = base.find("://").map_or(0, |scheme| scheme + 3);
    let root = base[authority..]
        .find('/')
        .map_or(base.len(), |slash| authority + slash);
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..root]);
    }
    let path = base.split(['?', '#']).next().unwrap_or(base);
    let mut folder: Vec<&str> = path[root.min(path.len())..].split('/').collect();
    folder.pop();
    for part in reference.split('/') {
        match part {
            "." => {}
            ".." if folder.len() > 1 => drop(folder.pop()),
            other => folder.push(other),
        }
    }
    format!("{}{}", &base[..root], folder.join("/"))
}

fn best_size(project: &Project, ffmpeg_dir: &Path, hls: &str) -> Result<(u64, u64)> {
    let json = Task::new(project, "ffprobe", ffmpeg_dir.join("ffprobe"))
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "stream=width,height",
        ])
        .args(["-of", "json", hls])
        .output()?;
    let probe: serde_json::Value = serde_json::from_str(&json).context("ffprobe wrote no JSON")?;
    probe["streams"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|stream| Some((stream["width"].as_u64()?, stream["height"].as_u64()?)))
        .max()
        .ok_or_else(|| anyhow!("{hls} has no video stream"))
}

/// Decodes the best variant and its audio; returns frames and milliseconds.
pub(crate) fn decode(project: &Project, ffmpeg_dir: &Path, hls: &str) -> Result<(u64, u64)> {
    let progress = Task::new(project, "ffmpeg decode", ffmpeg_dir.join("ffmpeg"))
        .args(["-nostdin", "-v", "error", "-xerror", "-progress", "pipe:1"])
        .args(["-i", hls, "-f", "null", "-"])
        .output()?;
    let last = |key: &str| last_number(&progress, key);
    match (last("frame"), last("out_time_us")) {
        (Some(frames), Some(time)) if frames > 0 => Ok((frames, time / 1000)),
        _ => Err(anyhow!("ffmpeg decoded nothing of {hls}")),
    }
}

fn last_number(progress: &str, key: &str) -> Option<u64> {
    progress
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .filter_map(|value| value.trim().parse().ok())
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "#EXTM3U\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"audio/playlist.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1\nvideo/720/playlist.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"video/720/iframes.m3u8\"\n";

    #[test]
    fn every_playlist_of_a_master_is_found() {
        assert_eq!(
            playlists_of(MASTER),
            [
                "audio/playlist.m3u8",
                "video/720/iframes.m3u8",
                "video/720/playlist.m3u8"
            ]
        );
    }

    #[test]
    fn a_media_playlist_starts_with_its_map_and_first_segment() {
        let media = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6,\n1.m4s\n#EXTINF:6,\n2.m4s\n";
        assert_eq!(first_parts_of(media), ["init.mp4", "1.m4s"]);
        assert!(first_parts_of("#EXTM3U\n").is_empty());
    }

    #[test]
    fn references_resolve_as_urls_do() {
        let base = "http://h:1/videos/a/master.m3u8?x=/y";
        assert_eq!(resolve(base, "v/p.m3u8"), "http://h:1/videos/a/v/p.m3u8");
        assert_eq!(resolve(base, "../b.m3u8"), "http://h:1/videos/b.m3u8");
        assert_eq!(resolve(base, "/c.m3u8"), "http://h:1/c.m3u8");
        assert_eq!(resolve(base, "https://o/d"), "https://o/d");
    }

    #[test]
    fn the_last_progress_counts() {
        let progress = "frame=10\nout_time_us=N/A\nframe=600\nout_time_us=20000000\nprogress=end\n";
        assert_eq!(last_number(progress, "frame"), Some(600));
        assert_eq!(last_number(progress, "out_time_us"), Some(20_000_000));
        assert_eq!(last_number(progress, "fps"), None);
    }
}
