//! The picture of a sweep: accuracy by each varied setting, and the curves of all trials

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::error::{Error, Result};
use crate::plot::Pictures;
use crate::plot::epochs_csv::Curves;
use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::legend::{Legend, Sign};
use crate::plot::parts::line_style::{FRAME, GRID, HALF_HEIGHT, Look, TICK_EM, TITLE_EM};
use crate::plot::pictures::accuracy_panel::{Panel, names, values, without_metrics};
use crate::plot::pictures::overlay::{looks, pair, shared};
use crate::report::analysis::{Analysis, Group};
use crate::tables::Status;

const TOP: f64 = 50.0;
const PANEL: f64 = 268.0;
const GAP: f64 = 14.0;
const ROW: f64 = 17.0;

/// Draws a panel of accuracy for each setting that was varied, and the curves of all trials below
///
/// * `curves`: the curves of the trials, in any order; if it is empty, their panels are left out
/// * All curves of a setting have the same look. Of more than twelve settings, the most accurate have one; the others are grey.
///
/// # Errors
/// When there is no trial, or the PNG can't be made.
pub fn draw_sweep(runs_csv: &Path, analysis: &Analysis, curves: &[Curves]) -> Result<Pictures> {
    if analysis.trials.is_empty() {
        return Err(Error::Plot { path: runs_csv.to_owned(), problem: "no trial is in it".to_owned() });
    }
    crate::plot::picture(runs_csv, |scene| draw(scene, analysis, curves))
}

pub fn draw(scene: &mut Scene, analysis: &Analysis, curves: &[Curves]) -> f64 {
    let (title, subtitle) = titles(analysis);
    scene.text(&fit(&title, TITLE_EM, WIDTH - 40.0), TITLE_EM, Align::Middle, (WIDTH / 2.0, 19.0));
    scene.colored_text(&subtitle, TICK_EM, Align::Middle, (WIDTH / 2.0, 37.0), FRAME);
    let mean = |group: &Group| analysis.accuracy(group).map_or(-1.0, |spread| spread.mean);
    let looks = looks(&analysis.groups.iter().map(mean).collect::<Vec<_>>());

    let panels = analysis.axes.len().max(1);
    let mut y = TOP;
    for row in 0..panels.div_ceil(2) {
        let row: Vec<_> =
            (2 * row..panels.min(2 * row + 2)).map(|axis| Panel { analysis, axis, looks: &looks }).collect();
        let legends = row.iter().map(|panel| panel.legend(WIDTH / 2.0 - 52.0)).collect::<Vec<_>>();
        let above = legends.iter().map(Legend::height).fold(0.0, f64::max);
        let top = if above > 0.0 { y + above + 6.0 } else { y };
        let mut bottom = top + PANEL;
        for (side, (panel, legend)) in row.iter().zip(legends).enumerate() {
            let outer = half(side, top, top + PANEL);
            legend.draw(scene, [outer.left + 50.0, outer.right - 14.0], top - 6.0 - legend.height());
            bottom = panel.draw(scene, outer).max(bottom);
        }
        if row.len() == 1 {
            bottom = settings(scene, analysis, &looks, half(1, top, bottom)).max(bottom);
        }
        y = bottom + GAP;
    }
    let repeats: HashSet<&str> = analysis.repeats.iter().map(|run| run.id.as_str()).collect();
    let shown: Vec<_> =
        curves.iter().filter(|run| !run.is_empty() && !repeats.contains(run.run_id())).collect();
    if shown.is_empty() {
        return y;
    }
    if panels.is_multiple_of(2) {
        let legend = Legend::small(&names(analysis, None), &keys(analysis, &looks), WIDTH - 40.0);
        legend.draw(scene, [0.0, WIDTH], y);
        y += legend.height() + 8.0;
    }
    let groups = analysis.groups.iter().zip(&looks);
    let look_of: HashMap<&str, Option<Look>> = groups
        .flat_map(|(group, look)| group.trials.iter().map(|&i| (analysis.trials[i].id.as_str(), *look)))
        .collect();
    let run_looks: Vec<_> = shown.iter().map(|run| look_of.get(run.run_id()).copied().flatten()).collect();
    pair(&shown, &run_looks, shared(&shown)).draw(scene, y, y + PANEL);
    y + PANEL
}

fn half(side: usize, top: f64, bottom: f64) -> Area {
    let left = side as f64 * WIDTH / 2.0;
    Area { left, right: left + WIDTH / 2.0, top, bottom }
}

fn titles(analysis: &Analysis) -> (String, String) {
    let by = if analysis.axes.is_empty() { String::new() } else { format!(" by {}", names(analysis, None)) };
    let on = if analysis.decided_on() == "validation" { "Validation" } else { "Test" };
    let title = format!("{on} accuracy after the last epoch{by}");
    let count = analysis.trials.len();
    let trials = if count == 1 { "1 trial".to_owned() } else { format!("{count} trials") };
    let seeds = analysis.groups.iter().map(|group| group.trials.len()).max().unwrap_or(0);
    let note = match seeds {
        0 | 1 => String::new(),
        _ => format!(
            "; marks and bars are mean ± standard deviation of up to {seeds} seeds, dots are single trials"
        ),
    };
    (title, trials + &note)
}

/// The values of a group; the heading has their names
fn name(analysis: &Analysis, group: &Group) -> String {
    match analysis.axes.len() {
        0 => "all trials".to_owned(),
        _ => values(analysis, group, None),
    }
}

/// Groups that have a look, in the order of their values; best first if not all have one
fn named<'a>(analysis: &'a Analysis, looks: &[Option<Look>]) -> Vec<(&'a Group, Look)> {
    let mut order: Vec<usize> = (0..analysis.groups.len()).collect();
    if looks.iter().all(Option::is_some) {
        order.sort_by_key(|&i| &analysis.groups[i].place);
    } else {
        order = analysis.ranking();
    }
    order.into_iter().filter_map(|i| Some((&analysis.groups[i], looks[i]?))).collect()
}

fn keys(analysis: &Analysis, looks: &[Option<Look>]) -> Vec<(Sign, String)> {
    let named = named(analysis, looks);
    let grey = analysis.groups.len() - named.len();
    let mut keys: Vec<_> =
        named.into_iter().map(|(group, look)| (Sign::Line(look), name(analysis, group))).collect();
    keys.extend((grey > 0).then(|| (Sign::Faint, format!("{grey} other settings, less accurate"))));
    keys
}

/// Draws the table of settings, which is the legend of the curves, and returns its lower end
fn settings(scene: &mut Scene, analysis: &Analysis, looks: &[Option<Look>], outer: Area) -> f64 {
    let columns = [outer.left + 26.0, outer.right - 66.0, outer.right - 18.0];
    let named = named(analysis, looks);
    let grey = analysis.groups.len() - named.len();
    let row = |row: usize| outer.top + 12.0 + row as f64 * ROW;
    let heading = if analysis.axes.is_empty() { "setting".to_owned() } else { names(analysis, None) };
    let base = row(0) + HALF_HEIGHT * TICK_EM;
    let heading = fit(&heading, TICK_EM, 190.0);
    scene.colored_text(&heading, TICK_EM, Align::Start, (columns[0], base), FRAME);
    scene.colored_text("accuracy (%)", TICK_EM, Align::End, (columns[1], base), FRAME);
    scene.colored_text("trials", TICK_EM, Align::End, (columns[2], base), FRAME);
    let line = row(0) + ROW / 2.0;
    scene.rule((columns[0], line), (columns[2], line), 0.5, GRID);
    let winner = analysis.winner();
    for (i, (group, look)) in named.iter().enumerate() {
        let y = row(i + 1);
        let base = y + HALF_HEIGHT * TICK_EM;
        Sign::Line(*look).draw(scene, [columns[0], columns[0] + 36.0], y);
        let mut accuracy = accuracy_text(analysis, group);
        if winner == Some(*group) && analysis.groups.len() > 1 {
            accuracy = format!("best: {accuracy}");
        }
        let start = columns[0] + 44.0;
        let room = columns[1] - width(&accuracy, TICK_EM) - 10.0 - start;
        scene.text(&fit(&name(analysis, group), TICK_EM, room), TICK_EM, Align::Start, (start, base));
        scene.text(&accuracy, TICK_EM, Align::End, (columns[1], base));
        let ok = group.trials.iter().filter(|&&i| analysis.trials[i].status == Status::Ok).count();
        let of = group.trials.len();
        let count = if ok == of { of.to_string() } else { format!("{ok} of {of}") };
        scene.text(&count, TICK_EM, Align::End, (columns[2], base));
    }
    if grey > 0 {
        let y = row(named.len() + 1);
        Sign::Faint.draw(scene, [columns[0], columns[0] + 36.0], y);
        let text = format!("{grey} other settings, less accurate");
        scene.text(&text, TICK_EM, Align::Start, (columns[0] + 44.0, y + HALF_HEIGHT * TICK_EM));
    }
    row(named.len() + 2)
}

/// Text such as `88.49 ± 0.21`, or the reason why there is none
pub fn accuracy_text(analysis: &Analysis, group: &Group) -> String {
    match analysis.accuracy(group) {
        Some(spread) => match spread.sd {
            Some(sd) => format!("{:.2} ± {:.2}", 100.0 * spread.mean, 100.0 * sd),
            None => format!("{:.2}", 100.0 * spread.mean),
        },
        None => without_metrics(analysis, group).to_owned(),
    }
}
