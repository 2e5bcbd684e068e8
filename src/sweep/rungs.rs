//! Where a halving stands: which trials its rung still has to train, from the files of the trials alone
//!
//! A decision is taken only when all trials of a rung have ended it, in whichever process or shard, and compares what their
//! epochs.csv say. So it is the same for any number of jobs and shards, and after any kill.

use std::path::Path;

use super::halving::Halving;
use super::plan::{Plan, Trial};
use super::shard::Shard;
use crate::error::{Error, Result};
use crate::report::score::ScoreKind;
use crate::tables::Status;
use crate::tables::reader::Table;

/// What comes next in a halving
#[derive(Debug)]
pub enum Next<'p> {
    /// Trials of this rung, counted from 0, that have not ended it
    Train(usize, Vec<&'p Trial>),
    /// All trials of this shard have ended this rung, and others have not
    Wait(usize),
    /// All rungs have ended
    Done,
}

/// What comes next in the halving of `plan`
///
/// * `shard`: whose trials are trained; `None`: all
///
/// # Errors
/// If some trials have accuracies and others RMSEs, which can't be compared.
pub fn next<'p>(plan: &'p Plan, halving: &Halving, sweep: &Path, shard: Option<Shard>) -> Result<Next<'p>> {
    let places: Vec<Place> = plan.trials.iter().map(|trial| Place::of(trial, sweep)).collect();
    let mut among: Vec<usize> = (0..halving.combinations.len()).collect();
    for (number, rung) in halving.rungs.iter().enumerate() {
        let trials = || among.iter().flat_map(|&i| &halving.combinations[i]).map(|&i| &plan.trials[i]);
        let mut due: Vec<&Trial> =
            trials().filter(|trial| !places[trial.number].has_ended(rung.epochs)).collect();
        due.sort_by_key(|trial| trial.number);
        let mine: Vec<&Trial> =
            due.iter().copied().filter(|trial| shard.is_none_or(|shard| shard.holds(trial.number))).collect();
        match (mine.is_empty(), due.is_empty()) {
            (false, _) => return Ok(Next::Train(number, mine)),
            (true, false) => return Ok(Next::Wait(number)),
            (true, true) => {}
        }
        if let Some(after) = halving.rungs.get(number + 1) {
            let ranked = ranked(halving, &among, &places, rung.epochs)?;
            // What has begun a later rung belongs to it. Only a trial that is run again can change who is best.
            let has_begun = |i: &usize| {
                halving.combinations[*i].iter().any(|&trial| places[trial].is_beyond(rung.epochs))
            };
            let mut on: Vec<usize> = ranked.into_iter().take(after.combinations).collect();
            on.extend(among.iter().copied().filter(has_begun));
            on.sort_unstable();
            on.dedup();
            among = on;
        }
    }
    Ok(Next::Done)
}

/// The combinations of which all trials have a score after this epoch, best mean first; of equal ones, the first trial
fn ranked(halving: &Halving, among: &[usize], places: &[Place], epoch: u32) -> Result<Vec<usize>> {
    let mut ranks: Vec<(usize, f64)> = vec![];
    let mut kinds = vec![];
    for &i in among {
        let trials = &halving.combinations[i];
        let scores: Option<Vec<_>> = trials.iter().map(|&trial| places[trial].score(epoch)).collect();
        let Some(scores) = scores else { continue };
        kinds.extend(scores.iter().map(|(kind, _)| *kind));
        let mean = scores.iter().map(|(_, score)| score).sum::<f64>() / scores.len() as f64;
        ranks.push((i, scores[0].0.rank(Some(mean))));
    }
    if kinds.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Error::Usage(
            "some trials are of classification and others of regression, which a halving can't compare; give --task, or leave out \
             --halving"
                .to_owned(),
        ));
    }
    ranks.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(ranks.into_iter().map(|(i, _)| i).collect())
}

/// How far a trial has come, as its files say
#[derive(Debug, Default)]
struct Place {
    /// How it ended in its last process, and its whole epochs; `None`: it has not ended
    ended: Option<(Status, u32)>,
    /// The last epoch that has a row, which may be in progress
    last: u32,
    /// The validation scores of the whole epochs
    scores: Vec<(u32, ScoreKind, f64)>,
}

impl Place {
    /// Reads it; files that are missing or can't be read say nothing, and the trial has not come far
    fn of(trial: &Trial, sweep: &Path) -> Self {
        Self::read(&sweep.join(&trial.id)).unwrap_or_default()
    }

    fn read(folder: &Path) -> Result<Self> {
        let epochs = Table::read(&folder.join("epochs.csv"))?;
        let mut place = Self::default();
        let columns = [(ScoreKind::Accuracy, "val_accuracy"), (ScoreKind::Rmse, "val_rmse")];
        let (epoch, status) = (epochs.need("epoch")?, epochs.need("status")?);
        for row in epochs.rows() {
            place.last = row.whole(epoch)?;
            let score =
                columns.iter().find_map(|(kind, name)| Some((kind, row.as_number(epochs.column(name)?)?)));
            if let (Some((kind, score)), Status::Ok) = (score, row.status(status)?) {
                place.scores.push((place.last, *kind, score));
            }
        }
        let summary = folder.join("summary.csv");
        if summary.exists() {
            let summary = Table::read(&summary)?;
            let (status, done) = (summary.need("status")?, summary.need("epochs_done")?);
            let row = summary.rows().next();
            place.ended = row.map(|row| Ok((row.status(status)?, row.whole(done)?))).transpose()?;
        }
        Ok(place)
    }

    /// Whether it has trained in an epoch after this one
    fn is_beyond(&self, epoch: u32) -> bool {
        self.last > epoch
    }

    /// Whether it has ended the rung that ends after this epoch, or will never
    fn has_ended(&self, epoch: u32) -> bool {
        match self.ended {
            Some((Status::Ok | Status::Halted, done)) => done >= epoch,
            Some((Status::Diverged | Status::Failed, _)) => true,
            Some((Status::Interrupted | Status::TimeLimit, _)) | None => self.is_beyond(epoch),
        }
    }

    /// Its score after this epoch
    fn score(&self, epoch: u32) -> Option<(ScoreKind, f64)> {
        self.scores.iter().find(|(of, ..)| *of == epoch).map(|(_, kind, score)| (*kind, *score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::sweep::{Axis, Draft};

    /// A plan of `count` combinations with two seeds each, 4 epochs, and one in two that goes on
    fn plan(count: usize) -> Plan {
        let axis = Axis::parse(&format!("batch_size=1..{count}")).unwrap();
        let base = Settings::default().with("data", "synthetic").with("val_split", 0.1).with("epochs", 4);
        let draft = Draft { base, grid: vec![axis], seeds: Some(2), halving: Some(2), ..Draft::default() };
        draft.resolve().unwrap()
    }

    /// Writes the files of a trial that has these validation accuracies
    fn write(sweep: &Path, trial: usize, status: &str, scores: &[f64]) {
        let folder = sweep.join(format!("t{trial:04}"));
        std::fs::create_dir_all(&folder).unwrap();
        let row = |(epoch, score): (u32, &f64)| format!("{epoch},{score},ok\n");
        let rows: String = (1..).zip(scores).map(row).collect();
        std::fs::write(folder.join("epochs.csv"), format!("epoch,val_accuracy,status\n{rows}")).unwrap();
        let summary = folder.join("summary.csv");
        if status.is_empty() {
            let _ = std::fs::remove_file(summary);
        } else {
            std::fs::write(summary, format!("status,epochs_done\n{status},{}\n", scores.len())).unwrap();
        }
    }

    fn shown(next: Result<Next<'_>>) -> String {
        match next.unwrap() {
            Next::Train(rung, trials) => {
                let numbers: Vec<String> = trials.iter().map(|trial| trial.number.to_string()).collect();
                format!("rung {rung}: {}", numbers.join(" "))
            }
            Next::Wait(rung) => format!("wait at {rung}"),
            Next::Done => "done".to_owned(),
        }
    }

    #[test]
    fn the_best_half_by_the_mean_of_its_seeds_goes_on_and_the_first_of_equal_ones() {
        let (folder, plan) = (tempfile::tempdir().unwrap(), plan(4));
        let (sweep, halving) = (folder.path(), plan.halving.as_ref().unwrap());
        let state = |shard: Option<&str>| {
            shown(next(&plan, halving, sweep, shard.map(|shard| shard.parse().unwrap())))
        };
        assert_eq!(state(None), "rung 0: 0 1 2 3 4 5 6 7");
        assert_eq!(state(Some("1/4")), "rung 0: 1 5");
        // The means of the combinations are 0.5, 0.6, 0.6 and 0.6; one seed of the last diverged.
        for (trial, score) in [0.9, 0.1, 0.5, 0.7, 0.6, 0.6, 0.6].into_iter().enumerate() {
            write(sweep, trial, "halted", &[score]);
        }
        assert_eq!((state(None), state(Some("0/2"))), ("rung 0: 7".to_owned(), "wait at 0".to_owned()));
        write(sweep, 7, "diverged", &[]);
        assert_eq!(state(None), "rung 1: 2 3 4 5");
        // A killed trial that is in epoch 2 has begun the second rung; its scores of the first still count.
        write(sweep, 2, "halted", &[0.5, 0.5]);
        write(sweep, 3, "", &[0.7, 0.9]);
        write(sweep, 4, "", &[0.6]);
        assert_eq!(state(None), "rung 0: 4", "its summary of the first rung is missing");
        write(sweep, 4, "halted", &[0.6, 0.8]);
        write(sweep, 5, "failed", &[0.6]);
        assert_eq!(state(None), "rung 1: 3");
        write(sweep, 3, "halted", &[0.7, 0.9]);
        assert_eq!(state(None), "rung 2: 2 3");
        write(sweep, 2, "ok", &[0.5, 0.5, 0.4, 0.4]);
        write(sweep, 3, "ok", &[0.7, 0.9, 0.4, 0.4]);
        assert_eq!(state(None), "done");
    }

    #[test]
    fn a_halving_in_which_no_trial_is_left_is_done_and_accuracies_are_not_compared_with_rmses() {
        let (folder, plan) = (tempfile::tempdir().unwrap(), plan(2));
        let (sweep, halving) = (folder.path(), plan.halving.as_ref().unwrap());
        (0..4).for_each(|trial| write(sweep, trial, "diverged", &[]));
        assert_eq!(shown(next(&plan, halving, sweep, None)), "done");
        (0..4).for_each(|trial| write(sweep, trial, "halted", &[0.5, 0.5]));
        let epochs = sweep.join("t0000/epochs.csv");
        std::fs::write(epochs, "epoch,val_accuracy,val_rmse,status\n1,,3,ok\n2,,3,ok\n").unwrap();
        assert!(next(&plan, halving, sweep, None).unwrap_err().to_string().contains("give --task"));
    }
}
