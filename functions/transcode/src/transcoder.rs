//! What the function works with, and how it gets at a source.

use std::time::Duration;

use reelrun_core::{
    keys::{Folder, StorageKey},
    lifecycle::timing::FIRST_BYTE_TIMEOUT,
};
use reelrun_media::{
    command::SourceUrl,
    diagnostics,
    error::ErrorType,
    plan::Settings,
    source::{self, Container, Head, SNIFF_BYTES, SourceLimits},
};
use reelrun_platform::{catalog::Catalog, state_machine::StateMachine, storage::Storage};

use crate::{error::StepError, process::Programs};

/// What the function works with.
#[derive(Debug, Clone)]
pub struct Transcoder {
    /// Sources and segments.
    pub storage: Storage,
    /// The videos.
    pub catalog: Catalog,
    /// ffmpeg and ffprobe.
    pub programs: Programs,
    /// What is accepted.
    pub limits: SourceLimits,
    /// What is made of them.
    pub settings: Settings,
    /// Encodes the long ones.
    pub runs: StateMachine,
    /// The version that this function is, as `name:version`: what its runs call.
    pub function: String,
    /// The longest a run may last; the state machine ends it then.
    pub run_timeout: Duration,
}

impl Transcoder {
    /// What a source's first bytes say it is. Nothing else of it is read before that is known.
    pub(crate) async fn sniff(&self, folder: Folder) -> Result<Head, StepError> {
        let key = StorageKey::Source(folder);
        let head = self.storage.get_head(&key, SNIFF_BYTES).await?;
        let head = head.ok_or_else(diagnostics::missing)?;
        source::check_encoding(head.content_encoding.as_deref())?;
        Ok(Head::of(&head.bytes)?)
    }

    /// Asks storage before a source is blamed. A program that came to a stop waited for the source's
    /// bytes, or was kept busy by them: storage still gives them at once, or not. And one that goes while
    /// it is read looks like one that is damaged, since ffmpeg says nothing of a 404 half-way.
    pub(crate) async fn blame<T>(
        &self,
        folder: Folder,
        result: Result<T, StepError>,
    ) -> Result<T, StepError> {
        let error = match result {
            Err(StepError::Stalled(error)) => error,
            Err(StepError::InvalidMedia(error)) if error.kind == ErrorType::MalformedMedia => error,
            result => return result,
        };
        let key = StorageKey::Source(folder);
        let head = self.storage.get_head(&key, SNIFF_BYTES);
        let head = tokio::time::timeout(FIRST_BYTE_TIMEOUT, head)
            .await
            .map_err(|_| {
                StepError::Transient("storage takes its time to give the source".into())
            })??;
        Err(head.map_or_else(diagnostics::missing, |_| error).into())
    }

    /// A signed URL of a video's source.
    pub(crate) async fn sign_source(&self, folder: Folder) -> Result<String, StepError> {
        self.sign(&StorageKey::Source(folder)).await
    }

    /// A signed URL of what programs read.
    pub(crate) async fn sign(&self, key: &StorageKey) -> Result<String, StepError> {
        let valid_for = Duration::from_hours(1);
        Ok(self.storage.presign_download(key, valid_for).await?)
    }

    /// How programs read a source by such a URL.
    pub(crate) fn source_at<'a>(
        &'a self,
        url: &'a str,
        container: Container,
        reads_deep: bool,
    ) -> SourceUrl<'a> {
        SourceUrl {
            url,
            ca_file: self.programs.ca_file.as_deref(),
            container,
            reads_deep,
        }
    }
}
