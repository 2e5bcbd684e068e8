//! The curves of one run by epoch, and the pair of panels that other pictures share

use crate::error::{Error, Result};
use crate::plot::Pictures;
use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::axis;
use crate::plot::parts::frame::Frame;
use crate::plot::parts::legend::{Legend, Sign};
use crate::plot::parts::line_style::{FAINT_STROKE, LABEL_EM, Look, TICK_EM, TITLE_EM};
use crate::plot::parts::polyline::{coarsen, marked};

const HEIGHT: f64 = 320.0;
const TOP: f64 = 52.0;

/// Draws loss and accuracy by epoch side by side, for training, test, and validation if there is one
///
/// Lines bridge epochs without a metric. The same curves give the same bytes.
///
/// # Errors
/// When no epoch has a metric, or the PNG can't be made.
pub fn draw_curves(curves: &Curves) -> Result<Pictures> {
    if curves.is_empty() {
        let problem = "no epoch in it has a metric".to_owned();
        return Err(Error::Plot { path: curves.path.clone(), problem });
    }
    crate::plot::picture(&curves.path, |scene| draw(scene, curves))
}

fn draw(scene: &mut Scene, curves: &Curves) -> f64 {
    let suffix = curves.diverged.map(|epoch| format!(" (diverged in epoch {epoch})")).unwrap_or_default();
    let title = fit(&curves.run_id, TITLE_EM, WIDTH - 40.0 - width(&suffix, TITLE_EM));
    scene.text(&(title + &suffix), TITLE_EM, Align::Middle, (WIDTH / 2.0, 19.0));
    let shown: Vec<_> = Split::ALL.into_iter().filter(|split| curves.has(*split)).collect();
    let keys: Vec<_> =
        shown.iter().map(|split| (Sign::Line(look_of(*split)), split.name().to_owned())).collect();
    Legend::new(&keys, WIDTH - 40.0).draw(scene, [0.0, WIDTH], 25.5);
    let lines = |metrics: &'_ [Points; 3]| -> Vec<_> {
        let line = |split: Split| {
            let (look, points) = (Some(look_of(split)), metrics[split as usize].clone());
            Line { look, points, whole: true }
        };
        shown.iter().map(|&split| line(split)).collect()
    };
    let pair = Pair { loss: lines(&curves.loss), accuracy: lines(&curves.accuracy), of: "", cut: false };
    pair.draw(scene, TOP, HEIGHT);
    HEIGHT
}

fn look_of(split: Split) -> Look {
    match split {
        Split::Training => Look::of(0),
        Split::Test => Look::of(1),
        Split::Validation => Look::of(2),
    }
}

/// The curve of one run
#[derive(Clone)]
pub struct Line {
    /// `None` for a grey line
    pub look: Option<Look>,
    pub points: Points,
    /// True if the axes cover the whole curve; if no curve is whole, they cover all
    pub whole: bool,
}

/// Two panels: loss by epoch beside accuracy by epoch
pub struct Pair {
    pub loss: Vec<Line>,
    pub accuracy: Vec<Line>,
    /// First word of the labels, such as `Test`; empty for curves of several splits
    pub of: &'static str,
    /// True if losses far above the others may leave the panel
    pub cut: bool,
}

impl Pair {
    pub fn draw(&self, scene: &mut Scene, top: f64, bottom: f64) {
        let all = self.loss.iter().chain(&self.accuracy).flat_map(|line| &line.points);
        let epochs = || all.clone().map(|&(epoch, _)| epoch);
        let (mut losses, shares) = (shown(&self.loss), shown(&self.accuracy));
        let range = (epochs().min().unwrap_or(0), epochs().max().unwrap_or(0));
        // Narrower ranges would show noise as if it were progress, or the two points of a single epoch at opposite ends
        let (share, points) = if range.0 == range.1 { (0.25, 10.0) } else { (0.05, 2.0) };
        let span = |greatest: f64| if greatest > 0.0 { greatest * share } else { 1.0 };
        let limit = if self.cut { limit(&mut losses) } else { None };
        losses.retain(|nats| limit.is_none_or(|limit| *nats <= limit));
        let y = axis::metrics(losses.into_iter(), f64::MAX, span);
        let label = match (self.of, leaves(&self.loss, |nats| nats > y.hi)) {
            ("", _) => "Loss (cross-entropy, nats)".to_owned(),
            (of, false) => format!("{of} loss (nats)"),
            (of, true) => format!("{of} loss (nats, top cut off)"),
        };
        let middle = WIDTH / 2.0;
        panel(scene, Area { left: 0.0, right: middle, top, bottom }, range, y, &label, (&self.loss, 1.0));
        let y = axis::metrics(shares.into_iter().map(|share| share * 100.0), 100.0, |_| points);
        let label = match (self.of, leaves(&self.accuracy, |share| share * 100.0 < y.lo)) {
            ("", _) => "Accuracy (%)".to_owned(),
            (of, false) => format!("{of} accuracy (%)"),
            (of, true) => format!("{of} accuracy (%, foot cut off)"),
        };
        let area = Area { left: middle, right: WIDTH, top, bottom };
        panel(scene, area, range, y, &label, (&self.accuracy, 100.0))
    }
}

/// The metrics that the axis covers
fn shown(lines: &[Line]) -> Vec<f64> {
    let any = lines.iter().any(|line| line.whole && !line.points.is_empty());
    let reached = lines.iter().filter(|line| line.whole || !any);
    reached.flat_map(|line| line.points.iter().map(|&(_, metric)| metric)).collect()
}

fn leaves(lines: &[Line], outside: impl Fn(f64) -> bool) -> bool {
    lines.iter().flat_map(|line| &line.points).any(|&(_, metric)| outside(metric))
}

/// Loss at which the axis ends if some are far above most: a run that almost diverged would press all others flat
fn limit(losses: &mut [f64]) -> Option<f64> {
    const FAR: [(usize, f64); 2] = [(19, 2.5), (10, 10.0)]; // n of 20 losses are below a quantile; the limit is a multiple of it
    losses.sort_by(f64::total_cmp);
    let greatest = *losses.last()?;
    let limits = FAR.iter().map(|(of_20, times)| times * losses[(losses.len() - 1) * of_20 / 20]);
    limits.filter(|limit| (0.0..greatest).contains(limit) && *limit > 0.0).min_by(f64::total_cmp)
}

/// Draws one panel
///
/// * `lines`: the curves, and the factor from their metrics to the numbers on the axis
fn panel(
    scene: &mut Scene,
    outer: Area,
    range: (u32, u32),
    y: axis::Axis,
    label: &str,
    (lines, unit): (&[Line], f64),
) {
    let frame = Frame::new(outer, y, |wide| {
        let digit = width("0", TICK_EM);
        axis::epochs(range.0, range.1, |label| (wide / (digit * (label.len() + 2) as f64)) as usize)
    });
    frame.draw(scene, "Epoch", label);
    if lines.iter().all(|line| line.points.is_empty()) {
        let (x, y) = frame.area.middle();
        scene.text("no metrics", LABEL_EM, Align::Middle, (x, y));
        return;
    }
    let place = |points: &Points| -> Vec<_> {
        points.iter().map(|&(e, metric)| frame.at(f64::from(e), metric * unit)).collect()
    };
    for line in lines.iter().filter(|line| line.look.is_none()) {
        frame.line(scene, FAINT_STROKE, &coarsen(&place(&line.points)));
    }
    let looking: Vec<_> = lines.iter().filter_map(|line| Some((line.look?, place(&line.points)))).collect();
    for (look, points) in &looking {
        frame.line(scene, look.stroke(), &coarsen(points));
    }
    for (i, (look, points)) in looking.iter().enumerate() {
        for at in marked(points, i, looking.len()).filter(|at| frame.holds(*at)) {
            look.mark(scene, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::scene::Item;

    fn curves(epochs: u32, run_id: &str) -> Curves {
        let falling = |from: f64, by: f64| (1..=epochs).map(|e| (e, from / f64::from(e).powf(by))).collect();
        let rising = |to: f64, by: f64| (1..=epochs).map(|e| (e, to - by / f64::from(e))).collect();
        Curves {
            path: "epochs.csv".into(),
            run_id: run_id.to_owned(),
            loss: [falling(0.8, 0.5), vec![], falling(0.7, 0.3)],
            accuracy: [rising(1.0, 0.3), vec![], rising(0.9, 0.2)],
            diverged: None,
        }
    }

    fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn the_png_has_its_size_and_is_not_blank() {
        for epochs in [1, 2, 3, 30, 41, 1000, 20_000] {
            let png = draw_curves(&curves(epochs, "r")).unwrap().png;
            let (width, height, pixels) = decode(&png);
            assert_eq!((width, height), (1600, 640));
            assert!(png.len() < 100_000, "{epochs} epochs: {} bytes", png.len());
            for color in [[0, 114, 178], [213, 94, 0], [255, 255, 255]] {
                let count = pixels.chunks(3).filter(|pixel| *pixel == color).count();
                assert!(count > 100, "{epochs} epochs: {count} pixels of {color:?}");
            }
        }
    }

    #[test]
    fn nothing_touches_the_edges() {
        let (width, _, pixels) = decode(&draw_curves(&curves(7, &"m".repeat(300))).unwrap().png);
        let rows: Vec<_> = pixels.chunks(width as usize * 3).collect();
        let margin = 4;
        let blank = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 255);
        assert!(rows[..margin].iter().chain(&rows[rows.len() - margin..]).all(|row| blank(row)));
        assert!(rows.iter().all(|row| blank(&row[..3 * margin]) && blank(&row[row.len() - 3 * margin..])));
    }

    #[test]
    fn the_same_curves_give_the_same_bytes() {
        assert_eq!(draw_curves(&curves(12, "r")).unwrap(), draw_curves(&curves(12, "r")).unwrap());
    }

    #[test]
    fn a_run_id_cannot_break_the_svg() {
        let svg = draw_curves(&curves(3, "<&\"'>]]></text><script>\u{0}\u{1b}\u{ffff}\n")).unwrap().svg;
        assert!(svg.contains("&lt;&amp;&quot;&apos;&gt;]]&gt;&lt;/text&gt;&lt;script&gt;"));
        // Every tag that opens is closed or closes itself, in order, and every & starts one of five entities
        let mut open = vec![];
        for tag in svg.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').unwrap();
            assert!(!text.contains('>') && !tag.contains('&'), "{tag}: {text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            for entity in text.split('&').skip(1) {
                let name = entity.split_once(';').unwrap().0;
                assert!(["lt", "gt", "amp", "quot", "apos"].contains(&name), "{name}");
            }
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => assert_eq!(tag.matches('"').count() % 2, 0),
                None => open.extend(tag.split(' ').next()),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn the_svg_has_its_size_and_keeps_text_as_text() {
        let svg = draw_curves(&curves(3, "run-7")).unwrap().svg;
        assert!(svg.starts_with("<svg width=\"800\" height=\"320\" "), "{}", &svg[..100]);
        for text in ["run-7", "training", "test", "Epoch", "Loss (cross-entropy, nats)", "Accuracy (%)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}");
        }
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let error = draw_curves(&curves(0, "r")).unwrap_err();
        assert_eq!(error.to_string(), "cannot draw epochs.csv: no epoch in it has a metric");
    }

    #[test]
    fn a_series_without_metrics_is_not_in_the_legend() {
        let mut curves = curves(3, "r");
        assert!(!draw_curves(&curves).unwrap().svg.contains(">validation</text>"));
        curves.loss[2].clear();
        assert!(draw_curves(&curves).unwrap().svg.contains(">test</text>"));
        curves.accuracy[2].clear();
        assert!(!draw_curves(&curves).unwrap().svg.contains(">test</text>"));
        curves.accuracy[0].clear();
        assert!(draw_curves(&curves).unwrap().svg.contains(">no metrics</text>"));
    }

    #[test]
    fn validation_is_a_third_line() {
        let mut curves = curves(5, "r");
        (curves.loss[1], curves.accuracy[1]) = (curves.loss[2].clone(), curves.accuracy[2].clone());
        let svg = draw_curves(&curves).unwrap().svg;
        assert!(svg.contains(">validation</text>") && svg.contains("#009E73"), "{svg}");
    }

    #[test]
    fn losses_far_above_the_others_are_cut_off_and_the_label_says_so() {
        let usual: Points = (1..=30).map(|e| (e, 1.0 / f64::from(e))).collect();
        let mut wild = usual.clone();
        wild[3].1 = 1e6;
        let label = |cut| {
            let line = |look, points: &Points| Line { look, points: points.clone(), whole: true };
            let loss = vec![line(Some(Look::of(0)), &usual), line(None, &wild)];
            let mut scene = Scene::default();
            Pair { loss, accuracy: vec![], of: "Test", cut }.draw(&mut scene, 0.0, 300.0);
            let clipped = scene.items.iter().filter_map(|item| match item {
                Item::Line { points, clip, .. } if points.iter().any(|p| p.1 < 0.0) => Some(*clip),
                _ => None,
            });
            assert!(clipped.into_iter().all(|clip| clip.is_some_and(|area| area.top >= 0.0)));
            scene.texts().any(|text| text.text.contains("cut off"))
        };
        assert!(label(true) && !label(false));
    }
}
