//! What a sweep's runs.csv says: what was varied, which trials differ in their seed alone, which setting is best

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::error::Result;
use crate::tables::reader::{Row, Table};

/// Settings that may be varied, in the order in which pictures and tables show them; never the seed
const PARAMETERS: [&str; 15] = [
    "hidden_dims",
    "hidden_dim",
    "num_layers",
    "activation",
    "learning_rate",
    "momentum",
    "weight_decay",
    "batch_size",
    "epochs",
    "no_shuffle",
    "val_split",
    "dtype",
    "engine",
    "threads",
    "data",
];

/// A column of figures
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Share of the training images, running mean over the last epoch
    TrainAccuracy,
    /// Share of the held-out images after the last epoch
    ValAccuracy,
    /// Nats
    ValLoss,
    /// Share of the test images after the last epoch
    TestAccuracy,
    /// Nats
    TestLoss,
    /// Training alone, s
    TrainS,
    /// Numbers that are trained
    Parameters,
}

impl Figure {
    const ALL: [(Self, &'static str, f64, &'static str); 7] = [
        (Self::TrainAccuracy, "train_accuracy", 1.0, "a share from 0 to 1"),
        (Self::ValAccuracy, "val_accuracy", 1.0, "a share from 0 to 1"),
        (Self::ValLoss, "val_loss", f64::MAX, "a loss, 0 or above"),
        (Self::TestAccuracy, "test_accuracy", 1.0, "a share from 0 to 1"),
        (Self::TestLoss, "test_loss", f64::MAX, "a loss, 0 or above"),
        (Self::TrainS, "train_s", f64::MAX, "a time, 0 or above"),
        (Self::Parameters, "parameters", f64::MAX, "a count, 0 or above"),
    ];
}

/// A setting that was varied, and its values: numbers ascend, names are in the order of the file
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The column's
    pub name: String,
    /// As they are printed
    pub values: Vec<String>,
    /// The same as numbers, if all are
    pub numbers: Option<Vec<f64>>,
}

/// One row of runs.csv
#[derive(Clone, Debug)]
pub struct Trial {
    /// In the column trial
    pub id: String,
    /// `ok`, `diverged`, `failed` or `interrupted`
    pub status: String,
    /// Empty if the file has none
    pub seed: String,
    /// Name and value of each setting that has a column, the seed left out
    pub settings: Vec<(&'static str, String)>,
    figures: [Option<f64>; Figure::ALL.len()],
}

impl Trial {
    /// The figure of a trial that is `ok`: others stopped too early to be compared
    pub fn figure(&self, figure: Figure) -> Option<f64> {
        self.figures[figure as usize].filter(|_| self.status == "ok")
    }

    /// The value of a setting; empty if it has none
    pub fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }
}

/// Trials that differ in their seed alone
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Which of its values each axis has here
    pub place: Vec<usize>,
    /// Places in [`Findings::trials`]
    pub trials: Vec<usize>,
}

/// Mean, and sample standard deviation where there are two numbers or more
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many numbers
    pub n: usize,
    /// Their mean
    pub mean: f64,
    /// √(Σ (xᵢ − mean)² / (n − 1))
    pub sd: Option<f64>,
}

impl Spread {
    /// Of these numbers; nothing if there are none
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let n = numbers.len();
        let mean = numbers.iter().sum::<f64>() / n as f64;
        let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        (n > 0).then_some(Self { n, mean, sd })
    }
}

/// A sweep as its runs.csv tells it
#[derive(Clone, Debug)]
pub struct Findings {
    /// One a row, in the file's order
    pub trials: Vec<Trial>,
    /// What was varied
    pub axes: Vec<Parameter>,
    /// Settings that have one value in all trials
    pub fixed: Vec<(&'static str, String)>,
    /// In the order of their first trials
    pub groups: Vec<Group>,
    /// The accuracy by which settings are compared: on validation data if every trial that is ok has it, else on test data
    pub deciding: Figure,
}

impl Findings {
    /// Reads a sweep's `runs_csv`; a trial goes by the column trial, or run_id where there is none
    ///
    /// # Errors
    /// If the file can't be read, lacks run_id, status or test_accuracy, names a trial twice, or holds a
    /// figure that can't be one.
    pub fn read(runs_csv: &Path) -> Result<Self> {
        Self::from_table(&Table::read(runs_csv)?)
    }

    /// As [`Findings::read`], of a table that is there
    ///
    /// # Errors
    /// As [`Findings::read`].
    pub fn from_table(table: &Table) -> Result<Self> {
        let id = table.column("trial").map_or_else(|| table.need("run_id"), Ok)?;
        let (status, seed) = (table.need("status")?, table.column("seed"));
        table.need("test_accuracy")?;
        let mut columns: Vec<_> =
            PARAMETERS.iter().filter_map(|&name| Some((name, table.column(name)?))).collect();
        // A width or a depth stands for the list of widths, but only if every trial has one.
        let whole = |name: &str| {
            table
                .column(name)
                .is_some_and(|i| table.rows().len() > 0 && table.rows().all(|row| !row.text(i).is_empty()))
        };
        let short = ["hidden_dim", "num_layers"].into_iter().find(|name| whole(name));
        columns.retain(|(name, _)| !["hidden_dim", "num_layers"].contains(name) || Some(*name) == short);
        let mut trials: Vec<Trial> = vec![];
        let mut ids = HashSet::new();
        for row in table.rows() {
            if !ids.insert(row.text(id)) {
                return Err(row.problem(id, "each trial once"));
            }
            let mut figures = [None; Figure::ALL.len()];
            for (figure, name, max, expected) in Figure::ALL {
                if let Some(column) = table.column(name) {
                    figures[figure as usize] = row.within(column, 0.0..=max, expected)?;
                }
            }
            trials.push(Trial {
                id: row.text(id).to_owned(),
                status: row.text(status).trim().to_owned(),
                seed: seed.map_or("", |i| row.text(i)).trim().to_owned(),
                settings: columns.iter().map(|&(name, column)| (name, value(&row, name, column))).collect(),
                figures,
            });
        }
        Ok(Self::new(trials, short))
    }

    /// * `short`: the column that stands for hidden_dims
    fn new(trials: Vec<Trial>, short: Option<&str>) -> Self {
        let names: Vec<&'static str> =
            trials.first().map_or(vec![], |trial| trial.settings.iter().map(|(name, _)| *name).collect());
        let differs = |name: &&str| trials.iter().any(|trial| trial.setting(name) != trials[0].setting(name));
        let (mut varied, fixed): (Vec<&str>, Vec<&str>) = names.into_iter().partition(differs);
        if short.is_some() {
            varied.retain(|name| *name != "hidden_dims");
        }
        // Threads and the data's place may follow from the machine or the net's size: then they were not varied.
        for name in ["threads", "data"] {
            let others: Vec<_> = varied.iter().filter(|other| **other != name).copied().collect();
            if varied.contains(&name) && !crossed(&trials, name, &others) {
                varied = others;
            }
        }
        let axes: Vec<_> = varied.iter().map(|name| parameter(name, &trials)).collect();
        let mut groups: Vec<Group> = vec![];
        let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
        for (i, trial) in trials.iter().enumerate() {
            let place_on = |axis: &Parameter| {
                axis.values.iter().position(|value| value == trial.setting(&axis.name)).unwrap_or(0)
            };
            let place: Vec<_> = axes.iter().map(place_on).collect();
            let group = *known.entry(place).or_insert_with_key(|place| {
                groups.push(Group { place: place.clone(), trials: vec![] });
                groups.len() - 1
            });
            groups[group].trials.push(i);
        }
        let fixed = fixed.into_iter().map(|name| (name, trials[0].setting(name).to_owned())).collect();
        let mut ok = trials.iter().filter(|trial| trial.status == "ok").peekable();
        let validated = ok.peek().is_some() && ok.all(|trial| trial.figure(Figure::ValAccuracy).is_some());
        let deciding = if validated { Figure::ValAccuracy } else { Figure::TestAccuracy };
        Self { trials, axes, fixed, groups, deciding }
    }

    /// Mean and standard deviation of a figure over the trials of a group that are `ok`
    pub fn spread(&self, group: &Group, figure: Figure) -> Option<Spread> {
        let figures: Vec<_> = group.trials.iter().filter_map(|&i| self.trials[i].figure(figure)).collect();
        Spread::of(&figures)
    }

    /// The deciding accuracy of a group
    pub fn accuracy(&self, group: &Group) -> Option<Spread> {
        self.spread(group, self.deciding)
    }

    /// Places of the groups, best mean accuracy first, those without one last
    pub fn ranking(&self) -> Vec<usize> {
        let mean = |&i: &usize| self.accuracy(&self.groups[i]).map_or(-1.0, |spread| spread.mean);
        let mut places: Vec<_> = (0..self.groups.len()).collect();
        places.sort_by(|a, b| mean(b).total_cmp(&mean(a))); // stable: the first of equals stays first
        places
    }

    /// The group with the best mean accuracy
    pub fn winner(&self) -> Option<&Group> {
        let best = self.ranking().first().copied()?;
        Some(&self.groups[best]).filter(|group| self.accuracy(group).is_some())
    }

    /// `validation` or `test`: the data by which settings are compared
    pub fn decided_on(&self) -> &'static str {
        if self.deciding == Figure::ValAccuracy { "validation" } else { "test" }
    }

    /// A group's values on all axes but those in `but`, as `learning_rate 0.1, activation relu`
    pub fn name(&self, group: &Group, but: &[usize]) -> String {
        let named = |(i, axis): (usize, &Parameter)| format!("{} {}", axis.name, axis.values[group.place[i]]);
        let shown = self.axes.iter().enumerate().filter(|(i, _)| !but.contains(i));
        shown.map(named).collect::<Vec<_>>().join(", ")
    }
}

/// A setting's value as it is printed and compared, whatever the file's dialect
fn value(row: &Row<'_>, name: &str, column: usize) -> String {
    let text = row.text(column).trim();
    match row.as_number(column) {
        Some(x) if name != "data" => short_number(x),
        None if text.is_empty() && name == "val_split" => "0".to_owned(),
        _ => text.to_owned(),
    }
}

/// The shortest text that reads back to the same number
pub fn short_number(x: f64) -> String {
    let plain = x.to_string();
    let short = format!("{x:e}");
    let unwieldy = x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e6);
    if unwieldy && short.len() < plain.len() { short } else { plain }
}

/// Whether `name` takes several values where all `others` are the same
fn crossed(trials: &[Trial], name: &str, others: &[&str]) -> bool {
    let mut seen: HashMap<Vec<&str>, &str> = HashMap::new();
    trials.iter().any(|trial| {
        let rest = others.iter().map(|other| trial.setting(other)).collect();
        *seen.entry(rest).or_insert(trial.setting(name)) != trial.setting(name)
    })
}

fn parameter(name: &str, trials: &[Trial]) -> Parameter {
    let mut values: Vec<String> = vec![];
    for trial in trials {
        if !values.iter().any(|value| value == trial.setting(name)) {
            values.push(trial.setting(name).to_owned());
        }
    }
    let number = |value: &String| value.parse::<f64>().ok().filter(|x| x.is_finite());
    let mut numbers: Option<Vec<f64>> = values.iter().map(number).collect();
    if let Some(numbers) = &mut numbers {
        numbers.sort_by(f64::total_cmp);
        values = numbers.iter().copied().map(short_number).collect();
    }
    Parameter { name: name.to_owned(), values, numbers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(csv: &str) -> Findings {
        Findings::from_table(&Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn seeds_are_grouped_and_what_differs_is_an_axis() {
        let found = findings(
            "trial,status,learning_rate,epochs,seed,test_accuracy,val_accuracy\n\
             a,ok,0.1,5,1,0.5,\nb,ok,0.1,5,2,0.7,\nc,diverged,1e6,5,1,,\nd,ok,0.01,5,1,0.4,\n",
        );
        assert_eq!(found.axes.len(), 1);
        assert_eq!(found.axes[0].values, ["0.01", "0.1", "1e6"]);
        assert_eq!(found.fixed, [("epochs", "5".to_owned())]);
        let spread = found.accuracy(&found.groups[0]).unwrap();
        assert_eq!((spread.n, (spread.mean * 10.0).round()), (2, 6.0));
        // Of 0.5 and 0.7: √(2 · 0.1² / 1)
        assert!((spread.sd.unwrap() - 0.02f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.accuracy(&found.groups[1]), None);
        assert_eq!((found.ranking(), found.decided_on()), (vec![0, 2, 1], "test"));
        assert_eq!(found.name(found.winner().unwrap(), &[]), "learning_rate 0.1");
    }

    #[test]
    fn validation_decides_only_if_every_finished_trial_has_it() {
        let csv = |a: &str, b: &str| {
            format!(
                "trial,status,momentum,test_accuracy,val_accuracy\na,ok,0.9,0.8,{a}\nb,ok,0,0.9,{b}\nc,failed,0.5,,\n"
            )
        };
        let both = findings(&csv("0.7", "0.6"));
        assert_eq!((both.deciding, both.ranking()[0]), (Figure::ValAccuracy, 0));
        let one = findings(&csv("0.7", ""));
        assert_eq!((one.deciding, one.ranking()[0]), (Figure::TestAccuracy, 1));
    }

    #[test]
    fn a_width_stands_for_the_list_of_widths_if_every_trial_has_one() {
        let head = "trial,status,hidden_dims,test_accuracy,hidden_dim\na,ok,32,0.5,32\n";
        assert_eq!(findings(&format!("{head}b,ok,64,0.5,64\n")).axes[0].name, "hidden_dim");
        let mixed = findings(&format!("{head}b,ok,64x32,0.5,\n"));
        assert_eq!((mixed.axes.len(), mixed.axes[0].name.as_str()), (1, "hidden_dims"));
        assert_eq!(mixed.axes[0].numbers, None);
    }

    #[test]
    fn threads_that_follow_from_the_net_are_no_axis() {
        let head = "trial,status,hidden_dims,threads,test_accuracy\na,ok,32,1,0.5\nb,ok,512,2,0.5\n";
        assert_eq!(findings(head).axes.len(), 1);
        assert_eq!(findings(&format!("{head}c,ok,32,2,0.5\n")).axes.len(), 2);
    }

    #[test]
    fn a_trial_that_is_there_twice_is_an_error() {
        let csv = b"trial,status,test_accuracy\na,ok,0.5\na,ok,0.5\n";
        let table = Table::parse(Path::new("runs.csv"), csv).unwrap();
        let error = Findings::from_table(&table).unwrap_err().to_string();
        assert_eq!(error, "runs.csv: line 3, column trial: expected each trial once, found `a`");
    }

    #[test]
    fn numbers_are_printed_short_and_read_back_the_same() {
        for (x, text) in
            [(0.1, "0.1"), (1e-5, "1e-5"), (0.001, "0.001"), (512.0, "512"), (1e6, "1e6"), (1e30, "1e30")]
        {
            assert_eq!(short_number(x), text);
            assert_eq!(text.parse(), Ok(x));
        }
    }
}
