//! The analysis of a set of runs: which settings were varied, which runs repeat another, which combination of
//! their values is best

use std::collections::{HashMap, HashSet};

pub use super::comparison::{Undecided, validation_decides};
use super::comparison::{counted, scores};
pub use super::metric_column::MetricColumn;
pub use super::observed_run::ObservedRun;
use super::observed_run::read_runs;
use super::sampled::looks_sampled;
use super::score::{Score, ScoreKind};
pub use super::short_number::{four_digits, short_number};
pub use super::spread::Spread;
pub use super::varied_setting::VariedSetting;
use super::varied_setting::varied_settings;
use crate::error::Result;
use crate::tables::Status;
use crate::tables::reader::{Table, TableRow};

/// The runs of one combination: they differ only in their seeds
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Index of the combination's value on each axis
    pub place: Vec<usize>,
    /// Indices into [`Analysis::trials`]
    pub trials: Vec<usize>,
}

/// The analysis of the `runs.csv` of a sweep or of single runs
///
/// Runs with the same settings and seed are one observation: they repeat the same computation. The first that is `ok`
/// is counted, or the first if none is; the others are [`Analysis::repeats`].
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The observations, in the file's order
    pub trials: Vec<ObservedRun>,
    /// Runs that are not counted because they repeat an observation, in the file's order
    pub repeats: Vec<ObservedRun>,
    /// Number of repeats that are `ok` and have another loss or score than the run that is counted
    pub contradictions: usize,
    /// The settings that were varied
    pub axes: Vec<VariedSetting>,
    /// Settings that have one value in all runs
    pub fixed: Vec<(&'static str, String)>,
    /// The combinations, in the order of their first observations
    pub groups: Vec<Group>,
    /// Whether the combinations are a sample in place of all: as the plan says, or else guessed from the number of values
    pub is_sampled: bool,
    /// The epochs after which the rungs of a halving end, if the caller knows the plan; else empty
    pub rung_ends: Vec<u32>,
    /// The score by which combinations are compared: on validation data if every `ok` run has it, else on test data
    pub score: Score,
    /// The score of the runs of regression, if there are also runs of classification
    pub other: Option<Score>,
    /// Indices of the groups, best first
    ranked: Vec<usize>,
}

impl Analysis {
    /// Analyses a `runs.csv`; the id of a run is its cell in the column trial, or in run_id if there is no such column
    ///
    /// # Errors
    /// If the file lacks run_id, status or test_accuracy, names a run twice, or holds a status or a metric that is out of
    /// range.
    pub fn from_table(table: &Table) -> Result<Self> {
        Self::of_rows(table, |_| true)
    }

    /// The sweeps whose runs are in one `runs.csv`, each by itself, in the order of their first rows
    ///
    /// Empty if the column sweep_id is missing or names fewer than two sweeps. Runs that belong to no sweep are left out.
    ///
    /// # Errors
    /// As [`Analysis::from_table`].
    pub fn sweeps(table: &Table) -> Result<Vec<(String, Self)>> {
        let Some(column) = table.column("sweep_id") else { return Ok(vec![]) };
        let mut known = HashSet::new();
        let names = table.rows().map(|row| row.text(column)).filter(|name| !name.trim().is_empty());
        let names: Vec<_> = names.filter(|name| known.insert(*name)).collect();
        if names.len() < 2 {
            return Ok(vec![]);
        }
        let of = |name: &str| Ok((name.to_owned(), Self::of_rows(table, |row| row.text(column) == name)?));
        names.into_iter().map(of).collect()
    }

    /// Analyses the rows that `chosen` chooses
    fn of_rows(table: &Table, chosen: impl Fn(&TableRow<'_>) -> bool) -> Result<Self> {
        let (trials, has_short) = read_runs(table, chosen)?;
        Ok(Self::new(trials, has_short))
    }

    /// Analyses runs
    ///
    /// * `has_short`: whether short forms replace `hidden_dims`
    fn new(trials: Vec<ObservedRun>, has_short: bool) -> Self {
        let (axes, fixed) = varied_settings(&trials, has_short);
        let fixed = fixed.into_iter().map(|name| (name, trials[0].setting(name).to_owned())).collect();
        let places_on = |axis: &VariedSetting| -> Vec<usize> {
            let place_of: HashMap<&str, usize> = axis.values.iter().map(String::as_str).zip(0..).collect();
            trials.iter().map(|trial| place_of[trial.setting(&axis.name)]).collect()
        };
        let by_axis: Vec<_> = axes.iter().map(places_on).collect();
        let place = |trial: usize| by_axis.iter().map(|places| places[trial]).collect();
        let places: Vec<Vec<usize>> = (0..trials.len()).map(place).collect();
        let counted = counted(&trials, &places);
        let contradictions = trials.iter().zip(&counted).filter(|(run, by)| run.contradicts(&trials[**by]));
        let contradictions = contradictions.count();
        let mut groups: Vec<Group> = vec![];
        let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
        let (mut observations, mut repeats) = (vec![], vec![]);
        for (i, (trial, place)) in trials.into_iter().zip(places).enumerate() {
            if counted[i] != i {
                repeats.push(trial);
                continue;
            }
            let group = *known.entry(place).or_insert_with_key(|place| {
                groups.push(Group { place: place.clone(), trials: vec![] });
                groups.len() - 1
            });
            groups[group].trials.push(observations.len());
            observations.push(trial);
        }
        let (score, other) = scores(&observations);
        let (ranked, is_sampled) = (vec![], looks_sampled(&axes, groups.len()));
        let (trials, rung_ends) = (observations, vec![]);
        let mut found = Self {
            trials,
            repeats,
            contradictions,
            axes,
            fixed,
            groups,
            is_sampled,
            rung_ends,
            score,
            other,
            ranked,
        };
        let ranks: Vec<_> = found.groups.iter().map(|group| found.rank(group)).collect();
        found.ranked = (0..ranks.len()).collect();
        let so_far: Vec<_> = found.groups.iter().map(|group| found.rank_so_far(group)).collect();
        let order = |&a: &usize, &b: &usize| {
            let (a, b) = ((ranks[a], so_far[a]), (ranks[b], so_far[b]));
            b.0.total_cmp(&a.0).then(b.1.0.cmp(&a.1.0)).then(b.1.1.total_cmp(&a.1.1))
        };
        found.ranked.sort_by(order); // stable: the first of equals stays first
        found
    }

    /// Number of runs with this status, repeats included
    pub fn count(&self, status: Status) -> usize {
        self.trials.iter().chain(&self.repeats).filter(|run| run.status == status).count()
    }

    /// Number of runs that were stopped and can go on, repeats included
    pub fn stopped(&self) -> usize {
        self.trials.iter().chain(&self.repeats).filter(|run| run.status.can_go_on()).count()
    }

    /// The epoch whose metrics the runs have: the last, or the best, where the setting `keep` says so
    pub fn epoch(&self) -> &'static str {
        let is_best = |run: &ObservedRun| run.setting("keep") == "best";
        match (self.trials.iter().any(is_best), self.trials.iter().all(is_best)) {
            (true, true) => "best epoch",
            (true, false) => "kept epoch",
            (false, _) => "last epoch",
        }
    }

    /// Mean and standard deviation of a metric over the observations of a group that are `ok`
    pub fn spread(&self, group: &Group, column: MetricColumn) -> Option<Spread> {
        let metrics: Vec<_> = group.trials.iter().filter_map(|&i| self.trials[i].metric(column)).collect();
        Spread::of(&metrics)
    }

    /// The deciding score of a group; `None` if it has none, or if none decides
    pub fn scored(&self, group: &Group) -> Option<Spread> {
        self.spread(group, self.score.column()).filter(|_| self.undecided().is_none())
    }

    /// Why no combination is best although there are scores; `None` if the score decides
    pub fn undecided(&self) -> Option<Undecided> {
        if self.other.is_some() {
            return Some(Undecided::Tasks);
        }
        let is_of_targets = self.score.kind == ScoreKind::Rmse;
        (is_of_targets && self.axes.iter().any(|axis| axis.name == "target")).then_some(Undecided::Targets)
    }

    /// Whether runs are `ok`, and none has a score, since there were neither validation nor test samples
    pub fn has_no_samples(&self) -> bool {
        let is_scored = |run: &ObservedRun| {
            let [_, validation, test] = run.score.unwrap_or_default().columns();
            run.metric(validation).or(run.metric(test)).is_some()
        };
        self.count(Status::Ok) > 0 && !self.trials.iter().any(is_scored)
    }

    /// A number that is greater the better the mean score of a group is; least without a score
    pub fn rank(&self, group: &Group) -> f64 {
        self.score.kind.rank(self.scored(group).map(|spread| spread.mean))
    }

    /// The last rung of a group that was halted, and a number that is greater the better its mean score there is
    fn rank_so_far(&self, group: &Group) -> (Option<u32>, f64) {
        let trials = || group.trials.iter().map(|&i| &self.trials[i]);
        let scores: Vec<f64> =
            trials().filter_map(|trial| trial.metric_so_far(self.score.column())).collect();
        let mean = Spread::of(&scores).map(|spread| spread.mean);
        let rung =
            trials().filter(|trial| trial.status == Status::Halted).filter_map(|trial| trial.rung).max();
        (rung, self.score.kind.rank(mean.filter(|_| rung.is_some())))
    }

    /// Indices of the groups: best mean score first, then groups that were halted, the latest first, and the others last
    pub fn ranking(&self) -> &[usize] {
        &self.ranked
    }

    /// The group with the best mean score
    pub fn winner(&self) -> Option<&Group> {
        let best = self.ranked.first().copied()?;
        Some(&self.groups[best]).filter(|group| self.scored(group).is_some())
    }

    /// The rank of the worst mean within one standard error of the best mean, sd / √n
    ///
    /// `None` if the best combination has one seed only.
    pub fn as_good_as_best(&self) -> Option<f64> {
        let winner = self.winner()?;
        let best = self.scored(winner)?;
        Some(self.rank(winner) - best.sd? / (best.n as f64).sqrt())
    }

    /// The values of a group on all axes except those in `but`, as `learning_rate 0.1, activation relu`
    pub fn name(&self, group: &Group, but: &[usize]) -> String {
        let named =
            |(i, axis): (usize, &VariedSetting)| format!("{} {}", axis.name, axis.values[group.place[i]]);
        let shown = self.axes.iter().enumerate().filter(|(i, _)| !but.contains(i));
        shown.map(named).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn analysis(csv: &str) -> Analysis {
        Analysis::from_table(&Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn seeds_are_grouped_and_what_differs_is_an_axis() {
        let found = analysis(
            "trial,status,learning_rate,epochs,seed,test_accuracy,val_accuracy\n\
             a,ok,0.1,5,1,0.5,\nb,ok,0.1,5,2,0.7,\nc,diverged,1e6,5,1,,\nd,ok,0.01,5,1,0.4,\n",
        );
        assert_eq!(found.axes.len(), 1);
        assert_eq!(found.axes[0].values, ["0.01", "0.1", "1e6"]);
        assert_eq!(found.fixed, [("epochs", "5".to_owned())]);
        let spread = found.scored(&found.groups[0]).unwrap();
        assert_eq!((spread.n, (spread.mean * 10.0).round()), (2, 6.0));
        // Of 0.5 and 0.7: √(2 · 0.1² / 1)
        assert!((spread.sd.unwrap() - 0.02f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.scored(&found.groups[1]), None);
        assert_eq!((found.ranking(), found.score.samples()), (&[0, 2, 1][..], "test"));
        assert_eq!(found.name(found.winner().unwrap(), &[]), "learning_rate 0.1");
    }

    #[test]
    fn a_combination_and_seed_that_ran_twice_is_one_observation() {
        let found = analysis(
            "run_id,status,learning_rate,seed,version,test_accuracy\n\
             a,failed,0.1,1,1.0,\nb,ok,0.1,1,1.0,0.5\nc,ok,0.1,1,1.0,0.5\nd,ok,0.1,1,1.1,0.9\ne,ok,0.1,2,1.0,0.7\n\
             f,ok,0.2,1,1.0,0.1\ng,failed,0.3,1,1.0,\nh,failed,0.3,1,1.0,\n",
        );
        let ids = |runs: &[ObservedRun]| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&found.trials), found.contradictions),
            (["b", "e", "f", "g"].map(str::to_owned).to_vec(), 1)
        );
        assert_eq!(ids(&found.repeats), ["a", "c", "d", "h"]);
        let spread = found.scored(found.winner().unwrap()).unwrap();
        assert_eq!((spread.n, spread.mean), (2, 0.6));
        assert_eq!((found.count(Status::Ok), found.count(Status::Failed)), (5, 3));
        // Without seeds, no two runs are known to be the same.
        assert!(analysis("run_id,status,test_accuracy\na,ok,0.5\nb,ok,0.6\n").repeats.is_empty());
    }

    #[test]
    fn groups_that_were_halted_follow_those_that_ended_the_latest_and_best_first() {
        let found = analysis(
            "trial,status,momentum,seed,epochs,epochs_done,test_accuracy,val_accuracy,rung\n\
             a,halted,0,1,9,1,0.9,0.9,1\nb,halted,0.1,1,9,3,0.5,0.5,2\nc,ok,0.2,1,9,9,0.4,0.4,3\nd,diverged,0.3,1,9,0,,,1\n\
             e,halted,0.4,1,9,3,0.6,0.6,2\n",
        );
        assert_eq!(found.ranking(), [2, 4, 1, 0, 3]);
        assert_eq!(found.scored(&found.groups[0]), None, "a score after fewer epochs is not compared");
    }

    #[test]
    fn a_status_that_is_none_is_an_error_with_its_place() {
        let table = Table::parse(Path::new("runs.csv"), b"run_id,status,test_accuracy\na,okk,0.5\n").unwrap();
        let error = Analysis::from_table(&table).unwrap_err().to_string();
        let expected = "runs.csv: line 2, column status: expected ok, halted, diverged, failed, interrupted or time_limit, found `okk`";
        assert_eq!(error, expected);
    }

    #[test]
    fn validation_decides_only_if_every_finished_trial_has_it() {
        let csv = |a: &str, b: &str| {
            format!(
                "trial,status,momentum,test_accuracy,val_accuracy\na,ok,0.9,0.8,{a}\nb,ok,0,0.9,{b}\nc,failed,0.5,,\n"
            )
        };
        let both = analysis(&csv("0.7", "0.6"));
        assert_eq!((both.score.column(), both.ranking()[0]), (MetricColumn::ValAccuracy, 0));
        let one = analysis(&csv("0.7", ""));
        assert_eq!((one.score.column(), one.ranking()[0]), (MetricColumn::TestAccuracy, 1));
    }

    #[test]
    fn sweeps_in_one_file_are_analysed_by_themselves() {
        let csv = "run_id,status,momentum,learning_rate,test_accuracy,sweep_id\na,ok,0,1,0.5,m\nb,ok,0.5,1,0.5,m\n\
                   c,ok,0,2,0.5,r\nd,ok,0,3,0.5,r\ne,ok,0.9,4,0.5,\n";
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        let found = Analysis::sweeps(&table).unwrap();
        let named = |(name, found): &(String, Analysis)| (name.clone(), found.name(&found.groups[0], &[]));
        let expected =
            [("m", "momentum 0"), ("r", "learning_rate 2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(found.iter().map(named).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn combinations_within_a_standard_error_of_the_best_are_as_good() {
        let csv = "trial,status,momentum,seed,test_accuracy\na,ok,0,1,0.5\nb,ok,0,2,0.7\nc,ok,0.5,1,0.51\n";
        // sd 0.1414, divided by √2: 0.1
        assert!((analysis(csv).as_good_as_best().unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn runs_of_regression_are_ranked_by_rmse_from_the_lowest() {
        let head = "trial,status,momentum,seed,test_accuracy,test_rmse,val_rmse\n";
        let csv = format!("{head}a,ok,0,1,,3,\nb,ok,0.5,1,,1,\nc,ok,0.5,2,,2,\nd,diverged,0.9,1,,,\n");
        let found = analysis(&csv);
        assert_eq!((found.score.column(), found.other), (MetricColumn::TestRmse, None));
        assert_eq!(found.ranking(), [1, 0, 2]);
        // Mean 1.5, sd √½, divided by √2: 0.5
        assert!((found.as_good_as_best().unwrap() + 2.0).abs() < 1e-12);
        let validated = analysis(&format!("{head}a,ok,0,1,,3,1\nb,ok,0.5,1,,1,2\n"));
        assert_eq!((validated.score.column(), validated.ranking()[0]), (MetricColumn::ValRmse, 0));
    }

    #[test]
    fn no_score_decides_between_classification_and_regression() {
        let head = "trial,status,momentum,seed,test_accuracy,test_rmse,task\n";
        let found = analysis(&format!("{head}a,ok,0,1,0.5,,\nb,ok,0.5,1,,2,\n"));
        assert_eq!(found.score.column(), MetricColumn::TestAccuracy);
        assert_eq!(found.other.map(Score::column), Some(MetricColumn::TestRmse));
        assert_eq!((found.winner(), found.as_good_as_best()), (None, None));
        assert!(found.groups.iter().all(|group| found.scored(group).is_none()));
        // A run that failed has no part in it.
        let found = analysis(&format!("{head}a,failed,0,1,0.5,,\nb,ok,0.5,1,,2,\n"));
        assert_eq!((found.score.kind, found.other, found.ranking()[0]), (ScoreKind::Rmse, None, 1));
        // Without metrics, the task says what they would be.
        let found = analysis(&format!("{head}a,diverged,0,1,,,regress\n"));
        assert_eq!(found.score.column(), MetricColumn::TestRmse);
    }

    #[test]
    fn no_rmse_decides_between_targets() {
        let csv = "trial,status,target,seed,test_accuracy,test_rmse\na,ok,y1,1,,3\nb,ok,y2,1,,200\n";
        let found = analysis(csv);
        assert_eq!((found.undecided(), found.winner()), (Some(Undecided::Targets), None));
        let classes = "trial,status,target,seed,test_accuracy\na,ok,y1,1,0.5\nb,ok,y2,1,0.6\n";
        assert_eq!((analysis(classes).undecided(), analysis(classes).ranking()[0]), (None, 1));
        let same = csv.replace("y2", "y1").replace("y1,1,,200", "y1,2,,200");
        assert_eq!(analysis(&same).undecided(), None);
    }

    #[test]
    fn a_row_with_an_accuracy_and_an_rmse_is_an_error() {
        let csv = b"trial,status,test_accuracy,val_rmse\na,ok,0.5,\nb,ok,0.5,2\n";
        let table = Table::parse(Path::new("runs.csv"), csv).unwrap();
        let error = Analysis::from_table(&table).unwrap_err().to_string();
        let expected =
            "runs.csv: line 3, column val_rmse: expected an empty cell beside test_accuracy, found `2`";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_trial_that_is_there_twice_is_an_error() {
        let csv = b"trial,status,test_accuracy\na,ok,0.5\na,ok,0.5\n";
        let table = Table::parse(Path::new("runs.csv"), csv).unwrap();
        let error = Analysis::from_table(&table).unwrap_err().to_string();
        assert_eq!(error, "runs.csv: line 3, column trial: expected each trial once, found `a`");
    }
}
