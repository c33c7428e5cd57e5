//! How files are served: headers, byte ranges, other sites' pages, and nothing to those who ask the
//! store itself.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::expected::Kind;
use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::{Missing, Target, bucket_of};
use super::super::wire::{Answer, shown};
use super::playback::{Presentation, url};
use crate::playback::resolve;

/// The bytes that are asked for: from where, and how many.
const RANGE: (u64, u64) = (100, 200);

pub(in super::super) fn check(
    target: &Target<'_>,
    report: &mut Report,
    video: &Value,
    found: &Presentation,
    clip: &Path,
) -> Result<()> {
    let bytes = fs::read(clip).with_context(|| format!("cannot read {}", clip.display()))?;
    let segment = |track: &crate::smoke::hls::Track| resolve(&track.url, &track.segments[0]);
    let picture = segment(&found.variants[0]);
    let files = [
        ("a playlist", url(video, "hls").map(ToOwned::to_owned)),
        ("the MPD", url(video, "dash").map(ToOwned::to_owned)),
        ("a segment of the picture", Ok(picture.clone())),
        ("a segment of the sound", Ok(segment(&found.audio[0]))),
        ("the audio file", url(video, "audio").map(ToOwned::to_owned)),
        ("the poster", url(video, "poster").map(ToOwned::to_owned)),
        (
            "the storyboard",
            url(video, "storyboard").map(ToOwned::to_owned),
        ),
        (
            "the original",
            url(video, "original").map(ToOwned::to_owned),
        ),
    ];
    for (what, url) in files {
        report.check(format!("{what}: type, cache time, CORS, sandbox"), || {
            headers(target, &url?)
        })?;
    }
    report.check("a segment by byte range", || {
        let whole = target.served(&picture)?;
        ranged(target, &picture, &whole.body, RANGE)
    })?;
    report.check("the original by byte range", || {
        ranged(target, url(video, "original")?, &bytes, RANGE)
    })?;
    report.check("a picture of the I-frame playlist, by its range", || {
        let i_frames = &found.i_frames[0];
        let range = i_frames
            .range
            .ok_or_else(|| Miss::fault("a range for each picture", "none", Place::Stored))?;
        let url = segment(i_frames);
        ranged(target, &url, &target.served(&url)?.body, range)
    })?;
    report.check("the original is the file that was sent", || {
        let original = url(video, "original")?;
        let came = target.served(original)?.body;
        if came == bytes {
            Ok(((), crate::ui::size(bytes.len() as u64)))
        } else {
            let came = format!("{} other bytes", came.len());
            Err(Miss::fault("the same bytes", came, Place::SignedUploads))
        }
    })?;
    for (what, url) in [
        ("media", Ok(picture.as_str())),
        ("the original", url(video, "original")),
    ] {
        report.check(
            format!("{what}: players on other sites may ask for ranges"),
            || preflight(target, url?),
        )?;
    }
    report.check("a file that is not there", || {
        let missing = resolve(url(video, "hls")?, "nothing.m3u8");
        gone(target, &missing)
    })?;
    for (what, bucket, key) in [
        (
            "media",
            &target.stack.media_bucket,
            format!("videos/{}/master.m3u8", text(video, "id")),
        ),
        (
            "originals",
            &target.stack.uploads_bucket,
            format!("uploads/{}/source", text(video, "id")),
        ),
    ] {
        report.check(format!("{what}: the store itself answers nobody"), || {
            closed(target, bucket, &key)
        })?;
    }
    report.check("plain HTTP is redirected", || redirected(target, &picture))?;
    Ok(())
}

fn text<'a>(video: &'a Value, name: &str) -> &'a str {
    video[name].as_str().unwrap_or_default()
}

fn headers(target: &Target<'_>, url: &str) -> Outcome<()> {
    let kind = Kind::of(shown(url)).ok_or_else(|| {
        let came = format!("{}, which is none", shown(url));
        Miss::fault("a published file", came, Place::Lookup)
    })?;
    judged(kind, &target.served(url)?)
}

/// Whether an answer has the headers of its kind.
pub(super) fn judged(kind: Kind, answer: &Answer) -> Outcome<()> {
    match kind.fault(|name| answer.header(name)) {
        None => Ok(((), format!("{} headers", kind.count()))),
        Some(fault) => Err(Miss::Fault(fault)),
    }
}

fn ranged(
    target: &Target<'_>,
    url: &str,
    whole: &[u8],
    (offset, length): (u64, u64),
) -> Outcome<()> {
    let last = offset + length - 1;
    let range = format!("bytes={offset}-{last}");
    let headers = [
        ("origin", target.foreign_origin()),
        ("range", range.as_str()),
    ];
    let answer = target.wire.send("GET", url, &headers, None);
    let expected = format!("206 and bytes {offset} to {last} of {}", whole.len());
    let answer = answer.map_err(|why| Miss::fault(&expected, why, Place::Distribution))?;
    let named = answer.header("content-range");
    if answer.status == 206
        && named == format!("bytes {offset}-{last}/{}", whole.len())
        && slice(whole, offset, length) == Some(&answer.body[..])
    {
        return Ok(((), named.to_owned()));
    }
    let came = format!(
        "{}, content-range {named:?}, {} bytes",
        answer.status,
        answer.body.len()
    );
    let place = match answer.status {
        403 => bucket_of(url),
        _ => Place::Distribution,
    };
    Err(Miss::fault(expected, came, place))
}

fn slice(whole: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    whole.get(offset..)?.get(..usize::try_from(length).ok()?)
}

fn preflight(target: &Target<'_>, url: &str) -> Outcome<()> {
    let headers = [
        ("origin", target.foreign_origin()),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let answer = target.wire.send("OPTIONS", url, &headers, None);
    let answer = answer.map_err(|why| Miss::fault("an answer", why, Place::Distribution))?;
    let allowed = answer.header("access-control-allow-origin");
    if [200, 204].contains(&answer.status) && (allowed == "*" || allowed == target.foreign_origin())
    {
        return Ok(((), format!("{} to a preflight", answer.status)));
    }
    let came = format!(
        "{} with access-control-allow-origin {allowed:?}",
        answer.status
    );
    let expected = "a preflight that permits GET with Range from any site";
    Err(Miss::fault(expected, came, Place::MediaCors))
}

/// Whether the CDN has no such file.
pub(super) fn gone(target: &Target<'_>, url: &str) -> Outcome<()> {
    let expected = || format!("403 or 404 for {}", shown(url));
    let answer = target.wire.get(url);
    let answer = answer.map_err(|why| Miss::fault(expected(), why, Place::Distribution))?;
    match answer.status {
        403 | 404 => Ok(((), answer.status.to_string())),
        _ => Err(Miss::fault(expected(), answer.words(), Place::Distribution)),
    }
}

/// Asks the store for a file, as nobody.
fn closed(target: &Target<'_>, bucket: &str, key: &str) -> Outcome<()> {
    let stack = target.stack;
    let url = if let Some(endpoint) = &stack.aws_endpoint_url {
        format!("{endpoint}/{bucket}/{key}")
    } else {
        let region = &stack.region;
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{bucket}.s3.{region}.amazonaws.com{china}/{key}")
    };
    let place = bucket_of(&format!("/{key}"));
    let answer = target
        .wire
        .get(&url)
        .map_err(|why| Miss::fault("403", why, place))?;
    if (400..500).contains(&answer.status) {
        return Ok(((), answer.status.to_string()));
    }
    let miss = Miss::fault(
        "403: only the CDN may read",
        answer.status.to_string(),
        place,
    );
    Err(target.excused(Missing::Policies, miss))
}

fn redirected(target: &Target<'_>, url: &str) -> Outcome<()> {
    let Some(rest) = url.strip_prefix("https://") else {
        return Err(Miss::NotChecked(
            "this stack speaks plain HTTP, on this machine alone".into(),
        ));
    };
    let answer = target.wire.get(&format!("http://{rest}"));
    let answer = answer.map_err(|why| Miss::fault("a redirect", why, Place::Distribution))?;
    let to = answer.header("location");
    if [301, 302, 307, 308].contains(&answer.status) && to == url {
        Ok(((), answer.status.to_string()))
    } else {
        let came = format!("{} {to}", answer.status);
        Err(Miss::fault(
            format!("a redirect to {url}"),
            came,
            Place::Distribution,
        ))
    }
}
