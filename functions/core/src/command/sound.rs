//! The sound of a part: which of the source's samples it is made of, and its filter graphs.

use crate::{
    plan::{AudioPlan, Plan, Span},
    timeline::{AAC_FRAME_SAMPLES, gcd},
};

/// How many it encodes after its own: the encoder looks ahead before it chooses its windows.
const POSTROLL_FRAMES: u64 = 2;

/// How many AAC frames a chunk encodes before its own. Two hide the joint; the encoder's rate
/// control takes about a hundred to settle.
const PREROLL_FRAMES: u64 = 100;

/// How long the sound may be absent where it changes its layout or rate. All of it is made at each
/// change, and what still waits behind it at the next change is lost, so more is not better.
const LONGEST_GAP_SECONDS: u64 = 10;

/// Where a part's sound comes from, in output samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    /// From the source's start.
    FromStart { end: u64 },
    /// From the source's sample with this time on, which is `start` on the output's clock.
    FromSource {
        source_sample: u64,
        enter_us: u64,
        start: u64,
        end: u64,
    },
    /// There is none at that time.
    Silence { start: u64, end: u64 },
}

impl Sound {
    pub(super) fn new(plan: &Plan, audio: &AudioPlan, span: Span) -> Self {
        let grid = plan.grid;
        let aac_frame = |frame| grid.audio_frame_at(grid.ticks_at(frame), audio.sample_rate);
        let frame_samples = u64::from(AAC_FRAME_SAMPLES);
        let first = aac_frame(span.first_frame);
        let end = (aac_frame(span.stop_frame) + POSTROLL_FRAMES) * frame_samples;
        let Some(source_rate) = audio.exact_sample_rate.filter(|_| !span.is_first) else {
            return Self::FromStart { end };
        };
        // In lowest terms: `step` output samples are `source_step` of the source's.
        let divisor = gcd(audio.sample_rate, source_rate);
        let (step, source_step) = (audio.sample_rate / divisor, source_rate / divisor);
        // Both whole AAC frames and whole steps.
        let aligned = frame_samples / u64::from(gcd(AAC_FRAME_SAMPLES, step)) * u64::from(step);
        let start = first.saturating_sub(PREROLL_FRAMES) * frame_samples / aligned * aligned;
        let micros = |samples: u64| samples * 1_000_000 / u64::from(audio.sample_rate);
        let is_over = |end_us: u64| micros(first * frame_samples) >= end_us;
        if micros(end) <= audio.start_us || audio.end_us.is_some_and(is_over) {
            return Self::Silence { start, end };
        }
        Self::FromSource {
            source_sample: start / u64::from(step) * u64::from(source_step),
            enter_us: micros(start),
            start,
            end,
        }
    }

    /// The filter graphs. Where the source changes its layout or rate half-way, as broadcasts do
    /// between film and advertisement, ffmpeg makes the first graph anew, and whatever counts time in
    /// it begins again. So there is a second one, in which sample n is heard at time n from the first
    /// sample to the last.
    ///
    /// The first makes stereo of what is decoded, and fills gaps. ffmpeg does not let the second know
    /// of the end, so the silence after the sound is the first one's as well. So is that before it:
    /// ffmpeg's threads wait for each other for ever when a second graph makes much of one frame. As
    /// the first does not know where an earlier one of its kind stopped, it begins with more silence
    /// than can be needed, and the second takes of it only what has not been heard yet.
    ///
    /// The segmenter cuts the surplus at the end.
    pub(super) fn graphs(&self, audio: &AudioPlan) -> Vec<String> {
        let rate = audio.sample_rate;
        let stream = audio.stream;
        let stereo = "aformat=sample_fmts=fltp:channel_layouts=stereo";
        // ffmpeg would spread a single channel over two at half of its power each; players don't.
        let spread = if audio.is_mono {
            "aformat=sample_fmts=fltp:channel_layouts=mono,pan=stereo|c0=c0|c1=c0"
        } else {
            stereo
        };
        let decoded = |enter_us: u64, samples: u64| {
            let late_us = audio.start_us.saturating_sub(enter_us);
            let late = late_us.saturating_mul(u64::from(rate)) / 1_000_000;
            let silence = late.min(samples) + LONGEST_GAP_SECONDS * u64::from(rate);
            format!(
                "aresample={rate}:async=1,{spread},adelay=delays={silence}S:all=1,asetpts=PTS-{silence},apad,atrim=end_pts={samples}[sound]"
            )
        };
        let timed = |samples: u64| {
            format!(
                "[sound]aselect='if(gt(pts+samples_n,ld(0)),gt(st(0,pts+samples_n),0))',atrim=start_pts=0,aresample={rate}:async=1:first_pts=0:min_hard_comp=0.001,{stereo},atrim=end_sample={samples}"
            )
        };
        match *self {
            Self::FromStart { end } => vec![
                format!("[0:{stream}]{}", decoded(0, end)),
                format!("{}[audio]", timed(end)),
            ],
            Self::FromSource {
                source_sample,
                enter_us,
                start,
                end,
            } => vec![
                format!(
                    "[0:{stream}]atrim=start_pts={source_sample},asetpts=PTS-{source_sample},{}",
                    decoded(enter_us, end - start)
                ),
                format!("{},asetpts=PTS+{start}[audio]", timed(end - start)),
            ],
            Self::Silence { start, end } => vec![format!(
                "anullsrc=r={rate}:cl=stereo,{stereo},atrim=end_sample={},asetpts=PTS+{start}[audio]",
                end - start
            )],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::tests::plan, plan::Part};

    #[test]
    fn sound_is_resampled_in_phase() {
        let mut plan = plan(|source| {
            source.video.end_us = 60_000_000;
            source.audio.as_mut().unwrap().start_us = 9_000_000;
            source.audio.as_mut().unwrap().end_us = Some(40_000_000);
        });
        plan.cuts = (0..10).collect();
        for rate in [8000, 11_025, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000] {
            let audio = AudioPlan {
                exact_sample_rate: Some(rate),
                ..plan.audio.clone().unwrap()
            };
            let sound = |index| Sound::new(&plan, &audio, plan.span(Part::Chunk(index)).unwrap());
            assert!(matches!(sound(0), Sound::FromStart { .. }));
            for index in 1..10 {
                match sound(index) {
                    Sound::FromSource {
                        source_sample,
                        enter_us,
                        start,
                        end,
                    } => {
                        assert_eq!(source_sample * 48_000, start * u64::from(rate));
                        assert!(start % 1024 == 0 && start < end);
                        // A hundred frames and what the phase asks for: between 2 and 3 s.
                        let needed = u64::from(index) * 6_006_000;
                        assert!(
                            (2_000_000..3_000_000).contains(&(needed - enter_us)) || start == 0,
                            "{rate}"
                        );
                    }
                    Sound::Silence { .. } => assert!(index >= 7, "{index}"),
                    Sound::FromStart { .. } => panic!("chunk {index} would play the start"),
                }
            }
        }
    }
}
