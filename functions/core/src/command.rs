//! The arguments of ffprobe and ffmpeg. What is run is decided here; running it is IO.
//!
//! One ffmpeg process decodes its part of the source once and feeds every rendition, the sound and
//! the poster, each to its own pipe. Nothing of the output touches a disk.
//!
//! # Parts that fit
//!
//! A chunk other than the first enters the source a little early and keeps the source's clock
//! (`-copyts`), so that each frame and each sample still has the time that it has in the whole:
//!
//! - The picture: `fps` puts frames onto the same grid from wherever it starts, and `trim` keeps
//!   those whose numbers are the chunk's. Should the source be entered too late, the first numbers
//!   are missing, and the segmenter refuses the stream.
//! - The sound is entered earlier still: [`PREROLL_FRAMES`] AAC frames are encoded and thrown away,
//!   so that the encoder has the bits and the habits that it would have had. Resampling starts at
//!   a source sample whose time is a whole number of output samples, or the two would be out of
//!   phase by a fraction of a sample.

use std::{ffi::OsString, fmt::Write as _};

use crate::{
    encoder,
    ladder::Rendition,
    plan::{AssumedColor, AudioPlan, Part, Plan, Span},
    source::MAX_PIXELS,
    timeline::FrameRate,
};

/// Where ffmpeg reads the source from.
#[derive(Debug, Clone, Copy)]
pub struct SourceUrl<'a> {
    /// A URL that answers range requests; it carries a signature, so it must not be logged.
    pub url: &'a str,
    /// The file of certificate authorities that an `https` server is checked against.
    pub ca_file: Option<&'a str>,
}

/// What one of ffmpeg's pipes carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Fragmented MP4 of the plan's rendition with this index.
    Video(usize),
    /// Fragmented MP4 of the sound, one AAC frame in each fragment.
    Audio,
    /// One JPEG.
    Poster,
}

/// An ffmpeg run: its arguments, and what comes out of which pipe.
#[derive(Debug, Clone)]
pub struct Encode {
    /// Everything after the program's name.
    pub args: Vec<OsString>,
    /// The outputs; the first is on file descriptor [`FIRST_FD`], the next on the one after.
    pub outputs: Vec<Output>,
}

/// The file descriptor of the first output: those below are standard input, output and error.
pub const FIRST_FD: i32 = 3;

/// The containers that are opened. Playlist and picture formats are left out on purpose: they name
/// other files, and a server that follows them reads its own secrets for an attacker.
const DEMUXERS: &str =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpegts,mpeg,mpegvideo,m4v,ogg";

/// Frames of audio that one AAC packet holds.
pub const AAC_FRAME_SAMPLES: u32 = 1024;

/// How many AAC frames a chunk encodes before its own. Two hide the joint; the encoder's rate
/// control takes about a hundred to settle.
const PREROLL_FRAMES: u64 = 100;

/// How many it encodes after its own: the encoder looks ahead before it chooses its windows.
const POSTROLL_FRAMES: u64 = 2;

/// How long before the first frame or sample that it needs a chunk enters the source: a frame that
/// is still shown may have begun earlier, and a decoder of sound needs some packets to tune in.
const ENTER_EARLY_US: u64 = 500_000;

/// ffprobe: everything that [`crate::source::SourceInfo::parse`] reads, as JSON on standard output.
pub fn probe(source: SourceUrl<'_>) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -v error -print_format json");
    args.pair(
        "-show_entries",
        "format=duration,start_time,size,format_name:stream=index,codec_name,profile,codec_type,codec_tag_string,width,height,\
         sample_aspect_ratio,field_order,color_space,color_transfer,r_frame_rate,avg_frame_rate,time_base,start_time,duration,duration_ts,nb_frames,sample_rate:\
         stream_tags=language,DURATION:stream_disposition=default,attached_pic,timed_thumbnails:stream_side_data=rotation",
    );
    args.input(source);
    args.0
}

/// ffprobe: time, duration, place and kind of every packet of one stream, one line each, as
/// [`crate::source::Packets`] reads them. This reads the whole source.
pub fn probe_packets(source: SourceUrl<'_>, stream: u32) -> Vec<OsString> {
    let mut args = Args::default();
    args.pair("-select_streams", stream.to_string());
    args.words(
        "-hide_banner -v error -show_entries packet=pts_time,duration_time,pos,flags -print_format csv=p=0",
    );
    args.input(source);
    args.0
}

/// ffmpeg: one part of a plan in one process; none if the plan has no such part.
pub fn encode(plan: &Plan, part: Part, source: SourceUrl<'_>) -> Option<Encode> {
    let span = plan.span(part)?;
    let has_video = part != Part::Sound;
    let audio = plan.audio.as_ref().filter(|_| plan.has_sound(part));
    let sound = audio.map(|audio| Sound::new(plan, audio, span));
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -loglevel error -y");
    // A picture that changes its size half-way goes on in the same graph, which scales it.
    args.words("-reinit_filter:v 0");
    if let Some(entries) = &plan.entries {
        // The clock is the container's, whichever of its streams are read.
        args.words("-copyts");
        args.pair("-itsoffset", format!("{}us", -entries.clock_start_us));
        if let Some(position) = entries.position(part).filter(|_| !span.is_first) {
            args.pair("-skip_initial_bytes", position.to_string());
        }
    } else if !span.is_first {
        let enter_us = match &sound {
            Some(Sound::FromSource { enter_us, .. }) => *enter_us,
            _ => u64::MAX,
        };
        let enter_us = micros_at(plan, span.first_frame).min(enter_us);
        args.words("-copyts -start_at_zero -noaccurate_seek");
        args.pair(
            "-ss",
            format!("{}us", enter_us.saturating_sub(ENTER_EARLY_US)),
        );
    }
    args.input(source);
    // Two graphs: one waits with decoded frames until all of its inputs have begun, so in a single
    // one sound that begins late would pile up pictures in memory.
    let has_poster = plan.has_poster(part);
    if has_video {
        args.pair("-filter_complex", video_graph(plan, span, has_poster));
    }
    if let Some((audio, sound)) = audio.zip(sound.as_ref()) {
        args.pair("-filter_complex", audio_graph(audio, sound));
    }
    let mut outputs = Vec::new();
    for (index, rendition) in plan.renditions.iter().enumerate().filter(|_| has_video) {
        video_output(&mut args, plan, index, rendition);
        args.pipe(&mut outputs, Output::Video(index));
    }
    if let Some(audio) = audio {
        args.pair("-map", "[audio]");
        args.words("-c:a aac");
        args.pair("-b:a", audio.bitrate_bps.to_string());
        // One packet in each fragment: the segmenter sees every packet's time and size, and packs
        // them anew into segments that end where the video's do.
        args.fragmented_mp4("frag_every_frame");
        args.pipe(&mut outputs, Output::Audio);
    }
    if has_poster {
        args.words("-map [poster] -c:v mjpeg -q:v 3 -frames:v 1 -f image2pipe");
        args.pipe(&mut outputs, Output::Poster);
    }
    Some(Encode {
        args: args.0,
        outputs,
    })
}

/// When a frame is shown, in microseconds.
fn micros_at(plan: &Plan, frame: u64) -> u64 {
    let rate = plan.grid.frame_rate;
    let micros = u128::from(frame) * 1_000_000 * u128::from(rate.den()) / u128::from(rate.num());
    u64::try_from(micros).unwrap_or(u64::MAX)
}

fn video_output(args: &mut Args, plan: &Plan, index: usize, rendition: &Rendition) {
    let grid = plan.grid;
    args.pair("-map", format!("[v{index}]"));
    for (name, value) in encoder::arguments(plan.preset, rendition, grid) {
        args.pair(name, value);
    }
    // Frames keep the times that the filters gave them, in ticks of the grid.
    args.words("-fps_mode passthrough");
    args.pair("-enc_time_base", format!("1:{}", grid.timescale()));
    args.pair("-video_track_timescale", grid.timescale().to_string());
    args.words("-color_range tv");
    args.fragmented_mp4("frag_keyframe");
}

/// One decoded picture, then a branch for each rendition and the poster.
fn video_graph(plan: &Plan, span: Span, has_poster: bool) -> String {
    let mut graph = format!("[0:{}]", plan.video_stream);
    if plan.deinterlace {
        graph.push_str("bwdif=mode=send_frame:deint=interlaced,");
    }
    // A constant rate. Sources whose rate is constant already pass frame by frame. The video begins
    // at time 0, whenever its first frame comes; later chunks begin with a frame of the source.
    let rate: FrameRate = plan.grid.frame_rate;
    let _ = write!(graph, "fps={rate}");
    graph.push_str(if span.is_first { ":start_time=0," } else { "," });
    if plan.hold_last_frame_us > 0 && span.is_last {
        let _ = write!(
            graph,
            "tpad=stop_mode=clone:stop_duration={}us,",
            plan.hold_last_frame_us
        );
    }
    let end_frame = if span.is_last {
        plan.max_frames()
    } else {
        span.end_frame
    };
    // `fps` counts time in frames, so a frame's time is its number.
    let _ = if span.is_first {
        write!(graph, "trim=end_frame={end_frame},")
    } else {
        write!(
            graph,
            "trim=start_pts={}:end_pts={end_frame},",
            span.first_frame
        )
    };
    if let Some(largest) = plan.renditions.first().filter(|_| plan.tone_map) {
        // In floating point, so at the largest size that is needed and not at the source's.
        let _ = write!(
            graph,
            "scale={}:{}:flags=bicubic,zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,\
             zscale=t=bt709:m=bt709:r=tv,format=yuv420p,",
            largest.width, largest.height
        );
    }
    if let Some(color) = plan.assumed_color.map(AssumedColor::name) {
        let _ = write!(
            graph,
            "setparams=colorspace={color}:color_primaries={color}:color_trc={color},"
        );
    }
    let branches = plan.renditions.len() + usize::from(has_poster);
    let _ = write!(graph, "split={branches}");
    for index in 0..plan.renditions.len() {
        let _ = write!(graph, "[s{index}]");
    }
    graph.push_str(if has_poster { "[p]" } else { "" });
    for (index, rendition) in plan.renditions.iter().enumerate() {
        // The pixel format and range are pinned in each branch: left open, the poster's full-range
        // JPEG pulls its neighbours to full range as well.
        let _ = write!(
            graph,
            ";[s{index}]scale={}:{}:flags=bicubic:out_range=limited,setsar=1,\
             format=pix_fmts=yuv420p:color_ranges=tv[v{index}]",
            rendition.width, rendition.height
        );
    }
    if has_poster {
        poster_branch(&mut graph, plan);
    }
    graph
}

/// Where a part's sound comes from, in output samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
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
    fn new(plan: &Plan, audio: &AudioPlan, span: Span) -> Self {
        let frame_samples = u64::from(AAC_FRAME_SAMPLES);
        let rate = u64::from(audio.sample_rate);
        let aac_frame = |frame: u64| {
            plan.grid.audio_frame_at(
                frame * u64::from(plan.grid.frame_ticks()),
                audio.sample_rate,
                AAC_FRAME_SAMPLES,
            )
        };
        // The last part goes on for as long as its picture may.
        let end_frame = if span.is_last {
            plan.max_frames()
        } else {
            span.end_frame
        };
        let first = aac_frame(span.first_frame);
        let end = (aac_frame(end_frame) + POSTROLL_FRAMES) * frame_samples;
        let Some(source_rate) = audio.exact_sample_rate.filter(|_| !span.is_first) else {
            return Self::FromStart { end };
        };
        // In lowest terms: `step` output samples are `source_step` of the source's.
        let divisor = gcd(rate, source_rate.into());
        let (step, source_step) = (rate / divisor, u64::from(source_rate) / divisor);
        let aligned = frame_samples / gcd(frame_samples, step) * step;
        let start = first.saturating_sub(PREROLL_FRAMES) * frame_samples / aligned * aligned;
        let micros = |samples: u64| samples * 1_000_000 / rate;
        let is_over = |end_us: u64| micros(first * frame_samples) >= end_us;
        if micros(end) <= audio.start_us || audio.end_us.is_some_and(is_over) {
            return Self::Silence { start, end };
        }
        Self::FromSource {
            source_sample: start / step * source_step,
            enter_us: micros(start),
            start,
            end,
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The sound. Gaps are filled and the start is padded, so that sample n is heard at time n; then
/// silence, so that it never ends before the picture. The segmenter cuts the surplus.
fn audio_graph(audio: &AudioPlan, sound: &Sound) -> String {
    let rate = audio.sample_rate;
    let stereo = "aformat=sample_fmts=fltp:channel_layouts=stereo";
    let resampled = format!("aresample={rate}:async=1:first_pts=0,{stereo},apad");
    let stream = audio.stream;
    match *sound {
        Sound::FromStart { end } => {
            format!("[0:{stream}]{resampled},atrim=end_sample={end}[audio]")
        }
        Sound::FromSource {
            source_sample,
            start,
            end,
            ..
        } => format!(
            "[0:{stream}]atrim=start_pts={source_sample},asetpts=PTS-{source_sample},{resampled},\
             atrim=end_sample={},asetpts=PTS+{start}[audio]",
            end - start
        ),
        Sound::Silence { start, end } => format!(
            "anullsrc=r={rate}:cl=stereo,{stereo},atrim=end_sample={},asetpts=PTS+{start}[audio]",
            end - start
        ),
    }
}

/// The poster is the most typical frame of two seconds, at the size of a rendition near 720p.
fn poster_branch(graph: &mut String, plan: &Plan) {
    let near_720 = |r: &&crate::ladder::Rendition| r.width.min(r.height) <= 720;
    let Some(size) = plan
        .renditions
        .iter()
        .find(near_720)
        .or(plan.renditions.last())
    else {
        return;
    };
    let from = plan.poster_from_us;
    let batch = plan.grid.gop_frames.clamp(1, 50);
    // The first frame is always among them, so that there is a poster however short the video is.
    let _ = write!(
        graph,
        ";[p]select='eq(n,0)+gte(t*1000000,{from})',scale={}:{}:flags=bicubic:out_range=full,setsar=1,\
         format=pix_fmts=yuvj420p:color_ranges=pc,thumbnail=n={batch}[poster]",
        size.width, size.height
    );
}

/// Arguments under construction.
#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    /// Several arguments that hold no spaces.
    fn words(&mut self, words: &str) {
        self.0.extend(words.split_whitespace().map(OsString::from));
    }

    fn pair(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }

    fn input(&mut self, source: SourceUrl<'_>) {
        let secure = source.url.starts_with("https:");
        self.pair(
            "-protocol_whitelist",
            if secure { "https,tls,tcp" } else { "http,tcp" },
        );
        self.pair("-format_whitelist", DEMUXERS);
        self.pair("-max_streams", "32");
        self.pair("-max_pixels", MAX_PIXELS.to_string());
        // A connection that drops is resumed where it was; a source must not end early unnoticed.
        self.words("-reconnect 1 -reconnect_on_network_error 1 -reconnect_on_http_error 5xx,429");
        self.words("-reconnect_delay_max 4 -reconnect_max_retries 5 -rw_timeout 30000000");
        // Few, large range requests on one connection.
        self.words("-multiple_requests 1 -request_size 4194304");
        if secure {
            self.words("-tls_verify 1");
            if let Some(ca_file) = source.ca_file {
                self.pair("-ca_file", ca_file);
            }
        }
        self.pair("-i", source.url);
    }

    /// Fragmented MP4 that can be cut while it is written: an empty `moov` first, then fragments
    /// with their absolute decode time, and nothing that depends on the encoder's version.
    fn fragmented_mp4(&mut self, fragment_when: &str) {
        self.words(
            "-map_metadata -1 -map_chapters -1 -fflags +bitexact -flags +bitexact+global_header",
        );
        self.words("-avoid_negative_ts disabled -f mp4");
        self.pair(
            "-movflags",
            format!(
                "+{fragment_when}+empty_moov+default_base_moof+frag_discont+negative_cts_offsets+skip_trailer+cmaf"
            ),
        );
    }

    fn pipe(&mut self, outputs: &mut Vec<Output>, output: Output) {
        let fd = FIRST_FD + i32::try_from(outputs.len()).unwrap_or(i32::MAX - FIRST_FD);
        outputs.push(output);
        self.0.push(format!("pipe:{fd}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::tests::SETTINGS,
        source::{AudioStream, Seeking, SourceInfo, VideoStream},
        timeline::FrameRate,
    };

    const WHOLE: Part = Part::Chunk(0);

    fn plan(change: impl FnOnce(&mut SourceInfo)) -> Plan {
        let mut source = SourceInfo {
            size_bytes: 1,
            duration_us: 20_000_000,
            clock_start_us: 0,
            keyframes: Vec::new(),
            seeking: Seeking::Exact,
            video: VideoStream {
                index: 0,
                codec: "h264".into(),
                width: 1280,
                height: 720,
                frame_rate: FrameRate::new(30000, 1001).unwrap(),
                start_us: 0,
                end_us: 20_000_000,
                end_is_exact: true,
                interlaced: false,
                hdr: false,
                color_is_stated: true,
            },
            audio: Some(AudioStream {
                index: 1,
                codec: "aac".into(),
                language: "en".into(),
                start_us: 0,
                end_us: Some(20_000_000),
                exact_sample_rate: Some(44_100),
            }),
        };
        change(&mut source);
        Plan::new(&source, SETTINGS)
    }

    const HTTPS: SourceUrl<'_> = SourceUrl {
        url: "https://bucket/key?signature",
        ca_file: Some("/ca.crt"),
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
        let encode = encode(&plan(|_| ()), WHOLE, HTTPS).unwrap();
        assert_eq!(encode.outputs.len(), 6);
        assert_eq!(encode.outputs[4..], [Output::Audio, Output::Poster]);
        insta::assert_snapshot!(lines(&encode.args));
    }

    #[test]
    fn a_silent_interlaced_hdr_source_has_its_own_graph() {
        let encode = encode(
            &plan(|source| {
                source.audio = None;
                source.video.interlaced = true;
                source.video.hdr = true;
                source.video.color_is_stated = false;
            }),
            WHOLE,
            HTTPS,
        )
        .unwrap();
        assert!(!encode.outputs.contains(&Output::Audio));
        let graph = lines(&encode.args);
        assert!(graph.contains("setparams=colorspace=bt709:"));
        assert!(
            graph.contains("bwdif") && graph.contains("tonemap") && !graph.contains("aresample")
        );
    }

    #[test]
    fn held_frames_come_before_the_limit() {
        let plan = plan(|source| source.audio.as_mut().unwrap().end_us = Some(30_000_000));
        let graph = |part| video_graph(&plan, plan.span(part).unwrap(), false);
        assert!(plan.chunks() > 1 && !graph(WHOLE).contains("tpad"));
        let graph = graph(Part::Chunk(plan.chunks() - 1));
        let hold = graph
            .find("tpad=stop_mode=clone:stop_duration=10000000us")
            .unwrap();
        assert!(hold < graph.find("trim=").unwrap(), "{graph}");
    }

    #[test]
    fn a_later_chunk_enters_the_source_early_and_keeps_its_clock() {
        let mut plan = plan(|_| ());
        plan.cuts = vec![0, 1, 3];
        let encode = |part| encode(&plan, part, HTTPS).unwrap();
        assert!(encode(WHOLE).outputs.contains(&Output::Poster));
        let chunk = encode(Part::Chunk(1));
        assert_eq!(chunk.outputs.last(), Some(&Output::Audio));
        let text = lines(&chunk.args);
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

    #[test]
    fn the_probe_opens_media_only() {
        insta::assert_snapshot!(lines(&probe(SourceUrl {
            url: "http://127.0.0.1/x",
            ca_file: None
        })));
    }
}
