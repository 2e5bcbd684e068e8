//! The picture of regression: predicted values against true values, a panel for each target

use std::collections::BTreeMap;

use crate::error::separated;
use crate::plot::output::font::fit;
use crate::plot::output::scene::{Align, Area, Point, Rgb, Scene, Stroke, WIDTH};
use crate::plot::parts::axis::{self, Axis};
use crate::plot::parts::color_grid::{BLUES, bar, shade};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::labels::titles;
use crate::plot::parts::line_style::{FRAME, LABEL_EM, Look, TICK_EM};
use crate::plot::predictions_csv::Target;
use crate::report::analysis::four_digits;

/// Greatest number of panels
const PANELS: usize = 6;
/// Greatest number of rows that are drawn as points
const POINTS: usize = 2000;
/// Least side of a panel's frame
const LEAST: f64 = 130.0;
/// Width of a single panel
const SINGLE: f64 = 480.0;
/// Side of a cell in which rows are counted
const CELL: f64 = 4.0;
/// Width of the bar of colors with its ticks and label
const BAR: f64 = 110.0;
/// Height of the title of a panel
const TITLE: f64 = 38.0;
const GAP: f64 = 14.0;
/// The line of predictions that equal the true values
const DIAGONAL: Stroke = Stroke { width: 1.0, color: FRAME, dash: &[4.0, 3.0] };

/// Draws predicted values (upwards) against true values (to the right), a square panel for each of the first six targets, and
/// returns the height
///
/// * `run`: name of the run; may be empty
/// * Up to 2000 rows are points. More are counted in small cells, whose colors have one scale for all panels.
pub fn draw(scene: &mut Scene, targets: &[Target], run: &str) -> f64 {
    let rows = targets.first().map_or(0, |target| target.values.len());
    let shown = &targets[..targets.len().min(PANELS)];
    let of = if run.is_empty() { "Predicted".to_owned() } else { format!("{run}: predicted") };
    let title = format!("{of} against true values of {} test samples", separated(rows));
    let mut note = "on the dashed line, predictions equal the true values".to_owned();
    if targets.len() > shown.len() {
        note += &format!("; the first {} of {} targets", shown.len(), separated(targets.len()));
    }
    titles(scene, &title, &note);

    let is_counted = rows > POINTS;
    let right = if is_counted { WIDTH - BAR } else { WIDTH };
    let axis = |target: &Target| axis::values(target.values.iter().flat_map(|&(t, p)| [t, p]));
    let axes: Vec<Axis> = shown.iter().map(axis).collect();
    let most = match shown.len() {
        0 | 1 => 1,
        2 | 4 => 2,
        _ => 3,
    };
    // Fewer side by side if the labels of their ticks are long
    let fits = |columns: &usize| {
        let frame = |axis| Frame::square(axis, [0.0, right / *columns as f64], 0.0);
        axes.iter().all(|axis| frame(axis).area.width() >= LEAST)
    };
    let columns = (1..=most).rev().find(fits).unwrap_or(1);
    let wide = (right / columns as f64).min(SINGLE);
    let left = (right - wide * columns as f64) / 2.0;
    let mut panels = vec![];
    let mut top = 50.0;
    for (row, axes) in shown.chunks(columns).zip(axes.chunks(columns)) {
        let mut bottom = top;
        for (i, (target, axis)) in row.iter().zip(axes).enumerate() {
            let at = left + i as f64 * wide;
            let frame = Frame::square(axis, [at, at + wide], top + TITLE);
            bottom = frame.bottom().max(bottom);
            panels.push((target, frame));
        }
        top = bottom + GAP;
    }
    let counts: Vec<_> = if is_counted {
        panels.iter().map(|(target, frame)| counts(target, frame)).collect()
    } else {
        vec![]
    };
    let greatest = counts.iter().flat_map(|counts| counts.cells.values()).copied().max().unwrap_or(0);
    let colors = axis::counts(greatest);
    for (i, (target, frame)) in panels.iter().enumerate() {
        heading(scene, target, frame);
        frame.draw(scene, "True value", "Predicted value");
        if let Some(counts) = counts.get(i) {
            counts.draw(scene, &colors);
        }
        let ends = [frame.x.lo, frame.x.hi].map(|x| (frame.at_x(x), frame.at_y(x)));
        scene.stroke(&ends, DIAGONAL, None);
        if !is_counted {
            points(scene, target, frame);
        }
    }
    if let (true, Some((_, frame))) = (is_counted, panels.get(columns.min(shown.len()) - 1)) {
        let left = frame.area.right + 24.0;
        let area = Area { left, right: left + 14.0, ..frame.area };
        bar(scene, area, &BLUES, &colors, "Samples in a cell (log scale)", None);
    }
    top - GAP + 6.0
}

/// Writes the name of the target above its panel, shortened if it is long, and RMSE and R² below the name
fn heading(scene: &mut Scene, target: &Target, frame: &Frame) {
    let (rmse, r2) = target.rmse_and_r2();
    let r2 = match r2 {
        Some(r2) if r2.abs() < 1e4 => format!(", R² {r2:.4}"),
        Some(r2) => format!(", R² {r2:.2e}"),
        None => String::new(),
    };
    let errors = format!("RMSE {}{r2}", four_digits(rmse, None));
    let (middle, baseline) = (frame.area.middle().0, frame.area.top - 7.0);
    let name = fit(&target.name, LABEL_EM, frame.area.width());
    scene.text(&name, LABEL_EM, Align::Middle, (middle, baseline - TICK_EM - 4.0));
    scene.colored_text(&errors, TICK_EM, Align::Middle, (middle, baseline), FRAME);
}

/// Draws a disc for each row; smaller ones if there are many
fn points(scene: &mut Scene, target: &Target, frame: &Frame) {
    const FEW: usize = 300;
    let radius = if target.values.len() <= FEW { 2.5 } else { 1.5 };
    let color = Look::of(0).stroke.color;
    for at in target.values.iter().map(|&(t, p)| (frame.at_x(t), frame.at_y(p))) {
        scene.disc(at, radius, color);
    }
}

/// How many rows of a target lie in each cell of a panel
struct Counts {
    /// The area of all cells
    area: Area,
    /// Number of cells side by side
    side: usize,
    /// Number of rows by column from the left and row from above; cells without rows are left out
    cells: BTreeMap<[usize; 2], u64>,
}

/// Counts the rows of a target in the cells of its panel
fn counts(target: &Target, frame: &Frame) -> Counts {
    let Axis { lo, hi, .. } = frame.x;
    let area =
        Area { left: frame.at_x(lo), right: frame.at_x(hi), top: frame.at_y(hi), bottom: frame.at_y(lo) };
    let side = (area.width() / CELL).round().max(1.0) as usize;
    let cell = |from: f64, to: f64, x: f64| {
        (((x - from) / (to - from) * side as f64).max(0.0) as usize).min(side - 1)
    };
    let mut cells = BTreeMap::new();
    for &(t, p) in &target.values {
        let (x, y): Point = (frame.at_x(t), frame.at_y(p));
        *cells.entry([cell(area.left, area.right, x), cell(area.top, area.bottom, y)]).or_default() += 1;
    }
    Counts { area, side, cells }
}

impl Counts {
    fn draw(&self, scene: &mut Scene, colors: &Axis) {
        let Area { left, top, .. } = self.area;
        let size = self.area.width() / self.side as f64;
        let mut blocks: BTreeMap<Rgb, Vec<Area>> = BTreeMap::new();
        for (&[column, row], &count) in &self.cells {
            let (x, y) = (left + column as f64 * size, top + row as f64 * size);
            let color = shade(&BLUES, colors.position(count as f64));
            let area = Area { left: x, top: y, right: x + size, bottom: y + size };
            blocks.entry(color).or_default().push(area);
        }
        for (color, areas) in blocks {
            scene.blocks(areas, color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::scene::{Item, Text};

    /// A target with `rows` values around the diagonal
    fn target(name: &str, rows: u32) -> Target {
        let value = |i: u32| {
            let x = f64::from(i * 7919 % 1009) / 1009.0 - 0.3;
            (x, x + (f64::from(i) * 0.7).sin() * 0.1)
        };
        Target { name: name.to_owned(), values: (0..rows).map(value).collect() }
    }

    fn drawn(targets: &[Target]) -> (Scene, f64) {
        let mut scene = Scene::default();
        let height = draw(&mut scene, targets, "run-7");
        (scene, height)
    }

    fn discs(scene: &Scene) -> Vec<Point> {
        let disc = |item: &Item| if let Item::Disc { centre, .. } = item { Some(*centre) } else { None };
        scene.items.iter().filter_map(disc).collect()
    }

    /// The number in the label of the tick at each end of a panel's axis, and the position of its middle
    fn ticks(scene: &Scene, upwards: bool) -> [(f64, f64); 2] {
        let align = if upwards { Align::End } else { Align::Middle };
        let is_tick = |text: &&Text| text.align == align && text.text.parse::<f64>().is_ok();
        let place = |text: &Text| {
            let middle = text.place.1 - crate::plot::parts::line_style::HALF_HEIGHT * text.em;
            (text.text.parse().unwrap(), if upwards { middle } else { text.place.0 })
        };
        let mut all: Vec<(f64, f64)> = scene.texts().filter(is_tick).map(place).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        [all[0], all[all.len() - 1]]
    }

    #[test]
    fn a_point_is_at_its_true_value_from_the_left_and_its_prediction_from_below() {
        let target = Target { name: "y".to_owned(), values: vec![(-1.0, 2.0), (3.0, 2.5), (0.0, 0.0)] };
        let (scene, _) = drawn(std::slice::from_ref(&target));
        let [x, y] = [ticks(&scene, false), ticks(&scene, true)];
        let value = |[(a, from), (b, to)]: [(f64, f64); 2], at: f64| a + (at - from) / (to - from) * (b - a);
        let found = discs(&scene);
        assert_eq!(found.len(), 3);
        for ((t, p), at) in target.values.iter().zip(found) {
            assert!((value(x, at.0) - t).abs() < 1e-9 && (value(y, at.1) - p).abs() < 1e-9, "{t} {p} {at:?}");
        }
        // A unit is as long on one axis as on the other, and the diagonal goes through equal values.
        let length = |[(a, from), (b, to)]: [(f64, f64); 2]| ((to - from) / (b - a)).abs();
        assert!((length(x) - length(y)).abs() < 1e-9);
        let line = scene.items.iter().find_map(|item| match item {
            Item::Line { points, stroke, .. } if *stroke == DIAGONAL => Some(points.clone()),
            _ => None,
        });
        for at in line.unwrap() {
            assert!((value(x, at.0) - value(y, at.1)).abs() < 1e-9);
        }
    }

    #[test]
    fn each_target_has_its_errors_above_its_panel_and_more_than_six_are_counted() {
        let mut targets: Vec<_> = (0..7).map(|i| target(&format!("y{i}"), 20)).collect();
        targets[1].values = vec![(5.0, 6.0), (5.0, 4.0)];
        let (scene, _) = drawn(&targets);
        let texts: Vec<_> = scene.texts().map(|text| text.text.as_str()).collect();
        let headings = texts.iter().filter(|text| text.starts_with("RMSE "));
        assert_eq!(headings.count(), 6);
        assert!(texts.contains(&"RMSE 1.000") && texts.contains(&"y1"), "{texts:?}");
        assert!(texts.iter().any(|text| text.ends_with("; the first 6 of 7 targets")), "{texts:?}");
        let (rmse, r2) = targets[0].rmse_and_r2();
        assert!(texts.contains(&format!("RMSE {rmse:.5}, R² {:.4}", r2.unwrap()).as_str()), "{texts:?}");
        assert!(!texts.iter().any(|text| text.starts_with("y6")), "{texts:?}");
    }

    #[test]
    fn many_rows_are_counted_in_cells_and_none_is_lost() {
        let (points, _) = drawn(&[target("y", 2000)]);
        assert_eq!(discs(&points).len(), 2000);
        let many = target("y", 50_000);
        let (scene, _) = drawn(&[many.clone(), many.clone()]);
        assert!(discs(&scene).is_empty() && scene.items.len() < 1000, "{}", scene.items.len());
        let axis = axis::values(many.values.iter().flat_map(|&(t, p)| [t, p]));
        let found = counts(&many, &Frame::square(&axis, [0.0, 400.0], 50.0));
        assert_eq!(found.cells.values().sum::<u64>(), 50_000);
        assert!(found.cells.keys().flatten().all(|place| *place < found.side));
        // All lie close to the diagonal, which goes down from the right to the left.
        let far = |[column, row]: &[usize; 2]| (column + row).abs_diff(found.side - 1) > found.side / 5;
        assert!(!found.cells.keys().any(far));
    }

    #[test]
    fn texts_lie_inside_and_apart_whatever_the_numbers_and_names() {
        for count in 1..=7 {
            for rows in [1, 5, 2001] {
                for (scale, offset) in [(1.0, 0.0), (-1e9, 0.0), (1e-6, 0.0), (1e300, 0.0), (1.0, -1e5)] {
                    let name = |i: u32| if i == 2 { "target ".repeat(20) } else { format!("y{i}") };
                    let mut targets: Vec<_> = (0..count).map(|i| target(&name(i), rows)).collect();
                    for values in targets.iter_mut().map(|target| &mut target.values) {
                        values
                            .iter_mut()
                            .for_each(|(t, p)| (*t, *p) = (*t * scale + offset, *p * scale + offset));
                    }
                    let drawn = drawn(&targets);
                    crate::plot::tests::check(&format!("{count} targets, {rows} rows, {scale}"), &drawn);
                    for at in discs(&drawn.0) {
                        assert!(at.0.is_finite() && at.1.is_finite() && at.1 < drawn.1, "{at:?}");
                    }
                }
            }
        }
    }
}
