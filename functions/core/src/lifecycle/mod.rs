//! What a video may become, and who may make it that.
//!
//! Every rule about a video's life is here: as [`Transition`]s, which the catalog carries out as
//! conditional writes. Events come more than once and in any order; of two writers exactly one wins.
//!
//! While a video is `preparing`, somebody holds its *lease*: a name, and a time until which nobody else
//! touches the video. A function renews its own as it works; one that dies simply stops renewing. A run
//! of the state machine holds one for as long as it may last.
//!
//! A *generation* is one time that a video is to be made ready: the first begins with its upload, each
//! further one when somebody has it tried again after a failure. In a generation there are up to
//! [`MAX_ATTEMPTS`] *attempts*, and one outcome of which others are told.

mod abandoned;
pub mod claim;
pub mod sweep;
pub mod timing;
pub mod tracks;
mod transition;
mod upload;
pub mod visibility;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::{
    abandoned::{as_of, is_abandoned, out_of_attempts},
    transition::{Change, Field, Guard, Transition},
    upload::{admit_multipart, clear_ttl, renew_upload, report_upload},
};
use crate::{
    timestamp::Timestamp,
    upload::details::DetailsChange,
    video::{Published, Status, Video, VideoId},
};
use reelrun_media::{
    error::{ErrorType, VideoError},
    source::SourceSummary,
};

/// How often a video is tried in a generation: once, and Lambda's two retries.
pub const MAX_ATTEMPTS: u32 = 3;

/// The exclusive right to encode a video, until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The video.
    pub video: VideoId,
    /// Names the holder: a function's invocation, or a run.
    pub holder: String,
    /// The generation that is being made ready, from 1.
    pub generation: u32,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
}

/// What came of a transition.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It happened: the record as it is now.
    Done(Box<Video>),
    /// It may not happen: the record as it is, if there is one.
    Refused(Option<Box<Video>>),
}

impl Outcome {
    /// Whether it happened.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// How a video's status may change, and by what. The model (a test) holds every transition to it, and
/// the diagram in ARCHITECTURE.md is made of it. `None` is no record.
pub const TABLE: [(Option<Status>, &str, Option<Status>); 14] = {
    use Status::{Deleting, Errored, Preparing, Ready, Waiting};
    [
        (None, "an upload is permitted", Some(Waiting)),
        (Some(Waiting), "nobody uploads for a day", None),
        (Some(Waiting), "a function takes the lease", Some(Preparing)),
        (
            Some(Preparing),
            "the lease has expired, so the next attempt begins",
            Some(Preparing),
        ),
        (
            Some(Preparing),
            "the lease is renewed, or given to a run",
            Some(Preparing),
        ),
        (Some(Preparing), "its holder has published it", Some(Ready)),
        (
            Some(Preparing),
            "its holder says why not, or nobody does",
            Some(Errored),
        ),
        (
            Some(Errored),
            "it is tried again, in the next generation",
            Some(Preparing),
        ),
        (Some(Waiting), "delete", Some(Deleting)),
        (Some(Preparing), "delete", Some(Deleting)),
        (Some(Ready), "delete", Some(Deleting)),
        (Some(Errored), "delete", Some(Deleting)),
        (Some(Deleting), "delete, once more", Some(Deleting)),
        (Some(Deleting), "everything of it is removed", None),
    ]
};

fn status(status: Status) -> Value {
    status.as_str().into()
}

fn is(is: Status) -> Guard {
    Guard::Is(Field::Status, status(is))
}

/// Leases are stored in milliseconds.
fn stored(at: Timestamp) -> Value {
    at.as_millis().into()
}

/// Those who finish, fail or delete a video take its lease away, so whoever holds one is preparing it.
fn held_by(holder: &str) -> Guard {
    Guard::Is(Field::Holder, holder.into())
}

const NOT_HELD: [Change; 5] = [
    Change::Remove(Field::Holder),
    Change::Remove(Field::HeldUntil),
    Change::Remove(Field::PartsTotal),
    Change::Remove(Field::PartsDone),
    Change::Remove(Field::HasPartial),
];

/// What an attempt begins with, but for which attempt it is.
fn taken(holder: &str, until: Timestamp) -> Vec<Change> {
    vec![
        Change::Set(Field::Status, status(Status::Preparing)),
        Change::Set(Field::Holder, holder.into()),
        Change::Set(Field::HeldUntil, stored(until)),
        Change::Set(Field::Progress, 0.into()),
        Change::Remove(Field::ExpiresAt),
        Change::Remove(Field::Error),
        Change::Remove(Field::PartsTotal),
        Change::Remove(Field::PartsDone),
        Change::Remove(Field::HasPartial),
    ]
}

/// A function begins the next attempt: the video waits for its source, or nobody holds it any more.
/// `stale` is the end of a lease that was watched for so long that its holder is dead, whatever the
/// clocks say.
pub fn begin(
    holder: &str,
    now: Timestamp,
    until: Timestamp,
    stale: Option<Timestamp>,
) -> Transition {
    let preparing = |guard| Guard::All(vec![is(Status::Preparing), guard]);
    let mut any = vec![
        is(Status::Waiting),
        preparing(Guard::Absent(Field::Holder)),
        preparing(Guard::Below(Field::HeldUntil, now.as_millis())),
    ];
    any.extend(stale.map(|until| preparing(Guard::Is(Field::HeldUntil, stored(until)))));
    let mut changes = taken(holder, until);
    changes.push(Change::Increment(Field::Attempt));
    Transition {
        name: "take the lease",
        guard: Guard::Any(any),
        changes,
    }
}

/// A function begins the next generation of a video that failed for this reason.
pub fn revive(holder: &str, until: Timestamp, failed: &Video, reason: ErrorType) -> Transition {
    let mut generation = vec![Guard::Is(Field::Generation, failed.generation.into())];
    if failed.generation == 1 {
        // Earlier versions did not count.
        generation.push(Guard::Absent(Field::Generation));
    }
    let mut changes = taken(holder, until);
    changes.extend([
        Change::Set(Field::Generation, (failed.generation + 1).into()),
        Change::Set(Field::Attempt, 1.into()),
    ]);
    Transition {
        name: "try the video again",
        guard: Guard::All(vec![
            is(Status::Errored),
            Guard::Is(Field::ErrorType, reason.as_str().into()),
            Guard::Any(generation),
        ]),
        changes,
    }
}

/// A lease is kept, and it is told how far the encode is (0 to 1).
pub fn renew(lease: &Lease, until: Timestamp, progress: f64) -> Transition {
    let progress = (progress * 1000.0).round() / 1000.0;
    Transition {
        name: "renew the lease",
        guard: held_by(&lease.holder),
        changes: vec![
            Change::Set(Field::HeldUntil, stored(until)),
            Change::Set(Field::Progress, progress.into()),
        ],
    }
}

/// A function gives its lease to a run, or takes it back. Doing so again, because the answer was lost,
/// changes nothing.
pub fn hand_over(from: &Lease, to: &Lease, until: Timestamp) -> Transition {
    Transition {
        name: "hand the lease over",
        guard: Guard::Any(vec![held_by(&from.holder), held_by(&to.holder)]),
        changes: vec![
            Change::Set(Field::Holder, to.holder.as_str().into()),
            Change::Set(Field::HeldUntil, stored(until)),
            Change::Remove(Field::PartsTotal),
            Change::Remove(Field::PartsDone),
        ],
    }
}

/// A run has started: it holds the video for as long as it may last, and its progress is that of this
/// many parts.
pub fn confirm_run(run: &Lease, until: Timestamp, parts_total: u32) -> Transition {
    Transition {
        name: "confirm the run",
        guard: held_by(&run.holder),
        changes: vec![
            Change::Set(Field::HeldUntil, stored(until)),
            Change::Set(Field::PartsTotal, parts_total.into()),
        ],
    }
}

/// A part of a run is done.
pub fn part_done(run: &Lease, index: u32) -> Transition {
    Transition {
        name: "record the progress",
        guard: held_by(&run.holder),
        changes: vec![Change::Insert(Field::PartsDone, index)],
    }
}

/// What the source turned out to be.
pub fn describe(lease: &Lease, source: &SourceSummary) -> Transition {
    Transition {
        name: "record what the source is",
        guard: held_by(&lease.holder),
        changes: vec![Change::Set(Field::Source, json!(source))],
    }
}

/// What its holder has encoded so far can be watched.
pub fn show_partial(lease: &Lease) -> Transition {
    Transition {
        name: "record that some of the video can be watched",
        guard: held_by(&lease.holder),
        changes: vec![Change::Set(Field::HasPartial, true.into())],
    }
}

/// The video is published.
pub fn complete(lease: &Lease, published: &Published, now: Timestamp) -> Transition {
    let mut changes = vec![
        Change::Set(Field::Status, status(Status::Ready)),
        Change::Set(Field::Renditions, json!(published.renditions)),
        Change::Set(Field::Audio, json!(published.audio)),
        Change::Set(Field::HasPoster, published.has_poster.into()),
        Change::Set(Field::HasStoryboard, published.has_storyboard.into()),
        Change::Set(Field::HasAudioFile, published.has_audio_file.into()),
        Change::Set(Field::Progress, 1.into()),
        Change::Set(Field::ReadyAt, now.to_string().into()),
    ];
    changes.extend(NOT_HELD);
    Transition {
        name: "record that the video is ready",
        guard: held_by(&lease.holder),
        changes,
    }
}

/// The video has failed, for this reason, as its holder says.
pub fn fail(lease: &Lease, error: &VideoError) -> Transition {
    failed(held_by(&lease.holder), error)
}

/// The video has failed, for this reason: whoever held it as this record says never said so. Whoever
/// took or renewed the lease since is left alone.
pub fn give_up(video: &Video, error: &VideoError) -> Transition {
    let held_as_then = match &video.holder {
        Some(holder) => Guard::All(vec![
            held_by(&holder.name),
            Guard::Is(Field::HeldUntil, stored(holder.until)),
        ]),
        None => Guard::All(vec![is(Status::Preparing), Guard::Absent(Field::Holder)]),
    };
    failed(held_as_then, error)
}

fn failed(guard: Guard, error: &VideoError) -> Transition {
    let mut changes = vec![
        Change::Set(Field::Status, status(Status::Errored)),
        Change::Set(Field::Error, json!(error)),
    ];
    changes.extend(NOT_HELD);
    Transition {
        name: "record that the video has failed",
        guard,
        changes,
    }
}

/// A lease is let go, so that the next attempt need not wait for it to expire.
pub fn release(holder: &str, now: Timestamp) -> Transition {
    let just_expired = now - Duration::from_millis(1);
    Transition {
        name: "release the lease",
        guard: held_by(holder),
        changes: vec![Change::Set(Field::HeldUntil, stored(just_expired))],
    }
}

/// What a holder writes whose attempt came to nothing by no fault of the source's: the next attempt
/// should begin at once, and after the last one nobody should wait for ever.
pub fn give_back(lease: &Lease, now: Timestamp) -> Transition {
    if lease.attempt >= MAX_ATTEMPTS {
        fail(lease, &out_of_attempts())
    } else {
        release(&lease.holder, now)
    }
}

/// A video is taken out of the library for good: whoever encodes it loses its lease with this. The
/// record stays until everything of the video is removed; asking again starts that again.
pub fn delete(now: Timestamp) -> Transition {
    let mut changes = vec![
        Change::Set(Field::Status, status(Status::Deleting)),
        Change::Set(Field::DeleteRequestedAt, stored(now)),
        Change::Remove(Field::ExpiresAt),
        Change::Remove(Field::UploadTokenHash),
    ];
    changes.extend(NOT_HELD);
    Transition {
        name: "delete the video",
        guard: Guard::Exists,
        changes,
    }
}

/// What must hold of a record that is removed: everything else of its video is.
pub fn may_be_forgotten() -> Guard {
    is(Status::Deleting)
}

/// The owner changes a video's details.
pub fn change_details(change: &DetailsChange) -> Transition {
    let mut changes = Vec::new();
    match &change.title {
        Some(Some(title)) => changes.push(Change::Set(Field::Title, title.as_str().into())),
        Some(None) => changes.push(Change::Remove(Field::Title)),
        None => {}
    }
    if let Some(metadata) = &change.metadata {
        changes.push(Change::Set(Field::Metadata, json!(metadata)));
    }
    Transition {
        name: "change the video",
        guard: Guard::All(vec![
            Guard::Exists,
            Guard::IsNot(Field::Status, status(Status::Deleting)),
        ]),
        changes,
    }
}

impl Lease {
    /// The lease that this record grants its holder.
    pub(crate) fn of(video: &Video) -> Option<Self> {
        Some(Self {
            video: video.id,
            holder: video.holder.as_ref()?.name.clone(),
            generation: video.generation,
            attempt: video.attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as Mermaid draws it.
    fn diagram() -> String {
        let name = |status: Option<Status>| status.map_or("[*]", Status::as_str);
        let lines =
            TABLE.map(|(from, what, to)| format!("    {} --> {}: {what}\n", name(from), name(to)));
        format!("```mermaid\nstateDiagram-v2\n{}```", lines.concat())
    }

    #[test]
    fn the_diagram_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
        let architecture = std::fs::read_to_string(path).unwrap();
        let diagram = diagram();
        assert!(
            architecture.contains(&diagram),
            "ARCHITECTURE.md lacks\n{diagram}"
        );
    }

    /// Conditions are made of transitions; what is written without one is said here.
    #[test]
    fn the_catalog_has_no_condition_of_its_own() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../platform/src/catalog");
        let mut own = Vec::new();
        for file in std::fs::read_dir(folder).unwrap().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let name = file.file_name().into_string().unwrap();
            let conditions = text
                .lines()
                .filter(|line| line.contains(".condition_expression("));
            own.extend(conditions.map(|line| format!("{name}: {}", line.trim())));
        }
        own.sort();
        assert_eq!(
            own,
            [
                // The guard of a transition, and of a record that is removed.
                "transitions.rs: .condition_expression(condition)",
                "transitions.rs: .condition_expression(format!(\"attribute_not_exists(id) OR {condition}\"))",
                // A record is made once; an idempotency key and the library are no videos.
                "uploads.rs: .condition_expression(\"attribute_not_exists(first_month) OR first_month > :month\")",
                "uploads.rs: .condition_expression(\"attribute_not_exists(id)\")",
                "uploads.rs: .condition_expression(condition)",
            ]
        );
    }
}
