//! Changes that depend on what a record says: decided anew where it has changed before they were written.

use reelrun_core::{
    lifecycle::{Outcome, Transition},
    video::{Status, Video, VideoId},
};

use super::{Catalog, CatalogError};

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// This, if the record still is as it was seen.
    Apply(Transition),
    /// It says what it is to say: also where the answer to an earlier try was lost.
    Keep,
}

/// Why a record was not changed.
#[derive(Debug)]
pub enum Unchanged<E> {
    /// There is no such video, or it is deleted.
    Missing,
    /// By what it says, it must not be.
    Refused(E),
    /// It changes faster than it can be decided.
    Busy,
    /// The catalog could not answer.
    Catalog(CatalogError),
}

/// How often it is decided.
const TRIES: usize = 10;

impl Catalog {
    /// Changes a record as is decided of it. The record as it is then.
    pub async fn change<E>(
        &self,
        id: VideoId,
        mut decide: impl FnMut(&Video) -> Result<Decision, E>,
    ) -> Result<Video, Unchanged<E>> {
        let mut seen = self.get(id).await.map_err(Unchanged::Catalog)?;
        for _ in 0..TRIES {
            let video = seen.filter(|video| video.status != Status::Deleting);
            let video = video.ok_or(Unchanged::Missing)?;
            let transition = match decide(&video).map_err(Unchanged::Refused)? {
                Decision::Apply(transition) => transition,
                Decision::Keep => return Ok(video),
            };
            let outcome = self.apply(id, &transition).await;
            seen = match outcome.map_err(Unchanged::Catalog)? {
                Outcome::Done(video) => return Ok(*video),
                Outcome::Refused(video) => video.map(|video| *video),
            };
        }
        Err(Unchanged::Busy)
    }
}
