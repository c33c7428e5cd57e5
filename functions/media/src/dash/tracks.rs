//! How a manifest names the tracks beside the picture. Text is an adaptation set of its own, of one
//! WebVTT file; of sound and picture, whose sets are made of what was measured, it is said what they are.
//!
//! Roles are those of ISO/IEC 23009-1 (`urn:mpeg:dash:role:2011`), and what is for viewers who don't
//! see or hear well is marked as DASH-IF's guidelines have it.

use std::fmt;

use super::xml::Element;
use crate::tracks::{Declared, Kind, Purpose, Track};

const ROLE: &str = "urn:mpeg:dash:role:2011";

/// A piece of a manifest, an element with all that is in it.
#[derive(Debug)]
pub struct Piece(pub(super) Element);

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The adaptation sets of all text tracks, for the period.
pub fn text_sets(tracks: &[Declared<'_>]) -> Vec<Piece> {
    tracks.iter().filter_map(text_set).collect()
}

fn text_set(declared: &Declared<'_>) -> Option<Piece> {
    let (Kind::Subtitles(files) | Kind::Captions(files)) = &declared.track.kind else {
        return None;
    };
    let representation = Element::new("Representation")
        .attribute("id", &files.id)
        .attribute("bandwidth", files.bandwidth_bps.max(1))
        .children([Element::new("BaseURL").text(&files.file)]);
    let set = Element::new("AdaptationSet")
        .attribute("contentType", "text")
        .attribute("mimeType", "text/vtt")
        .attribute("lang", &declared.track.language)
        .children(descriptors(declared).into_iter().map(|piece| piece.0))
        .children([representation]);
    Some(Piece(set))
}

/// What a set says of its track: a label, for whom it is, and what for. Its first children, in the
/// order that the schema wants.
pub fn descriptors(declared: &Declared<'_>) -> Vec<Piece> {
    let label = Element::new("Label").text(&declared.name);
    let roles = roles(declared)
        .into_iter()
        .map(|role| descriptor("Role", ROLE, role));
    std::iter::once(label)
        .chain(accessibility(declared.track))
        .chain(roles)
        .map(Piece)
        .collect()
}

fn accessibility(track: &Track) -> Option<Element> {
    // The purposes of sound are numbered by TV-Anytime: for those who don't see, for those who don't hear
    // well.
    const AUDIO_PURPOSE: &str = "urn:tva:metadata:cs:AudioPurposeCS:2007";
    let (scheme, value) = match track.kind {
        Kind::Captions(_) => (ROLE, "caption"),
        Kind::Audio {
            purpose: Purpose::Description,
            ..
        } => (AUDIO_PURPOSE, "1"),
        Kind::Audio {
            purpose: Purpose::ClearSpeech,
            ..
        } => (AUDIO_PURPOSE, "2"),
        _ => return None,
    };
    Some(descriptor("Accessibility", scheme, value))
}

fn roles(declared: &Declared<'_>) -> Vec<&'static str> {
    let own = match declared.track.kind {
        Kind::Audio { purpose, .. } => match purpose {
            Purpose::Main => None,
            Purpose::Dub => Some("dub"),
            Purpose::Description => Some("description"),
            Purpose::ClearSpeech => Some("enhanced-audio-intelligibility"),
            Purpose::Commentary => Some("commentary"),
        },
        Kind::Captions(_) | Kind::ClosedCaptions(_) => Some("caption"),
        Kind::Subtitles(_) if declared.track.is_forced() => Some("forced-subtitle"),
        Kind::Subtitles(_) => Some("subtitle"),
    };
    let rank = if declared.is_default {
        "main"
    } else {
        "alternate"
    };
    own.into_iter().chain([rank]).collect()
}

/// What the picture's sets say of captions within it; nothing if there are none.
pub fn closed_captions(tracks: &[Declared<'_>]) -> Option<Piece> {
    let channels = tracks
        .iter()
        .filter_map(|declared| match declared.track.kind {
            Kind::ClosedCaptions(channel) => Some(format!(
                "CC{channel}={}",
                declared.track.language.bibliographic()
            )),
            _ => None,
        });
    let channels: Vec<_> = channels.collect();
    let value = channels.join(";");
    let scheme = "urn:scte:dash:cc:cea-608:2015";
    (!channels.is_empty()).then(|| Piece(descriptor("Accessibility", scheme, &value)))
}

fn descriptor(name: &'static str, scheme: &str, value: &str) -> Element {
    Element::new(name)
        .attribute("schemeIdUri", scheme)
        .attribute("value", value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracks::{Group, declare, tests::all};

    #[test]
    fn the_sets_read_well() {
        let tracks = all();
        let declared = declare(&tracks);
        let sound = declared
            .iter()
            .filter(|one| one.track.group() == Group::Audio);
        let sound = sound
            .flat_map(descriptors)
            .chain(closed_captions(&declared));
        let pieces: Vec<_> = text_sets(&declared).into_iter().chain(sound).collect();
        let lines: Vec<_> = pieces.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n").replace("><", ">\n<"));
    }

    #[test]
    fn an_independent_parser_reads_them() {
        let tracks = all();
        let declared = declare(&tracks);
        let sets: String = text_sets(&declared)
            .iter()
            .map(ToString::to_string)
            .collect();
        let text = format!("<Period>{sets}</Period>");
        let document = roxmltree::Document::parse(&text).unwrap();
        let found: Vec<_> = document.root_element().children().collect();
        let expected: Vec<_> = declared
            .iter()
            .filter(|one| one.track.group() == Group::Subtitles)
            .collect();
        assert_eq!(found.len(), expected.len());
        for (set, declared) in found.iter().zip(expected) {
            let child = |name: &str| set.descendants().find(|node| node.has_tag_name(name));
            assert_eq!(set.attribute("mimeType"), Some("text/vtt"));
            assert_eq!(
                set.attribute("lang"),
                Some(declared.track.language.as_str())
            );
            assert_eq!(child("Label").unwrap().text(), Some(&*declared.name));
            assert!(
                child("BaseURL")
                    .unwrap()
                    .text()
                    .unwrap()
                    .ends_with("/all.vtt")
            );
            let values = |name: &str| -> Vec<_> {
                let nodes = set.children().filter(|node| node.has_tag_name(name));
                nodes.filter_map(|node| node.attribute("value")).collect()
            };
            assert_eq!(values("Role"), roles(declared));
            assert_eq!(
                !values("Accessibility").is_empty(),
                declared.track.characteristics().is_some()
            );
        }
    }

    #[test]
    fn without_tracks_there_is_nothing() {
        assert!(text_sets(&[]).is_empty() && closed_captions(&[]).is_none());
    }
}
