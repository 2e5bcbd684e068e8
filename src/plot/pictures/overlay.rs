//! The picture of several runs drawn over one another

use crate::error::{Error, Result};
use crate::plot::Pictures;
use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{Align, Scene, WIDTH};
use crate::plot::parts::legend::{Legend, Sign};
use crate::plot::parts::line_style::{LOOKS, Look, TITLE_EM};
use crate::plot::pictures::run_curves::{Line, Pair};
use crate::report::analysis::validation_decides;

/// Number of runs that have a look if there are more runs than looks: the most accurate
const BEST: usize = 8;
const PANELS: f64 = 268.0;

/// Draws loss and accuracy by epoch of several runs, one line a run
///
/// * Metrics are those of the validation data if every run has them, otherwise those of the test data.
/// * Of more than twelve runs, the eight with the best last accuracies have a look and a name; the others are grey.
///
/// # Errors
/// When no run has a metric, or the PNG can't be made.
pub fn draw_overlay(runs: &[Curves]) -> Result<Pictures> {
    let drawn: Vec<_> = runs.iter().filter(|run| !run.is_empty()).collect();
    let Some(first) = drawn.first() else {
        let path = runs.first().map(|run| run.path.clone()).unwrap_or_default();
        return Err(Error::Plot { path, problem: "no epoch of any run has a metric".to_owned() });
    };
    crate::plot::picture(&first.path, |scene| draw(scene, &drawn))
}

pub fn draw(scene: &mut Scene, runs: &[&Curves]) -> f64 {
    let split = shared(runs);
    scene.text(
        &format!("{} loss and accuracy of {} runs", capital(split), runs.len()),
        TITLE_EM,
        Align::Middle,
        (WIDTH / 2.0, 19.0),
    );
    let looks = looks(&runs.iter().map(|run| last(run, split)).collect::<Vec<_>>());
    let mut keys = vec![];
    for (run, look) in runs.iter().zip(&looks) {
        let suffix = run.diverged.map(|epoch| format!(" (diverged in epoch {epoch})")).unwrap_or_default();
        keys.extend(look.map(|look| (Sign::Line(look), format!("{}{suffix}", run.run_id))));
    }
    let grey = runs.len() - keys.len();
    if grey > 0 {
        keys.push((Sign::Faint, format!("{grey} others, less accurate")));
    }
    let legend = Legend::new(&keys, WIDTH - 40.0);
    legend.draw(scene, [0.0, WIDTH], 25.5);
    let top = 25.5 + legend.height() + 8.5;
    pair(runs, &looks, split).draw(scene, top, top + PANELS);
    top + PANELS
}

/// The part of the data to show: validation if every run has its metrics, otherwise test
pub fn shared(runs: &[&Curves]) -> Split {
    let validated = validation_decides(runs, |run| run.has(Split::Validation));
    if validated { Split::Validation } else { Split::Test }
}

pub fn capital(split: Split) -> &'static str {
    match split {
        Split::Training => "Training",
        Split::Validation => "Validation",
        Split::Test => "Test",
    }
}

/// The curves of the runs in their looks
pub fn pair(runs: &[&Curves], looks: &[Option<Look>], split: Split) -> Pair {
    let lines = |metrics: fn(&Curves) -> &[Points; 3]| {
        let line = |(run, look): (&&Curves, &Option<Look>)| {
            let points = metrics(run)[split as usize].clone();
            Line { look: *look, points, whole: run.diverged.is_none() }
        };
        runs.iter().zip(looks).map(line).collect()
    };
    Pair { loss: lines(|run| &run.loss), accuracy: lines(|run| &run.accuracy), of: capital(split), cut: true }
}

fn last(run: &Curves, split: Split) -> f64 {
    run.accuracy[split as usize].last().map_or(-1.0, |&(_, share)| share)
}

/// A look for each of `metrics`; if there are more than [`LOOKS`], for the [`BEST`] greatest ones alone
pub fn looks(metrics: &[f64]) -> Vec<Option<Look>> {
    let mut places: Vec<_> = (0..metrics.len()).collect();
    if metrics.len() > LOOKS {
        places.sort_by(|&a, &b| metrics[b].total_cmp(&metrics[a]));
        places.truncate(BEST);
    }
    let mut looks = vec![None; metrics.len()];
    for (i, place) in places.into_iter().enumerate() {
        looks[place] = Some(Look::of(i));
    }
    looks
}
