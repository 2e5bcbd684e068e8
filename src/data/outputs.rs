//! What the outputs of a net mean: classes, or targets and how they are standardised

use std::ops::RangeInclusive;

use chainrule_kernels::Scalar;
use serde::{Deserialize, Serialize};

use super::deviation::mean_and_deviation;
use super::labels::Labels;
use super::task::Task;
use crate::error::printable;
use crate::nn::loss::{BatchLabels, ErrorFunction, Loss, MixedClasses};
use crate::nn::matrix::Matrix;

/// What the outputs of a net mean
#[derive(Clone, Debug, PartialEq)]
pub enum Outputs {
    /// Output k is the logit of the class with the k-th name
    Classes(Vec<String>),
    /// Output k is the k-th target, standardised
    Targets {
        /// The targets
        targets: Vec<Target>,
        /// The loss that training minimises
        loss: ErrorFunction,
    },
}

/// A number to predict, and how it is standardised
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name
    pub name: String,
    /// The mean of the training rows, which is output 0
    pub center: f64,
    /// Their standard deviation (divided by n), which is one unit of the output
    pub scale: f64,
}

/// The standard deviations that a target may have: squares of errors are numbers of f64
const DEVIATIONS: RangeInclusive<f64> = 1e-140..=1e140;

impl Target {
    /// The number, in its own unit, that an output means: `center + scale · output`
    pub fn value(&self, output: f64) -> f64 {
        self.center + self.scale * output
    }
}

impl Outputs {
    /// The outputs for a task; targets are standardised by the rows `rows` of `labels`
    ///
    /// Sums go through `rows` in order, on one thread.
    ///
    /// # Errors
    /// If a target is the same in all these rows, or squares of its numbers leave the range of f64; returns the problem.
    pub fn learn(task: &Task, labels: &Labels, rows: &[u32], loss: ErrorFunction) -> Result<Self, String> {
        let (Task::Regress(names), Labels::Numbers { values, targets: count }) = (task, labels) else {
            return Ok(Self::Classes(task.classes().to_vec()));
        };
        let target = |(at, name): (usize, &String)| {
            let column = || rows.iter().map(move |&row| values[row as usize * count + at]);
            let first = column().next().unwrap_or_default();
            if column().all(|x| x == first) {
                let name = printable(name);
                return Err(format!(
                    "the target {name} is {first} in every training row, expected different numbers"
                ));
            }
            let n = rows.len() as f64;
            let center = column().sum::<f64>() / n;
            let scale = (column().map(|x| (x - center) * (x - center)).sum::<f64>() / n).sqrt();
            if !DEVIATIONS.contains(&scale) || !center.is_finite() {
                let (name, (_, found)) = (printable(name), mean_and_deviation(column()));
                let (least, most) = (DEVIATIONS.start(), DEVIATIONS.end());
                return Err(format!(
                    "the target {name} has the standard deviation {found:e}, expected {least:e} to {most:e}; measure it in \
                     another unit"
                ));
            }
            Ok(Target { name: name.clone(), center, scale })
        };
        let targets = names.iter().enumerate().map(target).collect::<Result<_, _>>()?;
        Ok(Self::Targets { targets, loss })
    }

    /// Number of outputs
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(names) => names.len(),
            Self::Targets { targets, .. } => targets.len(),
        }
    }

    /// Whether there are no outputs
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes; empty in regression
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes(names) => names,
            Self::Targets { .. } => &[],
        }
    }

    /// The names of the classes or of the targets
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Classes(names) => names.clone(),
            Self::Targets { targets, .. } => targets.iter().map(|target| target.name.clone()).collect(),
        }
    }

    /// The targets; empty for classes
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::Classes(_) => &[],
            Self::Targets { targets, .. } => targets,
        }
    }

    /// The loss of these outputs
    pub fn loss<T: Scalar>(&self) -> Loss<T> {
        match self {
            Self::Classes(_) => Loss::of_classes(),
            Self::Targets { targets, loss } => {
                Loss::of_numbers(*loss, targets.iter().map(|target| target.scale).collect())
            }
        }
    }

    /// The loss that training minimises, with labels of classes smoothed by ε; evaluation has [`Self::loss`]
    pub fn training_loss<T: Scalar>(&self, smoothing: f64) -> Loss<T> {
        match self {
            Self::Classes(_) => Loss::of_smoothed_classes(smoothing),
            Self::Targets { .. } => self.loss(),
        }
    }

    /// Memory for the labels of a batch of up to `rows` rows
    pub fn batch_labels<T: Scalar>(&self, rows: usize) -> BatchLabels<T> {
        match self {
            Self::Classes(_) => BatchLabels::Classes(Vec::with_capacity(rows)),
            Self::Targets { targets, .. } => BatchLabels::Numbers(Matrix::zeros(rows, targets.len())),
        }
    }

    /// Copies the labels of the given rows into `batch`; targets are standardised in f64, and then rounded
    ///
    /// # Panics
    /// If `labels` or `batch` is of another kind, or a row does not exist.
    #[track_caller]
    pub fn gather<T: Scalar>(&self, labels: &Labels, rows: &[u32], batch: &mut BatchLabels<T>) {
        match (labels, batch) {
            (
                Labels::Classes(labels),
                BatchLabels::Classes(batch) | BatchLabels::Mixed(MixedClasses { labels: batch, .. }),
            ) => {
                batch.clear();
                batch.extend(rows.iter().map(|&row| labels[row as usize]));
            }
            (Labels::Numbers { values, targets: count }, BatchLabels::Numbers(batch)) => {
                batch.set_rows(rows.len());
                let targets = self.targets();
                for (into, &row) in batch.data_mut().chunks_exact_mut(*count).zip(rows) {
                    let values = &values[row as usize * count..][..*count];
                    for ((into, value), target) in into.iter_mut().zip(values).zip(targets) {
                        *into = T::from_f64((value - target.center) / target.scale);
                    }
                }
            }
            _ => panic!("labels of another kind than the outputs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(rows: &[u32]) -> Result<Outputs, String> {
        let labels = Labels::Numbers { values: vec![1.0, 7.0, 3.0, 7.0, 5.0, 9.0, 100.0, 7.0], targets: 2 };
        let task = Task::Regress(["a", "b"].map(str::to_owned).to_vec());
        Outputs::learn(&task, &labels, rows, ErrorFunction::Mse)
    }

    #[test]
    fn targets_are_standardised_by_the_rows_that_are_trained_on() {
        let outputs = learn(&[0, 1, 2]).unwrap();
        let [a, b] = outputs.targets() else { panic!("{outputs:?}") };
        assert_eq!((a.center, a.scale), (3.0, (8.0f64 / 3.0).sqrt()));
        approx::assert_relative_eq!(b.center, 23.0 / 3.0);
        let labels = Labels::Numbers { values: vec![1.0, 7.0, 3.0, 9.0], targets: 2 };
        let mut batch = outputs.batch_labels::<f64>(4);
        outputs.gather(&labels, &[1, 0], &mut batch);
        let BatchLabels::Numbers(batch) = batch else { panic!("classes") };
        assert_eq!(batch.shape(), (2, 2));
        for (output, (value, target)) in batch.data().iter().zip([(3.0, a), (9.0, b), (1.0, a), (7.0, b)]) {
            approx::assert_relative_eq!(target.value(*output), value, max_relative = 1e-15);
        }
    }

    #[test]
    fn a_target_that_is_the_same_in_all_rows_is_refused() {
        assert!(learn(&[0, 1]).unwrap_err().contains("the target b is 7 in every training row"));
    }

    #[test]
    fn a_target_whose_squares_are_no_numbers_is_refused() {
        for unit in [1e-200, 1e200] {
            let labels = Labels::Numbers { values: vec![1.0 * unit, 3.0 * unit], targets: 1 };
            let task = Task::Regress(vec!["a".to_owned()]);
            let problem = Outputs::learn(&task, &labels, &[0, 1], ErrorFunction::Mse).unwrap_err();
            assert!(
                problem.contains(&format!("the target a has the standard deviation {unit:e}")),
                "{problem}"
            );
        }
    }
}
