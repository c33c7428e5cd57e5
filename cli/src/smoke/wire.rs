//! HTTP as the checks speak it: every answer is an answer, and redirects are not followed.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use crate::http::cause;

/// For one answer, its body included.
const PATIENCE: Duration = Duration::from_mins(2);
/// For a connection.
const CONNECTED: Duration = Duration::from_secs(15);
/// The largest body that is read.
const LARGEST: u64 = 256 << 20;
/// How often a question is asked whose answer is lost on the way.
const TRIES: u32 = 3;

/// A client.
pub(super) struct Wire(Agent);

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A header's value; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The body as JSON; null if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// In words: the status, and what the body says of the reason.
    pub(super) fn words(&self) -> String {
        let json = self.json();
        let text = self.text();
        let within = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            rest.split_once("</").map(|(text, _)| text.to_owned())
        };
        let why = match (&json["title"], &json["detail"]) {
            (Value::String(title), Value::String(detail)) => {
                let request = json["request_id"].as_str();
                let request = request.map_or(String::new(), |id| format!(" (request_id {id})"));
                Some(format!("{title}: {detail}{request}"))
            }
            _ => within("Code").map(|code| match within("Message") {
                Some(message) => format!("{code}: {message}"),
                None => code,
            }),
        };
        match why {
            Some(why) => format!("{} {why}", self.status),
            None => self.status.to_string(),
        }
    }
}

impl Wire {
    /// A client of a stack; `local` ones never go through a proxy.
    pub(super) fn new(local: bool) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECTED))
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("reelrun-smoke/", env!("CARGO_PKG_VERSION")));
        if local {
            config = config.proxy(None);
        }
        Self(config.build().into())
    }

    /// Sends a request. The error says why there is no answer.
    pub(super) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let is_question = ["GET", "HEAD", "OPTIONS"].contains(&method);
        let mut left = if is_question { TRIES } else { 1 };
        loop {
            let why = match self.once(method, url, headers, body) {
                Ok(answer) => return Ok(answer),
                Err(why) => why,
            };
            left -= 1;
            if left == 0 {
                return Err(format!("no answer: {why}"));
            }
        }
    }

    fn once(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => request.body(body).map(|request| self.0.run(request)),
            None => request.body(()).map(|request| self.0.run(request)),
        };
        let answer = sent.map_err(|why| why.to_string())?;
        let (parts, mut body) = answer.map_err(|why| cause(&why))?.into_parts();
        let body = body.with_config().limit(LARGEST).read_to_vec();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.map_err(|why| cause(&why))?,
        })
    }

    /// A GET.
    pub(super) fn get(&self, url: &str) -> Result<Answer, String> {
        self.send("GET", url, &[], None)
    }
}

/// A URL without what may be a permission in it.
pub(super) fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}
