//! Which points of a curve are drawn, and how it is cut into dashes

use crate::plot::output::scene::Point;

/// Up to so many points, each has its mark
const MARKED: usize = 40;
/// Units from mark to mark where not each point has one
const MARK_EVERY: f64 = 24.0;

/// The points that get a mark, when curve `i` of `n` share a panel
///
/// Where not all points do, the curves' marks are staggered, so that they don't hide each other.
pub(in crate::plot) fn marked(points: &[Point], i: usize, n: usize) -> impl Iterator<Item = Point> {
    const FEW: usize = 3; // of that many curves, each may have all its marks
    let span = points.last().zip(points.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    let every = match points.len() {
        0 | 1 => 1,
        len if n <= FEW && len <= MARKED => 1,
        len => ((len as f64 * MARK_EVERY / span).ceil() as usize).max(1),
    };
    points.iter().copied().skip(i % n.max(1) * every / n.max(1)).step_by(every)
}

/// The parts of a line that lie between `top` and `bottom`
pub(in crate::plot) fn clip(points: &[Point], top: f64, bottom: f64) -> Vec<Vec<Point>> {
    let inside = |p: Point| (top..=bottom).contains(&p.1);
    let mut parts = vec![];
    let mut part: Vec<Point> = points.first().copied().filter(|&p| inside(p)).into_iter().collect();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let at = |y: f64| (from.0 + (to.0 - from.0) * (y - from.1) / (to.1 - from.1), y);
        let (low, high) = (from.1.min(to.1), from.1.max(to.1));
        if high < top || low > bottom {
            continue; // and `part` is empty
        }
        let edge = |p: Point| {
            if p.1 < top {
                at(top)
            } else if p.1 > bottom {
                at(bottom)
            } else {
                p
            }
        };
        if !inside(from) {
            part.push(edge(from));
        }
        part.push(edge(to));
        if !inside(to) {
            parts.push(std::mem::take(&mut part));
        }
    }
    parts.extend((!part.is_empty()).then_some(part));
    parts
}

/// The same line with at most four points a unit of width: the first, lowest, highest and last there
pub(in crate::plot) fn coarsen(points: &[Point]) -> Vec<Point> {
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

/// The line cut into dashes, measured along it; `pattern` is units drawn, left out, drawn, left out, …
pub(in crate::plot) fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    let mut dashes = vec![];
    let mut dash: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut phase, mut left) = (0, pattern[0]); // even phase: within a dash; `left` of it to go
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            if length < left {
                left -= length;
                if phase % 2 == 0 {
                    dash.push(to);
                }
                break;
            }
            from = (from.0 + dx * left / length, from.1 + dy * left / length);
            dash.push(from); // the end of a dash, or the start of one
            if phase % 2 == 0 {
                dashes.push(std::mem::take(&mut dash));
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
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
        let cut = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 10.0)], &[7.0, 4.0]);
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

    #[test]
    fn a_line_is_cut_where_it_leaves_the_frame() {
        let cut = clip(&[(0.0, 5.0), (1.0, 15.0), (2.0, 5.0), (3.0, 30.0), (4.0, 30.0)], 0.0, 10.0);
        assert_eq!(cut, [vec![(0.0, 5.0), (0.5, 10.0)], vec![(1.5, 10.0), (2.0, 5.0), (2.2, 10.0)]]);
        assert_eq!(clip(&[(0.0, -5.0), (1.0, 15.0)], 0.0, 10.0), [vec![(0.25, 0.0), (0.75, 10.0)]]);
        assert_eq!(clip(&[(0.0, 1.0), (1.0, 2.0)], 0.0, 10.0), [vec![(0.0, 1.0), (1.0, 2.0)]]);
    }
}
