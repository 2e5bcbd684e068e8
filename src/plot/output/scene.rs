//! What a picture is made of, before it is an SVG or a PNG: lines, marks and text, in units

use plotters::style::RGBColor;

use crate::plot::output::svg_png as canvas;

/// A picture's width in units, which is a page's; over 16 cm a unit is 0.57 pt, so that text of 12 units is 7 pt
pub(in crate::plot) const WIDTH: f64 = 800.0;

pub(in crate::plot) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(in crate::plot) const WHITE: RGBColor = RGBColor(255, 255, 255);

/// A position in units, y downwards
pub(in crate::plot) type Point = (f64, f64);
/// The library's answer to a failure
pub(in crate::plot) type Drawn<T = ()> = Result<T, String>;

/// What stands at a text's position, along its line; across it is always the baseline
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::plot) enum At {
    Start,
    Middle,
    End,
}

/// A rectangle in units
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::plot) struct Area {
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
}

/// Text as it stands in a picture
#[derive(Clone, Debug, PartialEq)]
pub(in crate::plot) struct Text {
    pub text: String,
    pub em: f64,
    pub at: At,
    pub place: Point,
    /// Reads upwards, with `place` at its baseline all the same
    pub upwards: bool,
    pub color: RGBColor,
}

impl Text {
    /// What it covers, from its ascenders to its descenders
    #[cfg(test)]
    pub fn area(&self) -> Area {
        let width = width(&self.text, self.em).unwrap();
        let before = match self.at {
            At::Start => 0.0,
            At::Middle => width / 2.0,
            At::End => width,
        };
        let ((x, y), up, down) = (self.place, 0.76 * self.em, 0.24 * self.em);
        match self.upwards {
            false => Area { left: x - before, top: y - up, right: x - before + width, bottom: y + down },
            true => Area { left: x - up, top: y + before - width, right: x + down, bottom: y + before },
        }
    }
}

/// One thing in a picture
#[derive(Clone, Debug, PartialEq)]
pub(in crate::plot) enum Item {
    Text(Text),
    /// A level or upright line of whole PNG pixels, so that it is sharp
    Rule {
        from: Point,
        to: Point,
        width: f64,
        color: RGBColor,
    },
    Line {
        points: Vec<Point>,
        width: f64,
        color: RGBColor,
    },
    Disc {
        centre: Point,
        radius: f64,
        color: RGBColor,
    },
    /// Filled
    Polygon {
        corners: Vec<Point>,
        color: RGBColor,
    },
    /// Filled, of whole PNG pixels
    Block {
        area: Area,
        color: RGBColor,
    },
}

/// Things in the order in which they are drawn
#[derive(Clone, Debug, Default)]
pub(in crate::plot) struct Scene {
    pub items: Vec<Item>,
}

impl Scene {
    /// `text` whose baseline passes through `place`
    pub fn text(&mut self, text: &str, em: f64, at: At, place: Point) {
        self.colored_text(text, em, at, place, BLACK);
    }

    pub fn colored_text(&mut self, text: &str, em: f64, at: At, place: Point, color: RGBColor) {
        let text = printable(text);
        self.items.push(Item::Text(Text { text, em, at, place, upwards: false, color }));
    }

    /// `text` that reads upwards, whose baseline passes through `place`
    pub fn text_upwards(&mut self, text: &str, em: f64, at: At, place: Point) {
        let text = printable(text);
        self.items.push(Item::Text(Text { text, em, at, place, upwards: true, color: BLACK }));
    }

    pub fn rule(&mut self, from: Point, to: Point, width: f64, color: RGBColor) {
        self.items.push(Item::Rule { from, to, width, color });
    }

    pub fn line(&mut self, points: &[Point], width: f64, color: RGBColor) {
        self.items.push(Item::Line { points: points.to_vec(), width, color });
    }

    pub fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) {
        self.items.push(Item::Disc { centre, radius, color });
    }

    pub fn polygon(&mut self, corners: Vec<Point>, color: RGBColor) {
        self.items.push(Item::Polygon { corners, color });
    }

    pub fn block(&mut self, area: Area, color: RGBColor) {
        self.items.push(Item::Block { area, color });
    }

    /// The four sides of `area`
    pub fn frame(&mut self, area: Area, width: f64, color: RGBColor) {
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

/// How wide `text` is, whose em is `em`
///
/// A character that our font lacks is taken to be an em wide, as those of Chinese, Japanese and Korean are.
pub(in crate::plot) fn width(text: &str, em: f64) -> Drawn<f64> {
    let text = printable(text);
    let (known, unknown): (String, Vec<char>) = {
        let known = text.chars().filter(|&c| in_font(c)).collect();
        (known, text.chars().filter(|&c| !in_font(c)).collect())
    };
    Ok(canvas::width(&known, em)? + unknown.len() as f64 * em)
}

/// assets/fonts/README.md lists what was kept of it
pub(in crate::plot) fn in_font(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{17f}' | '\u{391}'..='\u{3c9}' | '\u{2013}'..='\u{2014}'
        | '\u{2018}'..='\u{201d}' | '…' | '\u{2080}'..='\u{2089}' | '\u{2190}'..='\u{2193}' | '\u{2212}')
}

/// `text` without what XML forbids and what would not show
pub(in crate::plot) fn printable(text: &str) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if forbidden(c) { ' ' } else { c }).collect()
}

/// `text`, with as much of its middle left out as it takes to be at most `room` wide
pub(in crate::plot) fn fit(text: &str, em: f64, room: f64) -> Drawn<String> {
    fit_where(text, |text| Ok(width(text, em)? <= room))
}

fn fit_where(text: &str, fits: impl Fn(&str) -> Drawn<bool>) -> Drawn<String> {
    const LONGEST: usize = 200;
    if text.chars().nth(LONGEST).is_none() && fits(text)? {
        return Ok(text.to_owned());
    }
    let chars: Vec<char> = text.chars().collect();
    for kept in (2..chars.len().min(LONGEST)).rev() {
        let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        let shorter = head.iter().chain(['…'].iter()).chain(tail).collect::<String>();
        if fits(&shorter)? {
            return Ok(shorter);
        }
    }
    Ok("…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        let narrow = |text: &str| Ok(text.chars().count() <= 5);
        assert_eq!(fit_where("abcde", narrow).unwrap(), "abcde");
        assert_eq!(fit_where("abcdefgh", narrow).unwrap(), "ab…gh");
    }

    #[test]
    fn characters_that_the_font_lacks_take_their_room() {
        assert_eq!(width("図表", 10.0).unwrap(), 20.0);
        assert!(width("mm", 10.0).unwrap() < 20.0);
    }
}
