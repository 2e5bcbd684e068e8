//! The panel of the score by one varied setting: means over seeds with their standard deviations

use std::collections::BTreeMap;

use crate::plot::output::scene::{Align, Area, Rgb, Scene, Stroke};
use crate::plot::parts::axis::{self, Axis, Scale};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::line_style::{FRAME, LABEL_EM, Look};
use crate::report::analysis::{Analysis, Group, VariedSetting};
use crate::report::score::{ScoreKind, labelled};
use crate::tables::Status;

/// Half the width of the cap of an error bar
const CAP: f64 = 3.5;
/// Grey of the dots of single seeds
const SEED: Rgb = Rgb(0x828282);
/// The line through the values of the only setting that was varied
const ONLY: Stroke = Stroke { width: 1.0, color: FRAME, dash: &[] };

/// The line through combinations whose looks differ
const BETWEEN: Stroke = Stroke { width: 0.75, color: Rgb(0xB0B0B0), dash: &[] };

/// The axis of a varied setting
///
/// * `last`: the greatest value that has a metric
fn axis_of(setting: &VariedSetting, last: f64) -> Axis {
    let Some(numbers) = &setting.numbers else { return axis::names(&setting.values) };
    // Rates go by order of magnitude, even if there are only two.
    let scale = match numbers[0] > 0.0 && setting.name == "learning_rate" {
        true => Some(Scale::Log),
        false => axis::scale_for(numbers),
    };
    let Some(scale) = scale else { return axis::names(&setting.values) };
    let values: Vec<_> = numbers.iter().copied().zip(setting.values.iter().cloned()).collect();
    axis::numbers(&values, scale, last)
}

/// The name of the setting with its unit and scale
pub fn label_of(setting: &VariedSetting, scale: Scale) -> String {
    let unit = match setting.name.as_str() {
        "hidden_dims" => "units, layer by layer",
        "hidden_dim" => "units",
        "num_layers" => "hidden layers",
        "epochs" => "passes",
        "batch_size" => "samples a step",
        "val_split" => "share held out",
        _ => "",
    };
    let spacing = match scale {
        Scale::Log => "log scale",
        Scale::Names if setting.numbers.is_some() => "not to scale",
        Scale::Linear | Scale::Names => "",
    };
    let comma = if unit.is_empty() || spacing.is_empty() { "" } else { ", " };
    match format!("{unit}{comma}{spacing}").as_str() {
        "" => setting.name.clone(),
        notes => format!("{} ({notes})", setting.name),
    }
}

/// The largest number of trials in a group
pub fn seeds(analysis: &Analysis) -> usize {
    analysis.groups.iter().map(|group| group.trials.len()).max().unwrap_or(0)
}

/// Why a group has no metrics: `diverged`, `failed`, `halted` or `unfinished`
pub fn without_metrics(analysis: &Analysis, group: &Group) -> &'static str {
    let statuses = group.trials.iter().map(|&i| analysis.trials[i].status);
    let of = |status| statuses.clone().any(|of| of == status);
    match [Status::Diverged, Status::Failed, Status::Halted].into_iter().find(|status| of(*status)) {
        Some(status) => status.name(),
        None => "unfinished",
    }
}

/// True if a trial of the group diverged or failed
pub fn failed(analysis: &Analysis, group: &Group) -> bool {
    !["unfinished", "halted"].contains(&without_metrics(analysis, group))
}

/// The names of the settings that were varied
pub fn names(analysis: &Analysis) -> String {
    analysis.axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The values of a group in the order of [`names`]
pub fn values(analysis: &Analysis, group: &Group) -> String {
    let values = analysis.axes.iter().zip(&group.place).map(|(axis, &place)| axis.values[place].as_str());
    values.collect::<Vec<_>>().join(", ")
}

/// A panel of the score by one varied setting
///
/// Each combination has the same look throughout the picture. A line joins combinations that differ only in this setting;
/// it is grey if their looks differ.
pub struct Panel<'a> {
    analysis: &'a Analysis,
    /// Index of the setting among those that were varied
    axis: usize,
    setting: VariedSetting,
    series: Vec<Series<'a>>,
}

/// Groups that agree on all settings but one, ordered by that one, each with the look of its mark
struct Series<'a> {
    groups: Vec<(&'a Group, Look)>,
    stroke: Stroke,
}

impl<'a> Panel<'a> {
    /// * `look_of`: the look of each group's curves
    pub fn new(analysis: &'a Analysis, axis: usize, look_of: &[Look]) -> Self {
        let mut lines: BTreeMap<Vec<usize>, Vec<(&Group, Look)>> = BTreeMap::new();
        for (group, look) in analysis.groups.iter().zip(look_of) {
            let mut others = group.place.clone();
            if axis < others.len() {
                others.remove(axis);
            }
            lines.entry(others).or_default().push((group, *look));
        }
        let mut lines: Vec<_> = lines.into_values().collect();
        lines.iter_mut().for_each(|groups| groups.sort_by_key(|(group, _)| group.place.get(axis).copied()));
        let series = lines.into_iter().map(|groups| {
            let look = groups[0].1;
            let in_common = groups.iter().all(|(_, other)| *other == look);
            let stroke = match analysis.axes.len() > 1 {
                true if in_common => look.stroke,
                true => BETWEEN,
                false => ONLY,
            };
            Series { groups, stroke }
        });
        let one =
            || VariedSetting { name: String::new(), values: vec!["all trials".to_owned()], numbers: None };
        let setting = analysis.axes.get(axis).cloned().unwrap_or_else(one);
        Self { analysis, axis, setting, series: series.collect() }
    }

    /// Draws the panel in `outer` and returns its lower end, which may lie below `outer`
    pub fn draw(&self, scene: &mut Scene, outer: Area) -> f64 {
        let (analysis, count) = (self.analysis, self.series.len() as f64);
        let kind = analysis.score.kind;
        let mut y = axis::metrics(self.numbers(), kind.largest(), |greatest| least_span(kind, greatest));
        if analysis.groups.iter().any(|group| failed(analysis, group)) {
            // Leave space for the marks of failed trials, at the end of the worst scores.
            let beyond = 0.08 * (y.hi - y.lo);
            if kind.falls() { y.hi += beyond } else { y.lo -= beyond }
        }
        let with = analysis.groups.iter().filter(|group| analysis.scored(group).is_some());
        let last = with.filter_map(|group| Some(self.setting.numbers.as_ref()?[self.place(group)]));
        let x = axis_of(&self.setting, last.fold(f64::NEG_INFINITY, f64::max));
        let mut frame = Frame::new(outer, x, y);
        if frame.x.scale != Scale::Names {
            frame.inset = 20.0;
        }
        let label = labelled(&analysis.score.title(), &[kind.unit()]);
        frame.draw(scene, &label_of(&self.setting, frame.x.scale), &label);
        if self.numbers().next().is_none() {
            scene.text("no metrics", LABEL_EM, Align::Middle, frame.area.middle());
        }
        // Marks without lines are side by side; those with error bars are moved a little, so that all bars are seen.
        let step = match &self.setting.numbers {
            None => (0.7 * frame.area.width() / (frame.x.ticks.len() as f64 * count)).min(14.0),
            Some(_) if seeds(analysis) > 1 => (12.0 / count).min(3.5),
            Some(_) => 0.0,
        };
        // Lines with a look are drawn over the grey ones.
        let is_grey = |series: &Series<'_>| series.stroke == BETWEEN;
        let (grey, named): (Vec<_>, Vec<_>) =
            self.series.iter().enumerate().partition(|(_, series)| is_grey(series));
        for (i, series) in grey.into_iter().chain(named) {
            self.draw_series(scene, &frame, series, (i as f64 - (count - 1.0) / 2.0) * step);
        }
        frame.bottom()
    }

    /// The place of the group's value of this setting
    fn place(&self, group: &Group) -> usize {
        group.place.get(self.axis).copied().unwrap_or(0)
    }

    /// * `aside`: units by which its marks are moved to the right
    fn draw_series(&self, scene: &mut Scene, frame: &Frame, series: &Series<'_>, aside: f64) {
        let analysis = self.analysis;
        let factor = analysis.score.kind.factor();
        let x_of = |group: &Group| {
            let place = self.place(group);
            let numbers = self.setting.numbers.as_ref().filter(|_| frame.x.scale != Scale::Names);
            frame.at_x(numbers.map_or(place as f64, |numbers| numbers[place])) + aside
        };
        let at = |(group, _): &(&Group, Look)| {
            Some((x_of(group), frame.at_y(factor * analysis.scored(group)?.mean)))
        };
        // The line is interrupted at a value without a score.
        for part in series.groups.split(|group| at(group).is_none()) {
            let points: Vec<_> = part.iter().filter_map(at).collect();
            if self.setting.numbers.is_some() {
                scene.stroke(&points, series.stroke, None);
            }
        }
        for (group, look) in &series.groups {
            let x = x_of(group);
            if failed(analysis, group) {
                let falls = analysis.score.kind.falls();
                let y = if falls { frame.area.top + 7.0 } else { frame.area.bottom - 7.0 };
                Look::FAILURE.mark(scene, (x, y));
            }
            let Some(spread) = analysis.scored(group) else { continue };
            if let Some(sd) = spread.sd {
                let column = analysis.score.column();
                let scores = group.trials.iter().filter_map(|&i| analysis.trials[i].metric(column));
                // Dots lie on the mark, spread to both sides so that equal ones are seen.
                const ASIDE: [f64; 5] = [-4.5, 4.5, -2.25, 2.25, 0.0];
                for (i, score) in scores.enumerate() {
                    scene.disc((x + ASIDE[i % 5], frame.at_y(factor * score)), 1.25, SEED);
                }
                let [low, high] = ends(analysis.score.kind, spread.mean, sd).map(|number| frame.at_y(number));
                scene.rule((x, high), (x, low), 1.0, look.stroke.color);
                for y in [low, high] {
                    scene.rule((x - CAP, y), (x + CAP, y), 1.0, look.stroke.color);
                }
            }
            look.mark(scene, (x, frame.at_y(factor * spread.mean)));
        }
    }

    /// All numbers that the y axis has to hold
    fn numbers(&self) -> impl Iterator<Item = f64> {
        let (analysis, kind, column) =
            (self.analysis, self.analysis.score.kind, self.analysis.score.column());
        let spreads = analysis.groups.iter().filter_map(|group| analysis.scored(group));
        let each = analysis.trials.iter().filter_map(move |trial| trial.metric(column));
        let bars = spreads.flat_map(move |spread| ends(kind, spread.mean, spread.sd.unwrap_or(0.0)));
        bars.chain(each.map(move |score| kind.factor() * score))
    }
}

/// The ends of an error bar, as numbers of the y axis
fn ends(kind: ScoreKind, mean: f64, sd: f64) -> [f64; 2] {
    [mean - sd, mean + sd].map(|score| kind.factor() * score.clamp(0.0, kind.largest() / kind.factor()))
}

/// The least range of the y axis: a narrower one would show noise as if it were a difference
fn least_span(kind: ScoreKind, greatest: f64) -> f64 {
    match kind {
        ScoreKind::Accuracy => 2.0,
        ScoreKind::Rmse if greatest > 0.0 => 0.05 * greatest,
        ScoreKind::Rmse => 1.0,
    }
}
