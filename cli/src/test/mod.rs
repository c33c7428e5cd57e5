//! Every test, with what it needs: local stacks of its own, ffmpeg, and cargo-nextest.
//!
//! Most tests wait much of their time: for an encode, for a lease to end, for a player. So what has a
//! stack of its own runs beside the rest: the page's tests, and those on the other emulator after them.

mod browser;
mod nextest;
mod stacks;

use std::panic::resume_unwind;
use std::slice;
use std::thread;

use anyhow::{Context, Result, bail};

use self::browser::Browser;
pub(crate) use self::stacks::with_stacks;
use crate::args::TestArgs;
use crate::aside::Aside;
use crate::builder::Profile;
use crate::emulator_kind::EmulatorKind;
use crate::players;
use crate::prerequisites;
use crate::project::Project;
use crate::stack::{self, Isolation, Obtained, Site, localstack};

/// Each is a local stack. One test at a time uses it; as many run at once as there are, which
/// `.config/nextest.toml` knows. Many tests wait most of their time, so there is one more than two
/// cores could keep busy.
const STACKS: [&str; 3] = ["test", "test-2", "test-3"];

/// Where the page's tests run, one by one.
const PAGE: &str = "test-page";

/// Where tests run on `LocalStack`: one at a time, since it takes up to a gigabyte.
const LOCALSTACK: &str = "test-localstack";

/// Of `.config/nextest.toml`: the tests that run on `LocalStack` unless others are named.
const LOCALSTACKS_PART: [&str; 2] = ["--profile", "localstack"];

/// `cargo reelrun test`.
pub(crate) fn run(project: &Project, args: &TestArgs) -> Result<u8> {
    project
        .say
        .line("Reelrun: every test, against local stacks of its own");
    let runs_all = args.nextest.is_empty() && !args.page;
    let emulator = args.emulator.unwrap_or_default();
    let endpoint = args.endpoint.of(emulator);
    // A second opinion on what the first emulator says.
    let is_repeated = args.emulator.is_none() && runs_all;
    // What needs a person comes before minutes of building.
    let browser = (args.page || runs_all && emulator == EmulatorKind::MiniStack)
        .then(Browser::find)
        .transpose()?;
    check_machine(project, args)?;
    if is_repeated || emulator == EmulatorKind::LocalStack && endpoint.is_none() {
        localstack::check(project)?;
    }
    crate::tools::prepare(project)?;
    nextest::install(project)?;
    let mut sites: Vec<_> = match emulator {
        EmulatorKind::MiniStack if args.page => Vec::new(),
        EmulatorKind::MiniStack => STACKS.map(|name| Site::aside(project, name)).into(),
        EmulatorKind::LocalStack => vec![Site::aside(project, LOCALSTACK).on(emulator, endpoint)],
    };
    if browser.is_some() {
        sites.push(Site::aside(project, PAGE));
    }
    let profile = if args.release {
        Profile::Release
    } else {
        sites[0].profile()
    };
    let mut stacks = stack::obtain_all(project, profile, &sites)?;
    if stacks
        .iter()
        .any(|stack| matches!(stack, Obtained::Theirs(_)))
    {
        project
            .say
            .line("Another `cargo reelrun test` serves these stacks; sharing them.");
    }
    let page = match browser {
        Some(browser) => Some(PageTests {
            browser,
            site: sites.pop().context("the page has a site")?,
            stack: stacks.pop().context("the page has a stack")?,
        }),
        None => None,
    };
    if args.page {
        return page
            .context("the page's tests were asked for")?
            .run(project);
    }

    let mut chosen = args.nextest.clone();
    if emulator == EmulatorKind::LocalStack {
        chosen.extend(LOCALSTACKS_PART.map(ToOwned::to_owned));
        if !runs_all {
            chosen.push("--ignore-default-filter".to_owned());
        }
    }
    let rust_tests = || -> Result<u8> {
        let state = stacks[0].state();
        let code = nextest::run(project, &sites, state, &chosen)?;
        if runs_all && emulator == EmulatorKind::MiniStack {
            return Ok(code.max(nextest::doc_tests(project, &sites, state)?));
        }
        Ok(code)
    };
    let Some(page) = page else {
        return rust_tests();
    };
    // Beside them nothing is compiled.
    nextest::build(project)?;
    let aside = Aside::new(project, "tests-beside")?;
    project.say.line(if is_repeated {
        "The page's tests run beside the others, and then those on LocalStack; what they say comes last"
    } else {
        "The page's tests run beside the others; what they say comes last"
    });
    let beside = || -> Result<u8> {
        let code = page.run(&aside.project)?;
        if is_repeated {
            return Ok(code.max(on_localstack(&aside.project, profile)?));
        }
        Ok(code)
    };
    let (first, second) = at_once(rust_tests, beside);
    aside.print(project);
    Ok(first?.max(second?))
}

/// Does the one on this thread and the other beside it.
fn at_once<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        (
            one,
            other.join().unwrap_or_else(|panic| resume_unwind(panic)),
        )
    })
}

/// Fails where tests would, for what this machine lacks.
fn check_machine(project: &Project, args: &TestArgs) -> Result<()> {
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
    let plays =
        args.page || args.nextest.is_empty() && args.emulator != Some(EmulatorKind::LocalStack);
    if plays
        && !args.allow_missing_players
        && let Some(missing) = players::missing(project, args.page)
    {
        bail!("{missing}\nor run the other tests all the same, with `--allow-missing-players`");
    }
    Ok(())
}

/// The page's tests, and the stack that is theirs.
struct PageTests {
    browser: Browser,
    site: Site,
    stack: Obtained,
}

impl PageTests {
    /// Runs them, and ends the stack.
    fn run(self, project: &Project) -> Result<u8> {
        project.say.line("Running the page's tests");
        let units = self.browser.unit_tests(project)?;
        let page = self
            .browser
            .page_tests(project, &self.site, self.stack.state())?;
        Ok(units.max(page))
    }
}

/// Starts `LocalStack` and runs its part of the tests on it.
fn on_localstack(project: &Project, profile: Profile) -> Result<u8> {
    let site = Site::aside(project, LOCALSTACK).on(EmulatorKind::LocalStack, None);
    let stack = stack::obtain(project, profile, &site)?;
    let part = LOCALSTACKS_PART.map(ToOwned::to_owned);
    nextest::run(project, slice::from_ref(&site), stack.state(), &part)
}
