//! What is printed, and judged.

use std::fmt::Write as _;

use reelrun_tests::fault_proxy::{Call, Mode};
use tokio::sync::Mutex;

/// What came of breaking one call in one way: in a few words, or what is wrong.
pub(crate) type Outcome = Result<String, String>;

/// One call, broken in each way.
pub(crate) struct Row {
    pub(crate) call: String,
    pub(crate) outcomes: Vec<(Mode, Outcome)>,
}

/// Breaks each call in each way, many at the same time, and judges what comes of it.
pub(crate) async fn try_all(
    title: &str,
    calls: &[(&'static str, Call)],
    at_once: usize,
    try_one: impl AsyncFn(Call, Mode) -> Outcome,
) {
    let cells = calls.iter().enumerate();
    let cells = cells.flat_map(|(at, (_, call))| Mode::ALL.map(|mode| (at, *call, mode)));
    let waiting = Mutex::new(cells.rev().collect::<Vec<_>>());
    let tried = Mutex::new(Vec::new());
    let work = async || {
        loop {
            let Some((at, call, mode)) = waiting.lock().await.pop() else {
                return;
            };
            let outcome = try_one(call, mode).await;
            tried.lock().await.push((at, mode, outcome));
        }
    };
    futures_util::future::join_all((0..at_once).map(|_| work())).await;
    let mut tried = tried.into_inner();
    let rows: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(at, (name, _))| Row {
            call: (*name).into(),
            outcomes: tried
                .extract_if(.., |(of, ..)| *of == at)
                .map(|(_, mode, outcome)| (mode, outcome))
                .collect(),
        })
        .collect();
    judge(title, &rows);
}

/// Prints the table, and fails if any of it is wrong.
pub(crate) fn judge(title: &str, rows: &[Row]) {
    let mut text = format!("{title}\n{:<44}", "call");
    for mode in Mode::ALL {
        let _ = write!(text, "{:<26}", format!("{mode:?}"));
    }
    let mut wrong = Vec::new();
    for row in rows {
        let _ = write!(text, "\n{:<44}", row.call);
        for (mode, outcome) in &row.outcomes {
            let words = match outcome {
                Ok(words) => words,
                Err(why) => {
                    wrong.push(format!("{} / {mode:?}: {why}", row.call));
                    "WRONG"
                }
            };
            let _ = write!(text, "{words:<26}");
        }
    }
    println!("{text}");
    assert!(wrong.is_empty(), "{text}\n\n{}", wrong.join("\n"));
}
