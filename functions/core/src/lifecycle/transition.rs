//! A change of a video's record, as data: when it may happen, and what it makes of the record.
//!
//! The rules of [`super`] make these; the catalog turns one into one conditional write and decides
//! nothing. [`Transition::apply`] says what that write does, so that rules can be tried without a table.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// An attribute of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Where the video is in its life.
    Status,
    /// Who holds the lease: a function's own name, or the run's.
    Holder,
    /// Until when, in Unix milliseconds.
    HeldUntil,
    /// How often somebody had the video tried again, from 1.
    Generation,
    /// How many encodes were begun in this generation.
    Attempt,
    /// How much of the encode is done.
    Progress,
    /// Of how many parts the progress of a run is told.
    PartsTotal,
    /// Which of them are done.
    PartsDone,
    /// What the source turned out to be.
    Source,
    /// Why the video was not made ready.
    Error,
    /// Its type.
    ErrorType,
    /// What was published.
    Renditions,
    /// What of its sounds.
    Audio,
    /// Whether a poster was.
    HasPoster,
    /// Whether a storyboard was.
    HasStoryboard,
    /// Whether the main audio track was as a single file.
    HasAudioFile,
    /// Whether what is encoded so far can be watched.
    HasPartial,
    /// When the video became ready.
    ReadyAt,
    /// When an upload that never arrives may be forgotten.
    ExpiresAt,
    /// When the video was last asked to be deleted.
    DeleteRequestedAt,
    /// The hash of the token that opens the upload.
    UploadTokenHash,
    /// Until when that is good.
    UploadUntil,
    /// The multipart uploads for which parts were signed, by a hash of each.
    MultipartUploads,
    /// When whoever uploaded the source said that it is there.
    UploadReportedAt,
    /// What the owner calls it.
    Title,
    /// The owner's own key-value pairs.
    Metadata,
    /// Who may watch it, which is also where its objects are.
    Visibility,
    /// Who is to watch it, while its objects move.
    MovingTo,
    /// When that was last asked for.
    MoveRequestedAt,
    /// When they had moved last.
    MovedAt,
    /// The text tracks.
    Tracks,
    /// How often they were changed.
    TracksVersion,
    /// Whether what is published is yet to be brought into line with them.
    TracksPending,
    /// Until when somebody does that, in Unix milliseconds.
    TracksHeldUntil,
}

impl Field {
    /// Where it is in a record: its name, or its name in another one.
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::Status => &["status"],
            Self::Holder => &["lease_owner"],
            Self::HeldUntil => &["lease_until"],
            Self::Generation => &["generation"],
            Self::Attempt => &["attempts"],
            Self::Progress => &["progress"],
            Self::PartsTotal => &["parts_counted"],
            Self::PartsDone => &["parts_done"],
            Self::Source => &["source"],
            Self::Error => &["error"],
            Self::ErrorType => &["error", "type"],
            Self::Renditions => &["renditions"],
            Self::Audio => &["audio"],
            Self::HasPoster => &["has_poster"],
            Self::HasStoryboard => &["has_storyboard"],
            Self::HasAudioFile => &["has_audio_file"],
            Self::HasPartial => &["has_partial"],
            Self::ReadyAt => &["ready_at"],
            Self::ExpiresAt => &["expires_at"],
            Self::DeleteRequestedAt => &["asked_at"],
            Self::UploadTokenHash => &["upload_token_hash"],
            Self::UploadUntil => &["upload_until"],
            Self::MultipartUploads => &["multipart_uploads"],
            Self::UploadReportedAt => &["upload_reported_at"],
            Self::Title => &["title"],
            Self::Metadata => &["metadata"],
            Self::Visibility => &["visibility"],
            Self::MovingTo => &["moving_to"],
            Self::MoveRequestedAt => &["move_requested_at"],
            Self::MovedAt => &["moved_at"],
            Self::Tracks => &["tracks"],
            Self::TracksVersion => &["tracks_version"],
            Self::TracksPending => &["tracks_pending"],
            Self::TracksHeldUntil => &["tracks_held_until"],
        }
    }

    fn of(self, record: &Map<String, Value>) -> Option<&Value> {
        let (first, rest) = self.path().split_first()?;
        rest.iter()
            .try_fold(record.get(*first)?, |value, name| value.get(name))
    }
}

/// What must hold of a record. But for [`Self::IsNot`], nothing holds of a field that is not there.
#[derive(Debug, Clone, PartialEq)]
pub enum Guard {
    /// All of these.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
    /// The field has this value.
    Is(Field, Value),
    /// The field has another value, or is not there.
    IsNot(Field, Value),
    /// The field is a number below this one.
    Below(Field, i64),
    /// The field is a set with fewer members than this.
    Fewer(Field, u32),
    /// The field is a set with this text in it.
    Contains(Field, String),
    /// The field is not there.
    Absent(Field),
    /// There is such a record, and it is a video's.
    Exists,
}

/// What is made of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The field has this value.
    Set(Field, Value),
    /// The field is not there any more.
    Remove(Field),
    /// The number is one more than it was; one if it was not there.
    Increment(Field),
    /// The set of numbers has this one.
    Insert(Field, u32),
    /// The set of texts has this one.
    InsertText(Field, String),
}

/// A change of a record that happens as a whole, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// What it is, for messages: completes "could not …".
    pub name: &'static str,
    /// When it may happen.
    pub guard: Guard,
    /// What it makes of the record.
    pub changes: Vec<Change>,
}

impl Guard {
    /// Whether this holds of a record.
    pub fn holds(&self, record: &Map<String, Value>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|guard| guard.holds(record)),
            Self::Any(any) => any.iter().any(|guard| guard.holds(record)),
            Self::Is(field, value) => field.of(record) == Some(value),
            Self::IsNot(field, value) => field.of(record) != Some(value),
            Self::Below(field, bound) => field
                .of(record)
                .and_then(Value::as_i64)
                .is_some_and(|number| number < *bound),
            Self::Fewer(field, bound) => field
                .of(record)
                .and_then(Value::as_array)
                .is_some_and(|set| set.len() < *bound as usize),
            Self::Contains(field, text) => field
                .of(record)
                .and_then(Value::as_array)
                .is_some_and(|set| set.iter().any(|one| one == text)),
            Self::Absent(field) => field.of(record).is_none(),
            Self::Exists => Field::Status.of(record).is_some(),
        }
    }
}

impl Transition {
    /// What the record is after it; or that it may not happen. `None` is no record.
    pub fn apply(&self, record: Option<&Map<String, Value>>) -> Option<Map<String, Value>> {
        let mut record = record?.clone();
        if !self.guard.holds(&record) {
            return None;
        }
        for change in &self.changes {
            let (Change::Set(field, _)
            | Change::Remove(field)
            | Change::Increment(field)
            | Change::Insert(field, _)
            | Change::InsertText(field, _)) = change;
            let name = field.path()[0];
            let was = record.remove(name);
            let is = match change {
                Change::Set(_, value) => Some(value.clone()),
                Change::Remove(_) => None,
                Change::Increment(_) => {
                    let was = was.as_ref().and_then(Value::as_i64).unwrap_or_default();
                    Some((was + 1).into())
                }
                Change::Insert(_, number) => {
                    let was = was.and_then(|set| serde_json::from_value(set).ok());
                    let mut set: BTreeSet<u32> = was.unwrap_or_default();
                    set.insert(*number);
                    Some(set.into_iter().collect())
                }
                Change::InsertText(_, text) => {
                    let was = was.and_then(|set| serde_json::from_value(set).ok());
                    let mut set: BTreeSet<String> = was.unwrap_or_default();
                    set.insert(text.clone());
                    Some(set.into_iter().collect())
                }
            };
            if let Some(is) = is {
                record.insert(name.into(), is);
            }
        }
        Some(record)
    }
}
