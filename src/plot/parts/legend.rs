//! The legend: samples of lines and marks with their names, in columns

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Scene};
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, Look, TICK_EM};

const ROW: f64 = 18.0;
/// Length of a sample
const SAMPLE: f64 = 30.0;
/// Distance from a sample to its name
const GAP: f64 = 6.0;
/// Distance between columns
const BETWEEN: f64 = 20.0;

/// A legend with its layout
pub struct Legend {
    heading: String,
    entries: Vec<(Look, String)>,
    columns: usize,
    /// Width of a column with the distance to the next one
    column: f64,
}

/// One entry for each line with a look of its own, and one for the number of grey lines, with the name of one of them or of
/// several
pub fn entries(
    lines: impl Iterator<Item = (Look, String)>,
    [one, several]: [&str; 2],
) -> Vec<(Look, String)> {
    let (grey, mut entries): (Vec<_>, Vec<_>) = lines.partition(|(look, _)| *look == Look::FAINT);
    if !grey.is_empty() {
        let what = if grey.len() == 1 { one } else { several };
        entries.push((Look::FAINT, format!("{} {what}", grey.len())));
    }
    entries
}

impl Legend {
    /// Lays out a legend at most `limit` units wide; names that are too long are shortened in the middle
    ///
    /// * `heading`: text above the entries; may be empty
    pub fn new(heading: &str, mut entries: Vec<(Look, String)>, limit: f64) -> Self {
        const ROWS: usize = 4; // a longer legend has its names shortened until two or three fit side by side
        let (mut column, mut most) = (0.0, 1);
        for side_by_side in [1.0, 2.0, 3.0] {
            let longest = (limit + BETWEEN) / side_by_side - BETWEEN - SAMPLE - GAP;
            entries.iter_mut().for_each(|(_, name)| *name = fit(name, TICK_EM, longest));
            let widest = entries.iter().map(|(_, name)| width(name, TICK_EM)).fold(0.0, f64::max);
            column = SAMPLE + GAP + widest + BETWEEN;
            most = (((limit + BETWEEN) / column) as usize).max(1);
            if entries.len() <= ROWS * most {
                break;
            }
        }
        let rows = entries.len().div_ceil(most).max(1);
        let columns = entries.len().div_ceil(rows).max(1); // rows of about the same length
        Self { heading: fit(heading, TICK_EM, limit), entries, columns, column }
    }

    pub fn height(&self) -> f64 {
        let rows = self.entries.len().div_ceil(self.columns) + usize::from(!self.heading.is_empty());
        rows as f64 * ROW
    }

    /// Draws it centred between `left` and `right`, from `top` down
    pub fn draw(&self, scene: &mut Scene, [left, right]: [f64; 2], mut top: f64) {
        let baseline = |top: f64| top + ROW / 2.0 + HALF_HEIGHT * TICK_EM;
        if !self.heading.is_empty() {
            let place = ((left + right) / 2.0, baseline(top));
            scene.colored_text(&self.heading, TICK_EM, Align::Middle, place, FRAME);
            top += ROW;
        }
        let start = (left + right + BETWEEN - self.columns as f64 * self.column) / 2.0;
        for (row, entries) in self.entries.chunks(self.columns).enumerate() {
            let top = top + row as f64 * ROW;
            for (i, (look, name)) in entries.iter().enumerate() {
                let x = start + i as f64 * self.column;
                look.sample(scene, [x, x + SAMPLE], top + ROW / 2.0);
                scene.text(name, TICK_EM, Align::Start, (x + SAMPLE + GAP, baseline(top)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_lines_are_one_entry_that_counts_them() {
        let of = |grey: usize| {
            let lines = (0..grey).map(|_| (Look::FAINT, String::new()));
            entries(lines, ["trial halted", "trials halted"]).pop().map(|(_, name)| name)
        };
        assert_eq!(of(0), None);
        assert_eq!(of(1).unwrap(), "1 trial halted");
        assert_eq!(of(2).unwrap(), "2 trials halted");
    }
}
