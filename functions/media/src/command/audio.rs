//! The sound of a part: which of the source's samples it is made of, and its filter graphs.
//!
//! There are two, each in a process of its own. Where a source changes its layout or rate half-way, as
//! broadcasts do between film and advertisement, ffmpeg makes the graph behind the decoder anew, and
//! whatever counts time in it begins again; so time is counted in the second, which sees none of that.
//! In one process, ffmpeg's threads come to wait for each other for ever, now and then, when a graph
//! behind a graph makes much of one frame, as filling a gap does.

use std::ops::Range;

use crate::{
    plan::{AudioEntry, AudioPlan, AudioStill, Plan, Span},
    source::Layout,
    timeline::{AAC_FRAME_SAMPLES, gcd},
};

/// How many it encodes after its own: the encoder looks ahead before it chooses its windows.
const POSTROLL_FRAMES: u64 = 2;

/// How many AAC frames a chunk encodes before its own. Two hide the joint. The encoder's rate control
/// takes some 300 to settle on pink noise, which is 3 dB worse until then; a film's sound is no worse.
/// Whoever enters the source seconds earlier often decodes one more group of pictures.
const PREROLL_FRAMES: u64 = 10;

const STEREO: &str = "aformat=sample_fmts=fltp:channel_layouts=stereo";

/// Where a part's sound comes from, in output samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AudioSource {
    /// From the source's start.
    FromStart { end: u64 },
    /// From the source's sample with this time on, which is `start` on the output's clock.
    FromSource {
        source_sample: u64,
        enter_us: u64,
        start: u64,
        end: u64,
        /// Where it is entered, if not by its clock: then that begins there.
        entry: Option<AudioEntry>,
    },
    /// There is none at that time.
    Silence { start: u64, end: u64 },
}

impl AudioSource {
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
            entry: entry(audio, span),
        }
    }

    /// The filter graph of what is decoded of this input: to stereo, with the times that the samples have.
    pub(super) fn decoded(&self, audio: &AudioPlan, input: usize) -> String {
        let (rate, stream) = (audio.sample_rate, audio.stream);
        let spread = match audio.layout {
            // ffmpeg would spread a single channel over two at half of its power each; players don't.
            Layout::Mono => "aformat=sample_fmts=fltp:channel_layouts=mono,pan=stereo|c0=c0|c1=c0",
            Layout::Speakers | Layout::Ambisonic => STEREO,
        };
        let stream = match audio.layout {
            // Two microphones that point to the sides. (The first channel is what is heard from
            // everywhere, the second from the left less the right.) The resampler knows no such field.
            Layout::Ambisonic => {
                format!("[{input}:{stream}]pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1,")
            }
            Layout::Mono | Layout::Speakers => format!("[{input}:{stream}]"),
        };
        let decoded = match *self {
            Self::FromStart { .. } => {
                format!("{stream}aresample={rate},{spread},atrim=start_pts=0")
            }
            Self::FromSource {
                source_sample,
                start,
                entry: Some(entry),
                ..
            } => format!(
                "{stream}asetpts=PTS+{},atrim=start_pts={source_sample},asetpts=PTS-{source_sample},aresample={rate},{spread},asetpts=PTS+{start}",
                entry.sample
            ),
            Self::FromSource {
                source_sample,
                start,
                ..
            } => format!(
                "{stream}atrim=start_pts={source_sample},asetpts=PTS-{source_sample},aresample={rate},{spread},asetpts=PTS+{start}"
            ),
            Self::Silence { start, .. } => {
                format!("anullsrc=r={rate}:cl=stereo,{STEREO},asetpts=PTS+{start}")
            }
        };
        format!("{decoded},atrim=end_pts={}[sound]", self.samples().end)
    }

    /// The filter graph of what is encoded. Gaps are filled and the start is padded, so that sample n
    /// is heard at time n; then silence, so that it never ends before the picture. The segmenter cuts
    /// the surplus.
    pub(super) fn encoded(&self, audio: &AudioPlan) -> String {
        let rate = audio.sample_rate;
        let Range { start, end } = self.samples();
        // Samples may be a tenth of a second ahead of their times. So that all are read before there
        // are enough (who writes must not find a broken pipe), there are never enough of them.
        let count = end - start + u64::from(rate) / 5;
        format!(
            "[0:0]aresample={rate}:async=1:first_pts={start},{STEREO},apad,atrim=end_sample={count},asetpts=N+{start}[audio]"
        )
    }

    fn samples(&self) -> Range<u64> {
        match *self {
            Self::FromStart { end } => 0..end,
            Self::FromSource { start, end, .. } | Self::Silence { start, end } => start..end,
        }
    }
}

fn entry(audio: &AudioPlan, span: Span) -> Option<AudioEntry> {
    let starts = audio.chunk_starts.iter();
    let mut entries = starts.zip(&audio.entries);
    let own = entries.find(|(start, _)| u64::from(**start) == span.first_segment);
    own.map(|(_, entry)| *entry)
}

/// How much of the audio the waveform shows, in seconds: samples are kept until the last one is seen.
const WAVEFORM_SECONDS: u32 = 600;

/// The filter graph of what stands for the picture where there is none.
pub(super) fn still(still: AudioStill, audio: &AudioPlan) -> String {
    match still {
        AudioStill::Cover(stream) => format!(
            "[0:{stream}]scale=w='min(1280,iw)':h=-2:out_range=full,setsar=1,format=yuvj420p[poster]"
        ),
        AudioStill::Waveform => format!(
            "[0:{}]atrim=end={WAVEFORM_SECONDS},aresample=8000,aformat=sample_fmts=s16:channel_layouts=mono,\
             showwavespic=s=1280x720:colors=0x5b9dff:scale=sqrt,format=yuvj420p[poster]",
            audio.stream
        ),
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
            source.audio[0].start_us = 9_000_000;
            source.audio[0].end_us = Some(40_000_000);
        });
        plan.chunk_starts = (0..10).collect();
        for rate in [8000, 11_025, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000] {
            let audio = AudioPlan {
                exact_sample_rate: Some(rate),
                ..plan.audio[0].clone()
            };
            let sound =
                |index| AudioSource::new(&plan, &audio, plan.span(Part::Chunk(index)).unwrap());
            assert!(matches!(sound(0), AudioSource::FromStart { .. }));
            for index in 1..10 {
                match sound(index) {
                    AudioSource::FromSource {
                        source_sample,
                        enter_us,
                        start,
                        end,
                        ..
                    } => {
                        assert_eq!(source_sample * 48_000, start * u64::from(rate));
                        assert!(start % 1024 == 0 && start < end);
                        // Ten frames and what the phase asks for: between 0.2 and 0.4 s.
                        let needed = u64::from(index) * 6_006_000;
                        assert!(
                            (200_000..400_000).contains(&(needed - enter_us)) || start == 0,
                            "{rate}"
                        );
                    }
                    AudioSource::Silence { .. } => assert!(index >= 7, "{index}"),
                    AudioSource::FromStart { .. } => panic!("chunk {index} would play the start"),
                }
            }
        }
    }
}
