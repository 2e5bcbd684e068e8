//! The picture of a sweep: score by each varied setting, and the curves of all trials

use crate::plot::epochs_csv::Curves;
use crate::plot::output::scene::{Area, Scene, WIDTH};
use crate::plot::parts::labels::titles;
use crate::plot::pictures::overlay::best;
use crate::plot::pictures::score_panel::{Panel, names, seeds};
use crate::plot::pictures::settings_table::{ranked, settings};
use crate::plot::pictures::sweep_curves::draw_curves;
use crate::plot::pictures::sweep_looks::Looks;
use crate::report::analysis::Analysis;

const TOP: f64 = 50.0;
const PANEL: f64 = 268.0;
const GAP: f64 = 14.0;

/// Draws the score by each setting that was varied, and the curves of all trials below; returns the height
///
/// * `curves`: the curves of the trials, in any order; if there are none, their panels are left out
/// * One setting or none: a wide panel beside the table of settings. Two or three: a panel for each. More: the table alone.
/// * Of values that were drawn: the table alone.
/// * A setting has one look in the whole picture. If there are more than twelve, only the best have a look of their own;
///   the others are grey.
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
    // The panels of drawn values are a picture of their own.
    let panels = if analysis.is_sampled { usize::MAX } else { axes };
    y = match panels {
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
                    let ranks: Vec<_> = analysis.groups.iter().map(|group| analysis.rank(group)).collect();
                    let shown = best(&ranks, SHOWN);
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

fn draw_titles(scene: &mut Scene, analysis: &Analysis) {
    let by = if analysis.axes.is_empty() { "" } else { " by " };
    let title = format!("{} after the {}{by}{}", analysis.score.title(), analysis.epoch(), names(analysis));
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
