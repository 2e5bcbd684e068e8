//! A reporter of training that says nothing

use std::path::Path;

use chainrule::nn::loss::LossSum;
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;

/// Ignores all reports
pub struct Silent;

impl Reporter for Silent {
    fn started(&mut self, _: &Path, _: usize, _: usize) {}
    fn batch(&mut self, _: u32, _: usize, _: &LossSum) {}
    fn epoch(&mut self, _: &EpochMetrics) {}
}
