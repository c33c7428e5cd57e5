//! What is shown of a video while the rest of it is still encoded.

use super::Plan;
use crate::ladder::{Rendition, VideoCodec};

/// The largest picture that is shown meanwhile: nothing is known of the viewers' connections.
const MAX_SHORT_SIDE: u32 = 480;

impl Plan {
    /// The rendition that is shown while the others are encoded; none if there is only audio, or nothing to
    /// see before all is encoded.
    pub fn partial_rendition(&self) -> Option<&Rendition> {
        let short_side = |one: &&Rendition| one.width.min(one.height);
        let common = || {
            let renditions = self.renditions().iter();
            renditions.filter(|one| one.codec == VideoCodec::H264)
        };
        let fits = common().filter(|one| short_side(one) <= MAX_SHORT_SIDE);
        let shown = fits.max_by_key(short_side);
        shown
            .or_else(|| common().min_by_key(short_side))
            .filter(|_| self.partial_segments() > 0)
    }

    /// How many segments of a track may be named before all is encoded.
    pub fn partial_segments(&self) -> u32 {
        let all = self.grid().segments_for(self.frames());
        u32::try_from(all.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{SETTINGS, source};

    #[test]
    fn one_rendition_is_shown_that_everybody_can_load() {
        let shown = |plan: &Plan| plan.partial_rendition().map(|one| one.name.clone());
        let mut info = source(60_000, (25, 1));
        assert_eq!(shown(&Plan::new(&info, SETTINGS)).as_deref(), Some("480p"));
        (info.video.width, info.video.height) = (400, 300);
        assert_eq!(shown(&Plan::new(&info, SETTINGS)).as_deref(), Some("360p"));
        // All of it is in the one segment that is not named before its length is known.
        assert_eq!(shown(&Plan::new(&source(6_000, (25, 1)), SETTINGS)), None);
    }
}
