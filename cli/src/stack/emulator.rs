//! The emulator, `MiniStack`: all the AWS services the template names, on 127.0.0.1.
//!
//! It checks signatures, IAM policies and CORS as AWS does, and starts with a clean environment,
//! because it hands its own down to the functions. `emulator.py` runs it, and lets in only who signs.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::emulator_process::{EmulatorProcess, Scratch};
use super::isolation::Isolation;
use crate::http;
use crate::process::{Task, private_file};
use crate::project::Project;
use crate::sam::{ARTIFACTS_BUCKET, Credentials, REGION};
use crate::secret;

/// How it is run.
const LAUNCHER: &str = include_str!("emulator.py");

/// The header by which the command proves itself to the emulator, instead of a signature.
pub(crate) const SECRET: &str = "X-Reelrun-Secret";

/// Where the emulator listens unless the port is taken.
pub(crate) const PORT: u16 = 4566;

/// From start to the first answer takes about a second, on a busy machine much longer; a service takes
/// as long for its own first answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running emulator; ends when dropped.
pub(crate) struct Emulator {
    process: EmulatorProcess,
    pub(crate) url: String,
    /// What its clients sign with.
    pub(crate) credentials: Credentials,
    /// The value of [`SECRET`].
    pub(crate) secret: String,
}

impl Emulator {
    /// Starts it, empty. `folder` is for its temporary files.
    pub(crate) fn start(
        project: &Project,
        isolation: &Isolation,
        layer: &Path,
        folder: &Path,
        port: u16,
    ) -> Result<Self> {
        let scratch = Scratch::make(folder)?;
        let temporary = scratch.path();
        let secret = secret::random_hex::<32>()?;
        let secret_file = temporary.join("secret");
        private_file(&secret_file)
            .and_then(|mut file| file.write_all(secret.as_bytes()))
            .with_context(|| format!("cannot write {}", secret_file.display()))?;
        let python = project.tool("python");
        let sandbox = isolation.sandbox(temporary, layer)?;
        let port = free_port(port)?;
        let url = format!("http://127.0.0.1:{port}");
        let log = folder.join("emulator.log");
        let (program, args) = isolation.command(&python);
        let service = Task::new(project, "emulator", program)
            .args(args)
            .args(["-c", LAUNCHER])
            .clean_env()
            .env("REELRUN_SECRET_FILE", &secret_file)
            .env("REELRUN_SANDBOX", sandbox)
            .env("PATH", isolation.path(layer))
            .env("HOME", temporary)
            .env("TMPDIR", temporary)
            .env("LANG", "C.UTF-8")
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", &url)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("STATE_DIR", temporary.join("state"))
            // Objects lie on the disk; without this they would fill the memory.
            .env("S3_PERSIST", "1")
            .env("S3_DATA_DIR", temporary.join("s3"))
            // The state machine waits between tries for things that pass; here, little does.
            .env("SFN_WAIT_SCALE", "0.05")
            // Services that would open ports of their own.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .log(log.clone())
            .start()?;
        let mut emulator = Self {
            process: EmulatorProcess {
                service,
                name: "the emulator",
                log,
                _scratch: scratch,
            },
            url,
            credentials: Credentials {
                access_key: String::new(),
                secret_key: String::new(),
            },
            secret,
        };
        emulator.wait_until_ready()?;
        emulator.credentials = emulator.make_administrator()?;
        // `sam` would make one that refuses plain HTTP.
        emulator.as_root("s3", "PUT", ARTIFACTS_BUCKET, String::new())?;
        Ok(emulator)
    }

    /// Fails if the emulator has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// What it and the functions write.
    pub(super) fn log(&self) -> &Path {
        &self.process.log
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let agent = http::agent(Duration::from_secs(2), true);
        let ready = format!("{}/_ministack/ready", self.url);
        let secret = &self.secret;
        let is_ready = || {
            let answer = agent.get(&ready).header(SECRET, secret).call();
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        self.process.wait_until(is_ready, PATIENCE)
    }
}

impl Emulator {
    /// Makes a user who may do everything, since signatures of the root key are not checked.
    fn make_administrator(&self) -> Result<Credentials> {
        const USER: &str = "UserName=reelrun";
        const POLICY: &str = "PolicyName=all&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement\
            %22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%7D";
        let iam =
            |form: &str| self.as_root("iam", "POST", "", format!("{form}&Version=2010-05-08"));
        iam(&format!("Action=CreateUser&{USER}"))?;
        iam(&format!("Action=PutUserPolicy&{USER}&{POLICY}"))?;
        let key = iam(&format!("Action=CreateAccessKey&{USER}"))?;
        let value = |name: &str| {
            within(&key, name)
                .map(ToOwned::to_owned)
                .with_context(|| format!("the emulator made an access key without {name}: {key}"))
        };
        Ok(Credentials {
            access_key: value("AccessKeyId")?,
            secret_key: value("SecretAccessKey")?,
        })
    }

    /// Makes a request as the root user, of whom no signature is checked.
    fn as_root(&self, service: &str, method: &str, path: &str, form: String) -> Result<String> {
        let credential = format!("Credential=test/20260101/{REGION}/{service}/aws4_request");
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.url))
            .header(SECRET, &self.secret)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header(
                "Authorization",
                format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"),
            )
            .body(form)
            .context("a request to the emulator")?;
        let answer = http::agent(PATIENCE, true).run(request);
        answer
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .with_context(|| {
                format!(
                    "the emulator could not be prepared ({service}); its log is {}",
                    self.log().display()
                )
            })
    }
}

/// The text of an element in XML that has it once.
fn within<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    rest.split_once(&format!("</{element}>"))
        .map(|(text, _)| text)
}

/// The port asked for, or any free one if it is taken.
pub(super) fn free_port(wanted: u16) -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context("no free port on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_in_its_text() {
        let xml = "<Key><Id>AKIA1</Id><Secret>a/b+c=</Secret></Key>";
        assert_eq!(within(xml, "Secret"), Some("a/b+c="));
        assert_eq!(within(xml, "Status"), None);
    }

    #[test]
    fn a_taken_port_is_replaced() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let port = taken.local_addr().expect("address").port();
        assert_ne!(free_port(port).expect("another"), port);
    }
}
