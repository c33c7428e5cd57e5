//! What measured values are put into: quantiles, and limits that hold or do not.

use std::fmt;

use serde_json::{Value, json};

/// The limits of one part, each next to what was measured.
#[derive(Debug, Default)]
pub(crate) struct Limits(Vec<Limit>);

/// One limit and the value it is for.
#[derive(Debug)]
pub(crate) struct Limit {
    what: String,
    value: f64,
    bound: Bound,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Limits {
    /// A value that must not be above a limit.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, value: f64, limit: f64) {
        self.note(what.into(), value, Bound::AtMost(limit));
    }

    /// A value that must not be below a limit.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, value: f64, limit: f64) {
        self.note(what.into(), value, Bound::AtLeast(limit));
    }

    fn note(&mut self, what: String, value: f64, bound: Bound) {
        let limit = Limit { what, value, bound };
        let verdict = if limit.holds() { "" } else { "  <- NOT MET" };
        println!("  {limit}{verdict}");
        self.0.push(limit);
    }

    /// Those that do not hold.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter().filter(|limit| !limit.holds())
    }

    /// All of them.
    pub(crate) fn to_json(&self) -> Value {
        let limits = self.0.iter().map(|limit| {
            let (bound, at) = match limit.bound {
                Bound::AtMost(at) => ("at_most", at),
                Bound::AtLeast(at) => ("at_least", at),
            };
            json!({
                "what": limit.what,
                "value": limit.value,
                bound: at,
                "holds": limit.holds(),
            })
        });
        limits.collect()
    }
}

impl Limit {
    /// Not a number never holds.
    fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.value <= limit,
            Bound::AtLeast(limit) => self.value >= limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bound, at) = match self.bound {
            Bound::AtMost(at) => ("at most", at),
            Bound::AtLeast(at) => ("at least", at),
        };
        write!(f, "{}: {:.3} ({bound} {at})", self.what, self.value)
    }
}

/// The middle value; the upper one of two.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this share of all lies below.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the values"
    )]
    let index = (share * sorted.len() as f64) as usize;
    sorted
        .get(index)
        .or(sorted.last())
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert!((median(&values) - 51.0).abs() < 1e-9);
        assert!((quantile(&values, 0.99) - 100.0).abs() < 1e-9);
        assert!((quantile(&values, 1.0) - 100.0).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn what_was_not_measured_keeps_no_limit() {
        let mut limits = Limits::default();
        limits.at_most("kept", 1.0, 1.0);
        limits.at_least("missed", 0.9, 1.0);
        limits.at_most("unknown", f64::NAN, 1.0);
        let broken: Vec<_> = limits.broken().map(|limit| &limit.what[..]).collect();
        assert_eq!(broken, ["missed", "unknown"]);
    }
}
