//! The page's tests: units, and the page in Chromium on a stack with the real functions.

use std::path::PathBuf;
use std::slice;

use anyhow::{Context, Result};

use super::stacks::with_stacks;
use crate::page;
use crate::players;
use crate::process::{Task, find_program};
use crate::project::{Project, make_folder};
use crate::stack::Site;
use crate::state::StackState;

/// What the page's tests need beside the stack.
pub(super) struct Browser {
    npm: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    pub(super) fn find() -> Result<Self> {
        const NAMES: [&str; 4] = [
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ];
        let npm = find_program("npm").context(
            "the page's tests need Node.js 20.19 or newer with npm; install it (nodejs.org has it for \
             every system), then run the command again",
        )?;
        let chromium = std::env::var_os("REELRUN_CHROMIUM")
            .map(PathBuf::from)
            .or_else(|| NAMES.into_iter().find_map(find_program));
        let chromium = chromium.context(
            "the page's tests need Chromium; install it (Debian and Ubuntu: `sudo apt install \
             chromium`, Fedora: `sudo dnf install chromium`) or name one in REELRUN_CHROMIUM, then \
             run the command again",
        )?;
        Ok(Self { npm, chromium })
    }

    /// A script of `web/package.json`.
    fn script<'a>(&self, project: &'a Project, name: &str) -> Task<'a> {
        Task::new(project, "page tests", &self.npm)
            .args(["--prefix", "web", "run", "--silent"])
            .arg(name)
    }

    pub(super) fn unit_tests(&self, project: &Project) -> Result<u8> {
        page::install(project, &self.npm)?;
        self.script(project, "test").show()
    }

    pub(super) fn page_tests(
        &self,
        project: &Project,
        site: &Site,
        state: &StackState,
    ) -> Result<u8> {
        let screenshots = project.target().join("screenshots");
        make_folder(&screenshots)?;
        let script = self.script(project, "test:page");
        with_stacks(project, script, slice::from_ref(site), state)?
            .env("REELRUN_CHROMIUM", &self.chromium)
            .env("REELRUN_FIREFOX", players::firefox().unwrap_or_default())
            .env("REELRUN_PYTHON", project.tool("python"))
            .env(
                "REELRUN_PAGE_RESULTS",
                project.target().join("page-results"),
            )
            .env("REELRUN_SCREENSHOTS", &screenshots)
            .show()
    }
}
