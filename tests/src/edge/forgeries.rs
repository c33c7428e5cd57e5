//! Requests that must open nothing, for somebody who has one good token and knows everything but the
//! keys.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reelrun_core::{
    timestamp::Timestamp,
    token::{self, Audience, Claims, PlaybackKeys},
    video::VideoId,
};
use serde_json::{Value, json};
use sha2::Sha256;

/// A request that must open nothing.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// What is tried.
    pub name: &'static str,
    /// The path, as it is sent.
    pub path: String,
    /// The `Referer` header.
    pub referer: Option<&'static str>,
}

/// What an attacker works with.
#[derive(Debug, Clone)]
pub struct Victim<'a> {
    /// A private video.
    pub video: VideoId,
    /// Another one.
    pub other: VideoId,
    /// The keys in use: only for tokens that are made to be refused for another reason.
    pub keys: &'a PlaybackKeys,
    /// The time.
    pub now: Timestamp,
}

/// All that is tried on a video.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn forgeries(victim: &Victim<'_>) -> Vec<Forgery> {
    let Victim {
        video,
        other,
        keys,
        now,
    } = victim;
    let now = now.as_secs();
    let claims = Claims {
        video: *video,
        audience: Audience::Play,
        expires_at: now + 3600,
        not_before: None,
        referrers: None,
    };
    let sign = |claims: &Claims| token::sign(claims, keys);
    let good = sign(&claims);
    let (text, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = text.split_once('.').unwrap();
    let original = sign(&Claims {
        audience: Audience::Original,
        ..claims.clone()
    });
    let expired = sign(&Claims {
        expires_at: now,
        ..claims.clone()
    });
    let early = sign(&Claims {
        not_before: Some(now + 60),
        ..claims.clone()
    });
    let of_other = sign(&Claims {
        video: *other,
        ..claims.clone()
    });
    let referred = sign(&Claims {
        referrers: Some(vec!["example.com".into()]),
        ..claims.clone()
    });
    let nobody = sign(&Claims {
        referrers: Some(Vec::new()),
        ..claims.clone()
    });
    let oversized = sign(&Claims {
        referrers: Some(vec!["x".repeat(1024)]),
        ..claims.clone()
    });
    let strange: PlaybackKeys = format!("{}:{}", keys.newest().id(), "0".repeat(64))
        .parse()
        .unwrap();
    let unknown: PlaybackKeys = format!("unknown:{}", keys.newest().secret())
        .parse()
        .unwrap();
    let said = json!(claims);
    let with = |name: &str, value: Value| {
        let mut said = said.clone();
        said[name] = value;
        part(&said)
    };
    let known = json!({"alg": "HS256", "kid": keys.newest().id()});
    let heading = |name: &str, value: Value| {
        let mut known = known.clone();
        known[name] = value;
        part(&known)
    };
    let signed = |header: &str, payload: &str| {
        let text = format!("{header}.{payload}");
        format!("{text}.{}", hmac(keys.newest().secret(), &text))
    };
    let by = |header: &str, key: &str| {
        let text = format!("{header}.{payload}");
        format!("{text}.{}", hmac(key, &text))
    };

    let token = |name, token: String| (name, format!("/s/{token}/{video}/master.m3u8"), None);
    let path = |name, path: String| (name, path, None);
    let rest = |name, rest: &str| (name, format!("/s/{good}/{rest}"), None);
    let from = |name, referer| (name, format!("/s/{referred}/{video}/master.m3u8"), referer);
    let flipped = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    // The last character of a signature has two bits that say nothing.
    let last = signature.as_bytes()[42];
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let same_bits =
        alphabet.as_bytes()[alphabet.bytes().position(|b| b == last).unwrap() ^ 1] as char;
    let tries = vec![
        path("no token", format!("/s/{video}/master.m3u8")),
        path("an empty token", format!("/s//{video}/master.m3u8")),
        path("the key itself", format!("/private/{video}/master.m3u8")),
        path(
            "the key of the original",
            format!("/private/{video}/source"),
        ),
        path(
            "where public videos are",
            format!("/videos/{video}/master.m3u8"),
        ),
        path(
            "where public originals are",
            format!("/uploads/{video}/source"),
        ),
        path(
            "the token in the query",
            format!("/s/{video}/master.m3u8?token={good}"),
        ),
        path(
            "the token in the query of the key",
            format!("/private/{video}/master.m3u8?token={good}"),
        ),
        token("expired", expired),
        token("not yet valid", early),
        token("another video's token", of_other),
        rest("another video", &format!("{other}/master.m3u8")),
        token("for the original only", original.clone()),
        rest(
            "the original, by a token to play",
            &format!("{video}/original"),
        ),
        rest(
            "the original by its key, by a token to play",
            &format!("{video}/source"),
        ),
        rest(
            "an original in a folder, by a token to play",
            &format!("{video}/video/original"),
        ),
        path(
            "the segments' key, by a token for the original",
            format!("/s/{original}/{video}/key"),
        ),
        rest("a key in a folder", &format!("{video}/video/key")),
        rest("another video's key", &format!("{other}/key")),
        path(
            "a folder's original, by a token for it",
            format!("/s/{original}/{video}/video/original"),
        ),
        path(
            "the original by its key, by a token for it",
            format!("/s/{original}/{video}/source"),
        ),
        token(
            "header changed",
            format!("{}.{payload}.{signature}", flipped(header, 8)),
        ),
        token(
            "payload changed",
            format!("{header}.{}.{signature}", flipped(payload, 8)),
        ),
        token(
            "expiry changed",
            format!("{header}.{}.{signature}", with("exp", json!(now + 7200))),
        ),
        token(
            "signature changed",
            format!("{text}.{}", flipped(signature, 8)),
        ),
        token(
            "signature in other letters for the same bits",
            format!("{text}.{}{same_bits}", &signature[..42]),
        ),
        token("signature padded", format!("{good}=")),
        token("signature missing", text.into()),
        token("signature empty", format!("{text}.")),
        token("signature short", format!("{text}.{}", &signature[..42])),
        token("four parts", format!("{good}.{signature}")),
        token(
            "alg none",
            format!("{}.{payload}.", heading("alg", json!("none"))),
        ),
        token(
            "alg none, signed",
            signed(&heading("alg", json!("none")), payload),
        ),
        token(
            "alg HS512",
            signed(&heading("alg", json!("HS512")), payload),
        ),
        token(
            "alg RS256",
            signed(&heading("alg", json!("RS256")), payload),
        ),
        token(
            "alg in lower case",
            signed(&heading("alg", json!("hs256")), payload),
        ),
        token(
            "alg a list",
            signed(&heading("alg", json!(["HS256"])), payload),
        ),
        token(
            "an extension we don't know",
            signed(&heading("crit", json!(["exp"])), payload),
        ),
        token("a key of the same name", sign_with(&strange, &claims)),
        token("a key nobody knows", sign_with(&unknown, &claims)),
        token(
            "kid missing",
            signed(&part(&json!({"alg": "HS256"})), payload),
        ),
        token("kid a number", signed(&heading("kid", json!(1)), payload)),
        token(
            "kid a path",
            signed(&heading("kid", json!("../key/a")), payload),
        ),
        token(
            "kid another entry of the store",
            by(&heading("kid", json!("media-host")), "media.example"),
        ),
        token(
            "kid of an object's own",
            by(&heading("kid", json!("__proto__")), "[object Object]"),
        ),
        token("an empty key", by(&heading("kid", json!("")), "")),
        token("header no object", signed(&part(&json!("HS256")), payload)),
        token("payload null", signed(&part(&known), &part(&Value::Null))),
        token(
            "payload a list",
            signed(&part(&known), &part(&json!([said]))),
        ),
        token(
            "sub missing",
            signed(&part(&known), &with("sub", Value::Null)),
        ),
        token(
            "sub a list",
            signed(&part(&known), &with("sub", json!([video]))),
        ),
        token(
            "aud a list",
            signed(&part(&known), &with("aud", json!(["play", "original"]))),
        ),
        token(
            "aud unknown",
            signed(&part(&known), &with("aud", json!("all"))),
        ),
        token(
            "exp missing",
            signed(&part(&known), &with("exp", Value::Null)),
        ),
        token(
            "exp as text",
            signed(&part(&known), &with("exp", json!((now + 3600).to_string()))),
        ),
        token(
            "nbf as text",
            signed(&part(&known), &with("nbf", json!("0"))),
        ),
        token("oversized", oversized),
        rest("no file", &format!("{video}")),
        rest("no file, and a slash", &format!("{video}/")),
        rest("..", &format!("{other}/../{video}/../{other}/master.m3u8")),
        rest(
            ".. to another video",
            &format!("{video}/../{other}/master.m3u8"),
        ),
        rest(".. to the original", &format!("{video}/video/../source")),
        rest("%2e%2e", &format!("{video}/%2e%2e/{other}/master.m3u8")),
        rest("..%2f", &format!("{video}/..%2f{other}/master.m3u8")),
        rest("an escaped letter", &format!("{video}/%6daster.m3u8")),
        rest("an escaped slash", &format!("{video}%2fmaster.m3u8")),
        rest("an escaped NUL", &format!("{video}/master.m3u8%00.ts")),
        rest("//", &format!("{video}//master.m3u8")),
        path("// before", format!("//s/{good}/{video}/master.m3u8")),
        rest("a backslash", &format!("{video}\\master.m3u8")),
        rest(". as a folder", &format!("{video}/./master.m3u8")),
        rest(
            "the id in upper case",
            &format!("{}/master.m3u8", video.to_string().to_uppercase()),
        ),
        path("/S/", format!("/S/{good}/{video}/master.m3u8")),
        path("/PRIVATE/", format!("/PRIVATE/{video}/master.m3u8")),
        path("%70rivate", format!("/%70rivate/{video}/master.m3u8")),
        path(
            "private, by ..",
            format!("/videos/../private/{video}/master.m3u8"),
        ),
        path(
            "private, by ..%2f",
            format!("/videos/..%2fprivate/{video}/master.m3u8"),
        ),
        path("private, by //", format!("//private/{video}/master.m3u8")),
        path(
            "private, by the player's page",
            format!("/embed/../private/{video}/master.m3u8"),
        ),
        from("no page", None),
        from("another page", Some("https://evil.example/")),
        from("a page that ends alike", Some("https://notexample.com/")),
        from(
            "a page that begins alike",
            Some("https://example.com.evil.example/"),
        ),
        from(
            "a page with the name in its path",
            Some("https://evil.example/example.com"),
        ),
        from(
            "a page with the name as its user",
            Some("https://example.com@evil.example/"),
        ),
        from(
            "a page with the name as its query",
            Some("https://evil.example?example.com"),
        ),
        from("no URL", Some("example.com")),
        (
            ("a manifest, from another page"),
            format!("/s/{referred}/{video}/manifest.mpd"),
            Some("https://evil.example/"),
        ),
        (
            ("a rendition's playlist, from another page"),
            format!("/s/{referred}/{video}/video/240p/playlist.m3u8"),
            None,
        ),
        (
            ("no domain at all"),
            format!("/s/{nobody}/{video}/master.m3u8"),
            Some("https://example.com/"),
        ),
        (
            ("domains no list"),
            format!(
                "/s/{}/{video}/master.m3u8",
                signed(&part(&known), &with("ref", json!("example.com")))
            ),
            Some("https://example.com/"),
        ),
        (
            ("a domain that is empty"),
            format!(
                "/s/{}/{video}/master.m3u8",
                signed(&part(&known), &with("ref", json!([""])))
            ),
            Some("https://example.com./"),
        ),
    ];
    let forgery = |(name, path, referer)| Forgery {
        name,
        path,
        referer,
    };
    tries.into_iter().map(forgery).collect()
}

fn sign_with(keys: &PlaybackKeys, claims: &Claims) -> String {
    token::sign(claims, keys)
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn hmac(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}
