//! A stack with the present code: the one that runs, updated, or a new one.

use std::fs::{self, File};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::START_PATIENCE;
use super::backend::Backend;
use super::edge::{Edge, Origins};
use super::http_head::Upstream;
use super::isolation::Isolation;
use super::proxy::Proxy;
use super::site::Site;
use crate::arch::Arch;
use crate::artifacts::Artifacts;
use crate::builder::{self, Profile};
use crate::key_store::KeyStore;
use crate::page;
use crate::playback_keys::PlaybackKeys;
use crate::prerequisites;
use crate::project::{Project, make_folder};
use crate::release;
use crate::sam::{Credentials, Deployment, Place, REGION};
use crate::secret;
use crate::signals;
use crate::state::{LocalState, Outputs, StackState};

/// Name of the local `CloudFormation` stack.
const STACK_NAME: &str = "reelrun";

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
pub(crate) fn obtain(project: &Project, profile: Profile, site: &Site) -> Result<Obtained> {
    let mut stacks = obtain_all(project, profile, std::slice::from_ref(site))?;
    stacks.pop().context("a site without a stack")
}

/// The same for several, which are deployed to at the same time.
pub(crate) fn obtain_all(
    project: &Project,
    profile: Profile,
    sites: &[Site],
) -> Result<Vec<Obtained>> {
    prerequisites::local_stack()?;
    let built = Built::make(project, profile)?;
    let isolation = Isolation::probe(project)?;
    isolation.tell(project);
    // An emulator ends with the thread that started it, so that is this one.
    let claims = sites
        .iter()
        .map(|site| Claim::on(project, &isolation, &built, site))
        .collect::<Result<Vec<_>>>()?;
    let step = project.say.begin(match sites {
        [_] => "Deploying to it",
        _ => "Deploying to them",
    });
    let stacks = std::thread::scope(|scope| {
        let deployments: Vec<_> = claims
            .into_iter()
            .zip(sites)
            .map(|(claim, site)| scope.spawn(|| claim.deploy(project, &built, site)))
            .collect();
        deployments
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>>>()
    })?;
    step.done();
    Ok(stacks)
}

/// Whose a site's stack is, before it has the present code.
enum Claim {
    Ours(Box<Started>),
    Theirs(Box<StackState>),
}

impl Claim {
    fn on(project: &Project, isolation: &Isolation, built: &Built, site: &Site) -> Result<Self> {
        make_folder(&site.folder)?;
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(state) = site.running() {
                site.check_emulator(&state)?;
                project.say.line("The local stack is running");
                return Ok(Self::Theirs(Box::new(state)));
            }
            if let Some(lock) = site.lock()? {
                let started = Started::start(project, isolation, built, site, lock)?;
                return Ok(Self::Ours(Box::new(started)));
            }
            if Instant::now() > deadline {
                bail!(
                    "another `cargo reelrun` has been starting this stack for too long; end it first"
                );
            }
            signals::pause(Duration::from_millis(300))?;
        }
    }

    fn deploy(self, project: &Project, built: &Built, site: &Site) -> Result<Obtained> {
        Ok(match self {
            Self::Ours(started) => Obtained::Ours(Box::new(started.deploy(project, built, site)?)),
            Self::Theirs(state) => {
                update(project, built, site, &state)?;
                Obtained::Theirs(state)
            }
        })
    }
}

/// What a deployment takes, of the present code. Nobody else changes it while this is held.
pub(super) struct Built {
    arch: Arch,
    page: Option<PathBuf>,
    _artifacts: Artifacts,
}

impl Built {
    pub(super) fn make(project: &Project, profile: Profile) -> Result<Self> {
        let arch = Arch::host()?;
        Ok(Self {
            arch,
            _artifacts: builder::prepare(project, arch, profile)?,
            page: page::build(project)?,
        })
    }
}

/// An emulator and its proxy, to which nothing is deployed yet.
struct Started {
    backend: Backend,
    proxy: Proxy,
    lock: File,
}

impl Started {
    fn start(
        project: &Project,
        isolation: &Isolation,
        built: &Built,
        site: &Site,
        lock: File,
    ) -> Result<Self> {
        let title = format!("Starting the local stack on {}", site.emulator.name());
        let step = project.say.begin(&title);
        let _ = fs::remove_file(site.state_file());
        let proxy = Proxy::bind(site.proxy_port)?;
        let backend = Backend::start(project, isolation, &project.layer(built.arch), site)?;
        step.done();
        Ok(Self {
            backend,
            proxy,
            lock,
        })
    }

    fn deploy(self, project: &Project, built: &Built, site: &Site) -> Result<Running> {
        let Self {
            backend,
            proxy,
            lock,
        } = self;
        let address = backend.address();
        let token = secret::new_token()?;
        let place = Place::Local {
            endpoint: address.url,
            credentials: address.credentials.clone(),
        };
        let keys = PlaybackKeys::new()?;
        let mut deployment = local_deployment(site, place, &proxy.url, &token, &keys, built.arch);
        release::deploy(project, &mut deployment, false)?;
        let outputs = deployment.outputs(project)?;
        store_keys(project, &deployment, &outputs, &keys)?;

        let mut state = StackState::new(&outputs, REGION.to_owned(), STACK_NAME.to_owned())?;
        let instance = secret::random_hex::<16>()?;
        state.aws_endpoint_url = Some(address.url.to_owned());
        state.api_token = Some(token);
        state.playback_keys = Some(keys);
        state.local = Some(LocalState {
            aws_access_key_id: address.credentials.access_key.clone(),
            aws_secret_access_key: address.credentials.secret_key.clone(),
            emulator_secret: address.secret.to_owned(),
            emulator: site.emulator,
            pid: std::process::id(),
            instance: instance.clone(),
            ffmpeg_dir: project.layer(built.arch).join("bin"),
            log: address.log.to_owned(),
        });
        proxy.serve(Upstream {
            authority: address.url.trim_start_matches("http://").to_owned(),
            edge: edge(site, &outputs, &state, address.credentials)?,
            instance,
            secret: address.secret.to_owned(),
        });
        if let Some(page) = &built.page {
            page::publish(project, &deployment, page, &state)?;
        }
        let state_file = site.state_file();
        state.write(&state_file)?;
        Ok(Running {
            state,
            backend,
            state_file,
            _lock: lock,
        })
    }
}

/// A stack served by this process. Ends when dropped.
pub(crate) struct Running {
    pub(crate) state: StackState,
    backend: Backend,
    state_file: PathBuf,
    _lock: File,
}

impl Running {
    /// Serves until the command is told to end.
    pub(crate) fn serve(mut self) -> Result<()> {
        while !signals::stopped() {
            self.backend.check()?;
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

/// Who answers for API Gateway and the CDN.
fn edge(
    site: &Site,
    outputs: &Outputs,
    state: &StackState,
    credentials: &Credentials,
) -> Result<Edge> {
    if site.emulator.has_edge() {
        return Ok(Edge::Emulators {
            api_id: outputs.get("ApiId")?,
            cdn_host: outputs
                .get("CdnUrl")?
                .trim_start_matches("https://")
                .to_owned(),
        });
    }
    Ok(Edge::Ours(Origins {
        presign_function: state.presign_function.clone(),
        lookup_function: state.lookup_function.clone(),
        media_bucket: state.media_bucket.clone(),
        uploads_bucket: state.uploads_bucket.clone(),
        credentials: credentials.clone(),
    }))
}

fn local_deployment<'a>(
    site: &Site,
    place: Place<'a>,
    proxy: &str,
    token: &str,
    keys: &PlaybackKeys,
    arch: Arch,
) -> Deployment<'a> {
    let parameter = |name: &str, value: String| (name.to_owned(), value);
    Deployment {
        stack_name: STACK_NAME,
        place,
        logs: site.folder.join("logs"),
        parameters: vec![
            parameter("Architecture", arch.name().to_owned()),
            parameter("ApiTokenHashes", secret::sha256_hex(token)),
            parameter("PublicUrl", proxy.to_owned()),
            parameter("ApiUrl", format!("{proxy}/api")),
            parameter("CdnEnabled", site.emulator.has_edge().to_string()),
            parameter("MaxParallelChunks", cpus().to_string()),
            // Whoever tries webhooks out here has the receiver on this machine as well.
            parameter("WebhookPrivateAddresses", "permitted".to_owned()),
        ],
        secrets: [parameter("PlaybackKeys", keys.parameter())].into(),
    }
}

fn store_keys(
    project: &Project,
    deployment: &Deployment<'_>,
    outputs: &Outputs,
    keys: &PlaybackKeys,
) -> Result<()> {
    // Where there is no CDN, nobody at the edge verifies.
    let Some(arn) = &outputs.find("PlaybackKeyStoreArn") else {
        return Ok(());
    };
    let store = KeyStore {
        project,
        deployment,
        arn,
    };
    store.replace(keys, None)
}

/// An emulator runs as many functions at once as are asked for; more than CPUs only cost memory.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get)
}

/// Brings a running stack up to the present code.
pub(super) fn update(
    project: &Project,
    built: &Built,
    site: &Site,
    state: &StackState,
) -> Result<()> {
    let (Some(endpoint), Some(token), Some(local)) =
        (&state.aws_endpoint_url, &state.api_token, &state.local)
    else {
        bail!("the running stack's description is incomplete; `cargo reelrun down` stops it");
    };
    if local.emulator_secret.is_empty() {
        bail!(
            "the running stack was started by an earlier version, which let in everybody on this \
             machine; `cargo reelrun down` stops it, and its videos go with it"
        );
    }
    let Some(keys) = &state.playback_keys else {
        bail!(
            "the running stack was started by an earlier version, which knew no private videos; \
             `cargo reelrun down` stops it, and its videos go with it"
        );
    };
    let place = Place::Local {
        endpoint,
        credentials: Credentials {
            access_key: local.aws_access_key_id.clone(),
            secret_key: local.aws_secret_access_key.clone(),
        },
    };
    let mut deployment = local_deployment(site, place, &state.site_url, token, keys, built.arch);
    release::deploy(project, &mut deployment, true)?;
    store_keys(project, &deployment, &deployment.outputs(project)?, keys)?;
    if let Some(page) = &built.page {
        page::publish(project, &deployment, page, state)?;
    }
    Ok(())
}
