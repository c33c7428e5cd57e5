//! Every test, with what it needs: local stacks of its own, ffmpeg, and cargo-nextest.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::args::TestArgs;
use crate::builder::Profile;
use crate::emulator_kind::EmulatorKind;
use crate::page;
use crate::prerequisites;
use crate::process::{Task, find_program};
use crate::project::{Project, make_folder};
use crate::stack::{self, Isolation, Obtained, Site, localstack};
use crate::state::StackState;

/// Installed when the machine has none that will do.
const NEXTEST: &str = "0.9.143";

/// Each is a local stack. One test at a time uses it; as many run at once as there are, which
/// `.config/nextest.toml` knows. Many tests wait most of their time, so there is one more than two
/// cores could keep busy.
const STACKS: [&str; 3] = ["test", "test-2", "test-3"];

/// Where tests run on `LocalStack`: one at a time, since it takes up to a gigabyte.
const LOCALSTACK: &str = "test-localstack";

/// Of `.config/nextest.toml`: the tests that run on `LocalStack` unless others are named.
const LOCALSTACKS_PART: [&str; 2] = ["--profile", "localstack"];

/// `cargo reelrun test`.
pub(crate) fn run(project: &Project, args: &TestArgs) -> Result<u8> {
    project
        .say
        .line("Reelrun: every test, against local stacks of its own");
    let runs_all = args.nextest.is_empty();
    let emulator = args.emulator.unwrap_or_default();
    let endpoint = args.endpoint.of(emulator);
    // A second opinion on what the first emulator says.
    let is_repeated = args.emulator.is_none() && runs_all && !args.page;
    // What needs a person comes before minutes of building.
    let browser = (args.page || runs_all && emulator == EmulatorKind::MiniStack)
        .then(Browser::find)
        .transpose()?;
    prerequisites::strace()?;
    if let Some(missing) = Isolation::probe(project)?.missing_rules()
        && !args.allow_missing_rules
    {
        bail!(
            "{missing}\nWhat passes here may fail on Lambda. Run the tests where namespaces are allowed (a \
             container: start it with `--privileged`; Ubuntu: `sudo sysctl \
             kernel.apparmor_restrict_unprivileged_userns=0`), or all the same with \
             `--allow-missing-rules`"
        );
    }
    if is_repeated || emulator == EmulatorKind::LocalStack && endpoint.is_none() {
        localstack::check(project)?;
    }
    crate::tools::prepare(project)?;
    install_nextest(project)?;
    let sites: Vec<_> = match emulator {
        // The page's tests run one by one.
        EmulatorKind::MiniStack if args.page => vec![Site::aside(project, STACKS[0])],
        EmulatorKind::MiniStack => STACKS.map(|name| Site::aside(project, name)).into(),
        EmulatorKind::LocalStack => {
            vec![Site::aside(project, LOCALSTACK).on(emulator, endpoint)]
        }
    };
    let sites = &sites[..];
    let profile = if args.release {
        Profile::Release
    } else {
        sites[0].profile()
    };
    let stacks = stack::obtain_all(project, profile, sites)?;
    if stacks
        .iter()
        .any(|stack| matches!(stack, Obtained::Theirs(_)))
    {
        project
            .say
            .line("Another `cargo reelrun test` serves these stacks; sharing them.");
    }
    let state = stacks[0].state();

    let mut codes = Vec::new();
    if !args.page {
        let mut chosen = args.nextest.clone();
        if emulator == EmulatorKind::LocalStack {
            chosen.extend(LOCALSTACKS_PART.map(ToOwned::to_owned));
            if !runs_all {
                chosen.push("--ignore-default-filter".to_owned());
            }
        }
        codes.push(tests(project, sites, state, &chosen)?);
    }
    if emulator == EmulatorKind::MiniStack
        && runs_all
        && !args.page
        && has_doc_tests(project.root())
    {
        let task = with_stacks(project, cargo(project, "doc tests")?, sites, state)?;
        codes.push(
            task.args(["test", "--workspace", "--doc", "--quiet"])
                .show()?,
        );
    }
    if let Some(browser) = browser {
        project.say.line("Running the page's tests");
        codes.push(browser.unit_tests(project)?);
        codes.push(browser.page_tests(project, &sites[..1], state)?);
    }
    if is_repeated {
        drop(stacks);
        let site = Site::aside(project, LOCALSTACK).on(EmulatorKind::LocalStack, None);
        let stack = stack::obtain(project, profile, &site)?;
        let part = LOCALSTACKS_PART.map(ToOwned::to_owned);
        codes.push(tests(project, &[site], stack.state(), &part)?);
    }
    Ok(codes.into_iter().max().unwrap_or_default())
}

/// Runs tests with nextest; `chosen` are its arguments.
fn tests(project: &Project, sites: &[Site], state: &StackState, chosen: &[String]) -> Result<u8> {
    let emulator = state.local.as_ref().map_or("AWS", |it| it.emulator.name());
    project
        .say
        .line(&format!("Running the tests on {emulator}"));
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match sites.len() {
        1 => 1,
        count => cores.max(count),
    };
    with_stacks(project, cargo(project, "tests")?, sites, state)?
        .args(["nextest", "run", "--workspace"])
        .env("NEXTEST_TEST_THREADS", threads.to_string())
        .args(chosen)
        .show()
}

/// What the page's tests need beside the stack.
struct Browser {
    npm: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    fn find() -> Result<Self> {
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

    fn unit_tests(&self, project: &Project) -> Result<u8> {
        page::install(project, &self.npm)?;
        self.script(project, "test").show()
    }

    fn page_tests(&self, project: &Project, sites: &[Site], state: &StackState) -> Result<u8> {
        let screenshots = project.target().join("screenshots");
        make_folder(&screenshots)?;
        with_stacks(project, self.script(project, "test:page"), sites, state)?
            .env("REELRUN_CHROMIUM", &self.chromium)
            .env("REELRUN_PYTHON", project.tool("python"))
            .env(
                "REELRUN_PAGE_RESULTS",
                project.target().join("page-results"),
            )
            .env("REELRUN_SCREENSHOTS", &screenshots)
            .show()
    }
}

/// Shows a task which stacks are there, and the layer's ffmpeg, which the first one's state names.
pub(crate) fn with_stacks<'a>(
    project: &Project,
    task: Task<'a>,
    sites: &[Site],
    state: &StackState,
) -> Result<Task<'a>> {
    let own = std::env::current_exe().context("this program's file is gone")?;
    let task = task
        .env(
            "REELRUN_STACK",
            Project::joined(sites.iter().map(Site::state_file))?,
        )
        .env("REELRUN_COMMAND", own);
    let Some(local) = &state.local else {
        return Ok(task);
    };
    let path = Project::path_with(&[local.ffmpeg_dir.clone(), project.cargo_tools().join("bin")])?;
    Ok(task
        .env("REELRUN_FFMPEG_DIR", &local.ffmpeg_dir)
        .env("PATH", path))
}

/// cargo, with the programs cargo installed for this project.
fn cargo<'a>(project: &'a Project, what: &str) -> Result<Task<'a>> {
    let path = Project::path_with(&[project.cargo_tools().join("bin")])?;
    Ok(Task::new(project, what, "cargo").env("PATH", path))
}

fn install_nextest(project: &Project) -> Result<()> {
    // Fails as well if the version is below the one that `.config/nextest.toml` asks for.
    if cargo(project, "nextest version")?
        .args(["nextest", "show-config", "version"])
        .succeeds()
    {
        return Ok(());
    }
    let step = project
        .say
        .begin("Installing cargo-nextest (once, some minutes)");
    Task::new(project, "nextest install", "cargo")
        .args([
            "install",
            "cargo-nextest",
            "--locked",
            "--version",
            NEXTEST,
            "--root",
        ])
        .arg(project.cargo_tools())
        .way_out(
            "Install it yourself (its site has ready-made programs), then run the command again.",
        )
        .run()?;
    step.done();
    Ok(())
}

/// Whether any library has examples in its documentation; compiling for none would take a while.
fn has_doc_tests(root: &Path) -> bool {
    fn within(folder: &Path) -> bool {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| {
                let path = entry.path();
                if path.is_dir() {
                    return within(&path);
                }
                path.extension().is_some_and(|extension| extension == "rs")
                    && fs::read_to_string(&path).is_ok_and(|text| has_example(&text))
            })
    }
    ["functions", "tests"]
        .iter()
        .any(|folder| within(&root.join(folder)))
}

fn has_example(source: &str) -> bool {
    source.lines().any(|line| {
        let line = line.trim_start();
        (line.starts_with("///") || line.starts_with("//!")) && line.contains("```")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_found_in_documentation_only() {
        assert!(has_example("  /// ```\n  /// one();\n"));
        assert!(has_example("//! ```rust\n"));
        assert!(!has_example("// ```\nlet fence = \"```\";\n"));
    }
}
