//! What others need to know of a stack: `stack.json`, readable only by its owner.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use crate::emulator_kind::EmulatorKind;
use crate::playback_keys::PlaybackKeys;
use crate::project::make_folder;

/// A stack's addresses, names and keys. Local or deployed makes no difference to who reads it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StackState {
    /// Base URL of the API, without a trailing slash.
    pub(crate) api_url: String,
    /// Base URL of looking one video up.
    #[serde(default)]
    pub(crate) lookup_url: String,
    /// Base URL of the page.
    pub(crate) site_url: String,
    /// Base URL of playback, without a trailing slash.
    pub(crate) cdn_url: String,
    /// The emulator's endpoint; absent on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aws_endpoint_url: Option<String>,
    pub(crate) region: String,
    pub(crate) stack_name: String,
    /// The bearer token; absent when this checkout never knew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_token: Option<String>,
    /// What playback tokens are signed with, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) playback_keys: Option<PlaybackKeys>,
    pub(crate) uploads_bucket: String,
    pub(crate) media_bucket: String,
    pub(crate) videos_table: String,
    pub(crate) presign_function: String,
    pub(crate) transcode_function: String,
    pub(crate) lookup_function: String,
    #[serde(default)]
    pub(crate) notify_function: String,
    pub(crate) cleanup_function: String,
    pub(crate) sweep_function: String,
    #[serde(default)]
    pub(crate) tracks_function: String,
    #[serde(default)]
    pub(crate) state_machine_arn: String,
    #[serde(default)]
    pub(crate) notify_machine_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure_queue_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) distribution_id: Option<String>,
    /// What only the local stack has.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) local: Option<LocalState>,
}

/// The part of the description that only makes sense on this machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LocalState {
    /// An administrator of the emulator; the keys open nothing else.
    pub(crate) aws_access_key_id: String,
    pub(crate) aws_secret_access_key: String,
    /// By which the emulator knows the command: whoever has it is its root user.
    #[serde(default)]
    pub(crate) emulator_secret: String,
    #[serde(default)]
    pub(crate) emulator: EmulatorKind,
    /// The `reelrun` that serves the stack.
    pub(crate) pid: u32,
    /// What the proxy answers to show that it is this very stack.
    pub(crate) instance: String,
    /// Holds ffmpeg and ffprobe of the layer in use.
    pub(crate) ffmpeg_dir: PathBuf,
    /// What the emulator and the functions write.
    pub(crate) log: PathBuf,
}

/// A stack's outputs, as `infra/template.yaml` names them.
pub(crate) struct Outputs(pub(crate) BTreeMap<String, String>);

impl Outputs {
    pub(crate) fn get(&self, name: &str) -> Result<String> {
        self.find(name).ok_or_else(|| {
            anyhow!("the stack has no output {name}; is infra/template.yaml complete?")
        })
    }

    pub(crate) fn find(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

impl StackState {
    /// Describes a stack by its outputs; addresses are those the template was told.
    pub(crate) fn new(outputs: &Outputs, region: String, stack_name: String) -> Result<Self> {
        let cdn_url = outputs.get("PublicUrl")?;
        let api_url = outputs.get("ApiUrl")?;
        Ok(Self {
            lookup_url: outputs.find("LookupUrl").unwrap_or_else(|| api_url.clone()),
            api_url,
            site_url: outputs.find("PageUrl").unwrap_or_else(|| cdn_url.clone()),
            cdn_url,
            aws_endpoint_url: None,
            region,
            stack_name,
            api_token: None,
            playback_keys: None,
            uploads_bucket: outputs.get("UploadsBucketName")?,
            media_bucket: outputs.get("MediaBucketName")?,
            videos_table: outputs.get("VideosTableName")?,
            presign_function: outputs.get("PresignFunctionName")?,
            transcode_function: outputs.get("TranscodeFunctionName")?,
            lookup_function: outputs.get("LookupFunctionName")?,
            notify_function: outputs.get("NotifyFunctionName")?,
            cleanup_function: outputs.get("CleanupFunctionName")?,
            sweep_function: outputs.get("SweepFunctionName")?,
            tracks_function: outputs.find("TracksFunctionName").unwrap_or_default(),
            state_machine_arn: outputs.get("StateMachineArn")?,
            notify_machine_arn: outputs.get("NotifyMachineArn")?,
            failure_queue_url: outputs.find("FailureQueueUrl"),
            distribution_id: outputs.find("DistributionId"),
            local: None,
        })
    }

    /// What stands in for AWS; nothing on AWS.
    pub(crate) fn emulator(&self) -> Option<EmulatorKind> {
        self.local.as_ref().map(|local| local.emulator)
    }

    /// Reads a description.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} does not describe a Reelrun stack", path.display()))
    }

    /// Writes the description so that a reader sees all of it or none.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let fresh = path.with_extension("json.new");
        let _ = fs::remove_file(&fresh);
        let mut text = serde_json::to_string_pretty(self).context("a stack fits into JSON")?;
        text.push('\n');
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&fresh, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What the template puts out.
    pub(crate) fn outputs() -> Outputs {
        let names = [
            "ApiUrl",
            "PublicUrl",
            "UploadsBucketName",
            "MediaBucketName",
            "VideosTableName",
            "PresignFunctionName",
            "TranscodeFunctionName",
            "LookupFunctionName",
            "NotifyFunctionName",
            "CleanupFunctionName",
            "SweepFunctionName",
            "StateMachineArn",
            "NotifyMachineArn",
        ];
        Outputs(
            names
                .iter()
                .map(|name| ((*name).to_owned(), format!("<{name}>")))
                .collect(),
        )
    }

    fn state() -> StackState {
        StackState::new(&outputs(), "us-east-1".into(), "reelrun".into()).expect("complete")
    }

    #[test]
    fn a_missing_output_is_named() {
        let mut outputs = outputs();
        outputs.0.remove("MediaBucketName");
        let error = StackState::new(&outputs, String::new(), String::new()).expect_err("missing");
        assert!(error.to_string().contains("MediaBucketName"), "{error}");
    }

    #[test]
    fn only_the_owner_can_read_it_and_it_reads_back() {
        let folder = std::env::temp_dir().join(format!("reelrun-state-{}", std::process::id()));
        let path = folder.join("stack.json");
        let mut written = state();
        written.api_token = Some("secret".into());
        written.local = Some(LocalState {
            aws_access_key_id: "test".into(),
            aws_secret_access_key: "test".into(),
            emulator_secret: String::new(),
            emulator: EmulatorKind::LocalStack,
            pid: 7,
            instance: "abc".into(),
            ffmpeg_dir: "bin".into(),
            log: "log".into(),
        });
        written.write(&path).expect("written");
        written.write(&path).expect("written again");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        let read = StackState::read(&path).expect("read");
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(read.local.map(|local| local.pid), Some(7));
    }

    #[test]
    fn local_facts_stand_beside_the_others() {
        let json = serde_json::to_value(state()).expect("json");
        assert!(
            json.get("pid").is_none() && json.get("local").is_none(),
            "{json}"
        );
        assert_eq!(json["api_url"], "<ApiUrl>");
    }
}
