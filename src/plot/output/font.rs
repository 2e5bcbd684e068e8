//! The embedded font: how wide texts are, and how long texts are shortened

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::printable;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider};

/// The font file; assets/fonts/README.md lists its characters
pub static BYTES: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-subset.ttf");
/// The fonts that the SVG names: the embedded one, then one with almost the same widths
pub const FAMILIES: &str = "DejaVu Sans, Verdana, sans-serif";

/// Glyphs of the font's characters, with their widths in ems
static ADVANCES: LazyLock<HashMap<char, (u16, f64)>> = LazyLock::new(|| {
    let Ok(font) = FontRef::new(BYTES) else { return HashMap::new() };
    let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    let advance = |(c, glyph): (u32, GlyphId)| {
        let number = u16::try_from(glyph.to_u32()).ok()?;
        Some((char::from_u32(c)?, (number, f64::from(metrics.advance_width(glyph)?))))
    };
    font.charmap().mappings().filter_map(advance).collect()
});

/// Width of `text` in units, set in a font size of `em` units
///
/// A character that the font lacks counts as 1 em: most such characters are Chinese, Japanese or Korean.
pub fn width(text: &str, em: f64) -> f64 {
    text.chars().map(|c| ADVANCES.get(&c).map_or(1.0, |(_, ems)| *ems) * em).sum()
}

/// The number of a character's glyph; 0, which is a box, for a character that the font lacks
pub fn glyph(c: char) -> u16 {
    ADVANCES.get(&c).map_or(0, |(glyph, _)| *glyph)
}

/// Each character with its glyph and width in ems; the glyphs ascend
pub fn glyphs() -> Vec<(char, u16, f64)> {
    let mut all: Vec<_> = ADVANCES.iter().map(|(c, (glyph, ems))| (*c, *glyph, *ems)).collect();
    all.sort_by_key(|(c, glyph, _)| (*glyph, *c));
    all.dedup_by_key(|(_, glyph, _)| *glyph);
    all
}

/// `text` if it is at most `limit` units wide, otherwise its head and tail with `…` between them
pub fn fit(text: &str, em: f64, limit: f64) -> String {
    const LONGEST: usize = 200; // characters that are tried
    let text = &*printable(text);
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= LONGEST && width(text, em) <= limit {
        return text.to_owned();
    }
    let shorter = |kept: usize| {
        let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        head.iter().chain(['…'].iter()).chain(tail).collect::<String>()
    };
    let mut texts = (2..chars.len().min(LONGEST)).rev().map(shorter);
    texts.find(|text| width(text, em) <= limit).unwrap_or_else(|| "…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        let limit = width("abcde", 10.0);
        assert_eq!(fit("abcde", 10.0, limit), "abcde");
        assert_eq!(fit("abcdefgh", 10.0, limit), "ab…h");
        assert_eq!(fit("abcdefgh", 10.0, 1.0), "…");
        assert!(fit(&"a".repeat(10_000), 10.0, f64::MAX).chars().count() == 200);
    }

    #[test]
    fn characters_that_the_font_lacks_are_an_em_wide() {
        assert_eq!(width("図表", 10.0), 20.0);
        assert!(width("mm", 10.0) < 20.0);
    }

    #[test]
    fn the_embedded_font_has_the_widths_of_dejavu_sans() {
        // Advances of DejaVu Sans 2.37, in 1/2048 em: a 1255, space 651, … 2048
        assert_eq!(width("a …", 2048.0), 1255.0 + 651.0 + 2048.0);
    }
}
