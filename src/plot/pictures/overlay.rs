//! Several runs laid over one another

use crate::error::{Error, Result};
use crate::plot::Pictures;
use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{At, Drawn, Scene, WIDTH};
use crate::plot::parts::legend::{Legend, Sign};
use crate::plot::parts::line_style::{LOOKS, Look, TITLE_EM};
use crate::plot::pictures::run_curves::{Line, Pair};
use crate::report::analysis::validation_decides;

/// Of more runs than have a look of their own, so many keep one: the best
const BEST: usize = 8;
const PANELS: f64 = 268.0;

/// Loss and accuracy by epoch of several runs, one line a run
///
/// * on validation data if every run with figures has them, else on test data
/// * of more than twelve runs, those with the best last accuracies have a look and a name, the others are grey
///
/// # Errors
/// If no run has a figure or the drawing library fails.
pub fn draw_overlay(runs: &[Curves]) -> Result<Pictures> {
    let drawn: Vec<_> = runs.iter().filter(|run| !run.is_empty()).collect();
    let Some(first) = drawn.first() else {
        let path = runs.first().map(|run| run.path.clone()).unwrap_or_default();
        return Err(Error::Plot { path, problem: "no epoch of any run has a figure".to_owned() });
    };
    crate::plot::picture(&first.path, |scene| draw(scene, &drawn))
}

pub(in crate::plot) fn draw(scene: &mut Scene, runs: &[&Curves]) -> Drawn<f64> {
    let split = shared(runs);
    scene.text(
        &format!("{} loss and accuracy of {} runs", capital(split), runs.len()),
        TITLE_EM,
        At::Middle,
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
    let legend = Legend::new(&keys, WIDTH - 40.0)?;
    legend.draw(scene, [0.0, WIDTH], 25.5);
    let top = 25.5 + legend.height() + 8.5;
    pair(runs, &looks, split).draw(scene, top, top + PANELS)?;
    Ok(top + PANELS)
}

/// Whose figures every run has
pub(in crate::plot) fn shared(runs: &[&Curves]) -> Split {
    let validated = validation_decides(runs, |run| run.has(Split::Validation));
    if validated { Split::Validation } else { Split::Test }
}

pub(in crate::plot) fn capital(split: Split) -> &'static str {
    match split {
        Split::Training => "Training",
        Split::Validation => "Validation",
        Split::Test => "Test",
    }
}

/// The runs' curves, each in its look
pub(in crate::plot) fn pair(runs: &[&Curves], looks: &[Option<Look>], split: Split) -> Pair {
    let lines = |figures: fn(&Curves) -> &[Points; 3]| {
        let line = |(run, look): (&&Curves, &Option<Look>)| {
            let points = figures(run)[split as usize].clone();
            Line { look: *look, points, whole: run.diverged.is_none() }
        };
        runs.iter().zip(looks).map(line).collect()
    };
    Pair { loss: lines(|run| &run.loss), accuracy: lines(|run| &run.accuracy), of: capital(split), cut: true }
}

fn last(run: &Curves, split: Split) -> f64 {
    run.accuracy[split as usize].last().map_or(-1.0, |&(_, share)| share)
}

/// A look for each of so many things, or only for those with the best of these `figures` if there are too many
pub(in crate::plot) fn looks(figures: &[f64]) -> Vec<Option<Look>> {
    let mut places: Vec<_> = (0..figures.len()).collect();
    if figures.len() > LOOKS {
        places.sort_by(|&a, &b| figures[b].total_cmp(&figures[a]));
        places.truncate(BEST);
    }
    let mut looks = vec![None; figures.len()];
    for (i, place) in places.into_iter().enumerate() {
        looks[place] = Some(Look::of(i));
    }
    looks
}
