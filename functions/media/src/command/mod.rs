//! The arguments of ffprobe and ffmpeg. What is run is decided here; running it is IO.
//!
//! One ffmpeg process decodes its part of the source once and feeds every rendition, the sound and
//! the poster, each to its own pipe. The sound's leads to a second, small one, which encodes it. Nothing
//! of the output touches a disk.
//!
//! # Parts that fit
//!
//! A chunk other than the first enters the source a little early and keeps the source's clock
//! (`-copyts`), so that each frame and each sample still has the time that it has in the whole:
//!
//! - The picture is entered at a keyframe before, or at the one that it begins with where that is sure to
//!   give all frames (`entry`): `fps` puts frames onto the same grid from wherever it starts, and `trim` keeps
//!   those whose numbers are the chunk's. Should the source be entered too late, the first numbers
//!   are missing, and the segmenter refuses the stream.
//! - The sound is entered earlier still: some AAC frames are encoded and thrown away, so that the
//!   encoder has the bits and the habits that it would have had. Resampling starts at a source
//!   sample whose time is a whole number of output samples, or the two would be out of phase by a
//!   fraction of a sample.

mod args;
mod audio;
mod entry;
mod probe;
mod video;

use std::ffi::OsString;

pub use self::probe::{
    probe, probe_copy_end, probe_end, probe_frames, probe_packets, trial, trial_entry,
};
use self::{args::Args, audio::AudioSource};
use crate::{
    encoder,
    ladder::Rendition,
    plan::{AudioPlan, COPY_CLOCK_START_S, Entry, Part, Plan},
    source::Container,
};

/// Where ffmpeg reads the source from.
#[derive(Debug, Clone, Copy)]
pub struct SourceUrl<'a> {
    /// A URL that answers range requests; it carries a signature, so it must not be logged.
    pub url: &'a str,
    /// The file of certificate authorities that an `https` server is checked against.
    pub ca_file: Option<&'a str>,
    /// What its first bytes say it is: the one demuxer that may read it.
    pub container: Container,
    /// Whether to read on for streams that begin late and are listed nowhere. Streams are numbered as
    /// they are found, so all programs have to look equally far.
    pub reads_deep: bool,
}

/// What one of ffmpeg's pipes carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Fragmented MP4 of the plan's rendition with this index.
    Video(usize),
    /// The sound, decoded, for the ffmpeg that encodes it.
    Audio,
    /// One JPEG.
    Poster,
    /// One JPEG of many small pictures; nothing where the chunk turns out to have none.
    SpriteSheet,
}

/// In which way a part is encoded: there is more than one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// Where it enters the source.
    pub entry: Entry,
    /// Whether only what viewers can't do without is made, by one thread for each decoder.
    pub is_plain: bool,
}

impl Way {
    /// The way to begin with.
    pub fn first(plan: &Plan) -> Self {
        Self {
            entry: if plan.enters_at_start() {
                Entry::Start
            } else {
                Entry::Planned
            },
            is_plain: false,
        }
    }
}

/// An ffmpeg run: its arguments, and what comes out of which pipe.
#[derive(Debug, Clone)]
pub struct Encode {
    /// Everything after the program's name.
    pub args: Vec<OsString>,
    /// The outputs; the first is on file descriptor [`FIRST_FD`], the next on the one after.
    pub outputs: Vec<Output>,
    /// Where one of the outputs is [`Output::Audio`], the arguments of the ffmpeg that has it for its
    /// standard input: on [`FIRST_FD`] it gives fragmented MP4, one AAC frame in each fragment.
    pub audio_args: Option<Vec<OsString>>,
}

/// The file descriptor of the first output: those below are standard input, output and error.
pub const FIRST_FD: i32 = 3;

/// The decoders that are opened: those of cameras, phones, recorders, editors and discs, and of the
/// older computers that films are still around from. ffmpeg has several hundred more, of games and
/// of formats that nobody uploads, one of which draws SVG; flaws live longest where nobody looks.
const DECODERS: &str = "\
    h264,hevc,av1,libdav1d,libaom-av1,vp9,libvpx-vp9,vp8,libvpx,vvc,vp3,theora,vp6,vp6a,vp6f,vp7,\
    mpeg1video,mpeg2video,mpegvideo,mpeg4,h263,h263i,h263p,h261,flv,msmpeg4v1,msmpeg4v2,msmpeg4,\
    wmv1,wmv2,wmv3,vc1,mss2,prores,prores_raw,dnxhd,cfhd,apv,hap,dxv,hq_hqa,hqx,pixlet,sheervideo,\
    dvvideo,mjpeg,mjpegb,jpeg2000,png,bmp,gif,webp,qtrle,rpza,smc,8bps,svq1,svq3,cinepak,\
    msvideo1,msrle,rawvideo,v210,v308,v408,v410,r210,r10k,yuv4,avrn,avui,ffv1,\
    huffyuv,ffvhuff,utvideo,magicyuv,lagarith,fraps,camstudio,camtasia,tscc2,zmbv,flashsv,flashsv2,\
    dirac,speedhq,aic,cljr,asv1,asv2,\
    aac,aac_fixed,aac_latm,mp3,mp3float,mp2,mp2float,mp1,mp1float,ac3,ac3_fixed,eac3,dca,truehd,mlp,\
    opus,libopus,vorbis,libvorbis,flac,alac,wavpack,tta,speex,nellymoser,dvaudio,\
    wmav1,wmav2,wmapro,wmavoice,wmalossless,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,\
    gsm,gsm_ms,ilbc,g722,g726,g726le,g723_1,\
    s302m,qcelp,evrc,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,adpcm_yamaha,\
    pcm_u8,pcm_s8,pcm_s8_planar,pcm_s16le,pcm_s16be,pcm_s16le_planar,pcm_s16be_planar,pcm_u16le,\
    pcm_u16be,pcm_s24le,pcm_s24be,pcm_s24le_planar,pcm_s32le,pcm_s32be,pcm_s32le_planar,pcm_f32le,\
    pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,pcm_lxf,\
    mov_text,subrip,srt,ass,ssa,webvtt,text,dvdsub,dvbsub,pgssub,xsub,cc_dec,libzvbi_teletextdec";

/// The most memory that a single allocation may take: a frame of 8K with four channels of 16 bits
/// takes half of it.
const MAX_ALLOCATION: u64 = 1 << 29;

/// More streams than this no honest file has: films on disc have some fifty.
const MAX_STREAMS: &str = "256";

/// Frames as the decoder gives them, neither turned nor cropped by what the container says.
const AS_DECODED: &str = "-noautorotate -apply_cropping codec";

/// What part of a further audio track may be damaged. Beyond that, a viewer is better served without it.
const MOST_DAMAGED: f32 = 0.3;

/// How far to read for streams that a container does not list: three minutes, and what a function's
/// memory has room for.
const DEEP: &str = "-analyzeduration 180000000 -probesize 268435456";

/// ffmpeg: one part of a plan in one process; none if the plan has no such part.
pub fn encode(plan: &Plan, part: Part, source: SourceUrl<'_>, way: Way) -> Option<Encode> {
    let span = plan.span(part)?;
    let has_video = !part.is_audio();
    let audio = plan.audio_of(part);
    let sound = audio.map(|audio| AudioSource::new(plan, audio, span));
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -loglevel error -y");
    // A picture that changes its size half-way goes on in the same graph, which scales it.
    args.words("-reinit_filter:v 0");
    if plan.geometry.is_some() {
        args.words(AS_DECODED);
    }
    if way.is_plain {
        args.words("-threads 1");
    }
    if plan.can_do_without(part) {
        args.pair("-max_error_rate", MOST_DAMAGED.to_string());
    }
    let audio_input = entry::inputs(&mut args, plan, part, span, way, sound.as_ref(), source);
    let stills = if way.is_plain {
        video::Stills::NONE
    } else {
        video::Stills::of(plan, part, span)
    };
    if has_video {
        let graphs = [video::frames(plan, span, stills), video::renditions(plan)];
        if way.is_plain && !span.is_first {
            // ffmpeg crashes where a graph gives another no frame at all, as at the end of a source that is
            // cut short. A single graph has none to give. (It may take more memory: see `video`.)
            args.pair("-filter_complex", graphs.join(";"));
        } else {
            for graph in graphs {
                args.pair("-filter_complex", graph);
            }
        }
    }
    let still = plan.audio_still.zip(audio).filter(|_| stills.poster);
    if let Some((still, audio)) = still {
        args.pair("-filter_complex", audio::still(still, audio));
    }
    // A graph of its own: one waits with decoded frames until all of its inputs have begun, so sound
    // that begins late would pile up pictures in memory.
    if let Some((audio, sound)) = audio.zip(sound.as_ref()) {
        args.pair("-filter_complex", sound.decoded(audio, audio_input));
    }
    let mut outputs = Vec::new();
    for (index, rendition) in plan.renditions.iter().enumerate().filter(|_| has_video) {
        video_output(&mut args, plan, index, rendition);
        args.pipe(&mut outputs, Output::Video(index));
    }
    if audio.is_some() {
        args.words(
            "-map [sound] -c:a pcm_f32le -map_metadata -1 -avoid_negative_ts disabled -f nut",
        );
        args.pipe(&mut outputs, Output::Audio);
    }
    if stills.poster {
        args.words("-map [poster] -c:v mjpeg -q:v 3 -frames:v 1 -f image2pipe");
        args.pipe(&mut outputs, Output::Poster);
    }
    if stills.sheet.is_some() {
        args.words("-map [sheet] -c:v mjpeg -q:v 5 -frames:v 1 -f image2pipe");
        args.pipe(&mut outputs, Output::SpriteSheet);
    }
    let by_stated_clock = plan.entries.is_some() || plan.late_start_us.is_some();
    if plan.has_audio_parts() && !by_stated_clock && !plan.reads_copy(part) {
        // All parts have to count from the same time.
        let own = audio.map(|audio| audio.stream);
        let is_own = |stream| own == Some(stream) || has_video && Some(stream) == plan.video_stream;
        for stream in plan.streams().filter(|&stream| !is_own(stream)) {
            args.read_along(plan, stream);
        }
    }
    Some(Encode {
        args: args.0,
        outputs,
        audio_args: audio
            .zip(sound)
            .map(|(audio, sound)| encode_audio(audio, sound)),
    })
}

/// ffmpeg: copies the picture, as it is coded, into a container with an index, to [`FIRST_FD`].
pub fn copy(plan: &Plan, source: SourceUrl<'_>) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -loglevel error -y");
    if let Some(start_us) = plan.late_start_us {
        args.words("-copyts");
        args.pair("-itsoffset", format!("{}us", -start_us));
    }
    // Some containers give a time to some of the frames only.
    args.words("-fflags +genpts");
    args.input(source);
    if let Some(stream) = plan.video_stream {
        args.pair("-map", format!("0:{stream}"));
    }
    args.words("-c copy -map_metadata -1 -map_chapters -1 -fflags +bitexact");
    args.pair("-output_ts_offset", COPY_CLOCK_START_S.to_string());
    args.words("-avoid_negative_ts disabled -f nut");
    args.0.push(format!("pipe:{FIRST_FD}").into());
    for audio in &plan.audio {
        args.read_along(plan, audio.stream);
    }
    args.0
}

/// ffmpeg: writes these streams of subtitles as WebVTT, the first to [`FIRST_FD`], by the clock that begins
/// with the video. This reads all of the source.
///
/// Letters stay as they are, in whatever encoding, and nothing of one stream fails another: what it is worth, its
/// reader decides.
pub fn texts(source: SourceUrl<'_>, streams: &[u32], clock_start_us: i64) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -loglevel error -y -copyts");
    args.pair("-itsoffset", format!("{}us", -clock_start_us));
    args.words("-sub_charenc_mode ignore -max_error_rate 1");
    args.input(source);
    for (fd, stream) in (FIRST_FD..).zip(streams) {
        args.pair("-map", format!("0:{stream}"));
        args.words(
            "-c:s webvtt -map_metadata -1 -map_chapters -1 -avoid_negative_ts disabled -f webvtt",
        );
        args.0.push(format!("pipe:{fd}").into());
    }
    args.0
}

fn encode_audio(audio: &AudioPlan, sound: AudioSource) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -loglevel error -y");
    args.words("-protocol_whitelist pipe -format_whitelist nut -codec_whitelist pcm_f32le");
    args.words("-copyts -f nut -i pipe:0");
    args.pair("-filter_complex", sound.encoded(audio));
    args.words("-map [audio] -c:a aac");
    args.pair("-b:a", audio.bitrate_bps.to_string());
    // One packet in each fragment: the segmenter sees every packet's time and size, and packs
    // them anew into segments that end where the video's do.
    args.fragmented_mp4("frag_every_frame");
    args.0.push(format!("pipe:{FIRST_FD}").into());
    args.0
}

fn video_output(args: &mut Args, plan: &Plan, index: usize, rendition: &Rendition) {
    let grid = plan.grid;
    args.pair("-map", format!("[v{index}]"));
    let has_captions = plan.closed_captions.is_some();
    for (name, value) in encoder::arguments(plan.preset, rendition, grid, has_captions) {
        args.pair(name, value);
    }
    // Frames keep the times that the filters gave them, in ticks of the grid.
    args.words("-fps_mode passthrough");
    args.pair("-enc_time_base", format!("1:{}", grid.timescale()));
    args.pair("-video_track_timescale", grid.timescale().to_string());
    args.words("-color_range tv");
    args.fragmented_mp4("frag_keyframe");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::tests::SETTINGS, source::SourceInfo};

    pub(super) const WHOLE: Part = Part::Chunk(0);

    pub(super) fn plan(change: impl FnOnce(&mut SourceInfo)) -> Plan {
        let mut source = crate::plan::tests::source(20_000, (30000, 1001));
        (source.video.width, source.video.height) = (1280, 720);
        source.video.color_is_stated = true;
        change(&mut source);
        Plan::new(&source, SETTINGS)
    }

    const HTTPS: SourceUrl<'_> = SourceUrl {
        url: "https://bucket/key?signature",
        ca_file: Some("/ca.crt"),
        container: Container::Mp4,
        reads_deep: false,
    };

    fn lines(args: &[OsString]) -> String {
        let mut text = String::new();
        for arg in args {
            let arg = arg.to_str().unwrap();
            let is_option =
                arg.starts_with('-') && arg.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic);
            text.push(if is_option || arg.starts_with("pipe:") {
                '\n'
            } else {
                ' '
            });
            text.push_str(arg);
        }
        text.replace(';', ";\n  ")
    }

    #[test]
    fn one_decode_feeds_every_output() {
        let encode = encode(&plan(|_| ()), WHOLE, HTTPS, Way::default()).unwrap();
        assert_eq!(encode.outputs.len(), 7);
        let [.., Output::Audio, Output::Poster, Output::SpriteSheet] = encode.outputs[..] else {
            panic!("{:?}", encode.outputs);
        };
        let sound = lines(&encode.audio_args.unwrap());
        insta::assert_snapshot!(format!("{}\n\n{sound}", lines(&encode.args)));
    }

    #[test]
    fn a_silent_interlaced_hdr_source_has_its_own_graph() {
        let encode = encode(
            &plan(|source| {
                source.audio.clear();
                source.video.interlaced = true;
                source.video.hdr = true;
                source.video.color_is_stated = false;
            }),
            WHOLE,
            HTTPS,
            Way::default(),
        )
        .unwrap();
        assert!(!encode.outputs.contains(&Output::Audio));
        let graph = lines(&encode.args);
        assert!(graph.contains("setparams=colorspace=bt2020nc:color_primaries=bt2020,scale="));
        assert!(
            graph.contains("bwdif") && graph.contains("tonemap") && !graph.contains("aresample")
        );
    }

    #[test]
    fn a_later_chunk_enters_the_source_early_and_keeps_its_clock() {
        let mut plan = plan(|_| ());
        plan.chunk_starts = vec![0, 1, 3];
        let encode = |part| encode(&plan, part, HTTPS, Way::default()).unwrap();
        assert!(encode(WHOLE).outputs.contains(&Output::Poster));
        let chunk = encode(Part::Chunk(1));
        assert!(!chunk.outputs.contains(&Output::Poster));
        let text = lines(&chunk.args) + &lines(chunk.audio_args.as_deref().unwrap());
        let text: Vec<_> = text
            .lines()
            .filter(|line| {
                ["-copyts", "-ss", "fps", "aresample"]
                    .iter()
                    .any(|part| line.contains(part))
            })
            .collect();
        insta::assert_snapshot!(text.join("\n"));
        let last = lines(&encode(Part::Chunk(2)).args);
        assert!(
            last.contains(&format!("end_pts={}", plan.max_frames())),
            "{last}"
        );
    }

    #[test]
    fn a_later_chunk_that_crashed_is_tried_without_a_graph_behind_another() {
        let mut plan = plan(|_| ());
        plan.chunk_starts = vec![0, 1];
        let graphs = |part, is_plain| {
            let way = Way {
                is_plain,
                ..Way::default()
            };
            let args = lines(&encode(&plan, part, HTTPS, way).unwrap().args);
            args.matches("-filter_complex").count()
        };
        // Of the picture, and of the sound.
        assert_eq!(graphs(Part::Chunk(0), true), 2 + 1);
        assert_eq!(graphs(Part::Chunk(1), false), 2 + 1);
        assert_eq!(graphs(Part::Chunk(1), true), 1 + 1);
    }

    #[test]
    fn the_probe_opens_media_only() {
        insta::assert_snapshot!(lines(&probe(SourceUrl {
            url: "http://127.0.0.1/x",
            ca_file: None,
            container: Container::MpegTs,
            reads_deep: false,
        })));
    }
}
