//! The picture of a sampled sweep: the score of each combination by each setting, in small panels

use crate::plot::output::scene::{Area, Scene, WIDTH};
use crate::plot::parts::axis::{self, Axis, Scale};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::Legend;
use crate::plot::parts::line_style::Look;
use crate::plot::pictures::score_axis::score_axis;
use crate::plot::pictures::score_panel::{failed, label_of};
use crate::report::analysis::{Analysis, Group, Spread, VariedSetting};
use crate::report::score::labelled;

/// Greatest number of panels; further settings are left out
const MOST: usize = 9;
/// Panels side by side
const SIDE_BY_SIDE: usize = 3;
/// Height of a panel
const PANEL: f64 = 220.0;
const GAP: f64 = 10.0;
/// Scores this many times farther below the median than the best is above it are left out
const FAR: f64 = 2.0;
/// Greatest number of values of a setting that all have a tick
const TICKS: usize = 8;

/// Draws a panel for each setting with the scores of all combinations; returns the height
pub fn draw(scene: &mut Scene, analysis: &Analysis) -> f64 {
    let kind = analysis.score.kind;
    let shown = analysis.axes.len().min(MOST);
    let rest = analysis.axes.len() - shown;
    let note = if rest > 0 { format!("; {rest} more settings are not shown") } else { String::new() };
    let title =
        format!("{} of {} combinations by each setting", analysis.score.title(), analysis.groups.len());
    titles(scene, &title, &format!("a mark is the mean over the seeds of a combination{note}"));
    let points: Vec<Point<'_>> = analysis.groups.iter().map(|group| Point::of(analysis, group)).collect();
    let mut keys = vec![(Look::of(0).alone(), "after all epochs".to_owned())];
    let of = |look: Look| points.iter().any(|point| point.look == look);
    if of(Look::FAINT) {
        keys.push((Look::FAINT.alone(), "halted: the score at the end of its rung".to_owned()));
    }
    if of(Look::FAILURE) {
        keys.push((Look::FAILURE, "diverged or failed".to_owned()));
    }
    if let Some(winner) = analysis.winner() {
        keys.push((Look::BEST, format!("the best: {}", analysis.name(winner, &[]))));
    }
    let legend = Legend::new("", keys, WIDTH - 40.0);
    legend.draw(scene, [0.0, WIDTH], 46.0);
    let top = 46.0 + legend.height() + 8.0;
    let (y, cut) = score_axis(points.iter().filter_map(|point| point.score), FAR, kind);
    let label = labelled(kind.title(), &[kind.unit(), cut]);
    let wide = WIDTH / SIDE_BY_SIDE as f64;
    let mut bottom = top;
    for row in (0..shown).collect::<Vec<_>>().chunks(SIDE_BY_SIDE) {
        let (top, mut lowest) = (bottom, bottom);
        for (column, &axis) in row.iter().enumerate() {
            let left = column as f64 * wide;
            let outer = Area { left, top, right: left + wide, bottom: top + PANEL };
            let label = if column == 0 { label.as_str() } else { "" };
            lowest = panel(scene, analysis, axis, &points, (outer, y.clone(), label)).max(lowest);
        }
        bottom = lowest + GAP;
    }
    bottom
}

/// A combination with its score
struct Point<'a> {
    group: &'a Group,
    look: Look,
    /// The mean score of its trials, after all epochs or at the end of their rung
    score: Option<f64>,
}

impl<'a> Point<'a> {
    fn of(analysis: &Analysis, group: &'a Group) -> Self {
        let column = analysis.score.column();
        if let Some(spread) = analysis.scored(group) {
            return Self { group, look: Look::of(0), score: Some(spread.mean) };
        }
        let trials = group.trials.iter().map(|&i| &analysis.trials[i]);
        let scores: Vec<f64> = trials.filter_map(|trial| trial.metric_so_far(column)).collect();
        match Spread::of(&scores) {
            _ if failed(analysis, group) => Self { group, look: Look::FAILURE, score: None },
            spread => Self { group, look: Look::FAINT, score: spread.map(|spread| spread.mean) },
        }
    }
}

/// Draws the panel of one setting, and returns its lower end
fn panel(
    scene: &mut Scene,
    analysis: &Analysis,
    axis: usize,
    points: &[Point<'_>],
    (outer, y, label): (Area, Axis, &str),
) -> f64 {
    let setting = &analysis.axes[axis];
    let (kind, frame) = (analysis.score.kind, Frame::new(outer, axis_of(setting), y));
    frame.draw(scene, &label_of(setting, frame.x.scale), label);
    // Of a name, the marks of its combinations are side by side, so that equal ones are seen.
    let aside =
        |i: usize| if frame.x.scale == Scale::Names { [-6.0, 0.0, 6.0, -3.0, 3.0][i % 5] } else { 0.0 };
    let at = |(i, point): (usize, &Point<'_>)| {
        let place = point.group.place[axis];
        let x = setting.numbers.as_ref().map_or(place as f64, |numbers| numbers[place]);
        let x = frame.at_x(x) + aside(i);
        let worst = if kind.falls() { frame.area.top + 7.0 } else { frame.area.bottom - 7.0 };
        let y = point.score.map_or(worst, |score| frame.at_y(kind.factor() * score));
        (x, y)
    };
    // What is compared lies above what is not.
    let (others, ended): (Vec<_>, Vec<_>) =
        points.iter().enumerate().partition(|(_, point)| point.look != Look::of(0));
    for (i, point) in others.into_iter().chain(ended) {
        let at = at((i, point));
        let is_shown = point.score.is_some() || point.look == Look::FAILURE;
        if is_shown && frame.holds(at) {
            point.look.mark(scene, at);
            if analysis.winner() == Some(point.group) {
                Look::BEST.mark(scene, at);
            }
        }
    }
    frame.bottom()
}

/// The axis of a setting: a tick for each of a few values, else round numbers on the scale on which they are spread evenly
fn axis_of(setting: &VariedSetting) -> Axis {
    match &setting.numbers {
        None => axis::names(&setting.values),
        Some(numbers) if numbers.len() <= TICKS => {
            let values: Vec<_> = numbers.iter().copied().zip(setting.values.iter().cloned()).collect();
            let scale = if axis::is_even_in_ratios(numbers) { Scale::Log } else { Scale::Linear };
            axis::numbers(&values, scale, f64::MAX)
        }
        Some(numbers) if axis::is_even_in_ratios(numbers) => {
            axis::ratios(numbers[0], numbers[numbers.len() - 1])
        }
        Some(numbers) => axis::values(numbers.iter().copied()),
    }
}
