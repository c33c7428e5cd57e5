//! Whether a video plays: its HLS and DASH are read, and decoded through the CDN.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::super::clips::Shape;
use super::super::place::Place;
use super::super::report::{Miss, Outcome, Report};
use super::super::target::Target;
use super::super::wire::shown;
use super::super::{dash, hls};
use crate::playback::{decode, resolve};
use crate::project::Project;

/// How far apart lengths may be, in seconds: containers round, and sound has frames of its own.
const TOLERANCE: f64 = 0.25;

/// What x264 writes into the first picture that an encoder makes, so that each chunk begins with it.
const SIGNATURE: &[u8] = b"x264 - core";

/// Who reads, and with what.
pub(in super::super) struct Player<'a> {
    pub(in super::super) project: &'a Project,
    pub(in super::super) ffmpeg_dir: &'a Path,
    pub(in super::super) target: &'a Target<'a>,
}

/// What was found of a video's HLS.
pub(in super::super) struct Presentation {
    /// The video renditions, as the master lists them.
    pub(in super::super) variants: Vec<hls::Track>,
    pub(in super::super) audio: Vec<hls::Track>,
    pub(in super::super) i_frames: Vec<hls::Track>,
}

impl Player<'_> {
    /// The video's HLS, read to the first segment of each track.
    pub(in super::super) fn hls(
        &self,
        report: &mut Report,
        name: &str,
        video: &Value,
    ) -> Result<Option<Presentation>> {
        report.check(format!("{name}: HLS is whole (read by m3u8-rs)"), || {
            let url = url(video, "hls")?;
            let unreadable = |url: &str, why: String| {
                Miss::fault(format!("a playlist at {}", shown(url)), why, Place::Stored)
            };
            let master = hls::master(&self.target.served(url)?.body);
            let master = master.map_err(|why| unreadable(url, why))?;
            let read = |uris: &[String]| -> Result<Vec<hls::Track>, Miss> {
                let tracks = uris.iter().map(|uri| {
                    let url = resolve(url, uri);
                    let text = self.target.served(&url)?;
                    let track =
                        hls::track(&url, &text.body).map_err(|why| unreadable(&url, why))?;
                    self.target.served(&resolve(&url, &track.init))?;
                    self.target.served(&resolve(&url, &track.segments[0]))?;
                    same_length(&url, track.seconds, video)?;
                    Ok(track)
                });
                tracks.collect()
            };
            let found = Presentation {
                variants: read(&master.variants)?,
                audio: read(&master.audio)?,
                i_frames: read(&master.i_frames)?,
            };
            let renditions = video["renditions"].as_array().map_or(0, Vec::len);
            let counts = (
                found.variants.len(),
                found.i_frames.len(),
                found.audio.len(),
            );
            if counts != (renditions, renditions, 1) {
                return Err(Miss::fault(
                    format!("{renditions} renditions, as the API says, and the sound"),
                    format!("variants, I-frame playlists and sounds: {counts:?}"),
                    Place::Stored,
                ));
            }
            let note = format!(
                "{renditions} renditions and sound, {} segments each",
                found.variants[0].segments.len()
            );
            Ok((found, note))
        })
    }

    /// The video's MPD, read to the first segment of each representation.
    pub(in super::super) fn dash(
        &self,
        report: &mut Report,
        name: &str,
        video: &Value,
    ) -> Result<()> {
        report.check(format!("{name}: DASH is whole (read as XML)"), || {
            let url = url(video, "dash")?;
            let text = self.target.served(url)?.text();
            let manifest =
                dash::manifest(&text).map_err(|why| Miss::fault("an MPD", why, Place::Stored))?;
            same_length(url, manifest.seconds, video)?;
            for one in &manifest.representations {
                for file in [&one.init, &one.first] {
                    self.target.served(&resolve(url, file))?;
                }
            }
            let renditions = video["renditions"].as_array().map_or(0, Vec::len);
            let count = manifest.representations.len();
            if count == renditions + 1 {
                let segments = manifest.representations[0].segments;
                Ok((
                    (),
                    format!("{count} representations, {segments} segments each"),
                ))
            } else {
                let expected = format!("{} representations", renditions + 1);
                Err(Miss::fault(expected, count.to_string(), Place::Stored))
            }
        })?;
        Ok(())
    }

    /// Has ffmpeg decode the best rendition and the sound, from the URL alone.
    pub(in super::super) fn decoded(
        &self,
        report: &mut Report,
        name: &str,
        video: &Value,
        format: &str,
        shape: &Shape,
    ) -> Result<()> {
        let check = format!(
            "{name}: {} decodes through the CDN (ffmpeg)",
            format.to_uppercase()
        );
        report.check(check, || {
            let url = url(video, format)?;
            let (frames, milliseconds) =
                decode(self.project, self.ffmpeg_dir, url).map_err(|why| {
                    Miss::fault("a video that decodes", format!("{why:#}"), Place::Stored)
                })?;
            same_length(url, milliseconds as f64 / 1000.0, video)?;
            if frames == shape.frames() {
                Ok((
                    (),
                    format!("{frames} frames, {} s", milliseconds as f64 / 1000.0),
                ))
            } else {
                let expected = format!("{} frames", shape.frames());
                Err(Miss::fault(expected, format!("{frames}"), Place::Stored))
            }
        })?;
        Ok(())
    }

    /// In how many chunks a video was encoded: the API does not say, but the encoder signs each.
    pub(in super::super) fn chunks(
        &self,
        report: &mut Report,
        name: &str,
        found: &Presentation,
    ) -> Result<()> {
        report.check(
            format!("{name}: encoded in chunks by the state machine"),
            || {
                // The first is H.264; x264 made it.
                let track = &found.variants[0];
                let mut signed = 0;
                for segment in &track.segments {
                    let bytes = self.target.served(&resolve(&track.url, segment))?.body;
                    signed += usize::from(contains(&bytes, SIGNATURE));
                }
                chunks(signed)
            },
        )?;
        Ok(())
    }
}

fn chunks(signed: usize) -> Outcome<()> {
    match signed {
        0 => Err(Miss::NotChecked(
            "no segment has the encoder's signature".into(),
        )),
        1 => Err(Miss::NotChecked(
            "the stack encoded it in one piece: its functions are fast (TranscodeMemoryMb), \
             TargetChunkSeconds is long, or MaxParallelChunks is 1"
                .into(),
        )),
        chunks => Ok(((), format!("{chunks} chunks"))),
    }
}

/// A URL of a video that is ready.
pub(super) fn url<'a>(video: &'a Value, name: &str) -> Result<&'a str, Miss> {
    let url = video["playback"][name].as_str();
    url.ok_or_else(|| Miss::fault(format!("a URL in playback.{name}"), "none", Place::Lookup))
}

fn same_length(url: &str, seconds: f64, video: &Value) -> Result<(), Miss> {
    let expected = video["source"]["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0;
    if (seconds - expected).abs() <= TOLERANCE {
        return Ok(());
    }
    Err(Miss::fault(
        format!("{expected} s, as the source has, at {}", shown(url)),
        format!("{seconds} s"),
        Place::Stored,
    ))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_piece_does_not_pass_for_chunks() {
        assert!(matches!(chunks(0), Err(Miss::NotChecked(_))));
        assert!(matches!(chunks(1), Err(Miss::NotChecked(_))));
        assert_eq!(chunks(3).expect("passed").1, "3 chunks");
        assert!(contains(b"..x264 - core 165", SIGNATURE) && !contains(b"x264", SIGNATURE));
    }

    #[test]
    fn lengths_are_compared_with_the_source() {
        let video = json!({"source": {"duration_ms": 14_000}});
        assert!(same_length("u", 14.1, &video).is_ok());
        assert!(same_length("u", 12.0, &video).is_err());
    }
}
