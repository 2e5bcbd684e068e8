//! Loading a data set: the sources that the options name, the classes, and the test set

use super::label_sets::{LabelSets, label_sets};
use super::options::TableOptions;
use super::raw::RawSets;
use super::read_source::read;
use super::table_set::Wanted;
use super::unknown_texts::{KnownTexts, Rows};
use super::validation_split::{Parts, hold_out};
use super::{DataOptions, Dataset, Split, fit, idx_folder, source_flags, synthetic};
use crate::error::{Error, Result, memory};
use crate::random::Purpose;

impl Dataset {
    /// The path of the data that `--data` leaves to the program
    ///
    /// # Errors
    /// If `CHAINRULE_DATA` is not set and neither default folder has training images.
    pub fn find() -> Result<String> {
        Ok(idx_folder::find()?.display().to_string())
    }

    /// Loads the set that the options describe
    ///
    /// Without `data`, it loads what the variable `CHAINRULE_DATA` names or, if the variable is not set, the first of
    /// `data/fashion-mnist` and `/usr/share/datasets/fashion-mnist` that has training images.
    ///
    /// # Errors
    /// If files are missing or damaged, or don't fit together or the options.
    pub fn load(options: &DataOptions) -> Result<Self> {
        source_flags::check(options)?;
        let set = if options.data.as_deref() == Some("synthetic") && options.test_data.is_none() {
            memory::check(synthetic::BYTES, || "the synthetic set".to_owned())?;
            Self::synthetic()
        } else {
            from_files(options)?
        };
        if let Some(column) = options.table.weight_column.as_ref().filter(|_| set.row_weights.is_none()) {
            let expected = "none, since these data are no table".to_owned();
            return Err(Error::Setting { name: "weight-column", expected, found: column.clone() });
        }
        set.divided(options)
    }

    /// This set with a part of its training rows as test set, if the options ask for one
    fn divided(mut self, options: &DataOptions) -> Result<Self> {
        let Some(split) = &options.test_split else { return Ok(self) };
        let wrong = |expected: &str| {
            let found = split.share().to_string();
            Err(Error::Setting { name: "test-split", expected: expected.to_owned(), found })
        };
        if !self.test.is_empty() {
            return wrong("0, since these data have a test set");
        }
        let Parts { train, val: test } =
            hold_out(&self.train.labels.groups(), split.share(), split.seed, Purpose::Test);
        if test.is_empty() {
            return wrong("0 where no class has two samples");
        }
        self.undivided_hash = Some(self.hash());
        let kept = |weights: &Vec<f64>| train.iter().map(|&row| weights[row as usize]).collect();
        self.row_weights = self.row_weights.as_ref().map(kept);
        (self.train, self.test) = (self.train.rows(&train), self.train.rows(&test));
        let rows = |name, split| Rows { name, split, rows: None };
        let known = KnownTexts::of_rows(&self.inputs, rows("training", &self.train));
        let unknown = known.warnings(&self.source, rows("test", &self.test), "the training rows do", None);
        self.warnings.extend(unknown);
        Ok(self)
    }
}

fn from_files(options: &DataOptions) -> Result<Dataset> {
    let found = options.data.clone().map_or_else(Dataset::find, Ok)?;
    let (RawSets { mut train, test }, named) = read(&found, options, Wanted::Any)?;
    let test = match &options.test_data {
        None => test,
        Some(path) if path == "-" && found == "-" => {
            let (expected, found) = ("another source than --data".to_owned(), path.clone());
            return Err(Error::Setting { name: "test-data", expected, found });
        }
        Some(path) => {
            // A position of the target counts in the training table; a test table has the column of that name.
            let named = !train.targets.is_empty();
            let targets = if named { train.targets.clone() } else { options.table.targets.clone() };
            let known_labels = train.labels.texts();
            let table = TableOptions { targets, known_labels, ..options.table.clone() };
            let options = DataOptions { table, task: train.labels.task(), ..options.clone() };
            let sets = read(path, &options, Wanted::Like(&train.inputs))?.0;
            Some(sets.test.unwrap_or(sets.train))
        }
    };
    let fitted = test.map(|test| fit::fitted(test, &mut train)).transpose()?;
    let (mut test, warnings) = fitted.map_or((None, Vec::new()), |(test, warnings)| (Some(test), warnings));
    let LabelSets { task, note, train: train_labels, test: test_labels } =
        label_sets(&mut train, test.as_mut(), named, options.task)?;
    let columns = train.inputs.columns();
    let no_cells = train.cells.rows(&[], columns);
    Ok(Dataset {
        source: found,
        inputs: train.inputs,
        task,
        task_note: note,
        train: Split { cells: train.cells, columns, labels: train_labels },
        test: Split { cells: test.map_or(no_cells, |test| test.cells), columns, labels: test_labels },
        row_weights: train.weights,
        warnings,
        undivided_hash: None,
    })
}
