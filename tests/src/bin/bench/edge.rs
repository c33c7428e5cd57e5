//! How long does the gate to private videos take for a request?
//!
//! In an interpreter of our own and not in CloudFront's, so this says of the file what it costs beside
//! nothing: the same request to a function that only hands it back is subtracted.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Result, ensure};
use reelrun_core::token::{self, Audience, Claims};
use reelrun_platform::now;
use reelrun_tests::edge::{Decision, Edge, Viewed};
use serde_json::{Value, json};

use crate::figures::{Limits, median};

const ROUNDS: usize = 9;
const REQUESTS: usize = 2000;
const LIMIT_MS: f64 = 0.2;

const NOTHING: &str = "async function handler(event) { return event.request; }";

pub(crate) fn run(limits: &mut Limits) -> Result<Value> {
    println!("The gate to private videos");
    let (video, now) = ("01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e", now());
    let secret = "a1".repeat(32);
    let claims = |referrers| Claims {
        video: video.parse().expect("an id"),
        audience: Audience::Play,
        expires_at: now.as_secs() + 3600,
        not_before: None,
        referrers,
    };
    let keys = format!("k1:{secret}").parse()?;
    let short = token::sign(&claims(None), &keys);
    let domains = (0..10).map(|n| format!("{n}.a-domain-that-is-rather-long.example"));
    let long = token::sign(&claims(Some(domains.collect())), &keys);
    let (gate, nothing) = (
        Edge::playback(&[("k1", &secret)]),
        Edge::deploy(NOTHING, BTreeMap::new()),
    );
    let nothing = nothing.map_err(anyhow::Error::msg)?;

    let mut report = serde_json::Map::new();
    for (name, uri, referer, opens) in [
        (
            "a segment",
            format!("/s/{short}/{video}/video/720p/00001.m4s"),
            None,
            true,
        ),
        (
            "a playlist, for one of ten domains",
            format!("/s/{long}/{video}/master.m3u8"),
            Some("https://9.a-domain-that-is-rather-long.example/"),
            true,
        ),
        (
            "a refusal",
            format!("/s/{short}/{video}/original"),
            None,
            false,
        ),
    ] {
        let host = "d111111abcdef8.cloudfront.net";
        let viewed = Viewed {
            uri: &uri,
            host,
            referer,
        };
        let is_open = matches!(gate.ask(viewed, now), Decision::Serve(_));
        ensure!(is_open == opens, "{name}: not decided as it should be");
        let per_request = |edge: &Edge| {
            let begun = Instant::now();
            for _ in 0..REQUESTS {
                edge.ask(viewed, now);
            }
            begun.elapsed().as_secs_f64() * 1000.0 / REQUESTS as f64
        };
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|_| (per_request(&nothing), per_request(&gate)))
            .map(|(nothing, gate)| gate - nothing)
            .collect();
        let ms = median(&rounds);
        limits.at_most(format!("{name} (ms)"), ms, LIMIT_MS);
        report.insert(name.into(), json!({ "ms": ms }));
    }
    Ok(report.into())
}
