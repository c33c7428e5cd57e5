//! Encodes in chunks: how many there were, and whether two results are alike.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use serde_json::Value;

use crate::{
    attempts::without_attempts,
    configuration::Reconfigured,
    poll::Patience,
    stack::{Stack, get},
};

/// The executions of a video, newest first: name, and how each ended.
pub async fn executions(stack: &Stack, id: &str) -> Vec<(String, ExecutionStatus)> {
    let list = aws_sdk_sfn::Client::new(&stack.aws())
        .list_executions()
        .state_machine_arn(&stack.state_machine_arn)
        .send()
        .await
        .unwrap();
    let ours = list
        .executions
        .into_iter()
        .filter(|e| e.name.starts_with(id));
    ours.map(|e| (e.name, e.status)).collect()
}

/// The only execution of a video, once it is over: name, and how it ended. Its video's record is at
/// its end a moment earlier.
pub async fn ended_run(stack: &Stack, id: &str) -> (String, ExecutionStatus) {
    let look = async || {
        let runs = executions(stack, id).await;
        let [run] = &runs[..] else {
            panic!("one run is expected: {runs:?}");
        };
        if run.1 == ExecutionStatus::Running {
            return Err(run.clone());
        }
        Ok(run.clone())
    };
    let patience = Patience::of(Duration::from_mins(2));
    patience.wait_for("the run ends", look).await
}

/// How many times an execution has asked for a task, each try counted, and the errors of those
/// that failed.
pub async fn tasks(stack: &Stack, name: &str) -> (usize, Vec<String>) {
    let history = aws_sdk_sfn::Client::new(&stack.aws())
        .get_execution_history()
        .execution_arn(execution_arn(stack, name))
        .max_results(1000)
        .send()
        .await
        .unwrap();
    let started = history
        .events
        .iter()
        .filter(|event| event.r#type == HistoryEventType::TaskScheduled);
    let failed = history
        .events
        .iter()
        .filter_map(|event| event.task_failed_event_details()?.error.clone());
    (started.count(), failed.collect())
}

/// What AWS calls an execution.
pub fn execution_arn(stack: &Stack, name: &str) -> String {
    let machine = &stack.state_machine_arn;
    format!(
        "{}:{name}",
        machine.replace(":stateMachine:", ":execution:")
    )
}

/// Encodes a file in this many chunks, and makes sure that it was this many.
pub async fn encoded(stack: &Stack, file: &Path, chunks: u32) -> Value {
    let _configuration = Reconfigured::chunks(stack, chunks).await;
    let id = stack.upload(file);
    let video = stack.settled(&id);
    assert_eq!(video["status"], "ready", "{chunks} chunks: {video:#}");
    let runs = executions(stack, &id).await;
    if chunks == 1 {
        assert!(runs.is_empty(), "{runs:?}");
    } else {
        let [(name, _)] = &runs[..] else {
            panic!("one run is expected: {runs:?}");
        };
        let work = format!("work/{id}/{}/reports/chunk-", &name[id.len() + 1..]);
        let reports = stack.keys(&stack.uploads_bucket, &work).await;
        // One fewer where the first chunk is longer, since the picture starts late.
        let chunks = chunks as usize;
        assert!(
            (chunks - 1..=chunks).contains(&reports.len()),
            "{} parts",
            reports.len()
        );
    }
    video
}

/// The master playlist's URL.
pub fn hls(video: &Value) -> &str {
    video["playback"]["hls"].as_str().unwrap()
}

/// All playlists of a video and its manifest, without what depends on how many bytes were written.
pub fn timing(video: &Value) -> BTreeMap<String, String> {
    let master_url = video["playback"]["hls"].as_str().unwrap();
    let base = master_url.strip_suffix("master.m3u8").unwrap();
    let master = get(master_url).text();
    let mut texts = BTreeMap::new();
    for line in master.lines() {
        let quoted = line
            .split("URI=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let uri = quoted.or((!line.starts_with('#') && !line.is_empty()).then_some(line));
        if let Some(uri) = uri {
            texts.insert(
                without_attempts(uri),
                without_bytes(&get(&format!("{base}{uri}")).text()),
            );
        }
    }
    let mpd = get(video["playback"]["dash"].as_str().unwrap()).text();
    texts.insert("manifest.mpd".into(), without_bytes(&mpd));
    // Which variant comes first depends on the rates; the set does not.
    let mut lines: Vec<_> = master.lines().map(without_bytes).collect();
    lines.sort();
    texts.insert("master.m3u8".into(), lines.join("\n"));
    texts
}

/// Leaves out byte ranges and bit rates, and which attempt it was.
fn without_bytes(text: &str) -> String {
    let mut kept = String::new();
    for line in without_attempts(text)
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-BYTERANGE"))
    {
        let mut rest = line;
        while let Some(at) = rest.to_lowercase().find("bandwidth=") {
            let (before, after) = rest.split_at(at + "bandwidth=".len());
            kept.push_str(before);
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '"');
        }
        let _ = writeln!(kept, "{rest}");
    }
    kept
}

/// The initialization segments, byte by byte: of the renditions, highest first, and of the main sound.
pub fn inits(video: &Value) -> Vec<Vec<u8>> {
    let renditions = video["renditions"].as_array().unwrap().iter();
    let names = renditions.map(|r| format!("video/{}", r["name"].as_str().unwrap()));
    let has_sound = video["source"]["audio_codec"].is_string();
    let tracks = names.chain(has_sound.then(|| "audio/main".into()));
    tracks
        .map(|track| get(&playlist(video, &track).replace("playlist.m3u8", "init.mp4")).body)
        .collect()
}

/// The URL of a track's playlist, as the master playlist has it, whichever attempt encoded the track.
pub fn playlist(video: &Value, track: &str) -> String {
    let master = get(hls(video)).text();
    let mut words = master.split(['"', '\n']);
    let wanted = format!("{track}/playlist.m3u8");
    let uri = words.find(|word| without_attempts(word) == wanted);
    hls(video).replace(
        "master.m3u8",
        uri.unwrap_or_else(|| panic!("no {track}: {master}")),
    )
}
