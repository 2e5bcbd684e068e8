//! The pair of panels that all curves by epoch are drawn in: loss beside score

use crate::plot::epochs_csv::{Points, Split};
use crate::plot::output::font::width;
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::axis::{self, Axis};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::line_style::{LABEL_EM, Look};
use crate::plot::parts::polyline::{coarsen, marked};
use crate::report::score::{ScoreKind, labelled};

/// Height of the panels in pictures of several runs
pub const PANELS: f64 = 268.0;

/// The curve of one run
#[derive(Clone)]
pub struct Line {
    pub look: Look,
    pub points: Points,
    /// True if the axes cover the whole curve; if no curve is whole, they cover all
    pub whole: bool,
    /// Standard deviation at each point, drawn as a band; empty for none
    pub band: Vec<f64>,
    /// True for one of several seeds: a thin line without marks
    pub thin: bool,
    /// The epoch that a ring marks
    pub ringed: Option<u32>,
}

impl Line {
    pub fn new(look: Look, points: Points, whole: bool) -> Self {
        Self { look, points, whole, band: vec![], thin: false, ringed: None }
    }
}

/// Two panels: loss by epoch beside score by epoch
pub struct Pair {
    pub loss: Vec<Line>,
    pub score: Vec<Line>,
    pub kind: ScoreKind,
    /// The split of all curves, of several runs; `None` for the splits of one run
    pub of: Option<Split>,
}

impl Pair {
    pub fn draw(&self, scene: &mut Scene, top: f64, bottom: f64) {
        let all = self.loss.iter().chain(&self.score).flat_map(|line| &line.points);
        let epochs = || all.clone().map(|&(epoch, _)| epoch);
        let range = (epochs().min().unwrap_or(0), epochs().max().unwrap_or(0));
        let x = axis::epochs(range.0, range.1);
        // Narrower ranges would show noise as if it were progress, or the two points of a single epoch at opposite ends.
        let (share, points) = if range.0 == range.1 { (0.25, 10.0) } else { (0.05, 2.0) };
        let of_greatest = |greatest: f64| if greatest > 0.0 { greatest * share } else { 1.0 };
        let (y, cut) = self.falling(&self.loss, of_greatest);
        let unit = self.kind.loss_unit();
        let label = match (self.of, self.kind) {
            (Some(split), _) => {
                let name = format!("{} loss", split.name());
                let full = labelled(&name, &[unit, cut]);
                let fits = width(&full, LABEL_EM) <= bottom - top;
                if fits { full } else { labelled(&name, &[cut]) }
            }
            (None, ScoreKind::Accuracy) => labelled("Loss", &["cross-entropy", unit]),
            (None, ScoreKind::Rmse) => labelled("Loss", &[unit]),
        };
        let left = Area { left: 0.0, right: WIDTH / 2.0, top, bottom };
        panel(scene, &Frame::new(left, x.clone(), y), &label, &self.loss, 1.0);
        let factor = self.kind.factor();
        let (y, cut) = if self.kind.falls() {
            self.falling(&self.score, of_greatest)
        } else {
            let numbers = covered(&self.score).into_iter().map(|score| factor * score);
            let y = axis::metrics(numbers, self.kind.largest(), |_| points);
            let is_cut = leaves(&self.score, |score| factor * score < y.lo);
            (y, if is_cut { "bottom cut off" } else { "" })
        };
        let name = self.of.map_or_else(
            || self.kind.title().to_owned(),
            |split| format!("{} {}", split.name(), self.kind.name()),
        );
        let right = Area { left: WIDTH / 2.0, right: WIDTH, top, bottom };
        let label = labelled(&name, &[self.kind.unit(), cut]);
        panel(scene, &Frame::new(right, x, y), &label, &self.score, factor);
    }

    /// The axis of a metric that falls, and a note for its label if the axis does not reach the greatest value
    fn falling(&self, lines: &[Line], min_span: impl Fn(f64) -> f64) -> (Axis, &'static str) {
        let mut metrics = covered(lines);
        if let Some(limit) = self.of.and_then(|_| limit(&mut metrics)) {
            metrics.retain(|metric| *metric <= limit);
        }
        let y = axis::metrics(metrics.into_iter(), f64::MAX, min_span);
        let is_cut = leaves(lines, |metric| metric > y.hi);
        (y, if is_cut { "top cut off" } else { "" })
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

/// The value at which the axis ends if some are far above most: a run that almost diverged would squeeze all others together
fn limit(metrics: &mut [f64]) -> Option<f64> {
    // The limit is a multiple of the value that n of 20 are below.
    const FAR: [(usize, f64); 2] = [(19, 2.5), (10, 10.0)];
    metrics.sort_by(f64::total_cmp);
    let greatest = *metrics.last()?;
    let limits = FAR.iter().map(|(of_20, times)| times * metrics[(metrics.len() - 1) * of_20 / 20]);
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
    let placed = |line: &Line| coarsen(&line.points.iter().map(place).collect::<Vec<_>>());
    for line in lines.iter().filter(|line| !line.band.is_empty()) {
        let ends =
            |sign: f64| line.points.iter().zip(&line.band).map(move |(&(e, x), sd)| (e, x + sign * sd));
        let upper = ends(1.0).map(|point| place(&point));
        let lower = ends(-1.0).map(|point| place(&point));
        let corners = coarsen(&upper.collect::<Vec<_>>()).into_iter();
        let back = coarsen(&lower.collect::<Vec<_>>()).into_iter().rev();
        scene.band(corners.chain(back).collect(), line.look.stroke.color, frame.area);
    }
    // Grey lines are drawn first, then single seeds, then the others, and their marks last.
    let (grey, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.look == Look::FAINT);
    let (thin, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|line| line.thin);
    for line in grey.into_iter().chain(thin).chain(others.iter().copied()) {
        frame.line(scene, line.look.stroke, &placed(line));
    }
    for (i, line) in others.iter().enumerate() {
        let points: Vec<_> = line.points.iter().map(place).collect();
        for at in marked(&points, i, others.len()).filter(|at| frame.holds(*at)) {
            line.look.mark(scene, at);
        }
    }
    for line in others {
        let ringed = line.points.iter().find(|(epoch, _)| Some(*epoch) == line.ringed);
        if let Some(at) = ringed.map(place).filter(|at| frame.holds(*at)) {
            Look::BEST.mark(scene, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::scene::Item;
    use crate::plot::parts::line_style::{GRID, HALF_HEIGHT, TICK_EM};

    #[test]
    fn losses_far_above_the_others_are_cut_off_and_the_label_says_so() {
        let usual: Points = (1..=30).map(|e| (e, 1.0 / f64::from(e))).collect();
        let mut wild = usual.clone();
        wild[3].1 = 1e6;
        let is_cut = |of| {
            let line = |look, points: &Points| Line::new(look, points.clone(), true);
            let loss = vec![line(Look::of(0), &usual), line(Look::FAINT, &wild)];
            let mut scene = Scene::default();
            Pair { loss, score: vec![], kind: ScoreKind::Accuracy, of }.draw(&mut scene, 0.0, 300.0);
            let clipped = scene.items.iter().filter_map(|item| match item {
                Item::Line { points, clip, .. } if points.iter().any(|p| p.1 < 0.0) => Some(*clip),
                _ => None,
            });
            assert!(clipped.into_iter().all(|clip| clip.is_some_and(|area| area.top >= 0.0)));
            scene.texts().any(|text| text.text.contains("cut off"))
        };
        assert!(is_cut(Some(Split::Test)) && !is_cut(None));
    }

    #[test]
    fn an_accuracy_of_1_has_a_tick_at_100_percent() {
        for (least, label) in [(0.1, "100"), (0.93, "100"), (1.0, "100.0")] {
            let points = vec![(1, least), (2, 1.0)];
            let score = vec![Line::new(Look::of(0), points, true)];
            let mut scene = Scene::default();
            Pair { loss: vec![], score, kind: ScoreKind::Accuracy, of: None }.draw(&mut scene, 0.0, 300.0);
            let mut discs = scene.items.iter().filter_map(|item| match item {
                Item::Disc { centre, .. } => Some(*centre),
                _ => None,
            });
            let (_, y) = discs.next_back().unwrap();
            let tick = scene.texts().find(|text| text.align == Align::End && text.text == label);
            let baseline = tick.unwrap_or_else(|| panic!("no tick {label}")).place.1;
            assert!((baseline - HALF_HEIGHT * TICK_EM - y).abs() < 1e-9, "{baseline} {y}");
            let is_grid = |area: &Area| area.width() > 100.0 && (area.middle().1 - y).abs() < 1e-9;
            assert!(scene.items.iter().any(|item| match item {
                Item::Blocks { areas, color } => *color == GRID && areas.iter().any(is_grid),
                _ => false,
            }));
        }
    }

    #[test]
    fn rmses_have_an_axis_from_the_lowest_to_the_highest_and_far_ones_are_cut_off() {
        let usual: Points = (1..=30).map(|e| (e, 1000.0 + 1000.0 / f64::from(e))).collect();
        let texts = |wild: f64, of| {
            let mut far = usual.clone();
            far[3].1 = wild;
            let score = [&usual, &far].map(|points| Line::new(Look::of(0), points.clone(), true)).to_vec();
            let mut scene = Scene::default();
            Pair { loss: vec![], score, kind: ScoreKind::Rmse, of }.draw(&mut scene, 0.0, 300.0);
            scene.texts().map(|text| text.text.clone()).collect::<Vec<_>>()
        };
        let one = texts(1100.0, None);
        for expected in ["Loss (of standardised targets)", "RMSE", "1200", "2000"] {
            assert!(one.iter().any(|text| text == expected), "{expected} is not in {one:?}");
        }
        assert!(!one.iter().any(|text| text == "0.5" || text == "2200"), "{one:?}");
        let has = |texts: &[String], label: &str| texts.iter().any(|text| text == label);
        assert!(has(&texts(1100.0, Some(Split::Test)), "Test RMSE"));
        assert!(has(&texts(1e6, Some(Split::Test)), "Test RMSE (top cut off)"));
        assert!(has(&texts(1100.0, Some(Split::Test)), "Test loss (of standardised targets)"));
        let mut scene = Scene::default();
        let mut far = usual.clone();
        far[3].1 = 1e6;
        let loss = [&usual, &far].map(|points| Line::new(Look::of(0), points.clone(), true)).to_vec();
        let of = Some(Split::Validation);
        Pair { loss, score: vec![], kind: ScoreKind::Rmse, of }.draw(&mut scene, 0.0, PANELS);
        let has_label = scene.texts().any(|text| text.text == "Validation loss (top cut off)");
        assert!(has_label, "a label that is too long loses its unit");
    }
}
