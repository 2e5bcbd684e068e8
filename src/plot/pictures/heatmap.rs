//! The heat map of a sweep over two settings: a cell for each pair of values

use std::collections::HashMap;

use crate::plot::output::font::width;
use crate::plot::output::scene::{Align, Area, BLACK, Rgb, Scene};
use crate::plot::parts::axis::{self, Axis, Scale};
use crate::plot::parts::color_grid::{Grid, VIRIDIS, bar, ink, shade};
use crate::plot::parts::labels::titles;
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, LABEL_EM};
use crate::plot::pictures::score_panel::{label_of, seeds, without_metrics};
use crate::report::analysis::{Analysis, Spread};
use crate::report::score::{ScoreKind, labelled};

const TOP: f64 = 50.0;
/// Width of the bar of colors with its ticks and label
const BAR: f64 = 96.0;
/// Grey of cells without a metric
const EMPTY: Rgb = Rgb(0xEEEEEE);

/// Draws the score by the two settings that were varied, written into each cell, and returns the height
///
/// The setting with more values goes from left to right, the other from bottom to top. A cell without a score says why.
pub fn draw(scene: &mut Scene, analysis: &Analysis) -> f64 {
    let axes = &analysis.axes;
    let (x, y) = if axes[1].values.len() > axes[0].values.len() { (1, 0) } else { (0, 1) };
    let kind = analysis.score.kind;
    let title = format!("{} after the {}", analysis.score.title(), analysis.epoch());
    let title = labelled(&title, &[kind.unit()]);
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

    let spreads: Vec<Spread> = analysis.groups.iter().filter_map(|group| analysis.scored(group)).collect();
    let means: Vec<f64> = spreads.iter().map(|spread| kind.factor() * spread.mean).collect();
    let colors = colors(kind, &means);
    // All digits if they fit, otherwise one less
    let lines = if seeds > 1 { 2 } else { 1 };
    let fitting = |print: Print| Some((print, grid.em(&widest(kind, &spreads, lines, print), lines)?));
    let numbers = fitting(ScoreKind::spread_text).or_else(|| fitting(ScoreKind::short_text));
    let words = grid.em("diverged", 1).map(|em| em.min(numbers.map_or(em, |(_, em)| em)));
    let at: HashMap<_, _> =
        analysis.groups.iter().map(|group| ((group.place[x], group.place[y]), group)).collect();
    for row in 0..rows.len() {
        for column in 0..columns.len() {
            let area = grid.cell(row, column);
            let group = at.get(&(column, rows.len() - 1 - row)).copied();
            let Some(spread) = group.and_then(|group| analysis.scored(group)) else {
                let why = group.map_or("not run", |group| without_metrics(analysis, group));
                empty(scene, area, why, words);
                continue;
            };
            let color = shade(&VIRIDIS, colors.position(kind.factor() * spread.mean));
            scene.block(area, color);
            let Some((print, em)) = numbers else { continue };
            let [mean, mut second] = in_lines(&print(kind, spread));
            if second.is_empty() && group.is_some_and(|group| group.trials.len() > 1) {
                "1 trial".clone_into(&mut second);
            }
            let (middle, baseline) = (area.middle().0, area.middle().1 + HALF_HEIGHT * em);
            let apart = if second.is_empty() { 0.0 } else { 0.6 * em };
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
        let is_beyond = means.iter().any(|mean| colors.position(*mean) < 0.0);
        let worst = colors.lo / kind.factor();
        let limit = kind.short_text(Spread { n: 1, mean: worst, sd: None });
        let limit = format!("{} {limit}", if kind.falls() { '≥' } else { '≤' });
        bar(scene, area, &VIRIDIS, &colors, "", is_beyond.then_some(limit.as_str()));
    }
    grid.outer.bottom.max(area.bottom + 24.0) + 6.0
}

/// How the mean of a cell is printed
type Print = fn(ScoreKind, Spread) -> String;

/// The text of a cell in its two lines: `88.49` above `± 0.21`; the second is empty for one seed
fn in_lines(text: &str) -> [String; 2] {
    let (mean, sd) = text.split_once(" ± ").map_or((text, None), |(mean, sd)| (mean, Some(sd)));
    [mean.to_owned(), sd.map_or_else(String::new, |sd| format!("± {sd}"))]
}

/// The widest line that any cell can contain
///
/// * `lines`: the lines in each cell: with two, the second is the deviation
fn widest(kind: ScoreKind, spreads: &[Spread], lines: usize, print: Print) -> String {
    let two_digits = || Spread { n: 2, mean: 0.1, sd: (lines > 1).then_some(0.1) };
    let texts: Vec<_> = match kind {
        ScoreKind::Accuracy => in_lines(&print(kind, two_digits())).to_vec(),
        ScoreKind::Rmse => spreads.iter().flat_map(|spread| in_lines(&print(kind, *spread))).collect(),
    };
    let by_width = |a: &String, b: &String| width(a, LABEL_EM).total_cmp(&width(b, LABEL_EM));
    texts.into_iter().max_by(by_width).unwrap_or_default()
}

/// The axis of the colors: its low end is the worst of the means, its high end the best
///
/// Means that are far worse than most are left out; they get the color of the low end.
fn colors(kind: ScoreKind, means: &[f64]) -> Axis {
    const FAR: f64 = 3.0; // times the interquartile range
    let sign = if kind.falls() { -1.0 } else { 1.0 };
    let mut ranks: Vec<_> = means.iter().map(|mean| sign * mean).collect();
    ranks.sort_by(f64::total_cmp);
    let quartile = |i: usize| ranks.get(ranks.len() * i / 4).copied().unwrap_or(0.0);
    // The least range of the colors
    let span = |greatest: f64| match kind {
        ScoreKind::Accuracy => 1.0,
        ScoreKind::Rmse if greatest > 0.0 => 0.02 * greatest,
        ScoreKind::Rmse => 1.0,
    };
    let least = quartile(1) - FAR * (quartile(3) - quartile(1)).max(span(quartile(2).abs()));
    let within = ranks.iter().filter(|rank| **rank >= least).map(|rank| sign * rank);
    let axis = axis::metrics(within, kind.largest(), span);
    if kind.falls() { Axis { lo: axis.hi, hi: axis.lo, ..axis } } else { axis }
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
