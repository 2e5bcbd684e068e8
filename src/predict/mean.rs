//! The mean of what several models predict for the same rows, or one model for copies of them

use chainrule_kernels::Scalar;

use crate::data::outputs::{Outputs, Target};

/// The outputs of a model for a batch as they are averaged: probabilities of classes, or targets in their own units
///
/// * `batch`: as [`Evaluator::outputs`](crate::train::evaluate::Evaluator::outputs) passes them
pub fn values<T: Scalar>(outputs: &Outputs, batch: &[T]) -> Vec<f64> {
    let targets = outputs.targets();
    if targets.is_empty() {
        return batch.iter().map(|p| p.to_f64()).collect();
    }
    let rows = batch.chunks_exact(targets.len());
    rows.flat_map(|row| targets.iter().zip(row).map(|(target, output)| target.value(output.to_f64())))
        .collect()
}

/// What the means of models with these outputs mean: the same classes, or the same targets in their own units
pub fn outputs(of_models: &Outputs) -> Outputs {
    match of_models {
        Outputs::Classes(names) => Outputs::Classes(names.clone()),
        Outputs::Targets { targets, loss } => {
            let target = |target: &Target| Target { center: 0.0, scale: 1.0, ..target.clone() };
            Outputs::Targets { targets: targets.iter().map(target).collect(), loss: *loss }
        }
    }
}

/// `1/M Σₘ v[m]` over M predictions, those of models or of copies, in f64, added in their order
#[derive(Debug, Default)]
pub struct Mean {
    sum: Vec<f64>,
    count: usize,
}

impl Mean {
    /// Adds further values, batch by batch
    ///
    /// # Panics
    /// If they are not as many as the first.
    #[track_caller]
    pub fn add(&mut self, batches: &[Vec<f64>]) {
        if self.count == 0 {
            self.sum = batches.concat();
        } else {
            let found: usize = batches.iter().map(Vec::len).sum();
            assert!(found == self.sum.len(), "{found} values, {} were added first", self.sum.len());
            self.sum.iter_mut().zip(batches.iter().flatten()).for_each(|(sum, value)| *sum += value);
        }
        self.count += 1;
    }

    /// The means
    pub fn finish(mut self) -> Vec<f64> {
        let count = self.count as f64;
        self.sum.iter_mut().for_each(|sum| *sum /= count);
        self.sum
    }
}

/// The most probable class of each row of rows × classes probabilities; the first of equally probable ones
pub fn most_probable(probabilities: &[f64], classes: usize) -> Vec<u32> {
    let best =
        |row: &[f64]| (1..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best });
    probabilities.chunks_exact(classes).map(|row| best(row) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::loss::ErrorFunction;

    #[test]
    fn targets_are_averaged_in_their_units_whatever_standardises_them() {
        let of_model = |center, scale| {
            let target = |name: &str, center| Target { name: name.to_owned(), center, scale };
            Outputs::Targets {
                targets: vec![target("a", center), target("b", 0.0)],
                loss: ErrorFunction::Mse,
            }
        };
        let (first, second) = (of_model(10.0, 2.0), of_model(20.0, 4.0));
        let mut mean = Mean::default();
        mean.add(&[values(&first, &[1.0f32, 1.0]), values(&first, &[0.0f32, 0.0])]);
        mean.add(&[values(&second, &[1.0f64, 1.0]), values(&second, &[0.0f64, 0.5])]);
        // (10 + 2 + 20 + 4) / 2, (2 + 4) / 2, (10 + 20) / 2, (0 + 2) / 2
        let means = mean.finish();
        assert_eq!(means, [18.0, 3.0, 15.0, 1.0]);
        assert_eq!(values(&outputs(&first), &means), means);
    }

    #[test]
    fn the_first_of_equally_probable_classes_is_the_prediction() {
        assert_eq!(most_probable(&[0.25, 0.5, 0.25, 0.5, 0.0, 0.5], 3), [1, 0]);
    }
}
