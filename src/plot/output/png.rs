//! The PNG: the pixels of the SVG, in at most 256 colors

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::memory;
use crate::plot::output::font;

type Pixel = [u8; 3];

/// How SVGs are read: texts are set in the embedded font
static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_source(fontdb::Source::Binary(Arc::new(font::BYTES)));
    Options { fontdb: Arc::new(fonts), ..Options::default() }
});

/// The picture `svg` as a PNG file with twice as many pixels as the SVG has; opaque where the SVG is
///
/// # Errors
/// If `svg` is not an SVG, or the picture needs more memory than there is.
pub fn png(svg: &str) -> Result<Vec<u8>, String> {
    let tree = Tree::from_str(svg, &OPTIONS).map_err(|e| e.to_string())?;
    let size = tree.size();
    let [wide, high] = [size.width(), size.height()].map(|side| (2.0 * side).round().max(1.0) as u32);
    // The canvas has 4 bytes a pixel, the colors 3, the indices 1, and the file at most 1.
    let needed = 9 * u128::from(wide) * u128::from(high);
    memory::check(needed, || format!("a picture of {wide} × {high} pixels")).map_err(|e| e.to_string())?;
    let mut canvas =
        Pixmap::new(wide, high).ok_or_else(|| format!("not enough memory for {wide} × {high} pixels"))?;
    resvg::render(&tree, Transform::from_scale(2.0, 2.0), &mut canvas.as_mut());
    let pixels: Vec<Pixel> = canvas.pixels().iter().map(|p| [p.red(), p.green(), p.blue()]).collect();
    encode(&pixels, canvas.width(), canvas.height()).map_err(|e| e.to_string())
}

/// The 256 most frequent colors, and for each pixel the index of its own color or of the most similar one
///
/// The other colors are shades along edges, where the change can't be seen. The palette makes the file half as large.
fn palette(pixels: &[Pixel]) -> (Vec<Pixel>, Vec<u8>) {
    let mut counts: HashMap<Pixel, usize> = HashMap::new();
    for run in pixels.chunk_by(|a, b| a == b) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    let mut colors: Vec<_> = counts.into_iter().collect();
    colors.sort_unstable_by_key(|&(color, count)| (Reverse(count), color)); // a map has no order
    let colors: Vec<_> = colors.into_iter().map(|(color, _)| color).collect();
    let palette = &colors[..colors.len().min(256)];
    let distance = |a: Pixel, b: Pixel| (0..3).map(|i| u32::from(a[i].abs_diff(b[i])).pow(2)).sum::<u32>();
    let nearest = |color: Pixel| (0..=u8::MAX).zip(palette).min_by_key(|(_, p)| distance(color, **p));
    let index: HashMap<_, _> =
        colors.iter().map(|&color| (color, nearest(color).map_or(0, |(i, _)| i))).collect();
    let mut indices = Vec::with_capacity(pixels.len());
    for run in pixels.chunk_by(|a, b| a == b) {
        indices.resize(indices.len() + run.len(), index[&run[0]]);
    }
    (palette.to_vec(), indices)
}

fn encode(pixels: &[Pixel], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let (colors, indices) = palette(pixels);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(colors.concat());
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::NoFilter);
    // A word processor shows the picture 17 cm wide: 240 dots per inch for 1600 pixels.
    let dots = (f64::from(width) / 0.16933).round() as u32;
    let dots = png::PixelDimensions { xppu: dots, yppu: dots, unit: png::Unit::Meter };
    encoder.set_pixel_dims(Some(dots));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(png: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    #[test]
    fn characters_that_the_font_lacks_leave_a_box() {
        let of = |text: &str| {
            let svg = format!(
                "<svg width=\"40\" height=\"40\" xmlns=\"http://www.w3.org/2000/svg\" font-family=\"{}\">\
                 <rect width=\"40\" height=\"40\" fill=\"white\"/><text x=\"5\" y=\"30\">{text}</text></svg>",
                font::FAMILIES
            );
            let pixels = frame(&png(&svg).unwrap());
            pixels.iter().filter(|&&value| value < 128).count()
        };
        assert_eq!(of(""), 0);
        assert!(of("a") > 50 && of("図") > 50, "{} {}", of("a"), of("図"));
    }

    #[test]
    fn text_that_is_not_svg_is_an_error() {
        assert!(png("<svg").is_err());
    }
}
