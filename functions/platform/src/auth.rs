//! Who may call: bearer tokens, compared with stored hashes.
//!
//! Only SHA-256 hashes are deployed, so neither the template nor the function's configuration
//! holds a secret. The comparison takes the same time wherever two values differ.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header::AUTHORIZATION};
use reelrun_media::encryption::SegmentKey;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    config::{self, ConfigError},
    problem::{Problem, ProblemKind},
};

/// The tokens that open the management calls.
#[derive(Clone)]
pub struct ApiTokens {
    hashes: Vec<[u8; 32]>,
}

impl ApiTokens {
    /// Reads `API_TOKEN_HASHES`: SHA-256 in hexadecimal, separated by commas.
    pub fn from_env() -> Result<Self, ConfigError> {
        const NAME: &str = "API_TOKEN_HASHES";
        Self::parse(&config::text(NAME)?).ok_or(ConfigError::Wrong {
            name: NAME,
            why: "it must be SHA-256 hashes of 64 hexadecimal digits, separated by commas".into(),
        })
    }

    /// Reads a list of hashes; `None` unless each is one.
    pub fn parse(list: &str) -> Option<Self> {
        let hashes = list.split(',').map(|hash| decode_hash(hash.trim()));
        Some(Self {
            hashes: hashes.collect::<Option<_>>()?,
        })
    }

    /// Whether this token's hash is one of ours.
    pub fn accepts(&self, token: &str) -> bool {
        let digest = Sha256::digest(token.as_bytes());
        // Every hash is looked at, so that time tells nothing about which one matched.
        self.hashes.iter().fold(false, |found, hash| {
            found | bool::from(hash.as_slice().ct_eq(digest.as_slice()))
        })
    }
}

/// Middleware: goes on only with a valid `Authorization: Bearer` header.
pub async fn require_token(
    State(tokens): State<ApiTokens>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match bearer_token(request.headers()) {
        Some(token) if tokens.accepts(token) => Ok(next.run(request).await),
        Some(_) => Err(Problem::new(
            ProblemKind::Unauthorized,
            "This API token is not valid.",
        )),
        None => Err(Problem::new(
            ProblemKind::Unauthorized,
            "Send an API token in the header `Authorization: Bearer <token>`.",
        )),
    }
}

/// The token in a request's `Authorization: Bearer` header.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A token that opens one upload, to be given to its client and kept nowhere.
pub fn new_token() -> String {
    // 244 bits of randomness.
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What a video's segments are encrypted with.
pub fn new_segment_key() -> SegmentKey {
    // A UUID has fixed bits; the digest of a token's 244 random ones has none.
    let digest: [u8; 32] = Sha256::digest(new_token()).into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    SegmentKey::new(key)
}

/// SHA-256 in lowercase hexadecimal.
pub fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Whether a token is the one of this hash, as [`hash`] made it.
pub fn is_token_of(token: &str, token_hash: &str) -> bool {
    hash(token).as_bytes().ct_eq(token_hash.as_bytes()).into()
}

fn decode_hash(hexadecimal: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(hexadecimal, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH_OF_SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn only_the_token_of_a_stored_hash_is_accepted() {
        let tokens = ApiTokens::parse(&format!("{}, {HASH_OF_SECRET}", "0".repeat(64))).unwrap();
        assert!(tokens.accepts("secret"));
        for wrong in ["", "Secret", "secret ", HASH_OF_SECRET] {
            assert!(!tokens.accepts(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_list_with_anything_else_is_refused() {
        for wrong in [
            "",
            ",",
            "abc",
            &format!("{HASH_OF_SECRET},"),
            &"é".repeat(32),
            &"g".repeat(64),
        ] {
            assert!(ApiTokens::parse(wrong).is_none(), "{wrong}");
        }
    }
}
