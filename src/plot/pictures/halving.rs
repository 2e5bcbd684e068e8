//! The picture of a halving: the score of each trial by epoch, up to the rung at which it was halted

use std::collections::HashMap;

use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::axis::{self, Axis, Scale};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::{Legend, entries};
use crate::plot::parts::line_style::{FRAME, LOOKS, Look, TICK_EM};
use crate::plot::parts::polyline::coarsen;
use crate::plot::pictures::score_axis::score_axis;
use crate::plot::pictures::score_panel::values;
use crate::report::analysis::{Analysis, ObservedRun};
use crate::report::halving::Halving;
use crate::report::score::labelled;
use crate::tables::Status;

/// Height of the panel
const PANEL: f64 = 420.0;
/// Height of the line of numbers above it
const NUMBERS: f64 = 18.0;

/// Scores this many times farther below the median than the best is above it are left out; most are of long curves
const FAR: f64 = 4.0;

/// A trial with its curve
struct Line<'a> {
    trial: &'a ObservedRun,
    points: &'a Points,
    look: Look,
    /// Its settings, for the legend
    name: String,
}

/// Draws the validation score of each trial by epoch, and where the rungs end; returns the height
///
/// The trials of the last rung have a look, the others are grey up to the end of their rung. Epochs are on a log axis, on which
/// rungs are equally wide.
pub fn draw(scene: &mut Scene, analysis: &Analysis, halving: &Halving, curves: &[Curves]) -> f64 {
    let kind = analysis.score.kind;
    let count = analysis.trials.len();
    titles(
        scene,
        &format!("Validation {} by epoch in a halving of {count} trials", kind.name()),
        &format!(
            "{} were trained; the number above the end of a rung counts the trials that trained in it",
            halving.epochs()
        ),
    );
    let lines = lines(analysis, halving, curves);
    let named = lines.iter().map(|line| (line.look, line.name.clone()));
    let mut keys =
        entries(named, ["trial that an earlier rung halted", "trials that an earlier rung halted"]);
    if lines.iter().any(|line| has_failed(line.trial)) {
        keys.push((Look::FAILURE, "diverged or failed".to_owned()));
    }
    let names: Vec<&str> = analysis.axes.iter().map(|axis| axis.name.as_str()).collect();
    let legend = Legend::new(&names.join(", "), keys, WIDTH - 40.0);
    legend.draw(scene, [0.0, WIDTH], 46.0);
    let top = 46.0 + legend.height() + 6.0 + NUMBERS;
    let scores = lines.iter().flat_map(|line| line.points.iter().map(|&(_, score)| score));
    let (y, cut) = score_axis(scores, FAR, kind);
    let frame =
        Frame::new(Area { left: 0.0, top, right: WIDTH, bottom: top + PANEL }, epochs(halving, &lines), y);
    frame.draw(
        scene,
        "Epoch (log scale)",
        &labelled(&format!("Validation {}", kind.name()), &[kind.unit(), cut]),
    );
    for rung in &halving.rungs {
        let Some(epochs) = rung.epochs else { continue };
        let x = frame.at_x(f64::from(epochs));
        scene.rule((x, top), (x, frame.area.bottom), 1.0, FRAME);
        scene.colored_text(&rung.trials.to_string(), TICK_EM, Align::Middle, (x, top - 6.0), FRAME);
    }
    let place =
        |&(epoch, score): &(u32, f64)| (frame.at_x(f64::from(epoch)), frame.at_y(kind.factor() * score));
    let (grey, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.look == Look::FAINT);
    for line in grey.into_iter().chain(others) {
        let points: Vec<_> = line.points.iter().map(place).collect();
        frame.line(scene, line.look.stroke, &coarsen(&points));
        let Some(end) = points.last().copied().filter(|end| frame.holds(*end)) else { continue };
        if has_failed(line.trial) {
            Look::FAILURE.mark(scene, end);
        } else {
            line.look.mark(scene, end);
        }
    }
    frame.bottom()
}

fn has_failed(trial: &ObservedRun) -> bool {
    matches!(trial.status, Status::Diverged | Status::Failed)
}

/// The trials that have validation scores; those of the last rung have a look, the best ones if they are many
fn lines<'a>(analysis: &'a Analysis, halving: &Halving, curves: &'a [Curves]) -> Vec<Line<'a>> {
    let last = halving.rungs.last().map(|rung| rung.number);
    let points: HashMap<&str, &Points> =
        curves.iter().map(|run| (run.run_id.as_str(), &run.score[Split::Validation as usize])).collect();
    let (mut lines, mut looks) = (vec![], 0);
    for &i in analysis.ranking() {
        let group = &analysis.groups[i];
        for trial in group.trials.iter().map(|&i| &analysis.trials[i]) {
            let Some(points) = points.get(trial.id.as_str()).filter(|points| !points.is_empty()) else {
                continue;
            };
            let is_last = trial.rung == last && !has_failed(trial) && looks < LOOKS;
            let look = if is_last { Look::of(looks) } else { Look::FAINT };
            looks += usize::from(is_last);
            let name = format!("{}: {}", trial.id, values(analysis, group));
            lines.push(Line { trial, points, look, name });
        }
    }
    lines
}

/// The axis of epochs: a tick at the first, and at the end of each rung
fn epochs(halving: &Halving, lines: &[Line<'_>]) -> Axis {
    let ends = halving.rungs.iter().filter_map(|rung| rung.epochs);
    let last = lines.iter().filter_map(|line| line.points.last()).map(|(epoch, _)| *epoch).max();
    let mut ticks: Vec<u32> = [1].into_iter().chain(ends).chain(last).collect();
    ticks.sort_unstable();
    ticks.dedup();
    let ticks: Vec<_> = ticks.into_iter().map(|epoch| (f64::from(epoch), epoch.to_string())).collect();
    axis::numbers(&ticks, Scale::Log, f64::MAX)
}
