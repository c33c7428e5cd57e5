//! Bjøntegaard's difference in rate (BD-rate): how many bytes one encoder takes over those of another
//! for the same quality, over all the qualities that both were seen to make. It is the mean distance
//! between their curves of the logarithm of bytes over quality.
//!
//! The curves are straight between the points that were measured: nothing is guessed there.

use crate::quality::Judged;

/// An encoder's bytes over quality.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// VMAF and the logarithm of bytes, by VMAF.
    points: Vec<(f64, f64)>,
}

/// What was found of two curves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    /// The one's bytes over the other's: below 1, it takes fewer.
    pub(crate) ratio: f64,
    /// The lowest VMAF that both make.
    pub(crate) from: f64,
    /// The highest.
    pub(crate) to: f64,
}

impl Curve {
    /// The curve through these points.
    pub(crate) fn new(points: &[Judged]) -> Self {
        let points = points
            .iter()
            .map(|point| (point.vmaf, (point.bytes as f64).ln()));
        let mut points: Vec<_> = points.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { points }
    }

    /// Bytes at this quality; none outside of what was measured.
    pub(crate) fn bytes_at(&self, vmaf: f64) -> Option<f64> {
        self.at(vmaf).map(f64::exp)
    }

    /// This curve's bytes over the other's; none if they have no quality in common.
    pub(crate) fn over(&self, other: &Self) -> Option<Difference> {
        let from = self.points.first()?.0.max(other.points.first()?.0);
        let to = self.points.last()?.0.min(other.points.last()?.0);
        // Between two neighbours of these, both curves are straight.
        let bends = self.points.iter().chain(&other.points).map(|point| point.0);
        let mut bends: Vec<f64> = bends.filter(|bend| (from..=to).contains(bend)).collect();
        bends.sort_by(f64::total_cmp);
        let distance = |vmaf| Some(self.at(vmaf)? - other.at(vmaf)?);
        let mut area = 0.0;
        for pair in bends.windows(2) {
            area += f64::midpoint(distance(pair[0])?, distance(pair[1])?) * (pair[1] - pair[0]);
        }
        (to > from).then(|| Difference {
            ratio: (area / (to - from)).exp(),
            from,
            to,
        })
    }

    fn at(&self, vmaf: f64) -> Option<f64> {
        let pair = self
            .points
            .windows(2)
            .find(|pair| (pair[0].0..=pair[1].0).contains(&vmaf))?;
        let ((left, low), (right, high)) = (pair[0], pair[1]);
        let along = (vmaf - left) / (right - left).max(f64::MIN_POSITIVE);
        Some(low + (high - low) * along)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(u64, f64)]) -> Curve {
        let points = points.iter().map(|&(bytes, vmaf)| Judged { bytes, vmaf });
        Curve::new(&points.collect::<Vec<_>>())
    }

    #[test]
    fn half_the_bytes_everywhere_is_half_whatever_points_were_measured() {
        // VMAF grows by 10 with each doubling.
        let whole = curve(&[(400, 90.0), (100, 70.0), (200, 80.0)]);
        let half = curve(&[(400, 100.0), (100, 80.0), (50, 70.0)]);
        let found = half.over(&whole).unwrap();
        assert!((found.ratio - 0.5).abs() < 1e-9, "{found:?}");
        assert_eq!((found.from, found.to), (70.0, 90.0));
        assert!((whole.over(&half).unwrap().ratio - 2.0).abs() < 1e-9);
        assert!((half.bytes_at(90.0).unwrap() - 200.0).abs() < 1e-9);
    }

    #[test]
    fn what_varies_over_the_range_counts_for_as_much_of_it_as_it_is() {
        let other = curve(&[(100, 70.0), (100, 80.0), (100, 90.0)]);
        // The same at 70, half from 80 on.
        let one = curve(&[(100, 70.0), (50, 80.0), (50, 90.0)]);
        let expected = 0.5_f64.powf(0.75);
        assert!((one.over(&other).unwrap().ratio - expected).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_said_of_qualities_that_were_not_measured() {
        let low = curve(&[(100, 70.0), (200, 80.0)]);
        let high = curve(&[(100, 85.0), (200, 90.0)]);
        assert!(low.over(&high).is_none());
        assert!(low.bytes_at(80.1).is_none());
        assert!(curve(&[]).over(&low).is_none());
    }
}
