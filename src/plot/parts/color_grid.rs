//! Grids of colored cells with names beside and below them, and the bar that explains the colors

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, BLACK, Rgb, Scene, WHITE, WIDTH};
use crate::plot::parts::axis::Axis;
use crate::plot::parts::labels::label;
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, LABEL_EM, TICK_EM};

/// Least distance from the grid, or from what is beside it, to the edge of the picture
const MARGIN: f64 = 15.0;
/// Greatest length of names beside and below the grid, in units
const NAME_MAX: f64 = 150.0;
/// Least distance between names, in units; in smaller cells, some names are left out
const NAME_DISTANCE: f64 = 12.5;
/// Least font size in cells that can be read in print
const CELL_EM_MIN: f64 = 7.5;

/// Colors from low to high, whose lightness falls or rises steadily, so that they can be read in grey print
pub type Ramp = [u32; 11];

/// Matplotlib's viridis, dark to light
pub const VIRIDIS: Ramp = [
    0x440154, 0x482475, 0x414487, 0x355F8D, 0x2A788E, 0x21918C, 0x22A884, 0x44BF70, 0x7AD151, 0xBDDF26,
    0xFDE725,
];
/// White to dark blue, in equal steps of lightness in OKLab
pub const BLUES: Ramp = [
    0xFFFFFF, 0xDDEBF5, 0xBBD7EB, 0x9AC3E1, 0x77AFD6, 0x539ACB, 0x3A85BA, 0x2C6FA6, 0x1F5A92, 0x13457E,
    0x08306B,
];

/// The color at `share`, from 0 to 1, rounded to hundredths: all of them fit into the palette of the PNG
pub fn shade(ramp: &Ramp, share: f64) -> Rgb {
    let place = (share.clamp(0.0, 1.0) * 100.0).round() / 10.0;
    let below = (place as usize).min(9);
    let (from, to) = (ramp[below].to_be_bytes(), ramp[below + 1].to_be_bytes());
    let mix = |i: usize| {
        let (from, to) = (f64::from(from[i]), f64::from(to[i]));
        (from + (to - from) * (place - below as f64)).round() as u8
    };
    Rgb(u32::from_be_bytes([0, mix(1), mix(2), mix(3)]))
}

/// Black or white, whichever has the greater contrast (relative luminance as in WCAG 2)
pub fn ink(background: Rgb) -> Rgb {
    let [_, r, g, b] = background.0.to_be_bytes();
    let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    if (luminance + 0.05).powi(2) > 0.05 * 1.05 { BLACK } else { WHITE }
}

/// A grid of cells with its layout
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
    /// Lays out a grid, centred in the picture together with what is `beside` it
    ///
    /// * `top`: top of the cells
    /// * `beside`: units to the right of the grid
    /// * `[most_wide, most_high]`: greatest width and height of a cell
    /// * `most_total`: greatest height of all cells
    pub fn new(
        rows: &[String],
        columns: &[String],
        top: f64,
        beside: f64,
        [most_wide, most_high]: [f64; 2],
        most_total: f64,
    ) -> Self {
        let fitted = |names: &[String]| -> (Vec<String>, f64) {
            let names: Vec<_> = names.iter().map(|name| fit(name, TICK_EM, NAME_MAX)).collect();
            let widest = names.iter().map(|name| width(name, TICK_EM)).fold(0.0, f64::max);
            (names, widest)
        };
        let ((rows, row_names), (columns, column_names)) = (fitted(rows), fitted(columns));
        let row_names = row_names + 38.0; // with the label of the rows
        let available = WIDTH - 2.0 * MARGIN - beside - row_names;
        // Cells may be wider than high, so that the names below can be level.
        let wide = (available / columns.len() as f64).min(most_wide.max(column_names + 8.0));
        let high = (most_total / rows.len() as f64).min(most_high);
        let upwards = column_names > wide - 4.0;
        let below = if upwards { column_names + 8.0 } else { 18.0 };
        let total = wide * columns.len() as f64;
        let left = MARGIN + (available - total) / 2.0;
        let cells_left = left + row_names;
        let area =
            Area { left: cells_left, top, right: cells_left + total, bottom: top + high * rows.len() as f64 };
        let outer = Area { left, bottom: area.bottom + below + 24.0, ..area };
        Self { area, rows, columns, upwards, outer }
    }

    fn size(&self) -> [f64; 2] {
        [self.area.width() / self.columns.len() as f64, self.area.height() / self.rows.len() as f64]
    }

    /// Area of the cell in `row` from above and `column` from the left, without the gap to its neighbours
    pub fn cell(&self, row: usize, column: usize) -> Area {
        let [wide, high] = self.size();
        let gap = if wide.min(high) > 8.0 { 1.0 } else { 0.0 };
        let (x, y) = (self.area.left + column as f64 * wide, self.area.top + row as f64 * high);
        Area { left: x, top: y, right: x + wide - gap, bottom: y + high - gap }
    }

    /// Font size in which `lines` lines as wide as `text` fit into a cell; `None` if it would be unreadably small
    pub fn em(&self, text: &str, lines: usize) -> Option<f64> {
        let [wide, high] = self.size();
        let at_one = width(text, 100.0) / 100.0;
        let em = LABEL_EM.min((wide - 4.0) / at_one).min((high - 4.0) / (1.25 * lines as f64));
        (em >= CELL_EM_MIN).then_some(em)
    }

    /// Draws names and labels
    pub fn draw(&self, scene: &mut Scene, row_label: &str, column_label: &str) {
        let [wide, high] = self.size();
        let every = |side: f64| (NAME_DISTANCE / side).ceil().max(1.0) as usize;
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
        let ((x, y), outer) = (self.area.middle(), &self.outer);
        label(scene, column_label, LABEL_EM, false, (x, outer.bottom - 4.0), [outer.left, outer.right]);
        label(scene, row_label, LABEL_EM, true, (outer.left + 14.0, y), [outer.top, outer.bottom]);
    }
}

/// How far the label of a bar may reach beyond each of its ends
pub const OVERHANG: f64 = 20.0;

/// Draws the bar of colors, from the low end of the axis at the bottom to its high end at the top, with ticks
///
/// * `beyond`: the values below the low end, which have the lowest color, too, such as "≤ 85.0"; an arrow points to them
pub fn bar(scene: &mut Scene, area: Area, ramp: &Ramp, axis: &Axis, text: &str, beyond: Option<&str>) {
    const STEPS: usize = 100;
    let step = area.height() / STEPS as f64;
    for i in 0..STEPS {
        let bottom = area.bottom - i as f64 * step;
        // Half a unit higher than its share, so that no seam shows between the steps
        let top = (bottom - step - 0.5).max(area.top);
        scene.block(Area { top, bottom, ..area }, shade(ramp, i as f64 / (STEPS - 1) as f64));
    }
    scene.frame(area, 0.5, FRAME);
    let mut widest: f64 = 0.0;
    for (value, text) in &axis.ticks {
        let y = area.bottom - axis.position(*value) * area.height();
        // The text at the arrow replaces a tick at the bar's end.
        if beyond.is_some() && area.bottom - y < 9.0 {
            continue;
        }
        scene.rule((area.right, y), (area.right + 4.0, y), 0.5, FRAME);
        scene.text(text, TICK_EM, Align::Start, (area.right + 7.0, y + HALF_HEIGHT * TICK_EM));
        widest = widest.max(width(text, TICK_EM));
    }
    if let Some(beyond) = beyond {
        let (middle, y) = (area.middle().0, area.bottom + 4.0);
        let half = area.width() / 2.0;
        let corners = vec![(middle - half, y), (middle + half, y), (middle, y + 12.0)];
        scene.polygon(corners, shade(ramp, 0.0));
        scene.text(beyond, TICK_EM, Align::Start, (area.right + 7.0, y + 6.0 + HALF_HEIGHT * TICK_EM));
    }
    let at = (area.right + widest + 23.0, area.middle().1);
    label(scene, text, TICK_EM, true, at, [area.top - OVERHANG, area.bottom + OVERHANG]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_change_their_lightness_steadily_and_text_stands_out_on_them() {
        let grey = |color: Rgb| {
            let [_, r, g, b] = color.0.to_be_bytes().map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for (ramp, falls) in [(VIRIDIS, false), (BLUES, true)] {
            let steps: Vec<_> = (0..=20).map(|i| grey(shade(&ramp, f64::from(i) / 20.0))).collect();
            assert!(steps.windows(2).all(|pair| (pair[1] < pair[0]) == falls), "{steps:?}");
            for i in 0..=100 {
                let color = shade(&ramp, f64::from(i) / 100.0);
                assert!((grey(color) - grey(ink(color))).abs() > 90.0, "{color:?}");
            }
        }
    }
}
