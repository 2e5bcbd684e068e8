//! A scene as SVG; text stays text

use std::fmt::{Display, Formatter, Result, Write};

use crate::plot::output::font::FAMILIES;
use crate::plot::output::scene::{Align, Area, Item, Point, Scene, Text, WIDTH};

/// The scene as an SVG file, `height` units high
pub fn svg(scene: &Scene, height: u32) -> String {
    let mut svg = format!(
        "<svg width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\" \
         font-family=\"{FAMILIES}\" stroke-linejoin=\"round\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n"
    );
    let mut clips = vec![];
    for item in &scene.items {
        // Writing into a string can't fail.
        let _ = write_item(&mut svg, item, &mut clips);
    }
    svg + "</svg>\n"
}

/// * `clips`: the areas that have a clip path so far, which is called by its place in them
fn write_item(svg: &mut String, item: &Item, clips: &mut Vec<Area>) -> Result {
    match item {
        Item::Text(text) => write_text(svg, text),
        Item::Rule { from, to, width, color } => {
            let half = width / 2.0;
            let area =
                Area { left: from.0 - half, top: from.1 - half, right: to.0 + half, bottom: to.1 + half };
            writeln!(svg, "<rect {} fill=\"{color}\"/>", Rect(snapped(area)))
        }
        Item::Blocks { areas, color } => {
            let areas: Vec<_> = areas.iter().copied().map(snapped).collect();
            match areas[..] {
                [area] => writeln!(svg, "<rect {} fill=\"{color}\"/>", Rect(area)),
                _ => writeln!(svg, "<path d=\"{}\" fill=\"{color}\"/>", Rects(&areas)),
            }
        }
        Item::Disc { centre: (x, y), radius, color } => {
            let (x, y, r) = (Number(*x), Number(*y), Number(*radius));
            writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{color}\"/>")
        }
        Item::Polygon { corners, color } => {
            writeln!(svg, "<polygon points=\"{}\" fill=\"{color}\"/>", Points(corners))
        }
        Item::Line { points, stroke, clip } => {
            let clip = clip.map(|area| clip_path(svg, area, clips)).transpose()?;
            write!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"", Points(points), stroke.color)?;
            write!(svg, " stroke-width=\"{}\"", Number(stroke.width))?;
            if !stroke.dash.is_empty() {
                let lengths: Vec<String> = stroke.dash.iter().map(f64::to_string).collect();
                write!(svg, " stroke-dasharray=\"{}\"", lengths.join(","))?;
            }
            if let Some(clip) = clip {
                write!(svg, " clip-path=\"url(#clip{clip})\"")?;
            }
            writeln!(svg, "/>")
        }
    }
}

fn write_text(svg: &mut String, text: &Text) -> Result {
    let (x, y) = (Number(text.place.0), Number(text.place.1));
    write!(svg, "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"", Number(text.em), text.color)?;
    match text.align {
        Align::Start => {}
        Align::Middle => write!(svg, " text-anchor=\"middle\"")?,
        Align::End => write!(svg, " text-anchor=\"end\"")?,
    }
    if text.upwards {
        write!(svg, " transform=\"rotate(-90 {x} {y})\"")?;
    }
    writeln!(svg, ">{}</text>", Escaped(&text.text))
}

/// The number of the clip path of `area`, which is written at its first use
fn clip_path(
    svg: &mut String,
    area: Area,
    clips: &mut Vec<Area>,
) -> std::result::Result<usize, std::fmt::Error> {
    if let Some(known) = clips.iter().position(|clip| *clip == area) {
        return Ok(known);
    }
    writeln!(svg, "<clipPath id=\"clip{}\"><rect {}/></clipPath>", clips.len(), Rect(area))?;
    clips.push(area);
    Ok(clips.len() - 1)
}

/// The area with its sides on the borders of PNG pixels, which are half a unit wide
fn snapped(area: Area) -> Area {
    let [left, top, right, bottom] = [area.left, area.top, area.right, area.bottom]
        .map(|units| ((4.0 * units).round() / 2.0).floor() / 2.0);
    Area { left, top, right, bottom }
}

/// A coordinate with at most two decimals
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", (self.0 * 100.0).round() / 100.0 + 0.0) // + 0.0 makes 0 of -0
    }
}

struct Points<'a>(&'a [Point]);

impl Display for Points<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (i, (x, y)) in self.0.iter().enumerate() {
            write!(f, "{}{},{}", if i == 0 { "" } else { " " }, Number(*x), Number(*y))?;
        }
        Ok(())
    }
}

/// The attributes of a `rect`
struct Rect(Area);

impl Display for Rect {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Area { left, top, right, bottom } = self.0;
        let [x, y, width, height] = [left, top, right - left, bottom - top].map(Number);
        write!(f, "x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
    }
}

/// The path data of several rectangles
struct Rects<'a>(&'a [Area]);

impl Display for Rects<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for Area { left, top, right, bottom } in self.0 {
            let [x, y, width, height, back] =
                [*left, *top, right - left, bottom - top, left - right].map(Number);
            write!(f, "M{x},{y}h{width}v{height}h{back}z")?;
        }
        Ok(())
    }
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&apos;"),
            _ => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::scene::{BLACK, Stroke};

    #[test]
    fn lines_with_the_same_clip_share_its_path() {
        let mut scene = Scene::default();
        let area = Area { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };
        for clip in [area, area, Area { right: 20.0, ..area }] {
            let stroke = Stroke { width: 1.0, color: BLACK, dash: &[7.0, 4.0] };
            scene.stroke(&[(-0.001, 1.0), (2.125, 1e4)], stroke, Some(clip));
        }
        let svg = svg(&scene, 10);
        assert_eq!(svg.matches("<clipPath").count(), 2, "{svg}");
        assert_eq!(svg.matches("url(#clip0)").count(), 2, "{svg}");
        assert!(
            svg.contains("points=\"0,1 2.13,10000\"") && svg.contains("stroke-dasharray=\"7,4\""),
            "{svg}"
        );
    }

    #[test]
    fn rules_lie_on_whole_png_pixels() {
        for i in 0..100 {
            let x = f64::from(i) * 0.07;
            let Area { left, right, .. } =
                snapped(Area { left: x - 0.25, right: x + 0.25, top: 0.0, bottom: 1.0 });
            assert_eq!((right - left, (2.0 * left).fract()), (0.5, 0.0), "{x}");
        }
    }
}
