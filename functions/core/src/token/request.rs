//! A request for a playback token, and what an owner gets without asking.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Audience, Claims, PlaybackKeys, sign};
use crate::{
    timestamp::Timestamp,
    upload::{Refused, invalid, read},
    video::{Video, Visibility},
    view::Access,
};

const DEFAULT_EXPIRY: Duration = Duration::from_hours(6);
const SHORTEST_EXPIRY: Duration = Duration::from_mins(1);
const LONGEST_EXPIRY: Duration = Duration::from_hours(7 * 24);

/// Together with all else, so many fit into a token.
const MOST_REFERRERS: usize = 10;
const MOST_REFERRER_BYTES: usize = 400;

/// A request for a playback token.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenRequest)]
pub struct TokenBody {
    /// What it opens: `play` (without it), which is all but the uploaded file, or `original`.
    #[schema(nullable = false)]
    audience: Option<Audience>,
    /// How long it is valid, in seconds. Without it, six hours, or as long as the video is.
    #[schema(nullable = false, minimum = 60, maximum = 604_800)]
    expires_in_s: Option<u64>,
    /// From when on it is valid: RFC 3339. `expires_in_s` counts from then.
    #[schema(nullable = false, format = DateTime)]
    not_before: Option<String>,
    /// The domains whose pages, and those of their subdomains, may play it. Browsers tell the page when
    /// they ask for a playlist; other players tell none, and play nothing.
    #[schema(nullable = false, min_items = 1, max_items = 10, example = json!(["example.com"]))]
    referrers: Option<Vec<String>>,
}

/// What a token for this video is to say.
pub fn parse(body: &Value, video: &Video, now: Timestamp) -> Result<Claims, Refused> {
    let body: TokenBody = read(body)?;
    let not_before = match &body.not_before {
        None => None,
        Some(text) => Some(text.parse::<Timestamp>().map_err(|_| {
            invalid(
                "not_before",
                "not_before must be a time, as 2026-11-27T19:34:48Z",
            )
        })?),
    };
    let expiry = match body.expires_in_s.map(Duration::from_secs) {
        None => default_expiry(video),
        Some(expiry) if (SHORTEST_EXPIRY..=LONGEST_EXPIRY).contains(&expiry) => expiry,
        Some(_) => {
            let (from, to) = (SHORTEST_EXPIRY.as_secs(), LONGEST_EXPIRY.as_secs());
            return Err(invalid(
                "expires_in_s",
                format!("expires_in_s must be from {from} to {to}"),
            ));
        }
    };
    let from = not_before.map_or(now, |from| from.max(now));
    if from.saturating_since(now) > LONGEST_EXPIRY {
        return Err(invalid(
            "not_before",
            "not_before must be within the next seven days",
        ));
    }
    if let Some(domains) = &body.referrers {
        let bytes: usize = domains.iter().map(String::len).sum();
        if domains.is_empty()
            || domains.len() > MOST_REFERRERS
            || bytes > MOST_REFERRER_BYTES
            || !domains.iter().all(|domain| is_domain(domain))
        {
            return Err(invalid(
                "referrers",
                format!(
                    "referrers must be 1 to {MOST_REFERRERS} domains in lowercase, as example.com, with {MOST_REFERRER_BYTES} characters at most in all"
                ),
            ));
        }
    }
    Ok(Claims {
        video: video.id,
        audience: body.audience.unwrap_or(Audience::Play),
        expires_at: (from + expiry).as_secs(),
        not_before: not_before.map(Timestamp::as_secs),
        referrers: body.referrers,
    })
}

/// Both tokens, for whoever owns a private video. They are the same for an hour, so that an address which
/// is asked for again and again stays what it is.
pub fn of_owner(video: &Video, keys: &PlaybackKeys, now: Timestamp) -> Access {
    if video.visibility == Visibility::Public {
        return Access::of_owner();
    }
    let hour = Duration::from_hours(1);
    let whole = now.as_secs().div_euclid(3600) * 3600;
    let until = Timestamp::from_secs(whole) + hour + default_expiry(video);
    let of = |audience| {
        let claims = Claims {
            video: video.id,
            audience,
            expires_at: until.as_secs(),
            not_before: None,
            referrers: None,
        };
        Some(sign(&claims, keys))
    };
    Access {
        play: of(Audience::Play),
        original: of(Audience::Original),
        is_owner: true,
    }
}

/// Whoever begins to watch at once comes to the end.
fn default_expiry(video: &Video) -> Duration {
    let length = video.source.as_ref().map_or(0, |source| source.duration_ms);
    DEFAULT_EXPIRY.max(Duration::from_millis(length))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(is_plain)
    };
    text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::token::{LONGEST_TOKEN, verify};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn video() -> Video {
        let id = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap();
        Video {
            visibility: Visibility::Private,
            ..Video::waiting(id, "a.mp4".into(), "video/mp4".into(), 1)
        }
    }

    fn keys() -> PlaybackKeys {
        format!("{}:{}", "k".repeat(64), "a1".repeat(32))
            .parse()
            .unwrap()
    }

    #[test]
    fn nothing_asked_is_six_hours_of_playback() {
        let claims = parse(&json!({}), &video(), NOW).unwrap();
        assert_eq!(claims.audience, Audience::Play);
        assert_eq!(claims.expires_at, NOW.as_secs() + 6 * 3600);
        assert_eq!((claims.not_before, claims.referrers), (None, None));
    }

    #[test]
    fn a_token_that_begins_later_ends_later() {
        let body = json!({"not_before": "2026-11-20T00:00:00Z", "expires_in_s": 60});
        let claims = parse(&body, &video(), NOW).unwrap();
        assert_eq!(claims.expires_at, claims.not_before.unwrap() + 60);
        // One that began before now has nothing left out.
        let body = json!({"not_before": "2020-01-01T00:00:00Z", "expires_in_s": 60});
        assert_eq!(
            parse(&body, &video(), NOW).unwrap().expires_at,
            NOW.as_secs() + 60
        );
    }

    #[test]
    fn each_fault_names_its_field() {
        for (field, value) in [
            ("audience", json!("all")),
            ("expires_in_s", json!(59)),
            ("expires_in_s", json!(604_801)),
            ("expires_in_s", json!("60")),
            ("not_before", json!("tomorrow")),
            ("not_before", json!("2099-01-01T00:00:00Z")),
            ("referrers", json!([])),
            ("referrers", json!(["https://example.com"])),
            ("referrers", json!(["example.com", ""])),
            ("referrers", json!(["a".repeat(64)])),
            ("referrers", json!(vec!["example.com"; 11])),
        ] {
            let mut body = json!({});
            body[field] = value.clone();
            assert_eq!(
                parse(&body, &video(), NOW).unwrap_err().field,
                field,
                "{value}"
            );
        }
    }

    #[test]
    fn the_most_that_can_be_asked_fits_into_a_token() {
        let domain = format!("{}.{}.com", "a".repeat(15), "b".repeat(20));
        let body = json!({"audience": "original", "not_before": "2026-11-20T00:00:00Z",
                          "referrers": vec![domain; 10]});
        let token = sign(&parse(&body, &video(), NOW).unwrap(), &keys());
        assert!(token.len() <= LONGEST_TOKEN, "{}", token.len());
    }

    #[test]
    fn an_owners_addresses_stay_for_an_hour() {
        let at = |seconds: i64| {
            of_owner(
                &video(),
                &keys(),
                Timestamp::from_secs(1_800_000_000 + seconds),
            )
        };
        assert_eq!(at(0), at(3599));
        assert_ne!(at(0), at(3600));
        let late = Timestamp::from_secs(1_800_000_000 + 3599) + DEFAULT_EXPIRY;
        let claims = verify(at(3599).play.as_deref().unwrap(), &keys(), late).unwrap();
        assert_eq!(claims.audience, Audience::Play);
        let public = Video {
            visibility: Visibility::Public,
            ..video()
        };
        assert_eq!(of_owner(&public, &keys(), NOW), Access::of_owner());
    }
}
