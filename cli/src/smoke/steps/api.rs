//! What the API answers before anything is uploaded.

use anyhow::Result;
use serde_json::json;

use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::Target;
use super::refusals;

/// Whether the API answers at all.
pub(in super::super) fn check(target: &Target<'_>, report: &mut Report) -> Result<bool> {
    let reached = report.check("the API answers", || {
        let url = format!("{}/health", target.stack.api_url);
        let answer = target.wire.get(&url);
        let answer = answer.map_err(|why| Miss::fault("an answer", why, Place::Api))?;
        Ok(((), answer.status.to_string()))
    })?;
    if reached.is_none() {
        return Ok(false);
    }
    report.check("the service says that it works", || {
        let answer = target.call("GET", "/health", None, None)?;
        if answer.status == 200 && answer.json()["status"] == "ok" {
            Ok(((), "200".into()))
        } else {
            let expected = "200 {\"status\": \"ok\"}";
            Err(Miss::fault(expected, answer.words(), Place::Lookup))
        }
    })?;
    let limits = report.check("it says what may be uploaded", || limits(target))?;
    report.check("it describes itself (OpenAPI)", || described(target))?;
    for refusal in refusals::all(limits) {
        report.check(refusal.what, || refusal.check(target))?;
    }
    report.check("a repeated request makes one video", || repeated(target))?;
    for (path, method) in [("/uploads", "POST"), ("/videos", "GET")] {
        report.check(
            format!("pages of other sites may call {method} {path}"),
            || preflight(target, path, method),
        )?;
    }
    Ok(true)
}

/// The largest file that may be uploaded.
fn limits(target: &Target<'_>) -> Outcome<u64> {
    let answer = target.call("GET", "/limits", None, None)?;
    let json = answer.json();
    let takes_mp4 = json["accepted"]
        .as_array()
        .is_some_and(|accepted| accepted.iter().any(|one| one["extension"] == "mp4"));
    match json["max_upload_bytes"].as_u64() {
        Some(most) if takes_mp4 => Ok((most, format!("up to {}", crate::ui::size(most)))),
        _ => Err(Miss::fault(
            "max_upload_bytes, and mp4 among the accepted types",
            answer.words(),
            Place::Presign,
        )),
    }
}

fn described(target: &Target<'_>) -> Outcome<()> {
    let answer = target.call("GET", "/openapi.json", None, None)?;
    let json = answer.json();
    let paths = json["paths"].as_object();
    match (json["openapi"].as_str(), paths) {
        (Some(version), Some(paths)) if paths.contains_key("/uploads") => {
            Ok(((), format!("{version}, {} paths", paths.len())))
        }
        _ => Err(Miss::fault(
            "a document with the path /uploads",
            answer.words(),
            Place::Lookup,
        )),
    }
}

/// A client whose answer was lost asks again.
fn repeated(target: &Target<'_>) -> Outcome<()> {
    let body = json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1000});
    let authorization = format!("Bearer {}", target.api.token());
    let key = format!(
        "smoke-{}-{:?}",
        std::process::id(),
        std::time::SystemTime::now()
    );
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", &key),
    ];
    let url = format!("{}/uploads", target.stack.api_url);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = target
            .wire
            .send("POST", &url, &headers, Some(body.to_string().as_bytes()))
            .map_err(|why| Miss::fault("201", why, Place::Presign))?;
        let Some(id) = answer.json()["video_id"].as_str().map(ToOwned::to_owned) else {
            return Err(Miss::fault("201", answer.words(), Place::Presign));
        };
        target.note(&id);
        ids.push(id);
    }
    if ids[0] == ids[1] {
        Ok(((), "one id for one Idempotency-Key".into()))
    } else {
        Err(Miss::fault(
            "the same video_id twice",
            ids.join(" and "),
            Place::Presign,
        ))
    }
}

fn preflight(target: &Target<'_>, path: &str, method: &str) -> Outcome<()> {
    let headers = [
        ("origin", target.foreign_origin()),
        ("access-control-request-method", method),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let url = format!("{}{path}", target.stack.api_url);
    let answer = target.wire.send("OPTIONS", &url, &headers, None);
    let answer = answer.map_err(|why| Miss::fault("an answer", why, Place::ApiCors))?;
    let permits = |name: &str, wanted: &str| {
        let parts = answer.header(name).split(',').map(str::trim);
        parts
            .map(str::to_ascii_lowercase)
            .any(|part| part == wanted || part == "*")
    };
    let is_good = (200..300).contains(&answer.status)
        && permits("access-control-allow-origin", target.foreign_origin())
        && permits("access-control-allow-methods", &method.to_ascii_lowercase())
        && permits("access-control-allow-headers", "authorization");
    if is_good {
        return Ok(((), format!("{} to a preflight", answer.status)));
    }
    let came = format!(
        "{} with access-control-allow-origin {:?}, -methods {:?}, -headers {:?}",
        answer.status,
        answer.header("access-control-allow-origin"),
        answer.header("access-control-allow-methods"),
        answer.header("access-control-allow-headers"),
    );
    let expected = format!("a preflight that permits {method} with Authorization from any site");
    Err(Miss::fault(expected, came, Place::ApiCors))
}
