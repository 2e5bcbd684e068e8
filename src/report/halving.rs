//! What a halving did: its rungs, and the epochs that it trained, from the rows of its trials

use crate::error::separated;
use crate::report::analysis::{Analysis, ObservedRun};
use crate::report::markdown_text::{plural, row};
use crate::tables::Status;

/// A rung of a halving
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its number, counted from 1
    pub number: u32,
    /// The epoch after which it ended; `None` if no trial has ended it, or if no trial stayed at its end and the plan is not
    /// known
    pub epochs: Option<u32>,
    /// Number of trials that trained in it
    pub trials: usize,
    /// Number of those that diverged or failed in it
    pub failed: usize,
}

/// The rungs of a halving, and the epochs of all its trials
#[derive(Clone, Debug, PartialEq)]
pub struct Halving {
    /// The rungs, in order
    pub rungs: Vec<Rung>,
    /// Number of epochs that were trained
    pub trained: u64,
    /// Number of epochs that all trials would have trained without it
    pub all: u64,
}

impl Halving {
    /// The halving of these trials; `None` if they have no rungs
    pub fn of(analysis: &Analysis) -> Option<Self> {
        let trials = &analysis.trials;
        let last = trials.iter().filter_map(|trial| trial.rung).max()?;
        let planned = planned_ends(analysis);
        let rung = |number| {
            let in_it = || trials.iter().filter(move |trial| trial.rung == Some(number));
            let said =
                in_it().filter(|trial| has_ended_its_rung(trial)).filter_map(|trial| trial.epochs_done);
            // Trials of a later rung have ended it, but their rows say so of the later rung alone.
            let planned = || end(planned, number).filter(|_| number < last);
            Rung {
                number,
                epochs: said.max().or_else(planned),
                trials: trials.iter().filter(|trial| trial.rung >= Some(number)).count(),
                failed: in_it().filter(|t| matches!(t.status, Status::Failed | Status::Diverged)).count(),
            }
        };
        Some(Self {
            rungs: (1..=last).map(rung).collect(),
            trained: trials.iter().filter_map(|trial| trial.epochs_done).map(u64::from).sum(),
            all: trials.iter().filter_map(ObservedRun::epochs).map(u64::from).sum(),
        })
    }

    /// The rungs in a line: `81 trials to epoch 1, 27 to 3, 9 to 10; 363 of 2,430 epochs (15 %)`
    pub fn text(&self) -> String {
        let of = |(i, rung): (usize, &Rung)| {
            let trials = if i == 0 { plural(rung.trials, "trial") } else { separated(rung.trials) };
            match rung.epochs {
                Some(epochs) if i == 0 => format!("{trials} to epoch {}", separated(epochs)),
                Some(epochs) => format!("{trials} to {}", separated(epochs)),
                None if i + 1 < self.rungs.len() => format!("{trials} in rung {}", rung.number),
                None => format!("{trials} in rung {}, which none ended", rung.number),
            }
        };
        let rungs: Vec<String> = self.rungs.iter().enumerate().map(of).collect();
        format!("{}; {}", rungs.join(", "), self.epochs())
    }

    /// The epochs that were trained: `363 of 2,430 epochs (15 %)`
    pub fn epochs(&self) -> String {
        let share = 100.0 * self.trained as f64 / self.all.max(1) as f64;
        format!("{} of {} epochs ({share:.0} %)", separated(self.trained), separated(self.all))
    }

    /// Its section of a report
    pub(super) fn section(&self) -> String {
        let said = match &self.rungs[..] {
            [Rung { epochs: None, .. }] => "No trial has ended the first rung, so none went on.",
            _ => {
                "After each rung, the best by the validation score of its last epoch went on, and the others were halted. \
                 Only trials that reached the last epoch are compared below."
            }
        };
        let mut text = format!(
            "## Rungs\n\n{said} Trained: {}.\n\n\
             | rung | ends after epoch | trials | diverged or failed |\n|---:|---:|---:|---:|\n",
            self.epochs()
        );
        let last = self.rungs.last().map_or(0, |rung| rung.number);
        for Rung { number, epochs, trials, failed } in &self.rungs {
            let unknown =
                if *number < last { "not known: all that ended it went on" } else { "none ended it" };
            let epochs = epochs.map_or_else(|| unknown.to_owned(), separated);
            text += &row(&[number.to_string(), epochs, separated(*trials), separated(*failed)]);
        }
        text
    }
}

/// Whether a trial reached the end of its rung
fn has_ended_its_rung(trial: &ObservedRun) -> bool {
    matches!(trial.status, Status::Ok | Status::Halted)
}

/// The end of a rung, counted from 1
fn end(ends: &[u32], rung: u32) -> Option<u32> {
    ends.get(rung.checked_sub(1)? as usize).copied()
}

/// The ends that the plan says; empty if a trial ended its rung after another epoch, so that the plan is of other trials
fn planned_ends(analysis: &Analysis) -> &[u32] {
    let ends = &analysis.rung_ends;
    let contradicts = |trial: &ObservedRun| match (trial.rung, trial.epochs_done) {
        (Some(rung), Some(epochs)) => has_ended_its_rung(trial) && end(ends, rung) != Some(epochs),
        _ => false,
    };
    if analysis.trials.iter().any(contradicts) { &[] } else { ends }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tables::reader::Table;

    #[test]
    fn rungs_are_counted_with_those_that_left_them_and_epochs_summed() {
        let csv = "trial,status,epochs,epochs_done,seed,momentum,test_accuracy,val_accuracy,rung\n\
                   a,halted,9,1,1,0,0.1,0.1,1\nb,halted,9,3,1,0.1,0.2,0.2,2\nc,ok,9,9,1,0.2,0.3,0.3,3\nd,diverged,9,0,1,0.3,,,1\n\
                   e,failed,9,4,1,0.4,,,3\n";
        let of = |csv: &str| {
            let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
            Halving::of(&Analysis::from_table(&table).unwrap())
        };
        let found = of(csv).unwrap();
        let rung = |number, epochs, trials, failed| Rung { number, epochs: Some(epochs), trials, failed };
        assert_eq!(found.rungs, [rung(1, 1, 5, 1), rung(2, 3, 3, 0), rung(3, 9, 2, 1)]);
        assert_eq!(found.text(), "5 trials to epoch 1, 3 to 3, 2 to 9; 17 of 45 epochs (38 %)");
        assert!(found.section().ends_with("| 3 | 9 | 2 | 1 |\n"), "{}", found.section());
        assert_eq!(of(&csv.replace("rung", "other")), None);
        let long = of(&csv.replace("ok,9,9", "diverged,9,9").replace(",9,", ",1000000,")).unwrap();
        assert_eq!(long.epochs(), "17 of 5,000,000 epochs (0 %)");
        let found = of(&csv.replace("ok,9,9", "diverged,9,5")).unwrap();
        assert_eq!(
            found.text(),
            "5 trials to epoch 1, 3 to 3, 2 in rung 3, which none ended; 13 of 45 epochs (29 %)"
        );
        assert!(found.section().ends_with("| 3 | none ended it | 2 | 2 |\n"), "{}", found.section());
    }

    #[test]
    fn a_rung_that_trials_left_only_by_diverging_or_going_on_is_not_said_to_have_no_end() {
        let csv = "trial,status,epochs,epochs_done,seed,momentum,test_accuracy,rung\na,diverged,4,0,1,0,,1\n\
                   b,halted,4,2,1,0.1,0.5,2\nc,ok,4,4,1,0.2,0.5,3\n";
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        let found = Halving::of(&Analysis::from_table(&table).unwrap()).unwrap();
        assert_eq!(found.text(), "3 trials in rung 1, 2 to 2, 1 to 4; 6 of 12 epochs (50 %)");
        let section = found.section();
        assert!(section.contains("the others were halted") && !section.contains("none"), "{section}");
        assert!(section.contains("| 1 | not known: all that ended it went on | 3 | 1 |\n"), "{section}");
    }

    #[test]
    fn the_plan_says_the_end_of_a_rung_at_which_no_trial_stayed() {
        let csv = "trial,status,epochs,epochs_done,seed,momentum,test_accuracy,rung\na,diverged,4,0,1,0,,1\n\
                   b,halted,4,2,1,0.1,0.5,2\nc,diverged,4,3,1,0.2,,3\n";
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        let planned = |ends: &[u32]| {
            let mut analysis = Analysis::from_table(&table).unwrap();
            analysis.rung_ends = ends.to_vec();
            Halving::of(&analysis).unwrap()
        };
        let found = planned(&[1, 2, 4]);
        let text = "3 trials to epoch 1, 2 to 2, 1 in rung 3, which none ended; 5 of 12 epochs (42 %)";
        assert_eq!(found.text(), text);
        let section = found.section();
        assert!(section.contains("| 1 | 1 | 3 | 1 |\n| 2 | 2 | 2 | 0 |\n"), "{section}");
        // Trial b contradicts these plans.
        for ends in [&[1, 3, 4][..], &[4], &[]] {
            assert_eq!(planned(ends).rungs[0].epochs, None, "{ends:?}");
        }
    }

    #[test]
    fn a_first_rung_that_no_trial_ended_is_said_to_have_no_end() {
        let csv = "trial,status,epochs,epochs_done,seed,momentum,test_accuracy,rung\na,diverged,9,0,1,0,,1\n\
                   b,failed,9,0,1,0.1,,1\n";
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        let found = Halving::of(&Analysis::from_table(&table).unwrap()).unwrap();
        assert_eq!(found.text(), "2 trials in rung 1, which none ended; 0 of 18 epochs (0 %)");
        let section = found.section();
        assert!(
            section.starts_with("## Rungs\n\nNo trial has ended the first rung, so none went on. Trained: 0"),
            "{section}"
        );
        assert!(section.ends_with("| 1 | none ended it | 2 | 2 |\n"), "{section}");
    }
}
