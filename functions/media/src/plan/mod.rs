//! The plan: what is made of one source. Decided once, before anything is encoded.
//!
//! A plan is encoded in one or more [`Part`]s, each by one ffmpeg (and a small one for its sound). A short video is a single
//! [`Part::Chunk`]; a long one has many, which are encoded at the same time ([`chunks`] says how
//! many). All parts of a plan cut, encode and number along the same grid, so that their segments
//! laid end to end are those of one encode.

mod attempt;
mod audio;
mod audio_only;
pub mod chunks;
mod color;
mod copy;
mod entries;
mod length;
mod part;
mod partial;
mod settings;
pub mod storyboard;

use std::ops::Range;

pub use audio::AudioPlan;
pub use audio_only::{AudioEntry, AudioStill};
pub use color::AssumedColor;
pub use copy::PictureCopy;
pub(crate) use copy::{COPY_CLOCK_START_S, COPY_CLOCK_START_US, COPY_STREAM};
pub(crate) use entries::ENTER_EARLY_US;
pub use entries::{Entries, Entry, EntryProof};
pub use part::{Part, Span};
use serde::{Deserialize, Serialize};
pub use settings::{FanOut, Settings};
pub use storyboard::Storyboard;

use crate::{
    encoder::Preset,
    ladder::{self, Rendition},
    source::{Container, Geometry, OddMatrix, Seeking, SourceInfo},
    timeline::Grid,
};

/// Everything that an encode needs to know: decided by [`Plan::new`], [`Plan::in_one_piece`],
/// [`Plan::in_chunks`] or [`Plan::of_audio_only`], stored, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Plan {
    /// What the source is in: nothing else is read.
    pub(crate) container: Container,
    /// Whether its streams are found only by reading far into it.
    #[serde(default)]
    pub(crate) reads_deep: bool,
    /// How many bytes the source has.
    pub(crate) source_bytes: u64,
    /// How many pixels a picture of the source has.
    pub(crate) source_pixels: u64,
    /// An estimate of the CPU time that all of it takes, in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Where the video is cut.
    pub(crate) grid: Grid,
    /// How many frames are expected to come out. What really came out is measured.
    pub(crate) frames: u64,
    /// The video stream's index in the source; none if there is only audio.
    pub(crate) video_stream: Option<u32>,
    /// What stands for the picture if there is only audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audio_still: Option<AudioStill>,
    /// Whether fields must be woven into frames.
    pub(crate) deinterlace: bool,
    /// How decoded frames become what is shown. (None only in plans of earlier versions, which left
    /// that to ffmpeg.)
    #[serde(default)]
    pub(crate) geometry: Option<Geometry>,
    /// The matrix of the source's colours, if it is one that few can read.
    #[serde(default)]
    pub(crate) odd_matrix: Option<OddMatrix>,
    /// When the video begins on the source's clock, if that is later than the source does.
    #[serde(default)]
    pub(crate) late_start_us: Option<i64>,
    /// Whether it is a single frame.
    #[serde(default)]
    pub(crate) is_still: bool,
    /// The language of the captions that come with its frames, if any do: an RFC 5646 tag, `und` if unknown.
    #[serde(default)]
    pub(crate) closed_captions: Option<String>,
    /// Whether a high dynamic range must be mapped to a standard one.
    pub(crate) tone_map: bool,
    /// What to call the colours of a source that does not say.
    pub(crate) assumed_color: Option<AssumedColor>,
    /// How long the last frame is held because the sound goes on, in microseconds.
    pub(crate) hold_last_frame_us: u64,
    /// What is encoded, highest first; empty if there is only audio.
    pub(crate) renditions: Vec<Rendition>,
    /// The sound, the main one first; none for a silent source.
    pub(crate) audio: Vec<AudioPlan>,
    /// When the poster is looked for, in microseconds.
    pub(crate) poster_from_us: u64,
    /// The small pictures over the seek bar. (None only in plans of earlier versions.)
    #[serde(default)]
    pub(crate) storyboard: Option<Storyboard>,
    /// How hard the encoder tries.
    pub(crate) preset: Preset,
    /// The first segment of each chunk; starts with 0. None if there is only audio.
    #[serde(rename = "cuts")]
    pub(crate) chunk_starts: Vec<u32>,
    /// Where the chunks enter a source without an index.
    pub(crate) entries: Option<Entries>,
    /// What the chunks read the picture from, if not from the source.
    #[serde(default)]
    pub(crate) copy: Option<PictureCopy>,
    /// Whether each chunk decodes the source from its beginning: it can't be entered anywhere else.
    #[serde(default)]
    pub(crate) enters_at_start: bool,
    /// Whether a chunk that begins with a keyframe may enter the source right there.
    #[serde(default)]
    pub(crate) enters_exactly: bool,
    /// How many chunks there would be if the source could be entered anywhere.
    pub(crate) wanted_chunks: u32,
    /// Whether the number of frames is that of the picture, and not the container's length.
    pub(crate) length_is_exact: bool,
    /// Whether the source has an index, so that all that it states must be there.
    #[serde(default = "yes")]
    pub(crate) is_indexed: bool,
    /// The version of the function that carries it out, as `name:version`. (None in plans of earlier
    /// versions, and until it is said.)
    #[serde(default)]
    pub(crate) function: Option<String>,
    /// Which attempt at the video it is for, if not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<String>,
}

/// Plans of earlier versions took what any source states for true.
fn yes() -> bool {
    true
}

/// Sound that outlasts the picture by more than this is content, not padding.
const AUDIO_TAIL_US: u64 = 1_000_000;

/// The language of a source's captions: nothing in them says so, but they are of what is spoken.
fn spoken(source: &SourceInfo) -> String {
    let main = source.audio.first();
    main.map_or_else(|| "und".into(), |main| main.language.clone())
}

impl Plan {
    /// Plans a source.
    ///
    /// The timeline starts at the container's start: a picture that starts later is preceded by
    /// copies of its first frame, so that sound and picture start together and stay in sync.
    pub fn new(source: &SourceInfo, settings: Settings) -> Self {
        Self::cut(source, settings, chunk_starts)
    }

    /// Plans a source that one function encodes as a whole.
    pub fn in_one_piece(source: &SourceInfo, settings: Settings) -> Self {
        Self::cut(source, settings, |_, _, _, _| vec![0])
    }

    /// Plans a source in chunks that begin with these segments.
    pub fn in_chunks(source: &SourceInfo, settings: Settings, starts: &[u32]) -> Self {
        Self::cut(source, settings, |_, _, _, _| starts.to_vec())
    }

    /// The same, of only some renditions.
    #[must_use]
    pub fn only(mut self, keep: impl FnMut(&Rendition) -> bool) -> Self {
        self.renditions.retain(keep);
        self
    }

    fn cut(
        source: &SourceInfo,
        settings: Settings,
        chunk_starts: impl Fn(&SourceInfo, Grid, u64, u64) -> Vec<u32>,
    ) -> Self {
        let video = &source.video;
        let grid = Grid::new(video.frame_rate);
        let audio_end = source.audio.first().and_then(|main| main.end_us);
        let hold_last_frame_us = audio_end
            .filter(|_| video.end_is_exact)
            .and_then(|end| end.checked_sub(video.end_us))
            .filter(|&tail| tail > AUDIO_TAIL_US)
            .unwrap_or(0);
        let length_us = video.end_us + hold_last_frame_us;
        let frames = video.frame_rate.frames_in_micros(length_us).max(1);
        let renditions = ladder::renditions(
            video.width,
            video.height,
            settings.max_short_side,
            settings.codecs,
        );
        let work = chunks::Work::of(video, frames, &renditions, settings.preset);
        let segments = grid.segments_for(frames);
        let wanted = chunks::count(segments, work, settings.fan_out);
        let from_start = || chunks::count_from_start(segments, work, settings.fan_out);
        let possible = match source.seeking {
            Seeking::FromStart => from_start(),
            _ => wanted,
        };
        let chunk_starts = chunk_starts(source, grid, frames, possible);
        let longest = chunks::longest(&chunk_starts, grid.segments_for(frames));
        let storyboard = renditions.first().map(|largest| {
            let chunk_frames = longest * u64::from(grid.segment_frames());
            Storyboard::new(grid, frames, chunk_frames, (largest.width, largest.height))
        });
        let by_position = source.seeking == Seeking::ByPosition && chunk_starts.len() > 1;
        let is_by_copy = source.seeking == Seeking::Copied && chunk_starts.len() > 1;
        let is_whole = chunk_starts.len() == 1;
        let audio = (0..).zip(&source.audio).map(|(position, stream)| {
            // A copy is of the picture alone.
            let exact_sample_rate = stream.exact_sample_rate.filter(|_| !is_by_copy);
            let audio = AudioPlan::new(position, stream, exact_sample_rate);
            let can_be_cut = exact_sample_rate.is_some() && !is_whole;
            match position {
                0 if is_whole || can_be_cut => audio,
                1.. if can_be_cut && source.seeking == Seeking::Exact => {
                    audio.in_chunks(segments, settings.fan_out)
                }
                _ => audio.apart(),
            }
        });
        let audio = audio.collect();
        Self {
            container: source.container,
            reads_deep: source.reads_deep,
            source_bytes: source.size_bytes,
            cpu_ms: work.cpu_ms,
            source_pixels: u64::from(video.width) * u64::from(video.height),
            entries: by_position.then(|| Entries::new(source, grid, &chunk_starts)),
            enters_exactly: entries::enters_exactly(source),
            enters_at_start: source.seeking == Seeking::FromStart && chunk_starts.len() > 1,
            copy: is_by_copy.then(|| PictureCopy::new(source)),
            chunk_starts,
            storyboard,
            wanted_chunks: u32::try_from(wanted).unwrap_or(u32::MAX),
            grid,
            frames,
            video_stream: Some(video.index),
            audio_still: None,
            deinterlace: video.interlaced,
            geometry: Some(video.geometry),
            odd_matrix: video.odd_matrix.clone(),
            late_start_us: source.starts_late.then_some(source.clock_start_us),
            is_indexed: source.is_indexed,
            is_still: video.is_still,
            closed_captions: video.has_captions.then(|| spoken(source)),
            tone_map: video.hdr,
            assumed_color: AssumedColor::of(video),
            hold_last_frame_us,
            renditions,
            preset: settings.preset,
            function: None,
            attempt: None,
            length_is_exact: video.end_is_exact,
            audio,
            // Past the black and the titles, but not far into a long film.
            poster_from_us: (length_us / 10).min(10_000_000),
        }
    }

    /// What the source is in: nothing else is read.
    pub fn container(&self) -> Container {
        self.container
    }

    /// Whether its streams are found only by reading far into it.
    pub fn reads_deep(&self) -> bool {
        self.reads_deep
    }

    /// Where the video is cut.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// How many frames are expected to come out.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What is encoded, highest first; empty if there is only audio.
    pub fn renditions(&self) -> &[Rendition] {
        &self.renditions
    }

    /// The sound, the main one first; none for a silent source.
    pub fn audio(&self) -> &[AudioPlan] {
        &self.audio
    }

    /// The language of the captions that come with its frames, if any do.
    pub fn closed_captions(&self) -> Option<&str> {
        self.closed_captions.as_deref()
    }

    /// Whether the source should be measured before it is encoded: it could be encoded in chunks,
    /// if only its end and its keyframes were known.
    pub fn is_worth_measuring(&self, source: &SourceInfo) -> bool {
        self.wanted_chunks > 1
            && match source.seeking {
                Seeking::Exact => !self.length_is_exact,
                Seeking::ByPosition => source.keyframes.is_empty(),
                // A copy tells its end.
                Seeking::Unreliable | Seeking::Copied | Seeking::FromStart => false,
            }
    }

    /// Whether the picture should be copied to where it can be entered at any keyframe: the source has
    /// no index, or none that can be used.
    pub fn is_worth_copying(&self, source: &SourceInfo) -> bool {
        let has_no_entry = match source.seeking {
            Seeking::Unreliable => true,
            Seeking::ByPosition => self.chunks() == 1,
            Seeking::Exact | Seeking::Copied | Seeking::FromStart => false,
        };
        self.wanted_chunks > 1 && has_no_entry
    }

    /// Whether each chunk decodes the source from its beginning.
    pub fn enters_at_start(&self) -> bool {
        self.enters_at_start
    }

    /// Whether a part reads the copy of the picture instead of the source.
    pub fn reads_copy(&self, part: Part) -> bool {
        self.has_copy() && !part.is_audio()
    }

    /// Whether there is a copy of the picture.
    pub fn has_copy(&self) -> bool {
        self.copy.is_some()
    }
}

/// Where chunks meet: only at times when there is a picture to enter at. What precedes the first
/// frame, or holds the last, is left to the chunk that has that frame.
fn chunk_starts(source: &SourceInfo, grid: Grid, frames: u64, wanted: u64) -> Vec<u32> {
    let segments = grid.segments_for(frames);
    let rate = grid.frame_rate;
    // A last chunk of a frame or two may turn out to have none.
    let picture = Range {
        start: rate.frames_in_micros(source.video.start_us),
        end: rate.frames_in_micros(source.video.end_us.saturating_sub(1_000_000)),
    };
    let can_be_entered = |segment| match source.seeking {
        Seeking::Exact | Seeking::Copied => source.video.end_is_exact,
        Seeking::FromStart => true,
        Seeking::ByPosition => entries::entry(source, grid, segment).is_some(),
        Seeking::Unreliable => false,
    };
    chunks::chunk_starts(segments, wanted, |segment| {
        can_be_entered(segment) && picture.contains(&(segment * u64::from(grid.segment_frames())))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        ladder::VideoCodecs,
        source::{AudioStream, Layout, VideoStream},
        timeline::FrameRate,
        tracks::Purpose,
    };

    pub(crate) const SETTINGS: Settings = Settings {
        max_short_side: 1080,
        preset: Preset::Balanced,
        codecs: VideoCodecs { av1: false },
        fan_out: FanOut {
            max_parallel: 1000,
            target: Duration::from_secs(15),
            memory_mb: 3008,
        },
    };

    pub(crate) fn source(millis: u64, rate: (u32, u32)) -> SourceInfo {
        SourceInfo {
            container: Container::Mp4,
            size_bytes: 1000,
            duration_us: millis * 1000,
            reads_deep: false,
            clock_start_us: 0,
            starts_late: false,
            not_used: Vec::new(),
            texts: crate::source::SourceTexts::default(),
            keyframes: Vec::new(),
            seeking: Seeking::Exact,
            is_indexed: true,
            video: VideoStream {
                index: 0,
                codec: "h264".into(),
                width: 1920,
                height: 1080,
                geometry: Geometry::plain(1920, 1080),
                frame_rate: FrameRate::new(rate.0, rate.1).unwrap(),
                start_us: 0,
                end_us: millis * 1000,
                end_is_exact: true,
                interlaced: false,
                hdr: false,
                color_is_stated: false,
                odd_matrix: None,
                color: crate::source::ColorNames::default(),
                is_still: false,
                has_captions: false,
            },
            audio: vec![audio(1, millis)],
        }
    }

    /// A stream of sound that can be entered anywhere.
    pub(crate) fn audio(index: u32, millis: u64) -> AudioStream {
        AudioStream {
            index,
            codec: "aac".into(),
            language: "und".into(),
            name: None,
            purpose: Purpose::Main,
            start_us: 0,
            end_us: Some(millis * 1000),
            layout: Layout::Speakers,
            exact_sample_rate: Some(44_100),
        }
    }

    #[test]
    fn a_plan_in_one_piece_fits_together() {
        let info = source(3_600_000, (25, 1));
        assert!(Plan::new(&info, SETTINGS).chunks() > 1);
        let plan = Plan::in_one_piece(&info, SETTINGS);
        assert_eq!((plan.chunks(), &plan.entries), (1, &None));
        // One sheet of small pictures holds all of them.
        let storyboard = plan.storyboard.as_ref().unwrap();
        assert_eq!(
            storyboard,
            &Storyboard::new(
                plan.grid,
                plan.frames,
                chunks::longest(&[0], plan.grid.segments_for(plan.frames))
                    * u64::from(plan.grid.segment_frames()),
                (plan.renditions[0].width, plan.renditions[0].height),
            )
        );
    }

    #[test]
    fn sound_that_goes_on_holds_the_last_frame() {
        let mut info = source(10_000, (25, 1));
        assert_eq!(Plan::new(&info, SETTINGS).frames, 250);
        info.audio[0].end_us = Some(10_900_000);
        assert_eq!(Plan::new(&info, SETTINGS).hold_last_frame_us, 0);
        info.audio[0].end_us = Some(14_000_000);
        let plan = Plan::new(&info, SETTINGS);
        assert_eq!((plan.hold_last_frame_us, plan.frames), (4_000_000, 350));
    }

    #[test]
    fn untagged_colors_are_those_of_the_source_s_size() {
        let mut info = source(1000, (25, 1));
        assert_eq!(
            Plan::new(&info, SETTINGS).assumed_color,
            Some(AssumedColor::Bt709)
        );
        for (size, color) in [
            ((720, 576), AssumedColor::Smpte170m),
            ((1024, 576), AssumedColor::Smpte170m),
            ((1280, 536), AssumedColor::Bt709),
            ((720, 1280), AssumedColor::Bt709),
        ] {
            (info.video.width, info.video.height) = size;
            assert_eq!(Plan::new(&info, SETTINGS).assumed_color, Some(color));
        }
        info.video.hdr = true;
        let assumed = Plan::new(&info, SETTINGS).assumed_color;
        assert_eq!(assumed, Some(AssumedColor::Bt2020));
        info.video.color_is_stated = true;
        assert_eq!(Plan::new(&info, SETTINGS).assumed_color, None);
    }
}
