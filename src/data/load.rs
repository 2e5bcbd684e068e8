//! Loading a data set: the source that the options name, its classes, and its test set

use std::path::Path;

use super::classes::{Labelled, classes};
use super::options::TableOptions;
use super::preprocessing::Preprocessing;
use super::raw::{RawSet, RawSets};
use super::source_kind::{self, Kind};
use super::table_set::Wanted;
use super::validation_split::{Parts, hold_out};
use super::{DataOptions, Dataset, Split, fit, idx_folder, numpy_set, synthetic, table_set};
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
            hold_out(&self.train.labels, split.share(), split.seed, Purpose::Test);
        if test.is_empty() {
            return wrong("0 where no class has two samples");
        }
        self.undivided_hash = Some(self.hash());
        let kept = |weights: &Vec<f64>| train.iter().map(|&row| weights[row as usize]).collect();
        self.row_weights = self.row_weights.as_ref().map(kept);
        (self.train, self.test) = (self.train.rows(&train), self.train.rows(&test));
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
            let target = train.target.clone().or_else(|| options.table.target.clone());
            let table = TableOptions { target, ..options.table.clone() };
            let sets = read(path, &DataOptions { table, ..options.clone() }, Wanted::Like(&train.inputs))?.0;
            Some(sets.test.unwrap_or(sets.train))
        }
    };
    let test = test.map(|test| fit::fitted(test, &mut train)).transpose()?;
    let Labelled { names, train: train_labels, test: test_labels } = classes(&train, test.as_ref(), named)?;
    let columns = train.inputs.columns();
    let no_cells = train.cells.rows(&[], columns);
    Ok(Dataset {
        source: found,
        inputs: train.inputs,
        classes: names,
        train: Split { cells: train.cells, columns, labels: train_labels },
        test: Split { cells: test.map_or(no_cells, |test| test.cells), columns, labels: test_labels },
        row_weights: train.weights,
        undivided_hash: None,
    })
}

/// The sets of a source, whose columns are those of a model
pub struct Sets {
    /// The path of the rows
    pub source: String,
    /// The training set, or the only set; `None` if only test data were asked for
    pub train: Option<RawSet>,
    /// The test set, if there is one
    pub test: Option<RawSet>,
}

/// Reads the sets that the options name, with the columns that a model reads; with `test_data`, only these
///
/// # Errors
/// If files are missing or damaged, or tables lack columns of the model.
pub fn read_sets(options: &DataOptions, model: &Preprocessing) -> Result<Sets> {
    let wanted = Wanted::Model(model);
    if let Some(source) = options.test_data.clone() {
        let RawSets { train, test } = read(&source, options, wanted)?.0;
        let (test, train) = (test.unwrap_or(train), None);
        return Ok(Sets { source, train, test: Some(test) });
    }
    let source = options.data.clone().map_or_else(Dataset::find, Ok)?;
    let RawSets { train, test } = read(&source, options, wanted)?.0;
    Ok(Sets { source, train: Some(train), test })
}

/// Reads a source, with the names of classes if it has them
///
/// * `wanted`: which columns of a table are read
fn read(path: &str, options: &DataOptions, wanted: Wanted<'_>) -> Result<(RawSets, Option<Vec<String>>)> {
    let unnamed = |train, test| Ok((RawSets { train, test }, None));
    let (file, dtype) = (Path::new(path), options.dtype);
    let is_training = matches!(wanted, Wanted::Any);
    if let Some((x, y)) = pair(path, options.y.as_deref().filter(|_| is_training))? {
        return unnamed(numpy_set::from_npy(x.as_ref(), y.as_ref(), dtype)?, None);
    }
    if path == "-" {
        return unnamed(table_set::read(path, &options.table, dtype, wanted)?, None);
    }
    // The files of one of several sets in a folder are named by their prefix, which is no file and has no extension.
    if file.is_dir() || (!file.exists() && file.extension().is_none()) {
        return match numpy_set::files(file) {
            Some(files) => Ok((numpy_set::from_folder(file, &files, dtype)?, None)),
            None => idx_folder::load(file, dtype),
        };
    }
    let expected = |problem: &str| Err(Error::content(file, problem));
    match source_kind::kind(file)? {
        Kind::Table => unnamed(table_set::read(path, &options.table, dtype, wanted)?, None),
        Kind::Npz => {
            let (x, y) = (options.x.as_deref(), options.y.as_deref());
            Ok((numpy_set::from_npz(file, [x, y], is_training, dtype)?, None))
        }
        Kind::Npy => expected("is one array, expected two, of inputs and of labels: --data x.npy,y.npy"),
        Kind::Folder | Kind::Idx => expected("is one IDX file, expected the folder with images and labels"),
        Kind::Model => expected("is a model, expected data"),
    }
}

/// The paths of two .npy files that are named together, as `x.npy,y.npy`, or by --data and --y; `None` for other data
///
/// # Errors
/// If one of them is no .npy file.
fn pair<'a>(path: &'a str, y: Option<&'a str>) -> Result<Option<(&'a str, &'a str)>> {
    let is_npy = |path: &str| Ok(source_kind::kind(path.as_ref())? == Kind::Npy);
    if Path::new(path).exists() {
        // In an .npz, --y names an array.
        let y = y.filter(|_| matches!(is_npy(path), Ok(true)));
        return Ok(y.map(|y| (path, y)));
    }
    let Some((x, y)) = path.split_once(',') else { return Ok(None) };
    for file in [x, y] {
        if !is_npy(file)? {
            let problem = format!("is no .npy file, expected two in {path}, of inputs and of labels");
            return Err(Error::content(file.as_ref(), problem));
        }
    }
    Ok(Some((x, y)))
}
