//! A CloudFront distribution with the template's behaviors: which object a request reads, and the headers
//! that its policies add. It caches nothing, and compresses nothing.

use std::fmt::Write as _;

use super::{Head, Origins};
use crate::stack::localstack::authorization;

/// What reaches storage of a viewer's request. The query does not.
const FORWARDED: [&str; 7] = [
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "user-agent",
];

/// Of an answer, what speaks of one connection, or only of storage.
const DROPPED: [&str; 5] = [
    "connection",
    "keep-alive",
    "server",
    "access-control-allow-origin",
    "vary",
];

/// A cache behavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    /// The page.
    Page,
    /// The page, in frames of any site.
    Embed,
    /// What is published of videos.
    Media,
    /// What was uploaded.
    Originals,
}

/// A request to storage, and what becomes of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::stack) struct Read {
    pub(super) head: Vec<u8>,
    behavior: Behavior,
    is_of_a_page: bool,
    is_head: bool,
}

/// Why a path is not read: a status, and words. No key has escapes, or dots for a folder; such a path
/// could be another's. What is private is read through the gate to it, which only a CDN has.
pub(super) fn refusal(head: Head<'_>) -> Option<(&'static str, &'static str)> {
    let (path, _) = head.parts();
    let is_disguised =
        path.contains('%') || path.split('/').any(|word| [".", ".."].contains(&word));
    let is_private = path
        .split('/')
        .any(|word| word.eq_ignore_ascii_case("private"));
    if is_disguised || is_private {
        return Some(("404 Not Found", "there is no such path"));
    }
    path.starts_with("/s/").then_some((
        "403 Forbidden",
        "private videos can't be watched on this emulator, which has no CDN to check tokens",
    ))
}

impl Read {
    /// What a request reads; `authority` is the emulator's.
    pub(super) fn of(head: Head<'_>, origins: &Origins, authority: &str) -> Self {
        let (path, _) = head.parts();
        let behavior = behavior(path);
        let bucket = match behavior {
            Behavior::Originals => &origins.uploads_bucket,
            _ => &origins.media_bucket,
        };
        let key = if path == "/" || is_page(path) {
            "/index.html"
        } else {
            path
        };
        let mut forward = format!(
            "{} /{bucket}{key} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {}\r\n",
            head.method,
            authorization(&origins.credentials, "s3")
        );
        for (name, value) in head.fields {
            if FORWARDED.contains(&name.as_str()) {
                let _ = write!(forward, "{name}: {value}\r\n");
            }
        }
        forward.push_str("Connection: close\r\n\r\n");
        Self {
            head: forward.into_bytes(),
            behavior,
            is_of_a_page: head.get("origin").is_some(),
            is_head: head.method == "HEAD",
        }
    }
}

fn behavior(path: &str) -> Behavior {
    [
        ("/embed/", Behavior::Embed),
        ("/videos/", Behavior::Media),
        ("/uploads/", Behavior::Originals),
    ]
    .into_iter()
    .find_map(|(prefix, behavior)| path.starts_with(prefix).then_some(behavior))
    .unwrap_or(Behavior::Page)
}

/// Whether the page shows what this address says: the template's function `Routes`.
fn is_page(path: &str) -> bool {
    let words: Vec<_> = path.trim_end_matches('/').split('/').collect();
    matches!(&words[..], ["", "watch" | "embed", id] if !id.is_empty())
}

/// An answer of storage's, as viewers get it.
pub(super) enum Delivered {
    /// This head, and the body as it is.
    Object(Vec<u8>),
    /// Storage says so of what is not there, to those who may not list it.
    Forbidden(Vec<u8>),
}

impl Read {
    /// What a viewer gets for this answer's head.
    pub(super) fn delivered(&self, head: &[u8]) -> Delivered {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let status = lines.next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("404") {
            let body: &[u8] = if self.is_head { b"" } else { FORBIDDEN };
            let mut answer = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n",
                FORBIDDEN.len()
            );
            self.complete(&mut answer);
            let mut answer = answer.into_bytes();
            answer.extend_from_slice(body);
            return Delivered::Forbidden(answer);
        }
        let own = self.behavior.headers();
        let is_replaced = |name: &str| {
            DROPPED.contains(&name)
                || own
                    .iter()
                    .any(|(known, _)| known.eq_ignore_ascii_case(name))
                || (self.behavior == Behavior::Originals
                    && ["content-language", "expires"].contains(&name))
        };
        let mut answer = format!("{status}\r\n");
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let (name, value) = (name.to_ascii_lowercase(), value.trim());
            if is_replaced(&name) {
                continue;
            }
            let is_other_type = self.behavior == Behavior::Originals
                && name == "content-type"
                && !is_original_type(value);
            let value = if is_other_type {
                "application/octet-stream"
            } else {
                value
            };
            let _ = write!(answer, "{name}: {value}\r\n");
        }
        self.complete(&mut answer);
        Delivered::Object(answer.into_bytes())
    }

    fn complete(&self, head: &mut String) {
        let mut field = |(name, value): &(&str, &str)| {
            let _ = write!(head, "{name}: {value}\r\n");
        };
        self.behavior.headers().iter().for_each(&mut field);
        if self.is_of_a_page && self.is_for_pages() {
            CORS.iter().for_each(&mut field);
        }
        field(&("Connection", "close"));
        head.push_str("\r\n");
    }

    fn is_for_pages(&self) -> bool {
        matches!(self.behavior, Behavior::Media | Behavior::Originals)
    }
}

/// A type of the template's function `OriginalTypes`.
fn is_original_type(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".+-".contains(c);
    value == "application/mxf"
        || value
            .strip_prefix("video/")
            .is_some_and(|kind| !kind.is_empty() && kind.chars().all(is_plain))
}

const FORBIDDEN: &[u8] =
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";

const CORS: [(&str, &str); 2] = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "Accept-Ranges, Content-Length, Content-Range, Date, ETag",
    ),
];

const NOSNIFF: (&str, &str) = ("X-Content-Type-Options", "nosniff");
const HSTS: (&str, &str) = ("Strict-Transport-Security", "max-age=31536000");
const CSP: &str = "Content-Security-Policy";
const REFERRER: &str = "Referrer-Policy";
const PERMISSIONS: (&str, &str) = (
    "Permissions-Policy",
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
);
const SANDBOX: (&str, &str) = (
    CSP,
    "sandbox; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

impl Behavior {
    /// The template's policy of response headers.
    fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Page => &[
                (
                    CSP,
                    "script-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                ),
                NOSNIFF,
                ("X-Frame-Options", "DENY"),
                (REFERRER, "strict-origin-when-cross-origin"),
                HSTS,
                ("Cross-Origin-Opener-Policy", "same-origin"),
                PERMISSIONS,
            ],
            Self::Embed => &[
                (
                    CSP,
                    "script-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'",
                ),
                NOSNIFF,
                (REFERRER, "strict-origin-when-cross-origin"),
                HSTS,
                PERMISSIONS,
            ],
            Self::Media => &[
                SANDBOX,
                NOSNIFF,
                (REFERRER, "no-referrer"),
                HSTS,
                ("Cross-Origin-Resource-Policy", "cross-origin"),
            ],
            Self::Originals => &[
                SANDBOX,
                NOSNIFF,
                (REFERRER, "no-referrer"),
                HSTS,
                ("Cache-Control", "no-cache"),
                ("Content-Disposition", "inline"),
                ("Cross-Origin-Resource-Policy", "cross-origin"),
            ],
        }
    }
}

#[cfg(test)]
mod tests;
