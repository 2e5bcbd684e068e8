//! A picture before it is written: lines, shapes and texts, in units

use std::fmt::{Display, Formatter};

use crate::error::printable;

/// Width of every picture in units; printed 16 cm wide, a unit is 0.57 pt and text of 12 units is 7 pt
pub const WIDTH: f64 = 800.0;

/// An opaque sRGB color, as `0xRRGGBB`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rgb(pub u32);

impl Display for Rgb {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:06X}", self.0)
    }
}

pub const BLACK: Rgb = Rgb(0x000000);
pub const WHITE: Rgb = Rgb(0xFFFFFF);

/// A position in units, y downwards
pub type Point = (f64, f64);

/// Which point of a text's baseline is at its place
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Align {
    Start,
    Middle,
    End,
}

/// A rectangle in units
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    pub fn middle(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// A line of text with its place
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub text: String,
    pub em: f64,
    pub align: Align,
    pub place: Point,
    /// True for text that reads upwards; `place` is on its baseline there, too
    pub upwards: bool,
    pub color: Rgb,
}

impl Text {
    /// Area that it covers, from ascenders to descenders
    #[cfg(test)]
    pub fn area(&self) -> Area {
        let width = crate::plot::output::font::width(&self.text, self.em);
        let before = match self.align {
            Align::Start => 0.0,
            Align::Middle => width / 2.0,
            Align::End => width,
        };
        let ((x, y), up, down) = (self.place, 0.76 * self.em, 0.24 * self.em);
        match self.upwards {
            false => Area { left: x - before, top: y - up, right: x - before + width, bottom: y + down },
            true => Area { left: x - up, top: y + before - width, right: x + down, bottom: y + before },
        }
    }
}

/// How a line is drawn
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    pub width: f64,
    pub color: Rgb,
    /// Units drawn, left out, drawn, left out, …; empty for a solid line
    pub dash: &'static [f64],
}

/// One thing in a picture
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Text(Text),
    /// Filled rectangles, which cover whole PNG pixels
    Blocks {
        areas: Vec<Area>,
        color: Rgb,
    },
    /// A line through `points`, of which only the part within `clip` is seen
    Line {
        points: Vec<Point>,
        stroke: Stroke,
        clip: Option<Area>,
    },
    Disc {
        centre: Point,
        radius: f64,
        color: Rgb,
    },
    /// A filled polygon
    Polygon {
        corners: Vec<Point>,
        color: Rgb,
    },
    /// A translucent polygon, of which only the part within `clip` is seen
    Band {
        corners: Vec<Point>,
        color: Rgb,
        clip: Area,
    },
}

/// Opacity of a [`Item::Band`]
pub const BAND_OPACITY: f64 = 0.18;

/// Items in the order in which they are drawn
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub items: Vec<Item>,
    /// What the picture shows, in a line, and in detail: for readers that can't see it
    pub title: String,
    pub description: String,
}

impl Scene {
    pub fn band(&mut self, corners: Vec<Point>, color: Rgb, clip: Area) {
        self.items.push(Item::Band { corners, color, clip });
    }

    /// Adds black `text` whose baseline passes through `place`; an empty text adds no item
    pub fn text(&mut self, text: &str, em: f64, align: Align, place: Point) {
        self.colored_text(text, em, align, place, BLACK);
    }

    pub fn colored_text(&mut self, text: &str, em: f64, align: Align, place: Point, color: Rgb) {
        self.push_text(Text { text: text.to_owned(), em, align, place, upwards: false, color });
    }

    /// Adds black `text` that reads upwards and whose baseline passes through `place`
    pub fn text_upwards(&mut self, text: &str, em: f64, align: Align, place: Point) {
        self.push_text(Text { text: text.to_owned(), em, align, place, upwards: true, color: BLACK });
    }

    fn push_text(&mut self, mut text: Text) {
        if !text.text.is_empty() {
            text.text = printable(&text.text).into_owned();
            self.items.push(Item::Text(text));
        }
    }

    /// Adds a horizontal or vertical line; `from` is its left or upper end
    pub fn rule(&mut self, from: Point, to: Point, width: f64, color: Rgb) {
        let half = width / 2.0;
        let (left, top, right, bottom) = (from.0 - half, from.1 - half, to.0 + half, to.1 + half);
        self.block(Area { left, top, right, bottom }, color);
    }

    /// Adds a solid line
    pub fn line(&mut self, points: &[Point], width: f64, color: Rgb) {
        self.stroke(points, Stroke { width, color, dash: &[] }, None);
    }

    pub fn stroke(&mut self, points: &[Point], stroke: Stroke, clip: Option<Area>) {
        self.items.push(Item::Line { points: points.to_vec(), stroke, clip });
    }

    pub fn disc(&mut self, centre: Point, radius: f64, color: Rgb) {
        self.items.push(Item::Disc { centre, radius, color });
    }

    pub fn polygon(&mut self, corners: Vec<Point>, color: Rgb) {
        self.items.push(Item::Polygon { corners, color });
    }

    pub fn block(&mut self, area: Area, color: Rgb) {
        self.blocks(vec![area], color);
    }

    /// Adds filled rectangles of one color as one item; resvg reads at most a million elements
    pub fn blocks(&mut self, areas: Vec<Area>, color: Rgb) {
        self.items.push(Item::Blocks { areas, color });
    }

    /// Adds the four sides of `area`
    pub fn frame(&mut self, area: Area, width: f64, color: Rgb) {
        let Area { left, top, right, bottom } = area;
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        for [i, j] in [[0, 1], [1, 2], [3, 2], [0, 3]] {
            self.rule(corners[i], corners[j], width, color);
        }
    }

    #[cfg(test)]
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.items.iter().filter_map(|item| if let Item::Text(text) = item { Some(text) } else { None })
    }
}
