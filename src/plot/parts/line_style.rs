//! The looks that distinguish lines (color, mark, dashes), and the sizes and greys that all pictures share

use crate::plot::output::scene::{Point, Rgb, Scene, Stroke, WHITE};

// Sizes in units (see `scene::WIDTH`)
pub const TITLE_EM: f64 = 14.0;
pub const LABEL_EM: f64 = 13.0;
pub const TICK_EM: f64 = 12.0;
pub const LINE: f64 = 1.75;
pub const MARK: f64 = 3.25;
/// Half the height of capitals, in ems: distance from the middle of a line of text down to its baseline
pub const HALF_HEIGHT: f64 = 0.365;

pub const GRID: Rgb = Rgb(221, 221, 221);
pub const FRAME: Rgb = Rgb(90, 90, 90);
/// Grey of lines that have no look of their own
pub const FAINT: Rgb = Rgb(176, 176, 176);
/// Stroke of lines that have no look of their own
pub const FAINT_STROKE: Stroke = Stroke { width: LINE - 0.5, color: FAINT, dash: &[] };

/// The colors of Okabe and Ito, without the yellow, which is too faint on white
const COLORS: [Rgb; 7] = [
    Rgb(0, 114, 178),
    Rgb(213, 94, 0),
    Rgb(0, 158, 115),
    Rgb(0, 0, 0),
    Rgb(204, 121, 167),
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
];

/// Number of different looks
pub const LOOKS: usize = 12;

const SOLID: &[f64] = &[];
const DASHED: &[f64] = &[7.0, 4.0];
const DOTTED: &[f64] = &[2.0, 3.0];
const DASH_DOT: &[f64] = &[9.0, 3.0, 2.0, 3.0];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
    Pennant,
    Cross,
}

/// Color, mark and dashes of a line; the first [`LOOKS`] have different marks, so that they differ in grey print
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub color: Rgb,
    dash: &'static [f64],
    shape: Shape,
    open: bool,
}

impl Look {
    /// The look of line `i`
    pub fn of(i: usize) -> Self {
        const SHAPES: [(Shape, bool); LOOKS] = [
            (Shape::Disc, false),
            (Shape::Square, true),
            (Shape::Triangle, false),
            (Shape::Diamond, true),
            (Shape::Square, false),
            (Shape::Disc, true),
            (Shape::Diamond, false),
            (Shape::Triangle, true),
            (Shape::Pennant, false),
            (Shape::Cross, false),
            (Shape::Pennant, true),
            (Shape::Cross, true),
        ];
        let (shape, open) = SHAPES[i % LOOKS];
        let dash = [SOLID, DASHED, DOTTED, DASH_DOT][i % 4];
        Self { color: COLORS[i % COLORS.len()], dash, shape, open }
    }

    /// The look of a trial without metrics
    pub fn of_failure() -> Self {
        Self { color: Rgb(0, 0, 0), dash: SOLID, shape: Shape::Cross, open: false }
    }

    /// The stroke of its line
    pub fn stroke(&self) -> Stroke {
        Stroke { width: LINE, color: self.color, dash: self.dash }
    }

    /// Draws its mark; all shapes cover about the same area
    pub fn mark(&self, scene: &mut Scene, at: Point) {
        const STROKE: f64 = 1.5;
        if self.shape == Shape::Cross {
            return self.cross(scene, at);
        }
        let mut filled = |by: f64, color| match self.shape {
            Shape::Disc => scene.disc(at, MARK + by, color),
            Shape::Square => {
                scene.polygon(around(at, MARK - 0.25 + by, &[(-1, -1), (1, -1), (1, 1), (-1, 1)]), color)
            }
            Shape::Diamond => {
                let side = MARK + 1.0 + by * 1.41;
                scene.polygon(around(at, side, &[(0, -1), (1, 0), (0, 1), (-1, 0)]), color);
            }
            Shape::Triangle | Shape::Pennant | Shape::Cross => {
                let (r, up) = (MARK + 1.0 + by * 2.0, if self.shape == Shape::Pennant { -1.0 } else { 1.0 });
                let corner = |x: f64, y: f64| (at.0 + x * r, at.1 - up * y * r);
                scene.polygon(vec![corner(0.0, 1.0), corner(0.87, -0.5), corner(-0.87, -0.5)], color);
            }
        };
        if self.open {
            filled(STROKE / 2.0, self.color);
            filled(-STROKE / 2.0, WHITE);
        } else {
            filled(0.0, self.color);
        }
    }

    /// Draws a cross; an open one stands upright, as a plus
    fn cross(&self, scene: &mut Scene, (x, y): Point) {
        let r = if self.open { MARK + 0.75 } else { MARK };
        let (a, b) = if self.open { ((r, 0.0), (0.0, r)) } else { ((r, r), (r, -r)) };
        for (dx, dy) in [a, b] {
            scene.line(&[(x - dx, y - dy), (x + dx, y + dy)], 2.0, self.color);
        }
    }

    /// Draws its sample in a legend, from `left` to `right`
    pub fn sample(&self, scene: &mut Scene, left: f64, right: f64, y: f64) {
        scene.stroke(&[(left, y), (right, y)], self.stroke(), None);
        self.mark(scene, ((left + right) / 2.0, y));
    }
}

fn around(centre: Point, half: f64, corners: &[(i8, i8)]) -> Vec<Point> {
    corners.iter().map(|&(x, y)| (centre.0 + f64::from(x) * half, centre.1 + f64::from(y) * half)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_looks_are_alike_in_grey() {
        for i in 0..LOOKS {
            for j in 0..i {
                let (a, b) = (Look::of(i), Look::of(j));
                assert!((a.shape, a.open) != (b.shape, b.open), "{i} {j}");
            }
        }
    }
}
