//! A scene as SVG; text stays text

use crate::error::printable;
use crate::plot::output::font::FAMILIES;
use crate::plot::output::scene::{Align, Area, BAND_OPACITY, Item, Point, Scene, Text, WIDTH};

/// The scene as an SVG file, `height` units high
///
/// * `scale`: pixels per unit; the file's coordinates stay units
pub fn svg(scene: &Scene, height: u32, scale: f64) -> String {
    let [wide, high] = [WIDTH, f64::from(height)].map(|units| rounded(units * scale));
    let text = |text: &str| printable(text).chars().map(escaped).collect::<String>();
    let (title, description) = (text(&scene.title), text(&scene.description));
    let mut svg = format!(
        "<svg width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\" \
         role=\"img\" font-family=\"{FAMILIES}\" stroke-linejoin=\"round\">\n<title>{title}</title>\n\
         <desc>{description}</desc>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n"
    );
    for (i, item) in scene.items.iter().enumerate() {
        svg += &element(item, i);
        svg.push('\n');
    }
    svg + "</svg>\n"
}

/// The element of an item
///
/// * `id`: a number that no other item has
fn element(item: &Item, id: usize) -> String {
    match item {
        Item::Text(Text { text, em, align, place, upwards, color }) => {
            let (x, y, em) = (rounded(place.0), rounded(place.1), rounded(*em));
            let anchor = match align {
                Align::Start => "",
                Align::Middle => " text-anchor=\"middle\"",
                Align::End => " text-anchor=\"end\"",
            };
            let turn = if *upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            let text: String = text.chars().map(escaped).collect();
            format!(
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{em}\" fill=\"{color}\"{anchor}{turn}>{text}</text>"
            )
        }
        Item::Blocks { areas, color } => {
            let path: String = areas.iter().map(rectangle).collect();
            format!("<path d=\"{path}\" fill=\"{color}\"/>")
        }
        Item::Line { points, stroke, clip } => {
            let (mut defined, mut attributes) = (String::new(), String::new());
            if let Some(area) = clip {
                let path = rectangle(area);
                defined = format!("<clipPath id=\"clip{id}\"><path d=\"{path}\"/></clipPath>\n");
                attributes = format!(" clip-path=\"url(#clip{id})\"");
            }
            if !stroke.dash.is_empty() {
                let lengths: Vec<String> = stroke.dash.iter().map(f64::to_string).collect();
                attributes += &format!(" stroke-dasharray=\"{}\"", lengths.join(","));
            }
            let (points, color, width) = (list(points), stroke.color, stroke.width);
            format!(
                "{defined}<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{attributes}/>"
            )
        }
        Item::Disc { centre, radius, color } => {
            let (x, y) = (rounded(centre.0), rounded(centre.1));
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{color}\"/>")
        }
        Item::Band { corners, color, clip } => {
            let (path, corners) = (rectangle(clip), list(corners));
            format!(
                "<clipPath id=\"clip{id}\"><path d=\"{path}\"/></clipPath>\n<polygon points=\"{corners}\" fill=\"{color}\" \
                 fill-opacity=\"{BAND_OPACITY}\" clip-path=\"url(#clip{id})\"/>"
            )
        }
        Item::Polygon { corners, color } => {
            format!("<polygon points=\"{}\" fill=\"{color}\"/>", list(corners))
        }
    }
}

/// A coordinate with at most two decimals
fn rounded(units: f64) -> f64 {
    (units * 100.0).round() / 100.0 + 0.0 // + 0.0 makes 0 of -0
}

fn list(points: &[Point]) -> String {
    let points = points.iter().map(|&(x, y)| format!("{},{}", rounded(x), rounded(y)));
    points.collect::<Vec<_>>().join(" ")
}

/// The path of a rectangle
fn rectangle(area: &Area) -> String {
    let Area { left, top, right, bottom } = snapped(area);
    format!("M{left},{top}H{right}V{bottom}H{left}z")
}

/// The area with its sides on the borders of PNG pixels, which are half a unit wide
fn snapped(area: &Area) -> Area {
    let [left, top, right, bottom] = [area.left, area.top, area.right, area.bottom]
        .map(|units| ((4.0 * units).round() / 2.0).floor() / 2.0 + 0.0);
    Area { left, top, right, bottom }
}

/// A character as XML text; a blank for one that XML forbids or that has no glyph
fn escaped(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&apos;".to_owned(),
        '\u{fffe}' | '\u{ffff}' => " ".to_owned(),
        _ if c.is_control() => " ".to_owned(),
        _ => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::scene::{BLACK, Stroke};

    #[test]
    fn a_line_is_clipped_by_its_own_path() {
        let mut scene = Scene::default();
        let area = Area { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };
        for clip in [Some(area), None, Some(Area { right: 20.0, ..area })] {
            let stroke = Stroke { width: 1.0, color: BLACK, dash: &[7.0, 4.0] };
            scene.stroke(&[(-0.001, 1.0), (2.125, 1e4)], stroke, clip);
        }
        let svg = svg(&scene, 10, 1.0);
        assert_eq!(svg.matches("points=\"0,1 2.13,10000\"").count(), 3, "{svg}");
        assert_eq!(svg.matches("stroke-dasharray=\"7,4\"").count(), 3, "{svg}");
        assert_eq!(svg.matches("<clipPath").count(), 2, "{svg}");
        for (id, path) in [("clip0", "M0,0H10V10H0z"), ("clip2", "M0,0H20V10H0z")] {
            let defined = format!("<clipPath id=\"{id}\"><path d=\"{path}\"/></clipPath>");
            assert!(svg.contains(&defined) && svg.contains(&format!("url(#{id})")), "{svg}");
        }
    }

    #[test]
    fn rules_lie_on_whole_png_pixels() {
        for i in 0..100 {
            let x = f64::from(i) * 0.07;
            let Area { left, right, .. } =
                snapped(&Area { left: x - 0.25, right: x + 0.25, top: 0.0, bottom: 1.0 });
            assert_eq!((right - left, (2.0 * left).fract()), (0.5, 0.0), "{x}");
        }
    }
}
