//! What the loss of each training row is multiplied by: the weight of its class times its own

use super::{Dataset, Task};
use crate::config::{ClassWeight, TrainConfig};
use crate::error::{Error, Result};

/// The weight of each row of the training set, learnt from the rows `rows` that are trained on; `None`: all count the same
///
/// * balanced classes: `n / (k n_c)`, where `n_c` of the n rows have class c, and k classes have rows
/// * weights of rows: divided by their mean over `rows`, which is 1 afterwards
/// * sums go through `rows` in order, on one thread
///
/// Source: scikit-learn, `compute_class_weight` (`balanced`).
///
/// # Errors
/// If all rows that are trained on have weight 0, or classes are balanced where there are none.
pub fn weights(config: &TrainConfig, set: &Dataset, rows: &[u32]) -> Result<Option<Vec<f64>>> {
    let of_rows = set.row_weights.as_ref().map(|weights| {
        scaled(weights, rows).ok_or_else(|| Error::Setting {
            name: "weight-column",
            expected: "a column with a number above 0 in a row that is trained on".to_owned(),
            found: config.weight_column.clone().unwrap_or_default(),
        })
    });
    let of_rows = of_rows.transpose()?;
    if config.class_weight == ClassWeight::None {
        return Ok(of_rows);
    }
    if let Task::Regress(_) = set.task {
        let expected = "none, since these labels are numbers to predict".to_owned();
        return Err(Error::Setting { name: "class-weight", expected, found: "balanced".to_owned() });
    }
    let of_class = balanced(set, rows);
    let mut weights = of_rows.unwrap_or_else(|| vec![1.0; set.train.len()]);
    for (weight, &label) in weights.iter_mut().zip(set.train.labels.classes()) {
        *weight *= of_class[label as usize];
    }
    Ok(Some(weights))
}

/// The weights divided by their mean over `rows`; `None` if they are all 0 there
fn scaled(weights: &[f64], rows: &[u32]) -> Option<Vec<f64>> {
    let used = || rows.iter().map(|&row| weights[row as usize]);
    let greatest = used().fold(0.0, f64::max);
    // The sum of large weights would be infinite, and the mean of the smallest ones inexact.
    let mean = used().map(|weight| weight / greatest).sum::<f64>() / rows.len() as f64;
    (greatest > 0.0).then(|| weights.iter().map(|weight| weight / greatest / mean).collect())
}

/// The weight of each class; 0 for a class without rows
fn balanced(set: &Dataset, rows: &[u32]) -> Vec<f64> {
    let mut counts = vec![0_usize; set.task.outputs()];
    let labels = set.train.labels.classes();
    rows.iter().for_each(|&row| counts[labels[row as usize] as usize] += 1);
    let present = counts.iter().filter(|&&count| count > 0).count();
    let weight = |count: usize| rows.len() as f64 / (present as f64 * count as f64);
    counts.into_iter().map(|count| if count > 0 { weight(count) } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Cells, Inputs, Labels, Split};

    fn data(labels: &[u32], row_weights: Option<&[f64]>) -> Dataset {
        let split = |labels: &[u32]| Split {
            cells: Cells::Double(vec![0.0; labels.len()]),
            columns: 1,
            labels: Labels::Classes(labels.to_vec()),
        };
        Dataset {
            source: String::new(),
            inputs: Inputs::of_array(&[1]),
            task: Task::Classify(["a", "b", "c"].map(str::to_owned).to_vec()),
            task_note: None,
            train: split(labels),
            row_weights: row_weights.map(<[f64]>::to_vec),
            test: split(&[]),
            warnings: Vec::new(),
            undivided_hash: None,
        }
    }

    fn learnt(class_weight: ClassWeight, data: &Dataset, rows: &[u32]) -> Option<Vec<f64>> {
        weights(&TrainConfig { class_weight, ..TrainConfig::default() }, data, rows).unwrap()
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1], y=[1, 1, 1, 1, 0, 0]) is [1.5, 0.75].
        let data = data(&[1, 1, 1, 1, 0, 0], None);
        let found = learnt(ClassWeight::Balanced, &data, &[0, 1, 2, 3, 4, 5]).unwrap();
        assert_eq!(found, [0.75, 0.75, 0.75, 0.75, 1.5, 1.5]);
        assert_eq!(learnt(ClassWeight::None, &data, &[0, 1]), None);
    }

    #[test]
    fn only_rows_that_are_trained_on_count() {
        let data = data(&[0, 0, 1, 2, 0, 0], Some(&[1.0, 3.0, 2.0, 100.0, 0.0, 4.0]));
        let found = learnt(ClassWeight::None, &data, &[0, 1, 2, 4, 5]).unwrap();
        assert_eq!(found, [0.5, 1.5, 1.0, 50.0, 0.0, 2.0]);
        // 5 rows of 2 classes: a row of class 0 weighs 5 / (2 · 4), one of class 1 weighs 5 / (2 · 1).
        let both = learnt(ClassWeight::Balanced, &data, &[0, 1, 2, 4, 5]).unwrap();
        assert_eq!(both, [0.3125, 0.9375, 2.5, 0.0, 0.0, 1.25]);
    }

    #[test]
    fn equal_weights_of_any_size_become_1_and_weights_of_0_are_refused() {
        for weight in [5e-324, 0.1, 1e308] {
            let data = data(&[0, 1, 0], Some(&[weight; 3]));
            assert_eq!(learnt(ClassWeight::None, &data, &[0, 1, 2]).unwrap(), [1.0; 3]);
        }
        let config = TrainConfig { weight_column: Some("w".to_owned()), ..TrainConfig::default() };
        let error = weights(&config, &data(&[0, 1, 1], Some(&[0.0, 0.0, 1.0])), &[0, 1]).unwrap_err();
        assert!(error.to_string().contains("weight-column is w, expected a column with"), "{error}");
    }
}
