//! `LocalStack` as the emulator: one that somebody runs already (in Docker, say), or one that is started
//! here without Docker.
//!
//! One that is started here is confined as far as it can be (`launcher.py`): it listens on 127.0.0.1, and
//! answers who names a key that it gave out. It checks no signatures but those in URLs, and no policies.

mod install;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

pub(crate) use self::install::check;
use super::emulator::{SECRET, free_port};
use super::emulator_process::{EmulatorProcess, Scratch};
use super::isolation::Isolation;
use crate::http;
use crate::process::{Task, private_file};
use crate::project::{Project, make_folder};
use crate::sam::{ARTIFACTS_BUCKET, Credentials, REGION};
use crate::secret;

/// How it is run.
const PROGRAMS: [(&str, &str); 4] = [
    ("launcher.py", include_str!("launcher.py")),
    ("executor.py", include_str!("executor.py")),
    ("loopback.py", include_str!("loopback.py")),
    ("peers.py", include_str!("peers.py")),
];

/// It imports some thousand modules first, which takes three seconds, on a busy machine much longer.
const PATIENCE: Duration = Duration::from_mins(2);

/// A `LocalStack` to deploy to.
pub(crate) struct LocalStack {
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    /// The value of [`SECRET`]; nobody asks another's for it.
    pub(crate) secret: String,
    pub(crate) log: PathBuf,
    /// One that was started here.
    own: Option<EmulatorProcess>,
}

impl LocalStack {
    /// Starts one, empty. `folder` is for its temporary files.
    pub(crate) fn start(
        project: &Project,
        isolation: &Isolation,
        layer: &Path,
        folder: &Path,
        port: u16,
    ) -> Result<Self> {
        let installed = install::prepare(project)?;
        let scratch = Scratch::make(folder)?;
        let temporary = scratch.path();
        let secret = secret::random_hex::<32>()?;
        let credentials = new_credentials()?;
        let given = json!({"secret": secret, "access_key": credentials.access_key}).to_string();
        let secret_file = write(&temporary.join("secret"), &given)?;
        let programs = temporary.join("programs");
        make_folder(&programs)?;
        for (name, text) in PROGRAMS {
            write(&programs.join(name), text)?;
        }

        let port = free_port(port)?;
        let log = folder.join("emulator.log");
        let (program, args) = isolation.command(&installed.python);
        let service = Task::new(project, "emulator", program)
            .args(args)
            .arg(programs.join("launcher.py"))
            .folder(temporary)
            .clean_env()
            .env("REELRUN_SECRET_FILE", secret_file)
            .env("REELRUN_DYNAMODB", installed.dynamodb)
            .env("REELRUN_SANDBOX", isolation.sandbox(temporary, layer)?)
            .env("PATH", isolation.path(layer))
            .env("HOME", temporary)
            .env("TMPDIR", temporary)
            .env("LANG", "C.UTF-8")
            .env("PYTHONUNBUFFERED", "1")
            // It takes some virtual machines for a container, and then looks for Docker's files.
            .env("OVERRIDE_IN_DOCKER", "0")
            .env("FILESYSTEM_ROOT", temporary.join("root"))
            .env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
            // By the number, the addresses of its queues would not be its own.
            .env("LOCALSTACK_HOST", format!("localhost:{port}"))
            .env("SQS_ENDPOINT_STRATEGY", "path")
            .env("S3_SKIP_SIGNATURE_VALIDATION", "0")
            // The others lose what is deleted.
            .env("PROVIDER_OVERRIDE_DYNAMODB", "v2")
            .env("PROVIDER_OVERRIDE_DYNAMODBSTREAMS", "v2")
            // Functions that are built for here are several times as large as those for Lambda.
            .env("LAMBDA_LIMITS_CODE_SIZE_ZIPPED", CODE_SIZE)
            .env("LAMBDA_LIMITS_CODE_SIZE_UNZIPPED", CODE_SIZE)
            .env("LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE", CODE_SIZE)
            // Nothing is fetched from elsewhere or told to anybody.
            .env("DISABLE_EVENTS", "1")
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .env("DNS_ADDRESS", "0")
            .log(log.clone())
            .start()?;
        let mut started = Self {
            url: format!("http://127.0.0.1:{port}"),
            credentials,
            secret,
            log: log.clone(),
            own: None,
        };
        started.own = Some(EmulatorProcess {
            service,
            name: "LocalStack",
            log,
            _scratch: scratch,
        });
        started.wait_until_ready()?;
        started.make_artifacts_bucket()?;
        Ok(started)
    }

    /// Takes one that somebody else runs.
    pub(crate) fn at(project: &Project, url: &str) -> Result<Self> {
        if !url.starts_with("http://") {
            bail!("{url} is not the address of a LocalStack; write it as http://127.0.0.1:4566");
        }
        let running = Self {
            url: url.to_owned(),
            // Its own: it knows no others.
            credentials: Credentials {
                access_key: "test".into(),
                secret_key: "test".into(),
            },
            secret: secret::random_hex::<32>()?,
            log: project.logs().join("localstack-is-elsewhere.log"),
            own: None,
        };
        if !is_healthy(&running.url, &running.secret) {
            bail!(
                "no LocalStack answers at {url}; start it (docs/localstack.md has a compose file), or \
                 leave out --endpoint and AWS_ENDPOINT_URL to have one started"
            );
        }
        running.make_artifacts_bucket()?;
        Ok(running)
    }

    /// Fails if one that was started here has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.own.as_mut().map_or(Ok(()), EmulatorProcess::check)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let (url, secret) = (&self.url, &self.secret);
        let is_ready = || is_healthy(url, secret);
        let own = self.own.as_mut();
        own.map_or(Ok(()), |own| own.wait_until(is_ready, PATIENCE))
    }

    /// `sam` would make one that refuses plain HTTP.
    fn make_artifacts_bucket(&self) -> Result<()> {
        let answer = http::agent(PATIENCE, true)
            .put(format!("{}/{ARTIFACTS_BUCKET}", self.url))
            .header("Authorization", authorization(&self.credentials, "s3"))
            .send_empty()
            .context("LocalStack's S3 does not answer")?;
        // 409: it is there.
        if !answer.status().is_success() && answer.status() != 409 {
            bail!(
                "LocalStack's S3 makes no bucket ({}); its log is {}",
                answer.status(),
                self.log.display()
            );
        }
        Ok(())
    }
}

fn is_healthy(url: &str, secret: &str) -> bool {
    http::agent(Duration::from_secs(5), true)
        .get(format!("{url}/_localstack/health"))
        .header(SECRET, secret)
        .call()
        .is_ok_and(|answer| answer.status().is_success())
}

/// In bytes.
const CODE_SIZE: &str = "1073741824";

/// Names a key. `LocalStack` looks at that, and not at the signature.
pub(crate) fn authorization(credentials: &Credentials, service: &str) -> String {
    let key = &credentials.access_key;
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// Keys that no one guesses: naming the first is all that is asked for. (Those that begin as AWS's own do
/// would name an account as well.)
fn new_credentials() -> Result<Credentials> {
    Ok(Credentials {
        access_key: format!("REELRUN{}", secret::random_hex::<16>()?.to_uppercase()),
        secret_key: secret::random_hex::<20>()?,
    })
}

fn write(path: &Path, text: &str) -> Result<PathBuf> {
    private_file(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}
