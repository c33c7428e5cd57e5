//! The local stack: the emulator, the front before it, and `infra/template.yaml` deployed to it.
//!
//! It lives as long as the process that started it and is described by a `stack.json` that is there
//! only while it serves. Each folder holds at most one stack; a lock file sees to that.

mod emulator;
mod front;
mod head;
mod isolation;
mod sam;
mod state;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use self::emulator::{ACCESS_KEY, Emulator, REGION, SECRET_KEY};
use self::front::Front;
use self::head::Upstream;
pub(crate) use self::sam::{Deployment, Place};
use self::state::LocalState;
pub(crate) use self::state::StackState;
use crate::api;
use crate::arch::Arch;
use crate::args::UpArgs;
use crate::builder::{self, Profile};
use crate::children;
use crate::page;
use crate::prerequisites;
use crate::process::{Task, tail};
use crate::project::{Project, make_folder};
use crate::secret;

/// Where the front listens unless the port is taken.
pub(crate) const FRONT_PORT: u16 = 8484;

/// Name of the local `CloudFormation` stack.
const STACK_NAME: &str = "reelrun";

/// A whole start, builds included, may take this long before a waiting process gives up.
const START_PATIENCE: Duration = Duration::from_mins(20);

/// Which local stack: each has a folder and ports of its own.
pub(crate) struct Site {
    folder: PathBuf,
    front_port: u16,
    emulator_port: u16,
    profile: Profile,
}

impl Site {
    /// The one people use.
    pub(crate) fn main(project: &Project, front_port: u16) -> Self {
        Self {
            folder: project.target(),
            front_port,
            emulator_port: emulator::PORT,
            profile: Profile::Debug,
        }
    }

    /// One for a single purpose, on free ports, beside whatever else runs.
    pub(crate) fn aside(project: &Project, purpose: &str, profile: Profile) -> Self {
        Self {
            folder: project.target().join(purpose),
            front_port: 0,
            emulator_port: 0,
            profile,
        }
    }

    /// Its description.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.folder.join("stack.json")
    }

    /// The right to have a stack here, unless another process has it. It ends with the process.
    fn lock(&self) -> Result<Option<File>> {
        let path = self.folder.join("stack.lock");
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    /// The stack that serves here, if one does.
    pub(crate) fn running(&self) -> Option<StackState> {
        let state = StackState::read(&self.state_file()).ok()?;
        let instance = &state.local.as_ref()?.instance;
        let answer = api::agent(Duration::from_secs(2), true)
            .get(format!("{}{}", state.site_url, head::INSTANCE))
            .call()
            .ok()?
            .body_mut()
            .read_to_string()
            .ok()?;
        (answer == *instance).then_some(state)
    }
}

/// A stack to work with.
pub(crate) enum Obtained {
    /// Started by this process; ends with the value.
    Ours(Box<Running>),
    /// Another process serves it.
    Theirs(Box<StackState>),
}

impl Obtained {
    pub(crate) fn state(&self) -> &StackState {
        match self {
            Self::Ours(running) => &running.state,
            Self::Theirs(state) => state,
        }
    }
}

/// The stack at this site with the present code: the one that runs, updated, or a new one.
pub(crate) fn obtain(project: &Project, site: &Site) -> Result<Obtained> {
    prerequisites::local_stack()?;
    make_folder(&site.folder)?;
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(state) = site.running() {
            update(project, site, &state)?;
            return Ok(Obtained::Theirs(Box::new(state)));
        }
        if let Some(lock) = site.lock()? {
            return Ok(Obtained::Ours(Box::new(Running::start(
                project, site, lock,
            )?)));
        }
        if Instant::now() > deadline {
            bail!(
                "another `cargo reelrun` has been starting this stack for too long; end it first"
            );
        }
        children::pause(Duration::from_millis(300))?;
    }
}

/// A stack served by this process. Ends when dropped.
pub(crate) struct Running {
    pub(crate) state: StackState,
    emulator: Emulator,
    state_file: PathBuf,
    _lock: File,
}

impl Running {
    fn start(project: &Project, site: &Site, lock: File) -> Result<Self> {
        let arch = Arch::host()?;
        let state_file = site.state_file();
        let _ = fs::remove_file(&state_file);
        let artifacts = builder::prepare(project, arch, site.profile)?;
        let page = page::build(project)?;

        let step = project.say.begin("Starting the local stack");
        let front = Front::bind(site.front_port)?;
        let work = site.folder.join("stack");
        let layer = project.layer(arch);
        let emulator = Emulator::start(project, &layer, &work, site.emulator_port)?;
        step.done_with(if emulator.layer_mounted {
            "ffmpeg mounted at /opt"
        } else {
            "ffmpeg on the functions' PATH"
        });

        let step = project.say.begin("Deploying to it");
        let token = secret::new_token()?;
        let deployment = local_deployment(&emulator.url, &front.url, &token, arch);
        deployment.deploy(project)?;
        let outputs = deployment.outputs(project)?;
        drop(artifacts);

        let mut state = StackState::new(&outputs, REGION.to_owned(), STACK_NAME.to_owned())?;
        let instance = secret::random_hex::<16>()?;
        state.aws_endpoint_url = Some(emulator.url.clone());
        state.api_token = Some(token);
        state.local = Some(LocalState {
            aws_access_key_id: ACCESS_KEY.to_owned(),
            aws_secret_access_key: SECRET_KEY.to_owned(),
            pid: std::process::id(),
            instance: instance.clone(),
            ffmpeg_dir: layer.join("bin"),
            log: emulator.log.clone(),
        });
        front.serve(Upstream {
            authority: emulator.url.trim_start_matches("http://").to_owned(),
            api_id: outputs.get("ApiId")?,
            cdn_host: outputs
                .get("CdnUrl")?
                .trim_start_matches("https://")
                .to_owned(),
            instance,
        });
        if let Some(page) = page {
            page::publish(project, &deployment.place, &page, &state)?;
        }
        state.write(&state_file)?;
        step.done();
        Ok(Self {
            state,
            emulator,
            state_file,
            _lock: lock,
        })
    }

    /// Serves until the command is told to end.
    pub(crate) fn serve(mut self) -> Result<()> {
        while !children::stopped() {
            self.emulator.check()?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.state_file);
    }
}

fn local_deployment<'a>(endpoint: &'a str, front: &str, token: &str, arch: Arch) -> Deployment<'a> {
    let parameter = |name: &str, value: String| (name.to_owned(), value);
    Deployment {
        stack_name: STACK_NAME,
        place: Place::Local { endpoint },
        parameters: vec![
            parameter("Architecture", arch.name().to_owned()),
            parameter("ApiTokenHashes", secret::sha256_hex(token)),
            parameter("PublicUrl", front.to_owned()),
            parameter("ApiUrl", format!("{front}/api")),
            parameter("MaxParallelChunks", cpus().to_string()),
            // Whoever tries webhooks out here has the receiver on this machine as well.
            parameter("WebhookPrivateAddresses", "permitted".to_owned()),
        ],
    }
}

/// An emulator runs as many functions at once as are asked for; more than CPUs only cost memory.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get)
}

/// Brings a running stack up to the present code.
fn update(project: &Project, site: &Site, state: &StackState) -> Result<()> {
    let (Some(endpoint), Some(token)) = (&state.aws_endpoint_url, &state.api_token) else {
        bail!("the running stack's description is incomplete; `cargo reelrun down` stops it");
    };
    let arch = Arch::host()?;
    let _artifacts = builder::prepare(project, arch, site.profile)?;
    let page = page::build(project)?;
    let step = project
        .say
        .begin("The local stack is running; deploying what changed");
    let deployment = local_deployment(endpoint, &state.site_url, token, arch);
    deployment.deploy(project)?;
    if let Some(page) = page {
        page::publish(project, &deployment.place, &page, state)?;
    }
    step.done();
    Ok(())
}

/// `cargo reelrun up`.
pub(crate) fn up(project: &Project, args: &UpArgs) -> Result<u8> {
    project.say.line("Reelrun: the local stack");
    let site = Site::main(project, args.port);
    if args.detach {
        let state = detach(project, &site)?;
        introduce(project, &site, &state);
        project
            .say
            .line("It runs in the background; `cargo reelrun down` stops it.");
        return Ok(0);
    }
    match obtain(project, &site)? {
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
    if let Some(state) = site.running() {
        update(project, site, &state)?;
        return Ok(state);
    }
    // Here, so that what takes long is seen; the process in the background finds it done.
    drop(builder::prepare(project, Arch::host()?, site.profile)?);
    page::build(project)?;

    let step = project
        .say
        .begin("Starting the local stack in the background");
    let log = project.logs().join("up.log");
    let own = std::env::current_exe().context("this program's file is gone")?;
    let mut child = Task::new(project, "up", own)
        .args(["up", "--port", &site.front_port.to_string()])
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
            children::pause(Duration::from_millis(100))
        } else {
            Err(anyhow::anyhow!(
                "the local stack did not get ready; see {}",
                log.display()
            ))
        };
        if let Err(error) = patience {
            children::signal_process(child.id(), Signal::SIGTERM);
            let _ = child.wait();
            return Err(error);
        }
    }
}

/// `cargo reelrun down`.
pub(crate) fn down(project: &Project) -> Result<u8> {
    let site = Site::main(project, FRONT_PORT);
    let Some(local) = site.running().and_then(|state| state.local) else {
        forget_stale(&site.state_file());
        project.say.line("Reelrun: no local stack is running.");
        return Ok(0);
    };
    let step = project.say.begin("Reelrun: stopping the local stack");
    children::signal_process(local.pid, Signal::SIGTERM);
    let deadline = Instant::now() + Duration::from_secs(15);
    while site.lock()?.is_none() {
        if Instant::now() > deadline {
            children::signal_process(local.pid, Signal::SIGKILL);
            forget_stale(&site.state_file());
            break;
        }
        children::pause(Duration::from_millis(50))?;
    }
    step.done();
    Ok(0)
}

/// A description whose stack does not answer was left by a process that was killed.
fn forget_stale(state_file: &Path) {
    let _ = fs::remove_file(state_file);
}
