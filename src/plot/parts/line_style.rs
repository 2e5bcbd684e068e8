//! The looks that distinguish lines (color, mark, dashes), and the sizes and greys that all pictures share

use crate::plot::output::scene::{BLACK, Point, Rgb, Scene, Stroke, WHITE};

// Sizes in units (see `scene::WIDTH`)
pub const TITLE_EM: f64 = 14.0;
pub const LABEL_EM: f64 = 13.0;
pub const TICK_EM: f64 = 12.0;
pub const LINE: f64 = 1.75;
pub const MARK: f64 = 3.25;
/// Half the height of capitals, in ems: distance from the middle of a line of text down to its baseline
pub const HALF_HEIGHT: f64 = 0.365;

pub const GRID: Rgb = Rgb(0xDDDDDD);
pub const FRAME: Rgb = Rgb(0x5A5A5A);

/// The colors of Okabe and Ito, without the yellow, which is too faint on white
const COLORS: [u32; 7] = [0x0072B2, 0xD55E00, 0x009E73, 0x000000, 0xCC79A7, 0xE69F00, 0x56B4E9];

const SOLID: &[f64] = &[];
const DASHES: [&[f64]; 4] = [SOLID, &[7.0, 4.0], &[2.0, 3.0], &[9.0, 3.0, 2.0, 3.0]];

/// Number of different looks
pub const LOOKS: usize = 12;
/// The marks of the looks; every second one is open, so that all marks differ
const SHAPES: [Shape; LOOKS] = {
    use Shape::{Cross, Diamond, Disc, Down, Square, Up};
    [Disc, Square, Up, Diamond, Square, Disc, Diamond, Up, Cross, Down, Down, Cross]
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Disc,
    Square,
    Diamond,
    /// Triangles
    Up,
    Down,
    Cross,
    /// A small disc
    Dot,
    /// A circle around another mark
    Ring,
    None,
}

/// Color, mark and dashes of a line; the first [`LOOKS`] have different marks, so that they differ in grey print
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub stroke: Stroke,
    shape: Shape,
    open: bool,
}

impl Look {
    /// The look of all lines that have none of their own: thin and grey
    pub const FAINT: Self = {
        let stroke = Stroke { width: 0.75, color: Rgb(0xB0B0B0), dash: SOLID };
        Self { stroke, shape: Shape::Dot, open: false }
    };

    /// The look of a trial without metrics: a mark without a line
    pub const FAILURE: Self = {
        let stroke = Stroke { width: 0.0, color: BLACK, dash: SOLID };
        Self { stroke, shape: Shape::Cross, open: false }
    };

    /// The ring around the best epoch
    pub const BEST: Self = {
        let stroke = Stroke { width: 0.0, color: BLACK, dash: SOLID };
        Self { stroke, shape: Shape::Ring, open: true }
    };

    /// A thin solid line in a pale shade of its color, for one of several seeds
    pub fn pale(self) -> Self {
        let channels = self.stroke.color.0.to_be_bytes().map(|channel| (u16::from(channel) + 2 * 255) / 3);
        let color = channels.into_iter().fold(0, |rgb, channel| rgb << 8 | u32::from(channel)) & 0xFF_FFFF;
        Self {
            stroke: Stroke { width: 0.75, color: Rgb(color), dash: SOLID },
            shape: Shape::Dot,
            open: false,
        }
    }

    /// The same mark without a line
    pub fn alone(mut self) -> Self {
        self.stroke.width = 0.0;
        self
    }

    /// The same look with the dashes of number `i`
    pub fn dashed(mut self, i: usize) -> Self {
        self.stroke.dash = DASHES[i % DASHES.len()];
        self
    }

    /// A grey line without a mark that shows the dashes of number `i`
    pub fn dashes(i: usize) -> Self {
        let stroke = Stroke { width: LINE, color: FRAME, dash: DASHES[i % DASHES.len()] };
        Self { stroke, shape: Shape::None, open: false }
    }

    /// The look of line `i`
    pub fn of(i: usize) -> Self {
        let (color, dash) = (Rgb(COLORS[i % COLORS.len()]), DASHES[i % DASHES.len()]);
        Self { stroke: Stroke { width: LINE, color, dash }, shape: SHAPES[i % LOOKS], open: i % 2 == 1 }
    }

    /// Draws its mark; all shapes but the dot cover about the same area
    pub fn mark(&self, scene: &mut Scene, at: Point) {
        const EDGE: f64 = 0.75; // half the width of the edge of an open mark
        let color = self.stroke.color;
        // Corners around the centre, their scale, and how far they move if the sides move by a unit
        let (corners, scale, growth): (&[Point], f64, f64) = match self.shape {
            Shape::Dot => return scene.disc(at, 2.0, color),
            Shape::Ring => return ring(scene, at, color),
            Shape::None => return,
            Shape::Cross => return self.cross(scene, at),
            Shape::Disc => (&[], MARK, 1.0),
            Shape::Square => (&[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)], MARK - 0.25, 1.0),
            Shape::Diamond => (&[(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)], MARK + 1.0, 1.41),
            Shape::Up => (&[(0.0, -1.0), (0.87, 0.5), (-0.87, 0.5)], MARK + 1.0, 2.0),
            Shape::Down => (&[(0.0, 1.0), (0.87, -0.5), (-0.87, -0.5)], MARK + 1.0, 2.0),
        };
        let mut fill = |by: f64, color| {
            let r = scale + by * growth;
            match corners {
                [] => scene.disc(at, r, color),
                _ => {
                    scene.polygon(corners.iter().map(|(x, y)| (at.0 + x * r, at.1 + y * r)).collect(), color)
                }
            }
        };
        if self.open {
            fill(EDGE, color);
            fill(-EDGE, WHITE);
        } else {
            fill(0.0, color);
        }
    }

    /// Draws a cross; an open one stands upright, as a plus
    fn cross(&self, scene: &mut Scene, (x, y): Point) {
        let r = if self.open { MARK + 0.75 } else { MARK };
        let arms = if self.open { [(r, 0.0), (0.0, r)] } else { [(r, r), (r, -r)] };
        for (dx, dy) in arms {
            scene.line(&[(x - dx, y - dy), (x + dx, y + dy)], 2.0, self.stroke.color);
        }
    }

    /// Draws its sample in a legend, from `left` to `right`
    pub fn sample(&self, scene: &mut Scene, [left, right]: [f64; 2], y: f64) {
        if self.stroke.width > 0.0 {
            scene.stroke(&[(left, y), (right, y)], self.stroke, None);
        }
        self.mark(scene, ((left + right) / 2.0, y));
    }
}

/// Draws a circle around `at`
fn ring(scene: &mut Scene, at: Point, color: Rgb) {
    const CORNERS: u32 = 24;
    let corner = |i: u32| {
        let angle = std::f64::consts::TAU * f64::from(i) / f64::from(CORNERS);
        (at.0 + 7.0 * angle.cos(), at.1 + 7.0 * angle.sin())
    };
    let corners: Vec<_> = (0..=CORNERS).map(corner).collect();
    scene.line(&corners, 1.25, color);
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
