//! The result as a person reads it.

use std::fmt::Write as _;

use super::place::Place;
use super::report::{Report, Row, Verdict};
use crate::ui;

/// What was checked, what came of it and how long it took, in columns.
pub(super) fn table(rows: &[Row]) -> String {
    let width = |text: fn(&Row) -> &str, head: &str| {
        let lengths = rows.iter().map(|row| text(row).chars().count());
        lengths.max().unwrap_or(0).max(head.len())
    };
    let (step, check) = (
        width(|row| row.step, "step"),
        width(|row| &row.check, "checked"),
    );
    let mut table = format!(
        "{:step$}  {:check$}  {:>8}  result\n",
        "step", "checked", "time"
    );
    let mut last = "";
    for row in rows {
        let shown = if row.step == last { "" } else { row.step };
        last = row.step;
        let took = ui::seconds(row.took);
        let result = match &row.verdict {
            Verdict::Passed(note) if note.is_empty() => "passed".to_owned(),
            Verdict::Passed(note) => format!("passed: {note}"),
            Verdict::NotChecked(why) => format!("not checked: {why}"),
            Verdict::Failed(_) => "FAILED".to_owned(),
        };
        let _ = writeln!(
            table,
            "{shown:step$}  {:check$}  {took:>8}  {result}",
            row.check
        );
    }
    table
}

/// The checks that failed: what was expected, what came, and where to look.
pub(super) fn faults(report: &Report, place: impl Fn(Place) -> String) -> String {
    let mut faults = String::new();
    for row in &report.rows {
        if let Verdict::Failed(fault) = &row.verdict {
            let _ = writeln!(
                faults,
                "FAILED  {}: {}\n  expected  {}\n  came      {}\n  look at   {}",
                row.step,
                row.check,
                indented(&fault.expected),
                indented(&fault.came),
                place(fault.place),
            );
        }
    }
    faults
}

/// What a program wrote may have several lines.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n            ")
}

#[cfg(test)]
mod tests {
    use super::super::report::Miss;
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.begin("api");
        report
            .check("no token", || Ok(((), "401".to_owned())))
            .expect("not stopped");
        report
            .check("a long name of a check", || Ok(((), String::new())))
            .expect("not stopped");
        report.begin("cdn");
        report.not_checked("https", "it is local");
        report
            .check("cors", || {
                let fault = Miss::fault("a header", "none\nat all\n", Place::UploadsCors);
                Err::<((), String), _>(fault)
            })
            .expect("not stopped");
        report
    }

    #[test]
    fn columns_stand_below_each_other() {
        let table = table(&report().rows);
        let expected = "\
step  checked                     time  result
api   no token                   0.0 s  passed: 401
      a long name of a check     0.0 s  passed
cdn   https                      0.0 s  not checked: it is local
      cors                       0.0 s  FAILED
";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_fault_says_what_came_and_where_to_look() {
        let faults = faults(&report(), |place| format!("{place:?}"));
        let expected = "\
FAILED  cdn: cors
  expected  a header
  came      none
            at all
  look at   UploadsCors
";
        assert_eq!(faults, expected);
    }
}
