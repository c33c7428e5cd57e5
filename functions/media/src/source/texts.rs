//! The text that a source has beside its picture and its sound: subtitles, captions, chapters.

use reelrun_captions::{Chapters, LanguageTag, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    NotUsedReason,
    ffprobe::{Probe, ProbeStream},
};
use crate::tracks::TextTrackKind;

/// What is taken over of a source's text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTexts {
    /// Its subtitles and captions.
    pub streams: Vec<TextStream>,
    /// Its chapters, as a WebVTT file.
    pub chapters: Option<String>,
    /// The subtitles that are not taken over.
    pub not_used: Vec<SubtitlesNotUsed>,
}

/// Subtitles of a source that are not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubtitlesNotUsed {
    /// ffmpeg's name of the codec; `unknown` where it has none.
    #[schema(examples("hdmv_pgs_subtitle"))]
    pub codec: String,
    /// Why they are left out.
    pub reason: NotUsedReason,
}

/// A stream of subtitles or captions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// What it is for.
    pub kind: TextTrackKind,
    /// The language it says it is in, as an RFC 5646 tag; `und` when it does not say.
    pub language: String,
    /// What the file calls it.
    pub name: Option<String>,
    /// Whether it is shown unless the viewer wants another; one at most is.
    pub is_default: bool,
    /// Whether it is shown even to those who want no subtitles.
    pub is_forced: bool,
}

/// Subtitles that are text.
const TEXT_CODECS: [&str; 6] = ["mov_text", "subrip", "ass", "ssa", "webvtt", "text"];

/// Subtitles that are pictures, as on discs and in broadcasts.
const PICTURE_CODECS: [&str; 4] = ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"];

/// Subtitles that are named as left out; a file may have hundreds.
const MOST_NOT_USED: usize = 32;

/// The most that are taken over. Films on disc have some forty; owners want to add some of their own.
const MAX_STREAMS: usize = 40;

impl ProbeStream {
    /// Whether it is of subtitles, whatever they are made of.
    pub(super) fn is_subtitles(&self) -> bool {
        self.codec_type.as_deref() == Some("subtitle")
    }

    /// That they are not taken over, and why.
    fn left_out_subtitles(&self) -> SubtitlesNotUsed {
        let codec = self.codec_name.as_deref().unwrap_or("unknown");
        SubtitlesNotUsed {
            codec: codec.into(),
            reason: if self.is_text() {
                NotUsedReason::NotChosen
            } else if PICTURE_CODECS.contains(&codec) {
                NotUsedReason::NotText
            } else {
                NotUsedReason::NoDecoder
            },
        }
    }

    fn is_text(&self) -> bool {
        let codec = self.codec_name.as_deref().unwrap_or_default();
        self.is_subtitles() && TEXT_CODECS.contains(&codec)
    }
}

impl Probe {
    /// The subtitles that are taken over, and those that are not.
    pub(super) fn subtitles(&self) -> (Vec<&ProbeStream>, Vec<&ProbeStream>) {
        let all = self.streams.iter().filter(|stream| stream.is_subtitles());
        let (mut texts, mut others): (Vec<_>, Vec<_>) = all.partition(|stream| stream.is_text());
        others.extend(texts.drain(MAX_STREAMS.min(texts.len())..));
        (texts, others)
    }
}

impl SourceTexts {
    /// What a file says that it has, given its length and when its clock starts.
    pub(super) fn new(probe: &Probe, clock_start_us: i64, duration_us: u64) -> Self {
        let (texts, others) = probe.subtitles();
        let not_used = others.into_iter().map(ProbeStream::left_out_subtitles);
        let mut streams: Vec<_> = texts.into_iter().map(TextStream::new).collect();
        // Some writers mark each one as the default. A player takes the first.
        let defaults = streams.iter_mut().filter(|stream| stream.is_default);
        defaults
            .skip(1)
            .for_each(|stream| stream.is_default = false);
        let length = Timestamp::from_ms(duration_us / 1000);
        let chapters = Chapters::from_probe(&probe.chapters, clock_start_us, length);
        Self {
            streams,
            chapters: (!chapters.is_empty()).then(|| chapters.to_webvtt()),
            not_used: not_used.take(MOST_NOT_USED).collect(),
        }
    }
}

impl TextStream {
    fn new(stream: &ProbeStream) -> Self {
        let disposition = &stream.disposition;
        let is_captions = disposition.hearing_impaired == 1 || disposition.captions == 1;
        Self {
            index: stream.index,
            kind: if is_captions {
                TextTrackKind::Captions
            } else {
                TextTrackKind::Subtitles
            },
            language: LanguageTag::of_container(stream.tags.language.as_deref()).to_string(),
            name: stream.tags.title.clone(),
            is_default: disposition.default == 1,
            is_forced: disposition.forced == 1 && !is_captions,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn probe(streams: &[Value], chapters: &Value) -> Probe {
        let json = json!({"format": {"format_name": "matroska,webm"}, "streams": streams, "chapters": chapters});
        Probe::parse(&json.to_string(), false).unwrap()
    }

    fn stream(index: usize, codec: &str, disposition: &Value) -> Value {
        json!({"index": index, "codec_type": "subtitle", "codec_name": codec, "disposition": disposition,
               "tags": {"language": "ger", "title": "Regie"}})
    }

    #[test]
    fn text_is_taken_over_and_pictures_are_not() {
        let streams = [
            stream(2, "subrip", &json!({"default": 1})),
            stream(3, "hdmv_pgs_subtitle", &json!({"default": 1})),
            stream(4, "ass", &json!({"default": 1, "forced": 1})),
            stream(5, "mov_text", &json!({"hearing_impaired": 1, "forced": 1})),
            stream(6, "eia_608", &json!({})),
        ];
        let probe = probe(&streams, &json!([]));
        let texts = SourceTexts::new(&probe, 0, 1_000_000);
        let of = |stream: &TextStream| (stream.index, stream.is_default, stream.is_forced);
        let found: Vec<_> = texts.streams.iter().map(of).collect();
        assert_eq!(
            found,
            [(2, true, false), (4, false, true), (5, false, false)]
        );
        assert_eq!(texts.streams[0].language, "de");
        assert_eq!(texts.streams[0].name.as_deref(), Some("Regie"));
        assert_eq!(texts.streams[2].kind, TextTrackKind::Captions);
        assert_eq!(texts.chapters, None);
        let left_out = |codec: &str, reason| SubtitlesNotUsed {
            codec: codec.into(),
            reason,
        };
        assert_eq!(
            texts.not_used,
            [
                left_out("hdmv_pgs_subtitle", NotUsedReason::NotText),
                left_out("eia_608", NotUsedReason::NoDecoder),
            ]
        );
    }

    #[test]
    fn there_is_an_end_of_streams() {
        let streams: Vec<_> = (1..=MAX_STREAMS + 2)
            .map(|index| stream(index, "subrip", &json!({})))
            .collect();
        let probe = probe(&streams, &json!([]));
        let (texts, others) = probe.subtitles();
        assert_eq!((texts.len(), others.len()), (MAX_STREAMS, 2));
    }

    #[test]
    fn chapters_are_counted_from_the_first_picture() {
        let chapters = json!([
            {"time_base": "1/1000", "start": 10_000, "end": 12_000, "tags": {"title": "One"}},
            {"time_base": "1/1000", "start": 12_000, "end": 99_000, "tags": {"title": "Two"}},
        ]);
        let texts = SourceTexts::new(&probe(&[], &chapters), 10_000_000, 5_000_000);
        assert_eq!(
            texts.chapters.unwrap(),
            "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nOne\n\n00:00:02.000 --> 00:00:05.000\nTwo\n"
        );
    }
}
