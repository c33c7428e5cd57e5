//! How the proxy changes the heads of requests and answers; pure, so it can be tested in words.
//!
//! Bodies pass through as they are. Each connection carries one request, which `Connection: close`
//! says to both sides, so no body needs to be measured.

use super::edge::{self, Edge};
use super::emulator::SECRET;

/// Longer heads are refused.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Headers that speak of one connection only.
const HOP_BY_HOP: [&str; 7] = [
    // The proxy's own word.
    "x-reelrun-secret",
    "connection",
    "keep-alive",
    "proxy-connection",
    "expect",
    "upgrade",
    "host",
];

/// Where the proxy finds a stack's parts in the emulator.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    /// `127.0.0.1:<port>` of the emulator.
    pub(crate) authority: String,
    /// Who does the work of API Gateway and the CDN.
    pub(crate) edge: Edge,
    /// What the proxy answers at [`INSTANCE`].
    pub(crate) instance: String,
    /// By which the emulator knows that the proxy asks.
    pub(crate) secret: String,
}

/// Answered by the proxy itself: which stack it belongs to.
pub(crate) const INSTANCE: &str = "/.reelrun-instance";

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send this head, then the body, to the emulator.
    Forward {
        head: Vec<u8>,
        expects_continue: bool,
    },
    /// Do what API Gateway or the CDN would.
    Serve(edge::Wanted),
    /// Answer with the instance.
    Instance,
    /// Answer a browser's question whether a page of another origin may call the API. API Gateway
    /// passes these to the function; the emulator answers them all with 403.
    Preflight,
    /// Not HTTP as the proxy knows it.
    Refuse(&'static str),
    /// Asked by a page that is not of this machine, or for what is not the proxy's to give.
    Forbid(&'static str),
}

/// Decides about a request by its head, the closing empty line included.
pub(crate) fn judge(head: &[u8], upstream: &Upstream) -> Verdict {
    let Ok(text) = std::str::from_utf8(head) else {
        return Verdict::Refuse("the request's head is not text");
    };
    if !is_plain(text) {
        return Verdict::Refuse("the request's head has characters that heads may not have");
    }
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Verdict::Refuse("the request's first line is not one of HTTP");
    };
    if !version.starts_with("HTTP/1.") {
        return Verdict::Refuse("only HTTP/1 is spoken here");
    }
    let Some(path) = path_of(target) else {
        return Verdict::Refuse("the request names no path");
    };
    let fields = Fields::of(text);
    if let Err(why) = fields.check_asker(path) {
        return Verdict::Forbid(why);
    }
    if path == INSTANCE {
        return Verdict::Instance;
    }
    let api_path = api_path(path);
    if api_path.is_none() && !is_for_viewers(method, path) {
        return Verdict::Forbid("viewers may read what is published here, and nothing else");
    }
    let (api_id, cdn_host) = match &upstream.edge {
        Edge::Emulators { api_id, cdn_host } => (api_id, cdn_host),
        Edge::Ours(origins) => {
            let head = edge::Head {
                method,
                target: api_path.as_deref().unwrap_or(path),
                fields: &fields.0,
            };
            return Verdict::Serve(match api_path {
                Some(_) => edge::of_the_api(head, origins),
                None => edge::of_the_cdn(head, origins, &upstream.authority),
            });
        }
    };
    let is_lookup = api_path.is_none() && edge::is_lookup(path);
    if (api_path.is_some() || is_lookup) && method == "OPTIONS" {
        return Verdict::Preflight;
    }

    let (target, host) = match &api_path {
        Some(rest) => (
            format!("/_aws/execute-api/{api_id}/$default{rest}"),
            &upstream.authority,
        ),
        None => (path.to_owned(), cdn_host),
    };
    let mut forward = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    let mut expects_continue = false;
    for line in lines.take_while(|line| !line.is_empty()) {
        let name = name_of(line);
        expects_continue |= name == "expect";
        // As CloudFront, which signs its own requests to storage, and passes a token on to the API.
        let replaced = api_path.is_none()
            && (name == "x-forwarded-proto" || (name == "authorization" && !is_lookup));
        if !replaced && !HOP_BY_HOP.contains(&name.as_str()) {
            forward.push_str(line);
            forward.push_str("\r\n");
        }
    }
    if api_path.is_none() {
        // How the emulator's CDN recognises a viewer that came by TLS.
        forward.push_str("X-Forwarded-Proto: https\r\n");
    }
    forward.push_str(SECRET);
    forward.push_str(": ");
    forward.push_str(&upstream.secret);
    forward.push_str("\r\nConnection: close\r\n\r\n");
    Verdict::Forward {
        head: forward.into_bytes(),
        expects_continue,
    }
}

/// Whether whoever reads this head next finds the same lines in it: some take a lone line feed for the
/// end of a line, and what follows for another request.
fn is_plain(head: &str) -> bool {
    let is_control = |c: char| c.is_control() && c != '\t';
    let is_name = |name: &str| {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !name.is_empty() && name.bytes().all(is_token)
    };
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    !first.contains(char::is_control)
        && lines.take_while(|line| !line.is_empty()).all(|line| {
            let name = line.split_once(':').map_or("", |(name, _)| name);
            is_name(name) && !line.contains(is_control)
        })
}

/// What a request says of who asks.
struct Fields<'a>(Vec<(String, &'a str)>);

impl<'a> Fields<'a> {
    fn of(head: &'a str) -> Self {
        let lines = head
            .split("\r\n")
            .skip(1)
            .take_while(|line| !line.is_empty());
        Self(
            lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let mut fields = self.0.iter();
        fields.find_map(|(known, value)| (known == name).then_some(*value))
    }

    /// The stack is for this machine: pages of others, which any browser shows, may link here and
    /// nothing more. Other pages of this machine may be a product that is being built on the stack.
    fn check_asker(&self, path: &str) -> Result<(), &'static str> {
        if !self.get("host").is_none_or(is_here) {
            // A name of somebody else's that leads here (DNS rebinding).
            return Err("this host name is not one of this machine; ask 127.0.0.1 or localhost");
        }
        let page = match self.get("origin") {
            // A video that is opened by itself: the browser's own page around it is in the sandbox that
            // the CDN's policy makes, and has no origin.
            Some("null")
                if ["/uploads/", "/videos/"]
                    .iter()
                    .any(|it| path.starts_with(it)) =>
            {
                None
            }
            Some(origin) => Some(origin),
            // Pictures, scripts and the like name no origin.
            None if self.get("sec-fetch-site") == Some("cross-site")
                && self.get("sec-fetch-mode") != Some("navigate") =>
            {
                Some(self.get("referer").unwrap_or_default())
            }
            None => None,
        };
        match page.map(|url| url.split_once("://").map_or("", |(_, rest)| rest)) {
            Some(rest) if !is_here(rest.split('/').next().unwrap_or_default()) => {
                Err("only pages of this machine may ask its local stack")
            }
            _ => Ok(()),
        }
    }
}

/// Whether a host, with or without a port, is this machine by its name.
fn is_here(authority: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) && !host.ends_with(':') => host,
        _ => authority,
    };
    let host = host.to_ascii_lowercase();
    ["127.0.0.1", "[::1]", "localhost"].contains(&host.as_str()) || host.ends_with(".localhost")
}

/// Whether a request is one that a CDN passes on. The emulator has addresses of its own below `/_`.
fn is_for_viewers(method: &str, path: &str) -> bool {
    let mut first = path.trim_start_matches('/').bytes();
    let is_own = match first.next() {
        Some(b'_') => true,
        Some(b'%') => first
            .take(2)
            .map(|byte| byte.to_ascii_lowercase())
            .eq(*b"5f"),
        _ => false,
    };
    ["GET", "HEAD", "OPTIONS"].contains(&method) && !is_own
}

/// The head of an answer as the client gets it, and whether another head follows (1xx).
pub(crate) fn answer(head: &[u8]) -> (Vec<u8>, bool) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status
        .split(' ')
        .nth(1)
        .is_some_and(|code| code.starts_with('1'))
    {
        return (head.to_vec(), true);
    }
    let mut out = format!("{status}\r\n");
    for line in lines.take_while(|line| !line.is_empty()) {
        if !["connection", "keep-alive"].contains(&name_of(line).as_str()) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str("Connection: close\r\n\r\n");
    (out.into_bytes(), false)
}

/// Where a head ends, the empty line included.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|start| start + 4)
}

/// The path and query of a request target, be it a path or a whole URL.
fn path_of(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let rest = target.strip_prefix("http://")?;
    Some(rest.find('/').map_or("/", |slash| &rest[slash..]))
}

/// What follows `/api`, if it is a path of the API; always with a slash first.
fn api_path(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/api")?;
    match rest.chars().next() {
        None => Some("/".to_owned()),
        Some('/') => Some(rest.to_owned()),
        Some('?') => Some(format!("/{rest}")),
        Some(_) => None,
    }
}

fn name_of(line: &str) -> String {
    line.split(':')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
