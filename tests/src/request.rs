//! HTTP requests as clients send them, and what is answered.

use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, http::Response};

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Whether this is the gateway's own answer, for a function that did not answer in time: what
    /// functions say is documented.
    pub fn is_of_a_busy_gateway(&self) -> bool {
        (502..=504).contains(&self.status)
            && self.header("content-type") != "application/problem+json"
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_mins(2)))
        .build()
        .into()
}

fn read(answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answer, ureq::Error> {
    let (parts, mut body) = answer?.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.with_config().limit(1 << 30).read_to_vec()?,
    })
}

/// Any request.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_send(method, url, headers, body).unwrap()
}

/// Any request, to who may be gone.
pub fn try_send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let has_no_body = body.is_empty() && ["GET", "DELETE"].contains(&method);
    if has_no_body {
        read(agent().run(request.body(()).unwrap()))
    } else {
        read(agent().run(request.body(body).unwrap()))
    }
}

/// A plain GET.
pub fn get(url: &str) -> Answer {
    send("GET", url, &[], &[])
}

/// A GET of a range of bytes.
pub fn get_range(url: &str, offset: u64, length: u64) -> Answer {
    let range = format!("bytes={offset}-{}", offset + length - 1);
    read(agent().get(url).header("range", range).call()).unwrap()
}

/// A PUT, as an upload's permission asks for it.
pub fn put(url: &str, content_type: &str, bytes: &[u8]) -> Answer {
    let headers = [("content-type", content_type), ("if-none-match", "*")];
    send("PUT", url, &headers, bytes)
}
