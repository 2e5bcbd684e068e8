//! A data set in memory: a training and a test set with the same columns, for the same task

use super::Cells;
use super::labels::Labels;
use super::task::Task;

/// Rows of cells and their labels
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The cells, row by row
    pub cells: Cells,
    /// Number of cells of a row
    pub columns: usize,
    /// The labels of all rows
    pub labels: Labels,
}

impl Split {
    /// Number of rows
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Some of the rows, in the given order
    #[must_use]
    pub fn rows(&self, rows: &[u32]) -> Self {
        let labels = self.labels.rows(rows);
        Self { cells: self.cells.rows(rows, self.columns), columns: self.columns, labels }
    }
}

/// What the columns of a data set are
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The dimensions of a row, such as 28 × 28; the number of columns of a table
    pub dims: Vec<usize>,
    /// The names of a table's columns; empty for arrays and images
    pub names: Vec<String>,
    /// The values of each column of categories, whose cells are indices into them; `None` for columns of numbers
    ///
    /// Empty if no column has categories.
    pub categories: Vec<Option<Vec<String>>>,
    /// The names of the columns of a table that name a row and are no inputs
    pub ids: Vec<String>,
    /// The name of the column of a table with what is predicted; `None` if there are several
    pub target: Option<String>,
}

impl Inputs {
    /// The inputs of rows that are arrays of these dimensions
    pub fn of_array(dims: &[usize]) -> Self {
        Self { dims: dims.to_vec(), ..Self::default() }
    }

    /// Number of columns
    pub fn columns(&self) -> usize {
        self.dims.iter().product()
    }
}

/// A training and a test set with the same columns, for the same task
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The path that the set was read from, or `synthetic`
    pub source: String,
    /// What the columns are
    pub inputs: Inputs,
    /// What is predicted; label k is the class with the k-th name
    pub task: Task,
    /// Why the labels are numbers to predict, if a person did not say so
    pub task_note: Option<String>,
    /// The training set
    pub train: Split,
    /// How much each training row counts, 0 or more; `None`: all the same
    pub row_weights: Option<Vec<f64>>,
    /// The test set, which may have no rows
    pub test: Split,
    /// What a person should know about how the files fit together
    pub warnings: Vec<String>,
    /// The hash of the set before a part of its training rows became the test set; `None` if none did
    pub undivided_hash: Option<String>,
}

impl Dataset {
    /// The largest number of inputs that a net for this set can have
    ///
    /// It has fewer if there are categories that no training row has.
    pub fn features(&self) -> usize {
        let columns = self.inputs.columns();
        let Inputs { categories, .. } = &self.inputs;
        let of_categories: usize = categories.iter().flatten().map(Vec::len).sum();
        columns - categories.iter().flatten().count() + of_categories
    }
}
