//! Matrices that ffmpeg's scaler can't read.

use crate::matrix::case::{Case, H264};

const X265: &str = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1";

/// What a high dynamic range leaves room for.
const HDR_DELTA_E: f64 = 12.0;

pub(crate) fn cases() -> Vec<Case> {
    [converted(), taken_for_its_neighbour()].concat()
}

/// The colours are those of the card.
fn converted() -> Vec<Case> {
    let from =
        "format=gbrp,setparams=range=pc:colorspace=gbr:color_primaries=bt709:color_trc=bt709";
    let standard = |name, matrix: &str, transfer: &str| {
        let filter =
            format!("{from},zscale=p=709:t={transfer}:m={matrix}:r=limited,format=yuv420p10le");
        Case::new(name, "mp4", &format!("-vf {filter} {X265}")).silent()
    };
    let high = |name, matrix: &str, transfer: &str| {
        let filter = format!(
            "{from},zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=2020,zscale=t={transfer}:m={matrix}:r=limited:npl=203,format=yuv420p10le"
        );
        Case::new(name, "mp4", &format!("-vf {filter} {X265}"))
            .silent()
            .ready(|r| r.delta_e = Some(HDR_DELTA_E))
    };
    vec![
        standard("ycgco", "ycgco", "709"),
        Case::new(
            "ycgco in h264",
            "mkv",
            &format!(
                "-vf {from},zscale=m=ycgco:r=limited,format=yuv444p -c:v libx264 -preset ultrafast"
            ),
        )
        .silent(),
        standard("bt.2020, constant luminance", "2020_cl", "2020_10"),
        standard("derived from the primaries", "chroma-derived-nc", "709"),
        standard("derived, constant luminance", "chroma-derived-c", "709"),
        high("ictcp, pq", "ictcp", "smpte2084"),
        high("ictcp, hlg", "ictcp", "arib-std-b67"),
        high("derived, pq", "chroma-derived-nc", "smpte2084"),
    ]
}

/// It plays, in colours that are near to what was meant.
fn taken_for_its_neighbour() -> Vec<Case> {
    let said = |name, matrix: u32, high: bool| {
        let (primaries, transfer) = if high { (9, 16) } else { (1, 1) };
        let tags = format!(
            "h264_metadata=colour_primaries={primaries}:transfer_characteristics={transfer}:matrix_coefficients={matrix}"
        );
        Case::new(name, "mp4", &format!("{H264} -bsf:v {tags}"))
            .silent()
            .ready(|r| r.delta_e = None)
    };
    // By the numbers of ITU-T H.273.
    vec![
        said("bt.2020 constant luminance, pq", 10, true),
        said("smpte 2085, standard range", 11, false),
        said("smpte 2085, pq", 11, true),
        said("derived, constant luminance, pq", 13, true),
        said("ictcp, standard range", 14, false),
        said("ipt-c2, standard range", 15, false),
        said("ipt-c2, pq", 15, true),
        said("ycgco-re, standard range", 16, false),
        said("ycgco-ro, pq", 17, true),
        said("ycgco, pq", 8, true),
    ]
}
