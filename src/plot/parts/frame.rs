//! The frame of a panel: axes, ticks, labels, and the positions of values in it

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, Point, Scene, Stroke, WHITE};
use crate::plot::parts::axis::{Axis, Scale};
use crate::plot::parts::labels::label;
use crate::plot::parts::line_style::{FRAME, GRID, HALF_HEIGHT, LABEL_EM, TICK_EM};

// Units from the edge of a panel to its frame: left without the labels of ticks, right, below
const LEFT: f64 = 36.0;
const RIGHT: f64 = 14.0;
const BELOW: f64 = 44.0;
/// Units between the frame and the outermost points, along x and y, so that no mark is cut off
const INSET: [f64; 2] = [10.0, 9.0];
/// Font size of crowded tick labels
const SMALL_EM: f64 = 10.5;
/// Greatest length of names that read upwards, in units
const UPWARDS_MAX: f64 = 96.0;

pub struct Frame {
    pub area: Area,
    pub x: Axis,
    y: Axis,
    outer: Area,
    /// Units between the frame and the outermost points, along x
    pub inset: f64,
    /// True if the tick labels of the x axis read upwards
    upwards: bool,
}

impl Frame {
    /// Lays out a frame whose labels lie in `outer`
    ///
    /// Names that read upwards reach below `outer`, down to [`Frame::bottom`].
    pub fn new(outer: Area, mut x: Axis, y: Axis) -> Self {
        let left = outer.left + LEFT + widest(&y);
        let area = Area { left, right: outer.right - RIGHT, top: outer.top, bottom: outer.bottom - BELOW };
        let (mut upwards, mut bottom) = (false, outer.bottom);
        if x.scale == Scale::Names {
            let slot = (area.width() - 2.0 * INSET[0]) / x.ticks.len().max(1) as f64;
            upwards = widest(&x) > slot - 3.0 && x.ticks.len() > 1;
            let limit = if upwards { UPWARDS_MAX } else { slot };
            x.ticks.iter_mut().for_each(|(_, name)| *name = fit(name, TICK_EM, limit));
            if upwards {
                bottom += widest(&x) - TICK_EM;
            }
        }
        Self { area, x, y, outer: Area { bottom, ..outer }, inset: INSET[0], upwards }
    }

    /// Lays out a square frame with the same axis on both sides, in the columns from `left` to `right`, from `top` down
    pub fn square(axis: &Axis, [left, right]: [f64; 2], top: f64) -> Self {
        // Half of the last label may lie to the right of the frame.
        let right = right - (widest(axis) / 2.0 + 2.0 - INSET[0] - RIGHT).max(0.0);
        let wide = right - left - LEFT - widest(axis) - RIGHT;
        let high = wide - 2.0 * INSET[0] + 2.0 * INSET[1];
        let outer = Area { left, top, right, bottom: top + high + BELOW };
        Self::new(outer, axis.clone(), axis.clone())
    }

    /// Lower end of the panel
    pub fn bottom(&self) -> f64 {
        self.outer.bottom
    }

    pub fn at_x(&self, x: f64) -> f64 {
        self.along(self.x.position(x))
    }

    /// The x coordinate of a position on the x axis, 0 to 1
    fn along(&self, position: f64) -> f64 {
        self.area.left + self.inset + position * (self.area.width() - 2.0 * self.inset)
    }

    pub fn at_y(&self, y: f64) -> f64 {
        // Lines to values beyond this look vertical, and all viewers of SVG can draw them.
        const FARTHEST: f64 = 5_000.0;
        let y = self.area.bottom - INSET[1] - self.y.position(y) * (self.area.height() - 2.0 * INSET[1]);
        y.clamp(-FARTHEST, FARTHEST)
    }

    /// Draws grid, frame, ticks and labels
    pub fn draw(&self, scene: &mut Scene, x_label: &str, y_label: &str) {
        let Area { left, top, right, bottom } = self.area;
        for (value, _) in &self.x.ticks {
            let x = self.at_x(*value);
            if self.x.scale != Scale::Names {
                scene.rule((x, top), (x, bottom), 0.5, GRID);
            }
            scene.rule((x, bottom), (x, bottom + 4.0), 0.5, FRAME);
        }
        // A smaller font if more labels fit then
        let (normal, small) = (self.labelled(TICK_EM), self.labelled(SMALL_EM));
        let (chosen, em) = if small.len() > normal.len() { (small, SMALL_EM) } else { (normal, TICK_EM) };
        for i in chosen {
            let (value, label) = &self.x.ticks[i];
            let x = self.at_x(*value);
            match self.upwards {
                false => scene.text(label, em, Align::Middle, (x, bottom + 16.0)),
                true => scene.text_upwards(label, em, Align::End, (x + HALF_HEIGHT * em, bottom + 7.0)),
            }
        }
        for (value, label) in &self.y.ticks {
            let y = self.at_y(*value);
            scene.rule((left, y), (right, y), 0.5, GRID);
            scene.rule((left - 4.0, y), (left, y), 0.5, FRAME);
            scene.text(label, TICK_EM, Align::End, (left - 7.0, y + HALF_HEIGHT * TICK_EM));
        }
        scene.frame(self.area, 0.5, FRAME);
        if let Some(gap) = self.x.gap() {
            // Two strokes across the lower side of the frame mark the gap.
            let x = self.along(gap);
            let corners = [(-4.0, 4.0), (0.0, -4.0), (4.0, -4.0), (0.0, 4.0)];
            scene.polygon(corners.map(|(dx, dy)| (x + dx, bottom + dy)).to_vec(), WHITE);
            for x in [x, x + 4.0] {
                scene.line(&[(x - 4.0, bottom + 4.0), (x, bottom - 4.0)], 1.0, FRAME);
            }
        }
        let (middle, outer) = (self.area.middle(), &self.outer);
        let ends = [outer.left + 4.0, outer.right - 4.0];
        label(scene, x_label, LABEL_EM, false, (middle.0, outer.bottom - 9.0), ends);
        let ends = [outer.top - 6.0, outer.bottom - 6.0];
        label(scene, y_label, LABEL_EM, true, (outer.left + 18.0, middle.1), ends);
    }

    /// Indices of the x ticks whose labels fit: the outermost first, then from left to right
    fn labelled(&self, em: f64) -> Vec<usize> {
        let count = self.x.ticks.len();
        let mut chosen: Vec<(usize, [f64; 2])> = vec![];
        for i in [0, count.saturating_sub(1)].into_iter().chain(0..count) {
            let Some((value, label)) = self.x.ticks.get(i) else { continue };
            let (x, wide) = (self.at_x(*value), if self.upwards { em } else { width(label, em) + 3.0 });
            let [from, to] = [x - wide / 2.0, x + wide / 2.0];
            if chosen.iter().all(|&(_, [a, b])| to <= a || b <= from) {
                chosen.push((i, [from, to]));
            }
        }
        chosen.into_iter().map(|(i, _)| i).collect()
    }

    /// Draws a line through `points`, of which only the part within the frame is seen
    pub fn line(&self, scene: &mut Scene, stroke: Stroke, points: &[Point]) {
        let leaves = points.iter().any(|point| !self.holds(*point));
        scene.stroke(points, stroke, leaves.then_some(self.area));
    }

    /// True if a mark at `point` lies in the frame
    pub fn holds(&self, point: Point) -> bool {
        (self.area.top..=self.area.bottom).contains(&point.1)
    }
}

/// Width of the widest label of the axis
fn widest(axis: &Axis) -> f64 {
    axis.ticks.iter().map(|(_, label)| width(label, TICK_EM)).fold(0.0, f64::max)
}
