//! What a source really is, read from ffprobe's JSON and checked against what we can encode.

use serde::{Deserialize, Serialize};

use crate::{
    error::{ErrorType, VideoError},
    language::tag_of,
    timeline::FrameRate,
};

/// The facts about a source that decide how it is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Size in bytes.
    pub size_bytes: u64,
    /// How long it lasts: until the longer of picture and sound is over. Microseconds, as all times
    /// here, counted from where the container's clock starts.
    pub duration_us: u64,
    /// The moving picture.
    pub video: VideoStream,
    /// The sound, if there is any.
    pub audio: Option<AudioStream>,
}

/// The video stream that is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
pub struct VideoStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Width as displayed, pixel aspect and rotation applied.
    pub width: u32,
    /// Height as displayed.
    pub height: u32,
    /// The rate to encode at: the source's own when it is constant and publishable.
    pub frame_rate: FrameRate,
    /// When its last frame's time is over.
    pub end_us: u64,
    /// Whether `end_us` was measured on this stream, and not taken from the container, whose
    /// length is that of its longest stream.
    pub end_is_exact: bool,
    /// Whether its frames are made of two fields.
    pub interlaced: bool,
    /// Whether its picture has a high dynamic range (PQ or HLG).
    pub hdr: bool,
    /// Whether it says by which matrix its colours were made. RGB was made by none.
    pub color_is_stated: bool,
}

/// The audio stream that is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Its index among all streams of the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// The language it says it is in, as an RFC 5646 tag; `und` when it does not say.
    pub language: String,
    /// When its last sample is over, where the file says so.
    pub end_us: Option<u64>,
}

/// What the API tells of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Pixels as displayed.
    pub width: u32,
    /// Pixels as displayed.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// ffmpeg's name of the codec.
    pub video_codec: String,
    /// ffmpeg's name of the codec; none without sound.
    pub audio_codec: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// What one deployment encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// The longest source, in seconds.
    pub max_duration_seconds: u64,
}

/// The largest picture that is decoded: 8K. ffmpeg is told the same limit.
pub const MAX_PIXELS: u64 = 8192 * 4320;

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<ProbeStream>,
    #[serde(default)]
    format: ProbeFormat,
}

#[derive(Deserialize, Default)]
struct ProbeFormat {
    duration: Option<String>,
    start_time: Option<String>,
    size: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProbeStream {
    index: u32,
    codec_name: Option<String>,
    codec_type: Option<String>,
    codec_tag_string: Option<String>,
    width: u32,
    height: u32,
    sample_aspect_ratio: Option<String>,
    field_order: Option<String>,
    color_transfer: Option<String>,
    color_space: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
    sample_rate: Option<String>,
    tags: ProbeTags,
    disposition: ProbeDisposition,
    side_data_list: Vec<ProbeSideData>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProbeTags {
    language: Option<String>,
    #[serde(rename = "DURATION")]
    duration: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProbeDisposition {
    default: u8,
    attached_pic: u8,
    timed_thumbnails: u8,
}

#[derive(Deserialize)]
struct ProbeSideData {
    rotation: Option<f64>,
}

impl SourceInfo {
    /// Reads ffprobe's JSON. An error is final: the source is at fault.
    ///
    /// `measured_end_us` is the end of the video stream on its own clock, as found by reading every
    /// packet; callers measure it when this says that the file does not state its length.
    pub fn parse(
        probe: &str,
        measured_end_us: Option<i64>,
        limits: SourceLimits,
    ) -> Result<Self, SourceFault> {
        let probe: Probe = serde_json::from_str(probe).map_err(|why| {
            VideoError::new(
                ErrorType::MalformedMedia,
                format!("Its structure could not be read ({why})."),
            )
        })?;
        let start = seconds(probe.format.start_time.as_deref()).unwrap_or(0);
        let stream = pick(&probe.streams, "video").ok_or_else(|| no_video(&probe.streams))?;
        let container_end = seconds(probe.format.duration.as_deref()).and_then(positive);
        let stated_end = stream.end(start);
        let measured_end = measured_end_us.and_then(|end| positive(end - start));
        let end_us =
            measured_end
                .or(stated_end)
                .or(container_end)
                .ok_or(SourceFault::LengthUnknown {
                    video_stream: stream.index,
                })?;
        let audio = pick(&probe.streams, "audio").filter(|stream| stream.decodable_audio());
        let video = VideoStream {
            end_us,
            end_is_exact: measured_end.or(stated_end).is_some(),
            ..stream.video()?
        };
        let audio = audio.map(|stream| AudioStream {
            index: stream.index,
            codec: stream.codec_name.clone().unwrap_or_default(),
            language: tag_of(stream.tags.language.as_deref()),
            end_us: stream.end(start),
        });
        let duration_us = end_us.max(audio.as_ref().and_then(|a| a.end_us).unwrap_or(0));
        if duration_us > limits.max_duration_seconds.saturating_mul(1_000_000) {
            return Err(VideoError::new(
                ErrorType::TooLong,
                format!(
                    "It lasts {} s; at most {} s are accepted.",
                    duration_us / 1_000_000,
                    limits.max_duration_seconds
                ),
            )
            .into());
        }
        Ok(Self {
            size_bytes: probe
                .format
                .size
                .and_then(|size| size.parse().ok())
                .unwrap_or(0),
            duration_us,
            video,
            audio,
        })
    }

    /// What the API tells of it.
    pub fn summary(&self) -> SourceSummary {
        SourceSummary {
            duration_ms: self.duration_us / 1000,
            width: self.video.width,
            height: self.video.height,
            frame_rate: (self.video.frame_rate.as_f64() * 1000.0).round() / 1000.0,
            video_codec: self.video.codec.clone(),
            audio_codec: self.audio.as_ref().map(|audio| audio.codec.clone()),
            size_bytes: self.size_bytes,
        }
    }
}

/// Why a probe gave no [`SourceInfo`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// The source can't be encoded, for good.
    #[error(transparent)]
    Final(#[from] VideoError),
    /// The file does not say how long it is, as recordings made in a browser do not: every packet
    /// has to be read to know.
    #[error("the file does not state its length")]
    LengthUnknown {
        /// The index of the stream that is to be measured.
        video_stream: u32,
    },
}

impl ProbeStream {
    fn is_cover(&self) -> bool {
        self.disposition.attached_pic == 1 || self.disposition.timed_thumbnails == 1
    }

    fn decodable_audio(&self) -> bool {
        self.sample_rate
            .as_deref()
            .and_then(|rate| rate.parse().ok())
            .unwrap_or(0_u32)
            > 0
            && self
                .codec_name
                .as_deref()
                .is_some_and(|name| name != "unknown" && name != "none")
    }

    /// Where the stream ends on the container's clock, where the file says so.
    fn end(&self, container_start: i64) -> Option<u64> {
        // Matroska writes the stream's end into a tag; MP4 and others state its length.
        let tagged = self.tags.duration.as_deref().and_then(clock_micros);
        let stated = || {
            let length = seconds(self.duration.as_deref())?;
            Some(seconds(self.start_time.as_deref()).unwrap_or(0) + length)
        };
        positive(tagged.or_else(stated)? - container_start)
    }

    fn video(&self) -> Result<VideoStream, VideoError> {
        let codec = match (self.codec_name.as_deref(), self.codec_tag_string.as_deref()) {
            (_, Some("encv" | "drmi")) => {
                return Err(VideoError::new(
                    ErrorType::ProtectedContent,
                    "Its picture is encrypted. Upload a copy without copy protection.",
                ));
            }
            (None | Some("unknown" | "none"), tag) => {
                return Err(VideoError::new(
                    ErrorType::UnsupportedCodec,
                    format!(
                        "Its picture is in a codec that can't be decoded ({}). Upload it as H.264, HEVC, VP9 or AV1.",
                        tag.unwrap_or("unknown")
                    ),
                ));
            }
            (Some(codec), _) => codec,
        };
        let (width, height) = self.display_size()?;
        Ok(VideoStream {
            index: self.index,
            codec: codec.into(),
            width,
            height,
            frame_rate: self.frame_rate(),
            end_us: 0,
            end_is_exact: false,
            interlaced: matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt")),
            hdr: matches!(
                self.color_transfer.as_deref(),
                Some("smpte2084" | "arib-std-b67")
            ),
            color_is_stated: !matches!(
                self.color_space.as_deref(),
                None | Some("unknown" | "reserved" | "unspecified" | "gbr")
            ),
        })
    }

    fn display_size(&self) -> Result<(u32, u32), VideoError> {
        if self.width == 0 || self.height == 0 {
            return Err(VideoError::new(
                ErrorType::MalformedMedia,
                "Its picture has no size.",
            ));
        }
        let aspect = self
            .sample_aspect_ratio
            .as_deref()
            .and_then(|text| text.split_once(':'))
            .and_then(|(x, y)| Some((x.parse::<u64>().ok()?, y.parse::<u64>().ok()?)))
            .filter(|&(x, y)| x > 0 && y > 0 && x <= y * 32 && y <= x * 32)
            .unwrap_or((1, 1));
        let width = (u64::from(self.width) * aspect.0 + aspect.1 / 2) / aspect.1;
        let width = width.max(1);
        if u64::from(self.width) * u64::from(self.height) > MAX_PIXELS
            || width * u64::from(self.height) > MAX_PIXELS
        {
            return Err(VideoError::new(
                ErrorType::TooLarge,
                format!(
                    "Its picture has {width}×{} pixels; at most 8192×4320 are accepted.",
                    self.height
                ),
            ));
        }
        let width = u32::try_from(width).unwrap_or(u32::MAX);
        let quarter_turns = self
            .side_data_list
            .iter()
            .find_map(|side| side.rotation)
            .map_or(0.0, |degrees| (degrees / 90.0).round());
        // An odd number of quarter turns lays the picture on its side.
        Ok(if quarter_turns.rem_euclid(2.0) > 0.5 {
            (self.height, width)
        } else {
            (width, self.height)
        })
    }

    /// ffprobe guesses a base rate (`r`) of which all timestamps are multiples, and measures an
    /// average. Where they agree the rate is constant; where not, frames come as they please.
    fn frame_rate(&self) -> FrameRate {
        let read = |text: &Option<String>| text.as_deref().and_then(FrameRate::parse);
        match (read(&self.r_frame_rate), read(&self.avg_frame_rate)) {
            (Some(base), Some(average)) => {
                // The average of a short clip is off by a frame or so; 5 % tells that apart from a
                // rate that really varies.
                let ratio = average.as_f64() / base.as_f64();
                if (0.95..1.05).contains(&ratio) {
                    base.publishable()
                } else if average.is_standard() {
                    // Fields (59.94 for 29.97 frames) and pulldown (29.97 for 23.976) are no
                    // varying rates.
                    average
                } else {
                    FrameRate::constant_for_average(average)
                }
            }
            (Some(rate), None) | (None, Some(rate)) => {
                if rate.exceeds(FrameRate::MAX) {
                    FrameRate::constant_for_average(FrameRate::MAX)
                } else {
                    rate.publishable()
                }
            }
            (None, None) => FrameRate::constant_for_average(FrameRate::MIN),
        }
    }
}

/// The stream that a player would choose: the default one, else the first; covers are no video.
fn pick<'a>(streams: &'a [ProbeStream], kind: &str) -> Option<&'a ProbeStream> {
    let candidates = || {
        streams
            .iter()
            .filter(|stream| stream.codec_type.as_deref() == Some(kind) && !stream.is_cover())
    };
    candidates()
        .find(|stream| stream.disposition.default == 1)
        .or_else(|| candidates().next())
}

fn no_video(streams: &[ProbeStream]) -> VideoError {
    let has_audio = streams
        .iter()
        .any(|s| s.codec_type.as_deref() == Some("audio"));
    let has_cover = streams.iter().any(ProbeStream::is_cover);
    let detail = match (has_audio, has_cover) {
        (true, true) => "It has sound and a cover picture, but no moving picture.",
        (true, false) => "It has sound, but no picture.",
        _ => "No stream in it is a moving picture.",
    };
    VideoError::new(ErrorType::NoVideoStream, detail)
}

/// ffprobe's decimal seconds, exactly, in microseconds.
fn seconds(text: Option<&str>) -> Option<i64> {
    let text = text?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let value = whole.checked_mul(1_000_000)?.checked_add(micros)?;
    Some(if negative { -value } else { value })
}

/// Matroska's `00:00:05.229000000`, in microseconds.
fn clock_micros(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let rest = seconds(parts.next())?;
    hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?
        .checked_mul(1_000_000)?
        .checked_add(rest)
}

fn positive(micros: i64) -> Option<u64> {
    u64::try_from(micros).ok().filter(|&micros| micros > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LIMITS: SourceLimits = SourceLimits {
        max_duration_seconds: 3600,
    };

    fn video() -> Value {
        json!({"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080,
               "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "start_time": "0.000000",
               "duration": "10.000000", "field_order": "progressive"})
    }

    fn probe(streams: &[Value]) -> Value {
        json!({"streams": streams, "format": {"duration": "10.0", "start_time": "0.0", "size": "1000"}})
    }

    fn parse(probe: &Value) -> Result<SourceInfo, SourceFault> {
        SourceInfo::parse(&probe.to_string(), None, LIMITS)
    }

    fn kind(result: Result<SourceInfo, SourceFault>) -> ErrorType {
        match result {
            Err(SourceFault::Final(error)) => error.kind,
            other => panic!("{other:?}"),
        }
    }

    fn with(field: &str, value: Value) -> Result<SourceInfo, SourceFault> {
        let mut stream = video();
        stream[field] = value;
        parse(&probe(&[stream]))
    }

    #[test]
    fn rotation_and_pixel_shape_give_the_size_on_screen() {
        let info = with(
            "side_data_list",
            json!([{"side_data_type": "x"}, {"rotation": -90}]),
        )
        .unwrap();
        assert_eq!((info.video.width, info.video.height), (1080, 1920));
        let info = with("sample_aspect_ratio", json!("3:4")).unwrap();
        assert_eq!((info.video.width, info.video.height), (1440, 1080));
        for undefined in ["0:1", "N/A", "1:0", "1000:1"] {
            let info = with("sample_aspect_ratio", json!(undefined)).unwrap();
            assert_eq!(info.video.width, 1920, "{undefined}");
        }
    }

    #[test]
    fn rates_are_constant_and_publishable() {
        let rate = |base: &str, average: &str| {
            let mut stream = video();
            stream["r_frame_rate"] = json!(base);
            stream["avg_frame_rate"] = json!(average);
            parse(&probe(&[stream]))
                .unwrap()
                .video
                .frame_rate
                .to_string()
        };
        assert_eq!(rate("30000/1001", "37200/1241"), "30000/1001");
        assert_eq!(rate("120/1", "120/1"), "60/1");
        assert_eq!(rate("90000/1", "27/1"), "30/1");
        assert_eq!(rate("60000/1001", "30000/1001"), "30000/1001");
        assert_eq!(rate("30000/1001", "24000/1001"), "24000/1001");
        assert_eq!(rate("0/0", "0/0"), "24/1");
        assert_eq!(rate("1000/1", "0/0"), "60/1");
    }

    #[test]
    fn a_late_video_in_a_late_container_is_measured_from_the_container() {
        let mut late = video();
        late["start_time"] = json!("1.726000");
        let info = SourceInfo::parse(
            &json!({"streams": [late], "format": {"duration": "10.2", "start_time": "1.5"}})
                .to_string(),
            None,
            LIMITS,
        )
        .unwrap();
        assert_eq!(info.video.end_us, 10_226_000);
        assert!(info.video.end_is_exact);
    }

    #[test]
    fn matroska_states_the_end_in_a_tag() {
        let mut stream = video();
        stream["duration"] = Value::Null;
        stream["tags"] = json!({"DURATION": "00:01:05.229000000"});
        assert_eq!(parse(&probe(&[stream])).unwrap().video.end_us, 65_229_000);
    }

    #[test]
    fn a_file_that_does_not_state_its_length_is_measured() {
        let mut stream = video();
        stream["duration"] = Value::Null;
        let text = json!({"streams": [stream], "format": {}}).to_string();
        assert_eq!(
            SourceInfo::parse(&text, None, LIMITS),
            Err(SourceFault::LengthUnknown { video_stream: 0 })
        );
        let info = SourceInfo::parse(&text, Some(4_000_000), LIMITS).unwrap();
        assert_eq!(info.duration_us, 4_000_000);
    }

    #[test]
    fn each_fault_has_its_type() {
        let audio =
            json!({"index": 0, "codec_type": "audio", "codec_name": "mp3", "sample_rate": "44100"});
        let cover = json!({"index": 1, "codec_type": "video", "codec_name": "mjpeg",
                           "disposition": {"attached_pic": 1}});
        assert_eq!(
            kind(parse(&probe(&[audio, cover]))),
            ErrorType::NoVideoStream
        );
        assert_eq!(
            kind(with("codec_name", Value::Null)),
            ErrorType::UnsupportedCodec
        );
        assert_eq!(
            kind(with("codec_tag_string", json!("encv"))),
            ErrorType::ProtectedContent
        );
        assert_eq!(kind(with("duration", json!("3601.0"))), ErrorType::TooLong);
        assert_eq!(kind(with("width", json!(100_000))), ErrorType::TooLarge);
        assert_eq!(kind(with("width", json!(0))), ErrorType::MalformedMedia);
        assert_eq!(
            kind(SourceInfo::parse("{", None, LIMITS)),
            ErrorType::MalformedMedia
        );
    }

    proptest! {
        #[test]
        fn no_probe_output_panics(text in ".{0,80}", number in "-?[0-9.:/]{0,24}") {
            let _ = SourceInfo::parse(&text, None, LIMITS);
            for field in ["duration", "start_time", "r_frame_rate", "sample_aspect_ratio"] {
                let _ = with(field, json!(number));
            }
            let _ = clock_micros(&number);
        }
    }
}
