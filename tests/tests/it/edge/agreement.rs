//! Three readers of tokens agree: ours, the edge's, and the `jsonwebtoken` crate.

use std::cell::OnceCell;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use proptest::{collection::vec, option, prelude::*};
use reelrun_core::{
    timestamp::Timestamp,
    token::{self, Audience, Claims, InvalidToken, LONGEST_TOKEN, PlaybackKeys},
    video::VideoId,
};
use reelrun_tests::edge::{Decision, Edge, Viewed};
use uuid::{Builder, Uuid};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

prop_compose! {
    fn claims()(
        random in any::<[u8; 10]>(),
        millis in 0..1_u64 << 48,
        is_play in any::<bool>(),
        expires in -3..4_i64,
        not_before in option::of(-3..4_i64),
        referrers in option::weighted(0.3, vec("[a-z]{1,9}(\\.[a-z]{1,9}){0,2}", 0..4)),
    ) -> Claims {
        let id: Uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        Claims {
            video: VideoId::new(id).unwrap(),
            audience: if is_play { Audience::Play } else { Audience::Original },
            expires_at: NOW.as_secs() + expires,
            not_before: not_before.map(|from| NOW.as_secs() + from),
            referrers,
        }
    }
}

fn keys(secret: &str) -> PlaybackKeys {
    format!("k1:{secret}").parse().unwrap()
}

thread_local! {
    static EDGE: OnceCell<Edge> = const { OnceCell::new() };
}

/// Whether the edge opens the video that a token is said to be for.
fn edge_opens(token: &str, secret: &str, claims: &Claims) -> bool {
    EDGE.with(|edge| {
        let edge = edge.get_or_init(|| Edge::playback(&[]));
        edge.store("key/k1", Some(secret));
        let file = match claims.audience {
            Audience::Play => "00001.m4s",
            Audience::Original => "original",
        };
        let uri = format!("/s/{token}/{}/{file}", claims.video);
        let viewed = Viewed {
            uri: &uri,
            host: "d1.cloudfront.net",
            referer: None,
        };
        match edge.ask(viewed, NOW) {
            Decision::Serve(_) | Decision::Call { .. } => true,
            Decision::Refuse(status) => {
                assert_eq!(status, 403);
                false
            }
        }
    })
}

fn is_now(claims: &Claims) -> bool {
    let now = NOW.as_secs();
    claims.expires_at > now && claims.not_before.is_none_or(|from| from <= now)
}

/// By the signature alone: the crate has a clock of its own.
fn theirs(token: &str, secret: &str) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(secret.as_bytes());
    let read = jsonwebtoken::decode::<Claims>(token, &key, &validation);
    read.ok().map(|token| token.claims)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_we_sign_all_read(claims in claims(), secret in "[A-Za-z0-9_-]{32,80}") {
        let token = token::sign(&claims, &keys(&secret));
        prop_assert!(token.len() <= LONGEST_TOKEN);
        prop_assert_eq!(theirs(&token, &secret), Some(claims.clone()));
        let read = token::verify(&token, &keys(&secret), NOW);
        prop_assert_eq!(read.ok(), is_now(&claims).then(|| claims.clone()));
        prop_assert_eq!(edge_opens(&token, &secret, &claims), is_now(&claims));
    }

    #[test]
    fn what_they_sign_we_read(claims in claims(), secret in "[A-Za-z0-9_-]{32,80}") {
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        let read = token::verify(&token, &keys(&secret), NOW);
        prop_assert_eq!(read.ok(), is_now(&claims).then(|| claims.clone()));
        prop_assert_eq!(edge_opens(&token, &secret, &claims), is_now(&claims));
    }

    /// Any other byte anywhere, or another key, and nobody takes it.
    #[test]
    fn a_token_that_was_touched_opens_nothing(
        claims in claims(),
        secret in "[A-Za-z0-9_-]{32,80}",
        at in any::<prop::sample::Index>(),
        byte in "[A-Za-z0-9_.-]",
    ) {
        let claims = Claims { expires_at: NOW.as_secs() + 1, not_before: None, ..claims };
        let mut token = token::sign(&claims, &keys(&secret));
        prop_assert!(edge_opens(&token, &secret, &claims));
        let other = format!("{secret}x");
        prop_assert!(!edge_opens(&token, &other, &claims));
        prop_assert_eq!(token::verify(&token, &keys(&other), NOW), Err(InvalidToken::Unsigned));
        let at = at.index(token.len());
        prop_assume!(token[at..=at] != byte);
        token.replace_range(at..=at, &byte);
        prop_assert!(token::verify(&token, &keys(&secret), NOW).is_err(), "{}", token);
        prop_assert!(!edge_opens(&token, &secret, &claims), "{}", token);
    }

    #[test]
    fn noise_opens_nothing(token in "\\PC{0,80}") {
        let claims = Claims {
            video: "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap(),
            audience: Audience::Play,
            expires_at: 0,
            not_before: None,
            referrers: None,
        };
        let secret = "s".repeat(32);
        prop_assert!(token::verify(&token, &keys(&secret), NOW).is_err());
        prop_assert!(!edge_opens(&token, &secret, &claims));
    }
}
