//! Which line is what: rows of samples with their names, in columns

use super::scene::{At, Drawn, Scene, fit, width};
use super::style::{FAINT, FRAME, HALF_HEIGHT, LABEL_EM, LINE, Look, TICK_EM};

const SAMPLE: f64 = 36.0;
const GAP: f64 = 6.0;
const BETWEEN: f64 = 24.0;
const ROW: f64 = 18.0;

/// What one entry shows before its name
#[derive(Clone, Copy)]
pub(super) enum Sign {
    Line(Look),
    /// A mark without a line
    Mark(Look),
    /// A thin grey line
    Faint,
    /// Nothing: a heading
    None,
}

/// Laid out: as many columns as fit side by side
pub(super) struct Legend {
    keys: Vec<(Sign, String, f64)>,
    columns: usize,
    column: f64,
    em: f64,
}

impl Legend {
    /// With at most `room` from left to right; names that are too long lose their middle
    pub fn new(keys: &[(Sign, String)], room: f64) -> Drawn<Self> {
        Self::with_em(keys, room, LABEL_EM)
    }

    /// As [`Legend::new`], of small print
    pub fn small(keys: &[(Sign, String)], room: f64) -> Drawn<Self> {
        Self::with_em(keys, room, TICK_EM)
    }

    fn with_em(keys: &[(Sign, String)], room: f64, em: f64) -> Drawn<Self> {
        let side_by_side = keys.len().clamp(1, 3) as f64;
        let longest = (room - (side_by_side - 1.0) * BETWEEN) / side_by_side - SAMPLE - GAP;
        let mut laid = vec![];
        for (sign, name) in keys {
            let name = fit(name, em, longest)?;
            let wide = sign.width() + width(&name, em)?;
            laid.push((*sign, name, wide));
        }
        let column = laid.iter().map(|key| key.2).fold(0.0, f64::max) + BETWEEN;
        let most = (((room + BETWEEN) / column) as usize).max(1);
        let rows = laid.len().div_ceil(most).max(1);
        let columns = laid.len().div_ceil(rows).max(1); // rows of about the same length
        Ok(Self { keys: laid, columns, column, em })
    }

    pub fn height(&self) -> f64 {
        self.keys.len().div_ceil(self.columns) as f64 * ROW
    }

    /// Centred between `left` and `right`, from `top` down
    pub fn draw(&self, scene: &mut Scene, [left, right]: [f64; 2], top: f64) {
        if self.keys.len() <= self.columns {
            // In one row each needs only as much as it is wide.
            let total = self.keys.iter().map(|key| key.2 + BETWEEN).sum::<f64>() - BETWEEN;
            let mut x = (left + right - total) / 2.0;
            for key in &self.keys {
                self.draw_key(scene, key, (x, top));
                x += key.2 + BETWEEN;
            }
            return;
        }
        let total = self.columns as f64 * self.column - BETWEEN;
        let start = (left + right - total) / 2.0;
        for (i, key) in self.keys.iter().enumerate() {
            let (row, column) = (i / self.columns, i % self.columns);
            self.draw_key(scene, key, (start + column as f64 * self.column, top + row as f64 * ROW));
        }
    }

    fn draw_key(&self, scene: &mut Scene, (sign, name, _): &(Sign, String, f64), (x, top): (f64, f64)) {
        let y = top + ROW / 2.0;
        sign.draw(scene, x, y);
        let place = (x + sign.width(), y + HALF_HEIGHT * self.em);
        match sign {
            Sign::None => scene.colored_text(name, self.em, At::Start, place, FRAME),
            _ => scene.text(name, self.em, At::Start, place),
        }
    }
}

impl Sign {
    fn width(self) -> f64 {
        match self {
            Self::Line(_) | Self::Faint => SAMPLE + GAP,
            Self::Mark(_) => 10.0 + GAP,
            Self::None => 0.0,
        }
    }

    /// With its left end at `x`
    pub fn draw(self, scene: &mut Scene, x: f64, y: f64) {
        match self {
            Self::Line(look) => look.sample(scene, x, x + SAMPLE, y),
            Self::Mark(look) => look.mark(scene, (x + 5.0, y)),
            Self::Faint => scene.line(&[(x, y), (x + SAMPLE, y)], LINE - 0.5, FAINT),
            Self::None => {}
        }
    }
}
