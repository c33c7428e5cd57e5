//! The arguments by which it is found out what a source is: asking, decoding a little, and reading all
//! of it.

use std::ffi::OsString;

use super::{AS_DECODED, Args, SourceUrl};
use crate::{
    plan::{COPY_CLOCK_START_US, COPY_STREAM},
    source::{PICTURES, SOUNDS, SourceInfo, Stream},
};

/// ffprobe: everything that [`crate::source::Probe`] reads, as JSON on standard output.
pub fn probe(source: SourceUrl<'_>) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -v error -print_format json");
    args.pair(
        "-show_entries",
        "format=duration,start_time,size,format_name:stream=index,codec_name,profile,codec_type,codec_tag_string,width,height,\
         sample_aspect_ratio,field_order,color_space,color_transfer,color_primaries,color_range,r_frame_rate,avg_frame_rate,time_base,start_time,duration,duration_ts,nb_frames,sample_rate,channels:\
         stream_tags=language,title,DURATION:stream_disposition=default,dub,comment,forced,hearing_impaired,visual_impaired,descriptions,captions,attached_pic,timed_thumbnails:stream_side_data=side_data_type,displaymatrix,crop_top,crop_bottom,crop_left,crop_right,dv_profile,dv_bl_signal_compatibility_id:\
         packet=stream_index,flags:packet_side_data=side_data_type:chapter=time_base,start,end:chapter_tags=title",
    );
    // Only packets tell that they are encrypted; the first few of each stream are enough.
    args.pair("-read_intervals", "%+#16");
    args.input(source);
    args.0
}

/// ffprobe: the side data of the first frames of a video stream, among them how each is to be turned.
pub fn probe_frames(source: SourceUrl<'_>, stream: u32) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -v error -print_format json");
    args.pair("-select_streams", stream.to_string());
    args.pair(
        "-show_entries",
        "format=format_name:frame=media_type:frame_side_data=side_data_type,displaymatrix",
    );
    args.pair("-read_intervals", "%+#300");
    args.input(source);
    args.0
}

/// ffmpeg: decodes the first frames of a stream and tells of them on standard error, as
/// [`crate::source::Trial`] reads it. A brief one looks at the beginning only.
pub fn trial(source: SourceUrl<'_>, stream: Stream, is_brief: bool) -> Vec<OsString> {
    let mut args = Args::default();
    args.words(TRIAL);
    if is_brief {
        args.words("-t 20");
    }
    args.words(AS_DECODED);
    args.input(source);
    match stream {
        Stream::Video(index) => args.show_pictures(index, index, 3),
        Stream::Audio(index) => {
            args.pair("-filter_complex", format!("[0:{index}]{SOUNDS}{index}[a]"));
            args.words("-map [a] -frames:a 1 -f null -");
        }
    }
    args.0
}

/// ffmpeg: enters the source at a time of its clock, as a chunk would, and tells of the first frame in
/// the same way, as of a stream with this number.
pub fn trial_entry(source: SourceUrl<'_>, stream: u32, number: u32, at_us: u64) -> Vec<OsString> {
    let mut args = Args::default();
    args.words(TRIAL);
    args.enter(source, at_us);
    args.words(AS_DECODED);
    args.input(source);
    args.show_pictures(stream, number, 1);
    args.0
}

/// What is common to short decodes. Frames keep the container's clock.
const TRIAL: &str = "-hide_banner -nostdin -nostats -loglevel info -y -max_error_rate 1 -copyts";

impl Args {
    /// Tells of the first frames of a stream, as of one with this number. (What an encoder wrote of itself
    /// into the bitstream can be long, and is of no interest.)
    fn show_pictures(&mut self, stream: u32, number: u32, frames: u32) {
        self.pair(
            "-filter_complex",
            format!(
                "[0:{stream}]sidedata=mode=delete:type=SEI_UNREGISTERED,{PICTURES}{number}=checksum=0[v]"
            ),
        );
        self.words("-map [v] -f null");
        self.pair("-frames:v", frames.to_string());
        self.words("-");
    }
}

/// ffprobe: time, duration, size, place and kind of every packet of one stream, one line each, as
/// [`crate::source::Packets`] reads them. This reads the whole source.
pub fn probe_packets(source: SourceUrl<'_>, stream: u32) -> Vec<OsString> {
    packets(source, stream, None)
}

/// The same, of the ten seconds that follow a time of the container's clock.
pub fn probe_end(source: SourceUrl<'_>, stream: u32, from_us: i64) -> Vec<OsString> {
    packets(source, stream, Some(format!("{from_us}us%+10")))
}

/// The same, of all that follows in a copy, wherever the source was said to end.
pub fn probe_copy_end(copy: SourceUrl<'_>, source: &SourceInfo) -> Vec<OsString> {
    let from_us = COPY_CLOCK_START_US.saturating_add_unsigned(source.video.end_us);
    packets(
        copy,
        COPY_STREAM,
        Some(format!("{}us%", from_us - BEFORE_END_US)),
    )
}

/// How long before the expected end of a copy its last packets are looked for.
const BEFORE_END_US: i64 = 2_000_000;

fn packets(source: SourceUrl<'_>, stream: u32, interval: Option<String>) -> Vec<OsString> {
    let mut args = Args::default();
    args.pair("-select_streams", stream.to_string());
    if let Some(interval) = interval {
        args.pair("-read_intervals", interval);
    }
    args.words(
        "-hide_banner -v error -show_entries packet=pts_time,duration_time,size,pos,flags -print_format csv=p=0",
    );
    args.input(source);
    args.0
}
