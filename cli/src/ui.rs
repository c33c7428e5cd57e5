//! Says what is being done, one line a step, with how long it took.
//!
//! On a terminal a step in progress shows a spinner or a bar. Elsewhere (CI, a log) the line starts
//! when the step starts, so a long step is never silence, and there are no control characters.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two percentages in plain output.
const PLAIN_TICK: Duration = Duration::from_secs(5);
/// Resolution of a bar.
const BAR: u64 = 1000;

/// The one voice of the command.
pub(crate) struct Ui {
    output: Output,
    terminal: bool,
    verbose: bool,
    /// Plain output: a step's line has begun and not ended.
    line_open: AtomicBool,
    begun: Instant,
}

/// Where it goes.
enum Output {
    Stdout,
    Stderr,
    File(File),
}

impl Ui {
    pub(crate) fn to_stdout(verbose: bool) -> Self {
        Self::new(Output::Stdout, io::stdout().is_terminal(), verbose)
    }

    /// For commands whose stdout is the answer.
    pub(crate) fn to_stderr(verbose: bool) -> Self {
        Self::new(Output::Stderr, io::stderr().is_terminal(), verbose)
    }

    /// For work beside other work that has the terminal.
    pub(crate) fn to_file(&self, file: File) -> Self {
        Self::new(Output::File(file), false, self.verbose)
    }

    fn new(output: Output, terminal: bool, verbose: bool) -> Self {
        Self {
            output,
            // A verbose run prints lines in the middle of a step, which a spinner would smear.
            terminal: terminal && !verbose,
            verbose,
            line_open: AtomicBool::new(false),
            begun: Instant::now(),
        }
    }

    /// Prints a line of its own.
    pub(crate) fn line(&self, text: &str) {
        self.close_line();
        self.write(&format!("{text}\n"));
    }

    /// Prints a line only with `--verbose`.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.line(text);
        }
    }

    /// Since the command started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Starts a step whose end cannot be foreseen.
    pub(crate) fn begin(&self, what: &str) -> Step<'_> {
        self.start(what, "{spinner} {msg} … {elapsed}")
    }

    /// Starts a step that reports how far it is.
    pub(crate) fn begin_measured(&self, what: &str) -> Step<'_> {
        self.start(what, "{spinner} {msg} {wide_bar} {percent:>3} % {elapsed}")
    }

    fn start(&self, what: &str, template: &str) -> Step<'_> {
        self.close_line();
        let bar = self.terminal.then(|| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(BAR)
                .with_style(style)
                .with_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            self.write(&format!("{what} … "));
            self.line_open.store(true, Ordering::Relaxed);
        }
        Step {
            ui: self,
            what: what.to_owned(),
            bar,
            started: Instant::now(),
            ticked: Cell::new(Instant::now()),
        }
    }

    fn close_line(&self) {
        if self.line_open.swap(false, Ordering::Relaxed) {
            self.write("\n");
        }
    }

    /// The file that it goes to, if it is one: programs that are shown write to it as well.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.output {
            Output::File(file) => Some(file),
            Output::Stdout | Output::Stderr => None,
        }
    }

    fn write(&self, text: &str) {
        // A closed pipe must not end a command that is still at work.
        let _ = match &self.output {
            Output::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            }
            Output::Stderr => io::stderr().lock().write_all(text.as_bytes()),
            Output::File(file) => (&mut &*file).write_all(text.as_bytes()),
        };
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        self.close_line();
    }
}

/// A step in progress. Dropped without an end, it leaves its line for the error that follows.
pub(crate) struct Step<'a> {
    ui: &'a Ui,
    what: String,
    bar: Option<ProgressBar>,
    started: Instant,
    ticked: Cell<Instant>,
}

impl Step<'_> {
    /// How far it is, 0 to 1.
    pub(crate) fn at(&self, fraction: f64) {
        let position = per_mille(fraction);
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        } else if self.ui.line_open.load(Ordering::Relaxed)
            && self.ticked.get().elapsed() >= PLAIN_TICK
        {
            self.ticked.set(Instant::now());
            self.ui.write(&format!("{} % ", position / 10));
        }
    }

    /// Ends the step.
    pub(crate) fn done(self) {
        self.end("");
    }

    /// Ends the step with what came of it.
    pub(crate) fn done_with(self, note: &str) {
        self.end(&format!("{note}, "));
    }

    fn end(self, note: &str) {
        let took = seconds(self.started.elapsed());
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.ui.write(&format!("✓ {} … {note}{took}\n", self.what));
        } else if self.ui.line_open.swap(false, Ordering::Relaxed) {
            self.ui.write(&format!("{note}{took}\n"));
        } else {
            self.ui.write(&format!("  {note}{took}\n"));
        }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar
            && !bar.is_finished()
        {
            bar.finish_and_clear();
            self.ui.write(&format!("✗ {}\n", self.what));
        }
    }
}

fn per_mille(fraction: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000 first"
    )]
    let position = (fraction.clamp(0.0, 1.0) * 1000.0) as u64;
    position
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole >= 100 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// A size as people read it, in decimal units.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(seconds(Duration::from_secs(99)), "99.0 s");
        assert_eq!(seconds(Duration::from_secs(127)), "2 min 07 s");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(7_260_000), "7.2 MB");
        assert_eq!(size(1_000_000_000), "1.0 GB");
    }

    #[test]
    fn progress_stays_on_the_bar() {
        assert_eq!(per_mille(-0.5), 0);
        assert_eq!(per_mille(0.25), 250);
        assert_eq!(per_mille(7.0), 1000);
        assert_eq!(per_mille(f64::NAN), 0);
    }
}
