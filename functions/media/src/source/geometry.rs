//! How a decoded frame is to be shown: which part of it, with what pixels, which side up.
//!
//! A container, a bitstream and a message inside it may each have a say. What the decoder makes of
//! them is what counts, so this is read from a decoded frame; ffmpeg is told to turn and crop nothing
//! by itself, since it would do so once and keep to it whatever comes after.

use serde::{Deserialize, Serialize};

/// How frames of one size are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Width and height as the decoder gives them.
    pub decoded: (u32, u32),
    /// Width and height of a pixel, in lowest terms or not.
    pub pixel_aspect: (u32, u32),
    /// Whether the stream states that. ffmpeg then gives every frame of it the same, but another one to
    /// who enters where the shape has changed.
    #[serde(default)]
    pub aspect_is_stated: bool,
    /// What the container cuts off. (What the bitstream cuts off, the decoder has done already.)
    pub crop: Crop,
    /// Which side is up.
    pub orientation: Orientation,
}

/// Pixels that are cut off at each edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Crop {
    /// Rows at the top.
    pub top: u32,
    /// Rows at the bottom.
    pub bottom: u32,
    /// Columns at the left.
    pub left: u32,
    /// Columns at the right.
    pub right: u32,
}

/// A multiple of a quarter turn, of a picture or of its mirror image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Orientation {
    /// Whether left and right are exchanged first.
    pub is_mirrored: bool,
    /// Then so many quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
}

/// A pixel may be this many times as wide as it is high, or the reverse; more is no shape but damage.
const MAX_PIXEL_ASPECT: u32 = 32;

impl Geometry {
    /// Of frames that are shown as they are.
    pub fn plain(width: u32, height: u32) -> Self {
        Self {
            decoded: (width, height),
            pixel_aspect: (1, 1),
            aspect_is_stated: false,
            crop: Crop::default(),
            orientation: Orientation::default(),
        }
    }

    /// The same, with what can't be true left out.
    #[must_use]
    pub fn believable(mut self) -> Self {
        let (x, y) = self.pixel_aspect;
        let is_shape = x > 0
            && y > 0
            && x <= y.saturating_mul(MAX_PIXEL_ASPECT)
            && y <= x.saturating_mul(MAX_PIXEL_ASPECT);
        if !is_shape {
            self.pixel_aspect = (1, 1);
        }
        let (width, height) = self.decoded;
        let Crop {
            top,
            bottom,
            left,
            right,
        } = self.crop;
        if left.saturating_add(right) >= width || top.saturating_add(bottom) >= height {
            self.crop = Crop::default();
        }
        self
    }

    /// Width and height of what is left after cropping, not yet turned.
    pub fn cropped(&self) -> (u32, u32) {
        let Crop {
            top,
            bottom,
            left,
            right,
        } = self.crop;
        (self.decoded.0 - left - right, self.decoded.1 - top - bottom)
    }

    /// Width and height as shown, in square pixels.
    pub fn displayed(&self) -> (u32, u32) {
        let (width, height) = self.cropped();
        let (x, y) = (
            u64::from(self.pixel_aspect.0),
            u64::from(self.pixel_aspect.1),
        );
        let width = ((u64::from(width) * x + y / 2) / y).max(1);
        self.orientation
            .turned((u32::try_from(width).unwrap_or(u32::MAX), height))
    }
}

impl Orientation {
    /// The one that comes nearest to a display matrix: its left upper four numbers, row by row, as
    /// ISO 14496-12 has them. An angle between quarter turns is rounded; what is no matrix is upright.
    pub fn of_matrix(matrix: [i64; 4]) -> Self {
        let mut best = (0, Self::default());
        for is_mirrored in [false, true] {
            for quarter_turns in 0..4 {
                let candidate = Self {
                    is_mirrored,
                    quarter_turns,
                };
                let products = matrix
                    .iter()
                    .zip(candidate.matrix())
                    .map(|(one, other)| one * other);
                let likeness = products.sum();
                if likeness > best.0 {
                    best = (likeness, candidate);
                }
            }
        }
        best.1
    }

    /// Its matrix, for whole numbers.
    fn matrix(self) -> [i64; 4] {
        let [a, b, c, d] = match self.quarter_turns {
            0 => [1, 0, 0, 1],
            1 => [0, 1, -1, 0],
            2 => [-1, 0, 0, -1],
            _ => [0, -1, 1, 0],
        };
        if self.is_mirrored {
            [-a, -b, c, d]
        } else {
            [a, b, c, d]
        }
    }

    /// A size after it.
    pub fn turned(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.quarter_turns % 2 == 1 {
            (height, width)
        } else {
            (width, height)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_rounded_to_what_it_comes_nearest_to() {
        let of = |matrix: [f64; 4]| {
            #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
            let fixed = matrix.map(|number| (number * 65536.0) as i64);
            let orientation = Orientation::of_matrix(fixed);
            (orientation.is_mirrored, orientation.quarter_turns)
        };
        assert_eq!(of([1.0, 0.0, 0.0, 1.0]), (false, 0));
        // As phones write it for a picture that was taken upright.
        assert_eq!(of([0.0, 1.0, -1.0, 0.0]), (false, 1));
        assert_eq!(of([-1.0, 0.0, 0.0, -1.0]), (false, 2));
        assert_eq!(of([0.0, -1.0, 1.0, 0.0]), (false, 3));
        // The camera at the front.
        assert_eq!(of([-1.0, 0.0, 0.0, 1.0]), (true, 0));
        assert_eq!(of([1.0, 0.0, 0.0, -1.0]), (true, 2));
        // A transposed picture: mirrored, then turned to the left.
        assert_eq!(of([0.0, 1.0, 1.0, 0.0]), (true, 3));
        let angle = |degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            of([cos, sin, -sin, cos])
        };
        assert_eq!((angle(40.0), angle(50.0)), ((false, 0), (false, 1)));
        assert_eq!((angle(-3.0), angle(200.0)), ((false, 0), (false, 2)));
        // No matrix at all, and one that also scales.
        assert_eq!(of([0.0; 4]), (false, 0));
        assert_eq!(of([0.0, 2.0, -2.0, 0.0]), (false, 1));
    }

    #[test]
    fn a_size_is_cropped_then_stretched_then_turned() {
        let geometry = Geometry {
            decoded: (720, 576),
            pixel_aspect: (16, 15),
            aspect_is_stated: true,
            crop: Crop {
                top: 2,
                bottom: 4,
                left: 8,
                right: 8,
            },
            orientation: Orientation {
                is_mirrored: false,
                quarter_turns: 1,
            },
        };
        assert_eq!(geometry.cropped(), (704, 570));
        assert_eq!(geometry.displayed(), (570, 751));
        let forged = Geometry {
            pixel_aspect: (1, 1000),
            crop: Crop {
                left: 720,
                ..Crop::default()
            },
            ..geometry
        };
        let believed = forged.believable();
        assert_eq!(
            (believed.pixel_aspect, believed.cropped()),
            ((1, 1), (720, 576))
        );
    }
}
