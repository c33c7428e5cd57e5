//! ffprobe's JSON: its shapes, and what each part of it means.

use serde::Deserialize;

use super::{MAX_PIXELS, Seeking, VideoStream};
use crate::{
    error::{ErrorType, VideoError},
    timeline::FrameRate,
};

#[derive(Deserialize)]
pub(super) struct Probe {
    #[serde(default)]
    pub(super) streams: Vec<ProbeStream>,
    #[serde(default)]
    pub(super) format: ProbeFormat,
    /// The first few of the file.
    #[serde(default)]
    packets: Vec<ProbePacket>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProbePacket {
    stream_index: Option<u32>,
    side_data_list: Vec<ProbeSideData>,
}

#[derive(Deserialize, Default)]
pub(super) struct ProbeFormat {
    pub(super) duration: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) size: Option<String>,
    pub(super) format_name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ProbeStream {
    pub(super) index: u32,
    pub(super) codec_name: Option<String>,
    pub(super) codec_type: Option<String>,
    pub(super) codec_tag_string: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) color_space: Option<String>,
    pub(super) r_frame_rate: Option<String>,
    pub(super) avg_frame_rate: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) duration: Option<String>,
    pub(super) sample_rate: Option<String>,
    pub(super) channels: u32,
    pub(super) profile: Option<String>,
    pub(super) time_base: Option<String>,
    pub(super) duration_ts: Option<i64>,
    pub(super) nb_frames: Option<String>,
    pub(super) tags: ProbeTags,
    pub(super) disposition: ProbeDisposition,
    pub(super) side_data_list: Vec<ProbeSideData>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ProbeTags {
    pub(super) language: Option<String>,
    #[serde(rename = "DURATION")]
    pub(super) duration: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ProbeDisposition {
    pub(super) default: u8,
    pub(super) attached_pic: u8,
    pub(super) timed_thumbnails: u8,
}

#[derive(Deserialize)]
pub(super) struct ProbeSideData {
    side_data_type: Option<String>,
    pub(super) rotation: Option<f64>,
    dv_profile: Option<u8>,
    dv_bl_signal_compatibility_id: Option<u8>,
}

impl ProbeSideData {
    /// What is needed to decrypt a stream, or one packet of it.
    fn is_of_encryption(&self) -> bool {
        let kind = self.side_data_type.as_deref();
        matches!(
            kind,
            Some("Encryption initialization data" | "Encryption info")
        )
    }

    /// Dolby Vision whose base layer, seen without Dolby's own processing, is green and purple.
    fn is_dolby_vision_only(&self) -> bool {
        self.dv_profile.is_some() && self.dv_bl_signal_compatibility_id == Some(0)
    }
}

impl Probe {
    /// An error if the stream can't be decoded without a key. Its sample entry seldom says so: a
    /// reader of MP4 looks through it, to the codec that was encrypted.
    pub(super) fn check_is_open(&self, stream: &ProbeStream) -> Result<(), VideoError> {
        let own = self
            .packets
            .iter()
            .filter(|packet| packet.stream_index == Some(stream.index));
        let mut side_data = own
            .flat_map(|packet| &packet.side_data_list)
            .chain(&stream.side_data_list);
        let tag = stream.codec_tag_string.as_deref();
        if matches!(tag, Some("encv" | "drmi" | "enca" | "drms"))
            || side_data.any(ProbeSideData::is_of_encryption)
        {
            return Err(VideoError::new(
                ErrorType::ProtectedContent,
                "It is encrypted. Upload a copy without copy protection.",
            ));
        }
        Ok(())
    }
}

impl ProbeStream {
    fn is_cover(&self) -> bool {
        self.disposition.attached_pic == 1 || self.disposition.timed_thumbnails == 1
    }

    /// Whether it is of this type, and no cover.
    pub(super) fn is(&self, codec_type: &str) -> bool {
        self.codec_type.as_deref() == Some(codec_type) && !self.is_cover()
    }

    pub(super) fn is_decodable_audio(&self) -> bool {
        self.is("audio")
            && self
                .sample_rate
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
    pub(super) fn end(&self, container_start: i64) -> Option<u64> {
        // Matroska writes the stream's end into a tag; MP4 and others state its length.
        let tagged = self.tags.duration.as_deref().and_then(clock_micros);
        let stated = || {
            let length = seconds(self.duration.as_deref())?;
            Some(seconds(self.start_time.as_deref()).unwrap_or(0) + length)
        };
        positive(tagged.or_else(stated)? - container_start)
    }

    /// When the stream starts on the container's clock; at its start, where the file does not say.
    pub(super) fn start(&self, container_start: i64) -> u64 {
        let start = seconds(self.start_time.as_deref()).unwrap_or(container_start);
        positive(start - container_start).unwrap_or(0)
    }

    /// How many packets the file's index lists; none where it has no index.
    fn indexed_packets(&self) -> Option<i64> {
        let count = self.nb_frames.as_deref()?.parse().ok()?;
        (count > 0).then_some(count)
    }

    /// Whether the file can be entered at any time, exactly.
    pub(super) fn seeking(&self, container: &ProbeFormat) -> Seeking {
        let format = container.format_name.as_deref().unwrap_or_default();
        let is = |name| format.split(',').any(|part| part == name);
        // MP4 with its index up front or at the end; one that came in fragments has none.
        let indexed_mp4 = is("mp4") && self.indexed_packets().is_some();
        // Matroska that was finished properly knows its length, and then has an index as well.
        let finished_matroska = is("matroska") && container.duration.is_some();
        if indexed_mp4 || finished_matroska {
            Seeking::Exact
        } else if is("mpegts") {
            Seeking::ByPosition
        } else {
            Seeking::Unreliable
        }
    }

    /// The sample rate, where each packet's time is exact to the sample: its clock ticks once for
    /// each sample, and its packets follow each other without a gap.
    pub(super) fn exact_sample_rate(&self) -> Option<u32> {
        let rate: u32 = self.sample_rate.as_deref()?.parse().ok()?;
        let ticks_per_second: u32 = self
            .time_base
            .as_deref()?
            .strip_prefix("1/")?
            .parse()
            .ok()?;
        let packet_samples = match (self.codec_name.as_deref()?, self.profile.as_deref()) {
            ("aac", Some("LC")) => 1024,
            (codec, _) if codec.starts_with("pcm_") => 1,
            _ => return None,
        };
        // What primes the decoder and what fills the last packet is not part of the duration.
        let indexed = self.indexed_packets()?.checked_mul(packet_samples)?;
        let surplus = indexed.checked_sub(self.duration_ts?)?;
        (rate == ticks_per_second && (0..=4 * packet_samples).contains(&surplus)).then_some(rate)
    }

    pub(super) fn video(&self) -> Result<VideoStream, VideoError> {
        let codec = match (self.codec_name.as_deref(), self.codec_tag_string.as_deref()) {
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
        let mut side_data = self.side_data_list.iter();
        if side_data.any(ProbeSideData::is_dolby_vision_only) {
            return Err(VideoError::new(
                ErrorType::UnsupportedCodec,
                "Its picture is in a kind of Dolby Vision that only Dolby's decoders show in its true colours. Export it as HDR10, HLG or without HDR, then upload it again.",
            ));
        }
        let (width, height) = self.display_size()?;
        let hdr = matches!(
            self.color_transfer.as_deref(),
            Some("smpte2084" | "arib-std-b67")
        );
        Ok(VideoStream {
            index: self.index,
            codec: codec.into(),
            width,
            height,
            decoded: self.upright(self.width, self.height),
            frame_rate: self.frame_rate(),
            start_us: 0,
            end_us: 0,
            end_is_exact: false,
            interlaced: self.may_be_interlaced(),
            hdr,
            color_is_stated: if hdr {
                self.is_rgb()
                    || is_stated(self.color_space.as_deref())
                        && is_stated(self.color_primaries.as_deref())
            } else {
                !self.is_rgb() && is_stated(self.color_space.as_deref())
            },
        })
    }

    fn is_rgb(&self) -> bool {
        self.color_space.as_deref() == Some("gbr")
    }

    /// Whether frames may have to be woven. In some codecs each frame says so, and the file nothing.
    fn may_be_interlaced(&self) -> bool {
        let is_silent = !matches!(self.field_order.as_deref(), Some(order) if order != "unknown");
        let codec = self.codec_name.as_deref();
        let frames_tell = matches!(codec, Some("dvvideo" | "h264" | "mpeg2video" | "vc1"));
        // What weaves takes no smaller ones.
        let is_large = self.width.min(self.height) >= 16;
        self.is_interlaced() || is_silent && frames_tell && is_large
    }

    fn is_interlaced(&self) -> bool {
        matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt"))
    }

    fn display_size(&self) -> Result<(u32, u32), VideoError> {
        if self.width == 0 || self.height == 0 {
            return Err(VideoError::new(
                ErrorType::MalformedMedia,
                "Its picture has no size, or one far beyond 8192×4320 pixels.",
            ));
        }
        let aspect = self
            .sample_aspect_ratio
            .as_deref()
            .and_then(|text| text.split_once(':'))
            // ffprobe's numbers fit into 32 bits, so that in 64 no product below overflows.
            .and_then(|(x, y)| Some((x.parse::<u32>().ok()?, y.parse::<u32>().ok()?)))
            .map(|(x, y)| (u64::from(x), u64::from(y)))
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
        Ok(self.upright(width, self.height))
    }

    /// A size after the rotation that the file asks for.
    fn upright(&self, width: u32, height: u32) -> (u32, u32) {
        let quarter_turns = self
            .side_data_list
            .iter()
            .find_map(|side| side.rotation)
            .map_or(0.0, |degrees| (degrees / 90.0).round());
        // An odd number of quarter turns lays the picture on its side.
        if quarter_turns.rem_euclid(2.0) > 0.5 {
            (height, width)
        } else {
            (width, height)
        }
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
                } else if !base.exceeds(FrameRate::MAX) && !self.is_interlaced() {
                    // A camera in the dark or a recorded screen leaves frames out. Those that are
                    // there stay where they are: on the average's grid, motion would stutter.
                    base.publishable()
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

/// The stream that a player would choose of those that are wanted: the default one, else the first.
pub(super) fn pick(
    streams: &[ProbeStream],
    is_wanted: impl Fn(&ProbeStream) -> bool,
) -> Option<&ProbeStream> {
    let candidates = || streams.iter().filter(|stream| is_wanted(stream));
    candidates()
        .find(|stream| stream.disposition.default == 1)
        .or_else(|| candidates().next())
}

/// Whether one of a stream's colours is known.
fn is_stated(color: Option<&str>) -> bool {
    !matches!(color, None | Some("unknown" | "reserved" | "unspecified"))
}

pub(super) fn no_video(streams: &[ProbeStream]) -> VideoError {
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

/// Times beyond this (some 70,000 years) are forged, or the sum of a forged one; without them, no
/// sum or difference of two times overflows.
pub(super) const MAX_MICROS: i64 = i64::MAX / 4;

fn believable(micros: i64) -> Option<i64> {
    (-MAX_MICROS..=MAX_MICROS)
        .contains(&micros)
        .then_some(micros)
}

/// ffprobe's decimal seconds, exactly, in microseconds.
pub(super) fn seconds(text: Option<&str>) -> Option<i64> {
    let text = text?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let value = whole.checked_mul(1_000_000)?.checked_add(micros)?;
    believable(if negative { -value } else { value })
}

/// Matroska's `00:00:05.229000000`, in microseconds.
pub(super) fn clock_micros(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let rest = seconds(parts.next())?;
    hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?
        .checked_mul(1_000_000)?
        .checked_add(rest)
        .and_then(believable)
}

pub(super) fn positive(micros: i64) -> Option<u64> {
    u64::try_from(micros).ok().filter(|&micros| micros > 0)
}
