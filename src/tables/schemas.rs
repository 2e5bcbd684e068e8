//! The schemas: the columns of each CSV file; new columns are added at the end

use std::collections::HashMap;

use super::{Cell, Columns, Metric, Row, Status, ToCell, schema};
use crate::config::{SETTINGS, TrainConfig};

schema! {
    /// A line of `bench.csv`
    BenchRow {
        /// `machine`, `product`, `loop`, `epoch` or `predict`
        kind: &'static str,
        /// What was measured; with `kind` and `threads`, it names the measurement
        name: String,
        /// Number of threads
        threads: usize,
        /// Median time of one measurement, s
        median_s: f64,
        /// 10⁹ floating-point operations per second, those with a factor 0 included
        gflop_per_s: Option<f64>,
        /// 10⁹ bytes per second, read and written
        gb_per_s: Option<f64>,
        /// Images per second
        images_per_s: Option<f64>,
        /// GFLOP/s without those that were skipped, as a share of the FMA peak with the same threads in the same run
        fraction_of_peak: Option<f64>,
        /// Shortest time, s
        min_s: f64,
        /// Half of the interquartile range of the times, s; empty for fewer than three
        spread_s: Option<f64>,
        /// Number of times that were measured
        samples: usize,
        /// Share of the multiply-adds that were skipped, since one factor is 0
        skipped: Option<f64>,
        /// Widths of the net, as `784-128-64-10`
        net: String,
        /// Images in a batch
        batch_size: Option<usize>,
        /// `forward`, `backward`, `train`, `predict`, or the name of a loop
        operation: String,
        /// Rows of the left operand of a product
        m: Option<usize>,
        /// Columns of the left operand of a product, and rows of the right one
        k: Option<usize>,
        /// Columns of the right operand of a product
        n: Option<usize>,
        /// The backend: `fused` or `matrixmultiply`
        engine: String,
        /// The vector instructions: `avx512`, `avx2` or `portable`
        simd: String,
        /// Name of the processor
        cpu: String,
        /// Cores that this process may use
        cores: usize,
        /// The images of epochs and predictions: a folder, `synthetic`, or `random`
        data: String,
        /// Version of the program
        version: &'static str,
        /// Start of the bench, in UTC
        date: String,
    }
}

schema! {
    /// A line of `epochs.csv`; losses in nats, accuracies from 0 to 1
    EpochRow {
        /// Name of the run
        run_id: String,
        /// The epoch, counted from 1
        epoch: u32,
        /// Step size in this epoch
        learning_rate: f64,
        /// Mean loss over the epoch's batches, each with the weights before its step
        train_loss: Option<Metric>,
        /// Accuracy over the epoch's batches, each with the weights before its step
        train_accuracy: Option<Metric>,
        /// Validation loss after the epoch; no column without a validation split
        val_loss: Option<Metric>,
        /// Validation accuracy after the epoch; no column without a validation split
        val_accuracy: Option<Metric>,
        /// Test loss after the epoch
        test_loss: Option<Metric>,
        /// Test accuracy after the epoch
        test_accuracy: Option<Metric>,
        /// Time of training, without evaluation, s
        epoch_s: Option<f64>,
        /// Training images per second
        samples_per_s: Option<f64>,
        /// `ok`, `diverged` or `interrupted`
        status: Status,
    }
}

schema! {
    /// The columns of `summary.csv` and `runs.csv` that are no settings: how a run ended, and its metrics
    RunResult {
        /// Name of the run
        run_id: String,
        /// `ok`, `diverged`, `failed` or `interrupted`
        status: Status,
        /// Number of weights and biases; empty for a run that failed before it had a net
        parameters: Option<usize>,
        /// Training loss of the last whole epoch
        train_loss: Option<Metric>,
        /// Training accuracy of the last whole epoch
        train_accuracy: Option<Metric>,
        /// Test loss after the last whole epoch; of the initial weights if the run has no epochs
        test_loss: Option<Metric>,
        /// Test accuracy after the last whole epoch; of the initial weights if the run has no epochs
        test_accuracy: Option<Metric>,
        /// The first epoch with the best accuracy
        best_epoch: Option<u32>,
        /// Best validation accuracy; without a validation split, best test accuracy
        best_accuracy: Option<Metric>,
        /// Time of training all epochs, without evaluation, s
        train_s: Option<f64>,
        /// Training images per second, over all epochs
        samples_per_s: Option<f64>,
        /// Time of the start, ISO 8601, UTC
        started_at: String,
        /// Version of the program
        version: &'static str,
        /// Validation loss after the last whole epoch
        val_loss: Option<Metric>,
        /// Validation accuracy after the last whole epoch
        val_accuracy: Option<Metric>,
    }
}

/// A line of `summary.csv` and `runs.csv`: the settings of a run and its result
#[derive(Clone, Debug)]
pub struct SummaryRow {
    /// The settings, with the source of the data and the number of threads that were used
    pub config: TrainConfig,
    /// How the run ended, and its metrics
    pub result: RunResult,
}

/// The columns of a summary in their order; other settings that a sweep can vary follow in the order of [`SETTINGS`]
const SUMMARY: &str = "run_id status hidden_dims activation epochs batch_size learning_rate momentum weight_decay seed \
    parameters train_loss train_accuracy test_loss test_accuracy best_epoch best_accuracy train_s samples_per_s threads \
    started_at version val_split val_loss val_accuracy dtype engine no_shuffle data";

impl Row for SummaryRow {
    fn header() -> Vec<String> {
        let mut names: Vec<&str> = SUMMARY.split(' ').collect();
        for setting in SETTINGS.iter().filter(|setting| setting.sweepable) {
            if !names.contains(&setting.name) {
                names.push(setting.name);
            }
        }
        names.into_iter().map(str::to_owned).collect()
    }

    fn cells(&self) -> Vec<Cell> {
        let mut results: HashMap<String, Cell> =
            RunResult::header().into_iter().zip(self.result.cells()).collect();
        let mut values = self.config.to_values().unwrap_or_default();
        values.insert("hidden_dims".to_owned(), self.config.hidden_dims.to_string().into());
        if self.config.val_split == 0.0 {
            values.remove("val_split");
        }
        let mut setting = |name: &str| values.remove(name).map_or(Cell::Empty, |value| value.to_cell());
        let cell = |name: String| results.remove(&name).unwrap_or_else(|| setting(&name));
        Self::header().into_iter().map(cell).collect()
    }
}

schema! {
    /// A line of `confusion.csv`: how many test images of one class were predicted as another
    ConfusionRow {
        /// Name of the true class
        r#true: String,
        /// Name of the predicted class
        predicted: String,
        /// Number of images
        count: u64,
    }
}

schema! {
    /// A line of `classes.csv`: the metrics of one class
    ClassRow {
        /// Name of the class
        class: String,
        /// Number of test images of the class
        support: u64,
        /// Share of this class among the images that are predicted as it
        precision: Option<Metric>,
        /// Share of the images of this class that are predicted as it
        recall: Option<Metric>,
        /// 2 · precision · recall / (precision + recall)
        f1: Option<Metric>,
    }
}

impl EpochRow {
    /// The columns of an `epochs.csv`; `val`: whether the run has a validation split
    pub fn columns(val: bool) -> Columns {
        let all = Columns::of::<Self>();
        if val { all } else { all.without(&["val_loss", "val_accuracy"]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CsvDialect;

    #[test]
    fn columns_are_those_of_the_specification() {
        let header = |columns: Columns| {
            String::from_utf8(CsvDialect::Standard.header(&columns)).unwrap().trim_end().to_owned()
        };
        assert_eq!(
            header(EpochRow::columns(false)),
            "run_id,epoch,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy,epoch_s,samples_per_s,status"
        );
        assert_eq!(
            header(EpochRow::columns(true)),
            "run_id,epoch,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,\
             epoch_s,samples_per_s,status"
        );
        assert_eq!(
            header(Columns::of::<SummaryRow>()),
            "run_id,status,hidden_dims,activation,epochs,batch_size,learning_rate,momentum,weight_decay,seed,\
             parameters,train_loss,train_accuracy,test_loss,test_accuracy,best_epoch,best_accuracy,train_s,\
             samples_per_s,threads,started_at,version,val_split,val_loss,val_accuracy,dtype,engine,no_shuffle,data"
        );
        assert_eq!(header(Columns::of::<ConfusionRow>()), "true,predicted,count");
        assert_eq!(header(Columns::of::<ClassRow>()), "class,support,precision,recall,f1");
    }

    #[test]
    fn the_settings_that_a_sweep_can_vary_are_columns_and_no_others() {
        let columns = Columns::of::<SummaryRow>();
        for setting in &SETTINGS {
            let is_column = columns.names().iter().any(|name| name == setting.name);
            assert_eq!(is_column, setting.sweepable, "{}", setting.name);
        }
        let others: Vec<_> = SETTINGS.iter().filter(|setting| !setting.sweepable).map(|s| s.name).collect();
        assert_eq!(others, ["out", "csv_dialect"], "only these say where and how files are written");
    }
}
