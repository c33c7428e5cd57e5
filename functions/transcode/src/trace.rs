//! Where an invocation's time goes: one line of the log says of each step how long it took.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The steps so far. Clones write to the same list.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Mutex<Steps>>);

#[derive(Debug)]
struct Steps {
    last: Instant,
    took: Vec<(&'static str, Duration)>,
}

impl Trace {
    /// Begins with the first step.
    pub fn begin() -> Self {
        Self(Arc::new(Mutex::new(Steps {
            last: Instant::now(),
            took: Vec::new(),
        })))
    }

    /// This step has ended, and the next one begins.
    pub fn end(&self, step: &'static str) {
        let now = Instant::now();
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let took = now - steps.last;
        steps.last = now;
        steps.took.push((step, took));
    }
}

/// `claim=12.3 sniff=4.5`, in milliseconds.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (position, (step, took)) in steps.took.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{step}={:.1}", took.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_time() {
        let trace = Trace::begin();
        std::thread::sleep(Duration::from_millis(12));
        trace.clone().end("claim");
        trace.end("sniff");
        let said = trace.to_string();
        let steps: Vec<_> = said
            .split(' ')
            .map(|step| {
                let (name, took) = step.split_once('=').unwrap();
                (name, took.parse::<f64>().unwrap())
            })
            .collect();
        assert!(
            matches!(steps[..], [("claim", claim), ("sniff", sniff)] if claim >= 12.0 && sniff < claim),
            "{said}"
        );
    }
}
