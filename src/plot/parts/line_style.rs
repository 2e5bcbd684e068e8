//! How lines are told apart: by colour, by mark and by dashes; sizes and greys that all pictures share

use plotters::style::RGBColor;

use crate::plot::epochs_csv::Split;
use crate::plot::output::scene::{Point, Scene, WHITE};
use crate::plot::parts::polyline::dashes;

// Sizes in units (see `scene::WIDTH`)
pub(in crate::plot) const TITLE_EM: f64 = 14.0;
pub(in crate::plot) const LABEL_EM: f64 = 13.0;
pub(in crate::plot) const TICK_EM: f64 = 12.0;
pub(in crate::plot) const LINE: f64 = 1.75;
pub(in crate::plot) const MARK: f64 = 3.25;
/// Half of what capitals are high, in ems: how far below a line's middle its text's baseline stands
pub(in crate::plot) const HALF_HEIGHT: f64 = 0.365;

pub(in crate::plot) const GRID: RGBColor = RGBColor(221, 221, 221);
pub(in crate::plot) const FRAME: RGBColor = RGBColor(90, 90, 90);
/// For lines that are there for the whole of them, not each for itself
pub(in crate::plot) const FAINT: RGBColor = RGBColor(176, 176, 176);

/// Okabe and Ito's colours, without the yellow that is too faint on white
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(0, 0, 0),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Lines with a look of their own; beyond that nobody could tell which is which
pub(in crate::plot) const LOOKS: usize = 12;

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

/// A line's colour, mark and dashes; no two of the first [`LOOKS`] share a mark, so that they differ in grey, too
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::plot) struct Look {
    pub color: RGBColor,
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

    pub fn of_split(split: Split) -> Self {
        match split {
            Split::Training => Self::of(0),
            Split::Test => Self::of(1),
            Split::Validation => Self::of(2),
        }
    }

    /// Of a trial without figures
    pub fn of_failure() -> Self {
        Self { color: RGBColor(0, 0, 0), dash: SOLID, shape: Shape::Cross, open: false }
    }

    /// The line itself
    pub fn line(&self, scene: &mut Scene, points: &[Point], width: f64) {
        if self.dash.is_empty() {
            return scene.line(points, width, self.color);
        }
        for dash in dashes(points, self.dash) {
            scene.line(&dash, width, self.color);
        }
    }

    /// Its mark, which covers about as much whatever its shape
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

    /// An open one stands upright, as a plus
    fn cross(&self, scene: &mut Scene, (x, y): Point) {
        let r = if self.open { MARK + 0.75 } else { MARK };
        let (a, b) = if self.open { ((r, 0.0), (0.0, r)) } else { ((r, r), (r, -r)) };
        for (dx, dy) in [a, b] {
            scene.line(&[(x - dx, y - dy), (x + dx, y + dy)], 2.0, self.color);
        }
    }

    /// As it stands in a legend, from `left` to `right`
    pub fn sample(&self, scene: &mut Scene, left: f64, right: f64, y: f64) {
        self.line(scene, &[(left, y), (right, y)], LINE);
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
