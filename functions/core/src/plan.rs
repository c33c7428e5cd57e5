//! The plan: what is made of one source. Decided once, before anything is encoded.

use serde::{Deserialize, Serialize};

use crate::{
    ladder::{self, Rendition},
    source::{SourceInfo, VideoStream},
    timeline::Grid,
};

/// Everything that an encode needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where the video is cut.
    pub grid: Grid,
    /// How many frames are expected to come out. What really came out is measured.
    pub frames: u64,
    /// The video stream's index in the source.
    pub video_stream: u32,
    /// Whether fields must be woven into frames.
    pub deinterlace: bool,
    /// Whether a high dynamic range must be mapped to a standard one.
    pub tone_map: bool,
    /// What to call the colours of a source that does not say.
    pub assumed_color: Option<AssumedColor>,
    /// How long the last frame is held because the sound goes on, in microseconds.
    pub hold_last_frame_us: u64,
    /// What is encoded, highest first; never empty.
    pub renditions: Vec<Rendition>,
    /// The sound; none for a silent source.
    pub audio: Option<AudioPlan>,
    /// When the poster is looked for, in microseconds.
    pub poster_from_us: u64,
}

/// The colours that players assume of untagged video, by its size.
///
/// They would assume it of each rendition by *its* size, and show a large one in other colours than
/// a small one; so all are tagged with what is assumed of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssumedColor {
    /// High definition: ITU-R BT.709.
    Bt709,
    /// Standard definition: ITU-R BT.601, as SMPTE 170M states it.
    Smpte170m,
}

impl AssumedColor {
    fn of(video: &VideoStream) -> Option<Self> {
        let is_hd = video.width.min(video.height) >= 720;
        (!video.color_is_stated).then_some(if is_hd { Self::Bt709 } else { Self::Smpte170m })
    }

    /// ffmpeg's name for its matrix, primaries and transfer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Smpte170m => "smpte170m",
        }
    }
}

/// How the sound is encoded: AAC-LC stereo, which every player has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// The audio stream's index in the source.
    pub stream: u32,
    /// RFC 5646 tag, `und` if unknown.
    pub language: String,
    /// The encoder's bit rate, in bit/s.
    pub bitrate_bps: u32,
    /// Samples per second.
    pub sample_rate: u32,
}

/// Sound that outlasts the picture by more than this is content, not padding.
const AUDIO_TAIL_US: u64 = 1_000_000;

impl Plan {
    /// Plans a source. `max_short_side` limits the ladder.
    ///
    /// The timeline starts at the container's start: a picture that starts later is preceded by
    /// copies of its first frame, so that sound and picture start together and stay in sync.
    pub fn new(source: &SourceInfo, max_short_side: u32) -> Self {
        let video = &source.video;
        let grid = Grid::new(video.frame_rate);
        let audio_end = source.audio.as_ref().and_then(|audio| audio.end_us);
        let hold_last_frame_us = audio_end
            .filter(|_| video.end_is_exact)
            .and_then(|end| end.checked_sub(video.end_us))
            .filter(|&tail| tail > AUDIO_TAIL_US)
            .unwrap_or(0);
        let length_us = video.end_us + hold_last_frame_us;
        let frames = video.frame_rate.frames_in_micros(length_us).max(1);
        Self {
            grid,
            frames,
            video_stream: video.index,
            deinterlace: video.interlaced,
            tone_map: video.hdr,
            assumed_color: AssumedColor::of(video),
            hold_last_frame_us,
            renditions: ladder::renditions(video.width, video.height, max_short_side),
            audio: source.audio.as_ref().map(|audio| AudioPlan {
                stream: audio.index,
                language: audio.language.clone(),
                bitrate_bps: 128_000,
                sample_rate: 48_000,
            }),
            // Past the black and the titles, but not far into a long film.
            poster_from_us: (length_us / 10).min(10_000_000),
        }
    }

    /// The most frames that an encode may give, whatever the source claims while it is decoded: a
    /// forged timestamp must not become hours of repeated frames.
    pub fn max_frames(&self) -> u64 {
        let slack = self.grid.frame_rate.frames_in_micros(5_000_000).max(1);
        self.frames + slack
    }

    /// Whether the encode stopped at [`Self::max_frames`]: the source is longer than it states.
    pub fn was_cut_off(&self, frames: u64) -> bool {
        frames >= self.max_frames()
    }

    /// Whether so few frames came out that the source must have been cut short.
    pub fn is_cut_short(&self, frames: u64, source: &SourceInfo) -> bool {
        // A stream's own length is right to a frame or two. A container's may be that of another
        // stream, so only a wide gap tells something.
        let tolerated = if source.video.end_is_exact {
            self.grid.frame_rate.frames_in_micros(500_000).max(2) + self.frames / 50
        } else {
            self.frames / 2
        };
        frames + tolerated < self.frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{source::AudioStream, timeline::FrameRate};

    pub(crate) fn source(millis: u64, rate: (u32, u32)) -> SourceInfo {
        SourceInfo {
            size_bytes: 1000,
            duration_us: millis * 1000,
            video: VideoStream {
                index: 0,
                codec: "h264".into(),
                width: 1920,
                height: 1080,
                frame_rate: FrameRate::new(rate.0, rate.1).unwrap(),
                end_us: millis * 1000,
                end_is_exact: true,
                interlaced: false,
                hdr: false,
                color_is_stated: false,
            },
            audio: Some(AudioStream {
                index: 1,
                codec: "aac".into(),
                language: "und".into(),
                end_us: Some(millis * 1000),
            }),
        }
    }

    #[test]
    fn sound_that_goes_on_holds_the_last_frame() {
        let mut info = source(10_000, (25, 1));
        assert_eq!(Plan::new(&info, 1080).frames, 250);
        info.audio.as_mut().unwrap().end_us = Some(10_900_000);
        assert_eq!(Plan::new(&info, 1080).hold_last_frame_us, 0);
        info.audio.as_mut().unwrap().end_us = Some(14_000_000);
        let plan = Plan::new(&info, 1080);
        assert_eq!((plan.hold_last_frame_us, plan.frames), (4_000_000, 350));
    }

    #[test]
    fn untagged_colors_are_those_of_the_source_s_size() {
        let mut info = source(1000, (25, 1));
        assert_eq!(
            Plan::new(&info, 1080).assumed_color,
            Some(AssumedColor::Bt709)
        );
        (info.video.width, info.video.height) = (720, 576);
        assert_eq!(
            Plan::new(&info, 1080).assumed_color,
            Some(AssumedColor::Smpte170m)
        );
        info.video.color_is_stated = true;
        assert_eq!(Plan::new(&info, 1080).assumed_color, None);
    }

    #[test]
    fn a_cut_source_is_told_from_a_rounded_one() {
        let mut info = source(60_000, (25, 1));
        let plan = Plan::new(&info, 1080);
        assert!(!plan.is_cut_short(1499, &info));
        assert!(!plan.is_cut_short(1460, &info));
        assert!(plan.is_cut_short(1400, &info));
        info.video.end_is_exact = false;
        assert!(!plan.is_cut_short(1400, &info));
        assert!(plan.is_cut_short(700, &info));
    }

    proptest! {
        #[test]
        fn a_plan_always_leaves_room_and_has_a_rendition(millis in 10u64..50_000_000, num in 1u32..60_001) {
            let Some(rate) = FrameRate::new(num, 1000) else { return Ok(()) };
            let rate = rate.publishable();
            let plan = Plan::new(&source(millis, (rate.num(), rate.den())), 2160);
            prop_assert!(plan.frames > 0 && plan.max_frames() > plan.frames);
            prop_assert!(!plan.renditions.is_empty());
            prop_assert!(!plan.was_cut_off(plan.frames) && plan.was_cut_off(plan.max_frames()));
        }
    }
}
