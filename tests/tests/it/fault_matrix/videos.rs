//! Calls that are made while a video is encoded.

use std::{fs, sync::Mutex, time::Duration};

use reelrun_tests::{
    configuration::Reconfigured,
    delivery::sweep,
    fault_proxy::{Call, FaultProxy, Mode, Rule},
    media::Clips,
    notices::notices,
    poll::{Patience, so},
    stack::{Stack, get, put},
};
use serde_json::Value;

use crate::fault_matrix::table::{Row, judge};

/// A call, and what becomes of the video if it fails for as long as anyone tries.
struct Broken {
    name: &'static str,
    call: Call,
    for_ever: End,
}

/// How a video ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Ready: the call can be spared, or is made up for once it works again.
    Ready,
    /// Errored as `internal`.
    Internal,
    /// Ready where the run that has begun is faster than the function that gives it up.
    Either,
}

const fn broken(name: &'static str, call: Call, for_ever: End) -> Broken {
    Broken {
        name,
        call,
        for_ever,
    }
}

const READ_THE_SOURCE: Broken = broken(
    "read the source",
    Call::object("GET", "/source"),
    End::Internal,
);
const STORE_A_SEGMENT: Broken = broken(
    "store a segment",
    Call::object("PUT", ".m4s"),
    End::Internal,
);
const STORE_A_PLAYLIST: Broken = broken(
    "store a media playlist",
    Call::object("PUT", "/playlist.m3u8"),
    End::Internal,
);
const STORE_WHAT_WAS_MEASURED: Broken = broken(
    "store what was measured",
    Call::object("PUT", "/presentation.json"),
    End::Internal,
);
const STORE_THE_MASTER: Broken = broken(
    "store the master playlist",
    Call::object("PUT", "/master.m3u8"),
    End::Internal,
);
const IS_READY: Broken = broken(
    "note that it is ready",
    Call::change(&["ready_at"], &[]),
    End::Internal,
);

/// A video that one function encodes.
const ALONE: [Broken; 12] = [
    broken(
        "take the lease",
        Call::change(&["attempts"], &[]),
        End::Ready,
    ),
    READ_THE_SOURCE,
    broken(
        "record what it is",
        Call::change(&["source"], &[]),
        End::Internal,
    ),
    broken(
        "renew the lease",
        Call::change(&["lease_until", "progress"], &["status"]),
        End::Internal,
    ),
    STORE_A_SEGMENT,
    broken(
        "read a segment of the sound",
        Call::object("GET", ".m4s"),
        End::Internal,
    ),
    broken(
        "store the audio file",
        Call::object("PUT", "/audio.m4a"),
        End::Internal,
    ),
    STORE_A_PLAYLIST,
    STORE_WHAT_WAS_MEASURED,
    broken(
        "store the manifest",
        Call::object("PUT", "/manifest.mpd"),
        End::Internal,
    ),
    STORE_THE_MASTER,
    IS_READY,
];

/// A video that is encoded in chunks by the state machine, of which the source has no index.
const IN_CHUNKS: [Broken; 18] = [
    broken(
        "begin and end a copy",
        Call::object("POST", "/picture.nut"),
        End::Internal,
    ),
    broken(
        "store a part of a copy",
        Call::object("PUT", "/picture.nut"),
        End::Internal,
    ),
    broken(
        "read a copy",
        Call::object("GET", "/picture.nut"),
        End::Internal,
    ),
    broken(
        "remove a copy",
        Call::object("DELETE", "/picture.nut"),
        End::Ready,
    ),
    broken(
        "store the plan",
        Call::object("PUT", "/plan.json"),
        End::Internal,
    ),
    broken(
        "hand the lease over",
        Call::change(&["lease_until", "parts_done"], &["status"]),
        End::Internal,
    ),
    broken(
        "start the run",
        Call::operation("StartExecution"),
        End::Internal,
    ),
    broken(
        "hold the lease",
        Call::change(&["lease_until", "parts_counted"], &["parts_done"]),
        End::Either,
    ),
    broken("check the lease", Call::operation("GetItem"), End::Internal),
    broken(
        "read the plan",
        Call::object("GET", "/plan.json"),
        End::Internal,
    ),
    READ_THE_SOURCE,
    STORE_A_SEGMENT,
    broken(
        "store a report",
        Call::object("PUT", "/reports/"),
        End::Internal,
    ),
    broken(
        "note that a part is done",
        Call::change(&["parts_done"], &["lease_until"]),
        End::Ready,
    ),
    broken(
        "read a report",
        Call::object("GET", "/reports/"),
        End::Internal,
    ),
    STORE_A_PLAYLIST,
    STORE_THE_MASTER,
    IS_READY,
];

/// How long a call stays broken that would keep its video from any end.
const BROKEN_FOR: Duration = Duration::from_secs(45);

/// How long anyone tries, at the most: three attempts of an event, six of a task.
const PATIENCE: Duration = Duration::from_mins(5);

/// Cells that are tried at once. With twice as many, the emulator of a busy machine does not answer in
/// time, and what is seen is not only what was broken.
const AT_ONCE: usize = 8;

/// How long after a video's end a call may come, as that which removes what it left.
const AFTER_THE_END: Duration = Duration::from_secs(20);

struct Cell<'a> {
    broken: &'a Broken,
    mode: Mode,
    id: String,
    hits: u32,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_one_function_encodes() {
    try_all(
        "One function encodes the video",
        &ALONE,
        "-f lavfi -i sine -t 1",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_encoded_in_chunks() {
    let in_fragments = "-t 13 -movflags frag_keyframe+empty_moov";
    try_all("The video is encoded in chunks", &IN_CHUNKS, in_fragments).await;
}

async fn try_all(title: &str, calls: &'static [Broken], sound_and_options: &str) {
    let (stack, clips) = (Stack::get(), Clips::new());
    let proxy = FaultProxy::start(&stack.aws_endpoint_url).await;
    let _chunks = Reconfigured::chunks(&stack, 2).await;
    let through_proxy = ["S3", "DYNAMODB", "SFN"].map(|service| {
        let name: &str = Box::leak(format!("AWS_ENDPOINT_URL_{service}").into_boxed_str());
        (name, proxy.url())
    });
    let _proxied = Reconfigured::variables(&stack, &through_proxy).await;
    let clip = clips.make(
        "clip.mp4",
        &format!(
            "-f lavfi -i testsrc2=s=160x90:r=25 {sound_and_options} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"
        ),
    );
    let clip = fs::read(clip).unwrap_or_default();
    let waiting: Mutex<Vec<(&Broken, Mode)>> = Mutex::new(
        calls
            .iter()
            .flat_map(|broken| Mode::ALL.map(|mode| (broken, mode)))
            .rev()
            .collect(),
    );
    let cells = Mutex::new(Vec::new());
    let next = || waiting.lock().ok()?.pop();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((broken, mode)) = next() {
                    let cell = try_one(&stack, &proxy, &clip, broken, mode);
                    if let Ok(mut cells) = cells.lock() {
                        cells.push(cell);
                    }
                }
            });
        }
    });
    let cells = cells.into_inner().unwrap_or_default();
    bring_to_an_end(&stack, &cells).await;
    let mut rows = Vec::new();
    for broken in calls {
        let mut outcomes = Vec::new();
        for mode in Mode::ALL {
            let cell = cells
                .iter()
                .find(|cell| std::ptr::eq(cell.broken, broken) && cell.mode == mode);
            let outcome = match cell {
                Some(cell) => outcome(&stack, cell).await,
                None => Err("was not tried".into()),
            };
            outcomes.push((mode, outcome));
        }
        rows.push(Row {
            call: broken.name.into(),
            outcomes,
        });
    }
    judge(title, &rows);
}

/// Uploads a video whose calls of one kind are broken, until it has ended or nobody tries any more.
fn try_one<'a>(
    stack: &Stack,
    proxy: &FaultProxy,
    clip: &[u8],
    broken: &'a Broken,
    mode: Mode,
) -> Cell<'a> {
    let permission = stack.permission("clip.mp4", "video/mp4", clip.len() as u64);
    let id = permission.video_id;
    let rule: Rule = proxy.breaks(broken.call, &id, mode);
    put(&permission.url, &permission.content_type, clip);
    let limit = match (mode, broken.for_ever) {
        (Mode::ErrorForEver, End::Ready) => BROKEN_FOR,
        _ => PATIENCE,
    };
    // What has no end by then is brought to one, and judged after that.
    let patience = Patience::of(limit).every(Duration::from_millis(500));
    let _ = patience.try_block_on(|| so(has_ended(&stack.video(&id))));
    let _ = Patience::of(AFTER_THE_END).try_block_on(|| so(rule.hits() > 0));
    Cell {
        broken,
        mode,
        id,
        hits: rule.hits(),
    }
}

fn has_ended(video: &Value) -> bool {
    matches!(video["status"].as_str(), Some("ready" | "errored"))
}

/// What is left over now that every call works is the sweep's to see to.
async fn bring_to_an_end(stack: &Stack, cells: &[Cell<'_>]) {
    // Whatever stands still for half a minute, and not yet for three, is looked after by each sweep.
    let every = [("SWEEP_EVERY_SECONDS", "30".to_owned())];
    let _impatient = Reconfigured::function(stack, &stack.sweep_function, &every).await;
    let swept = async || {
        let left = cells.iter().any(|cell| !has_ended(&stack.video(&cell.id)));
        if left {
            sweep(stack).await;
        }
        so(!left)
    };
    let patience = Patience::of(PATIENCE).every(Duration::from_secs(2));
    let _ = patience.try_wait_for(swept).await;
}

async fn outcome(stack: &Stack, cell: &Cell<'_>) -> Result<String, String> {
    if cell.hits == 0 {
        return Err("the call was never made".into());
    }
    let video = stack.video(&cell.id);
    let status = video["status"].as_str().unwrap_or_default();
    let end = match (status, video["error"]["type"].as_str()) {
        ("ready", _) => End::Ready,
        ("errored", Some("internal")) => End::Internal,
        _ => return Err(format!("did not end right: {video}")),
    };
    let wanted = if cell.mode == Mode::ErrorForEver {
        cell.broken.for_ever
    } else {
        End::Ready
    };
    let attempts = stack.attempts(&cell.id).await;
    if end != wanted && wanted != End::Either {
        return Err(format!(
            "{status} after {attempts} attempts: {}",
            video["error"]
        ));
    }
    if end == End::Ready {
        let url = video["playback"]["hls"].as_str().unwrap_or_default();
        let master = get(url);
        if master.status != 200 || !master.text().contains("#EXT-X-STREAM-INF") {
            return Err(format!("is ready, but {url} answers {}", master.status));
        }
    }
    // A call that worked in the end is no reason to encode twice, nor is one that had worked.
    let works = matches!(cell.mode, Mode::ErrorOnce | Mode::AnswerLost);
    if end == End::Ready && works && attempts > 1 {
        return Err(format!("encoded {attempts} times"));
    }
    let told = async || {
        let told = notices(stack, &cell.id).await;
        if told.is_empty() { Err(told) } else { Ok(told) }
    };
    let told = Patience::of(Duration::from_mins(1)).try_wait_for(told);
    let told = told.await.unwrap_or_else(|none| none);
    if told.len() != 1 {
        let names: Vec<_> = told.iter().map(|notice| &notice.name).collect();
        return Err(format!("told {} times: {names:?}", told.len()));
    }
    Ok(format!("{status}, {attempts} tries"))
}
