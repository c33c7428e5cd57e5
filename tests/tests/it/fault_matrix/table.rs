//! What is printed, and judged.

use std::fmt::Write as _;

use reelrun_tests::fault_proxy::Mode;

/// What came of breaking one call in one way: in a few words, or what is wrong.
pub(crate) type Outcome = Result<String, String>;

/// One call, broken in each way.
pub(crate) struct Row {
    pub(crate) call: String,
    pub(crate) outcomes: Vec<(Mode, Outcome)>,
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
