//! A video, as the catalog and the API know it.

mod id;
mod record;
mod status;
pub mod track;
mod visibility;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    id::{InvalidMonth, InvalidVideoId, Month, VideoId},
    status::{InvalidStatus, Status},
    visibility::{InvalidVisibility, Visibility},
};
use self::{record::Record, track::TextTrack};

use crate::timestamp::Timestamp;
use reelrun_media::{
    encryption::{Encryption, SegmentKey},
    error::VideoError,
    source::SourceSummary,
    tracks::Purpose,
};

/// One video's record in the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Video {
    /// The id, which is the record's key.
    pub id: VideoId,
    /// The listing bucket; derived from the id, stored because an index needs it.
    pub month: Month,
    /// Where the video is in its life.
    pub status: Status,
    /// Who may watch it, which is also where its objects are.
    pub visibility: Visibility,
    /// Who is to watch it, until its objects have moved: see `lifecycle::visibility`.
    pub moving_to: Option<Visibility>,
    /// When that was last asked for.
    pub move_requested_at: Option<Timestamp>,
    /// When its objects had moved last.
    pub moved_at: Option<Timestamp>,
    /// What its segments are encrypted with, if they are. Only a private video's are, and from the
    /// beginning.
    pub segment_key: Option<SegmentKey>,
    /// The name of the file on its owner's disk. Data only: never part of a key or a command.
    pub filename: String,
    /// The MIME type that the source is stored with, which its extension decides.
    pub content_type: String,
    /// The size that the upload was signed for, in bytes.
    pub size_bytes: u64,
    /// What the owner calls it.
    pub title: Option<String>,
    /// The owner's own key-value pairs, returned as they came.
    pub metadata: BTreeMap<String, String>,
    /// How much of the encode is done, 0 to 1.
    pub progress: f64,
    /// What the source turned out to be; known once it was probed.
    pub source: Option<SourceSummary>,
    /// What was published, highest first; empty until `ready`.
    pub renditions: Vec<PublishedRendition>,
    /// The sounds that were published, the main one first; empty until `ready`.
    pub audio: Vec<PublishedAudio>,
    /// Whether a poster was published.
    pub has_poster: bool,
    /// Whether a storyboard was published.
    pub has_storyboard: bool,
    /// Whether the main audio track was published as a single file, too.
    pub has_audio_file: bool,
    /// Whether some of it can be watched while the rest is encoded.
    pub has_partial: bool,
    /// When it became ready.
    pub ready_at: Option<Timestamp>,
    /// Why it was not made ready.
    pub error: Option<VideoError>,
    /// How often it was to be made ready, from 1: see `lifecycle`.
    pub generation: u32,
    /// How many encodes were begun in this generation.
    pub attempts: u32,
    /// Who is preparing it.
    pub holder: Option<Holder>,
    /// What opens its upload.
    pub upload_token: Option<UploadToken>,
    /// The multipart uploads for which parts were signed, by a hash of each.
    pub multipart_uploads: BTreeSet<String>,
    /// When whoever uploaded the source said that it is there.
    pub upload_reported_at: Option<Timestamp>,
    /// When it was last asked to be deleted.
    pub delete_requested_at: Option<Timestamp>,
    /// When an upload that never arrives may be forgotten.
    pub expires_at: Option<Timestamp>,
    /// Its subtitles, captions and chapters, and what is to be done about them.
    pub tracks: TextTracks,
}

/// The text tracks of a video: see `lifecycle::tracks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTracks {
    /// In the order in which they were added.
    pub list: Vec<TextTrack>,
    /// How often they were changed.
    pub version: u32,
    /// Whether what is published is yet to be brought into line with them.
    pub are_pending: bool,
    /// Until when somebody does that, and nobody else may.
    pub held_until: Option<Timestamp>,
}

/// Who holds a video's lease, and so is the only one to change what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of a function's invocation, or of a run.
    pub name: String,
    /// Until when, unless it is renewed.
    pub until: Timestamp,
    /// How far the run is, if it is one that has started: that holds the lease for as long as it may
    /// last, and does not renew it.
    pub run: Option<RunProgress>,
}

/// How far a run of the state machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProgress {
    /// How many parts count for the progress.
    pub parts_total: NonZeroU32,
    /// Which of them are done.
    pub parts_done: BTreeSet<u32>,
}

/// The token that opens an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadToken {
    /// Its SHA-256, in hexadecimal.
    pub hash: String,
    /// Until when it does.
    pub valid_until: Timestamp,
}

impl Video {
    /// A video whose upload has just been permitted.
    pub fn waiting(id: VideoId, filename: String, content_type: String, size_bytes: u64) -> Self {
        Self {
            id,
            month: id.month(),
            status: Status::Waiting,
            visibility: Visibility::Public,
            moving_to: None,
            move_requested_at: None,
            moved_at: None,
            segment_key: None,
            filename,
            content_type,
            size_bytes,
            title: None,
            metadata: BTreeMap::new(),
            progress: 0.0,
            source: None,
            renditions: Vec::new(),
            audio: Vec::new(),
            has_poster: false,
            has_storyboard: false,
            has_audio_file: false,
            has_partial: false,
            ready_at: None,
            error: None,
            generation: 1,
            attempts: 0,
            holder: None,
            upload_token: None,
            multipart_uploads: BTreeSet::new(),
            upload_reported_at: None,
            delete_requested_at: None,
            expires_at: None,
            tracks: TextTracks::default(),
        }
    }

    /// Whether whoever asks for it needs a token: also while it is about to become private, or not yet
    /// public.
    pub fn is_guarded(&self) -> bool {
        self.visibility.is_private() || self.moving_to.is_some_and(Visibility::is_private)
    }

    /// How its segments are encrypted, if they are.
    pub fn encryption(&self) -> Option<Encryption> {
        self.segment_key.as_ref().map(SegmentKey::encryption)
    }

    /// The run that is preparing it, if one is.
    pub fn run(&self) -> Option<&str> {
        let holder = self.holder.as_ref()?;
        holder.run.is_some().then_some(&*holder.name)
    }

    /// Whether the lease is this holder's.
    pub fn is_held_by(&self, name: &str) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|holder| holder.name == name)
    }
}

/// What the record tells of a published video.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Highest first.
    pub renditions: Vec<PublishedRendition>,
    /// Its sounds, the main one first.
    pub audio: Vec<PublishedAudio>,
    /// Whether there is a poster.
    pub has_poster: bool,
    /// Whether there is a storyboard.
    pub has_storyboard: bool,
    /// Whether the main audio track is a single file, too.
    pub has_audio_file: bool,
}

/// An audio track that a viewer may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AudioTrack)]
pub struct PublishedAudio {
    /// What players call it.
    #[schema(examples("Deutsch"))]
    pub name: String,
    /// The language it is in: a BCP 47 tag, `und` if unknown.
    #[schema(examples("de"))]
    pub language: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether players take it unless the viewer wants another.
    pub default: bool,
}

/// A rendition with the figures measured from its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Rendition)]
pub struct PublishedRendition {
    /// The rung's name.
    #[schema(examples("720p"))]
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// RFC 6381 codec strings of the variant (video and audio), separated by commas.
    #[schema(examples("avc1.64001f,mp4a.40.2"))]
    pub codecs: String,
    /// Peak bit rate of the variant, audio included, in bits per second.
    pub bandwidth_bps: u64,
    /// Average bit rate of the variant, audio included, in bits per second.
    pub average_bandwidth_bps: u64,
}
