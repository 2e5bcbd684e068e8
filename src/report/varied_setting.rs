//! The settings in which runs differ

use std::collections::{HashMap, HashSet};

use super::observed_run::ObservedRun;
use super::short_number::short_number;

/// A setting that was varied, with its values: numbers ascend, other values are in the order of the file
#[derive(Clone, Debug, PartialEq)]
pub struct VariedSetting {
    /// The column's name
    pub name: String,
    /// The values as they are printed
    pub values: Vec<String>,
    /// The same values as numbers, if all are numbers
    pub numbers: Option<Vec<f64>>,
}

/// The settings in which `trials` differ, and the names of those that are the same in all
///
/// * `has_short`: whether short forms replace `hidden_dims`
pub(super) fn varied_settings(
    trials: &[ObservedRun],
    has_short: bool,
) -> (Vec<VariedSetting>, Vec<&'static str>) {
    let names: Vec<&'static str> =
        trials.first().map_or(vec![], |trial| trial.settings.iter().map(|(name, _)| *name).collect());
    let differs = |name: &&str| trials.iter().any(|trial| trial.setting(name) != trials[0].setting(name));
    let (mut varied, fixed): (Vec<&str>, Vec<&str>) = names.into_iter().partition(differs);
    if has_short {
        varied.retain(|name| *name != "hidden_dims");
    }
    // The path of the data may depend on the machine: then it was not varied.
    let others: Vec<_> = varied.iter().filter(|other| **other != "data").copied().collect();
    if varied.contains(&"data") && !crossed(trials, "data", &others) {
        varied = others;
    }
    (varied.into_iter().map(|name| VariedSetting::of(name, trials)).collect(), fixed)
}

impl VariedSetting {
    /// The setting `name` with the values that `trials` have
    fn of(name: &str, trials: &[ObservedRun]) -> Self {
        let mut known = HashSet::new();
        let values = trials.iter().map(|trial| trial.setting(name)).filter(|value| known.insert(*value));
        let mut values: Vec<String> = values.map(str::to_owned).collect();
        let number = |value: &String| value.parse::<f64>().ok().filter(|x| x.is_finite());
        let mut numbers: Option<Vec<f64>> = values.iter().map(number).collect();
        if let Some(numbers) = &mut numbers {
            numbers.sort_by(f64::total_cmp);
            values = numbers.iter().copied().map(short_number).collect();
        }
        Self { name: name.to_owned(), values, numbers }
    }
}

/// Whether `name` takes several values where all `others` are the same
fn crossed(trials: &[ObservedRun], name: &str, others: &[&str]) -> bool {
    let mut seen: HashMap<Vec<&str>, &str> = HashMap::new();
    trials.iter().any(|trial| {
        let rest = others.iter().map(|other| trial.setting(other)).collect();
        *seen.entry(rest).or_insert(trial.setting(name)) != trial.setting(name)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::analysis::Analysis;
    use crate::tables::reader::Table;

    fn analysis(csv: &str) -> Analysis {
        Analysis::from_table(&Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_width_stands_for_the_list_of_widths_if_every_trial_has_one() {
        let head = "trial,status,hidden_dims,test_accuracy,hidden_dim\na,ok,32,0.5,32\n";
        assert_eq!(analysis(&format!("{head}b,ok,64,0.5,64\n")).axes[0].name, "hidden_dim");
        let mixed = analysis(&format!("{head}b,ok,64x32,0.5,\n"));
        assert_eq!((mixed.axes.len(), mixed.axes[0].name.as_str()), (1, "hidden_dims"));
        assert_eq!(mixed.axes[0].numbers, None);
    }

    #[test]
    fn width_and_depth_together_stand_for_the_list_of_widths() {
        let head = "trial,status,hidden_dims,test_accuracy,hidden_dim,num_layers\na,ok,8,0.5,8,1\nb,ok,16,0.5,16,1\n";
        let both = analysis(&format!("{head}c,ok,8x8,0.5,8,2\nd,ok,16x16,0.5,16,2\n"));
        let names: Vec<_> = both.axes.iter().map(|axis| axis.name.as_str()).collect();
        assert_eq!((names, both.groups.len(), both.repeats.len()), (vec!["hidden_dim", "num_layers"], 4, 0));
        // A width in all runs is not enough where some have a depth.
        let mixed = analysis(&format!("{head}c,ok,8x8,0.5,8,\n"));
        assert_eq!((mixed.axes.len(), mixed.axes[0].name.as_str()), (1, "hidden_dims"));
    }

    #[test]
    fn what_cannot_change_results_is_no_axis() {
        let head = "trial,status,hidden_dims,threads,seed,test_accuracy\na,ok,32,1,1,0.5\nb,ok,512,2,1,0.5\n";
        let found = analysis(&format!("{head}c,ok,32,2,1,0.5\n"));
        assert_eq!((found.axes.len(), found.axes[0].name.as_str()), (1, "hidden_dims"));
        assert_eq!((found.repeats.len(), found.contradictions), (1, 0));
        assert!(!found.fixed.iter().any(|(name, _)| *name == "threads"));
    }

    #[test]
    fn data_with_one_hash_is_one_setting_however_its_path_was_typed() {
        let head = "trial,status,momentum,data,seed,test_accuracy,data_hash\na,ok,0,d,1,0.5,00ff\n";
        assert_eq!(analysis(&format!("{head}b,ok,0,./d,2,0.6,00ff\n")).axes.len(), 0);
        assert_eq!(analysis(&format!("{head}b,ok,0,./d,2,0.6,00fe\n")).axes[0].name, "data");
        let changed = analysis(&format!("{head}b,ok,0,d,2,0.6,00fe\n"));
        assert_eq!(changed.axes[0].values, ["d", "d (00fe)"]);
    }
}
