//! The panel of accuracy by one varied setting: means over seeds with their standard deviations

use crate::plot::output::scene::{Align, Area, Point, Rgb, Scene};
use crate::plot::parts::axis::{self, Axis, Scale};
use crate::plot::parts::frame::Frame;
use crate::plot::parts::legend::{Legend, Sign};
use crate::plot::parts::line_style::{FAINT, FRAME, LABEL_EM, LINE, Look};
use crate::plot::pictures::overlay::looks;
use crate::report::analysis::{Analysis, Group, VariedSetting};
use crate::tables::Status;

/// Half the width of the cap of an error bar
const CAP: f64 = 3.5;
/// Grey of the dots of single seeds
const SEED: Rgb = Rgb(130, 130, 130);

/// The axis of a varied setting
///
/// * `last`: the greatest value that has a metric
pub fn axis_of(parameter: &VariedSetting, last: f64) -> Axis {
    let scale = parameter.numbers.as_ref().and_then(|numbers| match numbers[..] {
        // Rates go by order of magnitude, even if there are only two
        [least, ..] if least > 0.0 && parameter.name == "learning_rate" => Some(Scale::Log),
        _ => axis::scale_for(numbers),
    });
    match (&parameter.numbers, scale) {
        (Some(numbers), Some(scale)) => {
            let values: Vec<_> = numbers.iter().copied().zip(parameter.values.iter().cloned()).collect();
            axis::numbers(&values, scale, last)
        }
        _ => axis::names(&parameter.values),
    }
}

/// The name of the setting with its unit and scale
pub fn label_of(parameter: &VariedSetting, scale: Scale) -> String {
    let unit = match parameter.name.as_str() {
        "hidden_dims" => "units, layer by layer",
        "hidden_dim" => "units",
        "num_layers" => "hidden layers",
        "epochs" => "passes",
        "batch_size" => "images a step",
        "val_split" => "share held out",
        _ => "",
    };
    let spacing = match scale {
        Scale::Log => "log scale",
        Scale::Names if parameter.numbers.is_some() => "not to scale",
        Scale::Linear | Scale::Names => "",
    };
    let notes: Vec<_> = [unit, spacing].into_iter().filter(|note| !note.is_empty()).collect();
    if notes.is_empty() {
        parameter.name.clone()
    } else {
        format!("{} ({})", parameter.name, notes.join(", "))
    }
}

/// `Validation accuracy (%)` or `Test accuracy (%)`
pub fn accuracy_label(analysis: &Analysis) -> &'static str {
    if analysis.decided_on() == "validation" { "Validation accuracy (%)" } else { "Test accuracy (%)" }
}

/// True if a trial of the group diverged or failed
pub fn failed(analysis: &Analysis, group: &Group) -> bool {
    without_metrics(analysis, group) != "unfinished"
}

/// Why a group has no metrics: `diverged`, `failed` or `unfinished`
pub fn without_metrics<'a>(analysis: &'a Analysis, group: &Group) -> &'a str {
    let mut statuses = group.trials.iter().map(|&i| analysis.trials[i].status);
    statuses
        .find(|status| [Status::Diverged, Status::Failed].contains(status))
        .map_or("unfinished", Status::name)
}

/// The names of the settings that were varied, without the one at index `but`
pub fn names(analysis: &Analysis, but: Option<usize>) -> String {
    let axes = analysis.axes.iter().enumerate().filter(|(i, _)| Some(*i) != but);
    axes.map(|(_, axis)| axis.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The values of a group in the order of [`names`]
pub fn values(analysis: &Analysis, group: &Group, but: Option<usize>) -> String {
    let places = analysis.axes.iter().zip(&group.place).enumerate().filter(|(i, _)| Some(*i) != but);
    places.map(|(_, (axis, &place))| axis.values[place].as_str()).collect::<Vec<_>>().join(", ")
}

/// Accuracy by the setting `axis`
///
/// * If one setting was varied, each value has the look that `looks` gives its group.
/// * If several were, groups that agree on all other settings form a line, with a look and an entry in the legend.
pub struct Panel<'a> {
    pub analysis: &'a Analysis,
    pub axis: usize,
    pub looks: &'a [Option<Look>],
}

/// Groups that agree on all settings but one, ordered by that one
struct Series<'a> {
    name: String,
    look: Option<Look>,
    groups: Vec<&'a Group>,
}

impl Panel<'_> {
    /// Its legend, `room` units wide
    pub fn legend(&self, room: f64) -> Legend {
        let heading =
            if self.analysis.axes.len() > 1 { names(self.analysis, Some(self.axis)) } else { String::new() };
        Legend::small(&heading, &self.keys(&self.series()), room)
    }

    /// Draws the panel in `outer` and returns its lower end, which may lie below `outer`
    pub fn draw(&self, scene: &mut Scene, outer: Area) -> f64 {
        let series = self.series();
        let mut y = axis::metrics(self.shares(), 100.0, |_| 2.0);
        if self.analysis.groups.iter().any(|group| failed(self.analysis, group)) {
            y.lo -= 0.08 * (y.hi - y.lo); // room for their marks below all others
        }
        let parameter = self.analysis.axes.get(self.axis);
        let x = match parameter {
            Some(parameter) => axis_of(parameter, self.last()),
            None => axis::names(&["all trials".to_owned()]),
        };
        let scale = x.scale;
        let frame = Frame::new(outer, y, |_| x);
        let frame = if scale == Scale::Names { frame } else { frame.inset(20.0) };
        let label = parameter.map_or(String::new(), |parameter| label_of(parameter, scale));
        frame.draw(scene, &label, accuracy_label(self.analysis));
        if self.shares().next().is_none() {
            scene.text("no metrics", LABEL_EM, Align::Middle, frame.area.middle());
        }
        let ordered = parameter.is_some_and(|parameter| parameter.numbers.is_some());
        let several = self.analysis.groups.iter().any(|group| group.trials.len() > 1);
        // Marks without lines stand side by side; those with error bars are moved a little, so that all bars are seen
        let step = match scale {
            Scale::Names if !ordered => {
                (0.7 * frame.area.width() / (frame.x.ticks.len() * series.len()) as f64).min(14.0)
            }
            _ if several => (12.0 / series.len() as f64).min(3.5),
            _ => 0.0,
        };
        // Lines with a look are drawn over the grey ones.
        let (named, grey): (Vec<_>, Vec<_>) =
            series.iter().enumerate().partition(|(_, series)| series.look.is_some());
        let middle = (series.len() as f64 - 1.0) / 2.0;
        for (i, series) in grey.into_iter().chain(named) {
            self.draw_series(scene, &frame, series, ordered, (i as f64 - middle) * step);
        }
        frame.bottom()
    }

    /// The greatest value of this setting that has a metric
    fn last(&self) -> f64 {
        let with = self.analysis.groups.iter().filter(|group| self.analysis.accuracy(group).is_some());
        with.map(|group| self.value(group)).fold(f64::NEG_INFINITY, f64::max)
    }

    fn value(&self, group: &Group) -> f64 {
        let place = group.place.get(self.axis).copied().unwrap_or(0);
        let number = self.analysis.axes.get(self.axis).and_then(|axis| axis.numbers.as_ref());
        number.map_or(place as f64, |numbers| numbers[place])
    }

    fn draw_series(&self, scene: &mut Scene, frame: &Frame, series: &Series<'_>, ordered: bool, aside: f64) {
        let x_of = |group: &Group| {
            let x = match frame.x.scale {
                Scale::Names => group.place.get(self.axis).copied().unwrap_or(0) as f64,
                Scale::Linear | Scale::Log => self.value(group),
            };
            frame.at_x(x) + aside
        };
        let mean_of = |group: &&Group| -> Option<Point> {
            let spread = self.analysis.accuracy(group)?;
            Some((x_of(group), frame.at_y(100.0 * spread.mean)))
        };
        let single = self.analysis.axes.len() < 2;
        // The line is interrupted at a value without a metric.
        for part in series.groups.split(|group| mean_of(group).is_none()).filter(|_| ordered) {
            let points: Vec<_> = part.iter().filter_map(mean_of).collect();
            match series.look.filter(|_| !single) {
                Some(look) => scene.stroke(&points, look.stroke(), None),
                None => scene.line(&points, LINE - 0.75, if single { FRAME } else { FAINT }),
            }
        }
        for group in &series.groups {
            let x = x_of(group);
            if failed(self.analysis, group) && (single || series.look.is_some()) {
                Look::of_failure()
                    .mark(scene, (if ordered { x - aside } else { x }, frame.area.bottom - 7.0));
            }
            let (Some(spread), Some(at)) = (self.analysis.accuracy(group), mean_of(group)) else { continue };
            let place = self.analysis.groups.iter().position(|found| found == *group).unwrap_or(0);
            let look = if single { self.looks[place] } else { series.look };
            let color = look.map_or(FAINT, |look| look.color);
            if let Some(sd) = spread.sd {
                for share in group
                    .trials
                    .iter()
                    .filter_map(|&i| self.analysis.trials[i].metric(self.analysis.deciding))
                {
                    scene.disc((x + 5.0, frame.at_y(100.0 * share)), 1.25, SEED);
                }
                let ends = [spread.mean - sd, spread.mean + sd]
                    .map(|share| frame.at_y(100.0 * share.clamp(0.0, 1.0)));
                scene.rule((x, ends[1]), (x, ends[0]), 1.0, color);
                for y in ends {
                    scene.rule((x - CAP, y), (x + CAP, y), 1.0, color);
                }
            }
            match look {
                Some(look) => look.mark(scene, at),
                None => scene.disc(at, 2.0, FAINT),
            }
        }
    }

    /// All values that the y axis has to hold, in %
    fn shares(&self) -> impl Iterator<Item = f64> {
        let analysis = self.analysis;
        let ends = analysis.groups.iter().filter_map(|group| analysis.accuracy(group)).flat_map(|spread| {
            let sd = spread.sd.unwrap_or(0.0);
            [spread.mean - sd, spread.mean + sd].map(|share| 100.0 * share.clamp(0.0, 1.0))
        });
        let each = analysis.trials.iter().filter_map(|trial| trial.metric(analysis.deciding));
        ends.chain(each.map(|share| 100.0 * share))
    }

    fn series(&self) -> Vec<Series<'_>> {
        let analysis = self.analysis;
        let others = |group: &Group| {
            let mut place = group.place.clone();
            if self.axis < place.len() {
                place.remove(self.axis);
            }
            place
        };
        let mut rests: Vec<_> = analysis.groups.iter().map(others).collect();
        rests.sort();
        rests.dedup();
        let mut all: Vec<_> = vec![];
        for rest in rests {
            let mut groups: Vec<_> = analysis.groups.iter().filter(|group| others(group) == rest).collect();
            groups.sort_by_key(|group| group.place.get(self.axis).copied());
            let name = values(analysis, groups[0], Some(self.axis));
            all.push(Series { name, look: None, groups });
        }
        let best = |series: &Series<'_>| {
            let means = series.groups.iter().filter_map(|group| Some(analysis.accuracy(group)?.mean));
            means.fold(-1.0, f64::max)
        };
        for (series, look) in looks(&all.iter().map(best).collect::<Vec<_>>()).into_iter().enumerate() {
            all[series].look = look;
        }
        all
    }

    fn keys(&self, series: &[Series<'_>]) -> Vec<(Sign, String)> {
        let analysis = self.analysis;
        let mut keys = vec![];
        if analysis.axes.len() > 1 {
            keys.extend(
                series.iter().filter_map(|series| Some((Sign::Line(series.look?), series.name.clone()))),
            );
            let grey = series.iter().filter(|series| series.look.is_none()).count();
            if grey > 0 {
                keys.push((Sign::Faint, format!("{grey} others")));
            }
        }
        if analysis.groups.iter().any(|group| failed(analysis, group)) {
            keys.push((Sign::Mark(Look::of_failure()), "diverged or failed".to_owned()));
        }
        keys
    }
}
