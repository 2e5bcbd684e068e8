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

/// Laid out: row after row where that takes at most two, else in columns
pub(super) struct Legend {
    rows: Vec<Vec<Key>>,
    /// From one column to the next, where there are any
    column: Option<f64>,
    em: f64,
}

struct Key {
    sign: Sign,
    name: String,
    width: f64,
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
        // Many long names share a row all the same.
        let side_by_side = match keys.len() {
            0..=4 => 1.0,
            5..=8 => 2.0,
            _ => 3.0,
        };
        let longest = (room + BETWEEN) / side_by_side - BETWEEN;
        let mut laid = vec![];
        for (sign, name) in keys {
            let name = fit(name, em, longest - sign.width())?;
            let width = sign.width() + width(&name, em)?;
            laid.push(Key { sign: *sign, name, width });
        }
        let widest = laid.iter().map(|key| key.width).fold(0.0, f64::max);
        if wrap(&laid, room).len() <= 2 {
            let lengths = wrap(&laid, room);
            let mut laid = laid.into_iter();
            let rows = lengths.into_iter().map(|n| laid.by_ref().take(n).collect()).collect();
            return Ok(Self { rows, column: None, em });
        }
        let column = widest + BETWEEN;
        let most = (((room + BETWEEN) / column) as usize).max(1);
        let rows = laid.len().div_ceil(most).max(1);
        let columns = laid.len().div_ceil(rows).max(1); // rows of about the same length
        let mut laid = laid.into_iter();
        let rows = (0..rows).map(|_| laid.by_ref().take(columns).collect()).collect();
        Ok(Self { rows, column: Some(column), em })
    }

    pub fn height(&self) -> f64 {
        self.rows.len() as f64 * ROW
    }

    /// Centred between `left` and `right`, from `top` down
    pub fn draw(&self, scene: &mut Scene, [left, right]: [f64; 2], top: f64) {
        let total = |row: &[Key]| match self.column {
            Some(column) => row.len() as f64 * column - BETWEEN,
            None => row.iter().map(|key| key.width + BETWEEN).sum::<f64>() - BETWEEN,
        };
        let widest = self.rows.iter().map(|row| total(row)).fold(0.0, f64::max);
        for (i, row) in self.rows.iter().enumerate() {
            let wide = if self.column.is_some() { widest } else { total(row) };
            let mut x = (left + right - wide) / 2.0;
            for key in row {
                self.draw_key(scene, key, (x, top + i as f64 * ROW));
                x += self.column.unwrap_or(key.width + BETWEEN);
            }
        }
    }

    fn draw_key(&self, scene: &mut Scene, Key { sign, name, .. }: &Key, (x, top): (f64, f64)) {
        let y = top + ROW / 2.0;
        sign.draw(scene, x, y);
        let place = (x + sign.width(), y + HALF_HEIGHT * self.em);
        match sign {
            Sign::None => scene.colored_text(name, self.em, At::Start, place, FRAME),
            _ => scene.text(name, self.em, At::Start, place),
        }
    }
}

/// How many keys each row takes, if none is wider than `room`
fn wrap(keys: &[Key], room: f64) -> Vec<usize> {
    let mut rows = vec![];
    let mut x = 0.0;
    for key in keys {
        match rows.last_mut() {
            Some(count) if x + BETWEEN + key.width <= room => {
                *count += 1;
                x += BETWEEN + key.width;
            }
            _ => {
                rows.push(1);
                x = key.width;
            }
        }
    }
    rows
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
