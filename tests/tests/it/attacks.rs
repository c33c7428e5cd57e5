//! Files made to harm: each ends as it must, soon, in little memory, and no program reads or
//! reaches anything but the file itself.

use std::{path::Path, sync::Arc, time::Duration};

use reelrun_tests::{
    attacks::{self, Attack, CANARY, End, References},
    confined::{Bait, Laboratory, Outcome, Tracer, is_expected},
    delivery::{deliver, put_event},
    media::Clips,
    stack::{Stack, put},
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

/// The longest that a refusal may take, on a machine that does other things meanwhile.
const MAX_TIME: Duration = Duration::from_mins(1);

/// The most memory that a program may take meanwhile.
const MAX_MEMORY: u64 = 1_000_000_000;

/// What is wrong with an outcome; nothing, if it is as it must be.
fn complaints(attack: &Attack, outcome: &Outcome, storage: &str) -> Vec<String> {
    let Outcome {
        video,
        traced,
        elapsed,
        answer,
    } = outcome;
    let mut wrong = Vec::new();
    let mut check = |is_right: bool, what: String| {
        if !is_right {
            wrong.push(format!("{}: {what}", attack.name));
        }
    };
    let (status, kind) = match attack.end {
        End::Errored(kind) => ("errored", Some(kind)),
        End::Ready => ("ready", None),
    };
    check(
        video["status"] == status && video["error"]["type"].as_str() == kind,
        format!(
            "{} {} instead of {:?}",
            video["status"], video["error"], attack.end
        ),
    );
    check(answer.is_ok(), format!("not acknowledged: {answer:?}"));
    check(*elapsed < MAX_TIME, format!("took {elapsed:?}"));
    check(
        traced.peak_bytes < MAX_MEMORY,
        format!("held {} bytes", traced.peak_bytes),
    );
    for path in traced.opened.iter().filter(|path| !is_expected(path)) {
        check(false, format!("opened {path:?}"));
    }
    for place in traced.connected.iter().filter(|place| *place != storage) {
        check(false, format!("connected to {place}"));
    }
    for limits in &traced.limits {
        let is_bounded = |name: &str, value: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name));
            line.is_some_and(|line| line.split_whitespace().next() == Some(value))
        };
        check(
            is_bounded("Max file size", "0") && is_bounded("Max core file size", "0"),
            format!("runs without limits: {limits}"),
        );
    }
    wrong
}

/// How many are tried at once: most of them wait for storage.
const AT_ONCE: usize = 3;

/// Tries all, and says of each how it went.
async fn withstand(attacks: Vec<Attack>) {
    let laboratory = Arc::new(Laboratory::open().await);
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut tried = JoinSet::new();
    for attack in attacks {
        let (laboratory, slots) = (laboratory.clone(), slots.clone());
        tried.spawn(async move {
            let _slot = slots.acquire().await;
            let outcome = laboratory.transcode(attack.filename, &attack.bytes).await;
            (attack, outcome)
        });
    }
    let mut wrong = Vec::new();
    while let Some(one) = tried.join_next().await {
        let (attack, outcome) = one.unwrap();
        println!(
            "{:60} {:8} {:20} {:5} ms {:4} MB, {} runs",
            attack.name,
            outcome.video["status"].as_str().unwrap(),
            outcome.video["error"]["type"].as_str().unwrap_or("-"),
            outcome.elapsed.as_millis(),
            outcome.traced.peak_bytes >> 20,
            outcome.traced.started.len(),
        );
        wrong.extend(complaints(&attack, &outcome, laboratory.storage()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_names_other_files_opens_and_reaches_none() {
    let (clips, bait) = (Clips::new(), Bait::new());
    let canary = clips.silent(CANARY, "64x64", "25", 1.0);
    let references = References {
        bait: &bait.url,
        canary: &canary,
    };
    withstand(attacks::references(&clips, references)).await;
    assert_eq!(bait.connections(), 0);
}

#[tokio::test]
async fn containers_that_lie_are_read_within_bounds() {
    withstand(attacks::structures(&Clips::new())).await;
}

#[tokio::test]
async fn what_claims_too_much_gets_little() {
    withstand(attacks::claims(&Clips::new())).await;
}

/// What cameras, phones, recorders and editors make is none of it: each passes the same bounds.
#[tokio::test]
async fn what_is_no_attack_is_not_taken_for_one() {
    withstand(attacks::honest(&Clips::new())).await;
}

/// Without the lists of what may be opened, the same files do reach out: so the tests above would
/// see it.
#[tokio::test]
async fn without_its_bounds_ffprobe_does_follow() {
    let (clips, bait) = (Clips::new(), Bait::new());
    let canary = clips.silent(CANARY, "64x64", "25", 1.0);
    let references = References {
        bait: &bait.url,
        canary: &canary,
    };
    let laboratory = Laboratory::open().await;
    let follow = async |text: String, options: &[&str]| {
        let id = laboratory.put("control.mp4", text.as_bytes()).await;
        let url = laboratory.url(&id).await;
        let tracer = Tracer::new(&["ffprobe"], false);
        // It may wait for an answer that never comes.
        let mut child = std::process::Command::new(tracer.program("ffprobe"))
            .args(["-v", "error", "-rw_timeout", "10000000"])
            .args(options)
            .arg(&url)
            .spawn()
            .unwrap();
        child.wait().unwrap();
        tracer.end()
    };
    let playlist = [
        "-f",
        "hls",
        "-protocol_whitelist",
        "http,tcp",
        "-allowed_extensions",
        "ALL",
        "-extension_picky",
        "0",
    ];
    let traced = follow(references.playlist(), &playlist).await;
    let address = bait.url.trim_start_matches("http://");
    assert!(traced.connected.contains(address), "{traced:?}");
    assert!(bait.connections() > 0);
    let script = [
        "-f",
        "concat",
        "-safe",
        "0",
        "-protocol_whitelist",
        "http,tcp,file",
    ];
    let traced = follow(references.script(), &script).await;
    let opened = |path: &Path| traced.opened.contains(path.to_str().unwrap());
    assert!(opened(&canary), "{traced:?}");
    assert!(!is_expected(canary.to_str().unwrap()));
}

/// The same by the deployed function, from a real upload to the verdict.
#[test]
fn the_deployed_function_follows_nothing_either() {
    let (stack, clips, bait) = (Stack::get(), Clips::new(), Bait::new());
    let canary = clips.silent(CANARY, "64x64", "25", 1.0);
    let references = References {
        bait: &bait.url,
        canary: &canary,
    };
    let attacks = attacks::references(&clips, references).into_iter();
    let refused: Vec<_> = attacks.filter(|attack| attack.end != End::Ready).collect();
    let uploaded = refused.iter().map(|attack| {
        let file = clips.file(attack.filename, &attack.bytes);
        (attack, stack.upload(&file))
    });
    for (attack, id) in uploaded.collect::<Vec<_>>() {
        let video = stack.settled(&id);
        assert_eq!(video["status"], "errored", "{}: {video:#}", attack.name);
        let is_as_expected =
            matches!(attack.end, End::Errored(kind) if video["error"]["type"] == kind);
        assert!(is_as_expected, "{}: {video:#}", attack.name);
    }
    assert_eq!(bait.connections(), 0);
}

/// What a sender calls a file is kept as it was written, and means nothing to anyone.
#[test]
fn names_and_titles_are_only_ever_shown() {
    let (stack, clips) = (Stack::get(), Clips::new());
    let clip = std::fs::read(clips.silent("clip.mp4", "64x64", "25", 1.0)).unwrap();
    let texts = [
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "%2e%2e%2f%2e%2e%2fpasswd",
        "nul\0byte",
        "two\nlines\r\nX-Header: 1",
        "-i",
        "-f lavfi -i color=s=9999x9999",
        "| sh",
        "$(id) `id` ; id",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
        "concat:a|b",
        "frame%03d",
        "<script>alert(1)</script>",
        "\u{202e}4pm",
        "'; DROP TABLE videos; --",
        "{{7*7}} ${7*7}",
        "../-i | $(id) file:%03d\0\n",
    ];
    let mut last = (String::new(), String::new());
    for text in texts {
        let filename = format!("{text}.mp4");
        let body = json!({
            "filename": filename, "content_type": "video/mp4", "size_bytes": clip.len(),
            "title": text, "metadata": {"note": text},
        });
        let answer = stack.post("/uploads", Some(&stack.api_token), &body.to_string());
        assert_eq!(answer.status, 201, "{text:?}: {}", answer.text());
        let permitted = answer.json();
        let id = permitted["video_id"].as_str().unwrap();
        assert_eq!(permitted["upload"]["key"], format!("uploads/{id}/source"));
        let video = stack.video(id);
        let shown = [&video["filename"], &video["metadata"]["note"]];
        assert_eq!(shown.map(Value::as_str), [&filename, text].map(Some));
        // A title is what others read: it has nothing that hides or turns the rest.
        let hidden = |c: char| c.is_control() || c == '\u{202e}';
        let title = text.replace(hidden, "");
        assert_eq!(video["title"], title);
        let url = permitted["upload"]["url"].as_str().unwrap();
        last = (id.into(), url.into());
    }
    let (id, url) = last;
    assert_eq!(put(&url, "video/mp4", &clip).status, 200);
    assert_eq!(stack.settled(&id)["status"], "ready");
}

/// Who can call the function with an event of their own can still not point it elsewhere.
#[tokio::test]
async fn forged_events_change_nothing() {
    let (stack, clips, bait) = (Stack::get(), Clips::new(), Bait::new());
    let size = std::fs::read(clips.silent("clip.mp4", "64x64", "25", 1.0))
        .unwrap()
        .len() as u64;
    let id = stack.permission("waits.mp4", "video/mp4", size).video_id;
    let genuine = put_event(&stack, &id, size);
    let with = |pointer: &str, value: Value| {
        let mut event = genuine.clone();
        *event.pointer_mut(&format!("/Records/0/{pointer}")).unwrap() = value;
        event
    };
    let other_buckets = [
        "",
        "reelrun-uploads-0",
        &stack.media_bucket,
        "../x",
        &bait.url,
    ];
    let buckets = other_buckets.map(|name| with("s3/bucket/name", json!(name)));
    let upper = id.to_uppercase();
    let keys = [
        String::new(),
        "uploads/../x".into(),
        "uploads//source".into(),
        format!("uploads/../uploads/{id}/source"),
        format!("uploads/{id}/../{id}/source"),
        format!("uploads/{id}/source/"),
        format!("uploads/{id}/source%00"),
        format!("uploads/{id}/source%0A"),
        format!("uploads/{id}/source.mp4"),
        format!("/uploads/{id}/source"),
        "uploads%2F..%2F..%2Fetc%2Fpasswd".into(),
        format!("uploads%252F{id}%252Fsource"),
        format!("uploads/{upper}/source"),
        format!("uploads/{{{id}}}/source"),
        format!("uploads/{}/source", id.replace('-', "")),
        format!("videos/{id}/master.m3u8"),
        format!("work/{id}/plan.json"),
        format!("file:///etc/passwd?{id}"),
        "%FF%FE".into(),
        "x".repeat(4000),
        "uploads/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source".into(),
    ];
    let keys = keys.map(|key| with("s3/object/key", json!(key)));
    let odd = [
        with("eventName", json!("ObjectRemoved:Delete")),
        with("eventName", json!({"x": 1})),
        with("s3/object/size", json!(-1)),
        with("s3/object/size", json!("1e99")),
        with("s3/object/key", json!(["uploads"])),
        with("s3", json!(null)),
        json!({"Records": {"0": 1}}),
        json!({"Records": vec![json!(null); 1000]}),
        json!([[[[[[[[]]]]]]]]),
    ];
    for event in buckets.iter().chain(&keys).chain(&odd) {
        deliver(&stack, event).await;
    }
    let video = stack.video(&id);
    assert_eq!(video["status"], "waiting", "{video:#}");
    assert_eq!(stack.attempts(&id).await, 0);
    assert_eq!(bait.connections(), 0);
}
