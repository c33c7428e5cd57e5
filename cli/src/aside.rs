//! Work beside other work that has the terminal: its output goes to a log, and is printed in the end.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::private_file;
use crate::project::{Project, make_folder};

/// A project that reports to a log only.
pub(crate) struct Aside {
    pub(crate) project: Project,
    log: PathBuf,
}

impl Aside {
    /// `name` is the log's.
    pub(crate) fn new(project: &Project, name: &str) -> Result<Self> {
        make_folder(&project.logs())?;
        let log = project.logs().join(format!("{name}.log"));
        let file = private_file(&log).with_context(|| format!("cannot write {}", log.display()))?;
        Ok(Self {
            project: project.with_ui(project.say.to_file(file)),
            log,
        })
    }

    /// Prints the log.
    pub(crate) fn print(self, project: &Project) {
        project.say.line(self.said().trim_end());
    }

    fn said(self) -> String {
        // Dropped, it ends the line that it had begun.
        drop(self.project);
        let said = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Task;
    use crate::ui::Ui;

    #[test]
    fn what_is_said_and_what_is_shown_are_kept_in_order() {
        let project = Project::find(Ui::to_stdout(false)).expect("the checkout");
        let aside = Aside::new(&project, &format!("aside-{}", std::process::id())).expect("a log");
        let log = aside.log.clone();
        aside.project.say.line("First");
        let code = Task::new(&aside.project, "words", "sh")
            .args(["-c", "echo second; echo third >&2; exit 3"])
            .show();
        drop(aside.project.say.begin("Fourth"));
        assert_eq!(aside.said(), "First\nsecond\nthird\nFourth … \n");
        assert_eq!(code.expect("a shell"), 3);
        fs::remove_file(log).expect("the log");
    }
}
