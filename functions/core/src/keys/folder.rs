//! The folders of a video.

use super::{Bucket, StorageKey};
use crate::video::{Video, VideoId, Visibility, track::TextTrackId};
use reelrun_media::file::MediaFile;

/// Where a video's objects are: private ones below a prefix of their own, which the CDN reads for nobody
/// without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder {
    /// The video.
    pub video: VideoId,
    /// Who may watch it.
    pub visibility: Visibility,
}

impl Folder {
    /// Where this video's objects are.
    pub fn of(video: &Video) -> Self {
        Self {
            video: video.id,
            visibility: video.visibility,
        }
    }

    /// The folder of a video that is public.
    pub fn public(video: VideoId) -> Self {
        let visibility = Visibility::Public;
        Self { video, visibility }
    }

    /// The folder of a video that is private.
    pub fn private(video: VideoId) -> Self {
        let visibility = Visibility::Private;
        Self { video, visibility }
    }

    /// What the keys of its objects begin with: of what is published, and of the source.
    pub fn prefixes(self) -> [(Bucket, String); 2] {
        let Self { video, visibility } = self;
        let media = match visibility {
            Visibility::Public => "videos/",
            Visibility::Private => "private/",
        };
        [
            (Bucket::Media, format!("{media}{video}/")),
            (
                Bucket::Uploads,
                format!("{}{video}/", Self::sources(visibility)),
            ),
        ]
    }

    /// The ranks of names, in the order in which they are stored.
    pub const RANKS: std::ops::RangeInclusive<u8> = 0..=3;

    /// When an object of this name is stored: whoever finds a playlist finds what it names. That is the
    /// promise of publishing, and of moving.
    pub fn rank(name: &str) -> u8 {
        if name == MediaFile::Master.to_string() {
            3
        } else if name == MediaFile::Manifest.to_string() {
            2
        } else {
            let extension = name.rsplit_once('.').map(|(_, extension)| extension);
            u8::from(matches!(extension, Some("m3u8" | "vtt")))
        }
    }

    /// The paths under which the CDN keeps its objects, and what the API says of the video. Few have a
    /// wildcard: of those a distribution takes
    /// on only some at a time.
    pub fn cdn_paths(self) -> Vec<String> {
        let Self { video, visibility } = self;
        match visibility {
            Visibility::Public => {
                let source = StorageKey::Source(self);
                vec![format!("/videos/{video}*"), format!("/{source}")]
            }
            // The gate asks for media and source alike below this, whatever a viewer's path was.
            Visibility::Private => vec![format!("/private/{video}/*")],
        }
    }

    /// What sources of this visibility begin with.
    pub fn sources(visibility: Visibility) -> &'static str {
        match visibility {
            Visibility::Public => "uploads/",
            Visibility::Private => "private/",
        }
    }
}

/// The folders of a video in which each text track has one of its own, by its id.
pub fn track_folders(folder: Folder) -> [(Bucket, String); 3] {
    let [(media, published), _] = folder.prefixes();
    [
        (Bucket::Uploads, format!("tracks/{}/", folder.video)),
        (media, format!("{published}subtitles/")),
        (media, format!("{published}chapters/")),
    ]
}

/// The track that an object belongs to, by its name in one of these folders; none if it belongs to no single
/// one.
pub fn track_of(name: &str) -> Option<TextTrackId> {
    let (track, _) = name.split_once('/')?;
    track.parse().ok()
}
