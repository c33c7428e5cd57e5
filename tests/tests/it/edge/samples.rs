//! The README's programs that make tokens, run as they stand there.

use std::{collections::BTreeMap, process::Command};

use reelrun_core::token::{self, Audience};
use reelrun_platform::now;
use reelrun_tests::edge::{Decision, Edge, Viewed};

const README: &str = include_str!("../../../../README.md");
const VIDEO: &str = "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e";

/// The block of a language that makes tokens.
fn sample(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let blocks = README.split(&fence).skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("\n```").next());
    blocks
        .find(|block| block.contains("HS256") || block.contains("HMAC"))
        .expect("a sample")
}

#[test]
fn the_samples_make_tokens_that_open_a_video() {
    let secret = "a1".repeat(32);
    let programs = [
        ("node", "--input-type=module", "js"),
        ("python3", "-B", "python"),
    ];
    for (program, option, language) in programs {
        let output = Command::new(program)
            .args([
                option,
                if language == "js" { "-e" } else { "-c" },
                sample(language),
            ])
            .env("PLAYBACK_KEY_ID", "k1")
            .env("PLAYBACK_KEY", &secret)
            .env("VIDEO_ID", VIDEO)
            .output()
            .unwrap_or_else(|why| panic!("{program}: {why}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        let made = String::from_utf8(output.stdout).unwrap();
        let made = made.trim();
        let claims = token::verify(made, &format!("k1:{secret}").parse().unwrap(), now()).unwrap();
        assert_eq!(claims.audience, Audience::Play, "{program}");
        let left = claims.expires_at - now().as_secs();
        assert!((3500..=3600).contains(&left), "{program}: {left}");
        let store = BTreeMap::from([("key/k1".to_owned(), secret.clone())]);
        let edge = Edge::deploy(reelrun_tests::edge::PLAYBACK, store).unwrap();
        let uri = format!("/s/{made}/{VIDEO}/master.m3u8");
        let viewed = Viewed {
            uri: &uri,
            host: "d1.cloudfront.net",
            referer: None,
        };
        assert!(
            matches!(edge.ask(viewed, now()), Decision::Serve(_)),
            "{program}"
        );
    }
}
