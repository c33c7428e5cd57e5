//! The store in which the edge looks up the keys of playback tokens.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::playback_keys::{NEWEST, PlaybackKeys};
use crate::process::Task;
use crate::project::Project;
use crate::sam::Deployment;
use crate::secret::SecretFile;

const SCRIPT: &str = include_str!("key_store.py");

/// The store of a stack at the edge.
pub(crate) struct KeyStore<'a> {
    pub(crate) project: &'a Project,
    pub(crate) deployment: &'a Deployment<'a>,
    pub(crate) arn: &'a str,
}

impl KeyStore<'_> {
    /// The keys that are there.
    pub(crate) fn read(&self) -> Result<Option<PlaybackKeys>> {
        let entries = self.task().args(["read", self.arn]).output()?;
        let entries = serde_json::from_str(&entries)
            .context("the store of playback keys answered in no known way")?;
        Ok(PlaybackKeys::of(&entries))
    }

    /// Has the edge take tokens of these keys too, before anybody signs with them.
    pub(crate) fn announce(&self, keys: &PlaybackKeys) -> Result<()> {
        let mut entries = keys.entries(None);
        entries.remove(NEWEST);
        self.write("add", &entries)
    }

    /// Has the edge take tokens of these keys and no others.
    pub(crate) fn replace(&self, keys: &PlaybackKeys, media_host: Option<&str>) -> Result<()> {
        self.write("replace", &keys.entries(media_host))
    }

    fn write(&self, operation: &str, entries: &BTreeMap<String, String>) -> Result<()> {
        let file = SecretFile::write(&self.deployment.logs, "playback-keys.json", entries)?;
        self.task().args([operation, self.arn]).arg(&file.0).run()
    }

    fn task(&self) -> Task<'_> {
        let python = self.project.tool("python");
        let task = Task::new(self.project, "storing the playback keys", python)
            .log(self.deployment.logs.join("playback-keys.log"))
            .way_out(
                "Check that your AWS credentials may use the stack's CloudFront key value store \
                 (cloudfront-keyvaluestore:*), then run the command again.",
            );
        let task = self.deployment.place.environment(task);
        task.args(["-c", SCRIPT])
    }
}
