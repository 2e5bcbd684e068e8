//! The picture of several runs drawn over one another

use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{Scene, WIDTH};
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::{Legend, entries};
use crate::plot::parts::line_style::{LOOKS, Look};
use crate::plot::pictures::curve_panels::{Line, PANELS, Pair};
use crate::report::analysis::validation_decides;
use crate::report::score::ScoreKind;

/// Number of runs that have a look if there are more runs than looks: the best
const BEST: usize = 8;

/// Draws loss and score by epoch of several runs, one line per run, and returns the height
///
/// * `kind`: the score that all runs have
/// * `note`: what all runs have in common; may be empty
/// * Metrics are those of the validation data if every run has them, otherwise those of the test data.
/// * If there are more than twelve runs, the eight with the best last scores have a look and a name; the others are grey.
pub fn draw(scene: &mut Scene, runs: &[&Curves], kind: ScoreKind, note: &str) -> f64 {
    let split = shared(runs);
    titles(scene, &format!("{} loss and {} of {} runs", split.name(), kind.name(), runs.len()), note);
    let above = if note.is_empty() { 25.5 } else { 43.0 };
    let last = |run: &&Curves| kind.rank(run.score[split as usize].last().map(|&(_, score)| score));
    let looks = looks(&runs.iter().map(last).collect::<Vec<_>>());
    let lines = looks.iter().zip(runs).map(|(look, run)| (*look, run.title()));
    let others = ["other", "others"].map(|others| format!("{others}, {}", kind.worse()));
    let legend = Legend::new("", entries(lines, others.each_ref().map(String::as_str)), WIDTH - 40.0);
    legend.draw(scene, [0.0, WIDTH], above);
    let top = above + legend.height() + 8.5;
    pair(runs, &looks, kind, split).draw(scene, top, top + PANELS);
    top + PANELS
}

/// The part of the data to show: validation if every run has its metrics, otherwise test
pub fn shared(runs: &[&Curves]) -> Split {
    let validated = validation_decides(runs, |run| run.has(Split::Validation));
    if validated { Split::Validation } else { Split::Test }
}

/// The curves of the runs in their looks
fn pair(runs: &[&Curves], looks: &[Look], kind: ScoreKind, split: Split) -> Pair {
    let lines = |metrics: fn(&Curves) -> &[Points; 3]| {
        let line = |(run, look): (&&Curves, &Look)| {
            let points = metrics(run)[split as usize].clone();
            Line::new(*look, points, run.diverged.is_none())
        };
        runs.iter().zip(looks).map(line).collect()
    };
    Pair { loss: lines(|run| &run.loss), score: lines(|run| &run.score), kind, of: Some(split) }
}

/// The places of the `most` greatest of `ranks`, greatest first
pub fn best(ranks: &[f64], most: usize) -> Vec<usize> {
    let mut places: Vec<_> = (0..ranks.len()).collect();
    places.sort_by(|&a, &b| ranks[b].total_cmp(&ranks[a]));
    places.truncate(most);
    places
}

/// A look for each of `ranks`; if there are more than [`LOOKS`], all but the [`BEST`] greatest ones are faint
pub fn looks(ranks: &[f64]) -> Vec<Look> {
    let places = if ranks.len() > LOOKS { best(ranks, BEST) } else { (0..ranks.len()).collect() };
    let mut looks = vec![Look::FAINT; ranks.len()];
    for (i, place) in places.into_iter().enumerate() {
        looks[place] = Look::of(i);
    }
    looks
}
