//! The files with the counts of rows by true and predicted class, and the metrics of the classes

use std::path::Path;

use super::confusion::Confusion;
use crate::config::CsvDialect;
use crate::error::Result;
use crate::tables::atomic_file::write_atomically;
use crate::tables::{ClassMeanRow, ClassRow, ConfusionRow, Metric, to_csv};

/// Name of the file of counts
pub const CONFUSION: &str = "confusion.csv";
/// Name of the file of each class's metrics
pub const CLASSES: &str = "classes.csv";
/// Name of the file of their means
pub const CLASS_MEANS: &str = "class_means.csv";

/// Writes confusion.csv, classes.csv and class_means.csv into a folder
///
/// # Errors
/// If they can't be written.
pub fn write(folder: &Path, confusion: &Confusion, names: &[String], dialect: CsvDialect) -> Result<()> {
    let k = confusion.classes();
    let cell = |label: usize, predicted: usize| ConfusionRow {
        r#true: names[label].clone(),
        predicted: names[predicted].clone(),
        count: confusion.count(label, predicted),
        true_index: label,
        predicted_index: predicted,
    };
    let cells: Vec<_> = (0..k).flat_map(|label| (0..k).map(move |p| cell(label, p))).collect();
    // Ratios of counts have the digits of an f64 whatever the run's dtype.
    let digits = |share: Option<f64>| share.map(Metric::Double);
    let class = |class: usize| ClassRow {
        class: names[class].clone(),
        support: confusion.support(class),
        precision: digits(confusion.precision(class)),
        recall: digits(confusion.recall(class)),
        f1: digits(confusion.f1(class)),
        class_index: class,
    };
    let support = (0..k).map(|class| confusion.support(class)).sum();
    let means = [("macro", false), ("weighted", true)].map(|(mean, weighted)| {
        let means = confusion.means(weighted);
        ClassMeanRow {
            mean,
            support,
            precision: digits(means.map(|means| means.precision)),
            recall: digits(means.map(|means| means.recall)),
            f1: digits(means.map(|means| means.f1)),
        }
    });
    write_atomically(&folder.join(CONFUSION), &to_csv(&cells, dialect))?;
    write_atomically(&folder.join(CLASSES), &to_csv(&(0..k).map(class).collect::<Vec<_>>(), dialect))?;
    write_atomically(&folder.join(CLASS_MEANS), &to_csv(&means, dialect))
}
