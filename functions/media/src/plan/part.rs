//! The parts of a plan: what is encoded at a time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AudioPlan, Plan};
use crate::timeline::seconds_as_clock;

/// What one encode covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// All renditions of one chunk, and its main audio where each chunk has its own.
    Chunk(u32),
    /// A chunk of an audio track: the track's position in the plan, and the chunk's in the track.
    Audio(u32, u32),
}

impl Part {
    /// Whether there is no picture in it.
    pub fn is_audio(self) -> bool {
        matches!(self, Self::Audio(..))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk(index) => write!(f, "chunk-{index}"),
            Self::Audio(track, chunk) => write!(f, "audio-{track}-{chunk}"),
        }
    }
}

/// A run of segments, and of the frames in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first segment, counted from 0.
    pub first_segment: u64,
    /// The first frame.
    pub first_frame: u64,
    /// The frame after the last; the video may end earlier, or a little later.
    pub end_frame: u64,
    /// Where an encode stops: at `end_frame`, or some way beyond an end that is only expected.
    pub stop_frame: u64,
    /// Whether it starts the video.
    pub is_first: bool,
    /// Whether it ends the video: then its length is only expected, and measured in the end.
    pub is_last: bool,
}

/// About how many steps a long video's progress has.
const PROGRESS_STEPS: u32 = 40;

impl Plan {
    /// How many chunks of picture there are; none if there is only audio.
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.chunk_starts.len()).unwrap_or(u32::MAX)
    }

    /// All parts.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        // Audio first: its parts are the longest.
        let audio = (0..).zip(&self.audio).flat_map(|(track, audio)| {
            let chunks = (0..).zip(&audio.chunk_starts);
            chunks.map(move |(chunk, _)| Part::Audio(track, chunk))
        });
        audio.chain((0..self.chunks()).map(Part::Chunk))
    }

    /// Whether any audio track is encoded apart from the picture.
    pub fn has_audio_parts(&self) -> bool {
        self.audio.iter().any(|audio| !audio.goes_with_picture())
    }

    /// The streams of the source that are encoded.
    pub(crate) fn streams(&self) -> impl Iterator<Item = u32> {
        let audio = self.audio.iter().map(|audio| audio.stream);
        self.video_stream.into_iter().chain(audio)
    }

    /// The parts of an audio track that has its own.
    pub fn parts_of_audio(&self, track: u32) -> impl Iterator<Item = Part> {
        let is_its_own = move |part: &Part| matches!(part, Part::Audio(own, _) if *own == track);
        self.parts().filter(is_its_own)
    }

    /// What a part covers; none if the plan has no such part.
    pub fn span(&self, part: Part) -> Option<Span> {
        let (starts, index) = match part {
            Part::Chunk(index) => (&self.chunk_starts, index as usize),
            Part::Audio(track, chunk) => (
                &self.audio.get(track as usize)?.chunk_starts,
                chunk as usize,
            ),
        };
        let first = *starts.get(index)?;
        let next = starts.get(index + 1).copied();
        let per_segment = u64::from(self.grid.segment_frames());
        Some(Span {
            first_segment: first.into(),
            first_frame: u64::from(first) * per_segment,
            end_frame: next.map_or(self.frames, |next| u64::from(next) * per_segment),
            stop_frame: next.map_or(self.max_frames(), |next| u64::from(next) * per_segment),
            is_first: first == 0,
            is_last: next.is_none(),
        })
    }

    /// The audio track that a part encodes, if it does.
    pub fn audio_of(&self, part: Part) -> Option<&AudioPlan> {
        match part {
            Part::Chunk(_) => self.audio.first().filter(|main| main.goes_with_picture()),
            Part::Audio(track, _) => self.audio.get(track as usize),
        }
    }

    /// Whether a video is worth publishing without what a part is of: an audio track beside the main one.
    pub fn can_do_without(&self, part: Part) -> bool {
        matches!(part, Part::Audio(1.., _))
    }

    /// Whether a part makes the poster.
    pub fn has_poster(&self, part: Part) -> bool {
        if self.is_audio_only() {
            return part == Part::Audio(0, 0);
        }
        let at = self.grid.frame_rate.frames_in_micros(self.poster_from_us);
        !part.is_audio()
            && self.span(part).is_some_and(|span| {
                // The last frame of all, should the time be rounded up to beyond it.
                (span.first_frame..span.end_frame).contains(&at.min(self.frames - 1))
            })
    }

    /// Whether the video's progress counts this part. Some dozens are told, not all: a thousand
    /// writes to one record within seconds would hold each other up.
    pub fn counts(&self, part: Part) -> bool {
        let is_step = |index: u32, of: u32| index.is_multiple_of(of.div_ceil(PROGRESS_STEPS));
        match part {
            Part::Chunk(index) => is_step(index, self.chunks()),
            Part::Audio(0, index) if self.is_audio_only() => {
                let parts = self.parts_of_audio(0).count();
                is_step(index, u32::try_from(parts).unwrap_or(u32::MAX))
            }
            Part::Audio(..) => false,
        }
    }

    /// Whether a run encodes it, on many functions at once, and not the function that planned it.
    pub fn is_distributed(&self) -> bool {
        let mut audio = self.audio.iter();
        self.chunks() > 1 || self.is_audio_only() && audio.any(|track| track.chunk_starts.len() > 1)
    }

    /// How many parts count.
    pub fn counted(&self) -> u32 {
        let counts = self.parts().filter(|&part| self.counts(part));
        u32::try_from(counts.count()).unwrap_or(u32::MAX)
    }

    /// A part, for people: which it is, and when in the video.
    pub fn describe(&self, part: Part) -> String {
        let clock = |frame: u64| seconds_as_clock(self.grid.micros_at(frame) / 1_000_000);
        match (part, self.span(part)) {
            (Part::Chunk(index), Some(span)) => format!(
                "chunk {} of {}, {} to {}",
                index + 1,
                self.chunks(),
                clock(span.first_frame),
                clock(span.end_frame)
            ),
            (Part::Chunk(index), None) => format!("chunk {}", index + 1),
            (Part::Audio(0, _), Some(span)) if self.is_audio_only() => format!(
                "the audio from {} to {}",
                clock(span.first_frame),
                clock(span.end_frame)
            ),
            (Part::Audio(0, _), _) => "the sound".into(),
            (Part::Audio(track, _), _) => {
                format!("audio track {} of {}", track + 1, self.audio.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use super::*;
    use crate::{
        plan::{
            Entry, FanOut, Settings,
            tests::{SETTINGS, audio, source},
        },
        source::{Measured, Seeking, SourceLimits},
    };

    fn plan(millis: u64, rate: (u32, u32), max_parallel: u32) -> Plan {
        let fan_out = FanOut {
            max_parallel,
            target: Duration::from_secs(1),
            ..SETTINGS.fan_out
        };
        Plan::new(
            &source(millis, rate),
            Settings {
                fan_out,
                ..SETTINGS
            },
        )
    }

    #[test]
    fn a_second_is_one_part_with_everything() {
        let plan = plan(1000, (25, 1), 1000);
        assert_eq!(plan.parts().collect::<Vec<_>>(), [Part::Chunk(0)]);
        let part = Part::Chunk(0);
        assert!(plan.audio_of(part).is_some() && plan.has_poster(part));
        let span = plan.span(part).unwrap();
        assert!(span.is_first && span.is_last);
        assert_eq!((span.first_frame, span.end_frame), (0, 25));
        assert_eq!(plan.span(Part::Chunk(1)), None);
    }

    #[test]
    fn sound_without_exact_times_is_a_part_of_its_own() {
        let mut info = source(600_000, (25, 1));
        let split = Plan::new(&info, SETTINGS);
        assert!(split.chunks() > 10 && split.parts().all(|part| !part.is_audio()));
        assert!(split.audio_of(Part::Chunk(3)).is_some());
        info.audio[0].exact_sample_rate = None;
        let split = Plan::new(&info, SETTINGS);
        assert_eq!(split.parts().next(), Some(Part::Audio(0, 0)));
        assert!(split.audio_of(Part::Audio(0, 0)).is_some());
        assert_eq!(split.audio_of(Part::Chunk(3)), None);
        // A single part has it all, whatever the sound is.
        let mut info = source(2_000, (25, 1));
        info.audio[0].exact_sample_rate = None;
        let whole = Plan::new(&info, SETTINGS);
        assert_eq!(whole.parts().collect::<Vec<_>>(), [Part::Chunk(0)]);
        assert!(whole.audio_of(Part::Chunk(0)).is_some());
    }

    #[test]
    fn further_audio_tracks_are_parts_of_their_own() {
        let parts_of = |plan: &Plan, track| plan.parts_of_audio(track).count();
        let mut info = source(3_600_000, (25, 1));
        info.audio
            .extend([audio(2, 3_600_000), audio(3, 3_600_000)]);
        info.audio[2].exact_sample_rate = None;
        let plan = Plan::new(&info, SETTINGS);
        // Each takes about as long as a chunk of the picture.
        assert_eq!([0, 1, 2].map(|track| parts_of(&plan, track)), [0, 6, 1]);
        let spans = plan.parts_of_audio(1);
        let spans: Vec<_> = spans.map(|part| plan.span(part).unwrap()).collect();
        assert!(spans[0].is_first && spans[5].is_last && !spans[4].is_last);
        for pair in spans.windows(2) {
            assert_eq!(pair[0].end_frame, pair[1].first_frame);
        }
        assert_eq!(spans[5].end_frame, plan.frames);
        assert_eq!(plan.span(Part::Audio(1, 6)), None);
        assert_eq!(plan.span(Part::Audio(3, 0)), None);
        let ids: Vec<_> = plan.audio.iter().map(|audio| &*audio.id).collect();
        assert_eq!(ids, ["main", "2", "3"]);
        let droppable = |part| plan.can_do_without(part);
        assert!(droppable(Part::Audio(1, 5)) && !droppable(Part::Audio(0, 0)));
        assert!(!droppable(Part::Chunk(1)));
        // In one function, one after the other.
        let mut info = source(2_000, (25, 1));
        info.audio.push(audio(2, 2_000));
        let whole = Plan::new(&info, SETTINGS);
        let parts: Vec<_> = whole.parts().collect();
        assert_eq!(parts, [Part::Audio(1, 0), Part::Chunk(0)]);
        assert_eq!(whole.chunks(), 1);
    }

    #[test]
    fn chunks_are_cut_where_there_is_a_picture() {
        let mut info = source(600_000, (25, 1));
        info.video.start_us = 100_000_000;
        info.video.end_us = 400_000_000;
        let plan = Plan::new(&info, SETTINGS);
        assert_eq!(plan.frames, 15_000, "the last frame is held");
        assert!(plan.chunks() > 10);
        let chunk_starts = &plan.chunk_starts[1..];
        assert!(
            chunk_starts[0] * 6 >= 100 && chunk_starts[chunk_starts.len() - 1] * 6 < 400,
            "{chunk_starts:?}"
        );
        assert_eq!(
            plan.describe(Part::Chunk(0)),
            format!("chunk 1 of {}, 0:00 to {}", plan.chunks(), {
                let end = chunk_starts[0] * 6;
                format!("{}:{:02}", end / 60, end % 60)
            })
        );
    }

    #[test]
    fn a_source_that_cannot_be_entered_is_copied() {
        let mut info = source(600_000, (25, 1));
        info.seeking = Seeking::Unreliable;
        let plan = Plan::new(&info, SETTINGS);
        assert_eq!(plan.chunk_starts, [0]);
        assert!(plan.is_worth_copying(&info) && !plan.has_copy());
        let end = Measured {
            end_us: 4_100_000_000,
            keyframes: Vec::new(),
            is_joined: false,
        };
        let limits = SourceLimits {
            max_duration_seconds: 10_000,
            accepts_audio_only: true,
        };
        info.copied(&end, limits).unwrap();
        let plan = Plan::new(&info, SETTINGS);
        assert!(plan.chunks() > 10 && plan.has_copy() && !plan.is_worth_copying(&info));
        assert_eq!(plan.frames, 15_000, "the sound goes on");
        // A copy is of the picture alone.
        assert!(plan.reads_copy(Part::Chunk(0)));
        assert!(!plan.reads_copy(plan.parts_of_audio(0).next().unwrap()));
    }

    #[test]
    fn a_source_without_keyframes_is_decoded_from_its_start() {
        let mut info = source(600_000, (25, 1));
        info.seeking = Seeking::FromStart;
        let plan = Plan::new(&info, SETTINGS);
        assert!((2..20).contains(&plan.chunks()), "{}", plan.chunks());
        assert!(plan.enters_at_start() && !plan.is_worth_copying(&info));
        // Each chunk may decode for some minutes, which a film of many hours exceeds.
        let mut info = source(12 * 3_600_000, (25, 1));
        info.seeking = Seeking::FromStart;
        let plan = Plan::new(&info, SETTINGS);
        assert!(plan.chunks() == 1 && !plan.enters_at_start());
    }

    #[test]
    fn a_stream_without_an_index_is_entered_at_its_keyframes() {
        let mut info = source(600_000, (25, 1));
        info.seeking = crate::source::Seeking::ByPosition;
        info.clock_start_us = 1_400_000;
        let unmeasured = Plan::new(&info, SETTINGS);
        assert!(unmeasured.is_worth_measuring(&info));
        assert_eq!(unmeasured.chunks(), 1);
        info.keyframes = (0..200)
            .map(|i| crate::source::Keyframe {
                at_us: 1_400_000 + i * 3_000_000,
                position: 564 + i.cast_unsigned() * 188,
            })
            .collect();
        let plan = Plan::new(&info, SETTINGS);
        assert!(plan.chunks() > 10 && !plan.is_worth_measuring(&info));
        let entries = plan.entries.as_ref().unwrap();
        for (&cut, index) in plan.chunk_starts.iter().zip(0..).skip(1) {
            let position = entries
                .position(Part::Chunk(index), Entry::Planned)
                .unwrap();
            let keyframe_seconds = (position - 564) / 188 * 3;
            let early = u64::from(cut) * 6 - keyframe_seconds;
            assert!(
                (2..=5).contains(&early),
                "chunk {index} enters {early} s early"
            );
        }
    }

    proptest! {
        #[test]
        fn parts_tile_the_video(
            millis in 1u64..43_200_000, rate in prop::sample::select(vec![
                (24000, 1001), (25, 1), (30000, 1001), (50, 1), (60000, 1001), (1, 1), (3, 2), (8797, 1000),
            ]),
            max_parallel in 1u32..1200,
        ) {
            let plan = plan(millis, rate, max_parallel);
            let mut at = 0;
            let mut posters = 0;
            for index in 0..plan.chunks() {
                let part = Part::Chunk(index);
                let span = plan.span(part).unwrap();
                prop_assert_eq!(span.first_frame, at);
                prop_assert_eq!(span.first_frame, span.first_segment * u64::from(plan.grid.segment_frames()));
                prop_assert!(span.end_frame > at);
                prop_assert_eq!((span.is_first, span.is_last), (index == 0, index + 1 == plan.chunks()));
                posters += u32::from(plan.has_poster(part));
                at = span.end_frame;
            }
            prop_assert_eq!((at, posters), (plan.frames, 1));
            prop_assert!((1..=2 * PROGRESS_STEPS).contains(&plan.counted()));
            prop_assert!(plan.parts().all(|part| plan.audio_of(part).is_some()));
        }
    }
}
