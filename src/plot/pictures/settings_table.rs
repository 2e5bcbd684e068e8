//! The table of the combinations of a sweep: the look, the values, the score and the trials of each

use crate::plot::output::font::{fit, width};
use crate::plot::output::scene::{Align, Area, Scene};
use crate::plot::parts::line_style::{FRAME, GRID, HALF_HEIGHT, Look, TICK_EM};
use crate::plot::pictures::score_panel::{values, without_metrics};
use crate::report::analysis::{Analysis, Group};
use crate::report::score::labelled;
use crate::tables::Status;

/// Height of a row
const ROW: f64 = 17.0;
/// The values of a group; the heading has their names
fn name(analysis: &Analysis, group: &Group) -> String {
    match analysis.axes.len() {
        0 => "all trials".to_owned(),
        _ => values(analysis, group),
    }
}

/// Draws the table of combinations, which is the legend of the curves, and returns its lower end
///
/// Combinations are in the order of their values; if some are grey, only the others are listed, best first.
pub fn settings(scene: &mut Scene, analysis: &Analysis, looks: &[Look], outer: Area) -> f64 {
    let mut shown: Vec<_> = analysis.ranking().iter().copied().filter(|&i| looks[i] != Look::FAINT).collect();
    if shown.len() == looks.len() {
        shown.sort_by_key(|&i| &analysis.groups[i].place);
    }
    ranked(scene, analysis, looks, &shown, outer)
}

/// Draws the table of the groups at `shown`, and the number of all others, and returns its lower end
pub fn ranked(scene: &mut Scene, analysis: &Analysis, looks: &[Look], shown: &[usize], outer: Area) -> f64 {
    const SAMPLE: f64 = 30.0;
    let [left, scores, trials] = [outer.left + 20.0, outer.right - 64.0, outer.right - 18.0];
    let middle = |row: usize| outer.top + 12.0 + row as f64 * ROW;
    let baseline = |row: usize| middle(row) + HALF_HEIGHT * TICK_EM;
    let names: Vec<_> = analysis.axes.iter().map(|axis| axis.name.as_str()).collect();
    let names = if names.is_empty() { vec!["combination"] } else { names };
    let kind = analysis.score.kind;
    let head = labelled(kind.name(), &[kind.unit()]);
    let heading = lines(&names, scores - left - width(&head, TICK_EM) - 10.0);
    for (row, line) in heading.iter().enumerate() {
        scene.colored_text(line, TICK_EM, Align::Start, (left, baseline(row)), FRAME);
    }
    let last = heading.len() - 1;
    scene.colored_text(&head, TICK_EM, Align::End, (scores, baseline(last)), FRAME);
    scene.colored_text("trials", TICK_EM, Align::End, (trials, baseline(last)), FRAME);
    let line = middle(last) + ROW / 2.0;
    scene.rule((left, line), (trials, line), 0.5, GRID);
    let winner = analysis.winner();
    for (row, &i) in (heading.len()..).zip(shown) {
        let (group, look) = (&analysis.groups[i], looks[i]);
        look.sample(scene, [left, left + SAMPLE], middle(row));
        let is_best = analysis.groups.len() > 1 && winner == Some(group);
        let score = if is_best { "best: " } else { "" }.to_owned() + &score_text(analysis, group);
        let start = left + SAMPLE + 8.0;
        let limit = scores - width(&score, TICK_EM) - 10.0 - start;
        let name = fit(&name(analysis, group), TICK_EM, limit);
        scene.text(&name, TICK_EM, Align::Start, (start, baseline(row)));
        scene.text(&score, TICK_EM, Align::End, (scores, baseline(row)));
        let ok = group.trials.iter().filter(|&&i| analysis.trials[i].status == Status::Ok).count();
        let of = group.trials.len();
        let count = if ok == of { of.to_string() } else { format!("{ok} of {of}") };
        scene.text(&count, TICK_EM, Align::End, (trials, baseline(row)));
    }
    let rows = heading.len() + shown.len();
    let others = looks.len() - shown.len();
    if others > 0 {
        if looks.contains(&Look::FAINT) {
            Look::FAINT.sample(scene, [left, left + SAMPLE], middle(rows));
        }
        let text = format!("{others} other combinations, {}", kind.worse());
        scene.text(&text, TICK_EM, Align::Start, (left + SAMPLE + 8.0, baseline(rows)));
    }
    middle(rows + 1)
}

/// The names with commas between them, in as many lines as they need; a name that is wider than a line is shortened
fn lines(names: &[&str], limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for (i, name) in names.iter().enumerate() {
        let comma = if i + 1 < names.len() { "," } else { "" };
        let name = fit(name, TICK_EM, limit - width(comma, TICK_EM)) + comma;
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {name}"), TICK_EM) <= limit => *line += &format!(" {name}"),
            _ => lines.push(name),
        }
    }
    lines
}

/// Text such as `88.49 ± 0.21`, or the reason why there is none
fn score_text(analysis: &Analysis, group: &Group) -> String {
    let spread = analysis.scored(group);
    spread.map_or_else(
        || without_metrics(analysis, group).to_owned(),
        |spread| analysis.score.kind.spread_text(spread),
    )
}
