//! How a master playlist names the tracks beside the picture: `EXT-X-MEDIA`, the attributes of variants
//! that refer to it, and chapters.

use std::fmt::{self, Write as _};

use reelrun_captions::SegmentGrid;

use super::AUDIO_GROUP;
use crate::{
    file::MediaFile,
    report::Presentation,
    tracks::{Declared, Group, Kind},
};

const SUBTITLES_GROUP: &str = "subtitles";
const CLOSED_CAPTIONS_GROUP: &str = "captions";

/// An `EXT-X-MEDIA` tag, which is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTag(Vec<(&'static str, Value)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// A word of the specification.
    Word(&'static str),
    /// Text in quotation marks, of which there is none in it, nor a line break.
    Quoted(String),
}

impl fmt::Display for MediaTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#EXT-X-MEDIA:")?;
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match value {
                Value::Word(word) => write!(f, "{comma}{name}={word}")?,
                Value::Quoted(text) => write!(f, "{comma}{name}=\"{text}\"")?,
            }
        }
        Ok(())
    }
}

/// The tags of all tracks.
pub fn media_tags(tracks: &[Declared<'_>]) -> Vec<MediaTag> {
    tracks.iter().map(media_tag).collect()
}

fn media_tag(declared: &Declared<'_>) -> MediaTag {
    let track = declared.track;
    let quoted = |text: &dyn ToString| Value::Quoted(text.to_string());
    let yes_or_no = |yes| Value::Word(if yes { "YES" } else { "NO" });
    let (kind, group) = match track.group() {
        Group::Audio => ("AUDIO", AUDIO_GROUP),
        Group::Subtitles => ("SUBTITLES", SUBTITLES_GROUP),
        Group::ClosedCaptions => ("CLOSED-CAPTIONS", CLOSED_CAPTIONS_GROUP),
    };
    let mut attributes = vec![
        ("TYPE", Value::Word(kind)),
        ("GROUP-ID", quoted(&group)),
        ("NAME", quoted(&declared.name)),
        ("LANGUAGE", quoted(&track.language)),
        ("DEFAULT", yes_or_no(declared.is_default)),
        ("AUTOSELECT", yes_or_no(declared.is_autoselect)),
    ];
    if track.group() == Group::Subtitles {
        attributes.push(("FORCED", yes_or_no(track.is_forced())));
    }
    let characteristics = track.characteristics();
    attributes.extend(characteristics.map(|words| ("CHARACTERISTICS", quoted(&words))));
    match &track.kind {
        Kind::Audio {
            channels, playlist, ..
        } => {
            attributes.push(("CHANNELS", quoted(channels)));
            attributes.push(("URI", quoted(playlist)));
        }
        Kind::Subtitles(files) | Kind::Captions(files) => {
            attributes.push(("URI", quoted(&files.playlist)));
        }
        Kind::ClosedCaptions(channel) => {
            attributes.push(("INSTREAM-ID", quoted(&format!("CC{channel}"))));
        }
    }
    MediaTag(attributes)
}

/// What each variant (`EXT-X-STREAM-INF`) says of them: the groups that there are, each with a comma
/// before it.
///
/// That there are no captions in the picture is said of all variants or of none (RFC 8216, §4.3.4.2); of one that
/// lacks what others have, nothing is said.
pub fn variant_attributes(tracks: &[Declared<'_>], has_captions: bool) -> String {
    let has = |group| tracks.iter().any(|one| one.track.group() == group);
    let mut text = String::new();
    if has(Group::Audio) {
        let _ = write!(text, ",AUDIO=\"{AUDIO_GROUP}\"");
    }
    if has(Group::Subtitles) {
        let _ = write!(text, ",SUBTITLES=\"{SUBTITLES_GROUP}\"");
    }
    if has(Group::ClosedCaptions) {
        if has_captions {
            let _ = write!(text, ",CLOSED-CAPTIONS=\"{CLOSED_CAPTIONS_GROUP}\"");
        }
    } else {
        // Unsaid, players look for captions in the picture, and some offer a track that has none.
        text.push_str(",CLOSED-CAPTIONS=NONE");
    }
    text
}

/// Where the segments of text are cut: where those of the picture are, or of the main audio track.
pub fn text_grid(presentation: &Presentation) -> SegmentGrid {
    let leading = presentation.leading();
    let ticks = leading.into_iter().flat_map(|track| &track.segments);
    SegmentGrid::new(
        leading.map_or(1, |track| track.timescale),
        ticks.map(|segment| segment.ticks),
        presentation.target_duration(),
    )
}

/// The tag that names a video's chapters, for Apple's players: where their JSON is, as seen from the
/// master playlist.
pub fn chapters_tag(uri: &MediaFile) -> String {
    let id = reelrun_captions::chapters::SESSION_DATA_ID;
    format!("#EXT-X-SESSION-DATA:DATA-ID=\"{id}\",URI=\"{uri}\"")
}

#[cfg(test)]
mod tests {
    use m3u8_rs::{AlternativeMediaType, MasterPlaylist};

    use super::*;
    use crate::tracks::{Track, declare, tests::all};

    fn master(tracks: &[Track]) -> String {
        let declared = declare(tracks);
        let tags = media_tags(&declared);
        let tags: Vec<_> = tags.iter().map(ToString::to_string).collect();
        let tags = tags.join("\n");
        format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n{}\n{tags}\n#EXT-X-STREAM-INF:BANDWIDTH=1000000{}\nvideo/720p/playlist.m3u8\n",
            chapters_tag(&MediaFile::ChaptersJson("one".into())),
            variant_attributes(&declared, true)
        )
    }

    fn read(text: &str) -> MasterPlaylist {
        m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_tags_read_well() {
        insta::assert_snapshot!(master(&all()));
    }

    #[test]
    fn an_independent_parser_reads_them() {
        let tracks = all();
        let playlist = read(&master(&tracks));
        let variant = &playlist.variants[0];
        assert_eq!(variant.audio.as_deref(), Some("audio"));
        assert_eq!(variant.subtitles.as_deref(), Some("subtitles"));
        assert_eq!(playlist.session_data[0].data_id, "com.apple.hls.chapters");
        assert_eq!(playlist.alternatives.len(), tracks.len());
        for (declared, found) in declare(&tracks).iter().zip(&playlist.alternatives) {
            let track = declared.track;
            assert_eq!(found.name, declared.name);
            assert_eq!(found.language.as_deref(), Some(track.language.as_str()));
            assert_eq!(
                (found.default, found.autoselect),
                (declared.is_default, declared.is_autoselect)
            );
            assert_eq!(found.forced, track.is_forced());
            assert_eq!(found.characteristics.as_deref(), track.characteristics());
            let (kind, group) = match track.group() {
                Group::Audio => (AlternativeMediaType::Audio, "audio"),
                Group::Subtitles => (AlternativeMediaType::Subtitles, "subtitles"),
                Group::ClosedCaptions => (AlternativeMediaType::ClosedCaptions, "captions"),
            };
            assert_eq!((&found.media_type, &*found.group_id), (&kind, group));
            // Captions within the video have no playlist, all else has one.
            assert_eq!(found.uri.is_none(), track.group() == Group::ClosedCaptions);
        }
    }

    #[test]
    fn without_tracks_nothing_is_referred_to() {
        assert_eq!(variant_attributes(&[], true), ",CLOSED-CAPTIONS=NONE");
    }
}
