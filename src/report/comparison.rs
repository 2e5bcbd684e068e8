//! What is compared in a set of runs: by which score, if any, and which of equal runs is counted

use std::collections::HashMap;

use super::observed_run::ObservedRun;
use super::score::{Score, ScoreKind};
use crate::tables::Status;

/// Why the scores of runs can't be compared, so that none is best
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// Some are accuracies and others RMSEs
    Tasks,
    /// They are RMSEs in the units of different targets
    Targets,
}

/// Whether combinations or curves are compared on validation data: if there are any, and all of them have validation data
///
/// Otherwise they are compared on test data, since validation and test metrics can't be compared with each other.
pub fn validation_decides<T>(
    items: impl IntoIterator<Item = T>,
    has_validation: impl FnMut(T) -> bool,
) -> bool {
    let mut found = items.into_iter().map(has_validation);
    found.next().is_some_and(|first| first && found.all(|has| has))
}

/// The score by which `trials` are compared, and a second one if some classify and some regress
///
/// The runs that are `ok` say which; if none is, all runs do.
pub(super) fn scores(trials: &[ObservedRun]) -> (Score, Option<Score>) {
    let is_ok = |trial: &&ObservedRun| trial.status == Status::Ok;
    let any_ok = trials.iter().any(|trial| is_ok(&trial));
    let of = |kind: ScoreKind| {
        let mut runs = trials.iter().filter(|trial| is_ok(trial) || !any_ok);
        runs.any(|trial| trial.score == Some(kind)).then(|| {
            let ok = trials.iter().filter(is_ok);
            let ok = ok.filter(|trial| trial.score.is_none_or(|score| score == kind));
            let [_, validation, _] = kind.columns();
            Score { kind, is_validated: validation_decides(ok, |trial| trial.metric(validation).is_some()) }
        })
    };
    match ScoreKind::ALL.map(of) {
        [Some(accuracy), rmse] => (accuracy, rmse),
        [None, rmse] => (rmse.unwrap_or_default(), None),
    }
}

/// For each run, the index of the run that is counted for its combination and seed
///
/// A run without a seed repeats no other.
pub(super) fn counted(trials: &[ObservedRun], places: &[Vec<usize>]) -> Vec<usize> {
    let mut first: HashMap<(&[usize], &str), usize> = HashMap::new();
    for (i, trial) in trials.iter().enumerate().filter(|(_, trial)| !trial.seed.is_empty()) {
        let best = first.entry((&places[i], &trial.seed)).or_insert(i);
        if trials[*best].status != Status::Ok && trial.status == Status::Ok {
            *best = i;
        }
    }
    let runs = trials.iter().zip(places).enumerate();
    runs.map(|(i, (trial, place))| first.get(&(&place[..], trial.seed.as_str())).copied().unwrap_or(i))
        .collect()
}
