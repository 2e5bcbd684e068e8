//! The picture of a sweep: accuracy by each varied setting, and the curves of all trials

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::plot::epochs_csv::{Curves, Points};
use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, Scene, WIDTH};
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::Legend;
use crate::plot::parts::line_style::{FRAME, GRID, HALF_HEIGHT, LOOKS, Look, TICK_EM};
use crate::plot::pictures::accuracy_panel::{
    Panel, accuracy_label, failed, mean, names, seeds, values, without_metrics,
};
use crate::plot::pictures::overlay::{best, looks, shared};
use crate::plot::pictures::run_curves::{Line, Pair};
use crate::report::analysis::{Analysis, Group, Spread};
use crate::tables::Status;

const TOP: f64 = 50.0;
const PANEL: f64 = 268.0;
const GAP: f64 = 14.0;
const ROW: f64 = 17.0;

/// Draws accuracy by each setting that was varied, and the curves of all trials below; returns the height
///
/// * `curves`: the curves of the trials, in any order; if there are none, their panels are left out
/// * One setting or none: a wide panel beside the table of settings. Two or three: a panel for each. More: the table alone.
/// * A setting has one look in the whole picture. Of more than twelve settings, the most accurate have one; the others are grey.
pub fn draw(scene: &mut Scene, analysis: &Analysis, curves: &[Curves]) -> f64 {
    const TABLE: f64 = 300.0;
    draw_titles(scene, analysis);
    let looks = Looks::of(analysis);
    let axes = analysis.axes.len();
    let legend = looks.legend(analysis);
    let mut y = TOP;
    if legend.height() > 0.0 {
        legend.draw(scene, [0.0, WIDTH], y - 4.0);
        y += legend.height() + 6.0;
    }
    let cell = |left: f64, right: f64, top: f64| Area { left, top, right, bottom: top + PANEL };
    y = match axes {
        0 | 1 => {
            let bottom = Panel::new(analysis, 0, &looks.groups).draw(scene, cell(0.0, WIDTH - TABLE, y));
            settings(scene, analysis, &looks.groups, cell(WIDTH - TABLE, WIDTH, y)).max(bottom) + GAP
        }
        2 | 3 => {
            for row in (0..axes).collect::<Vec<_>>().chunks(2) {
                let mut bottom = y + PANEL;
                for (axis, left) in row.iter().zip([0.0, WIDTH / 2.0]) {
                    let panel = Panel::new(analysis, *axis, &looks.groups);
                    bottom = panel.draw(scene, cell(left, left + WIDTH / 2.0, y)).max(bottom);
                }
                if row.len() == 1 {
                    let means: Vec<_> = analysis.groups.iter().map(|group| mean(analysis, group)).collect();
                    let shown = best(&means, SHOWN);
                    bottom = ranked(scene, analysis, &looks.groups, &shown, cell(WIDTH / 2.0, WIDTH, y))
                        .max(bottom);
                }
                y = bottom + GAP;
            }
            y
        }
        _ => settings(scene, analysis, &looks.groups, cell(0.0, WIDTH, y)) + GAP,
    };
    draw_curves(scene, analysis, &looks, curves, y)
}

/// Greatest number of settings in the table beside three panels
const SHOWN: usize = 12;

/// The look of each setting
struct Looks {
    /// By group
    groups: Vec<Look>,
    /// The varied setting that color and mark show; `None`: each group has its own
    color: Option<usize>,
    /// The varied setting that dashes show
    dashes: Option<usize>,
}

impl Looks {
    fn of(analysis: &Analysis) -> Self {
        let axes = &analysis.axes;
        let fewest = |most: usize, but: Option<usize>| {
            let few = (0..axes.len()).filter(|&i| axes[i].values.len() <= most && Some(i) != but);
            few.min_by_key(|&i| (axes[i].numbers.is_some(), axes[i].values.len()))
        };
        let color = fewest(LOOKS, None).filter(|_| matches!(axes.len(), 2 | 3));
        let dashes = fewest(4, color).filter(|_| color.is_some() && axes.len() == 3);
        let groups = match color {
            None => looks(&analysis.groups.iter().map(|group| mean(analysis, group)).collect::<Vec<_>>()),
            Some(color) => {
                let look = |group: &Group| match dashes {
                    Some(dashes) => Look::of(group.place[color]).dashed(group.place[dashes]),
                    None => Look::of(group.place[color]),
                };
                analysis.groups.iter().map(look).collect()
            }
        };
        Self { groups, color, dashes }
    }

    /// What colors, marks and dashes show
    fn legend(&self, analysis: &Analysis) -> Legend {
        let (mut heading, mut keys) = (String::new(), vec![]);
        if let Some(color) = self.color {
            let axis = &analysis.axes[color];
            heading = axis.name.clone();
            let look = |i| if self.dashes.is_some() { Look::of(i).dashed(0) } else { Look::of(i) };
            keys.extend(axis.values.iter().enumerate().map(|(i, value)| (look(i), value.clone())));
        }
        if let Some(dashes) = self.dashes {
            let axis = &analysis.axes[dashes];
            let key = |(i, value): (usize, &String)| (Look::dashes(i), format!("{} {value}", axis.name));
            keys.extend(axis.values.iter().enumerate().map(key));
        }
        if analysis.groups.iter().any(|group| failed(analysis, group)) {
            keys.push((Look::FAILURE, "diverged or failed".to_owned()));
        }
        Legend::new(&heading, keys, WIDTH - 40.0)
    }

    /// The groups whose curves stand out: all that have a look, or the best one of each value that has a color
    fn chosen(&self, analysis: &Analysis) -> HashSet<usize> {
        let mut values = HashSet::new();
        let stands_out = |&i: &usize| match self.color {
            Some(color) => values.insert(analysis.groups[i].place[color]),
            None => self.groups[i] != Look::FAINT,
        };
        analysis.ranking().iter().copied().filter(stands_out).collect()
    }
}

/// Draws the curves of all trials below `top`, and returns the lower end
///
/// A setting with several seeds is drawn as the mean with a band of one standard deviation, and its seeds as thin pale lines.
fn draw_curves(
    scene: &mut Scene,
    analysis: &Analysis,
    looks: &Looks,
    curves: &[Curves],
    mut top: f64,
) -> f64 {
    const MOST: usize = 400; // grey curves: more of them would be a grey area, and slow to draw
    let repeats: HashSet<&str> = analysis.repeats.iter().map(|run| run.id.as_str()).collect();
    let is_shown = |run: &&Curves| !run.is_empty() && !repeats.contains(run.run_id.as_str());
    let shown: Vec<_> = curves.iter().filter(is_shown).collect();
    if shown.is_empty() {
        return top;
    }
    let split = shared(&shown);
    let curve_of: HashMap<&str, &Curves> = shown.iter().map(|run| (run.run_id.as_str(), *run)).collect();
    let chosen = looks.chosen(analysis);
    let (mut loss, mut accuracy, mut others) = (vec![], vec![], vec![]);
    let mut has_bands = false;
    for (i, group) in analysis.groups.iter().enumerate() {
        let runs = group.trials.iter().filter_map(|&i| curve_of.get(analysis.trials[i].id.as_str()).copied());
        let runs: Vec<&Curves> = runs.collect();
        if chosen.contains(&i) {
            has_bands |= runs.len() > 1;
            loss.extend(with_mean(&runs, looks.groups[i], |run| &run.loss[split as usize]));
            accuracy.extend(with_mean(&runs, looks.groups[i], |run| &run.accuracy[split as usize]));
        } else {
            others.extend(runs);
        }
    }
    // Curves whose trial is not in runs.csv are grey, too.
    let known: HashSet<&str> = analysis.trials.iter().map(|trial| trial.id.as_str()).collect();
    others.extend(shown.iter().filter(|run| !known.contains(run.run_id.as_str())).copied());
    let every = others.len().div_ceil(MOST).max(1);
    let grey: Vec<_> = others.iter().step_by(every).copied().collect();
    let faint =
        |points: &Points, run: &Curves| Line::new(Look::FAINT, points.clone(), run.diverged.is_none());
    loss.extend(grey.iter().map(|run| faint(&run.loss[split as usize], run)));
    accuracy.extend(grey.iter().map(|run| faint(&run.accuracy[split as usize], run)));

    let mut notes = vec![];
    if let Some(color) = looks.color {
        notes.push(format!("the best of each {}", analysis.axes[color].name));
    }
    if has_bands {
        notes.push("bands: ± one standard deviation; thin: single seeds".to_owned());
    }
    if !grey.is_empty() {
        let count = if every > 1 {
            format!("{} of the {}", grey.len(), others.len())
        } else {
            others.len().to_string()
        };
        notes.push(format!("grey: {count} other trials"));
    }
    if !notes.is_empty() {
        let note = fit(&format!("Curves: {}", notes.join("; ")), TICK_EM, WIDTH - 40.0);
        scene.colored_text(&note, TICK_EM, Align::Middle, (WIDTH / 2.0, top + 10.0), FRAME);
        top += 20.0;
    }
    Pair { loss, accuracy, of: Some(split) }.draw(scene, top, top + PANEL);
    top + PANEL
}

/// The curve of one run; of several, the mean with its band, and each as a thin pale line
fn with_mean(runs: &[&Curves], look: Look, points_of: impl Fn(&Curves) -> &Points) -> Vec<Line> {
    let line = |run: &&Curves| Line::new(look, points_of(run).clone(), run.diverged.is_none());
    let mut lines: Vec<_> = runs.iter().map(line).collect();
    let whole: Vec<_> = runs.iter().filter(|run| run.diverged.is_none()).collect();
    if runs.len() < 2 {
        return lines;
    }
    lines.iter_mut().for_each(|line| (line.look, line.thin) = (look.pale(), true));
    if whole.is_empty() {
        return lines;
    }
    let mut metrics: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (epoch, metric) in whole.iter().flat_map(|run| points_of(run)) {
        metrics.entry(*epoch).or_default().push(*metric);
    }
    metrics.retain(|_, of_epoch| of_epoch.len() == whole.len());
    let spreads = metrics.iter().filter_map(|(epoch, of_epoch)| Some((*epoch, Spread::of(of_epoch)?)));
    let spreads: Vec<_> = spreads.collect();
    let mut mean =
        Line::new(look, spreads.iter().map(|(epoch, spread)| (*epoch, spread.mean)).collect(), true);
    mean.band = spreads.iter().filter_map(|(_, spread)| spread.sd).collect();
    lines.push(mean);
    lines
}

fn draw_titles(scene: &mut Scene, analysis: &Analysis) {
    let by = if analysis.axes.is_empty() { "" } else { " by " };
    let accuracy = accuracy_label(analysis).trim_end_matches(" (%)");
    let title = format!("{accuracy} after the last epoch{by}{}", names(analysis, None));
    let trials = match analysis.trials.len() {
        1 => "1 trial".to_owned(),
        count => format!("{count} trials"),
    };
    let note = match seeds(analysis) {
        0 | 1 => trials,
        seeds => format!(
            "{trials}; marks and bars are mean ± standard deviation of up to {seeds} seeds, dots are single trials"
        ),
    };
    titles(scene, &title, &note);
}

/// What the grey lines are
const OTHERS: &str = "other settings, less accurate";

/// The values of a group; the heading has their names
fn name(analysis: &Analysis, group: &Group) -> String {
    match analysis.axes.len() {
        0 => "all trials".to_owned(),
        _ => values(analysis, group, None),
    }
}

/// Draws the table of settings, which is the legend of the curves, and returns its lower end
///
/// Settings are in the order of their values; if some are grey, only the others are listed, best first.
fn settings(scene: &mut Scene, analysis: &Analysis, looks: &[Look], outer: Area) -> f64 {
    let mut shown: Vec<_> = analysis.ranking().iter().copied().filter(|&i| looks[i] != Look::FAINT).collect();
    if shown.len() == looks.len() {
        shown.sort_by_key(|&i| &analysis.groups[i].place);
    }
    ranked(scene, analysis, looks, &shown, outer)
}

/// Draws the table of the groups at `shown`, and the number of all others, and returns its lower end
fn ranked(scene: &mut Scene, analysis: &Analysis, looks: &[Look], shown: &[usize], outer: Area) -> f64 {
    const SAMPLE: f64 = 30.0;
    let [left, accuracies, trials] = [outer.left + 20.0, outer.right - 64.0, outer.right - 18.0];
    let middle = |row: usize| outer.top + 12.0 + row as f64 * ROW;
    let baseline = |row: usize| middle(row) + HALF_HEIGHT * TICK_EM;
    let heading = if analysis.axes.is_empty() { "setting".to_owned() } else { names(analysis, None) };
    let heading = fit(&heading, TICK_EM, accuracies - left - width("accuracy (%)", TICK_EM) - 10.0);
    scene.colored_text(&heading, TICK_EM, Align::Start, (left, baseline(0)), FRAME);
    scene.colored_text("accuracy (%)", TICK_EM, Align::End, (accuracies, baseline(0)), FRAME);
    scene.colored_text("trials", TICK_EM, Align::End, (trials, baseline(0)), FRAME);
    let line = middle(0) + ROW / 2.0;
    scene.rule((left, line), (trials, line), 0.5, GRID);
    let winner = analysis.winner();
    for (row, &i) in (1..).zip(shown) {
        let (group, look) = (&analysis.groups[i], looks[i]);
        look.sample(scene, [left, left + SAMPLE], middle(row));
        let is_best = analysis.groups.len() > 1 && winner == Some(group);
        let accuracy = if is_best { "best: " } else { "" }.to_owned() + &accuracy_text(analysis, group);
        let start = left + SAMPLE + 8.0;
        let room = accuracies - width(&accuracy, TICK_EM) - 10.0 - start;
        let name = fit(&name(analysis, group), TICK_EM, room);
        scene.text(&name, TICK_EM, Align::Start, (start, baseline(row)));
        scene.text(&accuracy, TICK_EM, Align::End, (accuracies, baseline(row)));
        let ok = group.trials.iter().filter(|&&i| analysis.trials[i].status == Status::Ok).count();
        let of = group.trials.len();
        let count = if ok == of { of.to_string() } else { format!("{ok} of {of}") };
        scene.text(&count, TICK_EM, Align::End, (trials, baseline(row)));
    }
    let rows = shown.len() + 1;
    let others = looks.len() - shown.len();
    if others > 0 {
        if looks.contains(&Look::FAINT) {
            Look::FAINT.sample(scene, [left, left + SAMPLE], middle(rows));
        }
        let text = format!("{others} {OTHERS}");
        scene.text(&text, TICK_EM, Align::Start, (left + SAMPLE + 8.0, baseline(rows)));
    }
    middle(rows + 1)
}

/// Text such as `88.49 ± 0.21`, or the reason why there is none
fn accuracy_text(analysis: &Analysis, group: &Group) -> String {
    let Some(spread) = analysis.accuracy(group) else { return without_metrics(analysis, group).to_owned() };
    let sd = spread.sd.map(|sd| format!(" ± {:.2}", 100.0 * sd));
    format!("{:.2}{}", 100.0 * spread.mean, sd.unwrap_or_default())
}
