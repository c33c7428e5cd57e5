//! What an owner does with videos: changes them, lists them, deletes them.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::{Target, bucket_of};
use super::super::wire::shown;
use super::playback::Presentation;
use super::uploads::pause;
use crate::playback::resolve;

/// Until a deleted video's files are gone: they are removed within a minute, and what the CDN was asked
/// for just before it keeps for another.
const GONE_WITHIN: Duration = Duration::from_mins(4);
const POLL: Duration = Duration::from_secs(1);

/// Changes a video's details, and finds it in the library.
pub(in super::super) fn change(
    target: &Target<'_>,
    report: &mut Report,
    video: &Value,
) -> Result<()> {
    let id = video["id"].as_str().unwrap_or_default();
    let path = format!("/videos/{id}");
    report.check("title and metadata are changed", || {
        let body = json!({"title": "Smoke “test” 🎬", "metadata": {"made-by": "smoke"}});
        let answer = target.manage("PATCH", &path, Some(&body))?;
        let shown = target.call("GET", &path, None, None)?.json();
        let is_so = |video: &Value| {
            video["title"] == body["title"] && video["metadata"] == body["metadata"]
        };
        if answer.status == 200 && is_so(&answer.json()) && is_so(&shown) {
            Ok(((), "200, and shown to viewers".into()))
        } else {
            let expected = format!("200, and {body} from then on");
            Err(Miss::fault(expected, answer.words(), Place::Lookup))
        }
    })?;
    report.check("nobody changes it without a token", || {
        let answer = target.call("PATCH", &path, None, Some("{\"title\": \"x\"}"))?;
        match answer.status {
            401 => Ok(((), "401".into())),
            _ => Err(Miss::fault("401", answer.words(), Place::Lookup)),
        }
    })?;
    report.check("the library lists it", || {
        if listed(target, id)? {
            Ok(((), "among those that are ready".into()))
        } else {
            let expected = format!("{id} in GET /videos?status=ready");
            Err(Miss::fault(expected, "not listed", Place::Lookup))
        }
    })?;
    Ok(())
}

/// Whether a video is among the newest that are ready.
fn listed(target: &Target<'_>, id: &str) -> Result<bool, Miss> {
    // Pages may be short, even empty; others may upload meanwhile.
    const PAGES: usize = 5;
    let mut path = "/videos?status=ready&limit=100".to_owned();
    for _ in 0..PAGES {
        let answer = target.manage("GET", &path, None)?;
        let page = answer.json();
        let Some(videos) = page["videos"].as_array() else {
            return Err(Miss::fault(
                "a page of the library",
                answer.words(),
                Place::Lookup,
            ));
        };
        if videos.iter().any(|video| video["id"] == id) {
            return Ok(true);
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/videos?status=ready&limit=100&cursor={cursor}");
    }
    Ok(false)
}

/// What must be gone once the videos are deleted.
#[derive(Default)]
pub(in super::super) struct Remains {
    /// May be asked for again and again: caches keep it for a minute at most.
    polled: Vec<String>,
    /// Were never asked for, or a cache could have them for a year.
    untouched: Vec<String>,
}

impl Remains {
    /// What there is of a published video.
    pub(in super::super) fn extend(&mut self, video: &Value, found: &Presentation) {
        for name in ["hls", "dash", "poster", "storyboard", "original"] {
            self.polled
                .extend(video["playback"][name].as_str().map(ToOwned::to_owned));
        }
        let tracks = found
            .variants
            .iter()
            .chain(&found.audio)
            .chain(&found.i_frames);
        self.polled.extend(tracks.map(|track| track.url.clone()));
        // Of the lowest rendition nobody has read the end: players begin with the first segment, and go
        // on with the best rendition.
        if let Some(track) = found.variants.last()
            && let Some(last) = track.segments.last()
        {
            self.untouched.push(resolve(&track.url, last));
        }
    }
}

/// Deletes every video that was made, and sees that everything is gone.
pub(in super::super) fn delete(
    target: &Target<'_>,
    report: &mut Report,
    remains: &Remains,
) -> Result<()> {
    let ids = target.made();
    let deleted = report.check("every video is deleted", || {
        for id in &ids {
            target.delete(id)?;
        }
        Ok(((), format!("{} videos", ids.len())))
    })?;
    if deleted.is_none() {
        report.not_checked("nothing of them is left", "not all were deleted");
        return Ok(());
    }
    report.check("the API no longer knows them", || {
        for id in &ids {
            let answer = target.call("GET", &format!("/videos/{id}"), None, None)?;
            if answer.status != 404 {
                return Err(Miss::fault("404 at once", answer.words(), Place::Lookup));
            }
        }
        if let Some(id) = ids.first()
            && listed(target, id)?
        {
            return Err(Miss::fault(
                "no more in the library",
                "listed",
                Place::Lookup,
            ));
        }
        Ok(((), "404".into()))
    })?;
    if remains.polled.is_empty() {
        report.not_checked(
            "their files are gone from the CDN",
            "no video was published",
        );
        return Ok(());
    }
    report.check("their files are gone from the CDN", || {
        files(target, remains)
    })?;
    Ok(())
}

fn files(target: &Target<'_>, remains: &Remains) -> Outcome<()> {
    let begun = Instant::now();
    for url in &remains.polled {
        withdrawn(target, url, GONE_WITHIN.saturating_sub(begun.elapsed()))?;
    }
    for url in &remains.untouched {
        withdrawn(target, url, Duration::ZERO)?;
    }
    let count = remains.polled.len() + remains.untouched.len();
    Ok(((), format!("403 or 404 for {count} URLs")))
}

/// Waits until the CDN serves a URL no more. One that is asked once is asked once.
pub(super) fn withdrawn(target: &Target<'_>, url: &str, patience: Duration) -> Result<(), Miss> {
    let begun = Instant::now();
    let expected = || format!("403 or 404 for {}", shown(url));
    loop {
        let answer = target.wire.get(url);
        let answer = answer.map_err(|why| Miss::fault(expected(), why, Place::Distribution))?;
        match answer.status {
            403 | 404 => return Ok(()),
            500.. => return Err(Miss::fault(expected(), answer.words(), bucket_of(url))),
            _ if begun.elapsed() > patience || crate::signals::stopped() => {
                let came = format!(
                    "still {} after {}",
                    answer.status,
                    crate::ui::seconds(begun.elapsed())
                );
                return Err(Miss::fault(expected(), came, Place::Cleanup));
            }
            _ => pause(POLL),
        }
    }
}

/// Whether the file of a video that turned out to be none is out of reach.
pub(in super::super) fn refused(target: &Target<'_>, url: &str) -> Outcome<()> {
    withdrawn(target, url, GONE_WITHIN)?;
    Ok(((), "403 or 404".into()))
}
