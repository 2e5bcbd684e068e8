//! The heat map of a sweep over two settings: a cell for each pair of values

use std::collections::HashMap;

use crate::plot::output::font::width;
use crate::plot::output::scene::{Align, Area, BLACK, Rgb, Scene};
use crate::plot::parts::axis::{self, Scale};
use crate::plot::parts::color_grid::{Grid, VIRIDIS, bar, ink, shade};
use crate::plot::parts::labels::titles;
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, LABEL_EM};
use crate::plot::pictures::accuracy_panel::{accuracy_label, label_of, seeds, without_metrics};
use crate::report::analysis::Analysis;

const TOP: f64 = 50.0;
/// Width of the bar of colors with its ticks and label
const BAR: f64 = 96.0;
/// Grey of cells without a metric
const EMPTY: Rgb = Rgb(0xEEEEEE);

/// Draws accuracy by the two settings that were varied, written into each cell, and returns the height
///
/// The setting with more values goes from left to right, the other from bottom to top. A cell without an accuracy says why.
pub fn draw(scene: &mut Scene, analysis: &Analysis) -> f64 {
    let axes = &analysis.axes;
    let (x, y) = if axes[1].values.len() > axes[0].values.len() { (1, 0) } else { (0, 1) };
    let title = format!("{} after the last epoch (%)", accuracy_label(analysis).trim_end_matches(" (%)"));
    let seeds = seeds(analysis);
    let spread = match seeds {
        0 | 1 => String::new(),
        _ => format!("mean ± standard deviation of up to {seeds} seeds; "),
    };
    let framed =
        if analysis.winner().is_some() { "the best in a frame" } else { "no trial ended with metrics" };
    titles(scene, &title, &format!("{spread}{framed}"));
    let rows: Vec<_> = axes[y].values.iter().rev().cloned().collect(); // from bottom to top
    let columns = &axes[x].values;
    let cell = [120.0, (120.0 / rows.len() as f64).clamp(44.0, 60.0)];
    let grid = Grid::new(&rows, columns, TOP, BAR, cell, 600.0);
    // All cells have the same width, whatever their values: the labels name no scale.
    let full = label_of(&axes[y], Scale::Linear);
    let fits = width(&full, LABEL_EM) <= grid.area.height() + 20.0;
    grid.draw(scene, if fits { &full } else { &axes[y].name }, &label_of(&axes[x], Scale::Linear));

    let mut means: Vec<f64> =
        analysis.groups.iter().filter_map(|group| Some(100.0 * analysis.accuracy(group)?.mean)).collect();
    let colors = axis::metrics(within(&mut means), 100.0, |_| 1.0);
    // Two decimals if they fit, otherwise one
    let (sign, lines) = if seeds > 1 { ("± ", 2) } else { ("", 1) };
    let fitting = |digits: usize| Some((digits, grid.em(&format!("{sign}{:.digits$}", 10.0), lines)?));
    let numbers = fitting(2).or_else(|| fitting(1));
    let words = grid.em("diverged", 1).map(|em| em.min(numbers.map_or(em, |(_, em)| em)));
    let at: HashMap<_, _> =
        analysis.groups.iter().map(|group| ((group.place[x], group.place[y]), group)).collect();
    for row in 0..rows.len() {
        for column in 0..columns.len() {
            let area = grid.cell(row, column);
            let group = at.get(&(column, rows.len() - 1 - row)).copied();
            let Some(spread) = group.and_then(|group| analysis.accuracy(group)) else {
                let why = group.map_or("not run", |group| without_metrics(analysis, group));
                empty(scene, area, why, words);
                continue;
            };
            let color = shade(&VIRIDIS, colors.position(100.0 * spread.mean));
            scene.block(area, color);
            let Some((digits, em)) = numbers else { continue };
            let second = match spread.sd {
                Some(sd) => format!("± {:.digits$}", 100.0 * sd),
                None if group.is_some_and(|group| group.trials.len() > 1) => "1 trial".to_owned(),
                None => String::new(),
            };
            let (middle, baseline) = (area.middle().0, area.middle().1 + HALF_HEIGHT * em);
            let apart = if second.is_empty() { 0.0 } else { 0.6 * em };
            let mean = format!("{:.digits$}", 100.0 * spread.mean);
            scene.colored_text(&mean, em, Align::Middle, (middle, baseline - apart), ink(color));
            scene.colored_text(&second, em - 1.0, Align::Middle, (middle, baseline + apart), ink(color));
        }
    }
    if let Some(winner) = analysis.winner().filter(|_| analysis.groups.len() > 1) {
        let area = grid.cell(rows.len() - 1 - winner.place[y], winner.place[x]);
        scene.frame(area, 2.5, BLACK);
    }
    let Area { right, top, bottom, .. } = grid.area;
    let area = Area { left: right + 18.0, right: right + 32.0, top, bottom: bottom.max(top + 120.0) };
    if !means.is_empty() {
        let below = means.iter().any(|mean| *mean < colors.lo);
        bar(scene, area, &VIRIDIS, &colors, "", below);
    }
    grid.outer.bottom.max(area.bottom + 24.0) + 6.0
}

/// The means that the colors span: those far below most others are left out and get the darkest color
fn within(means: &mut [f64]) -> impl Iterator<Item = f64> {
    const FAR: f64 = 3.0; // times the interquartile range
    means.sort_by(f64::total_cmp);
    let quartile = |i: usize| means.get(means.len() * i / 4).copied().unwrap_or(0.0);
    let least = quartile(1) - FAR * (quartile(3) - quartile(1)).max(1.0);
    means.iter().copied().filter(move |mean| *mean >= least)
}

/// Draws a cell without a metric: grey with the reason, or crossed out if the reason doesn't fit
fn empty(scene: &mut Scene, area: Area, why: &str, em: Option<f64>) {
    scene.block(area, EMPTY);
    match em {
        Some(em) => {
            let (x, y) = area.middle();
            scene.colored_text(why, em.min(LABEL_EM - 1.0), Align::Middle, (x, y + HALF_HEIGHT * em), FRAME);
        }
        None => {
            scene.line(&[(area.left, area.top), (area.right, area.bottom)], 0.5, FRAME);
            scene.line(&[(area.left, area.bottom), (area.right, area.top)], 0.5, FRAME);
        }
    }
}
