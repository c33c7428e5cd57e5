//! Copies the picture of a source that can't be entered in the middle to where it can.
//!
//! It costs one more reading of the source, and storage until the run is over. Nothing touches the disk:
//! what ffmpeg writes to its pipe is stored in parts.

use std::os::fd::OwnedFd;

use bytes::{Bytes, BytesMut};
use reelrun_core::{
    event::SourceUploaded,
    keys::{RunId, StorageKey},
    lifecycle::Lease,
};
use reelrun_media::{
    command::{self, FIRST_FD},
    diagnostics::{Stage, is_network_trouble},
    plan::Plan,
    resource_limits::ResourceLimits,
    source::{self, Container},
};
use reelrun_platform::storage::PartsUpload;
use tokio::{io::AsyncReadExt as _, net::unix::pipe};

use crate::{error::StepError, examine::Examined, process, transcoder::Transcoder};

/// The size of a part. A few are held at a time, and 10,000 of them are more than any source.
const PART_BYTES: usize = 16 << 20;

/// What came of it.
enum Copied {
    /// It is stored.
    Whole,
    /// ffmpeg could not write it.
    Impossible,
}

/// Where the copy is that an attempt makes.
pub(crate) fn copy_key(source: &SourceUploaded, lease: &Lease) -> StorageKey {
    let run = RunId::new(&source.entity_tag, lease.generation, lease.attempt);
    StorageKey::PictureCopy(source.folder.video, run)
}

impl Transcoder {
    /// Plans a source by a copy of its picture, or without one if that does not do.
    pub(crate) async fn plan_by_copy(
        &self,
        source: &SourceUploaded,
        lease: &Lease,
        examined: &mut Examined<'_>,
        plan: &Plan,
    ) -> Result<Plan, StepError> {
        let key = copy_key(source, lease);
        tracing::info!(video.id = %source.folder.video, "its picture is copied, since it can't be entered in the middle");
        let planned = match self.copy_picture(&key, examined, plan).await? {
            Copied::Whole => {
                let url = self.sign(&key).await?;
                let copy = self.source_at(&url, Container::Nut, false);
                examined
                    .plan_copied(&self.programs, self.settings, copy)
                    .await
            }
            Copied::Impossible => Ok(examined.plan_from_start(self.settings)),
        };
        if !planned.as_ref().is_ok_and(Plan::has_copy) {
            self.remove_copy(&key).await;
        }
        planned
    }

    /// Removes a copy that is of no more use. It is not worth a failure: the bucket's lifecycle removes
    /// what is left.
    pub(crate) async fn remove_copy(&self, key: &StorageKey) {
        if let Err(why) = self.storage.remove(key).await {
            tracing::warn!(%key, error = %why, "a copy is left for a week");
        }
    }

    async fn copy_picture(
        &self,
        key: &StorageKey,
        examined: &Examined<'_>,
        plan: &Plan,
    ) -> Result<Copied, StepError> {
        let mut upload = self.storage.begin_parts(key.clone()).await?;
        let copied = self.store_copy(&mut upload, examined, plan).await;
        if matches!(copied, Ok(Copied::Whole)) {
            upload.complete().await?;
        } else if let Err(why) = upload.give_up().await {
            tracing::warn!(%key, error = %why, "parts of a copy are left for a day");
        }
        copied
    }

    async fn store_copy(
        &self,
        upload: &mut PartsUpload,
        examined: &Examined<'_>,
        plan: &Plan,
    ) -> Result<Copied, StepError> {
        let size_bytes = examined.info.size_bytes;
        let args = command::copy(plan, examined.source);
        let limits = ResourceLimits::copy(self.programs.memory_mb, size_bytes);
        let ffmpeg = &self.programs.ffmpeg;
        let (running, readers) = process::start(ffmpeg, &args, None, FIRST_FD, 1, limits)?;
        let lost = |why: std::io::Error| StepError::Internal(format!("a pipe is lost: {why}"));
        let reader = readers.into_iter().next();
        let reader = reader.ok_or_else(|| StepError::Internal("a pipe is missing".into()))?;
        let mut pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(lost)?;
        let mut bytes = 0;
        for number in 1.. {
            let mut part = BytesMut::with_capacity(PART_BYTES);
            while part.len() < PART_BYTES && pipe.read_buf(&mut part).await.map_err(lost)? > 0 {
                running.activity().beat();
            }
            let is_last = part.len() < PART_BYTES;
            bytes += part.len() as u64;
            if source::is_repeated(bytes, size_bytes) {
                return Err(source::repeats_itself().into());
            }
            if !part.is_empty() {
                let _busy = running.activity().busy();
                upload.store(number, Bytes::from(part)).await?;
            }
            if is_last {
                break;
            }
        }
        let ended = running.end().await?;
        if is_network_trouble(&ended.stderr) {
            return Err(StepError::unread(&ended.stderr));
        }
        if ended.status.success() && bytes > 0 {
            return Ok(Copied::Whole);
        }
        match ended.blame(Stage::Encoding) {
            // It may well be decoded all the same.
            StepError::InvalidMedia(why) | StepError::Crashed(why) => {
                tracing::info!(error.detail = why.detail, "its picture can't be copied");
                Ok(Copied::Impossible)
            }
            why => Err(why),
        }
    }
}
