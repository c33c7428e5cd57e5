//! What tokens are signed with.

use std::{fmt, str::FromStr};

/// A key, and the name by which a token says that it is the one.
#[derive(Clone, PartialEq, Eq)]
pub struct PlaybackKey {
    id: String,
    secret: String,
}

/// The keys in use, newest first. Two at a time let a key be replaced while tokens of the old one are
/// still out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybackKeys {
    newest: PlaybackKey,
    older: Vec<PlaybackKey>,
}

/// The text holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `name:secret`, separated by commas, the secret with at least {SHORTEST_SECRET} letters and digits"
)]
pub struct InvalidKeys;

/// 256 bits in hexadecimal are 64. Less than half of that can be guessed.
const SHORTEST_SECRET: usize = 32;
const LONGEST_ID: usize = 64;

impl PlaybackKey {
    /// The `kid` of its tokens.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// Never shows the secret.
impl fmt::Debug for PlaybackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlaybackKey").field(&self.id).finish()
    }
}

impl PlaybackKeys {
    /// The one that signs.
    pub fn newest(&self) -> &PlaybackKey {
        &self.newest
    }

    /// The key of this name.
    pub fn get(&self, id: &str) -> Option<&PlaybackKey> {
        self.iter().find(|key| key.id == id)
    }

    /// All, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &PlaybackKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

impl FromStr for PlaybackKey {
    type Err = InvalidKeys;
    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match text.split_once(':') {
            Some((id, secret))
                if (1..=LONGEST_ID).contains(&id.len())
                    && secret.len() >= SHORTEST_SECRET
                    && id.chars().all(is_plain)
                    && secret.chars().all(is_plain) =>
            {
                Ok(Self {
                    id: id.into(),
                    secret: secret.into(),
                })
            }
            _ => Err(InvalidKeys),
        }
    }
}

impl FromStr for PlaybackKeys {
    type Err = InvalidKeys;
    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let mut keys = text.split(',').map(str::parse);
        Ok(Self {
            newest: keys.next().ok_or(InvalidKeys)??,
            older: keys.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_never_shown() {
        let text = format!("b:{},a:{}", "2".repeat(64), "1".repeat(64));
        let keys: PlaybackKeys = text.parse().unwrap();
        assert_eq!(keys.newest().id(), "b");
        assert_eq!(keys.get("a").unwrap().secret(), "1".repeat(64));
        assert_eq!(keys.get("c"), None);
        let shown = format!("{keys:?}");
        assert!(!shown.contains("11") && !shown.contains("22"), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let secret = "1".repeat(64);
        for wrong in [
            String::new(),
            "a".into(),
            "a:short".into(),
            format!(":{secret}"),
            format!("a:{secret},"),
            format!("a/b:{secret}"),
            format!("a:{secret} "),
        ] {
            assert_eq!(wrong.parse::<PlaybackKeys>(), Err(InvalidKeys), "{wrong}");
        }
    }
}
