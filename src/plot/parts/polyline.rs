//! Which points of a curve are drawn, and which of them have a mark

use crate::plot::output::scene::Point;

/// Greatest number of points that all have marks
const MARKED: usize = 40;
/// Units between marks if not every point has one
const MARK_EVERY: f64 = 24.0;

/// The points that get a mark on curve `i` of the `n` curves of a panel
///
/// If not every point gets one, the marks of different curves are staggered, so that they don't hide each other.
pub fn marked(points: &[Point], i: usize, n: usize) -> impl Iterator<Item = Point> {
    const FEW: usize = 3; // curves in a panel: up to this number, every point may have a mark
    let span = points.last().zip(points.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    let every = match points.len() {
        0 | 1 => 1,
        len if n <= FEW && len <= MARKED => 1,
        len => ((len as f64 * MARK_EVERY / span).ceil() as usize).max(1),
    };
    points.iter().copied().skip((i % n.max(1)).saturating_mul(every) / n.max(1)).step_by(every)
}

/// The same line with at most four points per unit of width: the first, lowest, highest and last
pub fn coarsen(points: &[Point]) -> Vec<Point> {
    let mut coarse = Vec::with_capacity(points.len());
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |&i: &usize, &j: &usize| column[i].1.total_cmp(&column[j].1);
        let all = 0..column.len();
        let mut kept = [Some(0), all.clone().min_by(by_height), all.clone().max_by(by_height), all.last()];
        kept.sort_unstable();
        let mut kept: Vec<_> = kept.into_iter().flatten().collect();
        kept.dedup();
        coarse.extend(kept.into_iter().map(|i| column[i]));
    }
    coarse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_lines_keep_their_extremes() {
        let points: Vec<_> = (0..1000).map(|i| (f64::from(i) / 100.0, f64::from(i * 7919 % 1009))).collect();
        let coarse = coarsen(&points);
        assert!(coarse.len() <= 40);
        let highest = |points: &[Point]| points.iter().map(|p| p.1).fold(0.0, f64::max);
        assert_eq!(highest(&coarse), highest(&points));
        assert!(coarse.is_sorted_by(|a, b| a.0 < b.0));
    }
}
