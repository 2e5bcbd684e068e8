//! A scene as PDF, with its text as text in the embedded font

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::plot::output::font;
use crate::plot::output::scene::{Align, Area, BAND_OPACITY, Item, Point, Rgb, Scene, Stroke, Text, WIDTH};

/// Points per unit: a picture of the usual size is 16 cm wide
const POINTS: f32 = 453.54 / WIDTH as f32;
const FONT: Name<'static> = Name(b"F");
const TRANSLUCENT: Name<'static> = Name(b"G");
const IDENTITY: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The scene as a PDF file of one page, `height` units high
///
/// * `scale`: factor of the page's size
pub fn pdf(scene: &Scene, height: u32, scale: f64) -> Result<Vec<u8>, String> {
    let mut ids = (1..).map(Ref::new);
    let mut id = || ids.next().ok_or_else(|| "too many objects".to_owned());
    let [catalog, pages, page, content, graphics, information] = [id()?, id()?, id()?, id()?, id()?, id()?];
    let fonts = [id()?, id()?, id()?, id()?, id()?];
    let points = POINTS * scale as f32;
    let high = height as f32 * points;
    let mut file = Pdf::new();
    file.catalog(catalog).pages(pages);
    file.pages(pages).kids([page]).count(1);
    let mut one = file.page(page);
    one.parent(pages).media_box(Rect::new(0.0, 0.0, WIDTH as f32 * points, high)).contents(content);
    let mut resources = one.resources();
    resources.fonts().pair(FONT, fonts[0]);
    resources.ext_g_states().pair(TRANSLUCENT, graphics);
    resources.finish();
    one.finish();
    file.ext_graphics(graphics).non_stroking_alpha(BAND_OPACITY as f32);
    file.document_info(information).title(TextStr(&scene.title)).subject(TextStr(&scene.description));

    let mut drawn = Content::new();
    drawn.transform([points, 0.0, 0.0, -points, 0.0, high]); // units, y downwards
    drawn.set_line_join(pdf_writer::types::LineJoinStyle::RoundJoin);
    scene.items.iter().for_each(|item| draw(&mut drawn, item));
    let bytes = deflated(&drawn.finish())?;
    file.stream(content, &bytes).filter(Filter::FlateDecode);
    embed_font(&mut file, fonts)?;
    Ok(file.finish())
}

fn draw(content: &mut Content, item: &Item) {
    content.save_state();
    match item {
        Item::Text(text) => draw_text(content, text),
        Item::Blocks { areas, color } => {
            fill_color(content, *color);
            areas.iter().for_each(|area| rectangle(content, area));
            content.fill_nonzero();
        }
        Item::Line { points, stroke: Stroke { width, color, dash }, clip } => {
            if let Some(area) = clip {
                rectangle(content, area);
                content.clip_nonzero().end_path();
            }
            let [r, g, b] = channels(*color);
            content.set_stroke_rgb(r, g, b).set_line_width(*width as f32);
            content.set_dash_pattern(dash.iter().map(|units| *units as f32), 0.0);
            path(content, points);
            content.stroke();
        }
        Item::Disc { centre, radius, color } => {
            fill_color(content, *color);
            disc(content, *centre, *radius);
            content.fill_nonzero();
        }
        Item::Polygon { corners, color } => {
            fill_color(content, *color);
            path(content, corners);
            content.close_path().fill_nonzero();
        }
        Item::Band { corners, color, clip } => {
            rectangle(content, clip);
            content.clip_nonzero().end_path().set_parameters(TRANSLUCENT);
            fill_color(content, *color);
            path(content, corners);
            content.close_path().fill_nonzero();
        }
    }
    content.restore_state();
}

fn draw_text(content: &mut Content, text: &Text) {
    let width = font::width(&text.text, text.em);
    let before = match text.align {
        Align::Start => 0.0,
        Align::Middle => width / 2.0,
        Align::End => width,
    } as f32;
    let (x, y) = (text.place.0 as f32, text.place.1 as f32);
    // The letters are turned over, since y goes downwards.
    let matrix = match text.upwards {
        false => [1.0, 0.0, 0.0, -1.0, x - before, y],
        true => [0.0, -1.0, -1.0, 0.0, x, y + before],
    };
    let glyphs: Vec<u8> = text.text.chars().flat_map(|c| font::glyph(c).to_be_bytes()).collect();
    fill_color(content, text.color);
    content.begin_text().set_font(FONT, text.em as f32).set_text_matrix(matrix).show(Str(&glyphs));
    content.end_text();
}

fn channels(color: Rgb) -> [f32; 3] {
    let [_, r, g, b] = color.0.to_be_bytes();
    [r, g, b].map(|channel| f32::from(channel) / 255.0)
}

fn fill_color(content: &mut Content, color: Rgb) {
    let [r, g, b] = channels(color);
    content.set_fill_rgb(r, g, b);
}

fn rectangle(content: &mut Content, area: &Area) {
    content.rect(area.left as f32, area.top as f32, area.width() as f32, area.height() as f32);
}

fn path(content: &mut Content, points: &[Point]) {
    for (i, (x, y)) in points.iter().map(|&(x, y)| (x as f32, y as f32)).enumerate() {
        match i {
            0 => content.move_to(x, y),
            _ => content.line_to(x, y),
        };
    }
}

/// Four Bézier curves, which differ from a circle by less than 0.03 %
fn disc(content: &mut Content, (x, y): Point, radius: f64) {
    let (x, y, r) = (x as f32, y as f32, radius as f32);
    let k = 0.552_284_8 * r;
    content.move_to(x + r, y);
    content.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
    content.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
    content.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
    content.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
}

/// Embeds the font: its glyphs by number, their widths, and which characters they are
fn embed_font(file: &mut Pdf, [font_id, glyphs, descriptor, unicode, data]: [Ref; 5]) -> Result<(), String> {
    const NAME: Name<'static> = Name(b"DejaVuSans");
    let thousandths = |ems: f64| (1000.0 * ems) as f32;
    let mut font = file.type0_font(font_id);
    font.base_font(NAME).encoding_predefined(Name(b"Identity-H")).descendant_font(glyphs).to_unicode(unicode);
    font.finish();
    let known = font::glyphs();
    let mut cid = file.cid_font(glyphs);
    cid.subtype(CidFontType::Type2).base_font(NAME).system_info(IDENTITY).font_descriptor(descriptor);
    cid.default_width(1000.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid.widths();
    for (_, glyph, ems) in &known {
        widths.consecutive(*glyph, [thousandths(*ems)]);
    }
    widths.finish();
    cid.finish();
    let mut described = file.font_descriptor(descriptor);
    described.name(NAME).flags(FontFlags::NON_SYMBOLIC).bbox(Rect::new(-1021.0, -463.0, 1793.0, 1232.0));
    described.italic_angle(0.0).ascent(928.0).descent(-236.0).cap_height(729.0).stem_v(80.0).font_file2(data);
    described.finish();
    let mut map = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
    known.iter().for_each(|(c, glyph, _)| map.pair(*glyph, *c));
    file.cmap(unicode, &map.finish());
    let bytes = deflated(font::BYTES)?;
    let mut stream = file.stream(data, &bytes);
    stream.filter(Filter::FlateDecode);
    stream.pair(Name(b"Length1"), font::BYTES.len() as i32);
    Ok(())
}

fn deflated(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|e| e.to_string())
}
