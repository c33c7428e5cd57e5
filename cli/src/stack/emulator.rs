//! The emulator, `MiniStack`: all the AWS services the template names, on 127.0.0.1.
//!
//! It checks signatures, IAM policies and CORS as AWS does, and starts with a clean environment,
//! because it hands its own down to the functions.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::isolation::Isolation;
use crate::api;
use crate::children;
use crate::process::{Service, Task};
use crate::project::{Project, make_folder, remove_folder};

/// The emulator's own credentials for everything. They open nothing else.
pub(crate) const ACCESS_KEY: &str = "test";
/// See [`ACCESS_KEY`].
pub(crate) const SECRET_KEY: &str = "test";
/// The one region the local stack is in.
pub(crate) const REGION: &str = "us-east-1";

/// Where the emulator listens unless the port is taken.
pub(crate) const PORT: u16 = 4566;

/// From start to the first answer takes about a second.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running emulator; ends when dropped.
pub(crate) struct Emulator {
    service: Service,
    pub(crate) url: String,
    pub(crate) log: PathBuf,
    /// Whether the functions find the layer at `/opt`.
    pub(crate) layer_mounted: bool,
    /// Goes last, when nothing writes to it any more.
    _scratch: Scratch,
}

/// The emulator's objects and temporary files; removed when dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left, the next start removes.
        let _ = remove_folder(&self.0);
    }
}

impl Emulator {
    /// Starts it, empty. `folder` is for its temporary files.
    pub(crate) fn start(project: &Project, layer: &Path, folder: &Path, port: u16) -> Result<Self> {
        let temporary = folder.join("tmp");
        remove_folder(&temporary)?;
        make_folder(&temporary)?;
        let python = project.tool("python");
        let isolation = Isolation::probe(project, layer, &python);
        let port = free_port(port)?;
        let url = format!("http://127.0.0.1:{port}");
        let log = folder.join("emulator.log");

        let system = "/usr/local/bin:/usr/bin:/bin";
        let path = if isolation.mounted {
            format!("{system}:/opt/bin")
        } else {
            format!("{}:{system}", layer.join("bin").display())
        };
        let (program, args) = isolation.command(&project.tool("ministack"));
        let service = Task::new(project, "emulator", program)
            .args(args)
            .clean_env()
            .env("PATH", path)
            .env("HOME", &temporary)
            .env("TMPDIR", &temporary)
            .env("LANG", "C.UTF-8")
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", &url)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("STATE_DIR", temporary.join("state"))
            // Objects lie on the disk; without this they would fill the memory.
            .env("S3_PERSIST", "1")
            .env("S3_DATA_DIR", temporary.join("s3"))
            // The state machine waits between tries for things that pass; here, little does.
            .env("SFN_WAIT_SCALE", "0.2")
            // Services that would open ports of their own.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .log(log.clone())
            .start()?;
        let mut emulator = Self {
            service,
            url,
            log,
            layer_mounted: isolation.mounted,
            _scratch: Scratch(temporary),
        };
        emulator.wait_until_ready()?;
        Ok(emulator)
    }

    /// Fails if the emulator has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.service
            .check("the emulator")
            .with_context(|| format!("the local stack is gone; its log is {}", self.log.display()))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let agent = api::agent(Duration::from_secs(2), true);
        let ready = format!("{}/_ministack/ready", self.url);
        let deadline = Instant::now() + PATIENCE;
        while !agent
            .get(&ready)
            .call()
            .is_ok_and(|answer| answer.status().is_success())
        {
            self.check()?;
            if Instant::now() > deadline {
                bail!(
                    "the emulator did not get ready; its log is {}",
                    self.log.display()
                );
            }
            children::pause(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

/// The port asked for, or any free one if it is taken.
fn free_port(wanted: u16) -> Result<u16> {
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
    fn a_taken_port_is_replaced() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let port = taken.local_addr().expect("address").port();
        assert_ne!(free_port(port).expect("another"), port);
    }
}
