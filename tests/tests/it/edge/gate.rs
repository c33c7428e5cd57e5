//! What the gate opens, what it does not, and what it is made of.

use std::{collections::BTreeMap, fs};

use reelrun_core::{
    timestamp::Timestamp,
    token::{self, Audience, Claims, PlaybackKeys},
    video::VideoId,
};
use reelrun_tests::edge::{Decision, Edge, PLAYBACK, Victim, Viewed, forgeries};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const HOST: &str = "d111111abcdef8.cloudfront.net";

fn video() -> VideoId {
    "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()
}

fn secrets() -> (String, String) {
    ("a1".repeat(32), "b2".repeat(32))
}

fn ring() -> PlaybackKeys {
    let (new, old) = secrets();
    format!("new:{new},old:{old}").parse().unwrap()
}

fn edge() -> Edge {
    let (new, old) = secrets();
    Edge::playback(&[("new", &new), ("old", &old)])
}

fn claims(audience: Audience) -> Claims {
    Claims {
        video: video(),
        audience,
        expires_at: NOW.as_secs() + 60,
        not_before: None,
        referrers: None,
    }
}

fn ask(edge: &Edge, uri: &str, referer: Option<&str>) -> Decision {
    let host = HOST;
    edge.ask(Viewed { uri, host, referer }, NOW)
}

#[test]
fn a_token_opens_its_video_and_is_gone_before_the_cache() {
    let (edge, video) = (edge(), video());
    let play = token::sign(&claims(Audience::Play), &ring());
    for file in [
        "master.m3u8",
        "manifest.mpd",
        "poster.jpg",
        "video/240p/init.mp4",
        "video/240p/00001.m4s",
        "video/1080p-av1/playlist.m3u8",
        "video/240p/iframes.m3u8",
        "audio/main/playlist.m3u8",
        "subtitles/zh-Hans/00001.vtt",
        "storyboard/storyboard.vtt",
        "storyboard/00001.jpg",
    ] {
        let served = ask(&edge, &format!("/s/{play}/{video}/{file}"), None);
        assert_eq!(served, Decision::Serve(format!("/private/{video}/{file}")));
    }
    let original = token::sign(&claims(Audience::Original), &ring());
    assert_eq!(
        ask(&edge, &format!("/s/{original}/{video}/original"), None),
        Decision::Serve(format!("/private/{video}/source"))
    );
}

#[test]
fn a_token_to_play_is_the_bearer_who_asks_for_the_key() {
    let (edge, video) = (edge(), video());
    let play = token::sign(&claims(Audience::Play), &ring());
    let key = |token: &str| ask(&edge, &format!("/s/{token}/{video}/key"), None);
    assert_eq!(
        key(&play),
        Decision::Call {
            path: format!("/videos/{video}/key"),
            authorization: format!("Bearer {play}"),
        }
    );
    let original = token::sign(&claims(Audience::Original), &ring());
    assert_eq!(key(&original), Decision::Refuse(403));
}

#[test]
fn no_attack_opens_anything() {
    let edge = edge();
    let keys = ring();
    edge.store("media-host", None);
    let victim = Victim {
        video: video(),
        other: "01936f1e-7b2c-7c40-9d3e-000000000000".parse().unwrap(),
        keys: &keys,
        now: NOW,
    };
    let mut opened = Vec::new();
    for forgery in forgeries(&victim) {
        // Addresses of other behaviours don't come to the gate; it refuses them all the same.
        let path = forgery.path.split('?').next().unwrap();
        let decision = ask(&edge, path, forgery.referer);
        println!("{:<48} {decision:?}", forgery.name);
        if decision != Decision::Refuse(403) {
            opened.push(forgery);
        }
    }
    assert!(opened.is_empty(), "{opened:#?}");
}

#[test]
fn pages_of_the_domains_that_are_named_may_ask_for_playlists_and_anybody_for_segments() {
    let edge = edge();
    let token = token::sign(
        &Claims {
            referrers: Some(vec!["example.com".into(), "Films.example".into()]),
            ..claims(Audience::Play)
        },
        &ring(),
    );
    let opens = |file: &str, referer| {
        let uri = format!("/s/{token}/{}/{file}", video());
        matches!(ask(&edge, &uri, referer), Decision::Serve(_))
    };
    for page in [
        "https://example.com/",
        "https://example.com",
        "https://EXAMPLE.com/a?b#c",
        "http://www.example.com:8080/",
        "https://films.example/",
    ] {
        assert!(opens("master.m3u8", Some(page)), "{page}");
    }
    assert!(!opens("master.m3u8", None));
    assert!(opens("video/240p/00001.m4s", None));
    assert!(opens("poster.jpg", Some("https://elsewhere.example/")));
}

#[test]
fn a_key_is_replaced_without_a_gap_and_a_retired_one_opens_nothing() {
    let (new, old) = secrets();
    let edge = Edge::playback(&[("old", &old)]);
    let of = |keys: &str| {
        let token = token::sign(&claims(Audience::Play), &keys.parse().unwrap());
        format!("/s/{token}/{}/master.m3u8", video())
    };
    let (by_old, by_new) = (of(&format!("old:{old}")), of(&format!("new:{new}")));
    let opens = |uri: &str| matches!(ask(&edge, uri, None), Decision::Serve(_));
    assert!(opens(&by_old) && !opens(&by_new));
    edge.store("key/new", Some(&new));
    assert!(opens(&by_old) && opens(&by_new));
    edge.store("key/old", None);
    assert!(!opens(&by_old) && opens(&by_new));
}

#[test]
fn media_with_a_host_of_their_own_are_served_there_only() {
    let edge = edge();
    let token = token::sign(&claims(Audience::Play), &ring());
    let uri = format!("/s/{token}/{}/master.m3u8", video());
    edge.store("media-host", Some("media.example.com"));
    assert_eq!(ask(&edge, &uri, None), Decision::Refuse(403));
    let viewed = Viewed {
        uri: &uri,
        host: "media.example.com",
        referer: None,
    };
    assert!(matches!(edge.ask(viewed, NOW), Decision::Serve(_)));
}

#[test]
fn without_keys_nothing_is_open() {
    let token = token::sign(&claims(Audience::Play), &ring());
    let uri = format!("/s/{token}/{}/master.m3u8", video());
    assert_eq!(ask(&Edge::playback(&[]), &uri, None), Decision::Refuse(403));
}

/// What the stand-in refuses, so that a file which runs in it may be deployed.
#[test]
fn what_the_edge_lacks_the_stand_in_lacks() {
    let deploy = |code: &str| Edge::deploy(code, BTreeMap::new()).map(|_| ());
    let handler = |body: &str| {
        format!(
            "import crypto from 'crypto';\nasync function handler(event) {{\n{body}\nreturn event.request;\n}}"
        )
    };
    assert_eq!(deploy(&handler("")), Ok(()));
    assert!(
        deploy(&handler(&"//".repeat(6000)))
            .unwrap_err()
            .contains("bytes")
    );
    for syntax in [
        "const {a} = event;",
        "event?.request;",
        "f(...event);",
        "for (const a of []) {}",
    ] {
        assert!(
            deploy(&handler(syntax)).unwrap_err().contains("no `"),
            "{syntax}"
        );
    }
    let event = serde_json::json!({"request": {}});
    let fails = |body: &str| {
        let edge = Edge::deploy(&handler(body), BTreeMap::new()).unwrap();
        edge.call(&event, NOW).unwrap_err()
    };
    for missing in [
        "crypto.createVerify('RSA-SHA256');",
        "crypto.subtle.verify();",
        "fetch('/');",
        "process.exit();",
    ] {
        assert!(fails(missing).contains("not"), "{missing}");
    }
    fails("let text = 'x'; while (true) { text += text; }");
}

/// The template has the code in it, since `CloudFormation` takes no file.
#[test]
fn the_template_deploys_this_very_file() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let template = fs::read_to_string(format!("{root}/infra/template.yaml")).unwrap();
    let (_, rest) = template
        .split_once("\n  PlaybackGate:\n")
        .expect("the function");
    let (_, code) = rest
        .split_once("\n      FunctionCode: |\n")
        .expect("its code");
    let indented = code
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("        "));
    let lines: Vec<_> = indented
        .map(|line| line.get(8..).unwrap_or_default())
        .collect();
    assert_eq!(lines.join("\n").trim_end(), PLAYBACK.trim_end());
}
