//! Deploys to the stack in the middle of a test, by the same means as the command does.

use std::{env, ffi::OsStr, fmt::Write as _, path::Path, process::Command};

use aws_sdk_lambda::Client;
use serde_json::Value;

use crate::stack::{LIVE, Stack};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Parameters of the template that tests change, and the transcode function's variables that hold them.
const PARAMETERS: [(&str, &str); 5] = [
    ("Release", "RELEASE"),
    ("EncoderPreset", "ENCODER_PRESET"),
    ("MaxHeight", "MAX_HEIGHT"),
    ("MaxParallelChunks", "MAX_PARALLEL_CHUNKS"),
    ("TargetChunkSeconds", "TARGET_CHUNK_SECONDS"),
];

const EXECUTE: &str = r"
import boto3, sys
formation, stack = boto3.client('cloudformation'), {'StackName': sys.argv[1]}
ready = [one for one in formation.list_change_sets(**stack)['Summaries'] if one['ExecutionStatus'] == 'AVAILABLE']
newest = max(ready, key=lambda one: one['CreationTime'])
formation.execute_change_set(**stack, ChangeSetName=newest['ChangeSetName'])
formation.get_waiter('stack_update_complete').wait(**stack, WaiterConfig={'Delay': 1, 'MaxAttempts': 120})
";

/// Deployments of a test; the stack is as it was again when this is dropped.
#[derive(Debug)]
pub struct Deployments {
    stack: Stack,
    before: Vec<(&'static str, String)>,
}

impl Deployments {
    /// None yet.
    pub async fn of(stack: &Stack) -> Self {
        let found = Client::new(&stack.aws())
            .get_function_configuration()
            .function_name(&stack.transcode_function)
            .qualifier(LIVE)
            .send()
            .await
            .unwrap();
        let variables = found.environment.unwrap().variables.unwrap();
        let before =
            PARAMETERS.map(|(parameter, variable)| (parameter, variables[variable].clone()));
        Self {
            stack: stack.clone(),
            before: before.into(),
        }
    }

    /// Deploys with these parameters; the others stay as they are.
    pub fn deploy(&self, parameters: &[(&str, &str)]) {
        self.prepare(parameters);
        self.execute();
    }

    /// Has everything ready for a deployment, which takes a while.
    pub fn prepare(&self, parameters: &[(&str, &str)]) {
        let values = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let mut sam = tool(&self.stack, "python");
        // As the command does: what is packed in another way is other code.
        sam.args(["cli/src/sam_quickly.py", "deploy"])
            .args(["--config-env", "reelrun-local"])
            .args(["--template-file", "infra/template.yaml"])
            .args(["--stack-name", &self.stack.stack_name])
            .args(["--capabilities", "CAPABILITY_IAM"])
            .args(["--s3-bucket", "reelrun-artifacts"])
            .args(["--no-execute-changeset", "--no-progressbar"])
            .arg("--parameter-overrides")
            .args(values)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("SAM_CLI_POLL_DELAY", "0.3");
        succeed(&mut sam);
    }

    /// Carries out what was prepared last.
    pub fn execute(&self) {
        let mut python = tool(&self.stack, "python");
        succeed(python.args(["-c", EXECUTE, &self.stack.stack_name]));
    }
}

impl Drop for Deployments {
    fn drop(&mut self) {
        let before: Vec<_> = self
            .before
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.deploy(&before);
    }
}

/// What the command's script says of the functions' versions.
pub fn survey(stack: &Stack) -> Value {
    let said = script(stack, ["survey", &stack.stack_name]);
    serde_json::from_str(&said).unwrap()
}

/// Has the command's script change them.
pub fn change_versions(stack: &Stack, steps: &Value) {
    script(stack, ["apply", &steps.to_string()]);
}

/// `cargo reelrun rollback` of this stack; what it says, and whether it succeeded.
pub fn rollback(stack: &Stack) -> (bool, String) {
    let command = env::var("REELRUN_COMMAND").expect("`cargo reelrun test` sets it");
    let mut rollback = client(stack, command);
    rollback
        .args(["rollback", "--stack-name", &stack.stack_name])
        .args(["--region", &stack.region]);
    let output = rollback.output().unwrap();
    let mut said = String::from_utf8(output.stdout).unwrap();
    let _ = write!(said, "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn script<'a>(stack: &Stack, args: impl IntoIterator<Item = &'a str>) -> String {
    let mut python = tool(stack, "python");
    succeed(python.arg("cli/src/release.py").args(args))
}

fn tool(stack: &Stack, name: &str) -> Command {
    client(
        stack,
        Path::new(ROOT)
            .join("target/reelrun/tools/venv/bin")
            .join(name),
    )
}

fn client(stack: &Stack, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(ROOT)
        .env_remove("AWS_PROFILE")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .envs(stack.environment());
    command
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}\n{complaint}");
    said
}
