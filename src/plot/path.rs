//! Which points of a curve are drawn, and how it is cut into dashes

use super::canvas::Point;

/// Units drawn and left out
const DASH: [f64; 2] = [7.0, 4.0];
/// Up to so many points, each has its mark
const MARKED: usize = 40;
/// Units from mark to mark where not each point has one
const MARK_EVERY: f64 = 24.0;

/// The points that get a mark; the two series' are staggered where not all do, so that they don't hide each other
pub(super) fn marked(points: &[Point], second: bool) -> impl Iterator<Item = Point> {
    let span = points.last().zip(points.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    let every = match points.len() {
        n if n <= MARKED => 1,
        n => (n as f64 * MARK_EVERY / span).ceil() as usize,
    };
    let first = if second { every / 2 } else { 0 };
    points.iter().copied().skip(first).step_by(every)
}

/// The same line with at most four points a unit of width: the first, lowest, highest and last there
pub(super) fn coarsen(points: &[Point]) -> Vec<Point> {
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

/// The line cut into dashes, measured along it
pub(super) fn dashes(points: &[Point]) -> Vec<Vec<Point>> {
    let mut dashes = vec![];
    let mut dash: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut phase, mut left) = (0, DASH[0]); // phase 0: within a dash; `left` of it to go
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            if length < left {
                left -= length;
                if phase == 0 {
                    dash.push(to);
                }
                break;
            }
            from = (from.0 + dx * left / length, from.1 + dy * left / length);
            dash.push(from); // the end of a dash, or the start of one
            if phase == 0 {
                dashes.push(std::mem::take(&mut dash));
            }
            phase = 1 - phase;
            left = DASH[phase];
        }
    }
    if dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_are_as_long_along_corners_as_along_straight_lines() {
        let cut = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 10.0)]);
        assert_eq!(cut[0], [(0.0, 0.0), (5.0, 0.0), (5.0, 2.0)]);
        assert_eq!(cut[1], [(5.0, 6.0), (5.0, 10.0)]);
    }

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
