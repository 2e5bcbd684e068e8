//! Grids of coloured cells with names beside and below them, and the bar that says what the colours mean

use plotters::style::RGBColor;

use crate::plot::output::scene::{Area, At, BLACK, Drawn, Scene, WHITE, fit, width};
use crate::plot::parts::axis::Axis;
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, LABEL_EM, TICK_EM};

/// Names beside and below the grid get at most that much room
const NAME_MAX: f64 = 150.0;
/// Nearer than this, only some of the names stand there
const NAME_ROOM: f64 = 12.5;
/// Smaller figures in cells could not be read in print
const CELL_EM_MIN: f64 = 7.5;

/// Colours from low to high, whose lightness falls or rises steadily, so that they read in grey
#[derive(Clone, Copy)]
pub(in crate::plot) enum Ramp {
    /// Matplotlib's viridis, dark to light
    Viridis,
    /// White to dark blue, in equal steps of OKLab's lightness
    Blues,
}

impl Ramp {
    /// Where `share` is from 0 to 1, in hundredths: a PNG's palette has room for all of them
    pub fn color(self, share: f64) -> RGBColor {
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
        RGBColor(r, g, b)
    }
}

/// Black or white, whichever stands out more (relative luminance as in WCAG 2)
pub(in crate::plot) fn ink(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    if (luminance + 0.05).powi(2) > 0.05 * 1.05 { BLACK } else { WHITE }
}

/// Cells with names, laid out
pub(in crate::plot) struct Grid {
    /// Of the cells alone
    pub area: Area,
    rows: Vec<String>,
    columns: Vec<String>,
    upwards: bool,
    /// The whole, with names and labels
    pub outer: Area,
}

impl Grid {
    /// With its left end at `left` and its top at `top`; cells are at most `cell` wide and high, and all of them
    /// at most `room`
    pub fn new(
        rows: &[String],
        columns: &[String],
        (left, top): (f64, f64),
        cell: [f64; 2],
        room: [f64; 2],
    ) -> Drawn<Self> {
        let fitted = |names: &[String], room: f64| -> Drawn<(Vec<String>, f64)> {
            let names = names.iter().map(|name| fit(name, TICK_EM, room)).collect::<Drawn<Vec<_>>>()?;
            let widest =
                names.iter().try_fold(0.0, |w: f64, name| Drawn::Ok(w.max(width(name, TICK_EM)?)))?;
            Ok((names, widest))
        };
        let (rows, row_names) = fitted(rows, NAME_MAX)?;
        let cells_left = left + 30.0 + row_names + 8.0;
        let (level, widest) = fitted(columns, NAME_MAX)?;
        // Wider than high where that lets the names below stand level
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
        Ok(Self { area, rows, columns: level, upwards, outer })
    }

    fn size(&self) -> [f64; 2] {
        let Area { left, top, right, bottom } = self.area;
        [(right - left) / self.columns.len() as f64, (bottom - top) / self.rows.len() as f64]
    }

    /// The cell in `row` from above, `column` from the left; less the gap to its neighbours where there is room for one
    pub fn cell(&self, row: usize, column: usize) -> Area {
        let [wide, high] = self.size();
        let gap = if wide.min(high) > 8.0 { 1.0 } else { 0.0 };
        let (x, y) = (self.area.left + column as f64 * wide, self.area.top + row as f64 * high);
        Area { left: x, top: y, right: x + wide - gap, bottom: y + high - gap }
    }

    /// How large figures in cells may be, of which the widest is `text`; nothing if they would be too small
    pub fn em(&self, text: &str, lines: usize) -> Drawn<Option<f64>> {
        let [wide, high] = self.size();
        let at_one = width(text, 100.0)? / 100.0;
        let em = LABEL_EM.min((wide - 4.0) / at_one).min((high - 4.0) / (1.25 * lines as f64));
        Ok((em >= CELL_EM_MIN).then_some(em))
    }

    /// Names and labels
    pub fn draw(&self, scene: &mut Scene, row_label: &str, column_label: &str) -> Drawn {
        let [wide, high] = self.size();
        let every = |room: f64| (NAME_ROOM / room).ceil().max(1.0) as usize;
        for (i, name) in self.rows.iter().enumerate().step_by(every(high)) {
            let y = self.area.top + (i as f64 + 0.5) * high + HALF_HEIGHT * TICK_EM;
            scene.text(name, TICK_EM, At::End, (self.area.left - 8.0, y));
        }
        let step = if self.upwards { every(wide) } else { 1 };
        for (i, name) in self.columns.iter().enumerate().step_by(step) {
            let x = self.area.left + (i as f64 + 0.5) * wide;
            let below = self.area.bottom;
            match self.upwards {
                false => scene.text(name, TICK_EM, At::Middle, (x, below + 14.0)),
                true => scene.text_upwards(name, TICK_EM, At::End, (x + HALF_HEIGHT * TICK_EM, below + 5.0)),
            }
        }
        let (x, y) = self.area.middle();
        let column_label = fit(column_label, LABEL_EM, self.outer.width())?;
        let half = width(&column_label, LABEL_EM)? / 2.0;
        let x = x.max(self.outer.left + half);
        scene.text(&column_label, LABEL_EM, At::Middle, (x, self.outer.bottom - 4.0));
        let row_label = fit(row_label, LABEL_EM, self.outer.bottom - self.outer.top)?;
        let half = width(&row_label, LABEL_EM)? / 2.0;
        scene.text_upwards(
            &row_label,
            LABEL_EM,
            At::Middle,
            (self.outer.left + 14.0, y.max(self.area.top + half)),
        );
        Ok(())
    }
}

/// The colours from the axis's low end below to its high end above, with its ticks
///
/// * `spread`: from a place on the axis, 0 to 1, to the place on the ramp
pub(in crate::plot) fn bar(
    scene: &mut Scene,
    area: Area,
    ramp: Ramp,
    axis: &Axis,
    label: &str,
    spread: impl Fn(f64) -> f64,
) -> Drawn {
    const STEPS: usize = 100;
    let step = (area.bottom - area.top) / STEPS as f64;
    for i in 0..STEPS {
        let bottom = area.bottom - i as f64 * step;
        // A little higher than its share, so that no seam shows between the steps
        let top = (bottom - step - 0.5).max(area.top);
        scene.block(Area { top, bottom, ..area }, ramp.color(i as f64 / (STEPS - 1) as f64));
    }
    scene.frame(area, 0.5, FRAME);
    let mut widest: f64 = 0.0;
    for (value, text) in &axis.ticks {
        let y = area.bottom - spread(axis.position(*value)) * (area.bottom - area.top);
        scene.rule((area.right, y), (area.right + 4.0, y), 0.5, FRAME);
        scene.text(text, TICK_EM, At::Start, (area.right + 7.0, y + HALF_HEIGHT * TICK_EM));
        widest = widest.max(width(text, TICK_EM)?);
    }
    let label = fit(label, TICK_EM, area.bottom - area.top + 40.0)?;
    let half = width(&label, TICK_EM)? / 2.0;
    let y = ((area.top + area.bottom) / 2.0).max(area.top + half - 20.0);
    scene.text_upwards(&label, TICK_EM, At::Middle, (area.right + 7.0 + widest + 16.0, y));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_change_their_lightness_steadily_and_text_stands_out_on_them() {
        let grey = |RGBColor(r, g, b): RGBColor| {
            0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
        };
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
