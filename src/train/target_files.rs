//! The files of regression: the metrics of each target, and what was predicted for each test row

use std::path::Path;

use super::metrics::metric;
use crate::config::{CsvDialect, Dtype};
use crate::data::Labels;
use crate::data::outputs::Target;
use crate::error::Result;
use crate::nn::loss::{ErrorSum, LossSum};
use crate::tables::atomic_file::write_atomically;
use crate::tables::{Metric, PredictionRow, TargetRow, to_csv};

/// Name of the file of each target's metrics
pub const TARGETS: &str = "targets.csv";
/// Name of the file of predictions
pub const PREDICTIONS: &str = "predictions.csv";

/// The rows of targets.csv
pub fn target_rows(targets: &[Target], sums: &LossSum, dtype: Dtype) -> Vec<TargetRow> {
    let rows = sums.rows;
    let row = |(target, errors): (&Target, &ErrorSum)| TargetRow {
        target: target.name.clone(),
        samples: rows,
        rmse: Some(metric(errors.rmse(rows), dtype)),
        mae: Some(metric(errors.mae(rows), dtype)),
        r2: errors.r2().map(|r2| metric(r2, dtype)),
    };
    targets.iter().zip(&sums.errors).map(row).collect()
}

/// Writes targets.csv and predictions.csv into a folder
///
/// * `labels`, `predicted`: rows × targets, in the units of the targets
///
/// # Errors
/// If they can't be written.
pub fn write(
    folder: &Path,
    targets: &[Target],
    sums: &LossSum,
    (labels, predicted): (&Labels, &[f64]),
    (dtype, dialect): (Dtype, CsvDialect),
) -> Result<()> {
    write_atomically(&folder.join(TARGETS), &to_csv(&target_rows(targets, sums, dtype), dialect))?;
    let Labels::Numbers { values, .. } = labels else { return Ok(()) };
    let row = |(at, (&label, &predicted)): (usize, (&f64, &f64))| PredictionRow {
        row: at / targets.len() + 1,
        target: targets[at % targets.len()].name.clone(),
        r#true: label,
        // In f32, targets far from 0 compared with their deviations would lose digits.
        predicted: Some(Metric::Double(predicted)),
    };
    let rows: Vec<PredictionRow> = values.iter().zip(predicted).enumerate().map(row).collect();
    write_atomically(&folder.join(PREDICTIONS), &to_csv(&rows, dialect))
}
