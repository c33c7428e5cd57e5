//! Colours: depths, samplings, ranges, matrices, high dynamic range, transparency.

use crate::matrix::case::{Case, H264};

const X264: &str = "-c:v libx264 -preset ultrafast";
const X265: &str = "-c:v libx265 -preset ultrafast -x265-params log-level=error";

/// White is a little darker than it was, to leave room for what is brighter still.
const HDR_DELTA_E: f64 = 12.0;

/// Made by this matrix in this range, and saying so.
fn coded(matrix: &str, range: &str) -> String {
    format!(
        "-vf scale=out_color_matrix={matrix}:out_range={range} -colorspace {matrix} -color_primaries {matrix} -color_trc {matrix} -color_range {range}"
    )
}

/// The card as light on a screen of high dynamic range, its white where BT.2408 has it: at 203 nits.
fn high_range(transfer: &str) -> String {
    format!(
        "-vf format=gbrp,setparams=range=pc:colorspace=gbr:color_primaries=bt709:color_trc=bt709,zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=2020,zscale=t={transfer}:m=2020_ncl:r=limited:npl=203,format=yuv420p10le \
         -color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc -color_range tv"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    let hd = |case: Case| case.size(1280, 720).silent();
    let plain = |name, format: &str| {
        let args = format!("{X264} -pix_fmt {format} {}", coded("bt709", "tv"));
        Case::new(name, "mp4", &args).silent()
    };
    let hdr = |name, transfer| {
        let args = format!("{X265} {} -tag:v hvc1", high_range(transfer));
        Case::new(name, "mp4", &args).silent()
    };
    vec![
        plain("8 bit 4:2:2", "yuv422p"),
        plain("8 bit 4:4:4", "yuv444p"),
        plain("10 bit 4:2:0", "yuv420p10le"),
        plain("10 bit 4:2:2", "yuv422p10le"),
        plain("10 bit 4:4:4", "yuv444p10le"),
        Case::new("12 bit hevc", "mp4", &format!("{X265} -pix_fmt yuv422p12le {}", coded("bt709", "tv"))).silent(),
        Case::new("bt.709", "mp4", &format!("{H264} {}", coded("bt709", "tv"))).silent(),
        Case::new("bt.601", "mp4", &format!("{H264} {}", coded("smpte170m", "tv"))).silent(),
        Case::new("bt.470bg", "mp4", &format!("{H264} -vf scale=out_color_matrix=bt601 -colorspace bt470bg -color_primaries bt470bg -color_trc gamma28 -color_range tv")).silent(),
        Case::new("bt.2020, standard range", "mp4", &format!("{X265} -pix_fmt yuv420p10le -vf scale=out_color_matrix=bt2020:out_range=tv -colorspace bt2020nc -color_primaries bt709 -color_trc bt709 -color_range tv")).silent(),
        // What players assume of untagged video: by its size.
        Case::new("untagged, small", "mp4", &format!("{H264} -vf scale=out_color_matrix=bt601:out_range=tv")).silent(),
        hd(Case::new("untagged, large", "mkv", "-vf scale=out_color_matrix=bt709:out_range=tv,setparams=colorspace=unknown -c:v libx264 -preset ultrafast -pix_fmt yuv420p")),
        hd(Case::new("untagged, letterboxed", "mkv", "-vf scale=out_color_matrix=bt709:out_range=tv,setparams=colorspace=unknown -c:v libx264 -preset ultrafast -pix_fmt yuv420p")).size(1280, 536),
        Case::new("full range", "mp4", &format!("{H264} {}", coded("bt709", "pc"))).silent(),
        Case::new("full range, untagged matrix", "mov", "-c:v libx264 -preset ultrafast -pix_fmt yuvj420p -vf scale=out_color_matrix=bt601:out_range=pc -color_range pc").silent(),
        Case::new("full range 10 bit hevc", "mov", &format!("{X265} -pix_fmt yuv420p10le {}", coded("bt709", "pc"))).silent(),
        Case::new("rgb in h264", "mkv", "-c:v libx264rgb -preset ultrafast -pix_fmt rgb24").silent(),
        Case::new("rgb in vp9", "webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -pix_fmt gbrp").silent(),
        Case::new("palette", "avi", "-c:v rawvideo -pix_fmt bgr24").silent(),
        hdr("hdr10", "smpte2084").ready(|r| { r.delta_e = Some(HDR_DELTA_E); r.renditions = Some(&["240p"]); }),
        // A transport stream has no other place to say so.
        Case::new("pq that names neither matrix nor primaries", "ts", &format!("{X265} {}", high_range("smpte2084"))).silent()
            .then("ts", "-i {} -c copy -bsf:v hevc_metadata=colour_primaries=2:matrix_coefficients=2").ready(|r| r.delta_e = Some(HDR_DELTA_E)),
        hdr("hlg", "arib-std-b67").ready(|r| r.delta_e = Some(HDR_DELTA_E)),
        Case::new("hdr10 in vp9", "webm", &format!("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M {}", high_range("smpte2084"))).silent().ready(|r| r.delta_e = Some(HDR_DELTA_E)),
        Case::new("alpha in prores 4444", "mov", "-vf format=rgba,colorchannelmixer=aa=0.5 -c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le").silent(),
        Case::new("alpha in vp9", "webm", "-vf format=rgba,colorchannelmixer=aa=0.5,format=yuva420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M").silent(),
        Case::new("alpha in animation", "mov", "-vf format=argb -c:v qtrle").silent(),
    ]
}
