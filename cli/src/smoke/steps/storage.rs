//! What the store takes and refuses: a signed URL permits one file, once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::{Missing, Target};
use super::super::wire::Answer;

/// Uploads a clip as a page would, with all the mistakes that can be made. Gives the video's id.
pub(in super::super) fn check(
    target: &Target<'_>,
    report: &mut Report,
    clip: &Path,
) -> Result<Option<String>> {
    let bytes = fs::read(clip).with_context(|| format!("cannot read {}", clip.display()))?;
    let granted = report.check("an upload is permitted", || permitted(target, bytes.len()))?;
    // Should the store take what it must not, that is another video's file.
    let other = granted.as_ref().map(|_| permitted(target, FEW));
    let (Some(granted), Some(Ok((other, _)))) = (granted, other) else {
        for what in [LENGTH, TYPE, PREFLIGHT, TAKEN, READABLE, ONCE] {
            report.not_checked(what, "no upload was permitted");
        }
        return Ok(None);
    };
    let wrong = Put::new(target, &other);
    report.check(LENGTH, || wrong.refused(&[0; FEW + 1], None))?;
    report.check(TYPE, || wrong.refused(&[0; FEW], Some("text/html")))?;
    let put = Put::new(target, &granted);
    report.check(PREFLIGHT, || put.preflight())?;
    let Some(allowed) = report.check(TAKEN, || put.taken(&bytes))? else {
        for what in [READABLE, ONCE] {
            report.not_checked(what, "nothing was stored");
        }
        return Ok(None);
    };
    report.check(READABLE, || {
        let origin = target.stack.site_url.as_str();
        if allowed == "*" || allowed == origin {
            Ok(((), format!("access-control-allow-origin: {allowed}")))
        } else {
            let expected = format!("access-control-allow-origin: {origin}");
            Err(Miss::fault(
                expected,
                format!("{allowed:?}"),
                Place::UploadsCors,
            ))
        }
    })?;
    report.check(ONCE, || put.refused_again(&bytes))?;
    Ok(granted["video_id"].as_str().map(ToOwned::to_owned))
}

/// So few that they are sent before the store can close the connection.
const FEW: usize = 1000;

const LENGTH: &str = "a byte more than permitted is refused by the store";
const TYPE: &str = "another content type is refused by the store";
const PREFLIGHT: &str = "the page may send files to the store (CORS preflight)";
const TAKEN: &str = "the file itself is taken";
const READABLE: &str = "the page may read the store's answer (CORS)";
const ONCE: &str = "a second file is refused: a source is stored once";

/// A permission to send a file with one PUT.
fn permitted(target: &Target<'_>, size: usize) -> Outcome<Value> {
    let granted = target.permission("smoke.mp4", size as u64)?;
    match granted["upload"]["strategy"].as_str() {
        Some("single") => Ok((granted, "one signed PUT".into())),
        strategy => Err(Miss::NotChecked(format!(
            "even {size} bytes are sent as {strategy:?}"
        ))),
    }
}

/// The signed PUT of an upload.
pub(super) struct Put<'a> {
    target: &'a Target<'a>,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Put<'a> {
    pub(super) fn new(target: &'a Target<'a>, granted: &'a Value) -> Self {
        let upload = &granted["upload"];
        let headers = upload["headers"].as_object().into_iter().flatten();
        Self {
            target,
            url: upload["url"].as_str().unwrap_or_default(),
            headers: headers
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                .collect(),
        }
    }

    /// Sends a body as a page of the stack does.
    pub(super) fn send(&self, body: &[u8], content_type: Option<&str>) -> Result<Answer, String> {
        let mut headers = self.headers.clone();
        for (name, value) in &mut headers {
            if name.eq_ignore_ascii_case("content-type") {
                *value = content_type.unwrap_or(value);
            }
        }
        headers.push(("origin", &self.target.stack.site_url));
        self.target.wire.send("PUT", self.url, &headers, Some(body))
    }

    fn refused(&self, body: &[u8], content_type: Option<&str>) -> Outcome<()> {
        let expected = "403: its length and type are in the signature";
        let answer = self.send(body, content_type);
        let answer = answer.map_err(|why| Miss::fault(expected, why, Place::SignedUploads))?;
        if answer.status == 403 {
            return Ok(((), "403".into()));
        }
        let miss = Miss::fault(expected, answer.words(), Place::SignedUploads);
        Err(self.target.excused(Missing::Signatures, miss))
    }

    fn preflight(&self) -> Outcome<()> {
        let origin = self.target.stack.site_url.as_str();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(",");
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", names.as_str()),
        ];
        let answer = self.target.wire.send("OPTIONS", self.url, &headers, None);
        let expected = format!("a preflight that permits PUT from {origin}");
        let answer = answer.map_err(|why| Miss::fault(&expected, why, Place::UploadsCors))?;
        let allowed = answer.header("access-control-allow-origin");
        if answer.status == 200 && (allowed == "*" || allowed == origin) {
            return Ok(((), format!("from {allowed}")));
        }
        let came = format!(
            "{}, access-control-allow-origin: {allowed:?}",
            answer.words()
        );
        Err(Miss::fault(expected, came, Place::UploadsCors))
    }

    /// Which origins may read the answer.
    fn taken(&self, body: &[u8]) -> Outcome<String> {
        let answer = self.send(body, None);
        let answer = answer.map_err(|why| Miss::fault("200", why, Place::SignedUploads))?;
        if answer.status != 200 {
            return Err(Miss::fault("200", answer.words(), Place::SignedUploads));
        }
        let allowed = answer.header("access-control-allow-origin").to_owned();
        Ok((allowed, crate::ui::size(body.len() as u64)))
    }

    fn refused_again(&self, body: &[u8]) -> Outcome<()> {
        let other = vec![0; body.len()];
        let expected = "412: something is stored there already";
        let mut headers = self.headers.clone();
        // Who refuses may close the connection before all is sent: so ask first.
        headers.push(("expect", "100-continue"));
        let answer = self
            .target
            .wire
            .send("PUT", self.url, &headers, Some(&other));
        let answer = answer.map_err(|why| Miss::fault(expected, why, Place::SignedUploads))?;
        if answer.status == 412 {
            Ok(((), "412".into()))
        } else {
            Err(Miss::fault(expected, answer.words(), Place::SignedUploads))
        }
    }
}
