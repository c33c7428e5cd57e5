//! Every object's place: key, content type and cache policy, decided here and nowhere else.
//!
//! Keys hold ids and names that the server made. A user's filename is never part of one.

mod folder;
mod run_id;

use std::{fmt, str::FromStr};

pub use self::{
    folder::{Folder, track_folders, track_of},
    run_id::{InvalidRunId, RunId},
};
use crate::video::{VideoId, Visibility, track::TextTrackId};
use reelrun_media::{
    file::{MediaFile, TrackId},
    plan::Part,
};

/// Which bucket holds an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Private: what users upload, and working files.
    Uploads,
    /// What the CDN serves.
    Media,
}

/// One object in storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageKey {
    /// The uploaded file.
    Source(Folder),
    /// The uploaded file, once it turned out to be no video: nobody but the operator reads it there.
    RefusedSource(VideoId),
    /// What a run encodes.
    Plan(VideoId, RunId),
    /// The copy of a source's picture that a run reads.
    PictureCopy(VideoId, RunId),
    /// What became of one part of it.
    Report(VideoId, RunId, Part),
    /// The uploaded file of a text track.
    TrackSource(VideoId, TextTrackId),
    /// What was measured of a published video, from which its playlists are written anew.
    Presentation(VideoId),
    /// A published file.
    Media(Folder, MediaFile),
}

impl StorageKey {
    /// The bucket that holds it.
    pub fn bucket(&self) -> Bucket {
        match self {
            Self::Source(_)
            | Self::RefusedSource(_)
            | Self::Plan(..)
            | Self::PictureCopy(..)
            | Self::Report(..)
            | Self::TrackSource(..)
            | Self::Presentation(_) => Bucket::Uploads,
            Self::Media(..) => Bucket::Media,
        }
    }

    /// The folders that hold all objects of a video.
    pub fn folders(video: VideoId) -> [(Bucket, String); 7] {
        [
            (Bucket::Uploads, format!("uploads/{video}/")),
            (Bucket::Uploads, format!("private/{video}/")),
            (Bucket::Uploads, format!("refused/{video}/")),
            (Bucket::Uploads, format!("work/{video}/")),
            (Bucket::Uploads, format!("tracks/{video}/")),
            (Bucket::Media, format!("videos/{video}/")),
            (Bucket::Media, format!("private/{video}/")),
        ]
    }

    /// The folders in which something of a video may be stored in parts, and be left half-way.
    pub fn upload_folders(video: VideoId) -> [(Bucket, String); 3] {
        ["uploads", "private", "work"].map(|folder| (Bucket::Uploads, format!("{folder}/{video}/")))
    }

    /// The MIME type it is stored with. A source keeps the type that its upload was signed for.
    pub fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::Source(_) | Self::RefusedSource(_) => None,
            Self::PictureCopy(..) | Self::TrackSource(..) => Some("application/octet-stream"),
            Self::Plan(..) | Self::Report(..) | Self::Presentation(_) => Some("application/json"),
            Self::Media(_, file) => Some(match file {
                MediaFile::Master
                | MediaFile::Playlist(_)
                | MediaFile::IFrames(_)
                | MediaFile::PartialMaster
                | MediaFile::PartialPlaylist(_)
                | MediaFile::TextPlaylist(_) => "application/vnd.apple.mpegurl",
                MediaFile::Manifest => "application/dash+xml",
                MediaFile::Poster | MediaFile::SpriteSheet(_) => "image/jpeg",
                MediaFile::Storyboard
                | MediaFile::TextSegment(..)
                | MediaFile::Text(_)
                | MediaFile::Chapters(_) => "text/vtt",
                MediaFile::ChaptersJson(_) => "application/json",
                MediaFile::Init(TrackId::Video(_)) | MediaFile::Segment(TrackId::Video(_), _) => {
                    "video/mp4"
                }
                MediaFile::Audio
                | MediaFile::Init(TrackId::Audio(_))
                | MediaFile::Segment(TrackId::Audio(_), _) => "audio/mp4",
            }),
        }
    }

    /// How long a CDN and a player may keep it. Segments never change once published; playlists
    /// may gain entries (subtitles, say), so they are asked for again soon; those of what is still encoded
    /// grow all the time.
    pub fn cache_control(&self) -> Option<&'static str> {
        let Self::Media(_, file) = self else {
            return None;
        };
        Some(match file {
            MediaFile::Audio | MediaFile::Init(_) | MediaFile::Segment(..) => {
                "public, max-age=31536000, immutable"
            }
            MediaFile::PartialMaster | MediaFile::PartialPlaylist(_) => "public, max-age=1",
            _ => "public, max-age=60",
        })
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(Folder { video, visibility }) => {
                write!(f, "{}{video}/source", Folder::sources(*visibility))
            }
            Self::RefusedSource(id) => write!(f, "refused/{id}/source"),
            Self::Plan(id, run) => write!(f, "work/{id}/{run}/plan.json"),
            Self::PictureCopy(id, run) => write!(f, "work/{id}/{run}/picture.nut"),
            Self::Report(id, run, part) => write!(f, "work/{id}/{run}/reports/{part}.json"),
            Self::TrackSource(id, track) => write!(f, "tracks/{id}/{track}/source"),
            Self::Presentation(id) => write!(f, "tracks/{id}/presentation.json"),
            Self::Media(Folder { video, visibility }, file) => match visibility {
                Visibility::Public => write!(f, "videos/{video}/{file}"),
                Visibility::Private => write!(f, "private/{video}/{file}"),
            },
        }
    }
}

/// The key names no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is not uploads/<video id>/source or private/<video id>/source")]
pub struct NotASource;

/// Reads the folder back from a source's key.
pub fn parse_source_key(key: &str) -> Result<Folder, NotASource> {
    let folder = |visibility| {
        let rest = key.strip_prefix(Folder::sources(visibility))?;
        let video = VideoId::from_str(rest.strip_suffix("/source")?).ok()?;
        Some(Folder { video, visibility })
    };
    Visibility::ALL
        .into_iter()
        .find_map(folder)
        .ok_or(NotASource)
}

/// Reads video and track back from the key of a text track's source.
pub fn parse_track_source_key(key: &str) -> Option<(VideoId, TextTrackId)> {
    let ids = key.strip_prefix("tracks/")?.strip_suffix("/source")?;
    let (video, track) = ids.split_once('/')?;
    Some((video.parse().ok()?, track.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> VideoId {
        "01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e".parse().unwrap()
    }

    fn track() -> TextTrackId {
        "01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f".parse().unwrap()
    }

    #[test]
    fn a_track_s_source_says_whose_it_is() {
        let key = StorageKey::TrackSource(id(), track()).to_string();
        assert_eq!(parse_track_source_key(&key), Some((id(), track())));
        for wrong in [
            StorageKey::Presentation(id()).to_string(),
            StorageKey::Source(Folder::public(id())).to_string(),
            key.to_uppercase(),
            format!("{key}/source"),
        ] {
            assert_eq!(parse_track_source_key(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_in_a_track_s_folder_is_the_track_s() {
        let folders = track_folders(Folder::private(id()));
        let of = |key: StorageKey| {
            let key = key.to_string();
            let mut names = folders
                .iter()
                .filter_map(|(_, folder)| key.strip_prefix(folder));
            names.next().and_then(track_of)
        };
        let published = |file| StorageKey::Media(Folder::private(id()), file);
        let name = || track().to_string();
        for key in [
            StorageKey::TrackSource(id(), track()),
            published(MediaFile::TextPlaylist(name())),
            published(MediaFile::TextSegment(name(), 7)),
            published(MediaFile::Text(name())),
            published(MediaFile::Chapters(name())),
            published(MediaFile::ChaptersJson(name())),
        ] {
            assert_eq!(of(key.clone()), Some(track()), "{key}");
        }
        assert_eq!(of(StorageKey::Presentation(id())), None);
        assert_eq!(of(published(MediaFile::Master)), None);
    }

    #[test]
    fn keys_are_where_they_have_always_been() {
        let rung = TrackId::Video("720p".into());
        let run = || RunId::new("\"9b2cf535f27731c974343645a3985328-12\"", 1, 1);
        let keys = [
            StorageKey::Source(Folder::public(id())),
            StorageKey::RefusedSource(id()),
            StorageKey::Plan(id(), run()),
            StorageKey::PictureCopy(id(), run()),
            StorageKey::Report(id(), run(), Part::Chunk(7)),
            StorageKey::Report(id(), run(), Part::Audio(1, 0)),
            StorageKey::Media(Folder::public(id()), MediaFile::Master),
            StorageKey::Media(Folder::public(id()), MediaFile::Manifest),
            StorageKey::Media(Folder::public(id()), MediaFile::Poster),
            StorageKey::Media(Folder::public(id()), MediaFile::Audio),
            StorageKey::Media(Folder::public(id()), MediaFile::Storyboard),
            StorageKey::Media(Folder::public(id()), MediaFile::SpriteSheet(0)),
            StorageKey::Media(Folder::public(id()), MediaFile::Init(rung.clone())),
            StorageKey::Media(Folder::public(id()), MediaFile::Segment(rung.clone(), 1)),
            StorageKey::Media(
                Folder::public(id()),
                MediaFile::Segment(TrackId::Audio("main".into()), 123_456),
            ),
            StorageKey::Media(Folder::public(id()), MediaFile::Playlist(rung.clone())),
            StorageKey::Media(Folder::public(id()), MediaFile::IFrames(rung.clone())),
            StorageKey::Media(Folder::public(id()), MediaFile::PartialMaster),
            StorageKey::Media(Folder::public(id()), MediaFile::PartialPlaylist(rung)),
            StorageKey::Source(Folder::private(id())),
            StorageKey::Media(Folder::private(id()), MediaFile::Master),
            StorageKey::TrackSource(id(), track()),
            StorageKey::Presentation(id()),
            StorageKey::Media(
                Folder::public(id()),
                MediaFile::TextPlaylist(track().to_string()),
            ),
            StorageKey::Media(
                Folder::public(id()),
                MediaFile::TextSegment(track().to_string(), 1),
            ),
            StorageKey::Media(Folder::public(id()), MediaFile::Text(track().to_string())),
            StorageKey::Media(
                Folder::private(id()),
                MediaFile::Chapters(track().to_string()),
            ),
            StorageKey::Media(
                Folder::public(id()),
                MediaFile::ChaptersJson(track().to_string()),
            ),
        ];
        let table: Vec<_> = keys
            .iter()
            .map(|key| {
                format!(
                    "{key} | {} | {}",
                    key.content_type().unwrap_or("-"),
                    key.cache_control().unwrap_or("-")
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        uploads/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source | - | -
        refused/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source | - | -
        work/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/9b2cf535f27731c974343645a3985328-1/plan.json | application/json | -
        work/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/9b2cf535f27731c974343645a3985328-1/picture.nut | application/octet-stream | -
        work/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/9b2cf535f27731c974343645a3985328-1/reports/chunk-7.json | application/json | -
        work/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/9b2cf535f27731c974343645a3985328-1/reports/audio-1-0.json | application/json | -
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/master.m3u8 | application/vnd.apple.mpegurl | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/manifest.mpd | application/dash+xml | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/poster.jpg | image/jpeg | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/audio.m4a | audio/mp4 | public, max-age=31536000, immutable
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/storyboard/storyboard.vtt | text/vtt | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/storyboard/00001.jpg | image/jpeg | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/video/720p/init.mp4 | video/mp4 | public, max-age=31536000, immutable
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/video/720p/00001.m4s | video/mp4 | public, max-age=31536000, immutable
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/audio/main/123456.m4s | audio/mp4 | public, max-age=31536000, immutable
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/video/720p/playlist.m3u8 | application/vnd.apple.mpegurl | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/video/720p/iframes.m3u8 | application/vnd.apple.mpegurl | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/partial.m3u8 | application/vnd.apple.mpegurl | public, max-age=1
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/video/720p/partial.m3u8 | application/vnd.apple.mpegurl | public, max-age=1
        private/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/source | - | -
        private/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/master.m3u8 | application/vnd.apple.mpegurl | public, max-age=60
        tracks/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/source | application/octet-stream | -
        tracks/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/presentation.json | application/json | -
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/subtitles/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/playlist.m3u8 | application/vnd.apple.mpegurl | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/subtitles/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/00001.vtt | text/vtt | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/subtitles/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/all.vtt | text/vtt | public, max-age=60
        private/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/chapters/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/chapters.vtt | text/vtt | public, max-age=60
        videos/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e/chapters/01936f1e-8c3d-7a51-8e4f-2a3b4c5d6e7f/chapters.json | application/json | public, max-age=60
        ");
    }

    #[test]
    fn every_key_is_in_one_of_its_video_s_folders() {
        let run = RunId::new("x", 1, 1);
        for key in [
            StorageKey::Source(Folder::public(id())),
            StorageKey::RefusedSource(id()),
            StorageKey::Plan(id(), run.clone()),
            StorageKey::PictureCopy(id(), run.clone()),
            StorageKey::Report(id(), run, Part::Audio(1, 0)),
            StorageKey::Media(Folder::public(id()), MediaFile::Master),
            StorageKey::Source(Folder::private(id())),
            StorageKey::Media(Folder::private(id()), MediaFile::Master),
        ] {
            let folders = StorageKey::folders(id());
            let mut holding = folders.iter().filter(|(bucket, folder)| {
                *bucket == key.bucket() && key.to_string().starts_with(folder)
            });
            assert!(
                holding.next().is_some() && holding.next().is_none(),
                "{key}"
            );
        }
    }

    #[test]
    fn a_folder_s_keys_are_below_its_prefixes_and_its_paths() {
        for folder in [Folder::public(id()), Folder::private(id())] {
            let keys = [
                StorageKey::Media(folder, MediaFile::Master),
                StorageKey::Media(folder, MediaFile::Segment(TrackId::Video("720p".into()), 1)),
                StorageKey::Source(folder),
            ];
            for key in keys {
                let prefixes = folder.prefixes();
                assert!(prefixes.iter().any(|(bucket, prefix)| {
                    *bucket == key.bucket() && key.to_string().starts_with(prefix)
                }));
                let path = format!("/{key}");
                assert!(folder.cdn_paths().iter().any(|covered| {
                    let prefix = covered.strip_suffix('*');
                    prefix.map_or(path == *covered, |prefix| path.starts_with(prefix))
                }));
            }
        }
    }

    #[test]
    fn what_others_are_found_by_comes_last() {
        let names = [
            "video/720p/00001.m4s",
            "video/720p/playlist.m3u8",
            "manifest.mpd",
            "master.m3u8",
        ];
        let ranks: Vec<_> = names.map(Folder::rank).into();
        assert_eq!(ranks, Folder::RANKS.collect::<Vec<_>>());
    }

    #[test]
    fn runs_have_plain_names() {
        assert_eq!(RunId::new("", 1, 2).to_string(), "0-2");
        assert_eq!(RunId::new("ab", 2, 1).to_string(), "ab-2x1");
        let first = RunId::new(&"f".repeat(99), 1, u32::MAX).to_string();
        assert!(RunId::try_from(first).is_ok());
        let longest = RunId::new(&"f".repeat(99), u32::MAX, u32::MAX).to_string();
        // An execution is named by the video (36 characters), a dash and the run; 80 are allowed.
        assert!(longest.len() + 37 <= 80, "{longest}");
        assert!(RunId::try_from(longest).is_ok());
        for wrong in ["", "-", "a", "a-", "../x-1", "a-1/b", "a-b-c"] {
            assert!(RunId::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_source_key_names_a_source() {
        let key = StorageKey::Source(Folder::public(id())).to_string();
        assert_eq!(parse_source_key(&key), Ok(Folder::public(id())));
        let private = StorageKey::Source(Folder::private(id())).to_string();
        assert_eq!(parse_source_key(&private), Ok(Folder::private(id())));
        for wrong in [
            "",
            "uploads//source",
            "uploads/x/source",
            &key.to_uppercase(),
            &format!("{key}/"),
            &format!("/{key}"),
            &key.replace("uploads", "videos"),
            &key.replace("/source", "/../x/source"),
        ] {
            assert_eq!(parse_source_key(wrong), Err(NotASource), "{wrong}");
        }
    }
}
