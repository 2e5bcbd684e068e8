//! The picture of a halving: the score of each trial by epoch, up to the rung at which it was halted

use std::collections::HashMap;

use crate::error::separated;
use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::axis::{self, Axis, Scale};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::Legend;
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

/// What became of a trial
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It trained in the last rung, and did not fail there
    Last,
    /// A rung before the last halted it
    Halted,
    /// Its loss or weights were no finite numbers
    Diverged,
    /// It ended with an error
    Failed,
    /// It was stopped before the last rung, or belongs to no rung
    Other,
}

/// A trial with its curve
struct Line<'a> {
    kind: Kind,
    points: &'a Points,
    look: Look,
    /// Its settings, for the legend
    name: String,
}

/// Draws the validation score of each trial by epoch, and where the rungs end; returns the height
///
/// The trials of the last rung have a look, the others are grey up to the epoch at which they ended, with a cross if they diverged
/// or failed. Epochs are on a log axis, on which rungs are equally wide.
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
    let keys = keys(analysis, halving, &lines);
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
        line.end_mark().mark(scene, end);
    }
    frame.bottom()
}

impl Kind {
    fn of(trial: &ObservedRun, halving: &Halving) -> Self {
        let last = halving.rungs.last().map(|rung| rung.number);
        match trial.status {
            Status::Diverged => Self::Diverged,
            Status::Failed => Self::Failed,
            _ if trial.rung == last => Self::Last,
            Status::Halted => Self::Halted,
            _ => Self::Other,
        }
    }

    /// Whether a cross marks its end
    fn has_failed(self) -> bool {
        matches!(self, Self::Diverged | Self::Failed)
    }

    /// The legend's text for `count` trials of this kind that have no look of their own, short enough for three columns
    fn text(self, count: usize) -> String {
        let (number, s) = (separated(count), if count == 1 { "" } else { "s" });
        match self {
            Self::Last => format!("{number} other{s} of the last rung"),
            Self::Halted => format!("{number} halted by an earlier rung"),
            Self::Diverged => format!("{number} diverged"),
            Self::Failed => format!("{number} failed"),
            Self::Other => format!("{number} other trial{s}"),
        }
    }
}

impl Line<'_> {
    /// The look of the mark at its end
    fn end_mark(&self) -> Look {
        if self.kind.has_failed() { Look::FAILURE } else { self.look }
    }
}

/// The entries of the legend: one for each trial with a look of its own, and one for the number of the others of each kind
///
/// Trials without a validation score are counted, too, and the entry says how many of its kind they are.
fn keys(analysis: &Analysis, halving: &Halving, lines: &[Line<'_>]) -> Vec<(Look, String)> {
    let (grey, named): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.look == Look::FAINT);
    let mut keys: Vec<_> = named.iter().map(|line| (line.look, line.name.clone())).collect();
    for kind in [Kind::Last, Kind::Halted, Kind::Diverged, Kind::Failed, Kind::Other] {
        let of_kind = |lines: &[&Line<'_>]| lines.iter().filter(|line| line.kind == kind).count();
        let all = analysis.trials.iter().filter(|trial| Kind::of(trial, halving) == kind).count();
        let (count, drawn) = (all - of_kind(&named), of_kind(&grey));
        if count > 0 {
            let look = if kind.has_failed() { Look::FAILURE } else { Look::FAINT };
            let unscored = match count - drawn {
                0 => String::new(),
                unscored => format!(" ({} unscored)", separated(unscored)),
            };
            keys.push((look, kind.text(count) + &unscored));
        }
    }
    keys
}

/// The trials that have validation scores; those of the last rung have a look, the best ones if they are many
fn lines<'a>(analysis: &'a Analysis, halving: &Halving, curves: &'a [Curves]) -> Vec<Line<'a>> {
    let points: HashMap<&str, &Points> =
        curves.iter().map(|run| (run.run_id.as_str(), &run.score[Split::Validation as usize])).collect();
    let (mut lines, mut looks) = (vec![], 0);
    for &i in analysis.ranking() {
        let group = &analysis.groups[i];
        for trial in group.trials.iter().map(|&i| &analysis.trials[i]) {
            let Some(points) = points.get(trial.id.as_str()).filter(|points| !points.is_empty()) else {
                continue;
            };
            let kind = Kind::of(trial, halving);
            let is_named = kind == Kind::Last && looks < LOOKS;
            let look = if is_named { Look::of(looks) } else { Look::FAINT };
            looks += usize::from(is_named);
            let name = format!("{}: {}", trial.id, values(analysis, group));
            lines.push(Line { kind, points, look, name });
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plot::epochs_csv::read_trials;
    use crate::tables::reader::Table;

    /// The texts of the picture of trials with these statuses and rungs, each `count` times; of those that failed in rung 1,
    /// every second one has no score
    fn texts(trials: &[(&str, usize, u32)]) -> Vec<String> {
        let mut runs =
            "trial,status,momentum,epochs,epochs_done,seed,test_accuracy,val_accuracy,rung\n".to_owned();
        let mut epochs =
            "trial,epoch,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,status\n"
                .to_owned();
        let all = trials.iter().flat_map(|trial| std::iter::repeat_n(trial, trial.1));
        for (i, (status, _, rung)) in all.enumerate() {
            let cells = if matches!(*status, "ok" | "halted") { "0.5,0.5" } else { "," };
            let done = if cells == "," && i % 2 == 0 { rung - 1 } else { *rung };
            runs += &format!("t{i},{status},0.{i:04},2,{done},1,{cells},{rung}\n");
            (1..=done).for_each(|epoch| epochs += &format!("t{i},{epoch},1,0.5,1,0.5,1,0.5,ok\n"));
        }
        let table = |name: &str, text: &str| Table::parse(Path::new(name), text.as_bytes()).unwrap();
        let analysis = Analysis::from_table(&table("runs.csv", &runs)).unwrap();
        let curves = read_trials(&table("epochs.csv", &epochs)).unwrap();
        let mut scene = Scene::default();
        draw(&mut scene, &analysis, &Halving::of(&analysis).unwrap(), &curves);
        scene.texts().map(|text| text.text.clone()).collect()
    }

    #[test]
    fn the_legend_counts_trials_by_how_they_ended() {
        let found = texts(&[("halted", 19, 1), ("ok", 1, 2), ("diverged", 7, 1), ("failed", 1, 2)]);
        let counts: Vec<_> = found
            .iter()
            .filter(|text| ["halted", "diverged", "failed"].iter().any(|word| text.contains(word)))
            .collect();
        assert_eq!(
            counts,
            ["19 halted by an earlier rung", "7 diverged (4 unscored)", "1 failed"],
            "{found:?}"
        );
        // Fourteen of the last rung: two more than there are looks.
        let found = texts(&[("ok", LOOKS + 2, 2), ("halted", 1, 1), ("interrupted", 2, 1)]);
        for text in
            ["2 others of the last rung", "1 halted by an earlier rung", "2 other trials (1 unscored)"]
        {
            assert!(found.iter().any(|other| other == text), "{text} is not in {found:?}");
        }
        assert!(!found.iter().any(|text| text.contains("diverged")), "{found:?}");
    }

    #[test]
    fn no_count_of_a_long_legend_is_cut() {
        let found = texts(&[("ok", LOOKS, 2), ("halted", 72, 1), ("diverged", 66, 1)]);
        for text in ["72 halted by an earlier rung", "66 diverged (33 unscored)"] {
            assert!(found.iter().any(|other| other == text), "{text} is not in {found:?}");
        }
    }
}
