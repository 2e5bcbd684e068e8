//! The heat map of a sweep over two settings: a cell for each pair of values

use std::path::Path;

use crate::error::{Error, Result};
use crate::plot::Pictures;
use crate::plot::output::font::width;
use crate::plot::output::scene::{Align, Area, BLACK, Rgb, Scene, WIDTH};
use crate::plot::parts::axis::{self, Scale};
use crate::plot::parts::color_grid::{Grid, Ramp, bar, ink};
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, LABEL_EM, TICK_EM, TITLE_EM};
use crate::plot::pictures::accuracy_panel::{accuracy_label, label_of, without_metrics};
use crate::report::analysis::{Analysis, Group};

const TOP: f64 = 50.0;
/// Width of the bar of colors with its ticks and label
const BAR: f64 = 92.0;
/// Grey of cells without a metric
const EMPTY: Rgb = Rgb(238, 238, 238);

/// Draws accuracy by two settings, written into each cell; a cell without one says why
///
/// The setting with more values goes from left to right, the other from bottom to top.
///
/// # Errors
/// When the number of varied settings is not two, or the PNG can't be made.
pub fn draw_heatmap(runs_csv: &Path, analysis: &Analysis) -> Result<Pictures> {
    if analysis.axes.len() != 2 {
        let problem = format!("expected two varied settings, found {}", analysis.axes.len());
        return Err(Error::Plot { path: runs_csv.to_owned(), problem });
    }
    crate::plot::picture(runs_csv, |scene| draw(scene, analysis))
}

pub fn draw(scene: &mut Scene, analysis: &Analysis) -> f64 {
    let axes = &analysis.axes;
    let (x, y) = if axes[1].values.len() > axes[0].values.len() { (1, 0) } else { (0, 1) };
    let title = format!("{} after the last epoch (%)", accuracy_label(analysis).trim_end_matches(" (%)"));
    scene.text(&title, TITLE_EM, Align::Middle, (WIDTH / 2.0, 19.0));
    let seeds = analysis.groups.iter().map(|group| group.trials.len()).max().unwrap_or(0);
    let spread = match seeds {
        0 | 1 => String::new(),
        _ => format!("mean ± standard deviation of up to {seeds} seeds; "),
    };
    let note = format!("{spread}the best in a frame");
    scene.colored_text(&note, TICK_EM, Align::Middle, (WIDTH / 2.0, 37.0), FRAME);
    let rows: Vec<_> = axes[y].values.iter().rev().cloned().collect(); // from bottom to top
    let columns = &axes[x].values;
    let lay = |left: f64| {
        Grid::new(
            &rows,
            columns,
            (left, TOP),
            [120.0, (120.0 / rows.len() as f64).clamp(44.0, 60.0)],
            [WIDTH - BAR - 40.0, 600.0],
        )
    };
    // First to learn its width, then centred
    let first = lay(20.0);
    let grid = lay(20.0 + (WIDTH - BAR - 20.0 - first.outer.right).max(0.0) / 2.0);
    // All cells have the same width, whatever their values: the labels name no scale.
    let full = label_of(&axes[y], Scale::Linear);
    let fits = width(&full, LABEL_EM) <= grid.area.bottom - grid.area.top + 20.0;
    let row_label = if fits { &full } else { &axes[y].name };
    grid.draw(scene, row_label, &label_of(&axes[x], Scale::Linear));

    let mut means: Vec<f64> =
        analysis.groups.iter().filter_map(|group| Some(100.0 * analysis.accuracy(group)?.mean)).collect();
    let colors = axis::metrics(within(&mut means), 100.0, |_| 1.0);
    let lines = if analysis.groups.iter().any(|group| group.trials.len() > 1) { 2 } else { 1 };
    // Two decimals if they fit, otherwise one
    let sign = if lines == 2 { "± " } else { "" };
    let em_with = |digits: usize| grid.em(&format!("{sign}{:.digits$}", 10.0), lines);
    let (digits, numbers_em) = match em_with(2) {
        Some(em) => (2, Some(em)),
        None => (1, em_with(1)),
    };
    let words = grid.em("diverged", 1).map(|em| em.min(numbers_em.unwrap_or(em)));
    for (row, value) in (0..rows.len()).map(|row| (row, rows.len() - 1 - row)) {
        for column in 0..columns.len() {
            let area = grid.cell(row, column);
            let here = |group: &&Group| group.place[x] == column && group.place[y] == value;
            let group = analysis.groups.iter().find(here);
            let Some((group, spread)) = group.and_then(|group| Some((group, analysis.accuracy(group)?)))
            else {
                let why = group.map_or("not run", |group| without_metrics(analysis, group));
                empty(scene, area, why, words);
                continue;
            };
            let color = Ramp::Viridis.color(colors.position(100.0 * spread.mean));
            scene.block(area, color);
            let Some(em) = numbers_em else { continue };
            let (middle, baseline) = (area.middle(), area.middle().1 + HALF_HEIGHT * em);
            let mean = format!("{:.digits$}", 100.0 * spread.mean);
            let second = match spread.sd {
                Some(sd) => Some(format!("± {:.digits$}", 100.0 * sd)),
                None if group.trials.len() > 1 => Some("1 trial".to_owned()),
                None => None,
            };
            let up = if second.is_some() { 0.6 * em } else { 0.0 };
            scene.colored_text(&mean, em, Align::Middle, (middle.0, baseline - up), ink(color));
            if let Some(second) = second {
                let em_second = em - 1.0;
                scene.colored_text(
                    &second,
                    em_second,
                    Align::Middle,
                    (middle.0, baseline + 0.6 * em),
                    ink(color),
                );
            }
        }
    }
    if let Some(winner) = analysis.winner().filter(|_| analysis.groups.len() > 1) {
        let area = grid.cell(rows.len() - 1 - winner.place[y], winner.place[x]);
        scene.frame(area, 2.5, BLACK);
    }
    if means.is_empty() {
        return grid.outer.bottom + 6.0;
    }
    let left = grid.area.right + 18.0;
    let high = Area {
        left,
        right: left + 14.0,
        top: grid.area.top,
        bottom: grid.area.bottom.max(grid.area.top + 120.0),
    };
    bar(scene, high, Ramp::Viridis, &colors, accuracy_label(analysis), |place| place);
    grid.outer.bottom.max(high.bottom + 10.0) + 6.0
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
