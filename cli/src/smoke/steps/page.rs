//! The page, as it is published beside the videos.

use anyhow::Result;

use super::super::expected::Kind;
use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::Target;
use super::delivery::judged;

/// `reads_media`: whether the CDN serves media, which are in the page's bucket; nothing if that is not
/// known.
pub(in super::super) fn check(
    target: &Target<'_>,
    report: &mut Report,
    reads_media: Option<bool>,
) -> Result<()> {
    let page = target.stack.site_url.trim_end_matches('/').to_owned();
    let there = report.check("the page: policy, and in no frame", || {
        let home = format!("{page}/");
        match target.wire.get(&home).map(|answer| answer.status) {
            Ok(403 | 404) => Err(missing(reads_media)),
            _ => served(target, &home, Kind::Page),
        }
    })?;
    for (what, path, kind) in [
        (
            "a video's own page: policy, and in no frame",
            "/watch/x",
            Kind::Page,
        ),
        (
            "the player: policy, and in frames of any site",
            "/embed/x",
            Kind::Embed,
        ),
    ] {
        if there.is_some() {
            report.check(what, || served(target, &format!("{page}{path}"), kind))?;
        } else {
            report.not_checked(what, "the page itself is not as it should be");
        }
    }
    if there.is_some() {
        report.check("the page knows its API", || configured(target, &page))?;
    }
    Ok(())
}

/// Why there is no page.
fn missing(reads_media: Option<bool>) -> Miss {
    match reads_media {
        Some(true) => {
            Miss::NotChecked("no page is published: the stack was deployed without Node.js".into())
        }
        Some(false) => Miss::fault("200", "403, as for media", Place::MediaPolicy),
        None => Miss::NotChecked("there is no page, or the CDN may not read it".into()),
    }
}

fn served(target: &Target<'_>, url: &str, kind: Kind) -> Outcome<()> {
    let answer = target.wire.get(url);
    let answer = answer.map_err(|why| Miss::fault("200", why, Place::Distribution))?;
    match answer.status {
        200 => judged(kind, &answer),
        _ => Err(Miss::fault("200", answer.words(), Place::Routes)),
    }
}

fn configured(target: &Target<'_>, page: &str) -> Outcome<()> {
    let answer = target.wire.get(&format!("{page}/config.json"));
    let answer = answer.map_err(|why| Miss::fault("200", why, Place::Distribution))?;
    let api = answer.json()["api_url"].as_str().map(ToOwned::to_owned);
    match api {
        Some(api) if api == target.stack.api_url => Ok(((), api)),
        other => Err(Miss::fault(
            format!("config.json with the api_url {}", target.stack.api_url),
            other.unwrap_or_else(|| answer.words()),
            Place::Page,
        )),
    }
}
