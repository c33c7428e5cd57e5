//! What playback tokens of private videos are signed with: made here, and given to those who sign (the
//! stack's functions, as a parameter that nobody is shown) and to those who verify (the edge's store).

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::secret;

/// Which of the keys in a store signs.
pub(crate) const NEWEST: &str = "newest";
/// What the names of keys begin with, so that a token can't name another entry for its key.
const PREFIX: &str = "key/";

/// A key, by its name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlaybackKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// The keys in use, newest first: one, or two for as long as tokens of the older one may be out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PlaybackKeys(Vec<PlaybackKey>);

/// Never shows the secret.
impl fmt::Debug for PlaybackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlaybackKey").field(&self.id).finish()
    }
}

impl PlaybackKeys {
    /// A first key, with 256 bits from the operating system.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(vec![PlaybackKey {
            id: secret::random_hex::<4>()?,
            secret: secret::random_hex::<32>()?,
        }]))
    }

    /// A new key before the newest of these. Any older one is retired.
    pub(crate) fn renewed(self) -> Result<Self> {
        let mut keys = Self::new()?;
        keys.0.extend(self.0.into_iter().take(1));
        Ok(keys)
    }

    /// As the template's parameter has it.
    pub(crate) fn parameter(&self) -> String {
        let keys: Vec<_> = self
            .0
            .iter()
            .map(|key| format!("{}:{}", key.id, key.secret))
            .collect();
        keys.join(",")
    }

    /// What the edge's store holds.
    pub(crate) fn entries(&self, media_host: Option<&str>) -> BTreeMap<String, String> {
        let keys = self.0.iter();
        let mut entries: BTreeMap<_, _> = keys
            .map(|key| (format!("{PREFIX}{}", key.id), key.secret.clone()))
            .collect();
        entries.extend(
            self.0
                .first()
                .map(|key| (NEWEST.to_owned(), key.id.clone())),
        );
        entries.extend(media_host.map(|host| ("media-host".to_owned(), host.to_owned())));
        entries
    }

    /// The keys among a store's entries, if there are any.
    pub(crate) fn of(entries: &BTreeMap<String, String>) -> Option<Self> {
        let newest = entries.get(NEWEST);
        let keys = entries.iter().filter_map(|(name, secret)| {
            let id = name.strip_prefix(PREFIX)?.to_owned();
            let secret = secret.clone();
            Some(PlaybackKey { id, secret })
        });
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|key| Some(&key.id) != newest);
        (!keys.is_empty()).then_some(Self(keys))
    }
}

/// The host that serves media alone, if the page has another.
pub(crate) fn media_host<'a>(media_url: &'a str, page_url: &str) -> Option<&'a str> {
    let (_, host) = media_url.split_once("://")?;
    (media_url != page_url).then_some(host)
}

/// Refuses what only the command may set.
pub(crate) fn refuse_parameter(parameters: &[(String, String)]) -> Result<()> {
    if parameters.iter().any(|(name, _)| name == "PlaybackKeys") {
        bail!(
            "PlaybackKeys is set by this command, which stores the same keys at the edge; \
             --new-playback-key makes a new one"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_comes_first_and_a_third_one_is_retired() {
        let first = PlaybackKeys::new().expect("key");
        let second = first.clone().renewed().expect("key");
        let third = second.clone().renewed().expect("key");
        assert_eq!(second.0[1], first.0[0]);
        assert_eq!(third.0[1..], second.0[..1]);
        let parameter = second.parameter();
        assert!(parameter.ends_with(&first.parameter()), "two, newest first");
        assert!(!format!("{second:?}").contains(&second.0[0].secret));
    }

    #[test]
    fn what_is_stored_reads_back() {
        let keys = PlaybackKeys::new()
            .and_then(PlaybackKeys::renewed)
            .expect("keys");
        let entries = keys.entries(Some("media.example.com"));
        assert_eq!(entries["media-host"], "media.example.com");
        assert_eq!(PlaybackKeys::of(&entries), Some(keys));
        assert_eq!(PlaybackKeys::of(&BTreeMap::new()), None);
    }

    #[test]
    fn media_have_a_host_if_the_page_has_another() {
        let page = "https://video.example.com";
        assert_eq!(media_host(page, page), None);
        assert_eq!(
            media_host("https://media.example.com", page),
            Some("media.example.com")
        );
    }
}
