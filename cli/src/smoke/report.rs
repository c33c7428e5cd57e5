//! What was checked, and what came of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::place::Place;
use crate::signals;

/// A check that found the stack at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) expected: String,
    pub(super) came: String,
    /// Where in the stack to look.
    pub(super) place: Place,
}

/// Why a check was not passed.
#[derive(Clone, Debug)]
pub(super) enum Miss {
    Fault(Fault),
    /// It could not be made, for this reason; that says nothing of the stack.
    NotChecked(String),
}

impl Miss {
    pub(super) fn fault(
        expected: impl Into<String>,
        came: impl Into<String>,
        place: Place,
    ) -> Self {
        Self::Fault(Fault {
            expected: expected.into(),
            came: came.into(),
            place,
        })
    }
}

/// What a check found, and what to say of it; or why it was not passed.
pub(super) type Outcome<T> = Result<(T, String), Miss>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed(String),
    NotChecked(String),
    Failed(Fault),
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) step: &'static str,
    pub(super) check: String,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
}

/// All that was checked so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    step: &'static str,
}

impl Report {
    /// What is checked from now on belongs to this step.
    pub(super) fn begin(&mut self, step: &'static str) {
        self.step = step;
    }

    /// Makes a check and notes what came of it. An error only if the command is told to end.
    pub(super) fn check<T>(
        &mut self,
        check: impl Into<String>,
        work: impl FnOnce() -> Outcome<T>,
    ) -> Result<Option<T>> {
        signals::check()?;
        let begun = Instant::now();
        let outcome = work();
        // What fails because the command ends is no fault of the stack's.
        signals::check()?;
        let (found, verdict) = match outcome {
            Ok((found, note)) => (Some(found), Verdict::Passed(note)),
            Err(Miss::NotChecked(why)) => (None, Verdict::NotChecked(why)),
            Err(Miss::Fault(fault)) => (None, Verdict::Failed(fault)),
        };
        self.rows.push(Row {
            step: self.step,
            check: check.into(),
            verdict,
            took: begun.elapsed(),
        });
        Ok(found)
    }

    /// Notes that a check could not be made.
    pub(super) fn not_checked(&mut self, check: impl Into<String>, why: impl Into<String>) {
        self.rows.push(Row {
            step: self.step,
            check: check.into(),
            verdict: Verdict::NotChecked(why.into()),
            took: Duration::ZERO,
        });
    }

    pub(super) fn count(&self) -> Count {
        Count::of(&self.rows)
    }

    /// Everything, for a program.
    pub(super) fn json(
        &self,
        stack: &str,
        place: impl Fn(Place) -> String,
        took: Duration,
    ) -> Value {
        let rows = self.rows.iter().map(|row| {
            let mut json = json!({
                "step": row.step, "check": row.check, "seconds": row.took.as_secs_f64(),
            });
            let more = match &row.verdict {
                Verdict::Passed(note) => json!({"result": "passed", "note": note}),
                Verdict::NotChecked(why) => json!({"result": "not checked", "note": why}),
                Verdict::Failed(fault) => json!({
                    "result": "failed", "expected": fault.expected, "came": fault.came,
                    "look_at": place(fault.place),
                }),
            };
            if let (Value::Object(json), Value::Object(more)) = (&mut json, more) {
                json.extend(more);
            }
            json
        });
        let rows: Vec<_> = rows.collect();
        let count = self.count();
        json!({
            "stack": stack, "passed": count.failed == 0, "seconds": took.as_secs_f64(), "checks": rows,
        })
    }
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) not_checked: usize,
    pub(super) failed: usize,
}

impl Count {
    pub(super) fn of(rows: &[Row]) -> Self {
        let count = |is: fn(&Verdict) -> bool| rows.iter().filter(|row| is(&row.verdict)).count();
        Self {
            passed: count(|verdict| matches!(verdict, Verdict::Passed(_))),
            not_checked: count(|verdict| matches!(verdict, Verdict::NotChecked(_))),
            failed: count(|verdict| matches!(verdict, Verdict::Failed(_))),
        }
    }

    /// In words.
    pub(super) fn words(self) -> String {
        let mut words = format!("{} passed", self.passed);
        for (count, what) in [(self.not_checked, "not checked"), (self.failed, "FAILED")] {
            if count > 0 {
                let _ = write!(words, ", {count} {what}");
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_checked_is_not_passed() {
        let mut report = Report::default();
        report.begin("api");
        let found = report.check("a", || Ok((7, "fine".to_owned())));
        assert_eq!(found.expect("not stopped"), Some(7));
        report
            .check("b", || {
                Err::<((), String), _>(Miss::NotChecked("why".into()))
            })
            .expect("not stopped");
        report
            .check("c", || {
                Err::<((), String), _>(Miss::fault("x", "y", Place::Lookup))
            })
            .expect("not stopped");
        report.not_checked("d", "why");
        let count = report.count();
        assert_eq!((count.passed, count.not_checked, count.failed), (1, 2, 1));
        assert_eq!(count.words(), "1 passed, 2 not checked, 1 FAILED");
        let json = report.json("films", |_| "there".into(), Duration::from_secs(1));
        assert_eq!(json["passed"], false);
        assert_eq!(json["checks"][0]["result"], "passed");
        assert_eq!(json["checks"][1]["result"], "not checked");
        assert_eq!(json["checks"][2]["look_at"], "there");
    }
}
