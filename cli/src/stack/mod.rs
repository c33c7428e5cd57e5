//! The local stack: the emulator, the proxy before it, and `infra/template.yaml` deployed to it.
//!
//! It lives as long as the process that started it and is described by a `stack.json` that is there
//! only while it serves. Each folder holds at most one stack; a lock file sees to that.

mod backend;
mod edge;
mod emulator;
mod emulator_process;
mod http_head;
mod isolation;
pub(crate) mod localstack;
mod proxy;
mod site;
mod start;
mod wire;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;

pub(crate) use self::isolation::Isolation;
pub(crate) use self::site::Site;
use self::start::{Built, update};
pub(crate) use self::start::{Obtained, obtain, obtain_all};
use crate::args::{PROXY_PORT, UpArgs};
use crate::prerequisites;
use crate::process::{Task, tail};
use crate::process_registry;
use crate::project::Project;
use crate::signals;
use crate::state::StackState;

/// A whole start, builds included, may take this long before a waiting process gives up.
const START_PATIENCE: Duration = Duration::from_mins(20);

/// The stack that is described at a path, or the local one.
pub(crate) fn chosen(project: &Project, description: Option<&Path>) -> Result<StackState> {
    match description {
        Some(path) => StackState::read(path),
        None => Site::main(project, PROXY_PORT).running().ok_or_else(|| {
            anyhow!(
                "no local stack is running; start one with `cargo reelrun up --detach`, or name a \
                 deployed one with --stack"
            )
        }),
    }
}

/// `cargo reelrun up`.
pub(crate) fn up(project: &Project, args: &UpArgs) -> Result<u8> {
    project.say.line("Reelrun: the local stack");
    let site = Site::main(project, args.port).on(args.emulator, args.endpoint.of(args.emulator));
    if args.detach {
        let state = detach(project, &site)?;
        introduce(project, &site, &state);
        project
            .say
            .line("It runs in the background; `cargo reelrun down` stops it.");
        return Ok(0);
    }
    match obtain(project, site.profile(), &site)? {
        Obtained::Ours(running) => {
            introduce(project, &site, &running.state);
            project.say.line("Serving until Ctrl-C.");
            running.serve()?;
            project.say.line("Stopped.");
        }
        Obtained::Theirs(state) => {
            introduce(project, &site, &state);
            project
                .say
                .line("Another process serves it; `cargo reelrun down` stops it.");
        }
    }
    Ok(0)
}

/// Says where a local stack is.
pub(crate) fn introduce(project: &Project, site: &Site, state: &StackState) {
    let endpoint = state.aws_endpoint_url.as_deref().unwrap_or_default();
    project
        .say
        .line(&format!("  page        {}", state.site_url));
    project
        .say
        .line(&format!("  API         {}", state.api_url));
    project
        .say
        .line(&format!("  playback    {}/videos/…", state.cdn_url));
    project.say.line(&format!(
        "  AWS         {endpoint} (credentials in the file below)"
    ));
    if let Some(token) = &state.api_token {
        project.say.line(&format!(
            "  API token   {token} (the page asks for it once)"
        ));
    }
    project.say.line(&format!(
        "  stack.json  {}",
        project.short(&site.state_file())
    ));
}

/// Makes sure a stack serves in the background.
pub(crate) fn detach(project: &Project, site: &Site) -> Result<StackState> {
    prerequisites::local_stack()?;
    Isolation::probe(project)?.tell(project);
    // Here, so that what takes long is seen; the process in the background finds it done.
    let built = Built::make(project, site.profile())?;
    if let Some(state) = site.running() {
        site.check_emulator(&state)?;
        let step = project
            .say
            .begin("The local stack is running; deploying what changed");
        update(project, &built, site, &state)?;
        step.done();
        return Ok(state);
    }
    drop(built);

    let step = project
        .say
        .begin("Starting the local stack in the background");
    let log = project.logs().join("up.log");
    let own = std::env::current_exe().context("this program's file is gone")?;
    let mut child = Task::new(project, "up", own)
        .args(["up", "--port", &site.proxy_port.to_string()])
        .args(["--emulator", site.emulator.flag()])
        .args(site.endpoint.iter().flat_map(|url| ["--endpoint", url]))
        .log(log.clone())
        .release()?;
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(state) = site.running() {
            step.done();
            return Ok(state);
        }
        let ended = child
            .try_wait()
            .context("lost sight of the process in the background")?;
        if let Some(status) = ended {
            bail!("{}the local stack did not start ({status})", tail(&log));
        }
        let patience = if Instant::now() < deadline {
            signals::pause(Duration::from_millis(100))
        } else {
            Err(anyhow::anyhow!(
                "the local stack did not get ready; see {}",
                log.display()
            ))
        };
        if let Err(error) = patience {
            process_registry::signal_process(child.id(), Signal::SIGTERM);
            let _ = child.wait();
            return Err(error);
        }
    }
}

/// `cargo reelrun down`.
pub(crate) fn down(project: &Project) -> Result<u8> {
    let site = Site::main(project, PROXY_PORT);
    let Some(local) = site.running().and_then(|state| state.local) else {
        forget_stale(&site.state_file());
        project.say.line("Reelrun: no local stack is running.");
        return Ok(0);
    };
    let step = project.say.begin("Reelrun: stopping the local stack");
    process_registry::signal_process(local.pid, Signal::SIGTERM);
    let deadline = Instant::now() + Duration::from_secs(15);
    while site.lock()?.is_none() {
        if Instant::now() > deadline {
            process_registry::signal_process(local.pid, Signal::SIGKILL);
            forget_stale(&site.state_file());
            break;
        }
        signals::pause(Duration::from_millis(50))?;
    }
    step.done();
    Ok(0)
}

/// A description whose stack does not answer was left by a process that was killed.
fn forget_stale(state_file: &Path) {
    let _ = fs::remove_file(state_file);
}
