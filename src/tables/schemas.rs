//! The schemas: the columns of each CSV file; new columns are added at the end

use std::collections::HashMap;

use super::{Cell, Columns, Metric, Record, Row, Status, ToCell, schema};
use crate::config::{CsvDialect, SETTINGS, TrainConfig};

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
        /// Element type of the nets: `f32` or `bf16`
        dtype: &'static str,
    }
}

schema! {
    /// A line of `epochs.csv`; losses in nats, or of standardised targets; accuracies from 0 to 1, empty in regression
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
        /// Root-mean-square error over the epoch's batches, each with the weights before its step; in the unit of the target,
        /// and for several the mean over them; empty for classes, as all columns after it
        train_rmse: Option<Metric>,
        /// Root-mean-square error on the validation rows after the epoch; no column without a validation split
        val_rmse: Option<Metric>,
        /// Root-mean-square error on the test set after the epoch
        test_rmse: Option<Metric>,
        /// Mean absolute error on the test set after the epoch
        test_mae: Option<Metric>,
        /// R² on the test set after the epoch
        test_r2: Option<Metric>,
        /// Validation loss of the averaged weights; no column without a validation split; empty without an average, as all
        /// columns after it
        average_val_loss: Option<Metric>,
        /// Validation accuracy of the averaged weights; no column without a validation split
        average_val_accuracy: Option<Metric>,
        /// Test loss of the averaged weights
        average_test_loss: Option<Metric>,
        /// Test accuracy of the averaged weights
        average_test_accuracy: Option<Metric>,
        /// Root-mean-square error of the averaged weights on the validation rows; no column without a validation split
        average_val_rmse: Option<Metric>,
        /// Root-mean-square error of the averaged weights on the test set
        average_test_rmse: Option<Metric>,
    }
}

schema! {
    /// The columns of `summary.csv` and `runs.csv` that are no settings: how a run ended, and its metrics
    RunResult {
        /// Name of the run
        run_id: String,
        /// `ok`, `halted`, `diverged`, `failed`, `interrupted` or `time_limit`
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
        /// The first epoch with the best accuracy, or the lowest root-mean-square error
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
        /// Name of the sweep's folder; empty for a run that belongs to none
        sweep_id: Option<String>,
        /// Name of the data set: that of its folder, or `synthetic`
        dataset: Option<String>,
        /// Hash of the images and labels, 8 hexadecimal digits
        data_hash: Option<String>,
        /// Number of images that were trained on
        train_samples: Option<usize>,
        /// Number of images that were held out for validation
        val_samples: Option<usize>,
        /// Number of test images
        test_samples: Option<usize>,
        /// Number of classes; empty in regression
        classes: Option<usize>,
        /// Number of whole epochs
        epochs_done: u32,
        /// Time from the start to the end, with evaluation and files, s
        wall_s: Option<f64>,
        /// The instructions that were used: `portable`, `avx2` or `avx512`
        simd: &'static str,
        /// Name of the processor
        cpu: Option<String>,
        /// Name of the machine
        host: Option<String>,
        /// The commit of the program, if the build knew it
        commit: Option<&'static str>,
        /// Why the run diverged, failed or stopped before its last epoch
        reason: Option<String>,
        /// What `best_accuracy` or `best_rmse` was measured on: `val` or `test`
        best_of: Option<&'static str>,
        /// Root-mean-square error of training in the last whole epoch; empty for classes, as all columns after it
        train_rmse: Option<Metric>,
        /// Root-mean-square error on the validation rows after the last whole epoch
        val_rmse: Option<Metric>,
        /// Root-mean-square error on the test set after the last whole epoch, in the unit of the target
        test_rmse: Option<Metric>,
        /// Mean absolute error on the test set after the last whole epoch, in the unit of the target
        test_mae: Option<Metric>,
        /// R² on the test set after the last whole epoch
        test_r2: Option<Metric>,
        /// Lowest root-mean-square error on the validation rows; without a validation split, on the test set
        best_rmse: Option<Metric>,
        /// Validation loss of the averaged weights after the last whole epoch; empty without an average, as all columns after it
        average_val_loss: Option<Metric>,
        /// Validation accuracy of the averaged weights after the last whole epoch
        average_val_accuracy: Option<Metric>,
        /// Test loss of the averaged weights after the last whole epoch
        average_test_loss: Option<Metric>,
        /// Test accuracy of the averaged weights after the last whole epoch
        average_test_accuracy: Option<Metric>,
        /// Root-mean-square error of the averaged weights on the validation rows after the last whole epoch
        average_val_rmse: Option<Metric>,
        /// Root-mean-square error of the averaged weights on the test set after the last whole epoch
        average_test_rmse: Option<Metric>,
    }
}

/// A line of `summary.csv` and `runs.csv`: the settings of a run, its result, and the tags that a person gave it
#[derive(Clone, Debug)]
pub struct SummaryRow {
    /// The settings, with the source of the data, the number of threads and the backend that were used
    pub config: TrainConfig,
    /// How the run ended, and its metrics
    pub result: RunResult,
    /// Names and texts of further columns, which follow the others
    pub tags: Vec<(String, String)>,
}

/// Column of the note that a person gave to a run
pub const NOTE: &str = "note";

impl SummaryRow {
    /// All cells, with those of the tags
    pub fn record(&self) -> Record {
        let cells = Self::header().into_iter().zip(self.cells());
        let tag = |(name, text): &(String, String)| (name.clone(), tag_cell(name, text));
        Record(cells.chain(self.tags.iter().map(tag)).collect())
    }

    /// A CSV file with this row
    pub fn to_csv(&self, dialect: CsvDialect) -> Vec<u8> {
        let record = self.record();
        let names = record.names().map(|name| Cell::Text(name.to_owned()));
        let mark: &[u8] = if dialect == CsvDialect::ExcelEu { b"\xef\xbb\xbf" } else { b"" };
        let cells = record.0.iter().map(|(_, cell)| cell.clone());
        [mark, &dialect.line(names), &dialect.line(cells)].concat()
    }
}

/// The cell of a tag: a number if its text is one as the program writes them
fn tag_cell(name: &str, text: &str) -> Cell {
    match text.parse::<f64>() {
        Ok(number) if name != NOTE && number.to_cell() == Cell::Number(text.to_owned()) => number.to_cell(),
        _ => Cell::Text(text.to_owned()),
    }
}

/// The columns of a summary that are no settings and hold text, also where it looks like a number
const TEXT: &str =
    "run_id status started_at version sweep_id dataset data_hash simd cpu host commit reason best_of note";

/// Whether a column of a summary holds text
pub fn is_text(column: &str) -> bool {
    let mut settings = SETTINGS.iter().filter(|setting| setting.sweepable && !setting.kind.is_number());
    settings.any(|setting| setting.name == column) || TEXT.split(' ').any(|name| name == column)
}

/// The columns of a summary in their order; other settings that a sweep can vary follow in the order of [`SETTINGS`]
const SUMMARY: &str = "run_id status hidden_dims activation epochs batch_size learning_rate momentum weight_decay seed \
    parameters train_loss train_accuracy test_loss test_accuracy best_epoch best_accuracy train_s samples_per_s threads \
    started_at version val_split val_loss val_accuracy dtype engine no_shuffle data sweep_id dataset data_hash train_samples \
    val_samples test_samples classes epochs_done wall_s simd cpu host commit reason best_of test_data test_split target ignore \
    categorical missing scale class_weight weight_column train_rmse val_rmse test_rmse test_mae test_r2 best_rmse \
    task loss init initial_weights patience monitor keep average_val_loss average_val_accuracy average_test_loss \
    average_test_accuracy average_val_rmse average_test_rmse";

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
        /// Number of the true class, from 0
        true_index: usize,
        /// Number of the predicted class, from 0
        predicted_index: usize,
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
        /// Number of the class, from 0
        class_index: usize,
    }
}

schema! {
    /// A line of `class_means.csv`: the mean of the metrics over all classes that occur
    ClassMeanRow {
        /// `macro`: each class counts the same; `weighted`: by its support
        mean: &'static str,
        /// Number of test images
        support: u64,
        /// Mean of the precisions
        precision: Option<Metric>,
        /// Mean of the recalls
        recall: Option<Metric>,
        /// Mean of the F1 scores
        f1: Option<Metric>,
    }
}

schema! {
    /// A line of `targets.csv`: the metrics of one target of regression, in its own unit
    TargetRow {
        /// Name of the target
        target: String,
        /// Number of rows
        samples: usize,
        /// Root-mean-square error
        rmse: Option<Metric>,
        /// Mean absolute error
        mae: Option<Metric>,
        /// R²; empty if all true values are equal
        r2: Option<Metric>,
    }
}

schema! {
    /// A line of `predictions.csv`: what was predicted for a target of a test row
    PredictionRow {
        /// Number of the row in the test set, from 1
        row: usize,
        /// Name of the target
        target: String,
        /// The true value
        r#true: f64,
        /// The predicted value
        predicted: Option<Metric>,
    }
}

schema! {
    /// The line of the metrics.csv that `evaluate` writes
    EvaluationRow {
        /// Mean loss: in nats, or of standardised targets
        loss: Option<Metric>,
        /// Share of the rows whose most probable class is their label; empty in regression, as the next two
        accuracy: Option<Metric>,
        /// Share of the rows whose label is among the five most probable classes; empty for up to five classes
        top5_accuracy: Option<Metric>,
        /// Mean of the F1 scores of the classes that occur
        macro_f1: Option<Metric>,
        /// Number of rows
        samples: usize,
        /// Number of rows whose most probable class is their label; empty in regression
        correct: Option<usize>,
        /// Number of classes; empty in regression
        classes: Option<usize>,
        /// `test` for a test set, `all` for all rows
        part: &'static str,
        /// Where the rows are from
        data: String,
        /// The model file
        model: String,
        /// Element type of the model
        dtype: &'static str,
        /// Version of the program
        version: &'static str,
        /// Root-mean-square error in the unit of the target; for several targets the mean over them; empty for classes, as the
        /// next two
        rmse: Option<Metric>,
        /// Mean absolute error
        mae: Option<Metric>,
        /// R²
        r2: Option<Metric>,
        /// Number of moved copies of each row whose predictions were averaged; 1 for the row alone
        copies: usize,
    }
}

impl EpochRow {
    /// The columns of an `epochs.csv`; `val`: whether the run has a validation split
    pub fn columns(val: bool) -> Columns {
        let all = Columns::of::<Self>();
        let validated = [
            "val_loss",
            "val_accuracy",
            "val_rmse",
            "average_val_loss",
            "average_val_accuracy",
            "average_val_rmse",
        ];
        if val { all } else { all.without(&validated) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_specification() {
        let header = |columns: Columns| {
            String::from_utf8(CsvDialect::Standard.header(&columns)).unwrap().trim_end().to_owned()
        };
        assert_eq!(
            header(EpochRow::columns(false)),
            "run_id,epoch,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy,epoch_s,samples_per_s,status,\
             train_rmse,test_rmse,test_mae,test_r2,average_test_loss,average_test_accuracy,average_test_rmse"
        );
        assert_eq!(
            header(EpochRow::columns(true)),
            "run_id,epoch,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,\
             epoch_s,samples_per_s,status,train_rmse,val_rmse,test_rmse,test_mae,test_r2,average_val_loss,\
             average_val_accuracy,average_test_loss,average_test_accuracy,average_val_rmse,average_test_rmse"
        );
        assert_eq!(
            header(Columns::of::<SummaryRow>()),
            "run_id,status,hidden_dims,activation,epochs,batch_size,learning_rate,momentum,weight_decay,seed,\
             parameters,train_loss,train_accuracy,test_loss,test_accuracy,best_epoch,best_accuracy,train_s,\
             samples_per_s,threads,started_at,version,val_split,val_loss,val_accuracy,dtype,engine,no_shuffle,data,\
             sweep_id,dataset,data_hash,train_samples,val_samples,test_samples,classes,epochs_done,wall_s,simd,cpu,host,\
             commit,reason,best_of,test_data,test_split,target,ignore,categorical,missing,scale,\
             class_weight,weight_column,train_rmse,val_rmse,test_rmse,test_mae,test_r2,best_rmse,task,loss,\
             init,initial_weights,patience,monitor,keep,average_val_loss,average_val_accuracy,average_test_loss,\
             average_test_accuracy,average_val_rmse,average_test_rmse,\
             label_smoothing,flip,shift,mixup,norm,dropout,input_dropout,schedule,warmup,nesterov,decay_bias,optimizer,\
             beta1,beta2,epsilon,ema,swa,distort,erase"
        );
        assert_eq!(header(Columns::of::<ConfusionRow>()), "true,predicted,count,true_index,predicted_index");
        assert_eq!(header(Columns::of::<ClassRow>()), "class,support,precision,recall,f1,class_index");
        assert_eq!(header(Columns::of::<ClassMeanRow>()), "mean,support,precision,recall,f1");
    }

    #[test]
    fn settings_that_are_no_numbers_are_columns_of_text() {
        let texts = SETTINGS.iter().map(|setting| setting.name).filter(|name| is_text(name));
        let expected = "hidden_dims activation no_shuffle dtype engine data test_data target ignore categorical missing scale \
                        class_weight weight_column task loss init initial_weights monitor keep flip norm schedule \
                        nesterov decay_bias optimizer";
        assert_eq!(texts.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn the_settings_that_a_sweep_can_vary_are_columns_and_no_others() {
        let columns = Columns::of::<SummaryRow>();
        for setting in SETTINGS {
            let is_column = columns.names().iter().any(|name| name == setting.name);
            assert_eq!(is_column, setting.sweepable, "{}", setting.name);
        }
        let others: Vec<_> = SETTINGS.iter().filter(|setting| !setting.sweepable).map(|s| s.name).collect();
        let how_files_are_read_and_written = [
            "header",
            "keep_as_id",
            "separator",
            "decimal",
            "x",
            "y",
            "max_time",
            "checkpoint_every",
            "out",
            "csv_dialect",
        ];
        assert_eq!(others, how_files_are_read_and_written);
    }
}
