//! Playback tokens: who may watch a private video, and until when.
//!
//! A token is a JWT (RFC 7519) that is signed with HMAC-SHA256, because the edge, which reads most of
//! them, has nothing else. Whoever has a key can make tokens without asking anybody. `infra/edge` reads
//! the same tokens in another language; tests hold the two to each other and to a third reader.

mod keys;
pub mod request;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;
use utoipa::ToSchema;

pub use self::keys::{InvalidKeys, PlaybackKey, PlaybackKeys};
use crate::{timestamp::Timestamp, video::VideoId};

/// Longer tokens open nothing. They are part of every URL of a video.
pub const LONGEST_TOKEN: usize = 1024;

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TokenAudience)]
pub enum Audience {
    /// Everything but the uploaded file.
    Play,
    /// The uploaded file, and nothing else.
    Original,
}

/// What a token says. Claims that are not of these are nobody's business here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The video.
    #[serde(rename = "sub")]
    pub video: VideoId,
    /// What of it.
    #[serde(rename = "aud")]
    pub audience: Audience,
    /// From when on it opens nothing any more, in seconds since 1970.
    #[serde(rename = "exp")]
    pub expires_at: i64,
    /// Until when it opens nothing yet.
    #[serde(rename = "nbf", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// The domains whose pages, and those of their subdomains, may ask for playlists; any, if there are none.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub referrers: Option<Vec<String>>,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It is not a token as we make them.
    #[error("not a playback token")]
    Malformed,
    /// No key of ours has signed it.
    #[error("not signed with a key that is in use")]
    Unsigned,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come.
    #[error("not valid yet")]
    NotYetValid,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: Algorithm,
    kid: String,
    /// For readers that ask; none of ours does.
    #[serde(default)]
    typ: Option<String>,
    /// Extensions that a reader has to know (RFC 7515, §4.1.11). We know none.
    #[serde(default, skip_serializing)]
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Serialize, Deserialize)]
enum Algorithm {
    #[serde(rename = "HS256")]
    HmacSha256,
}

/// Makes a token, with the newest key.
pub fn sign(claims: &Claims, keys: &PlaybackKeys) -> String {
    let key = keys.newest();
    let header = Header {
        alg: Algorithm::HmacSha256,
        kid: key.id().to_owned(),
        typ: Some("JWT".into()),
        crit: None,
    };
    let text = format!("{}.{}", to_part(&header), to_part(claims));
    let signature = signature(key, &text).finalize().into_bytes();
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// Reads a token that one of the keys has signed, if its time has come and is not over.
pub fn verify(token: &str, keys: &PlaybackKeys, now: Timestamp) -> Result<Claims, InvalidToken> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signed), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(InvalidToken::Malformed);
    };
    if token.len() > LONGEST_TOKEN {
        return Err(InvalidToken::Malformed);
    }
    let known: Header = from_part(header)?;
    if known.crit.is_some() {
        return Err(InvalidToken::Malformed);
    }
    let key = keys.get(&known.kid).ok_or(InvalidToken::Unsigned)?;
    let signed = BASE64_URL_SAFE_NO_PAD
        .decode(signed)
        .map_err(|_| InvalidToken::Malformed)?;
    // Takes as long wherever the two differ.
    signature(key, &token[..=header.len() + payload.len()])
        .verify_slice(&signed)
        .map_err(|_| InvalidToken::Unsigned)?;
    let claims: Claims = from_part(payload)?;
    let now = now.as_secs();
    if claims.expires_at <= now {
        return Err(InvalidToken::Expired);
    }
    if claims.not_before.is_some_and(|from| from > now) {
        return Err(InvalidToken::NotYetValid);
    }
    Ok(claims)
}

fn signature(key: &PlaybackKey, text: &str) -> Hmac<Sha256> {
    // The key is the text itself, not what it may be hexadecimal for: so every JWT library takes it.
    let mut mac = match Hmac::<Sha256>::new_from_slice(key.secret().as_bytes()) {
        Ok(mac) => mac,
        Err(never) => unreachable!("HMAC takes keys of any length: {never}"),
    };
    mac.update(text.as_bytes());
    mac
}

fn to_part(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

fn from_part<T: DeserializeOwned>(part: &str) -> Result<T, InvalidToken> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part);
    let json = json.map_err(|_| InvalidToken::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| InvalidToken::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn keys(text: &str) -> PlaybackKeys {
        text.parse().unwrap()
    }

    fn ring() -> PlaybackKeys {
        keys(&format!("new:{},old:{}", "a1".repeat(32), "b2".repeat(32)))
    }

    fn claims() -> Claims {
        Claims {
            video: "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap(),
            audience: Audience::Play,
            expires_at: NOW.as_secs() + 1,
            not_before: None,
            referrers: None,
        }
    }

    #[test]
    fn a_token_is_a_jwt_that_says_no_more_than_it_must() {
        let token = sign(&claims(), &ring());
        let said: Vec<_> = token
            .split('.')
            .take(2)
            .map(|part| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        {"alg":"HS256","kid":"new","typ":"JWT"}
        {"sub":"01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e","aud":"play","exp":1795000001}
        "#);
        assert_eq!(verify(&token, &ring(), NOW), Ok(claims()));
    }

    #[test]
    fn two_keys_are_valid_at_once_and_a_retired_one_is_not() {
        let old = sign(&claims(), &keys(&format!("old:{}", "b2".repeat(32))));
        assert_eq!(verify(&old, &ring(), NOW), Ok(claims()));
        let only_new = keys(&format!("new:{}", "a1".repeat(32)));
        assert_eq!(verify(&old, &only_new, NOW), Err(InvalidToken::Unsigned));
        // Of the same name, and another.
        let other = keys(&format!("old:{}", "c3".repeat(32)));
        assert_eq!(verify(&old, &other, NOW), Err(InvalidToken::Unsigned));
    }

    #[test]
    fn a_token_has_its_time() {
        let of = |expires_at, not_before| {
            let (expires_at, not_before) =
                (expires_at + NOW.as_secs(), Some(not_before + NOW.as_secs()));
            let claims = Claims {
                expires_at,
                not_before,
                ..claims()
            };
            verify(&sign(&claims, &ring()), &ring(), NOW).map(drop)
        };
        assert_eq!(of(1, 0), Ok(()));
        assert_eq!(of(0, -9), Err(InvalidToken::Expired));
        assert_eq!(of(9, 1), Err(InvalidToken::NotYetValid));
    }

    #[test]
    fn a_token_that_is_too_long_opens_nothing() {
        let long = Claims {
            referrers: Some(vec!["x".repeat(LONGEST_TOKEN)]),
            ..claims()
        };
        let token = sign(&long, &ring());
        assert_eq!(verify(&token, &ring(), NOW), Err(InvalidToken::Malformed));
    }
}
