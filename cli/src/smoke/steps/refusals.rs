//! What the API refuses, and in which words.

use serde_json::{Value, json};

use super::super::place::Place;
use super::super::report::{Miss, Outcome};
use super::super::target::Target;
use super::super::wire::Answer;

/// An id that no video has.
const UNKNOWN: &str = "/videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";

/// Who asks.
#[derive(Clone, Copy)]
enum Token {
    None,
    Wrong,
    Ours,
}

/// A request that must be refused.
pub(super) struct Refusal {
    pub(super) what: &'static str,
    token: Token,
    asked: Asked,
    status: u16,
    /// Of the problem.
    kind: &'static str,
    field: Option<&'static str>,
}

enum Asked {
    Get(&'static str),
    Upload(String),
}

/// All of them; those that need to know how large a file may be only if it is known.
pub(super) fn all(largest: Option<u64>) -> Vec<Refusal> {
    let mut all = Vec::from(without_a_right());
    all.extend(what_is_not_there());
    all.extend(wrong_fields(largest));
    all
}

fn good() -> Value {
    json!({"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1000})
}

fn without_a_right() -> [Refusal; 3] {
    let refusal = |what, token, asked| Refusal {
        what,
        token,
        asked,
        status: 401,
        kind: "unauthorized",
        field: None,
    };
    let upload = || Asked::Upload(good().to_string());
    [
        refusal("no token, no upload", Token::None, upload()),
        refusal("a wrong token, no upload", Token::Wrong, upload()),
        refusal("no token, no library", Token::None, Asked::Get("/videos")),
    ]
}

fn what_is_not_there() -> [Refusal; 2] {
    [
        ("an unknown video", UNKNOWN),
        ("an unknown path", "/nothing-here"),
    ]
    .map(|(what, path)| Refusal {
        what,
        token: Token::None,
        asked: Asked::Get(path),
        status: 404,
        kind: "not-found",
        field: None,
    })
}

fn wrong_fields(largest: Option<u64>) -> Vec<Refusal> {
    let refusal = |what, body: String, status, kind, field| Refusal {
        what,
        token: Token::Ours,
        asked: Asked::Upload(body),
        status,
        kind,
        field,
    };
    let wrong = |what, field, value: Value, status, kind| {
        let mut body = good();
        body[field] = value;
        refusal(what, body.to_string(), status, kind, Some(field))
    };
    let (size, kind) = ("size_bytes", "type-not-allowed");
    let mut all = vec![
        refusal(
            "a body that is no JSON",
            "{".into(),
            400,
            "malformed-request",
            None,
        ),
        wrong("no size", size, Value::Null, 422, "invalid-field"),
        wrong(
            "an extension that is no video's",
            "filename",
            json!("a.exe"),
            415,
            kind,
        ),
        wrong(
            "a content type that is no video's",
            "content_type",
            json!("text/html"),
            415,
            kind,
        ),
    ];
    all.extend(largest.map(|largest| {
        let beyond = json!(largest + 1);
        wrong(
            "a file that is too large",
            size,
            beyond,
            413,
            "upload-too-large",
        )
    }));
    all
}

impl Refusal {
    /// Asks, and sees that it is refused.
    pub(super) fn check(&self, target: &Target<'_>) -> Outcome<()> {
        let token = match self.token {
            Token::None => None,
            Token::Wrong => Some("wrong"),
            Token::Ours => Some(target.api.token()),
        };
        let (answer, place) = match &self.asked {
            Asked::Get(path) => (target.call("GET", path, token, None)?, Place::Lookup),
            Asked::Upload(body) => {
                let answer = target.call("POST", "/uploads", token, Some(body))?;
                (answer, Place::Presign)
            }
        };
        // Should it be permitted after all, the video goes with the others.
        if let Some(id) = answer.json()["video_id"].as_str() {
            target.note(id);
        }
        match self.fault(&answer) {
            None => Ok(((), format!("{} {}", self.status, self.kind))),
            Some(came) => {
                let expected = format!("{} and a problem {}", self.status, self.kind);
                Err(Miss::fault(expected, came, place))
            }
        }
    }

    /// What is wrong with an answer.
    fn fault(&self, answer: &Answer) -> Option<String> {
        if answer.status != self.status {
            return Some(answer.words());
        }
        let format = answer.header("content-type");
        if format != "application/problem+json" {
            return Some(format!("{} in the format {format:?}", answer.status));
        }
        problem_fault(&answer.json(), self.status, self.kind, self.field)
    }
}

/// What is wrong with a problem document.
fn problem_fault(problem: &Value, status: u16, kind: &str, field: Option<&str>) -> Option<String> {
    if problem["type"] != format!("urn:reelrun:problem:{kind}") {
        return Some(format!("the type {}", problem["type"]));
    }
    if problem["status"] != status {
        return Some(format!("the status {} in it", problem["status"]));
    }
    if let Some(field) = field.filter(|field| problem["field"] != **field) {
        return Some(format!("the field {} instead of {field}", problem["field"]));
    }
    ["title", "detail", "request_id"]
        .into_iter()
        .find(|name| problem[*name].as_str().is_none_or(str::is_empty))
        .map(|name| format!("no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_complete_or_says_what_it_lacks() {
        let good = json!({
            "type": "urn:reelrun:problem:invalid-field", "status": 422, "title": "t", "detail": "d",
            "request_id": "r", "field": "size_bytes"
        });
        let fault =
            |problem: &Value| problem_fault(problem, 422, "invalid-field", Some("size_bytes"));
        assert_eq!(fault(&good), None);
        for name in ["type", "status", "title", "detail", "request_id", "field"] {
            let mut bad = good.clone();
            bad[name] = Value::Null;
            assert!(fault(&bad).is_some_and(|why| why.contains(name)), "{name}");
        }
    }

    #[test]
    fn each_status_that_the_api_promises_is_tried() {
        let mut statuses: Vec<_> = all(Some(5)).iter().map(|one| one.status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!(statuses, [400, 401, 404, 413, 415, 422]);
        assert_eq!(all(None).len() + 1, all(Some(5)).len());
    }
}
