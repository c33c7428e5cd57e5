//! The filter graphs of the picture: the first makes frames at the renditions' rate and the stills,
//! the second makes the renditions of each frame.
//!
//! In a single graph, a source that stands still would take gigabytes. At the first frame after a
//! gap, `fps` fills the whole gap at once; that costs nothing as long as all of it is the same frame,
//! but a graph does not rest before each copy has been scaled. Between two graphs there is a queue
//! of a few frames, and the second takes them one at a time. (A later chunk that ffmpeg crashed on is tried once
//! more in a single one: there, no frame at all crashes nothing.)
//!
//! The stills are made of few frames, so the first graph has them. It must: ffmpeg does not let the
//! second one know that there are no more frames, which is what a picture of many waits for.

use std::fmt::Write as _;

use crate::{
    ladder::Rendition,
    plan::{
        COPY_STREAM, Part, Plan, Span,
        storyboard::{self, Storyboard},
    },
    source::{Crop, Geometry},
};

/// The single pictures that a part makes beside the renditions.
#[derive(Clone, Copy)]
pub(super) struct Stills {
    pub(super) poster: bool,
    /// The storyboard's sheet, and how many rows it has.
    pub(super) sheet: Option<(Storyboard, u64)>,
}

impl Stills {
    pub(super) const NONE: Self = Self {
        poster: false,
        sheet: None,
    };

    pub(super) fn of(plan: &Plan, part: Part, span: Span) -> Self {
        let storyboard = plan.storyboard.filter(|_| !part.is_audio());
        Self {
            poster: plan.has_poster(part),
            sheet: storyboard.and_then(|storyboard| Some((storyboard, storyboard.rows(span)?))),
        }
    }
}

/// From the decoder to the span's frames at the renditions' rate, and the stills.
pub(super) fn frames(plan: &Plan, span: Span, stills: Stills) -> String {
    let in_source = plan.video_stream.filter(|_| !plan.has_copy());
    let stream = in_source.unwrap_or(COPY_STREAM);
    let mut graph = format!("[0:{stream}]");
    if let Some(geometry) = plan.geometry {
        graph.push_str(&upright(plan, geometry));
    } else if plan.deinterlace {
        graph.push_str(WEAVE);
    }
    // A constant rate. Sources whose rate is constant already pass frame by frame. The video begins
    // at time 0, whenever its first frame comes; later chunks begin with a frame of the source.
    let rate = plan.grid.frame_rate;
    let _ = write!(graph, "fps={rate}");
    graph.push_str(if span.is_first { ":start_time=0" } else { "" });
    if plan.is_still {
        // A frame of no length would be none, and ffmpeg 9 crashes where a graph gives another none.
        let _ = write!(
            graph,
            ":eof_action=pass,tpad=stop_mode=clone:stop={}",
            plan.frames
        );
    }
    graph.push(',');
    if plan.hold_last_frame_us > 0 && span.is_last {
        let _ = write!(
            graph,
            "tpad=stop_mode=clone:stop_duration={}us,",
            plan.hold_last_frame_us
        );
    }
    // `fps` counts time in frames, so a frame's time is its number. A still has exactly as many as
    // planned, whatever length it has itself.
    let stop_frame = if plan.is_still {
        plan.frames
    } else {
        span.stop_frame
    };
    let _ = if span.is_first {
        write!(graph, "trim=end_frame={stop_frame}")
    } else {
        write!(
            graph,
            "trim=start_pts={}:end_pts={}",
            span.first_frame, span.stop_frame
        )
    };
    let branches = 1 + usize::from(stills.poster) + usize::from(stills.sheet.is_some());
    let _ = write!(graph, ",split={branches}[frames]");
    graph.push_str(if stills.poster { "[p]" } else { "" });
    graph.push_str(if stills.sheet.is_some() { "[b]" } else { "" });
    if stills.poster {
        poster_branch(&mut graph, plan);
    }
    if let Some((storyboard, rows)) = stills.sheet {
        // A frame's time is its number in the whole, so chunks take the same pictures as one encode.
        let _ = write!(
            graph,
            ";[b]select='not(mod(pts,{}))',{}{},tile={}x{rows}[sheet]",
            storyboard.interval_frames,
            colors(plan),
            jpeg(storyboard.tile_width, storyboard.tile_height),
            storyboard::COLUMNS,
        );
    }
    graph
}

/// From frames as they are decoded, which may change in size and shape half-way, to frames of one size
/// that are upright and whole.
///
/// Each is fitted into the first one's size, with bars; what comes after can rely on that. (A filter
/// that crops or turns takes its sizes from the first frame, and reads on behind the end of a smaller
/// one.) One that has that size and shape already passes untouched.
fn upright(plan: &Plan, geometry: Geometry) -> String {
    let mut graph = String::new();
    let odd = plan.odd_matrix.as_ref();
    if let Some(odd) = odd {
        // To fit a frame, its colours need not be known, but the scaler wants a name for them.
        let _ = write!(graph, "setparams=colorspace={},", odd.neighbour.name());
    }
    let (width, height) = geometry.decoded;
    let (x, y) = geometry.pixel_aspect;
    if geometry.aspect_is_stated {
        let _ = write!(graph, "setsar={x}/{y},");
    }
    // How wide a frame is in pixels of the first one's shape. (`sar` is 1 where there is none.)
    let wide = format!("iw*sar*{y}/{x}");
    let is_first_size = format!("eq(iw,{width})*eq(ih,{height})*lt(abs(sar*{y}/{x}-1),0.0001)");
    let fitted = |limit: u32, other: u32, this: &str, that: &str| {
        format!(
            "'if({is_first_size},{limit},max(min(2,{limit}),min({limit},2*round({other}*{this}/({that})/2))))'"
        )
    };
    let _ = write!(
        graph,
        "scale=w={}:h={}:flags=bicubic:eval=frame",
        fitted(width, height, &wide, "ih"),
        fitted(height, width, "ih", &wide)
    );
    // Fields are fitted each for itself.
    graph.push_str(if plan.deinterlace { ":interl=-1," } else { "," });
    if width % 2 == 1 || height % 2 == 1 {
        // Bars are drawn in whole pixels of each plane, and colours often have a plane of half the size.
        graph.push_str(FULL_CHROMA);
    }
    let _ = write!(
        graph,
        "pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar={x}/{y},"
    );
    if plan.deinterlace {
        graph.push_str(WEAVE);
    }
    if let Some((odd, from)) = odd.and_then(|odd| Some((odd, odd.converted_from.as_ref()?))) {
        let _ = write!(
            graph,
            "setparams=colorspace={from},zscale=m={},",
            odd.neighbour.name()
        );
    }
    if geometry.crop != Crop::default() {
        let (width, height) = geometry.cropped();
        let Crop { left, top, .. } = geometry.crop;
        let _ = write!(graph, "crop={width}:{height}:{left}:{top}:exact=1,");
    }
    if geometry.orientation.is_mirrored {
        graph.push_str("hflip,");
    }
    graph.push_str(match geometry.orientation.quarter_turns {
        0 => "",
        1 => "transpose=clock,",
        2 => "hflip,vflip,",
        _ => "transpose=cclock,",
    });
    // What is upright must not be turned again by whoever sees the frame.
    graph.push_str("sidedata=mode=delete:type=DISPLAYMATRIX,");
    graph
}

/// Formats whose colours are as fine as their light, at any depth.
const FULL_CHROMA: &str =
    "format=pix_fmts=yuv444p|yuv444p10le|yuv444p12le|gbrp|gbrp10le|gbrp12le|gray|gray10le,";

/// Two fields become a frame, where a frame says that it has any.
const WEAVE: &str = "bwdif=mode=send_frame:deint=interlaced,";

/// Frames of a size as a JPEG has them. It does not say in which colours it is: whoever reads it takes
/// BT.601 in full range.
fn jpeg(width: u32, height: u32) -> String {
    format!(
        "scale={width}:{height}:flags=bicubic:out_color_matrix=bt601:out_range=full,setsar=1,\
         format=pix_fmts=yuvj420p:color_ranges=pc"
    )
}

/// Each size is made of the next larger one, which is near: of the source, which may be many times as large,
/// only the first. Renditions of one size, in several codecs, share it.
///
/// Lanczos keeps edges that bicubic softens: at the same quality of the encoder, 720p gained 1.2 VMAF, 480p
/// 2.4 and 360p 3.5, which the encoder's settings turn into fewer bytes.
pub(super) fn renditions(plan: &Plan) -> String {
    let area = |(width, height): &(u32, u32)| u64::from(*width) * u64::from(*height);
    let mut sizes: Vec<_> = plan
        .renditions
        .iter()
        .map(|one| (one.width, one.height))
        .collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(area(size)));
    sizes.dedup();
    let mut graph = format!("[frames]{}", colors(plan));
    for (step, &(width, height)) in sizes.iter().enumerate() {
        if step > 0 {
            let _ = write!(graph, ";[s{step}]");
        }
        // Pixel format and range are pinned: left open, an output that wants others would pull its
        // neighbours along.
        let _ = write!(
            graph,
            "scale={width}:{height}:flags=lanczos:out_range=limited,setsar=1,\
             format=pix_fmts=yuv420p:color_ranges=tv"
        );
        let of_size = plan.renditions.iter().enumerate();
        let of_size = of_size.filter(|(_, one)| (one.width, one.height) == (width, height));
        let mut outputs: Vec<_> = of_size.map(|(index, _)| format!("[v{index}]")).collect();
        if step + 1 < sizes.len() {
            outputs.push(format!("[s{}]", step + 1));
        }
        if outputs.len() > 1 {
            let _ = write!(graph, ",split={}", outputs.len());
        }
        graph.push_str(&outputs.concat());
    }
    graph
}

/// What brings a frame into the colours that are shown; it ends with a comma, if there is any.
fn colors(plan: &Plan) -> String {
    let mut filters = String::new();
    if let Some(color) = plan.assumed_color {
        filters.push_str(color.filter());
    }
    if let Some(largest) = plan.renditions.first().filter(|_| plan.tone_map) {
        // In floating point, so at the largest size that is needed and not at the source's. Light up
        // to a third of white's (at 203 nits) stays as it is, what is brighter is compressed: other
        // curves darken faces and rooms to make place for highlights that most pictures lack. What
        // was said of the bright picture's light is not true of this one.
        let _ = write!(
            filters,
            "scale={}:{}:flags=bicubic,zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,\
             zscale=t=bt709:m=bt709:r=tv,format=yuv420p,sidedata=mode=delete:type=MASTERING_DISPLAY_METADATA,\
             sidedata=mode=delete:type=CONTENT_LIGHT_LEVEL,",
            largest.width, largest.height
        );
    }
    filters
}

/// The poster is the most typical frame of two seconds, at the size of a rendition near 720p.
fn poster_branch(graph: &mut String, plan: &Plan) {
    let near_720 = |r: &&Rendition| r.width.min(r.height) <= 720;
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
        ";[p]select='(eq(n,0)+gte(t*1000000,{from}))*lt(selected_n,{batch})',{}{},thumbnail=n={batch}[poster]",
        colors(plan),
        jpeg(size.width, size.height)
    );
}

#[cfg(test)]
mod tests {
    use crate::{
        command::tests::{WHOLE, plan},
        plan::Part,
    };

    #[test]
    fn held_frames_come_before_the_limit() {
        let plan = plan(|source| source.audio[0].end_us = Some(30_000_000));
        let graph = |part| super::frames(&plan, plan.span(part).unwrap(), super::Stills::NONE);
        assert!(plan.chunks() > 1 && !graph(WHOLE).contains("tpad"));
        let graph = graph(Part::Chunk(plan.chunks() - 1));
        let hold = graph
            .find("tpad=stop_mode=clone:stop_duration=10000000us")
            .unwrap();
        assert!(hold < graph.find("trim=").unwrap(), "{graph}");
    }

    #[test]
    fn a_still_has_as_many_frames_as_it_is_long() {
        let plan = plan(|source| {
            source.audio.clear();
            source.video.is_still = true;
            source.video.end_us = 100_000;
        });
        assert_eq!(plan.frames, 3);
        let graph = super::frames(&plan, plan.span(WHOLE).unwrap(), super::Stills::NONE);
        assert!(graph.contains("trim=end_frame=3,"), "{graph}");
    }
}
