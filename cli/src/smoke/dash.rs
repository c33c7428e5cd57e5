//! A video's MPD, as a reader of XML that knows nothing of its writer understands it.

use roxmltree::{Document, Node};

const NAMESPACE: &str = "urn:mpeg:dash:schema:mpd:2011";

/// What an MPD names.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) seconds: f64,
    pub(super) representations: Vec<Representation>,
}

/// A rendition: its files, relative to the MPD.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Representation {
    pub(super) is_video: bool,
    pub(super) init: String,
    pub(super) first: String,
    pub(super) segments: u64,
}

/// Reads an MPD.
pub(super) fn manifest(text: &str) -> Result<Manifest, String> {
    let document = Document::parse(text).map_err(|why| format!("not readable: {why}"))?;
    let mpd = document.root_element();
    if !mpd.has_tag_name((NAMESPACE, "MPD")) || mpd.attribute("type") != Some("static") {
        return Err("not a static MPD".into());
    }
    let seconds = mpd
        .attribute("mediaPresentationDuration")
        .and_then(seconds)
        .ok_or("no mediaPresentationDuration")?;
    let mut representations = Vec::new();
    for set in named(mpd, "AdaptationSet") {
        let template = named(set, "SegmentTemplate")
            .next()
            .ok_or("an AdaptationSet without SegmentTemplate")?;
        let segments = named(template, "S")
            .map(|run| 1 + run.attribute("r").and_then(|r| r.parse().ok()).unwrap_or(0))
            .sum();
        let start: u64 = number(template, "startNumber").unwrap_or(1);
        for representation in named(set, "Representation") {
            let id = representation
                .attribute("id")
                .ok_or("a Representation without id")?;
            if representation.attribute("codecs").is_none() {
                return Err(format!("{id} has no codecs"));
            }
            let fill = |name: &str| {
                let pattern = template.attribute(name)?.replace("$RepresentationID$", id);
                Some(
                    pattern
                        .replace("$Number$", &start.to_string())
                        .replace("$Number%05d$", &format!("{start:05}")),
                )
            };
            representations.push(Representation {
                is_video: set.attribute("contentType") == Some("video"),
                init: fill("initialization").ok_or("no initialization")?,
                first: fill("media").ok_or("no media")?,
                segments,
            });
        }
    }
    if !representations.iter().any(|one| one.is_video) {
        return Err("no video representation".into());
    }
    Ok(Manifest {
        seconds,
        representations,
    })
}

fn named<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.descendants()
        .filter(move |one| one.has_tag_name((NAMESPACE, name)))
}

fn number(node: Node<'_, '_>, name: &str) -> Option<u64> {
    node.attribute(name)?.parse().ok()
}

/// A duration as XML writes it, of hours, minutes and seconds.
fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix("PT")?;
    let mut seconds = 0.0;
    for (unit, factor) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((count, after)) = rest.split_once(unit) {
            seconds += count.parse::<f64>().ok()? * factor;
            rest = after;
        }
    }
    rest.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MPD: &str = r#"<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT14.5S">
<Period><AdaptationSet contentType="video">
<SegmentTemplate media="video/$RepresentationID$/$Number%05d$.m4s" initialization="video/$RepresentationID$/init.mp4" startNumber="1">
<SegmentTimeline><S t="0" d="6" r="1"/><S d="2"/></SegmentTimeline></SegmentTemplate>
<Representation id="360p" codecs="avc1"/></AdaptationSet></Period></MPD>"#;

    #[test]
    fn segments_are_counted_and_named() {
        let found = manifest(MPD).expect("readable");
        assert!((found.seconds - 14.5).abs() < 1e-9);
        let expected = Representation {
            is_video: true,
            init: "video/360p/init.mp4".into(),
            first: "video/360p/00001.m4s".into(),
            segments: 3,
        };
        assert_eq!(found.representations, [expected]);
    }

    #[test]
    fn what_lacks_something_is_refused() {
        for bad in [
            MPD.replace("static", "dynamic"),
            MPD.replace("mediaPresentationDuration", "x"),
            MPD.replace("contentType=\"video\"", ""),
            MPD.replace(" codecs=\"avc1\"", ""),
            MPD.replace("</MPD>", ""),
        ] {
            assert!(manifest(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(seconds("PT1H2M3.5S"), Some(3723.5));
        assert_eq!(seconds("PT14S"), Some(14.0));
        assert_eq!(seconds("P1D"), None);
    }
}
