//! The plan of a source without a moving picture: there are audio tracks, and a still that stands for them.

use serde::{Deserialize, Serialize};

use super::{AudioPlan, Plan, Settings};
use crate::{
    source::{AudioOnlySource, Keyframe},
    timeline::{FrameRate, Grid},
};

/// What the still of such a video is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioStill {
    /// The cover, by its stream's index in the source.
    Cover(u32),
    /// The waveform.
    Waveform,
}

/// Where a chunk enters a source whose reader would guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioEntry {
    /// The byte of the file at which a packet starts.
    pub position: u64,
    /// The number of its first sample, at the source's rate.
    pub sample: u64,
}

/// A decoder of MPEG audio needs some frames before it gives what it would have given: those that the bits
/// of a frame may lie in. At the lowest of rates, they last for half a second.
const ENTER_EARLY_US: u64 = 1_500_000;

impl Plan {
    /// Plans a source without a moving picture. Segments are as long as those of a video of 25 frames per second.
    pub fn of_audio_only(source: &AudioOnlySource, settings: Settings) -> Self {
        let grid = Grid::new(FrameRate::AUDIO_ONLY);
        let frames = frames(source.duration_us);
        let segments = grid.segments_for(frames);
        let audio = (0..).zip(&source.audio).map(|(position, stream)| {
            let audio = AudioPlan::new(position, stream, stream.exact_sample_rate);
            match stream.exact_sample_rate {
                Some(rate) => {
                    let audio = audio.in_chunks(segments, settings.fan_out);
                    audio.entering(source, grid, rate)
                }
                None => audio.apart(),
            }
        });
        Self {
            container: source.container,
            reads_deep: source.reads_deep,
            source_bytes: source.size_bytes,
            source_pixels: 0,
            cpu_ms: 0,
            grid,
            frames,
            video_stream: None,
            audio_still: Some(source.cover.map_or(AudioStill::Waveform, AudioStill::Cover)),
            deinterlace: false,
            geometry: None,
            odd_matrix: None,
            late_start_us: None,
            is_still: false,
            closed_captions: None,
            tone_map: false,
            assumed_color: None,
            hold_last_frame_us: 0,
            renditions: Vec::new(),
            audio: audio.collect(),
            poster_from_us: 0,
            storyboard: None,
            preset: settings.preset,
            chunk_starts: Vec::new(),
            entries: None,
            copy: None,
            enters_exactly: false,
            enters_at_start: false,
            wanted_chunks: 1,
            length_is_exact: true,
            is_indexed: true,
            function: None,
            attempt: None,
        }
    }

    /// Whether there is no moving picture.
    pub fn is_audio_only(&self) -> bool {
        self.audio_still.is_some()
    }
}

impl AudioPlan {
    /// The same, its chunks entering where packets are, if the source has to be entered in that way.
    fn entering(self, source: &AudioOnlySource, grid: Grid, rate: u32) -> Self {
        if source.packets.is_empty() {
            return self;
        }
        let at_us = |packet: &Keyframe| {
            let at_us = packet.at_us.saturating_sub(source.clock_start_us);
            u64::try_from(at_us).unwrap_or(0)
        };
        let entries = self.chunk_starts.iter().map(|&segment| {
            let first_frame = u64::from(segment) * u64::from(grid.segment_frames());
            let latest_us = grid.micros_at(first_frame).saturating_sub(ENTER_EARLY_US);
            let after = source
                .packets
                .partition_point(|packet| at_us(packet) <= latest_us);
            let packet = source.packets.get(after.saturating_sub(1))?;
            let samples = u128::from(at_us(packet)) * u128::from(rate);
            Some(AudioEntry {
                position: packet.position,
                // Times are rounded to a microsecond, of which a sample has some twenty.
                sample: u64::try_from((samples + 500_000) / 1_000_000).ok()?,
            })
        });
        Self {
            entries: entries.collect::<Option<_>>().unwrap_or_default(),
            ..self
        }
    }
}

/// How many frames of a video would last as long, rounded up.
fn frames(duration_us: u64) -> u64 {
    let rate = FrameRate::AUDIO_ONLY;
    let frames = (u128::from(duration_us) * u128::from(rate.num()))
        .div_ceil(u128::from(rate.den()) * 1_000_000);
    u64::try_from(frames).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        plan::{
            FanOut, Part,
            tests::{SETTINGS, audio},
        },
        source::{Container, SourceTexts},
    };

    const HOUR_US: u64 = 3_600_000_000;

    fn podcast(duration_us: u64) -> AudioOnlySource {
        let packets = (0..duration_us / 26_122).map(|number| Keyframe {
            at_us: (number * 26_122).cast_signed(),
            position: 1000 + number * 417,
        });
        AudioOnlySource {
            container: Container::Mp3,
            reads_deep: false,
            size_bytes: duration_us / 60,
            duration_us,
            clock_start_us: 25_057,
            audio: vec![audio(0, duration_us / 1000)],
            cover: None,
            packets: packets.collect(),
            texts: SourceTexts::default(),
            not_used: Vec::new(),
        }
    }

    #[test]
    fn a_long_one_is_encoded_by_many() {
        let plan = Plan::of_audio_only(&podcast(3 * HOUR_US), SETTINGS);
        assert!(plan.is_distributed() && plan.is_audio_only() && plan.chunks() == 0);
        let parts: Vec<_> = plan.parts().collect();
        assert!((10..30).contains(&parts.len()), "{}", parts.len());
        assert!((10..=30).contains(&plan.counted()));
        let mut at = 0;
        for (index, &part) in (0..).zip(&parts) {
            assert_eq!(part, Part::Audio(0, index));
            let span = plan.span(part).unwrap();
            assert_eq!(span.first_frame, at);
            assert_eq!(
                (span.is_first, plan.has_poster(part)),
                (index == 0, index == 0)
            );
            at = span.end_frame;
        }
        assert_eq!(at, 3 * 3600 * 25);
        assert_eq!(plan.audio_still, Some(AudioStill::Waveform));
        assert_eq!(plan.describe(parts[1]), "the audio from 11:12 to 22:30");
    }

    #[test]
    fn a_chunk_enters_before_it_begins() {
        let source = podcast(HOUR_US);
        let plan = Plan::of_audio_only(&source, SETTINGS);
        let audio = &plan.audio[0];
        assert_eq!(audio.entries.len(), audio.chunk_starts.len());
        for (entry, &segment) in audio.entries.iter().zip(&audio.chunk_starts).skip(1) {
            let number = (entry.position - 1000) / 417;
            let at_us = number * 26_122 - 25_057;
            let early = u64::from(segment) * 6_000_000 - at_us;
            assert!((1_500_000..1_530_000).contains(&early), "{early}");
            assert_eq!(entry.sample, (at_us * 44_100 + 500_000) / 1_000_000);
        }
    }

    #[test]
    fn a_short_one_is_one_part_to_its_very_end() {
        let plan = Plan::of_audio_only(&podcast(14_000_001), SETTINGS);
        assert!(!plan.is_distributed());
        assert_eq!(plan.frames, 14 * 25 + 1);
        assert_eq!(plan.parts().collect::<Vec<_>>(), [Part::Audio(0, 0)]);
        let nothing = Plan::of_audio_only(&podcast(1), SETTINGS);
        assert_eq!(nothing.frames, 1);
    }

    #[test]
    fn what_can_not_be_entered_is_one_part() {
        let mut source = podcast(HOUR_US);
        source.audio[0].exact_sample_rate = None;
        source.cover = Some(1);
        let fan_out = FanOut {
            target: Duration::from_secs(1),
            ..SETTINGS.fan_out
        };
        let plan = Plan::of_audio_only(
            &source,
            Settings {
                fan_out,
                ..SETTINGS
            },
        );
        assert_eq!(plan.parts().count(), 1);
        assert_eq!(plan.audio_still, Some(AudioStill::Cover(1)));
    }
}
