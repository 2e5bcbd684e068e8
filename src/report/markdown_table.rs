//! The tables of a sweep's `report.md`: all settings with their scores, and the best net against the best one without hidden
//! layers

use std::cmp::Ordering;

use crate::error::separated;
use crate::report::analysis::{Analysis, Group, MetricColumn};
use crate::report::markdown_text::{decimals, escape, row, seconds};
use crate::report::score::{Score, labelled};
use crate::tables::Status;

/// The table of all combinations
pub(super) fn table(analysis: &Analysis) -> String {
    let mut text = "## All combinations\n\n".to_owned();
    text += &format!(
        "Metrics after the {}; ± is the sample standard deviation over seeds, of the trials that are `ok`.",
        analysis.epoch()
    );
    let several = analysis.groups.len() > 1;
    let as_good = analysis.as_good_as_best().filter(|_| several);
    if several && analysis.undecided().is_none() {
        text += " The winner is set in bold.";
    }
    if as_good.is_some() {
        text += &format!(" {}", analysis.score.kind.plural());
        text += " with ≈ are within one standard error (± divided by √n) of the winner's: the seeds can't \
                 distinguish these combinations.";
    }
    text += "\n\n";
    let mut heads: Vec<String> = analysis.axes.iter().map(|axis| axis.name.replace('_', "\\_")).collect();
    if heads.is_empty() {
        heads.push("combination".to_owned());
    }
    let scores: Vec<Score> = [analysis.score].into_iter().chain(analysis.other).collect();
    let of_scores: Vec<String> = scores.iter().flat_map(|score| score_heads(*score)).collect();
    text += &format!(
        "| {} | trials | parameters | {} | time of training (s) |\n{}|---:|---:{}|---:|\n",
        heads.join(" | "),
        of_scores.join(" | "),
        "|---".repeat(heads.len()),
        "|---:".repeat(of_scores.len())
    );
    let mut groups: Vec<&Group> = analysis.groups.iter().collect();
    groups.sort_by_key(|group| &group.place);
    let winner = analysis.winner();
    for group in groups {
        let spread = |column| analysis.spread(group, column);
        let is_as_good = |group: &Group| {
            winner != Some(group) && as_good.is_some_and(|least| analysis.rank(group) >= least)
        };
        let mut cells: Vec<String> =
            analysis.axes.iter().zip(&group.place).map(|(axis, &i)| escape(&axis.values[i])).collect();
        if cells.is_empty() {
            cells.push("all trials".to_owned());
        }
        let ok = group.trials.iter().filter(|&&i| analysis.trials[i].status == Status::Ok).count();
        let all = group.trials.len();
        cells.extend([
            match halted(analysis, group) {
                Some(rung) => format!("{}, halted at rung {rung}", separated(all)),
                None if ok == all => separated(all),
                None => format!("{} of {} ok", separated(ok), separated(all)),
            },
            spread(MetricColumn::Parameters)
                .map_or(String::new(), |count| separated(count.mean.round() as u128)),
        ]);
        for score in &scores {
            let is_of = |&i: &usize| analysis.trials[i].score == Some(score.kind);
            let has_it = analysis.other.is_none() || group.trials.iter().any(is_of);
            let text =
                |column| spread(column).map_or_else(String::new, |found| score.kind.spread_text(found));
            let [training, ..] = score.kind.columns();
            cells.extend([
                text(score.column()) + if is_as_good(group) { " ≈" } else { "" },
                if has_it { decimals(spread(score.loss()), 4) } else { String::new() },
                text(training),
            ]);
        }
        cells.push(seconds(spread(MetricColumn::TrainS)));
        if several && winner == Some(group) {
            cells.iter_mut().filter(|cell| !cell.is_empty()).for_each(|cell| *cell = format!("**{cell}**"));
        }
        text += &row(&cells);
    }
    text
}

/// The rung at which all trials of a group were halted; `None` if they were not
fn halted(analysis: &Analysis, group: &Group) -> Option<u32> {
    let mut trials = group.trials.iter().map(|&i| &analysis.trials[i]);
    let rung = trials.clone().next()?.rung?;
    trials.all(|trial| trial.status == Status::Halted).then_some(rung)
}

/// The heads of the columns of a score: itself, the loss, and the same score in training
fn score_heads(score: Score) -> [String; 3] {
    let kind = score.kind;
    [
        labelled(&score.name(), &[kind.unit()]),
        labelled(&format!("{} loss", score.samples()), &[kind.loss_unit()]),
        labelled(&format!("training {}", kind.name()), &[kind.unit()]),
    ]
}

/// Compares the best net with the best one without hidden layers, if the sweep has both
pub(super) fn against_linear(analysis: &Analysis) -> Option<String> {
    let is_linear = |group: &Group| analysis.trials[group.trials[0]].setting("hidden_dims") == "none";
    let best = |linear: bool| {
        let mut ranked = analysis.ranking().iter().map(|&i| &analysis.groups[i]);
        let group = ranked.find(|group| is_linear(group) == linear)?;
        Some((group, analysis.scored(group)?))
    };
    let ((without, plain), (net, scored)) = (best(true)?, best(false)?);
    let Score { kind, .. } = analysis.score;
    let distance = kind.distance(scored.mean, plain.mean);
    let verdict = match analysis.rank(net).total_cmp(&analysis.rank(without)) {
        Ordering::Greater => format!("{distance} better"),
        Ordering::Less => format!("{distance} worse"),
        Ordering::Equal => "no better".to_owned(),
    };
    let (model, score) = (kind.linear_model(), analysis.score.name());
    let rows = [
        row(&[model.to_owned(), combination(analysis, without), kind.spread_text(plain)]),
        row(&["net".to_owned(), combination(analysis, net), kind.spread_text(scored)]),
    ];
    Some(format!(
        "## Against {model}\n\n\
         Without hidden layers (`hidden_dims` none) a net is {model}. The best net is {verdict} than the best of it, by \
         {score}:\n\n| | combination | {} |\n|---|---|---:|\n{}",
        labelled(&score, &[kind.unit()]),
        rows.concat()
    ))
}

/// The values of a group, as `` `learning_rate` 0.1, `activation` relu ``
pub(super) fn combination(analysis: &Analysis, group: &Group) -> String {
    let values = analysis.axes.iter().zip(&group.place);
    let values = values.map(|(axis, &i)| format!("`{}` {}", axis.name, escape(&axis.values[i])));
    values.collect::<Vec<_>>().join(", ")
}
