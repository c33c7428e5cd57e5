//! `sam deploy`, the same for the local stack and for AWS: only endpoint and credentials differ.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process::Task;
use crate::project::Project;
use crate::secret::SecretFile;
use crate::state::Outputs;

/// An administrator of one emulator. The keys open nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

/// The one region the local stack is in.
pub(crate) const REGION: &str = "us-east-1";

/// The local stack's bucket for what is deployed.
pub(crate) const ARTIFACTS_BUCKET: &str = "reelrun-artifacts";

/// `sam`, for the local stack.
const QUICKLY: &str = include_str!("sam_quickly.py");

/// Where a stack goes.
pub(crate) enum Place<'a> {
    /// An emulator.
    Local {
        endpoint: &'a str,
        credentials: Credentials,
    },
    /// The account of the person's own AWS configuration.
    Aws {
        region: Option<&'a str>,
        confirm: bool,
    },
}

/// One deployment of `infra/template.yaml`.
pub(crate) struct Deployment<'a> {
    pub(crate) stack_name: &'a str,
    pub(crate) place: Place<'a>,
    /// Where the logs of what is run for it go.
    pub(crate) logs: PathBuf,
    pub(crate) parameters: Vec<(String, String)>,
    /// Those that are set in a file, since arguments can be seen.
    pub(crate) secrets: BTreeMap<String, String>,
}

impl Deployment<'_> {
    /// Creates or updates the stack, or leaves it when nothing changed.
    pub(crate) fn deploy(&self, project: &Project) -> Result<()> {
        let task = match self.place {
            Place::Local { .. } => {
                Task::new(project, "sam deploy", project.tool("python")).args(["-c", QUICKLY])
            }
            Place::Aws { .. } => Task::new(project, "sam deploy", project.tool("sam")),
        };
        let task = task.log(self.logs.join("sam-deploy.log"));
        let secrets = SecretFile::write(&self.logs, "parameters.yaml", &self.secrets)?;
        let task = self
            .place
            .apply(task, "deploy")
            .args([
                "--template-file",
                "infra/template.yaml",
                "--stack-name",
                self.stack_name,
            ])
            .args(["--capabilities", "CAPABILITY_IAM"])
            .args(["--no-fail-on-empty-changeset", "--no-progressbar"])
            .args(overrides(&self.parameters, &secrets));
        match self.place {
            Place::Local { .. } => task
                .args(["--s3-bucket", ARTIFACTS_BUCKET])
                .arg("--no-confirm-changeset")
                // Resources are made within milliseconds; the usual 5 s would be all of the wait.
                .env("SAM_CLI_POLL_DELAY", "0.3")
                .way_out("Check infra/template.yaml with `cargo reelrun lint`.")
                .run(),
            Place::Aws { confirm, .. } => {
                let confirm = if confirm {
                    "--confirm-changeset"
                } else {
                    "--no-confirm-changeset"
                };
                if task.args(["--resolve-s3", confirm]).show()? != 0 {
                    bail!(
                        "the deployment failed, for the reason above; check your AWS credentials \
                         (`aws sts get-caller-identity`) and region (--region), then run the \
                         command again"
                    );
                }
                Ok(())
            }
        }
    }

    /// The stack's outputs.
    pub(crate) fn outputs(&self, project: &Project) -> Result<Outputs> {
        let task =
            Task::new(project, "sam list", project.tool("sam")).log(self.logs.join("sam-list.log"));
        let json = self
            .place
            .apply(task, "list")
            .arg("stack-outputs")
            .args(["--stack-name", self.stack_name, "--output", "json"])
            .way_out("Check that the stack exists in this account and region.")
            .output()?;
        parse_outputs(&json)
    }
}

impl Place<'_> {
    /// Whether a person decides, once the changes are shown.
    pub(crate) fn asks_first(&self) -> bool {
        matches!(self, Self::Aws { confirm: true, .. })
    }

    fn apply<'t>(&self, task: Task<'t>, command: &str) -> Task<'t> {
        let task = self
            .environment(task)
            .env("SAM_CLI_TELEMETRY", "0")
            .arg(command);
        match self {
            Self::Local { .. } if command == "deploy" => {
                task.args(["--config-env", "reelrun-local"])
            }
            Self::Aws {
                region: Some(region),
                ..
            } => task.args(["--region", region]),
            _ => task,
        }
    }

    /// A task that is a client of this place.
    pub(crate) fn environment<'t>(&self, task: Task<'t>) -> Task<'t> {
        match self {
            Self::Local {
                endpoint,
                credentials,
            } => task
                // Nothing of the person's own AWS configuration may reach the emulator or steer this.
                .without_env("AWS_PROFILE")
                .without_env("AWS_SESSION_TOKEN")
                .env("AWS_CONFIG_FILE", "/dev/null")
                .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
                .env("AWS_ENDPOINT_URL", endpoint)
                .env("AWS_REGION", REGION)
                .env("AWS_DEFAULT_REGION", REGION)
                .env("AWS_ACCESS_KEY_ID", &credentials.access_key)
                .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
                .env("NO_PROXY", "127.0.0.1")
                .env("no_proxy", "127.0.0.1"),
            Self::Aws {
                region: Some(region),
                ..
            } => task.env("AWS_DEFAULT_REGION", region),
            Self::Aws { region: None, .. } => task,
        }
    }
}

/// Each parameter is one argument, so values need no quoting. An empty one is left to its default.
fn overrides(parameters: &[(String, String)], secrets: &SecretFile) -> Vec<OsString> {
    let mut args: Vec<OsString> = parameters
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}").into())
        .collect();
    args.insert(0, "--parameter-overrides".into());
    let mut file = OsString::from("file://");
    file.push(&secrets.0);
    args.push(file);
    args
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

fn parse_outputs(json: &str) -> Result<Outputs> {
    let outputs: Vec<Output> =
        serde_json::from_str(json).context("`sam list stack-outputs` answered in no known way")?;
    Ok(Outputs(
        outputs
            .into_iter()
            .map(|output| (output.output_key, output.output_value))
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parameters_are_left_to_their_defaults() {
        let given = [
            ("A".to_owned(), "1,2".to_owned()),
            ("B".to_owned(), String::new()),
        ];
        let secrets = SecretFile("/s.yaml".into());
        assert_eq!(
            overrides(&given, &secrets),
            ["--parameter-overrides", "A=1,2", "file:///s.yaml"]
        );
    }

    #[test]
    fn outputs_become_a_map() {
        let json = r#"[{"OutputKey": "ApiId", "OutputValue": "ab12", "Description": ""}]"#;
        assert_eq!(
            parse_outputs(json)
                .expect("json")
                .get("ApiId")
                .expect("there"),
            "ab12"
        );
        assert!(parse_outputs("nonsense").is_err());
    }
}
