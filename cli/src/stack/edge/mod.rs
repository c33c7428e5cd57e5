//! What API Gateway and the CDN do on AWS, for emulators that have neither.
//!
//! `api` makes an event of a request, and an answer of what the function says; `cdn` says what is read from
//! storage for a request, and which headers an answer gets. Both are pure; `serve` asks the emulator.

pub(super) mod api;
pub(super) mod cdn;
pub(super) mod serve;

use std::time::{SystemTime, UNIX_EPOCH};

use self::api::{Call, NoCall};
use self::cdn::Read;
use crate::sam::Credentials;
use crate::secret;

/// Who does the work of API Gateway and the CDN.
#[derive(Clone, Debug)]
pub(crate) enum Edge {
    /// The emulator, which tells them apart by these.
    Emulators {
        /// Id of the HTTP API.
        api_id: String,
        /// Host name of the distribution.
        cdn_host: String,
    },
    /// The proxy.
    Ours(Origins),
}

/// What is behind the edge.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    pub(crate) presign_function: String,
    pub(crate) lookup_function: String,
    pub(crate) media_bucket: String,
    pub(crate) uploads_bucket: String,
    pub(crate) credentials: Credentials,
}

/// A request's head, taken apart. Names of fields are lowercase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    /// The path and the query.
    pub(super) target: &'a str,
    pub(super) fields: &'a [(String, &'a str)],
}

impl<'a> Head<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(known, value)| (known == name).then_some(*value))
    }

    /// The path, and the query or nothing.
    fn parts(&self) -> (&'a str, &'a str) {
        self.target.split_once('?').unwrap_or((self.target, ""))
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What a function returns.
    Call(Box<Call>),
    /// An object.
    Object(Read),
    /// Whether a page of another origin may read what is published.
    Preflight,
    /// Nothing, for this reason: a status, and words.
    Nothing(&'static str, &'static str),
}

/// Whether the CDN asks the API: for what is said of one video, or for the API's document.
pub(super) fn is_lookup(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let id = path.strip_prefix("/videos/").unwrap_or_default();
    let is_dash = |(at, byte)| (byte == b'-') == [8, 13, 18, 23].contains(&at);
    path == "/openapi.json" || (id.len() == 36 && id.bytes().enumerate().all(is_dash))
}

/// What a request to the API asks for.
pub(super) fn of_the_api(head: Head<'_>, origins: &Origins) -> Wanted {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis());
    let Ok(request_id) = secret::random_hex::<8>() else {
        return Wanted::Nothing("503 Service Unavailable", "there is no randomness");
    };
    match Call::of(head, origins, request_id, now) {
        Ok(call) => Wanted::Call(Box::new(call)),
        Err(NoCall::LengthRequired) => {
            Wanted::Nothing("411 Length Required", "say how long the body is")
        }
        Err(NoCall::TooLarge) => Wanted::Nothing("413 Content Too Large", "the body is too large"),
    }
}

/// What a viewer's request asks for; `authority` is the emulator's.
pub(super) fn of_the_cdn(head: Head<'_>, origins: &Origins, authority: &str) -> Wanted {
    if let Some((status, why)) = cdn::refusal(head) {
        return Wanted::Nothing(status, why);
    }
    if is_lookup(head.target) {
        // Of a request, the token and nothing else reaches the API.
        let fields = head.fields.iter();
        let fields: Vec<_> = fields
            .filter(|(name, _)| name == "authorization")
            .cloned()
            .collect();
        let (path, _) = head.parts();
        return of_the_api(
            Head {
                target: path,
                fields: &fields,
                ..head
            },
            origins,
        );
    }
    if head.method == "OPTIONS" {
        return Wanted::Preflight;
    }
    Wanted::Object(Read::of(head, origins, authority))
}
