//! A scene on either of plotters' backends; the font; the PNG

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, RGBColor, register_font};

use crate::plot::output::scene::{At, Drawn, Item, Point, Scene, Text, WIDTH, in_font};

/// Both backends take whole numbers only: they are given quarters of a unit
const SCALE: u32 = 4;
/// The bitmap is drawn this much larger than the PNG, then averaged, as plotters' thick lines have steps
const OVERSAMPLING: u32 = 2;
/// Pixels a unit in the PNG
const PNG_SCALE: u32 = SCALE / OVERSAMPLING;

/// The SVG's list of fonts, and the name under which plotters knows ours; Verdana has nearly the same widths
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
static FONT: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-subset.ttf");

type Rgb = [u8; 3];

/// How plotters sets text differs from backend to backend; these numbers make up for it
#[derive(Clone, Copy)]
struct Setting {
    /// plotters' size of a font whose em is 1
    size: f64,
    /// From the top of plotters' box to the baseline, in ems
    ascent: f64,
    /// How far, in ems, glyphs stand to the left of where they should, on average
    shift: f64,
    /// Lines are drawn as they are; otherwise as strips with discs between, since plotters' polygon of a
    /// polyline with sharp turns overlaps itself and leaves holes
    paths: bool,
}
/// plotters-svg 0.3.7: font-size is size / 1.24, `VPos::Top` is dy = 0.76em
const SVG: Setting = Setting { size: 1.24, ascent: 0.76, shift: 0.0, paths: true };
/// ab_glyph's size is ascent less descent, 2384 of 2048 in our font; plotters' baseline is at half of it, and it
/// leaves out the glyphs' left bearings, 0.07 to 0.1 em in most of them
const BITMAP: Setting =
    Setting { size: 2384.0 / 2048.0, ascent: 2384.0 / 2048.0 / 2.0, shift: 0.08, paths: false };

struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    setting: Setting,
}

/// The scene as SVG, `height` units high; text stays text
pub(in crate::plot) fn svg(scene: &Scene, height: u32) -> Drawn<String> {
    register()?;
    let mut svg = String::new();
    let size = (WIDTH as u32 * SCALE, height * SCALE);
    let canvas = Canvas { area: SVGBackend::with_string(&mut svg, size).into_drawing_area(), setting: SVG };
    canvas.draw(scene)?;
    drop(canvas);
    // Shown in units, whatever its inner ones; corners of lines are round as in the bitmap
    let drawn_size = format!("<svg width=\"{}\" height=\"{}\"", size.0, size.1);
    let shown_size = format!("<svg width=\"{WIDTH}\" height=\"{height}\" stroke-linejoin=\"round\"");
    Ok(svg.replacen(&drawn_size, &shown_size, 1))
}

/// The scene as PNG, `height` units high
pub(in crate::plot) fn png(scene: &Scene, height: u32) -> Drawn<Vec<u8>> {
    register()?;
    let (w, h) = (WIDTH as u32 * SCALE, height * SCALE);
    let mut pixels = vec![255; w as usize * h as usize * 3];
    let area = BitMapBackend::with_buffer(&mut pixels, (w, h)).into_drawing_area();
    Canvas { area, setting: BITMAP }.draw(scene)?;
    encode(&shrink(&pixels, w as usize), height).map_err(text_of)
}

/// Means of 2 × 2 pixels
fn shrink(pixels: &[u8], width: usize) -> Vec<Rgb> {
    let (pixels, _) = pixels.as_chunks::<3>();
    let mut small = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(2 * width) {
        let (upper, lower) = rows.split_at(width);
        for (a, b) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
            let four = [a[0], a[1], b[0], b[1]];
            small
                .push([0, 1, 2].map(|i| ((four.iter().map(|p| u16::from(p[i])).sum::<u16>() + 2) / 4) as u8));
        }
    }
    small
}

/// The 256 most frequent colours, and each pixel's index in them: its own, or the nearest
///
/// All colours but these few are steps along edges, where nobody sees the difference; the file is half as large.
fn palette(pixels: &[Rgb]) -> (Vec<Rgb>, Vec<u8>) {
    let mut counts: HashMap<Rgb, usize> = HashMap::new();
    for run in pixels.chunk_by(|a, b| a == b) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    let mut colors: Vec<_> = counts.into_iter().collect();
    colors.sort_unstable_by_key(|&(color, count)| (Reverse(count), color)); // the map has no order of its own
    let colors: Vec<_> = colors.into_iter().map(|(color, _)| color).collect();
    let palette = &colors[..colors.len().min(256)];
    let distance =
        |a: Rgb, b: Rgb| [0, 1, 2].map(|i| u32::from(a[i].abs_diff(b[i])).pow(2)).iter().sum::<u32>();
    let nearest = |color: Rgb| (0..=u8::MAX).zip(palette).min_by_key(|(_, p)| distance(color, **p));
    let index: HashMap<_, _> =
        colors.iter().map(|&color| (color, nearest(color).map_or(0, |(i, _)| i))).collect();
    let mut indices = Vec::with_capacity(pixels.len());
    for run in pixels.chunk_by(|a, b| a == b) {
        indices.resize(indices.len() + run.len(), index[&run[0]]);
    }
    (palette.to_vec(), indices)
}

fn encode(pixels: &[Rgb], height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let (colors, indices) = palette(pixels);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32 * PNG_SCALE, height * PNG_SCALE);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(colors.concat());
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::NoFilter);
    // 240 dots an inch: a word processor shows it 17 cm wide
    let dots = Some(png::PixelDimensions { xppu: 9449, yppu: 9449, unit: png::Unit::Meter });
    encoder.set_pixel_dims(dots);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices)?;
    writer.finish()?;
    Ok(file)
}

fn register() -> Drawn {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let fine = *REGISTERED.get_or_init(|| register_font(FAMILY, FontStyle::Normal, FONT).is_ok());
    fine.then_some(()).ok_or_else(|| "the embedded font is damaged".to_owned())
}

fn text_of(error: impl Display) -> String {
    error.to_string()
}

fn device(units: f64) -> i32 {
    (units * f64::from(SCALE)).round() as i32
}

fn device_point((x, y): Point) -> (i32, i32) {
    (device(x), device(y))
}

/// To whole PNG pixels
fn snap(units: f64) -> i32 {
    let pixel = OVERSAMPLING as i32;
    device(units).div_euclid(pixel) * pixel
}

/// How wide `text` is, whose em is `em`
pub(in crate::plot) fn width(text: &str, em: f64) -> Drawn<f64> {
    register()?;
    let font = (FAMILY, em * BITMAP.size * f64::from(SCALE)).into_font();
    let (width, _) = font.box_size(text).map_err(text_of)?;
    Ok(f64::from(width) / f64::from(SCALE))
}

impl<DB: DrawingBackend> Canvas<DB> {
    fn draw(&self, scene: &Scene) -> Drawn {
        self.area.fill(&WHITE).map_err(text_of)?;
        for item in &scene.items {
            match item {
                Item::Text(text) => self.text(text)?,
                Item::Rule { from, to, width, color } => self.rule(*from, *to, *width, *color)?,
                Item::Line { points, width, color } => self.line(points, *width, *color)?,
                Item::Disc { centre, radius, color } => {
                    let disc = Circle::new(device_point(*centre), device(*radius), color.filled());
                    self.area.draw(&disc).map_err(text_of)?;
                }
                Item::Polygon { corners, color } => {
                    let corners: Vec<_> = corners.iter().copied().map(device_point).collect();
                    self.area.draw(&Polygon::new(corners, *color)).map_err(text_of)?;
                }
                Item::Block { area, color } => {
                    let corners = [(area.left, area.top), (area.right, area.bottom)];
                    let area = corners.map(|(x, y)| (snap(x), snap(y)));
                    self.area.draw(&Rectangle::new(area, color.filled())).map_err(text_of)?;
                }
            }
        }
        self.area.present().map_err(text_of)
    }

    fn text(&self, text: &Text) -> Drawn {
        let Text { em, place: (x, y), .. } = *text;
        let (ascent, shift) = (em * self.setting.ascent, em * self.setting.shift);
        let (top, turn) = match text.upwards {
            false => ((x + shift, y - ascent), FontTransform::None),
            true => ((x - ascent, y - shift), FontTransform::Rotate270),
        };
        let along = match text.at {
            At::Start => HPos::Left,
            At::Middle => HPos::Center,
            At::End => HPos::Right,
        };
        let font = (FAMILY, em * self.setting.size * f64::from(SCALE)).into_font().transform(turn);
        let style = font.color(&text.color).pos(Pos::new(along, VPos::Top));
        if self.setting.paths {
            return self.area.draw_text(&text.text, &style, device_point(top)).map_err(text_of);
        }
        // Our font would show nothing in place of what it lacks.
        let shown: String = text.text.chars().map(|c| if in_font(c) { c } else { '?' }).collect();
        self.area.draw_text(&shown, &style, device_point(top)).map_err(text_of)
    }

    fn rule(&self, from: Point, to: Point, width: f64, color: RGBColor) -> Drawn {
        let (x, y) = (snap(from.0 - width / 2.0), snap(from.1 - width / 2.0));
        let (dx, dy) = (snap(to.0 - from.0 + width), snap(to.1 - from.1 + width));
        let area = [(x, y), (x + dx, y + dy)]; // either backend fills up to its end, exclusively
        self.area.draw(&Rectangle::new(area, color.filled())).map_err(text_of)
    }

    fn line(&self, points: &[Point], width: f64, color: RGBColor) -> Drawn {
        let mut path: Vec<_> = points.iter().copied().map(device_point).collect();
        path.dedup();
        if path.len() < 2 {
            return Ok(());
        }
        let width = device(width) as u32;
        let style = color.stroke_width(width);
        if self.setting.paths {
            return self.area.draw(&PathElement::new(path, style)).map_err(text_of);
        }
        for pair in path.windows(2) {
            self.area.draw(&PathElement::new(pair, style)).map_err(text_of)?;
        }
        for &corner in &path[1..path.len() - 1] {
            self.area.draw(&Circle::new(corner, width / 2, color.filled())).map_err(text_of)?;
        }
        Ok(())
    }
}
