//! The sounds of a source: what is known of each, before it is encoded.

use reelrun_captions::LanguageTag;
use serde::{Deserialize, Serialize};

use super::{Container, ffprobe::ProbeStream, trial::AudioFrame};
use crate::tracks::{self, Purpose};

/// An audio stream that is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// The language it says it is in, as an RFC 5646 tag; `und` when it does not say.
    pub language: String,
    /// What the file calls it.
    pub name: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// When its first sample is heard.
    pub start_us: u64,
    /// When its last sample is over, where the file says so.
    pub end_us: Option<u64>,
    /// How its channels become two.
    pub layout: Layout,
    /// Its sample rate, where each packet's time is exact to the sample.
    pub exact_sample_rate: Option<u32>,
}

/// How the channels of a sound lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A single one.
    Mono,
    /// Loudspeakers, for which there is a standard way down to two.
    #[default]
    Speakers,
    /// A sound field around the listener (Ambisonics), the channels in their standard order.
    Ambisonic,
}

impl Layout {
    fn of(sound: &AudioFrame) -> Self {
        if sound.channels == 1 {
            Self::Mono
        } else if sound.layout.starts_with("ambisonic") {
            Self::Ambisonic
        } else {
            Self::Speakers
        }
    }
}

/// What commentaries are called.
const COMMENTARY: [&str; 5] = [
    "commentary",
    "commentaire",
    "kommentar",
    "comentario",
    "commento",
];

impl ProbeStream {
    /// What is encoded of it, given its first frame and when the container's clock starts. Of one that was
    /// joined from several, the end that it states is that of the first.
    pub(super) fn audio(
        &self,
        container: Container,
        sound: &AudioFrame,
        purpose: Purpose,
        start: i64,
        is_joined: bool,
    ) -> AudioStream {
        AudioStream {
            index: self.index,
            codec: self.codec_name.clone().unwrap_or_default(),
            language: LanguageTag::of_container(self.tags.language.as_deref()).to_string(),
            name: self.tags.title.as_deref().map(tracks::shown_name),
            purpose,
            start_us: self.start_or(sound.at_us, start),
            end_us: self.end(start).filter(|_| !is_joined),
            layout: Layout::of(sound),
            exact_sample_rate: self.exact_sample_rate(container),
        }
    }

    /// What it is for. Not every writer marks a commentary as one, but most call it so.
    pub(super) fn purpose(&self, is_main: bool) -> Purpose {
        let disposition = &self.disposition;
        let title = self.tags.title.as_deref().unwrap_or_default();
        let title = title.to_lowercase();
        if disposition.comment == 1 {
            Purpose::Commentary
        } else if disposition.visual_impaired == 1 || disposition.descriptions == 1 {
            Purpose::Description
        } else if disposition.hearing_impaired == 1 {
            Purpose::ClearSpeech
        } else if disposition.dub == 1 {
            Purpose::Dub
        } else if !is_main && COMMENTARY.iter().any(|word| title.contains(word)) {
            Purpose::Commentary
        } else {
            Purpose::Main
        }
    }

    /// The sample rate, where each packet's time is exact to the sample: its clock ticks once for
    /// each sample, and its packets follow each other without a gap. MPEG audio is entered where its frames were
    /// found, all of which have as many samples.
    fn exact_sample_rate(&self, container: Container) -> Option<u32> {
        let rate: u32 = self.sample_rate.as_deref()?.parse().ok()?;
        let codec = self.codec_name.as_deref()?;
        let ticks_per_second: u32 = self
            .time_base
            .as_deref()?
            .strip_prefix("1/")?
            .parse()
            .ok()?;
        let follows_its_clock = rate == ticks_per_second;
        match container {
            Container::Mp3 => return Some(rate).filter(|_| codec == "mp3"),
            Container::Wav if codec.starts_with("pcm_") => {
                return Some(rate).filter(|_| follows_its_clock);
            }
            Container::Flac => return Some(rate).filter(|_| follows_its_clock),
            _ => {}
        }
        let packet_samples = match (codec, self.profile.as_deref()) {
            ("aac", Some("LC")) => 1024,
            (codec, _) if codec.starts_with("pcm_") => 1,
            _ => return None,
        };
        // What primes the decoder and what fills the last packet is not part of the duration.
        let indexed = self.indexed_packets()?.checked_mul(packet_samples)?;
        let surplus = indexed.checked_sub(self.duration_ts?)?;
        (follows_its_clock && (0..=4 * packet_samples).contains(&surplus)).then_some(rate)
    }
}
