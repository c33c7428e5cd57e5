//! ffprobe's JSON: its shapes, and what each part of it means.

use reelrun_captions::chapters::ProbedChapter;
use serde::Deserialize;

use super::{
    Container, Crop, Geometry, Head, MAX_PIXELS, NotUsed, NotUsedReason, Orientation, Seeking,
    StreamKind, VideoStream,
    clock::{clock_micros, positive, seconds},
    color::{ColorNames, Colors, stated},
    side_data::ProbeSideData,
    streams::Chosen,
    trial::{AudioFrame, VideoFrame},
};
use crate::{
    error::{ErrorType, VideoError},
    timeline::FrameRate,
};

/// What a file says of itself.
#[derive(Debug, Deserialize)]
pub struct Probe {
    #[serde(default)]
    pub(super) streams: Vec<ProbeStream>,
    #[serde(default)]
    pub(super) format: ProbeFormat,
    #[serde(default)]
    pub(super) chapters: Vec<ProbedChapter>,
    /// The first few of the file.
    #[serde(default)]
    packets: Vec<ProbePacket>,
    /// Decoded ones, where they were asked for.
    #[serde(default)]
    frames: Vec<ProbeFrame>,
    /// Whether it was read on for streams that begin late.
    #[serde(skip)]
    pub(super) is_deep: bool,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct ProbeFrame {
    side_data_list: Vec<ProbeSideData>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct ProbePacket {
    stream_index: Option<u32>,
    flags: String,
    side_data_list: Vec<ProbeSideData>,
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct ProbeFormat {
    pub(super) duration: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) size: Option<String>,
    pub(super) format_name: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
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
    pub(super) color_range: Option<String>,
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

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct ProbeTags {
    pub(super) language: Option<String>,
    pub(super) title: Option<String>,
    #[serde(rename = "DURATION")]
    pub(super) duration: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct ProbeDisposition {
    pub(super) default: u8,
    pub(super) forced: u8,
    pub(super) dub: u8,
    pub(super) comment: u8,
    pub(super) hearing_impaired: u8,
    pub(super) visual_impaired: u8,
    pub(super) descriptions: u8,
    pub(super) captions: u8,
    pub(super) attached_pic: u8,
    pub(super) timed_thumbnails: u8,
}

impl Probe {
    /// Reads ffprobe's JSON.
    pub fn parse(json: &str, is_deep: bool) -> Result<Self, VideoError> {
        let mut probe: Self = serde_json::from_str(json).map_err(|why| {
            VideoError::new(
                ErrorType::MalformedMedia,
                format!("Its structure could not be read ({why})."),
            )
        })?;
        probe.container()?;
        probe.is_deep = is_deep;
        Ok(probe)
    }

    /// What it is in.
    pub(super) fn container(&self) -> Result<Container, VideoError> {
        let name = self.format.format_name.as_deref().unwrap_or_default();
        Container::named(name).ok_or_else(|| {
            VideoError::new(
                ErrorType::NotAVideo,
                format!("Its content is in a format that Reelrun does not read ({name})."),
            )
        })
    }

    /// How large the file is.
    pub fn size_bytes(&self) -> u64 {
        let size = self.format.size.as_deref();
        size.and_then(|size| size.parse().ok()).unwrap_or(0)
    }

    /// Whether it may hold more than was found: these containers list no streams, so one that begins
    /// late shows only to who reads on.
    pub fn may_hold_more(&self) -> bool {
        let lists_none = matches!(self.container(), Ok(Container::Flv | Container::Mpeg));
        lists_none
            && !["video", "audio"]
                .iter()
                .all(|kind| self.streams.iter().any(|s| s.is(kind)))
    }

    /// The first matrix among the frames.
    pub(super) fn first_matrix(&self) -> Option<[i64; 4]> {
        let mut side_data = self.frames.iter().flat_map(|frame| &frame.side_data_list);
        side_data.find_map(ProbeSideData::matrix)
    }

    pub(super) fn stream(&self, index: u32) -> Option<&ProbeStream> {
        self.streams.iter().find(|stream| stream.index == index)
    }

    /// Whether the file calls every picture a keyframe, as far as it was read.
    pub(super) fn calls_all_keyframes(&self, stream: u32) -> bool {
        let own = || {
            self.packets
                .iter()
                .filter(|packet| packet.stream_index == Some(stream))
        };
        own().count() > 1 && own().all(|packet| packet.flags.starts_with('K'))
    }

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
    pub(super) fn is_cover(&self) -> bool {
        self.disposition.attached_pic == 1 || self.disposition.timed_thumbnails == 1
    }

    /// Whether it is of this type, and no cover.
    pub(super) fn is(&self, codec_type: &str) -> bool {
        self.codec_type.as_deref() == Some(codec_type) && !self.is_cover()
    }

    /// Whether its codec is known at all. Whether it decodes, only a decoder can tell.
    pub(super) fn has_codec(&self) -> bool {
        self.codec_name
            .as_deref()
            .is_some_and(|name| name != "unknown" && name != "none")
    }

    /// How the container wants it turned.
    pub(super) fn matrix(&self) -> Option<[i64; 4]> {
        self.side_data_list.iter().find_map(ProbeSideData::matrix)
    }

    /// What the container cuts off.
    pub(super) fn crop(&self) -> Crop {
        let mut crops = self.side_data_list.iter().filter_map(ProbeSideData::crop);
        crops.next().unwrap_or_default()
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

    /// The same; of a stream whose beginning the file does not state, when its first frame came.
    pub(super) fn start_or(&self, first_frame: Option<i64>, container_start: i64) -> u64 {
        let seen = first_frame.filter(|_| self.start_time.is_none());
        let seen = seen.and_then(|at| positive(at.saturating_sub(container_start)));
        seen.unwrap_or_else(|| self.start(container_start))
    }

    /// How many packets the file's index lists; none where it has no index.
    pub(super) fn indexed_packets(&self) -> Option<i64> {
        let count = self.nb_frames.as_deref()?.parse().ok()?;
        (count > 0).then_some(count)
    }

    /// How the file can be entered, by what it says.
    pub(super) fn seeking(
        &self,
        container: Container,
        format: &ProbeFormat,
        head: Head,
    ) -> Seeking {
        match container {
            // With its index up front or at the end; one that came in fragments has none.
            Container::Mp4 | Container::Avi if self.indexed_packets().is_some() => Seeking::Exact,
            // One that was finished properly knows its length, and names its index at its beginning.
            // Without one, a reader reads all that is before the time that it looks for.
            Container::Matroska if format.duration.is_some() && head.has_index => Seeking::Exact,
            Container::MpegTs => Seeking::ByPosition,
            _ => Seeking::Unreliable,
        }
    }

    /// That nobody here knows its codec.
    pub(super) fn unknown_codec(&self) -> VideoError {
        VideoError::new(
            ErrorType::UnsupportedCodec,
            format!(
                "Its picture is in a codec that can't be decoded ({}). Upload it as H.264, HEVC, VP9 or AV1.",
                self.codec_tag_string.as_deref().unwrap_or("unknown")
            ),
        )
    }

    /// What is encoded of it.
    pub(super) fn video(&self, chosen: &Chosen) -> Result<VideoStream, VideoError> {
        let codec = self.codec_name.as_deref().filter(|_| self.has_codec());
        let codec = codec.ok_or_else(|| self.unknown_codec())?;
        let mut side_data = self.side_data_list.iter();
        if side_data.any(ProbeSideData::is_dolby_vision_only) {
            return Err(VideoError::new(
                ErrorType::UnsupportedCodec,
                "Its picture is in a kind of Dolby Vision that only Dolby's decoders show in its true colours. Export it as HDR10, HLG or without HDR, then upload it again.",
            ));
        }
        let geometry = self.geometry(chosen);
        check_size(geometry)?;
        let (width, height) = geometry.displayed();
        let colors = self.colors(&chosen.picture);
        Ok(VideoStream {
            index: self.index,
            codec: codec.into(),
            width,
            height,
            geometry,
            frame_rate: self.frame_rate(),
            start_us: 0,
            end_us: 0,
            end_is_exact: false,
            interlaced: self.may_be_interlaced(geometry.decoded),
            is_still: chosen.is_still,
            has_captions: chosen.has_captions,
            hdr: colors.is_hdr(),
            color_is_stated: colors.are_stated(),
            odd_matrix: colors.odd_matrix(),
            color: ColorNames::new(
                [
                    &self.color_space,
                    &self.color_primaries,
                    &self.color_transfer,
                    &self.color_range,
                ]
                .map(Option::as_deref),
            ),
        })
    }

    /// A decoder knows best; where it says nothing, the container may.
    fn geometry(&self, chosen: &Chosen) -> Geometry {
        let picture = &chosen.picture;
        let matrix = self.matrix().or(chosen.matrix);
        Geometry {
            decoded: (picture.width, picture.height),
            pixel_aspect: picture.pixel_aspect,
            aspect_is_stated: self.pixel_aspect().is_some_and(|(x, _)| x > 0),
            crop: self.crop(),
            orientation: matrix.map(Orientation::of_matrix).unwrap_or_default(),
        }
        .believable()
    }

    fn colors<'a>(&'a self, picture: &'a VideoFrame) -> Colors<'a> {
        let of = |decoded: &'a Option<String>, stated_: &'a Option<String>| {
            decoded.as_deref().or(stated(stated_.as_deref()))
        };
        Colors {
            matrix: of(&picture.matrix, &self.color_space),
            primaries: of(&picture.primaries, &self.color_primaries),
            transfer: of(&picture.transfer, &self.color_transfer),
        }
    }

    /// The shape of its pixels, by its header.
    fn pixel_aspect(&self) -> Option<(u32, u32)> {
        let (x, y) = self.sample_aspect_ratio.as_deref()?.split_once(':')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    }

    /// What the header says of its frames.
    pub(super) fn picture(&self) -> VideoFrame {
        VideoFrame {
            width: self.width,
            height: self.height,
            pixel_aspect: self.pixel_aspect().unwrap_or((1, 1)),
            ..VideoFrame::default()
        }
    }

    /// What the header says of its samples.
    pub(super) fn sound(&self) -> AudioFrame {
        AudioFrame {
            at_us: None,
            channels: self.channels,
            layout: String::new(),
        }
    }

    pub(super) fn not_used(&self, reason: NotUsedReason) -> NotUsed {
        NotUsed {
            kind: if self.is("audio") {
                StreamKind::Audio
            } else {
                StreamKind::Video
            },
            codec: self.codec_name.clone().unwrap_or_else(|| "unknown".into()),
            reason,
        }
    }

    /// Whether frames may have to be woven. In some codecs each frame says so, and the file nothing.
    fn may_be_interlaced(&self, (width, height): (u32, u32)) -> bool {
        let is_silent = !matches!(self.field_order.as_deref(), Some(order) if order != "unknown");
        let codec = self.codec_name.as_deref();
        let frames_tell = matches!(codec, Some("dvvideo" | "h264" | "mpeg2video" | "vc1"));
        // What weaves takes no smaller ones.
        let is_large = width.min(height) >= 16;
        self.is_interlaced() || is_silent && frames_tell && is_large
    }

    fn is_interlaced(&self) -> bool {
        matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt"))
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

/// Whether it is a size that is decoded here.
fn check_size(geometry: Geometry) -> Result<(), VideoError> {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    if pixels(geometry.decoded) == 0 {
        return Err(VideoError::new(
            ErrorType::MalformedMedia,
            "Its picture has no size, or one far beyond 8192×4320 pixels.",
        ));
    }
    let (width, height) = geometry.displayed();
    if pixels(geometry.decoded) > MAX_PIXELS || pixels((width, height)) > MAX_PIXELS {
        return Err(VideoError::new(
            ErrorType::TooLarge,
            format!("Its picture has {width}×{height} pixels; at most 8192×4320 are accepted."),
        ));
    }
    Ok(())
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
