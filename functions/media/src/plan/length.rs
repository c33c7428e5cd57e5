//! How long an encode may become, and how short it may be: whether what came out is what was planned.

use super::Plan;

impl Plan {
    /// The same, once it is known how many frames came out of it.
    #[must_use]
    pub fn with_frames(self, frames: u64) -> Self {
        Self {
            frames: frames.max(1),
            ..self
        }
    }

    /// The most frames that an encode may give, whatever the source claims while it is decoded: a
    /// forged timestamp must not become hours of repeated frames.
    pub fn max_frames(&self) -> u64 {
        let slack = self.grid.frame_rate.frames_in_micros(5_000_000).max(1);
        self.frames + slack
    }

    /// Whether the encode stopped at [`Self::max_frames`]: the source is longer than it states.
    pub fn reached_frame_limit(&self, frames: u64) -> bool {
        frames >= self.max_frames()
    }

    /// Whether so few frames came out that the source must have been cut short.
    pub fn is_cut_short(&self, frames: u64) -> bool {
        // What decodes is all that there is of a source without an index; the rest was a guess.
        if !self.is_indexed {
            return frames == 0;
        }
        // A stream's own length is right to a frame or two. A container's may be that of another
        // stream, so only a wide gap tells something.
        let tolerated = if self.length_is_exact {
            self.grid.frame_rate.frames_in_micros(500_000).max(2) + self.frames / 50
        } else {
            self.frames / 2
        };
        frames + tolerated < self.frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        plan::tests::{SETTINGS, source},
        timeline::FrameRate,
    };

    #[test]
    fn a_cut_source_is_told_from_a_rounded_one() {
        let mut info = source(60_000, (25, 1));
        let plan = Plan::new(&info, SETTINGS);
        assert!(!plan.is_cut_short(1499));
        assert!(!plan.is_cut_short(1460));
        assert!(plan.is_cut_short(1400));
        info.video.end_is_exact = false;
        let plan = Plan::new(&info, SETTINGS);
        assert!(!plan.is_cut_short(1400));
        assert!(plan.is_cut_short(700));
    }

    proptest! {
        #[test]
        fn a_plan_always_leaves_room_and_has_a_rendition(millis in 10u64..50_000_000, num in 1u32..60_001) {
            let Some(rate) = FrameRate::new(num, 1000) else { return Ok(()) };
            let rate = rate.publishable();
            let plan = Plan::new(&source(millis, (rate.num(), rate.den())), SETTINGS);
            prop_assert!(plan.frames > 0 && plan.max_frames() > plan.frames);
            prop_assert!(!plan.renditions.is_empty());
            prop_assert!(!plan.reached_frame_limit(plan.frames) && plan.reached_frame_limit(plan.max_frames()));
        }
    }
}
