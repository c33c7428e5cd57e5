//! A source without a moving picture: a podcast, a lecture, a piece of music.

use super::{
    AudioStream, Container, Keyframe, MOST_NOT_USED, Measured, NotUsed, NotUsedReason, Probe,
    SourceFault, SourceLimits, SourceSummary, SourceTexts, Stream, Trial,
    clock::{positive, seconds},
    streams::candidates,
    trial::AudioFrame,
};
use crate::{diagnostics, error::VideoError};

/// The facts about such a source that decide how it is encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioOnlySource {
    /// What it is in.
    pub container: Container,
    /// Whether its streams are found only by reading far into it.
    pub reads_deep: bool,
    /// Size in bytes.
    pub size_bytes: u64,
    /// How long it lasts, in microseconds, from where its clock starts to the end of the main audio track.
    pub duration_us: u64,
    /// When its clock starts.
    pub clock_start_us: i64,
    /// Its audio tracks: the main one first. At least one.
    pub audio: Vec<AudioStream>,
    /// The cover, by its stream's index.
    pub cover: Option<u32>,
    /// Where its packets are, in a container without an index whose reader would guess.
    pub packets: Vec<Keyframe>,
    /// Its subtitles, captions and chapters.
    pub texts: SourceTexts,
    /// What is left out.
    pub not_used: Vec<NotUsed>,
}

/// Which of its streams are used.
#[derive(Debug, Clone)]
pub struct AudioOnlyChoice {
    audio: Vec<(u32, AudioFrame)>,
    cover: Option<u32>,
    not_used: Vec<NotUsed>,
}

impl Probe {
    /// Whether there is something to hear, and no picture but perhaps a cover.
    pub fn is_audio_only(&self) -> bool {
        let has = |kind| self.streams.iter().any(|stream| stream.is(kind));
        has("audio") && !has("video")
    }

    /// The picture that stands for the whole: the first that is in a codec that is known.
    fn cover(&self) -> Option<u32> {
        let mut covers = self.streams.iter().filter(|stream| stream.is_cover());
        Some(covers.find(|cover| cover.has_codec())?.index)
    }
}

impl AudioOnlyChoice {
    /// The streams of which the first frames are to be decoded.
    pub fn candidates(probe: &Probe) -> Vec<Stream> {
        let audio = candidates(probe, "audio", &mut Vec::new()).into_iter();
        let cover = probe.cover().map(Stream::Video);
        audio.map(Stream::Audio).chain(cover).collect()
    }

    /// Those that decode.
    pub fn new(probe: &Probe, trial: &Trial) -> Result<Self, VideoError> {
        let mut not_used = Vec::new();
        let mut audio = Vec::new();
        for index in candidates(probe, "audio", &mut not_used) {
            let Some(stream) = probe.stream(index) else {
                continue;
            };
            if let Err(closed) = probe.check_is_open(stream) {
                if audio.is_empty() {
                    return Err(closed);
                }
                not_used.push(stream.not_used(NotUsedReason::NoDecoder));
            } else if let Some(frame) = trial.audio.get(&index) {
                audio.push((index, frame.clone()));
            } else {
                let reason = if trial.refused.contains_key(&index) {
                    NotUsedReason::NoDecoder
                } else {
                    NotUsedReason::NoFrames
                };
                not_used.push(stream.not_used(reason));
            }
        }
        if audio.is_empty() {
            let refused = trial.refused.values().next();
            return Err(refused.map_or_else(diagnostics::no_audio, |codec| {
                diagnostics::unsupported(codec)
            }));
        }
        let is_shown = |cover: &u32| trial.video.get(cover).is_some_and(|seen| !seen.is_empty());
        let cover = probe.cover().filter(is_shown);
        let others = probe.streams.iter().filter(|stream| stream.is_cover());
        let others = others.filter(|stream| Some(stream.index) != cover);
        not_used.extend(others.map(|stream| stream.not_used(NotUsedReason::NotChosen)));
        not_used.truncate(MOST_NOT_USED);
        Ok(Self {
            audio,
            cover,
            not_used,
        })
    }

    /// The main audio track, by its stream's index.
    pub fn main(&self) -> u32 {
        self.audio.first().map_or(0, |(index, _)| *index)
    }
}

/// What may be missing at the end, beside a fiftieth of the whole.
const CUT_SHORT_US: u64 = 500_000;

impl AudioOnlySource {
    /// Puts together what is known of a source, all of which was read: what such files say of their own length
    /// is often an estimate.
    pub fn new(
        probe: &Probe,
        choice: &AudioOnlyChoice,
        measured: &Measured,
        limits: SourceLimits,
    ) -> Result<Self, SourceFault> {
        let container = probe.container()?;
        let start = seconds(probe.format.start_time.as_deref()).unwrap_or(0);
        let end_us =
            positive(measured.end_us.saturating_sub(start)).ok_or_else(diagnostics::no_audio)?;
        // An index lists what must be there, to a rounding.
        let main = probe.stream(choice.main());
        let stated = main.and_then(|main| main.end(start));
        let stated_us = stated.filter(|_| container == Container::Mp4).unwrap_or(0);
        if end_us + CUT_SHORT_US + stated_us / 50 < stated_us {
            return Err(diagnostics::cut_short(stated_us, end_us).into());
        }
        // One that was joined, or is out of order, is read from its beginning.
        let can_be_entered = container != Container::Mp3 || !measured.keyframes.is_empty();
        let streams = choice.audio.iter().enumerate();
        let audio = streams.filter_map(|(position, (index, frame))| {
            let stream = probe.stream(*index)?;
            let purpose = stream.purpose(position == 0);
            let audio = stream.audio(container, frame, purpose, start, measured.is_joined);
            Some(AudioStream {
                // The last packet may be padded, and only its file says so.
                end_us: match audio.end_us {
                    Some(stated) if container == Container::Mp4 => Some(stated.min(end_us)),
                    stated if position > 0 => stated,
                    _ => Some(end_us),
                },
                exact_sample_rate: audio.exact_sample_rate.filter(|_| can_be_entered),
                ..audio
            })
        });
        let audio: Vec<_> = audio.collect();
        let main = audio.first().ok_or_else(diagnostics::no_audio)?;
        let duration_us = main.end_us.unwrap_or(end_us);
        limits.check(duration_us)?;
        let packets = measured.keyframes.iter().copied();
        Ok(Self {
            container,
            reads_deep: probe.is_deep,
            size_bytes: probe.size_bytes(),
            duration_us,
            clock_start_us: start,
            audio,
            cover: choice.cover,
            packets: packets.filter(|_| container == Container::Mp3).collect(),
            texts: SourceTexts::new(probe, start, duration_us),
            not_used: choice.not_used.clone(),
        })
    }

    /// What the API tells of it.
    pub fn summary(&self) -> SourceSummary {
        SourceSummary {
            duration_ms: self.duration_us / 1000,
            width: None,
            height: None,
            frame_rate: None,
            video_codec: None,
            audio_codec: self.audio.first().map(|main| main.codec.clone()),
            size_bytes: self.size_bytes,
            not_used: self.not_used.clone(),
            subtitles_not_used: self.texts.not_used.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ErrorType;

    fn stream(index: u32, kind: &str, codec: &str) -> Value {
        json!({"index": index, "codec_type": kind, "codec_name": codec, "sample_rate": "44100",
               "time_base": "1/14112000", "channels": 2})
    }

    fn cover(index: u32) -> Value {
        let mut cover = stream(index, "video", "mjpeg");
        cover["disposition"] = json!({"attached_pic": 1});
        cover
    }

    fn probe(streams: &[Value]) -> Probe {
        let format = json!({"format_name": "mp3", "start_time": "0.025057", "size": "1000"});
        let json = json!({"streams": streams, "format": format}).to_string();
        Probe::parse(&json, false).unwrap()
    }

    /// What ffmpeg says of streams that decode.
    fn trial(audio: &[u32], pictures: &[u32]) -> Trial {
        let mut trial = Trial::default();
        for index in audio {
            trial.add(&format!("[ashowinfo@sound{index} @ 0x1] n:0 pts:0 pts_time:0 fmt:fltp channels:2 chlayout:stereo rate:44100 nb_samples:1152"));
        }
        for index in pictures {
            trial.add(&format!("[showinfo@picture{index} @ 0x1] n:   0 pts:      0 pts_time:0       duration:      1 duration_time:1 fmt:yuvj444p cl:left sar:1/1 s:300x200 i:P iskey:1 type:I"));
        }
        trial
    }

    #[test]
    fn a_cover_is_no_picture() {
        assert!(probe(&[stream(0, "audio", "mp3"), cover(1)]).is_audio_only());
        assert!(!probe(&[stream(0, "audio", "aac"), stream(1, "video", "h264")]).is_audio_only());
        assert!(!probe(&[cover(0)]).is_audio_only());
    }

    #[test]
    fn what_decodes_is_used() {
        let probe = probe(&[
            stream(0, "audio", "mp3"),
            cover(1),
            cover(2),
            stream(3, "audio", "opus"),
        ]);
        let candidates = AudioOnlyChoice::candidates(&probe);
        assert_eq!(
            candidates,
            [Stream::Audio(0), Stream::Audio(3), Stream::Video(1)]
        );
        let choice = AudioOnlyChoice::new(&probe, &trial(&[0], &[1])).unwrap();
        assert_eq!((choice.main(), choice.cover), (0, Some(1)));
        let reasons: Vec<_> = choice.not_used.iter().map(|one| one.reason).collect();
        assert_eq!(reasons, [NotUsedReason::NoFrames, NotUsedReason::NotChosen]);
        let choice = AudioOnlyChoice::new(&probe, &trial(&[3], &[])).unwrap();
        assert_eq!((choice.main(), choice.cover), (3, None));
        let silent = AudioOnlyChoice::new(&probe, &trial(&[], &[1])).unwrap_err();
        assert_eq!(silent.kind, ErrorType::MalformedMedia);
    }

    #[test]
    fn its_length_is_what_was_measured() {
        let probe = probe(&[stream(0, "audio", "mp3")]);
        let choice = AudioOnlyChoice::new(&probe, &trial(&[0], &[])).unwrap();
        let measured = |seconds: i64| Measured {
            end_us: seconds * 1_000_000 + 25_057,
            keyframes: vec![Keyframe {
                at_us: 0,
                position: 252,
            }],
            is_joined: false,
        };
        let limits = SourceLimits {
            max_duration_seconds: 3600,
            accepts_audio_only: true,
        };
        let of = |seconds| AudioOnlySource::new(&probe, &choice, &measured(seconds), limits);
        let source = of(100).unwrap();
        assert_eq!(source.duration_us, 100_000_000);
        assert_eq!(source.audio[0].exact_sample_rate, Some(44_100));
        assert_eq!(source.packets.len(), 1);
        let joined = Measured {
            keyframes: Vec::new(),
            ..measured(100)
        };
        let joined = AudioOnlySource::new(&probe, &choice, &joined, limits).unwrap();
        assert_eq!(joined.audio[0].exact_sample_rate, None);
        let summary = source.summary();
        assert!(summary.is_audio_only() && summary.width.is_none());
        assert!(of(0).is_err() && of(3602).is_err());
    }
}
