//! The axis of the scores of many trials, of which some may be far worse than most

use crate::plot::parts::axis::{self, Axis};
use crate::report::score::ScoreKind;

/// The axis of these scores, and a note for its label if it leaves out the worst
///
/// * `far`: scores that are farther below the median than this many times the best is above it would squeeze the others
///   together
pub fn score_axis(scores: impl Iterator<Item = f64>, far: f64, kind: ScoreKind) -> (Axis, &'static str) {
    let mut all: Vec<f64> = scores.map(|score| kind.factor() * score).collect();
    let rank = |score: f64| kind.rank(Some(score));
    all.sort_by(|a, b| rank(*b).total_cmp(&rank(*a)));
    let median = all.get(all.len() / 2).copied().unwrap_or(0.0);
    let limit = rank(median) - far * (median - all.first().copied().unwrap_or(0.0)).abs();
    let shown = all.iter().copied().filter(|score| rank(*score) >= limit);
    let is_cut = all.iter().any(|score| rank(*score) < limit);
    let note = if kind.falls() { "top cut off" } else { "bottom cut off" };
    let least = |greatest: f64| if kind.falls() { 0.05 * greatest } else { 2.0 };
    (axis::metrics(shown, kind.largest(), least), if is_cut { note } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_far_below_most_are_left_out_and_the_note_says_so() {
        let of = |scores: &[f64], kind| {
            let (axis, note) = score_axis(scores.iter().copied(), 2.0, kind);
            ([axis.lo, axis.hi].map(|end| (1000.0 * end).round() / 1000.0), note)
        };
        assert_eq!(of(&[0.8, 0.85, 0.9, 0.1], ScoreKind::Accuracy), ([80.0, 90.0], "bottom cut off"));
        assert_eq!(of(&[0.8, 0.85, 0.9], ScoreKind::Accuracy), ([80.0, 90.0], ""));
        assert_eq!(of(&[2.0, 3.0, 2.5, 90.0, 2.0], ScoreKind::Rmse), ([2.0, 3.0], "top cut off"));
        assert_eq!(of(&[], ScoreKind::Accuracy), ([0.0, 2.0], ""));
    }
}
