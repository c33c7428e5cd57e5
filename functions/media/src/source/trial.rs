//! A short decode, to see what really comes out of a stream: ffmpeg decodes the first frames of some
//! streams ([`crate::command::trial`]) and tells of each.

use std::collections::BTreeMap;

use super::clock::seconds;

/// What ffmpeg told of the frames that it decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// The frames of each video stream, by the stream's index.
    pub(crate) video: BTreeMap<u32, Vec<VideoFrame>>,
    /// The first frame of each audio stream.
    pub(crate) audio: BTreeMap<u32, AudioFrame>,
    /// The streams for which ffmpeg has no decoder, or may not use it, with their codecs.
    pub(crate) refused: BTreeMap<u32, String>,
}

/// A decoded frame of a video stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VideoFrame {
    /// When it is shown, on the container's clock.
    pub(crate) at_us: Option<i64>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixel_aspect: (u32, u32),
    /// Whether it was coded without reference to others.
    pub(crate) is_intra: bool,
    /// Whether anything says how it is to be turned.
    pub(crate) is_turned: bool,
    /// Whether captions come with it (CEA-608 or 708, as ATSC A/53 carries them).
    pub(crate) has_captions: bool,
    pub(crate) matrix: Option<String>,
    pub(crate) primaries: Option<String>,
    pub(crate) transfer: Option<String>,
}

/// A decoded frame of an audio stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AudioFrame {
    pub(crate) at_us: Option<i64>,
    pub(crate) channels: u32,
    /// As ffmpeg calls it: `stereo`, `5.1`, `ambisonic 1`.
    pub(crate) layout: String,
}

/// Who reads the messages of a filter by this name knows the stream by the number behind it.
pub(crate) const PICTURES: &str = "showinfo@picture";
pub(crate) const SOUNDS: &str = "ashowinfo@sound";

impl Trial {
    /// Takes one line of what ffmpeg writes to standard error.
    pub fn add(&mut self, line: &str) {
        if let Some((stream, text)) = said_by(PICTURES, line) {
            self.add_picture(stream, text);
        } else if let Some((stream, text)) = said_by(SOUNDS, line) {
            if let Some(sound) = AudioFrame::read(text) {
                self.audio.entry(stream).or_insert(sound);
            }
        } else if let Some((stream, codec)) = refused(line) {
            self.refused.entry(stream).or_insert(codec);
        }
    }

    /// Whether it told anything at all.
    pub fn has_answer(&self) -> bool {
        !self.video.is_empty() || !self.audio.is_empty() || self.is_refused()
    }

    /// All that two tell, of different streams.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.video.extend(other.video);
        self.audio.extend(other.audio);
        self.refused.extend(other.refused);
        self
    }

    /// Whether there is a stream that ffmpeg does not decode.
    pub fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    fn add_picture(&mut self, stream: u32, text: &str) {
        let pictures = self.video.entry(stream).or_default();
        if let Some(picture) = VideoFrame::read(text) {
            pictures.push(picture);
        } else if let Some(picture) = pictures.last_mut() {
            // What follows a frame's own line tells more of it.
            picture.is_turned |= text.contains("displaymatrix");
            picture.has_captions |= text.contains("A53 Part 4 Closed Captions");
            let colors = [
                ("color_space:", &mut picture.matrix),
                ("color_primaries:", &mut picture.primaries),
                ("color_trc:", &mut picture.transfer),
            ];
            for (name, color) in colors {
                if let Some(value) = word(text, name).filter(|&value| value != "unknown") {
                    *color = Some(value.into());
                }
            }
        }
    }
}

impl VideoFrame {
    fn read(text: &str) -> Option<Self> {
        let pair = |text: &str, by| {
            let (first, second) = text.split_once(by)?;
            Some((first.parse().ok()?, second.parse().ok()?))
        };
        let (width, height) = pair(word(text, " s:")?, 'x')?;
        Some(Self {
            at_us: seconds(word(text, "pts_time:")),
            width,
            height,
            pixel_aspect: word(text, " sar:")
                .and_then(|sar| pair(sar, '/'))
                .unwrap_or((1, 1)),
            is_intra: word(text, " type:") == Some("I"),
            ..Self::default()
        })
    }
}

impl AudioFrame {
    fn read(text: &str) -> Option<Self> {
        let (_, layout) = text.split_once(" chlayout:")?;
        let (layout, _) = layout.split_once(" rate:")?;
        Some(Self {
            at_us: seconds(word(text, "pts_time:")),
            channels: word(text, " channels:")?.parse().ok()?,
            layout: layout.into(),
        })
    }
}

/// A stream for which ffmpeg has no decoder, or may not use it, and its codec.
/// `[aist#0:1/ac4 @ 0x…] …`: of the first input, the stream with index 1.
fn refused(line: &str) -> Option<(u32, String)> {
    let rest = line
        .strip_prefix("[aist#0:")
        .or_else(|| line.strip_prefix("[vist#0:"))?;
    let reasons = ["no decoder found", "Error while opening decoder"];
    let (stream, rest) = rest.split_once('/')?;
    let (codec, text) = rest.split_once(" @ ")?;
    reasons
        .iter()
        .any(|reason| text.contains(reason))
        .then_some(())?;
    Some((stream.parse().ok()?, codec.into()))
}

/// The number behind a filter's name, and what it said, if the line is one of its messages.
fn said_by<'a>(name: &str, line: &'a str) -> Option<(u32, &'a str)> {
    let rest = line.strip_prefix('[')?.strip_prefix(name)?;
    let (number, rest) = rest.split_once(" @ ")?;
    let (_, text) = rest.split_once("] ")?;
    Some((number.parse().ok()?, text))
}

/// What stands behind a name, up to the next space.
fn word<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Trial {
        let mut trial = Trial::default();
        text.lines().for_each(|line| trial.add(line));
        trial
    }

    #[test]
    fn frames_are_read_from_the_filters_messages() {
        let trial = read("\
[showinfo@picture0 @ 0x7f39] config in time_base: 1/90000, frame_rate: 25/1
[showinfo@picture0 @ 0x7f39] n:   0 pts: 126000 pts_time:1.4     duration:   3600 duration_time:0.04    fmt:yuv420p cl:left sar:4/3 s:1280x720 i:P iskey:1 type:I 
[showinfo@picture0 @ 0x7f39]   side data - 3x3 displaymatrix: rotation of 90.00 degrees
[showinfo@picture0 @ 0x7f39]   side data - ATSC A53 Part 4 Closed Captions: (60 bytes)
[showinfo@picture0 @ 0x7f39] color_range:tv color_space:ycgco color_primaries:bt709 color_trc:unknown
[showinfo@picture0 @ 0x7f39] n:   1 pts: 129600 pts_time:1.44    duration:   3600 duration_time:0.04    fmt:yuv420p cl:left sar:0/1 s:1280x720 i:P iskey:0 type:P 
[ashowinfo@sound12 @ 0x7f15] n:0 pts:0 pts_time:-0.0065 fmt:fltp channels:4 chlayout:ambisonic 1 rate:48000 nb_samples:648
");
        let [first, second] = &trial.video[&0][..] else {
            panic!("{trial:?}")
        };
        assert_eq!(
            (first.width, first.height, first.pixel_aspect),
            (1280, 720, (4, 3))
        );
        assert_eq!(
            (first.at_us, first.is_intra, first.is_turned),
            (Some(1_400_000), true, true)
        );
        assert_eq!(first.matrix.as_deref(), Some("ycgco"));
        assert_eq!(
            (first.primaries.as_deref(), &first.transfer),
            (Some("bt709"), &None)
        );
        assert!(first.has_captions && !second.has_captions);
        assert!(!second.is_intra && !second.is_turned && second.pixel_aspect == (0, 1));
        let sound = &trial.audio[&12];
        assert_eq!((sound.channels, sound.layout.as_str()), (4, "ambisonic 1"));
        assert_eq!(sound.at_us, Some(-6500));
        assert!(!trial.is_refused());
    }

    #[test]
    fn a_stream_without_a_decoder_is_named() {
        let refusal = |text| read(text).refused.pop_first();
        assert_eq!(
            refusal(
                "[aist#0:1/ac4 @ 0x55] Guessed Channel Layout: stereo\n[aist#0:1/ac4 @ 0x55] Decoding requested, but no decoder found for: ac4"
            ),
            Some((1, "ac4".into()))
        );
        assert_eq!(
            refusal(
                "[roq @ 0x1] Codec (roq) not on whitelist 'h264,hevc'\n[vist#0:0/roq @ 0x56] [dec:roq @ 0x56] Error while opening decoder: Invalid argument"
            ),
            Some((0, "roq".into()))
        );
        // Another stream's, which was looked at and is not decoded.
        assert_eq!(
            refusal("[roq @ 0x1] Codec (roq) not on whitelist 'h264,hevc'"),
            None
        );
    }

    proptest! {
        #[test]
        fn noise_is_no_frame(line in "(\\[(a?showinfo@(picture|sound)[0-9]{0,12} @ 0x1\\] )?)[ -~]{0,80}") {
            let mut trial = Trial::default();
            trial.add(&line);
        }
    }
}
