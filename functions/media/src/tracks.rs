//! The tracks that a viewer may choose among, beside the picture: sound, subtitles, captions. What is
//! decided here is the same for HLS and DASH: what each is called, and which one a player takes by itself.
//!
//! HLS groups them ([`Group`]), and RFC 8216 (§4.3.4.1.1) wants of each group that names are unique and at most
//! one track is the default. Subtitles and captions are one group, since a player offers both in one
//! menu.

use reelrun_captions::LanguageTag;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::purpose::Purpose;
use crate::{
    file::MediaFile,
    report::{Presentation, TrackKind, TrackReport},
};

/// What a published video has beside its picture and its sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTracks {
    /// Subtitles and captions.
    pub tracks: Vec<Track>,
    /// Its chapters, as Apple's players read them.
    pub chapters: Option<MediaFile>,
}

/// A track, as it was found in the source or asked for by its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// What it is, and where.
    pub kind: Kind,
    /// In which language.
    pub language: LanguageTag,
    /// What its owner, or the source, calls it. Else it is called by its language.
    pub name: Option<String>,
    /// Whether it is to be taken unless the viewer wants another. One in each group can be.
    pub is_default: bool,
    /// Subtitles of what is said in another language than the film's, which are shown even to viewers who
    /// want no subtitles. Without meaning for other kinds.
    pub is_forced: bool,
    /// Whence it comes. Of two that want the same name, or both to be the default, what was uploaded
    /// goes before what was embedded: its owner knew of the other.
    pub source: Source,
}

/// What a text track is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextTrackKind {
    /// What is said, for those who don't understand the language.
    Subtitles,
    /// What is said and heard, for those who don't hear it.
    Captions,
    /// Where parts of the video begin, and what they are called.
    Chapters,
}

/// The sounds of a video. The first is the one that is taken unless the viewer wants another.
pub fn audio_tracks(presentation: &Presentation) -> Vec<Track> {
    let sounds = presentation.audio.iter().enumerate();
    sounds
        .filter_map(|(position, report)| audio_track(report, position == 0))
        .collect()
}

fn audio_track(report: &TrackReport, is_main: bool) -> Option<Track> {
    let TrackKind::Audio {
        language,
        name,
        purpose,
        channels,
        ..
    } = &report.kind
    else {
        return None;
    };
    Some(Track {
        kind: Kind::Audio {
            purpose: *purpose,
            channels: *channels,
            playlist: MediaFile::Playlist(report.track.clone()).to_string(),
        },
        language: LanguageTag::of_container(Some(language)),
        name: name.clone(),
        is_default: is_main,
        is_forced: false,
        source: Source::Embedded,
    })
}

/// The captions that are within a video's picture. The first of four channels is the one that is used.
pub fn closed_captions(presentation: &Presentation) -> Option<Track> {
    let language = presentation.closed_captions.as_deref();
    language.map(closed_captions_in)
}

/// The same, in this language.
pub(crate) fn closed_captions_in(language: &str) -> Track {
    Track {
        kind: Kind::ClosedCaptions(1),
        language: LanguageTag::of_container(Some(language)),
        name: None,
        is_default: false,
        is_forced: false,
        source: Source::Embedded,
    }
}

/// Whether a rendition can have them: ffmpeg writes them into H.264, and not into AV1.
pub fn carries_captions(rendition: &TrackReport) -> bool {
    rendition.codec() == "avc1"
}

/// What a track is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio {
        /// What for.
        purpose: Purpose,
        /// How many channels.
        channels: u16,
        /// Its media playlist, as seen from the master playlist.
        playlist: String,
    },
    /// What is said, for those who don't understand the language.
    Subtitles(TextFiles),
    /// What is said and heard, for those who don't hear it.
    Captions(TextFiles),
    /// Captions within the video's own bitstream (CEA-608), by their channel: 1 to 4.
    ClosedCaptions(u8),
}

/// Where the files of a text track are, as seen from the master playlist and the MPD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFiles {
    /// Names the track among all of the video: DASH's Representation id.
    pub id: String,
    /// The media playlist of its segments.
    pub playlist: String,
    /// All of it in one WebVTT file.
    pub file: String,
    /// That file's size over the video's length.
    pub bandwidth_bps: u64,
}

/// Whence a track comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A file of its own.
    Uploaded,
    /// The video's.
    Embedded,
}

/// Tracks of which a player plays one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Sound.
    Audio,
    /// Subtitles and captions.
    Subtitles,
    /// Captions within the video.
    ClosedCaptions,
}

/// A track, as players are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared<'a> {
    /// The track.
    pub track: &'a Track,
    /// What it is called in a menu; unique in its group.
    pub name: String,
    /// Whether it is the one of its group that is taken unless the viewer wants another.
    pub is_default: bool,
    /// Whether a player may take it by itself, as it fits the viewer's languages and needs.
    pub is_autoselect: bool,
}

/// Characters of a name in a menu.
const MAX_NAME: usize = 100;

/// Says how a video's tracks are declared, in the order in which they are given.
pub fn declare(tracks: &[Track]) -> Vec<Declared<'_>> {
    let mut declared: Vec<_> = tracks
        .iter()
        .map(|track| Declared {
            track,
            name: String::new(),
            is_default: false,
            is_autoselect: false,
        })
        .collect();
    for group in [Group::Audio, Group::Subtitles, Group::ClosedCaptions] {
        let mut members: Vec<_> = declared
            .iter_mut()
            .filter(|one| one.track.group() == group)
            .collect();
        members.sort_by_key(|one| one.track.source);
        set_names(&mut members);
        set_default(group, &mut members);
        set_autoselect(&mut members);
    }
    declared
}

fn set_names(members: &mut [&mut Declared<'_>]) {
    let mut taken: Vec<String> = Vec::new();
    for one in members {
        let name = one.track.wanted_name();
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        one.name = names.find(|name| !taken.contains(name)).unwrap_or_default();
        taken.push(one.name.clone());
    }
}

fn set_default(group: Group, members: &mut [&mut Declared<'_>]) {
    let asked = members.iter().position(|one| one.track.is_default);
    // There is always a sound; without subtitles one can do.
    let first = match group {
        Group::Audio => {
            let is_main = |purpose| matches!(purpose, Purpose::Main | Purpose::Dub);
            let main = members
                .iter()
                .position(|one| one.track.purpose().is_some_and(is_main));
            main.or((!members.is_empty()).then_some(0))
        }
        Group::Subtitles | Group::ClosedCaptions => None,
    };
    if let Some(index) = asked.or(first) {
        members[index].is_default = true;
    }
}

/// Of tracks that are alike to a player it may take only one by itself, and the default it must be
/// allowed to. What somebody says about a film is for those who ask for it.
fn set_autoselect(members: &mut [&mut Declared<'_>]) {
    let mut taken = Vec::new();
    members.sort_by_key(|one| !one.is_default);
    for one in members {
        let track = one.track;
        let alike = (&track.language, track.is_forced(), track.characteristics());
        let is_commentary = track.purpose() == Some(Purpose::Commentary);
        one.is_autoselect = one.is_default || !is_commentary && !taken.contains(&alike);
        if one.is_autoselect {
            taken.push(alike);
        }
    }
}

/// A name as a menu shows it. Neither playlists nor menus have room for quotation marks and line breaks.
pub(crate) fn shown_name(given: &str) -> String {
    let given = given.replace('"', "'");
    let words = given.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MAX_NAME).collect()
}

impl Track {
    /// What it is one of.
    pub fn group(&self) -> Group {
        match self.kind {
            Kind::Audio { .. } => Group::Audio,
            Kind::Subtitles(_) | Kind::Captions(_) => Group::Subtitles,
            Kind::ClosedCaptions(_) => Group::ClosedCaptions,
        }
    }

    /// Whether it is shown to those who want no subtitles.
    pub fn is_forced(&self) -> bool {
        self.is_forced && matches!(self.kind, Kind::Subtitles(_))
    }

    /// What a sound track is for.
    pub fn purpose(&self) -> Option<Purpose> {
        match self.kind {
            Kind::Audio { purpose, .. } => Some(purpose),
            _ => None,
        }
    }

    /// For whom it is, in Apple's words.
    pub fn characteristics(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Captions(_) => Some(
                "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound",
            ),
            Kind::Audio {
                purpose: Purpose::Description,
                ..
            } => Some("public.accessibility.describes-video"),
            Kind::Audio {
                purpose: Purpose::ClearSpeech,
                ..
            } => Some("public.accessibility.enhances-speech-intelligibility"),
            _ => None,
        }
    }

    /// The name that it was given, or what it is.
    fn wanted_name(&self) -> String {
        let given = shown_name(self.name.as_deref().unwrap_or_default());
        if !given.is_empty() {
            return given;
        }
        let language = match &self.kind {
            Kind::Audio { .. } if !self.language.is_known() => "Audio".into(),
            _ => self.language.own_name(),
        };
        match &self.kind {
            Kind::Audio {
                purpose: Purpose::Description,
                ..
            } => format!("{language} (audio description)"),
            Kind::Audio {
                purpose: Purpose::ClearSpeech,
                ..
            } => format!("{language} (clear speech)"),
            Kind::Audio {
                purpose: Purpose::Commentary,
                ..
            } => format!("{language} (commentary)"),
            Kind::Captions(_) | Kind::ClosedCaptions(_) => format!("{language} (CC)"),
            Kind::Subtitles(_) if self.is_forced => format!("{language} (forced)"),
            Kind::Audio { .. } | Kind::Subtitles(_) => language,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
