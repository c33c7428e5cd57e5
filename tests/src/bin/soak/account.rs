//! Accounts for every upload once everything has come to rest.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use reelrun_tests::{
    notices::notices,
    poll::{Patience, so},
    processes::command_lines,
    stack::{Stack, get},
};
use serde_json::Value;

use crate::{
    client::{Manner, Upload},
    files::Wanted,
};

/// What was done to the videos on purpose.
pub(crate) struct Told {
    /// Kills, by video.
    pub(crate) kills: HashMap<String, u32>,
    /// What was in each call that was broken.
    pub(crate) broken: Vec<String>,
}

impl Told {
    fn harm(&self, id: &str) -> usize {
        let kills = self.kills.get(id).copied().unwrap_or_default();
        let broken = self.broken.iter().filter(|text| text.contains(id));
        kills as usize + broken.count()
    }
}

/// A function is tried this often; what was harmed less can't have failed for it.
const TRIES: usize = 3;

/// How long what follows an end may take.
const AFTERMATH: Duration = Duration::from_secs(45);

/// Waits until all have ended; says which have not.
pub(crate) async fn drained(stack: &Stack, uploads: &[Upload], patience: Duration) -> Vec<String> {
    let begun = Instant::now();
    let mut left: Vec<_> = uploads.iter().collect();
    let ended = async || {
        let mut still_left = Vec::new();
        for upload in &left {
            if !has_ended(stack, upload).await {
                still_left.push(*upload);
            }
        }
        left = still_left;
        so(left.is_empty())
    };
    let patience = Patience::of(patience).every(Duration::from_secs(5));
    if patience.try_wait_for(ended).await.is_err() {
        return left
            .into_iter()
            .map(|upload| format!("{upload} has not ended: {}", seen(stack, upload).1))
            .collect();
    }
    println!("All had ended {:.0} s later", begun.elapsed().as_secs_f64());
    // What follows an end: notices, and the removal of half-made renditions.
    tokio::time::sleep(AFTERMATH).await;
    Vec::new()
}

fn seen(stack: &Stack, upload: &Upload) -> (u16, Value) {
    let answer = stack.get_path(&format!("/videos/{}", upload.id), None);
    (answer.status, answer.json())
}

async fn has_ended(stack: &Stack, upload: &Upload) -> bool {
    match upload.manner {
        // The record goes last.
        Manner::Deletes => stack.record(&upload.id).await.is_empty(),
        Manner::Forgets => true,
        _ => matches!(
            seen(stack, upload).1["status"].as_str(),
            Some("ready" | "errored")
        ),
    }
}

/// What is wrong with what is there now.
pub(crate) async fn judge(stack: &Stack, uploads: &[Upload], told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<(Manner, String), u32> = BTreeMap::new();
    let objects = objects(stack).await;
    let nothing = BTreeSet::new();
    let told_of = outcomes(stack).await;
    for upload in uploads {
        let (status, video) = seen(stack, upload);
        let end = match (status, video["error"]["type"].as_str()) {
            (404, _) => "gone".to_owned(),
            (_, Some(kind)) => kind.to_owned(),
            _ => video["status"].as_str().unwrap_or("?").to_owned(),
        };
        let stored = objects.get(&upload.id).unwrap_or(&nothing);
        let notices = told_of.get(&upload.id).map_or(0, Vec::len);
        if let Err(why) = check(upload, &end, stored, notices, told.harm(&upload.id)) {
            wrong.push(format!("{upload} ended as {end}: {why}; {video}"));
        }
        if end == "ready" {
            let all = referenced(&video);
            let there: BTreeSet<_> = stored
                .iter()
                .filter(|key| key.starts_with("videos/"))
                .cloned()
                .collect();
            let gone: Vec<_> = all.difference(&there).collect();
            let surplus: Vec<_> = there.difference(&all).collect();
            if !gone.is_empty() || !surplus.is_empty() {
                wrong.push(format!(
                    "{upload}: not there {gone:?}, of no use {surplus:?}"
                ));
            }
        }
        *counts.entry((upload.manner, end)).or_default() += 1;
    }
    let known: BTreeSet<&str> = uploads.iter().map(|upload| upload.id.as_str()).collect();
    for (id, keys) in &objects {
        if !known.contains(id.as_str()) {
            wrong.push(format!("nobody uploaded {id}, and there is {keys:?}"));
        }
    }
    let of_video = |line: &String| line.contains("/uploads/") && line.contains("/source");
    let orphans = command_lines().filter(of_video);
    wrong.extend(orphans.map(|line| format!("nobody waits for {line}")));

    let kills: u32 = told.kills.values().sum();
    println!(
        "{} uploads; {kills} kills, {} broken calls",
        uploads.len(),
        told.broken.len()
    );
    for ((manner, end), count) in counts {
        println!("  {:10} {end:20} {count:5}", format!("{manner:?}"));
    }
    let mut waits: Vec<_> = uploads.iter().filter_map(|upload| upload.waited).collect();
    waits.sort();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied();
    println!("Waited: half of them {:?}, 95 of 100 {:?}", at(50), at(95));
    wrong
}

fn check(
    upload: &Upload,
    end: &str,
    stored: &BTreeSet<String>,
    notices: usize,
    harm: usize,
) -> Result<(), String> {
    let is_right = match (upload.manner, upload.wanted) {
        (Manner::Deletes, _) => end == "gone",
        (Manner::Forgets, _) => end == "waiting",
        _ if end == "internal" => harm >= TRIES,
        (_, Wanted::Either) => end != "gone",
        (_, Wanted::Ready) => end == "ready",
        (_, Wanted::Errored(kind)) => end == kind,
    };
    if !is_right {
        return Err(format!("wanted {:?} (harmed {harm} times)", upload.wanted));
    }
    let published: BTreeSet<_> = stored
        .iter()
        .filter_map(|key| key.strip_prefix("videos/"))
        .collect();
    match end {
        "gone" | "waiting" if !stored.is_empty() => return Err(format!("left {stored:?}")),
        // What may be tried again keeps what was made of it.
        "ready" | "gone" | "waiting" | "internal" | "too-long" | "too-large" => {}
        _ if published.is_empty() => {}
        _ => return Err(format!("published {published:?}")),
    }
    if upload.manner == Manner::Plain && notices != 1 {
        return Err(format!("was told of {notices} times"));
    }
    Ok(())
}

/// The keys of all that a ready video's players load.
fn referenced(video: &Value) -> BTreeSet<String> {
    let mut urls = BTreeSet::new();
    let playback = &video["playback"];
    for name in ["hls", "dash", "audio", "poster", "storyboard"] {
        urls.extend(playback[name].as_str().map(str::to_owned));
    }
    let lists = |url: &str| {
        let text = get(url).text();
        let quoted = text
            .split("URI=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let plain = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let names: Vec<_> = quoted.chain(plain).map(str::to_owned).collect();
        let folder = url
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned();
        names
            .into_iter()
            .map(move |name| format!("{folder}/{name}"))
    };
    if let Some(master) = playback["hls"].as_str() {
        for list in lists(master) {
            urls.extend(lists(&list));
            urls.insert(list);
        }
    }
    if let Some(storyboard) = playback["storyboard"].as_str() {
        let text = get(storyboard).text();
        let folder = storyboard.rsplit_once('/').map_or("", |(folder, _)| folder);
        let sheets = text
            .lines()
            .filter_map(|line| line.split_once("#xywh=").map(|(sheet, _)| sheet));
        urls.extend(sheets.map(|sheet| format!("{folder}/{sheet}")));
    }
    urls.iter()
        .filter_map(|url| url.find("/videos/").map(|at| url[at + 1..].to_owned()))
        .collect()
}

/// Every object of every video.
async fn objects(stack: &Stack) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (bucket, prefix) in [
        (&stack.uploads_bucket, "uploads/"),
        (&stack.media_bucket, "videos/"),
    ] {
        for key in stack.keys(bucket, prefix).await {
            let id = key.split('/').nth(1).unwrap_or_default().to_owned();
            found.entry(id).or_default().insert(key);
        }
    }
    found
}

/// The notices of each video, by their names.
async fn outcomes(stack: &Stack) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notice in notices(stack, "").await {
        let id = notice.name.get(..36).unwrap_or_default().to_owned();
        found.entry(id).or_default().push(notice.name);
    }
    found
}
