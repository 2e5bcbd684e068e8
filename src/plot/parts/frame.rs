//! A panel's frame: axes, ticks, labels, and where a figure lies in it

use crate::plot::output::scene::{Area, At, Drawn, Point, Scene, WHITE, fit, width};
use crate::plot::parts::axis::{Axis, Scale};
use crate::plot::parts::line_style::{FRAME, GRID, HALF_HEIGHT, LABEL_EM, LINE, Look, TICK_EM};
use crate::plot::parts::polyline::clip;

/// From a panel's edge to its frame: left of the ticks' labels, right, below
const LEFT: f64 = 36.0;
const RIGHT: f64 = 14.0;
const BELOW: f64 = 44.0;
/// Between the frame and the outermost points, so that no mark is cut off
const INSET: [f64; 2] = [10.0, 9.0];
/// Of ticks' labels that are crowded
const SMALL_EM: f64 = 10.5;
/// Names that read upwards get at most that much room
const UPWARDS_MAX: f64 = 96.0;

pub(in crate::plot) struct Frame {
    pub area: Area,
    pub x: Axis,
    pub y: Axis,
    outer: Area,
    inset: f64,
    /// Ticks' labels on the x axis read upwards
    upwards: bool,
}

impl Frame {
    /// In `outer`, labels included; the x axis is made for the frame's width
    ///
    /// Names that read upwards reach below `outer`, as far as [`Frame::bottom`].
    pub fn new(outer: Area, y: Axis, x: impl FnOnce(f64) -> Drawn<Axis>) -> Drawn<Self> {
        let left = outer.left + LEFT + widest(&y)?;
        let area = Area { left, right: outer.right - RIGHT, top: outer.top, bottom: outer.bottom - BELOW };
        let mut x = x(area.width())?;
        let (mut upwards, mut bottom) = (false, outer.bottom);
        if x.scale == Scale::Names {
            let slot = (area.width() - 2.0 * INSET[0]) / x.ticks.len().max(1) as f64;
            upwards = widest(&x)? > slot - 3.0 && x.ticks.len() > 1;
            let room = if upwards { UPWARDS_MAX } else { slot };
            for (_, label) in &mut x.ticks {
                *label = fit(label, TICK_EM, room)?;
            }
            if upwards {
                bottom += widest(&x)? - TICK_EM;
            }
        }
        Ok(Self { area, x, y, outer: Area { bottom, ..outer }, inset: INSET[0], upwards })
    }

    /// The same with more room beside the outermost points
    pub fn inset(self, inset: f64) -> Self {
        Self { inset, ..self }
    }

    /// Where the panel ends
    pub fn bottom(&self) -> f64 {
        self.outer.bottom
    }

    pub fn at_x(&self, x: f64) -> f64 {
        self.area.left + self.inset + self.x.position(x) * (self.area.width() - 2.0 * self.inset)
    }

    pub fn at_y(&self, y: f64) -> f64 {
        let Area { top, bottom, .. } = self.area;
        bottom - INSET[1] - self.y.position(y) * (bottom - top - 2.0 * INSET[1])
    }

    pub fn at(&self, x: f64, y: f64) -> Point {
        (self.at_x(x), self.at_y(y))
    }

    /// Grid, frame, ticks and labels
    pub fn draw(&self, scene: &mut Scene, x_label: &str, y_label: &str) -> Drawn {
        let Area { left, top, right, bottom } = self.area;
        for (value, _) in &self.x.ticks {
            let x = self.at_x(*value);
            if self.x.scale != Scale::Names {
                scene.rule((x, top), (x, bottom), 0.5, GRID);
            }
            scene.rule((x, bottom), (x, bottom + 4.0), 0.5, FRAME);
        }
        // Small print if more labels fit then
        let (normal, small) = (self.labelled(TICK_EM)?, self.labelled(SMALL_EM)?);
        let (chosen, em) = if small.len() > normal.len() { (small, SMALL_EM) } else { (normal, TICK_EM) };
        for i in chosen {
            let (value, label) = &self.x.ticks[i];
            let x = self.at_x(*value);
            match self.upwards {
                false => scene.text(label, em, At::Middle, (x, bottom + 16.0)),
                true => scene.text_upwards(label, em, At::End, (x + HALF_HEIGHT * em, bottom + 7.0)),
            }
        }
        for (value, label) in &self.y.ticks {
            let y = self.at_y(*value);
            scene.rule((left, y), (right, y), 0.5, GRID);
            scene.rule((left - 4.0, y), (left, y), 0.5, FRAME);
            scene.text(label, TICK_EM, At::End, (left - 7.0, y + HALF_HEIGHT * TICK_EM));
        }
        scene.frame(self.area, 0.5, FRAME);
        if let Some(place) = self.x.gap() {
            // Two strokes across the frame's lower side, where the axis leaves something out
            let x = left + self.inset + place * (right - left - 2.0 * self.inset);
            let corners = [(-4.0, 4.0), (0.0, -4.0), (4.0, -4.0), (0.0, 4.0)];
            scene.polygon(corners.map(|(dx, dy)| (x + dx, bottom + dy)).to_vec(), WHITE);
            for x in [x, x + 4.0] {
                scene.line(&[(x - 4.0, bottom + 4.0), (x, bottom - 4.0)], 1.0, FRAME);
            }
        }
        let x_label = fit(x_label, LABEL_EM, self.outer.width() - 8.0)?;
        let middle = self.area.middle();
        let half = width(&x_label, LABEL_EM)? / 2.0;
        let x = middle.0.min(self.outer.right - 4.0 - half).max(self.outer.left + 4.0 + half);
        scene.text(&x_label, LABEL_EM, At::Middle, (x, self.outer.bottom - 9.0));
        let y_label = fit(y_label, LABEL_EM, self.outer.bottom - self.outer.top)?;
        // As near the middle as it can be without leaving the panel
        let half = width(&y_label, LABEL_EM)? / 2.0;
        let y = middle.1.max(self.outer.top + half - 6.0);
        scene.text_upwards(&y_label, LABEL_EM, At::Middle, (self.outer.left + 18.0, y));
        Ok(())
    }

    /// Which of the x axis's ticks have room for their labels: the outermost, then from left to right
    fn labelled(&self, em: f64) -> Drawn<Vec<usize>> {
        let count = self.x.ticks.len();
        let mut taken: Vec<[f64; 2]> = vec![];
        let mut chosen = vec![];
        for i in [0, count.saturating_sub(1)].into_iter().chain(0..count) {
            let Some((value, label)) = self.x.ticks.get(i).filter(|_| !chosen.contains(&i)) else { continue };
            let wide = if self.upwards { em } else { width(label, em)? + 3.0 };
            let (from, to) = (self.at_x(*value) - wide / 2.0, self.at_x(*value) + wide / 2.0);
            if taken.iter().all(|&[a, b]| to <= a || b <= from) {
                taken.push([from, to]);
                chosen.push(i);
            }
        }
        Ok(chosen)
    }

    /// A line through `points`, cut where it leaves the frame
    pub fn line(&self, scene: &mut Scene, look: &Look, points: &[Point]) {
        for part in clip(points, self.area.top, self.area.bottom) {
            look.line(scene, &part, LINE);
        }
    }

    /// Whether a mark at `point` lies in the frame
    pub fn holds(&self, point: Point) -> bool {
        (self.area.top..=self.area.bottom).contains(&point.1)
    }
}

/// The widest label of the axis
fn widest(axis: &Axis) -> Drawn<f64> {
    axis.ticks.iter().try_fold(0.0, |widest: f64, (_, label)| Ok(widest.max(width(label, TICK_EM)?)))
}
