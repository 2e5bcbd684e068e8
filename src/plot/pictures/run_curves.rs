//! The curves of one run by epoch, and the pair of panels that other pictures share

use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::axis;
use crate::plot::parts::frame::Frame;
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::Legend;
use crate::plot::parts::line_style::{LABEL_EM, Look};
use crate::plot::parts::polyline::{coarsen, marked};

const HEIGHT: f64 = 320.0;
const TOP: f64 = 52.0;

/// Draws loss and accuracy by epoch side by side, for training, test, and validation if there is one; returns the height
///
/// Lines bridge epochs without a metric.
pub fn draw(scene: &mut Scene, curves: &Curves) -> f64 {
    titles(scene, &curves.title(), "");
    let shown = || Split::ALL.into_iter().filter(|split| curves.has(*split));
    let entries = shown().map(|split| (look_of(split), split.name().to_lowercase())).collect();
    Legend::new("", entries, WIDTH - 40.0).draw(scene, [0.0, WIDTH], 25.5);
    let lines = |metrics: &[Points; 3]| {
        let points = |split| metrics[split as usize].clone();
        shown().map(|split| Line { look: look_of(split), points: points(split), whole: true }).collect()
    };
    let pair = Pair { loss: lines(&curves.loss), accuracy: lines(&curves.accuracy), of: None };
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
    pub look: Look,
    pub points: Points,
    /// True if the axes cover the whole curve; if no curve is whole, they cover all
    pub whole: bool,
}

/// Two panels: loss by epoch beside accuracy by epoch
pub struct Pair {
    pub loss: Vec<Line>,
    pub accuracy: Vec<Line>,
    /// The split of all curves, of several runs; `None` for the splits of one run
    pub of: Option<Split>,
}

impl Pair {
    pub fn draw(&self, scene: &mut Scene, top: f64, bottom: f64) {
        let all = self.loss.iter().chain(&self.accuracy).flat_map(|line| &line.points);
        let epochs = || all.clone().map(|&(epoch, _)| epoch);
        let range = (epochs().min().unwrap_or(0), epochs().max().unwrap_or(0));
        let x = axis::epochs(range.0, range.1);
        // Narrower ranges would show noise as if it were progress, or the two points of a single epoch at opposite ends.
        let (share, points) = if range.0 == range.1 { (0.25, 10.0) } else { (0.05, 2.0) };
        let span = |greatest: f64| if greatest > 0.0 { greatest * share } else { 1.0 };
        let mut losses = covered(&self.loss);
        if let Some(limit) = self.of.and_then(|_| limit(&mut losses)) {
            losses.retain(|nats| *nats <= limit);
        }
        let y = axis::metrics(losses.into_iter(), f64::MAX, span);
        let cut = if leaves(&self.loss, |nats| nats > y.hi) { ", top cut off" } else { "" };
        let label = match self.of {
            None => "Loss (cross-entropy, nats)".to_owned(),
            Some(split) => format!("{} loss (nats{cut})", split.name()),
        };
        let left = Area { left: 0.0, right: WIDTH / 2.0, top, bottom };
        panel(scene, &Frame::new(left, x.clone(), y), &label, &self.loss, 1.0);
        let percent = covered(&self.accuracy).into_iter().map(|share| 100.0 * share);
        let y = axis::metrics(percent, 100.0, |_| points);
        let cut = if leaves(&self.accuracy, |share| 100.0 * share < y.lo) { ", bottom cut off" } else { "" };
        let label = match self.of {
            None => "Accuracy (%)".to_owned(),
            Some(split) => format!("{} accuracy (%{cut})", split.name()),
        };
        let right = Area { left: WIDTH / 2.0, right: WIDTH, top, bottom };
        panel(scene, &Frame::new(right, x, y), &label, &self.accuracy, 100.0);
    }
}

/// The metrics that the axis covers
fn covered(lines: &[Line]) -> Vec<f64> {
    let any = lines.iter().any(|line| line.whole && !line.points.is_empty());
    let reached = lines.iter().filter(|line| line.whole || !any);
    reached.flat_map(|line| line.points.iter().map(|&(_, metric)| metric)).collect()
}

fn leaves(lines: &[Line], outside: impl Fn(f64) -> bool) -> bool {
    lines.iter().flat_map(|line| &line.points).any(|&(_, metric)| outside(metric))
}

/// Loss at which the axis ends if some are far above most: a run that almost diverged would squeeze all others together
fn limit(losses: &mut [f64]) -> Option<f64> {
    // The limit is a multiple of the loss that n of 20 losses are below.
    const FAR: [(usize, f64); 2] = [(19, 2.5), (10, 10.0)];
    losses.sort_by(f64::total_cmp);
    let greatest = *losses.last()?;
    let limits = FAR.iter().map(|(of_20, times)| times * losses[(losses.len() - 1) * of_20 / 20]);
    limits.filter(|limit| *limit > 0.0 && *limit < greatest).min_by(f64::total_cmp)
}

/// Draws one panel
///
/// * `unit`: the factor from the metrics to the numbers on the y axis
fn panel(scene: &mut Scene, frame: &Frame, label: &str, lines: &[Line], unit: f64) {
    frame.draw(scene, "Epoch", label);
    if lines.iter().all(|line| line.points.is_empty()) {
        scene.text("no metrics", LABEL_EM, Align::Middle, frame.area.middle());
    }
    let place = |&(epoch, metric): &(u32, f64)| (frame.at_x(f64::from(epoch)), frame.at_y(metric * unit));
    let placed = lines.iter().map(|line| (line.look, line.points.iter().map(place).collect::<Vec<_>>()));
    // Grey lines are drawn first, and the marks of the others last.
    let (grey, others): (Vec<_>, Vec<_>) = placed.partition(|(look, _)| *look == Look::FAINT);
    for (look, points) in grey.iter().chain(&others) {
        frame.line(scene, look.stroke, &coarsen(points));
    }
    for (i, (look, points)) in others.iter().enumerate() {
        for at in marked(points, i, others.len()).filter(|at| frame.holds(*at)) {
            look.mark(scene, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::png::png;
    use crate::plot::output::scene::Item;

    /// The SVG and the PNG
    fn files(curves: &Curves) -> (String, Vec<u8>) {
        let mut scene = Scene::default();
        let height = draw(&mut scene, curves);
        let svg = crate::plot::output::svg::svg(&scene, height as u32);
        let png = png(&svg).unwrap();
        (svg, png)
    }

    fn curves(epochs: u32, run_id: &str) -> Curves {
        let falling = |from: f64, by: f64| (1..=epochs).map(|e| (e, from / f64::from(e).powf(by))).collect();
        let rising = |to: f64, by: f64| (1..=epochs).map(|e| (e, to - by / f64::from(e))).collect();
        Curves {
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
            let png = files(&curves(epochs, "r")).1;
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
        let (width, _, pixels) = decode(&files(&curves(7, &"m".repeat(300))).1);
        let rows: Vec<_> = pixels.chunks(width as usize * 3).collect();
        let margin = 4;
        let blank = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 255);
        assert!(rows[..margin].iter().chain(&rows[rows.len() - margin..]).all(|row| blank(row)));
        assert!(rows.iter().all(|row| blank(&row[..3 * margin]) && blank(&row[row.len() - 3 * margin..])));
    }

    #[test]
    fn the_same_curves_give_the_same_bytes() {
        assert_eq!(files(&curves(12, "r")), files(&curves(12, "r")));
    }

    #[test]
    fn a_run_id_cannot_break_the_svg() {
        let svg = files(&curves(3, "<&\"'>]]></text><script>\u{0}\u{1b}\u{ffff}\n")).0;
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
        let svg = files(&curves(3, "run-7")).0;
        assert!(svg.starts_with("<svg width=\"800\" height=\"320\" "), "{}", &svg[..100]);
        for text in ["run-7", "training", "test", "Epoch", "Loss (cross-entropy, nats)", "Accuracy (%)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}");
        }
    }

    #[test]
    fn a_series_without_metrics_is_not_in_the_legend() {
        let mut curves = curves(3, "r");
        assert!(!files(&curves).0.contains(">validation</text>"));
        curves.loss[2].clear();
        assert!(files(&curves).0.contains(">test</text>"));
        curves.accuracy[2].clear();
        assert!(!files(&curves).0.contains(">test</text>"));
        curves.accuracy[0].clear();
        assert!(files(&curves).0.contains(">no metrics</text>"));
    }

    #[test]
    fn validation_is_a_third_line() {
        let mut curves = curves(5, "r");
        (curves.loss[1], curves.accuracy[1]) = (curves.loss[2].clone(), curves.accuracy[2].clone());
        let svg = files(&curves).0;
        assert!(svg.contains(">validation</text>") && svg.contains("#009E73"), "{svg}");
    }

    #[test]
    fn losses_far_above_the_others_are_cut_off_and_the_label_says_so() {
        let usual: Points = (1..=30).map(|e| (e, 1.0 / f64::from(e))).collect();
        let mut wild = usual.clone();
        wild[3].1 = 1e6;
        let is_cut = |of| {
            let line = |look, points: &Points| Line { look, points: points.clone(), whole: true };
            let loss = vec![line(Look::of(0), &usual), line(Look::FAINT, &wild)];
            let mut scene = Scene::default();
            Pair { loss, accuracy: vec![], of }.draw(&mut scene, 0.0, 300.0);
            let clipped = scene.items.iter().filter_map(|item| match item {
                Item::Line { points, clip, .. } if points.iter().any(|p| p.1 < 0.0) => Some(*clip),
                _ => None,
            });
            assert!(clipped.into_iter().all(|clip| clip.is_some_and(|area| area.top >= 0.0)));
            scene.texts().any(|text| text.text.contains("cut off"))
        };
        assert!(is_cut(Some(Split::Test)) && !is_cut(None));
    }
}
