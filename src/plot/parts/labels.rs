//! Titles and the labels of axes: shortened and moved as far as needed to stay in the picture

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Point, Scene, WIDTH};
use crate::plot::parts::line_style::{FRAME, TICK_EM, TITLE_EM};

/// Draws the title of a picture, and a note in small grey print below it
///
/// Screen readers get both as the title and the description of the picture. A title that the caller has set stays.
pub fn titles(scene: &mut Scene, title: &str, note: &str) {
    let given = scene.title.clone();
    let title = if given.is_empty() { title } else { &given };
    scene.title = title.to_owned();
    scene.description = note.to_owned();
    let (limit, middle) = (WIDTH - 40.0, WIDTH / 2.0);
    scene.text(&fit(title, TITLE_EM, limit), TITLE_EM, Align::Middle, (middle, 19.0));
    scene.colored_text(&fit(note, TICK_EM, limit), TICK_EM, Align::Middle, (middle, 37.0), FRAME);
}

/// Draws the label of an axis, centred at `at` or as close to it as it fits between `from` and `to`
///
/// * `upwards`: whether it reads upwards; then `from` is its upper end
pub fn label(scene: &mut Scene, text: &str, em: f64, upwards: bool, (x, y): Point, [from, to]: [f64; 2]) {
    let text = fit(text, em, to - from);
    let half = width(&text, em) / 2.0;
    let within = |middle: f64| middle.min(to - half).max(from + half);
    match upwards {
        false => scene.text(&text, em, Align::Middle, (within(x), y)),
        true => scene.text_upwards(&text, em, Align::Middle, (x, within(y))),
    }
}
