//! The legend: samples of lines and marks with their names, in rows or columns

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Scene};
use crate::plot::parts::line_style::{FAINT_STROKE, FRAME, HALF_HEIGHT, LABEL_EM, Look, TICK_EM};

const GAP: f64 = 6.0;
const ROW: f64 = 18.0;

/// The sample of an entry
#[derive(Clone, Copy)]
pub enum Sign {
    Line(Look),
    /// A mark without a line
    Mark(Look),
    /// A thin grey line
    Faint,
}

/// A legend that has been laid out: in rows if two are enough, otherwise in columns
pub struct Legend {
    /// Text above the entries, in a row of its own
    heading: Option<String>,
    rows: Vec<Vec<Key>>,
    /// Distance between columns; `None` for entries in rows
    column: Option<f64>,
    size: Size,
}

struct Key {
    sign: Sign,
    name: String,
    width: f64,
}

/// Font size and distances of a legend
#[derive(Clone, Copy)]
struct Size {
    em: f64,
    sample: f64,
    between: f64,
}

const NORMAL: Size = Size { em: LABEL_EM, sample: 36.0, between: 24.0 };
const SMALL: Size = Size { em: TICK_EM, sample: 30.0, between: 16.0 };

impl Legend {
    /// Lays out a legend at most `room` units wide; names that are too long lose their middle
    pub fn new(keys: &[(Sign, String)], room: f64) -> Self {
        Self::sized(None, keys, room, NORMAL)
    }

    /// Lays out a legend in small print with a heading
    pub fn small(heading: &str, keys: &[(Sign, String)], room: f64) -> Self {
        let heading = fit(heading, SMALL.em, room);
        Self::sized((!heading.is_empty()).then_some(heading), keys, room, SMALL)
    }

    fn sized(heading: Option<String>, keys: &[(Sign, String)], room: f64, size: Size) -> Self {
        const ROWS: usize = 4; // before long names have to share a row
        let between = size.between;
        for side_by_side in [1.0, 2.0, 3.0] {
            let longest = (room + between) / side_by_side - between;
            let mut laid = vec![];
            for (sign, name) in keys {
                let name = fit(name, size.em, longest - sign.width(size));
                let width = sign.width(size) + width(&name, size.em);
                laid.push(Key { sign: *sign, name, width });
            }
            let lengths = wrap(&laid, room, between);
            let column = laid.iter().map(|key| key.width).fold(0.0, f64::max) + between;
            let most = (((room + between) / column) as usize).max(1);
            let rows = laid.len().div_ceil(most).max(1);
            let columns = laid.len().div_ceil(rows).max(1); // rows of about the same length
            let mut laid = laid.into_iter();
            if lengths.len() <= 2 {
                let rows = lengths.into_iter().map(|n| laid.by_ref().take(n).collect()).collect();
                return Self { heading, rows, column: None, size };
            }
            if rows <= ROWS || side_by_side == 3.0 {
                let rows = (0..rows).map(|_| laid.by_ref().take(columns).collect()).collect();
                return Self { heading, rows, column: Some(column), size };
            }
        }
        unreachable!("three side by side are always laid out")
    }

    pub fn height(&self) -> f64 {
        (self.rows.len() + usize::from(self.heading.is_some())) as f64 * ROW
    }

    /// Draws it centred between `left` and `right`, from `top` down
    pub fn draw(&self, scene: &mut Scene, [left, right]: [f64; 2], mut top: f64) {
        if let Some(heading) = &self.heading {
            let base = top + ROW / 2.0 + HALF_HEIGHT * self.size.em;
            scene.colored_text(heading, self.size.em, Align::Middle, ((left + right) / 2.0, base), FRAME);
            top += ROW;
        }
        let total = |row: &[Key]| match self.column {
            Some(column) => row.len() as f64 * column - self.size.between,
            None => row.iter().map(|key| key.width + self.size.between).sum::<f64>() - self.size.between,
        };
        let widest = self.rows.iter().map(|row| total(row)).fold(0.0, f64::max);
        for (i, row) in self.rows.iter().enumerate() {
            let wide = if self.column.is_some() { widest } else { total(row) };
            let mut x = (left + right - wide) / 2.0;
            for key in row {
                let y = top + (i as f64 + 0.5) * ROW;
                key.sign.draw(scene, [x, x + self.size.sample], y);
                let place = (x + key.sign.width(self.size), y + HALF_HEIGHT * self.size.em);
                scene.text(&key.name, self.size.em, Align::Start, place);
                x += self.column.unwrap_or(key.width + self.size.between);
            }
        }
    }
}

/// Number of entries in each row, if rows are filled from left to right
fn wrap(keys: &[Key], room: f64, between: f64) -> Vec<usize> {
    let mut rows = vec![];
    let mut x = 0.0;
    for key in keys {
        match rows.last_mut() {
            Some(count) if x + between + key.width <= room => {
                *count += 1;
                x += between + key.width;
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
    fn width(self, size: Size) -> f64 {
        match self {
            Self::Line(_) | Self::Faint => size.sample + GAP,
            Self::Mark(_) => 10.0 + GAP,
        }
    }

    /// Draws it between `left` and `right`
    pub fn draw(self, scene: &mut Scene, [left, right]: [f64; 2], y: f64) {
        match self {
            Self::Line(look) => look.sample(scene, left, right, y),
            Self::Mark(look) => look.mark(scene, (left + 5.0, y)),
            Self::Faint => scene.stroke(&[(left, y), (right, y)], FAINT_STROKE, None),
        }
    }
}
