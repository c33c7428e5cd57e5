//! Colours as a player shows them, and how far apart two of them look.

/// How a stream says that its colours were made: which matrix, and which range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// ffprobe's name of the matrix.
    pub matrix: String,
    /// Whether black is 0 and white 255, and not 16 and 235.
    pub is_full_range: bool,
}

impl Coding {
    /// The colour of a pixel (luma and two differences, 0 to 255): red, green, blue, 0 to 255.
    /// None where the matrix is not stated: players would differ.
    pub fn rgb(&self, [y, cb, cr]: [f64; 3]) -> Option<[f64; 3]> {
        // The weights of red and blue in the luma.
        let (red, blue) = match self.matrix.as_str() {
            "bt709" => (0.2126, 0.0722),
            "smpte170m" | "bt470bg" => (0.299, 0.114),
            "bt2020nc" => (0.2627, 0.0593),
            _ => return None,
        };
        let green = 1.0 - red - blue;
        let (y, cb, cr) = if self.is_full_range {
            (y / 255.0, (cb - 128.0) / 255.0, (cr - 128.0) / 255.0)
        } else {
            (
                (y - 16.0) / 219.0,
                (cb - 128.0) / 224.0,
                (cr - 128.0) / 224.0,
            )
        };
        let r = y + 2.0 * (1.0 - red) * cr;
        let b = y + 2.0 * (1.0 - blue) * cb;
        let g = (y - red * r - blue * b) / green;
        Some([r, g, b].map(|value| (value * 255.0).clamp(0.0, 255.0)))
    }
}

/// ΔE of 1976: the distance of two colours in CIE Lab, of sRGB under D65. About 2 can just be seen
/// side by side; BT.601 taken for BT.709 is 8 to 20 on the card's colours.
pub fn delta_e(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (lab(one), lab(other));
    let squares = (0..3).map(|at| (one[at] - other[at]).powi(2));
    squares.sum::<f64>().sqrt()
}

fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let [red, green, blue] = rgb.map(|value| {
        let value = value / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    let curve = |value: f64| {
        if value > 216.0 / 24389.0 {
            value.cbrt()
        } else {
            (24389.0 / 27.0 * value + 16.0) / 116.0
        }
    };
    let x = curve((0.412_456 * red + 0.357_576 * green + 0.180_438 * blue) / 0.950_47);
    let y = curve(0.212_673 * red + 0.715_152 * green + 0.072_175 * blue);
    let z = curve((0.019_334 * red + 0.119_192 * green + 0.950_304 * blue) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: [f64; 3], other: [f64; 3], by: f64) -> bool {
        (0..3).all(|at| (one[at] - other[at]).abs() < by)
    }

    #[test]
    fn lab_is_that_of_the_books() {
        assert!(near(lab([255.0; 3]), [100.0, 0.0, 0.0], 0.02));
        assert!(near(lab([255.0, 0.0, 0.0]), [53.24, 80.09, 67.20], 0.02));
        assert!(near(lab([0.0, 0.0, 255.0]), [32.30, 79.19, -107.86], 0.02));
        assert!((delta_e([255.0; 3], [0.0; 3]) - 100.0).abs() < 0.02);
    }

    #[test]
    fn the_stated_matrix_decides() {
        let coding = |matrix: &str, is_full_range| Coding {
            matrix: matrix.into(),
            is_full_range,
        };
        // Pure red by the standards' own tables.
        let red = [255.0, 0.0, 0.0];
        let by = |matrix, full, yuv| coding(matrix, full).rgb(yuv).unwrap();
        assert!(near(by("bt709", false, [63.0, 102.0, 240.0]), red, 2.0));
        assert!(near(by("smpte170m", false, [81.0, 90.0, 240.0]), red, 2.0));
        assert!(near(by("bt470bg", true, [76.0, 85.0, 255.0]), red, 2.0));
        assert_eq!(coding("unknown", false).rgb([81.0, 90.0, 240.0]), None);
        // The wrong one is far off.
        let green = [0.0, 255.0, 0.0];
        assert!(near(
            by("smpte170m", false, [145.0, 54.0, 34.0]),
            green,
            2.0
        ));
        let wrong = by("bt709", false, [145.0, 54.0, 34.0]);
        assert!(delta_e(green, wrong) > 8.0, "{}", delta_e(green, wrong));
    }
}
