//! Grids of colored cells with names beside and below them, and the bar that explains the colors

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, BLACK, Rgb, Scene, WHITE};
use crate::plot::parts::axis::Axis;
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, LABEL_EM, TICK_EM};

/// Greatest length of names beside and below the grid, in units
const NAME_MAX: f64 = 150.0;
/// Least distance between names, in units; in smaller cells, some names are left out
const NAME_ROOM: f64 = 12.5;
/// Least font size in cells that can be read in print
const CELL_EM_MIN: f64 = 7.5;

/// Colors from low to high, whose lightness falls or rises steadily, so that they can be read in grey print
#[derive(Clone, Copy)]
pub enum Ramp {
    /// Matplotlib's viridis, dark to light
    Viridis,
    /// White to dark blue, in equal steps of lightness in OKLab
    Blues,
}

impl Ramp {
    /// The color at `share`, from 0 to 1, rounded to hundredths: all of them fit into the palette of the PNG
    pub fn color(self, share: f64) -> Rgb {
        let steps: [[u8; 3]; 11] = match self {
            Self::Viridis => [
                [68, 1, 84],
                [72, 36, 117],
                [65, 68, 135],
                [53, 95, 141],
                [42, 120, 142],
                [33, 145, 140],
                [34, 168, 132],
                [68, 191, 112],
                [122, 209, 81],
                [189, 223, 38],
                [253, 231, 37],
            ],
            Self::Blues => [
                [255, 255, 255],
                [221, 235, 245],
                [187, 215, 235],
                [154, 195, 225],
                [119, 175, 214],
                [83, 154, 203],
                [58, 133, 186],
                [44, 111, 166],
                [31, 90, 146],
                [19, 69, 126],
                [8, 48, 107],
            ],
        };
        let place = (share.clamp(0.0, 1.0) * 100.0).round() / 10.0;
        let below = (place as usize).min(9);
        let within = place - below as f64;
        let [r, g, b] = [0, 1, 2].map(|i| {
            let (from, to) = (f64::from(steps[below][i]), f64::from(steps[below + 1][i]));
            (from + (to - from) * within).round() as u8
        });
        Rgb(r, g, b)
    }
}

/// Black or white, whichever has the greater contrast (relative luminance as in WCAG 2)
pub fn ink(Rgb(r, g, b): Rgb) -> Rgb {
    let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    if (luminance + 0.05).powi(2) > 0.05 * 1.05 { BLACK } else { WHITE }
}

/// A grid of cells that has been laid out
pub struct Grid {
    /// Area of the cells alone
    pub area: Area,
    rows: Vec<String>,
    columns: Vec<String>,
    upwards: bool,
    /// Area with names and labels
    pub outer: Area,
}

impl Grid {
    /// Lays out a grid with its left end at `left` and the top of its cells at `top`
    ///
    /// * `cell`: greatest width and height of a cell
    /// * `room`: greatest width of the grid with its names, and greatest height of its cells
    pub fn new(
        rows: &[String],
        columns: &[String],
        (left, top): (f64, f64),
        cell: [f64; 2],
        room: [f64; 2],
    ) -> Self {
        let fitted = |names: &[String], room: f64| -> (Vec<String>, f64) {
            let names = names.iter().map(|name| fit(name, TICK_EM, room)).collect::<Vec<_>>();
            let widest = names.iter().map(|name| width(name, TICK_EM)).fold(0.0, f64::max);
            (names, widest)
        };
        let (rows, row_names) = fitted(rows, NAME_MAX);
        let cells_left = left + 30.0 + row_names + 8.0;
        let (level, widest) = fitted(columns, NAME_MAX);
        // Cells may be wider than high, so that the names below can be level
        let most = (room[0] - (cells_left - left)) / columns.len() as f64;
        let wide = most.min(cell[0].max(widest + 8.0));
        let high = (room[1] / rows.len() as f64).min(cell[1]);
        let upwards = widest > wide - 4.0;
        let below = if upwards { widest + 8.0 } else { 18.0 };
        let area = Area {
            left: cells_left,
            top,
            right: cells_left + wide * columns.len() as f64,
            bottom: top + high * rows.len() as f64,
        };
        let outer = Area { left, bottom: area.bottom + below + 24.0, ..area };
        Self { area, rows, columns: level, upwards, outer }
    }

    fn size(&self) -> [f64; 2] {
        let Area { left, top, right, bottom } = self.area;
        [(right - left) / self.columns.len() as f64, (bottom - top) / self.rows.len() as f64]
    }

    /// Area of the cell in `row` from above and `column` from the left, without the gap to its neighbours
    pub fn cell(&self, row: usize, column: usize) -> Area {
        let [wide, high] = self.size();
        let gap = if wide.min(high) > 8.0 { 1.0 } else { 0.0 };
        let (x, y) = (self.area.left + column as f64 * wide, self.area.top + row as f64 * high);
        Area { left: x, top: y, right: x + wide - gap, bottom: y + high - gap }
    }

    /// Font size in which `lines` lines as wide as `text` fit into a cell; `None` if it would be too small
    pub fn em(&self, text: &str, lines: usize) -> Option<f64> {
        let [wide, high] = self.size();
        let at_one = width(text, 100.0) / 100.0;
        let em = LABEL_EM.min((wide - 4.0) / at_one).min((high - 4.0) / (1.25 * lines as f64));
        (em >= CELL_EM_MIN).then_some(em)
    }

    /// Draws names and labels
    pub fn draw(&self, scene: &mut Scene, row_label: &str, column_label: &str) {
        let [wide, high] = self.size();
        let every = |room: f64| (NAME_ROOM / room).ceil().max(1.0) as usize;
        for (i, name) in self.rows.iter().enumerate().step_by(every(high)) {
            let y = self.area.top + (i as f64 + 0.5) * high + HALF_HEIGHT * TICK_EM;
            scene.text(name, TICK_EM, Align::End, (self.area.left - 8.0, y));
        }
        let step = if self.upwards { every(wide) } else { 1 };
        for (i, name) in self.columns.iter().enumerate().step_by(step) {
            let x = self.area.left + (i as f64 + 0.5) * wide;
            let below = self.area.bottom;
            match self.upwards {
                false => scene.text(name, TICK_EM, Align::Middle, (x, below + 14.0)),
                true => {
                    scene.text_upwards(name, TICK_EM, Align::End, (x + HALF_HEIGHT * TICK_EM, below + 5.0))
                }
            }
        }
        let (x, y) = self.area.middle();
        let column_label = fit(column_label, LABEL_EM, self.outer.width());
        let half = width(&column_label, LABEL_EM) / 2.0;
        let x = x.max(self.outer.left + half);
        scene.text(&column_label, LABEL_EM, Align::Middle, (x, self.outer.bottom - 4.0));
        let row_label = fit(row_label, LABEL_EM, self.outer.bottom - self.outer.top);
        let half = width(&row_label, LABEL_EM) / 2.0;
        scene.text_upwards(
            &row_label,
            LABEL_EM,
            Align::Middle,
            (self.outer.left + 14.0, y.max(self.area.top + half)),
        );
    }
}

/// Draws the bar of colors, from the low end of the axis at the bottom to its high end at the top, with ticks
///
/// * `spread`: maps a position on the axis, 0 to 1, to the height on the bar
pub fn bar(scene: &mut Scene, area: Area, ramp: Ramp, axis: &Axis, label: &str, spread: impl Fn(f64) -> f64) {
    const STEPS: usize = 100;
    let step = (area.bottom - area.top) / STEPS as f64;
    for i in 0..STEPS {
        let bottom = area.bottom - i as f64 * step;
        // Half a unit higher than its share, so that no seam shows between the steps
        let top = (bottom - step - 0.5).max(area.top);
        scene.block(Area { top, bottom, ..area }, ramp.color(i as f64 / (STEPS - 1) as f64));
    }
    scene.frame(area, 0.5, FRAME);
    let mut widest: f64 = 0.0;
    for (value, text) in &axis.ticks {
        let y = area.bottom - spread(axis.position(*value)) * (area.bottom - area.top);
        scene.rule((area.right, y), (area.right + 4.0, y), 0.5, FRAME);
        scene.text(text, TICK_EM, Align::Start, (area.right + 7.0, y + HALF_HEIGHT * TICK_EM));
        widest = widest.max(width(text, TICK_EM));
    }
    let label = fit(label, TICK_EM, area.bottom - area.top + 40.0);
    let half = width(&label, TICK_EM) / 2.0;
    let y = ((area.top + area.bottom) / 2.0).max(area.top + half - 20.0);
    scene.text_upwards(&label, TICK_EM, Align::Middle, (area.right + 7.0 + widest + 16.0, y));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_change_their_lightness_steadily_and_text_stands_out_on_them() {
        let grey = |Rgb(r, g, b): Rgb| 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
        for (ramp, falls) in [(Ramp::Viridis, false), (Ramp::Blues, true)] {
            let steps: Vec<_> = (0..=20).map(|i| grey(ramp.color(f64::from(i) / 20.0))).collect();
            assert!(steps.windows(2).all(|pair| (pair[1] < pair[0]) == falls), "{steps:?}");
            for i in 0..=100 {
                let color = ramp.color(f64::from(i) / 100.0);
                assert!((grey(color) - grey(ink(color))).abs() > 90.0, "{color:?}");
            }
        }
    }
}
