//! Whether a video ended as its row says.

use m3u8_rs::MasterPlaylist;
use reelrun_tests::{
    conformance::{Expected, check},
    media::channels,
    readings::{Orientation, Picture, Sound},
    stack::get,
};
use serde_json::Value;

use crate::matrix::case::{Ear, Ready};

/// The luma of black, with what two lossy encodes add to it.
const BLACK: u8 = 24;

/// A refused video: its type, and a word of what a person reads.
pub(crate) fn errored(video: &Value, kind: &str, word: &str) -> Result<String, Vec<String>> {
    let error = &video["error"];
    let detail = error["detail"].as_str().unwrap_or_default();
    if video["status"] == "errored" && error["type"] == kind && detail.contains(word) {
        Ok(format!("{kind}: {detail}"))
    } else {
        let status = &video["status"];
        let expected = format!("{kind} with “{word}” was expected");
        Err(vec![format!("{expected}, it is {status} with {error}")])
    }
}

/// A video that plays, measured.
pub(crate) fn ready(video: &Value, ready: &Ready) -> Result<String, Vec<String>> {
    if video["status"] != "ready" {
        return Err(vec![format!("{}: {}", video["status"], video["error"])]);
    }
    let streams = Streams::of(video);
    let mut picture = Picture::read(&streams.picture);
    if let Some((from, area)) = ready.later {
        picture.narrow(&streams.picture, from, area);
    }
    let sound = streams.sound.as_deref().map(Sound::read);
    let mut judge = Judge::default();
    judge.picture(&picture, ready);
    judge.catalog(video, ready, &picture);
    judge.length(&picture, ready);
    judge.sound(&picture, sound.as_ref(), ready);
    judge.ear(streams.sound.as_deref(), ready);
    judge.poster(video, ready);
    if let Some(renditions) = ready.renditions {
        let expected = Expected {
            frames: picture.frames(),
            frame_rate: ready.rate,
            size: ready.size,
            renditions,
            language: ready.has_audio.then_some("und"),
        };
        check(video, &expected);
        judge.facts.push("conforms".into());
    }
    if judge.complaints.is_empty() {
        Ok(judge.facts.join(", "))
    } else {
        Err(judge.complaints)
    }
}

/// The playlists of the largest rendition and the sound.
pub(super) struct Streams {
    pub(super) picture: String,
    sound: Option<String>,
}

impl Streams {
    pub(super) fn of(video: &Value) -> Self {
        let url = video["playback"]["hls"].as_str().unwrap();
        let base = url.strip_suffix("master.m3u8").unwrap();
        let answer = get(url);
        assert_eq!(answer.status, 200, "{url}");
        let master: MasterPlaylist = m3u8_rs::parse_master_playlist_res(&answer.body).unwrap();
        let variants = master.variants.iter().filter(|v| !v.is_i_frame);
        let largest = variants
            .max_by_key(|v| v.resolution.map(|size| size.width))
            .expect("a variant");
        let sound = master.alternatives.first().and_then(|a| a.uri.as_deref());
        Self {
            picture: format!("{base}{}", largest.uri),
            sound: sound.map(|uri| format!("{base}{uri}")),
        }
    }
}

/// What was found, and what of it is wrong.
#[derive(Default)]
struct Judge {
    facts: Vec<String>,
    complaints: Vec<String>,
}

impl Judge {
    /// Notes a fact, and that it is wrong unless it is as expected.
    fn expect(&mut self, is_right: bool, fact: String, expected: impl std::fmt::Debug) {
        if is_right {
            self.facts.push(fact);
        } else {
            self.complaints.push(format!("{fact}, not {expected:?}"));
        }
    }

    fn picture(&mut self, picture: &Picture, ready: &Ready) {
        let (width, height) = picture.size;
        self.expect(
            picture.size == ready.size,
            format!("{width}x{height}"),
            ready.size,
        );
        let frames = picture.frames();
        self.expect(
            ready.frames.contains(&frames),
            format!("{frames} frames"),
            &ready.frames,
        );
        if let Some(most) = ready.delta_e {
            // What changes half-way must be right before and after.
            let joint = ready.later.map_or(frames, |(from, _)| from.min(frames));
            for part in [0..joint, joint..frames] {
                if !part.is_empty() {
                    self.look(picture, part, most);
                }
            }
        }
        if let Some((from, area)) = ready.later {
            let brightest = picture.around;
            self.expect(
                brightest.is_some_and(|luma| luma <= BLACK),
                format!("{brightest:?} around the card"),
                (from, area),
            );
        }
        if let Some(expected) = &ready.flash {
            let flash = picture.flash();
            self.expect(
                flash.is_some_and(|frame| expected.contains(&frame)),
                format!("flash at {flash:?}"),
                expected,
            );
        }
        if let Some((step, others)) = ready.step {
            let steps = picture.steps();
            let stumbles = steps.iter().filter(|found| **found != Some(step)).count();
            if stumbles != others {
                let numbers = picture.numbers();
                self.complaints.push(format!(
                    "{stumbles} frames do not move on by {step}, {others} were expected: {numbers:?}"
                ));
            }
        }
    }

    /// How some frames lie, and in which colours.
    fn look(&mut self, picture: &Picture, part: std::ops::Range<u64>, most: f64) {
        match picture.look_at(part) {
            Some((orientation, delta_e)) => {
                if orientation != Orientation::UPRIGHT {
                    self.complaints.push(format!("it is {orientation}"));
                }
                self.expect(delta_e <= most, format!("ΔE {delta_e:.1}"), most);
            }
            None => self
                .complaints
                .push(format!("its colours are not stated: {:?}", picture.coding)),
        }
    }

    /// The poster shows what the video does, to whoever takes a JPEG for what all JPEGs are.
    fn poster(&mut self, video: &Value, ready: &Ready) {
        let Some(most) = ready.delta_e else { return };
        // It may be of a moment when the card does not fill it.
        if ready.later.is_some_and(|(_, area)| area != ready.size) {
            return;
        }
        let url = video["playback"]["poster"].as_str().unwrap_or_default();
        match Picture::still(url).look() {
            Some((orientation, delta_e)) => self.expect(
                orientation == Orientation::UPRIGHT && delta_e <= most,
                format!("poster {orientation} with ΔE {delta_e:.1}"),
                most,
            ),
            None => self
                .complaints
                .push("its poster's colours can't be told".into()),
        }
    }

    /// Each frame has its own time, one after the other.
    fn length(&mut self, picture: &Picture, ready: &Ready) {
        let frame = f64::from(ready.rate.1) / f64::from(ready.rate.0);
        let off = picture.times.iter().enumerate();
        let off = off.map(|(at, time)| (time - at as f64 * frame).abs());
        let off = off.fold(0.0, f64::max);
        if off > 0.001 || picture.times.len() as u64 != picture.frames() {
            let (rate, off) = (ready.rate, off * 1000.0);
            self.complaints
                .push(format!("frames are {off:.1} ms off the grid of {rate:?}"));
        }
    }

    /// What the API tells is what is there.
    fn catalog(&mut self, video: &Value, ready: &Ready, picture: &Picture) {
        let source = &video["source"];
        let codecs = [
            ("video_codec", ready.codec),
            ("audio_codec", ready.audio_codec),
        ];
        for (field, expected) in codecs {
            if expected.is_some_and(|name| source[field] != name) {
                self.complaints
                    .push(format!("{field} is {}, not {expected:?}", source[field]));
            }
        }
        let left_out: Vec<_> = source["not_used"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|stream| ["kind", "codec", "reason"].map(|name| stream[name].as_str().unwrap()))
            .collect();
        if left_out != ready.not_used {
            let expected = &ready.not_used;
            self.complaints
                .push(format!("{left_out:?} are not used, not {expected:?}"));
        }
        let top = &video["renditions"][0];
        let told = (top["width"].as_u64(), top["height"].as_u64());
        if told != (Some(picture.size.0), Some(picture.size.1)) {
            self.complaints
                .push(format!("the API tells of {told:?} pixels"));
        }
        let rate = f64::from(ready.rate.0) / f64::from(ready.rate.1);
        if (top["frame_rate"].as_f64().unwrap() - rate).abs() > 0.01 {
            self.complaints
                .push(format!("the API tells of {} fps", top["frame_rate"]));
        }
        let seconds = source["duration_ms"].as_f64().unwrap() / 1000.0;
        let published = ready.source_seconds;
        let published = published.unwrap_or_else(|| picture.frames() as f64 / rate);
        // Sound comes in frames as well, and the last of a file may state no length.
        self.expect(
            (seconds - published).abs() <= (1.5 / rate).max(0.05),
            format!("{seconds:.3} s"),
            published,
        );
    }

    /// The sound comes from the side where it was.
    fn ear(&mut self, sound: Option<&str>, ready: &Ready) {
        let Some((ear, url)) = ready.ear.zip(sound) else {
            return;
        };
        let both = channels(url);
        let peak = |samples: &[f32]| samples.iter().fold(0.0, |peak: f32, s| peak.max(s.abs()));
        let (left, right) = (peak(&both.left), peak(&both.right));
        let (loud, quiet) = match ear {
            Ear::Left => (left, right),
            Ear::Right => (right, left),
        };
        self.expect(
            loud > 0.2 && quiet < loud / 8.0,
            format!("{left:.2} left, {right:.2} right"),
            ear,
        );
    }

    fn sound(&mut self, picture: &Picture, sound: Option<&Sound>, ready: &Ready) {
        let Some(sound) = sound else {
            self.expect(!ready.has_audio, "no sound".into(), "without sound");
            return;
        };
        let frame = f64::from(ready.rate.1) / f64::from(ready.rate.0);
        let length = picture.frames() as f64 * frame;
        let heard = sound.seconds();
        // AAC comes in frames of 21 ms.
        if (heard - length).abs() > frame.max(0.022) {
            self.complaints.push(format!(
                "{heard:.3} s of sound for {length:.3} s of picture"
            ));
        }
        if !ready.has_audio {
            self.complaints.push("there is sound".into());
        }
        let Some((after_flash, exactness)) = ready.beep else {
            return;
        };
        let flash = picture.flash().and_then(|at| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            picture.times.get(at)
        });
        let Some((flash, beep)) = flash.zip(sound.onset()) else {
            let peak = sound.peak();
            self.complaints.push(format!(
                "no flash, or no beep (the loudest sample is {peak:.2})"
            ));
            return;
        };
        let apart = beep - flash - after_flash;
        self.expect(
            apart.abs() <= exactness,
            format!("beep {:+.1} ms", apart * 1000.0),
            exactness,
        );
    }
}
