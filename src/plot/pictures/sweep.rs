//! The picture of a sweep: accuracy by each varied setting, and the curves of all trials

use std::collections::{HashMap, HashSet};

use crate::plot::epochs_csv::Curves;
use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::{Legend, entries};
use crate::plot::parts::line_style::{FRAME, GRID, HALF_HEIGHT, Look, TICK_EM};
use crate::plot::pictures::accuracy_panel::{
    Panel, accuracy_label, mean, names, seeds, values, without_metrics,
};
use crate::plot::pictures::overlay::{looks, pair, shared};
use crate::report::analysis::{Analysis, Group};
use crate::tables::Status;

const TOP: f64 = 50.0;
const PANEL: f64 = 268.0;
const GAP: f64 = 14.0;
const ROW: f64 = 17.0;

/// Draws a panel of accuracy for each setting that was varied, and the curves of all trials below; returns the height
///
/// * `curves`: the curves of the trials, in any order; if there are none, their panels are left out
/// * All curves of a setting have the same look. Of more than twelve settings, the most accurate have one; the others are grey.
pub fn draw(scene: &mut Scene, analysis: &Analysis, curves: &[Curves]) -> f64 {
    draw_titles(scene, analysis);
    let means = analysis.groups.iter().map(|group| mean(analysis, group));
    let looks = looks(&means.collect::<Vec<_>>());

    let panels: Vec<_> =
        (0..analysis.axes.len().max(1)).map(|axis| Panel::new(analysis, axis, &looks)).collect();
    let mut y = TOP;
    for row in panels.chunks(2) {
        let legends: Vec<_> = row.iter().map(|panel| panel.legend(WIDTH / 2.0 - 52.0)).collect();
        let above = legends.iter().map(Legend::height).fold(0.0, f64::max);
        let top = if above > 0.0 { y + above + 6.0 } else { y };
        let half = |left: f64| Area { left, top, right: left + WIDTH / 2.0, bottom: top + PANEL };
        let mut bottom = top + PANEL;
        for ((panel, legend), left) in row.iter().zip(legends).zip([0.0, WIDTH / 2.0]) {
            legend.draw(scene, [left + 50.0, left + WIDTH / 2.0 - 14.0], top - 6.0 - legend.height());
            bottom = panel.draw(scene, half(left)).max(bottom);
        }
        if row.len() == 1 {
            bottom = settings(scene, analysis, &looks, half(WIDTH / 2.0)).max(bottom);
        }
        y = bottom + GAP;
    }
    let repeats: HashSet<&str> = analysis.repeats.iter().map(|run| run.id.as_str()).collect();
    let is_shown = |run: &&Curves| !run.is_empty() && !repeats.contains(run.run_id.as_str());
    let shown: Vec<_> = curves.iter().filter(is_shown).collect();
    if shown.is_empty() {
        return y;
    }
    if panels.len().is_multiple_of(2) {
        let keys = ordered(analysis, &looks).into_iter().map(|(group, look)| (look, name(analysis, group)));
        let legend = Legend::new(&names(analysis, None), entries(keys, OTHERS), WIDTH - 40.0);
        legend.draw(scene, [0.0, WIDTH], y);
        y += legend.height() + 8.0;
    }
    let groups = analysis.groups.iter().zip(&looks);
    let look_of: HashMap<&str, Look> = groups
        .flat_map(|(group, look)| group.trials.iter().map(|&i| (analysis.trials[i].id.as_str(), *look)))
        .collect();
    let look = |run: &&Curves| look_of.get(run.run_id.as_str()).copied().unwrap_or(Look::FAINT);
    pair(&shown, &shown.iter().map(look).collect::<Vec<_>>(), shared(&shown)).draw(scene, y, y + PANEL);
    y + PANEL
}

fn draw_titles(scene: &mut Scene, analysis: &Analysis) {
    let by = if analysis.axes.is_empty() { "" } else { " by " };
    let accuracy = accuracy_label(analysis).trim_end_matches(" (%)");
    let title = format!("{accuracy} after the last epoch{by}{}", names(analysis, None));
    let trials = match analysis.trials.len() {
        1 => "1 trial".to_owned(),
        count => format!("{count} trials"),
    };
    let note = match seeds(analysis) {
        0 | 1 => trials,
        seeds => format!(
            "{trials}; marks and bars are mean ± standard deviation of up to {seeds} seeds, dots are single trials"
        ),
    };
    titles(scene, &title, &note);
}

/// What the grey lines are
const OTHERS: &str = "other settings, less accurate";

/// The values of a group; the heading has their names
fn name(analysis: &Analysis, group: &Group) -> String {
    match analysis.axes.len() {
        0 => "all trials".to_owned(),
        _ => values(analysis, group, None),
    }
}

/// The groups with their looks, in the order of their values; best first if some are grey
fn ordered<'a>(analysis: &'a Analysis, looks: &[Look]) -> Vec<(&'a Group, Look)> {
    let mut order: Vec<_> = analysis.ranking();
    if !looks.contains(&Look::FAINT) {
        order.sort_by_key(|&i| &analysis.groups[i].place);
    }
    order.into_iter().map(|i| (&analysis.groups[i], looks[i])).collect()
}

/// Draws the table of settings, which is the legend of the curves, and returns its lower end
fn settings(scene: &mut Scene, analysis: &Analysis, looks: &[Look], outer: Area) -> f64 {
    const SAMPLE: f64 = 36.0;
    let [left, accuracies, trials] = [outer.left + 26.0, outer.right - 66.0, outer.right - 18.0];
    let middle = |row: usize| outer.top + 12.0 + row as f64 * ROW;
    let baseline = |row: usize| middle(row) + HALF_HEIGHT * TICK_EM;
    let heading = if analysis.axes.is_empty() { "setting".to_owned() } else { names(analysis, None) };
    let heading = fit(&heading, TICK_EM, 190.0);
    scene.colored_text(&heading, TICK_EM, Align::Start, (left, baseline(0)), FRAME);
    scene.colored_text("accuracy (%)", TICK_EM, Align::End, (accuracies, baseline(0)), FRAME);
    scene.colored_text("trials", TICK_EM, Align::End, (trials, baseline(0)), FRAME);
    let line = middle(0) + ROW / 2.0;
    scene.rule((left, line), (trials, line), 0.5, GRID);
    let (grey, named): (Vec<_>, Vec<_>) =
        ordered(analysis, looks).into_iter().partition(|(_, look)| *look == Look::FAINT);
    for (row, (group, look)) in (1..).zip(&named) {
        look.sample(scene, [left, left + SAMPLE], middle(row));
        let is_best = analysis.groups.len() > 1 && analysis.winner() == Some(*group);
        let accuracy = if is_best { "best: " } else { "" }.to_owned() + &accuracy_text(analysis, group);
        let start = left + SAMPLE + 8.0;
        let room = accuracies - width(&accuracy, TICK_EM) - 10.0 - start;
        let name = fit(&name(analysis, group), TICK_EM, room);
        scene.text(&name, TICK_EM, Align::Start, (start, baseline(row)));
        scene.text(&accuracy, TICK_EM, Align::End, (accuracies, baseline(row)));
        let ok = group.trials.iter().filter(|&&i| analysis.trials[i].status == Status::Ok).count();
        let of = group.trials.len();
        let count = if ok == of { of.to_string() } else { format!("{ok} of {of}") };
        scene.text(&count, TICK_EM, Align::End, (trials, baseline(row)));
    }
    let rows = named.len() + 1;
    if !grey.is_empty() {
        Look::FAINT.sample(scene, [left, left + SAMPLE], middle(rows));
        let text = format!("{} {OTHERS}", grey.len());
        scene.text(&text, TICK_EM, Align::Start, (left + SAMPLE + 8.0, baseline(rows)));
    }
    middle(rows + 1)
}

/// Text such as `88.49 ± 0.21`, or the reason why there is none
fn accuracy_text(analysis: &Analysis, group: &Group) -> String {
    let Some(spread) = analysis.accuracy(group) else { return without_metrics(analysis, group).to_owned() };
    let sd = spread.sd.map(|sd| format!(" ± {:.2}", 100.0 * sd));
    format!("{:.2}{}", 100.0 * spread.mean, sd.unwrap_or_default())
}
