//! The DASH manifest, read by a parser of XML.

use m3u8_rs::VariantStream;
use serde_json::Value;

use super::{Expected, fetched};
use crate::{
    media::{count_frames, samples},
    mp4,
    stack::get,
};

/// The elements of this name within another.
fn children(node: &roxmltree::Node<'_, '_>, name: &str) -> Vec<roxmltree::NodeId> {
    let found = node.descendants().filter(|n| n.tag_name().name() == name);
    found.map(|n| n.id()).collect()
}

/// The MPD is well-formed, names the same renditions over the same segments, and plays.
pub(super) fn check(video: &Value, variants: &[&VariantStream], expected: &Expected) {
    let url = video["playback"]["dash"].as_str().unwrap();
    let answer = fetched(url);
    assert_eq!(answer.header("content-type"), "application/dash+xml");
    let text = answer.text();
    let document = roxmltree::Document::parse(&text).unwrap();
    let mpd = document.root_element();
    assert_eq!(
        (mpd.tag_name().name(), mpd.attribute("type")),
        ("MPD", Some("static"))
    );
    let sets: Vec<_> = mpd
        .descendants()
        .filter(|node| node.has_tag_name(("urn:mpeg:dash:schema:mpd:2011", "AdaptationSet")))
        .collect();
    let codecs = if expected
        .renditions
        .iter()
        .any(|name| name.ends_with("-av1"))
    {
        2
    } else {
        1
    };
    assert_eq!(
        sets.len(),
        codecs + usize::from(expected.language.is_some())
    );
    if let Some(language) = expected.language {
        assert_eq!(sets[1].attribute("lang"), Some(language));
    }
    let frame = f64::from(expected.frame_rate.1) / f64::from(expected.frame_rate.0);
    let length = expected.frames as f64 * frame;
    let base = url.strip_suffix("manifest.mpd").unwrap();
    for set in &sets {
        let template = document
            .get_node(children(set, "SegmentTemplate")[0])
            .unwrap();
        let timescale: f64 = template.attribute("timescale").unwrap().parse().unwrap();
        let mut count = 0;
        let mut ticks = 0.0;
        for run in children(set, "S")
            .into_iter()
            .map(|id| document.get_node(id).unwrap())
        {
            let repeats = run
                .attribute("r")
                .map_or(1, |r| r.parse::<u32>().unwrap() + 1);
            ticks += f64::from(repeats) * run.attribute("d").unwrap().parse::<f64>().unwrap();
            count += repeats;
        }
        assert!(
            (ticks / timescale - length).abs() <= frame,
            "{} of {length} s",
            ticks / timescale
        );
        for id in children(set, "Representation") {
            let representation = document.get_node(id).unwrap();
            let name = representation.attribute("id").unwrap();
            let fill = |text: &str, number: u32| {
                format!(
                    "{base}{}",
                    text.replace("$RepresentationID$", name)
                        .replace("$Number%05d$", &format!("{number:05}"))
                )
            };
            let init = fetched(&fill(template.attribute("initialization").unwrap(), 0)).body;
            assert_eq!(
                representation.attribute("codecs"),
                Some(&*mp4::codecs_of(&init))
            );
            for number in [1, count] {
                fetched(&fill(template.attribute("media").unwrap(), number));
            }
            let one_more = get(&fill(template.attribute("media").unwrap(), count + 1));
            assert_ne!(
                one_more.status, 200,
                "{name} has a segment that the manifest does not name"
            );
            if let Some(width) = representation.attribute("width") {
                let variant = variants
                    .iter()
                    .find(|v| v.uri.contains(&format!("/{name}/")))
                    .unwrap();
                assert_eq!(width, variant.resolution.unwrap().width.to_string());
            }
        }
    }
    // (ffmpeg's DASH reader shows the only frame of a one-frame stream twice.)
    if expected.frames > 1 {
        assert_eq!(count_frames(url), expected.frames, "{url}");
        if expected.language.is_some() {
            let heard = samples(url).len() as f64 / 48_000.0;
            assert!(
                (heard - length).abs() <= frame + 0.03,
                "{heard} s of sound, {length} s of picture"
            );
        }
    }
}
