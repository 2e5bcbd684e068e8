//! CSV files: schemas, writers whose files spreadsheets open correctly, and the one reader
//!
//! A schema is a struct: its fields, in order, are the columns. Numbers are written as the shortest text that reads
//! back to the same number; a missing value is an empty cell; text that a spreadsheet would run as a formula gets an
//! apostrophe before it.

mod append;
pub mod atomic_file;
mod cell;
mod columns;
mod destination;
mod dialect;
mod header;
mod layout;
mod locked;
mod new_folder;
pub mod reader;
mod record;
mod schemas;
mod shared_file;
mod status;
mod table_row;
mod writer;

pub use append::{SharedTable, check_appendable};
pub use cell::{Cell, Metric, Row, ToCell, rate, seconds};
pub use columns::Columns;
pub(crate) use dialect::FORMULA;
pub use dialect::to_csv;
pub use locked::Locked;
pub use new_folder::create_folder;
pub use record::Record;
pub use schemas::{
    BenchRow, ClassMeanRow, ClassRow, ConfusionRow, EpochRow, EvaluationRow, NOTE, PredictionRow, RunResult,
    SummaryRow, TargetRow, is_text,
};
pub(crate) use shared_file::append_whole;
pub use shared_file::lock;
pub use status::Status;
pub use writer::{CsvWriter, Written};

/// Declares a struct whose fields, in order, are the columns of a CSV file
macro_rules! schema {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }
        impl Row for $name {
            fn header() -> Vec<String> {
                // A raw identifier's name follows `r#`.
                [$(stringify!($field)),*].map(|name| name.trim_start_matches("r#").to_owned()).to_vec()
            }
            fn cells(&self) -> Vec<Cell> {
                vec![$(self.$field.to_cell()),*]
            }
        }
    };
}
use schema;

#[cfg(test)]
mod samples {
    use super::{Cell, Row, ToCell};

    schema! {
        /// A row for tests
        Sample {
            /// Text
            name: String,
            /// Number
            value: Option<f32>,
            /// Number
            wide: f64,
        }
    }

    pub fn sample(name: &str, value: Option<f32>) -> Sample {
        Sample { name: name.to_owned(), value, wide: -1.5 }
    }
}
