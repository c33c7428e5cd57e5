//! The colours of a source that does not say in which it is.

use serde::{Deserialize, Serialize};

use crate::source::VideoStream;

/// The colours that are assumed of video that does not state its own.
///
/// Players assume them by a picture's size. They would do so for each rendition by *its* size, and
/// show a large one in other colours than a small one; so all are tagged with what is assumed of the
/// source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssumedColor {
    /// High definition: ITU-R BT.709.
    Bt709,
    /// Standard definition: ITU-R BT.601, as SMPTE 170M states it.
    Smpte170m,
    /// High dynamic range: ITU-R BT.2020. Its transfer is stated, or it would not be known as such.
    Bt2020,
}

impl AssumedColor {
    pub(super) fn of(video: &VideoStream) -> Option<Self> {
        // As players do: a letterboxed 1280×536 is high definition, PAL's 1024×576 is not.
        let (short, long) = (video.width.min(video.height), video.width.max(video.height));
        let is_hd = long >= 1280 || short > 576;
        (!video.color_is_stated).then_some(match (video.hdr, is_hd) {
            (true, _) => Self::Bt2020,
            (false, true) => Self::Bt709,
            (false, false) => Self::Smpte170m,
        })
    }

    /// The filter that says so of each frame.
    pub(crate) fn filter(self) -> &'static str {
        match self {
            Self::Bt709 => "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709,",
            Self::Smpte170m => {
                "setparams=colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m,"
            }
            Self::Bt2020 => "setparams=colorspace=bt2020nc:color_primaries=bt2020,",
        }
    }
}
