//! The curves of all trials of a sweep by epoch: the chosen settings with their spread, all others in grey

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::plot::epochs_csv::{Curves, Points};
use crate::plot::output::font::fit;
use crate::plot::output::scene::{Align, Scene, WIDTH};
use crate::plot::parts::line_style::{FRAME, Look, TICK_EM};
use crate::plot::pictures::curve_panels::{Line, PANELS, Pair};
use crate::plot::pictures::overlay::shared;
use crate::plot::pictures::sweep_looks::Looks;
use crate::report::analysis::{Analysis, Spread};

/// Draws the curves of all trials below `top`, and returns the lower end
///
/// A setting with several seeds is drawn as the mean with a band of one standard deviation, and its seeds as thin pale lines.
pub fn draw_curves(
    scene: &mut Scene,
    analysis: &Analysis,
    looks: &Looks,
    curves: &[Curves],
    mut top: f64,
) -> f64 {
    const MOST: usize = 400; // grey curves: more of them would be a grey area, and slow to draw
    let repeats: HashSet<&str> = analysis.repeats.iter().map(|run| run.id.as_str()).collect();
    // A run of the other task has a loss of another kind, too.
    let kind = analysis.score.kind;
    let is_shown = |run: &&Curves| {
        !run.is_empty() && run.kind.is_none_or(|of| of == kind) && !repeats.contains(run.run_id.as_str())
    };
    let shown: Vec<_> = curves.iter().filter(is_shown).collect();
    if shown.is_empty() {
        return top;
    }
    let split = shared(&shown);
    let curve_of: HashMap<&str, &Curves> = shown.iter().map(|run| (run.run_id.as_str(), *run)).collect();
    let chosen = looks.chosen(analysis);
    let (mut loss, mut score, mut others) = (vec![], vec![], vec![]);
    let mut has_bands = false;
    for (i, group) in analysis.groups.iter().enumerate() {
        let runs = group.trials.iter().filter_map(|&i| curve_of.get(analysis.trials[i].id.as_str()).copied());
        let runs: Vec<&Curves> = runs.collect();
        if chosen.contains(&i) {
            has_bands |= runs.len() > 1;
            loss.extend(with_mean(&runs, looks.groups[i], |run| &run.loss[split as usize]));
            score.extend(with_mean(&runs, looks.groups[i], |run| &run.score[split as usize]));
        } else {
            others.extend(runs);
        }
    }
    // Curves whose trial is not in runs.csv are grey, too.
    let known: HashSet<&str> = analysis.trials.iter().map(|trial| trial.id.as_str()).collect();
    others.extend(shown.iter().filter(|run| !known.contains(run.run_id.as_str())).copied());
    let every = others.len().div_ceil(MOST).max(1);
    let grey: Vec<_> = others.iter().step_by(every).copied().collect();
    let faint =
        |points: &Points, run: &Curves| Line::new(Look::FAINT, points.clone(), run.diverged.is_none());
    loss.extend(grey.iter().map(|run| faint(&run.loss[split as usize], run)));
    score.extend(grey.iter().map(|run| faint(&run.score[split as usize], run)));

    let mut notes = vec![];
    if let Some(color) = looks.color {
        notes.push(format!("the best of each {}", analysis.axes[color].name));
    }
    if has_bands {
        notes.push("bands: ± one standard deviation; thin: single seeds".to_owned());
    }
    if !grey.is_empty() {
        let count = if every > 1 {
            format!("{} of the {}", grey.len(), others.len())
        } else {
            others.len().to_string()
        };
        notes.push(format!("grey: {count} other trials"));
    }
    if analysis.axes.iter().any(|axis| axis.name == "loss") {
        notes.push("losses are of different kinds".to_owned());
    }
    if !notes.is_empty() {
        let note = fit(&format!("Curves: {}", notes.join("; ")), TICK_EM, WIDTH - 40.0);
        scene.colored_text(&note, TICK_EM, Align::Middle, (WIDTH / 2.0, top + 10.0), FRAME);
        top += 20.0;
    }
    Pair { loss, score, kind, of: Some(split) }.draw(scene, top, top + PANELS);
    top + PANELS
}

/// The curve of one run; of several, the mean with its band, and each as a thin pale line
fn with_mean(runs: &[&Curves], look: Look, points_of: impl Fn(&Curves) -> &Points) -> Vec<Line> {
    let line = |run: &&Curves| Line::new(look, points_of(run).clone(), run.diverged.is_none());
    let mut lines: Vec<_> = runs.iter().map(line).collect();
    let whole: Vec<_> = runs.iter().filter(|run| run.diverged.is_none()).collect();
    if runs.len() < 2 {
        return lines;
    }
    lines.iter_mut().for_each(|line| (line.look, line.thin) = (look.pale(), true));
    if whole.is_empty() {
        return lines;
    }
    let mut metrics: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (epoch, metric) in whole.iter().flat_map(|run| points_of(run)) {
        metrics.entry(*epoch).or_default().push(*metric);
    }
    metrics.retain(|_, of_epoch| of_epoch.len() == whole.len());
    let spreads = metrics.iter().filter_map(|(epoch, of_epoch)| Some((*epoch, Spread::of(of_epoch)?)));
    let spreads: Vec<_> = spreads.collect();
    let mut mean =
        Line::new(look, spreads.iter().map(|(epoch, spread)| (*epoch, spread.mean)).collect(), true);
    mean.band = spreads.iter().filter_map(|(_, spread)| spread.sd).collect();
    lines.push(mean);
    lines
}
