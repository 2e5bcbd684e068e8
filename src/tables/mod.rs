//! CSV schemas, and writers that make files which open right in a spreadsheet
//!
//! A schema is one struct: its fields, in order, are the columns. Numbers are the shortest text that reads
//! back to the same; what does not exist is an empty cell; text that a spreadsheet would run is defused.

pub mod atomic_file;
mod columns;
mod metric;
pub mod reader;

/// A struct whose fields, in order, are the columns of a CSV file
macro_rules! schema {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }
        impl Row for $name {
            const HEADER: &'static [&'static str] = &[$(stringify!($field)),*];
            fn cells(&self) -> Vec<Cell> {
                vec![$(self.$field.to_cell()),*]
            }
        }
    };
}
mod schemas;
mod status;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::config::CsvDialect;
use crate::error::{Error, Result};

pub use columns::Columns;
pub use metric::Metric;
pub use schemas::{BenchRow, ClassRow, ConfusionRow, EpochRow, SummaryRow};
pub use status::Status;

/// The content of a cell
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Digits, with a decimal point
    Number(String),
    /// Words
    Text(String),
    /// As it stood in a cell of a file of the same dialect
    Verbatim(String),
    /// Nothing
    Empty,
}

/// How a field becomes a cell
pub trait ToCell {
    /// The cell
    fn to_cell(&self) -> Cell;
}

macro_rules! integer_cells {
    ($($t:ty),*) => {$(
        impl ToCell for $t {
            fn to_cell(&self) -> Cell {
                Cell::Number(self.to_string())
            }
        }
    )*};
}
integer_cells!(u32, u64, usize);

macro_rules! float_cells {
    ($($t:ty),*) => {$(
        impl ToCell for $t {
            /// Infinity and NaN are not numbers to a spreadsheet: the cell stays empty
            ///
            /// From 10¹⁶ on with an exponent: pandas takes more digits than an integer's for text.
            fn to_cell(&self) -> Cell {
                match self {
                    x if !x.is_finite() => Cell::Empty,
                    x if x.abs() >= 1e16 => Cell::Number(format!("{x:e}")),
                    x => Cell::Number(x.to_string()),
                }
            }
        }
    )*};
}
float_cells!(f32, f64);

impl ToCell for String {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
}

impl ToCell for &'static str {
    fn to_cell(&self) -> Cell {
        Cell::Text((*self).to_owned())
    }
}

impl ToCell for bool {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.to_string())
    }
}

impl<C: ToCell> ToCell for Option<C> {
    fn to_cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Empty, C::to_cell)
    }
}

/// One line of a CSV file
pub trait Row {
    /// Names of the columns
    const HEADER: &'static [&'static str];
    /// The cells, in the same order
    fn cells(&self) -> Vec<Cell>;
}

/// Seconds to the microsecond: what a clock gives beyond that is noise
pub fn seconds(s: f64) -> f64 {
    (s * 1e6).round() / 1e6
}

/// Images a second, whole; nothing if no time was measured
pub fn rate(images: usize, s: f64) -> Option<f64> {
    (s > 0.0 && images > 0).then(|| (images as f64 / s).round())
}

impl CsvDialect {
    /// The header line, with the byte-order mark where the dialect has one
    pub fn header(self, columns: &Columns) -> Vec<u8> {
        let mark: &[u8] = if self == Self::ExcelEu { b"\xef\xbb\xbf" } else { b"" };
        let names = columns.names().iter().map(|name| Cell::Text(name.clone()));
        [mark, &self.line(names)].concat()
    }

    /// One line, with its end
    pub fn line(self, cells: impl IntoIterator<Item = Cell>) -> Vec<u8> {
        let mut builder = csv::WriterBuilder::new();
        if self == Self::ExcelEu {
            builder.delimiter(b';').terminator(csv::Terminator::CRLF);
        }
        let mut writer = builder.from_writer(Vec::new());
        let fields = cells.into_iter().map(|cell| match cell {
            Cell::Number(digits) if self == Self::ExcelEu => digits.replace('.', ","),
            Cell::Number(digits) => digits,
            Cell::Text(text) => defuse(text),
            Cell::Verbatim(text) => text,
            Cell::Empty => String::new(),
        });
        // A Vec takes all that is written, and every line is written whole.
        let written = writer.write_record(fields).map_err(|e| e.to_string());
        let line = written.and_then(|()| writer.into_inner().map_err(|e| e.to_string()));
        line.unwrap_or_else(|e| unreachable!("a CSV line in memory: {e}"))
    }
}

/// Text that starts with one of these is a formula to a spreadsheet
pub(crate) const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Text that a spreadsheet would take for a formula gets an apostrophe in front
fn defuse(text: String) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text }
}

/// The whole text of a CSV file with these rows
pub fn to_csv<R: Row>(rows: &[R], dialect: CsvDialect) -> Vec<u8> {
    let lines = rows.iter().map(|row| dialect.line(row.cells()));
    std::iter::once(dialect.header(&Columns::of::<R>())).chain(lines).collect::<Vec<_>>().concat()
}

/// A CSV file that grows by a row at a time, each on disk (or with the operating system) before the next
#[derive(Debug)]
pub struct CsvWriter {
    path: PathBuf,
    file: File,
    columns: Columns,
    dialect: CsvDialect,
}

impl CsvWriter {
    /// Makes the file, with its header
    ///
    /// # Errors
    /// If it exists or can't be written.
    pub fn create(path: &Path, columns: Columns, dialect: CsvDialect) -> Result<Self> {
        let open = OpenOptions::new().append(true).create_new(true).open(path);
        let file = open.map_err(Error::writing(path))?;
        let mut writer = Self { path: path.to_owned(), file, columns, dialect };
        writer.write(&dialect.header(&writer.columns))?;
        Ok(writer)
    }

    /// Appends a row
    ///
    /// # Errors
    /// If it can't be written.
    pub fn push<R: Row>(&mut self, row: &R) -> Result<()> {
        self.write(&self.dialect.line(self.columns.cells(row)))
    }

    /// Waits until all rows are on disk
    ///
    /// # Errors
    /// If they can't be brought there.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::writing(&self.path))
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.file.write_all(line).map_err(Error::writing(&self.path))
    }
}

/// Whether rows of `R` can be appended to `path`: it is not there yet, or has the same header byte for byte
///
/// # Errors
/// If it is there and can't be read or has another header.
pub fn check_appendable<R: Row>(path: &Path, dialect: CsvDialect) -> Result<()> {
    match File::open(path) {
        Ok(mut file) => check_header::<R>(path, &mut file, dialect),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::reading(path)(e)),
    }
}

fn check_header<R: Row>(path: &Path, file: &mut File, dialect: CsvDialect) -> Result<()> {
    let expected = dialect.header(&Columns::of::<R>());
    let mut found = vec![0; expected.len()];
    let len = read_up_to(file, &mut found).map_err(Error::reading(path))?;
    if len == 0 || found[..len] == expected[..] {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    Err(Error::CsvHeader { path: path.to_owned(), expected: text(&expected), found: text(&found[..len]) })
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read(&mut buffer[len..])? {
            0 => break,
            n => len += n,
        }
    }
    Ok(len)
}

/// Appends one row to a file that other processes may append to at the same moment
///
/// The file is locked while its header is looked at, and header and row go out in a single write at its
/// end: lines never mix, also where the file system knows no locks. A last line without an end, which
/// only another program can have left, is ended first.
///
/// # Errors
/// If the file has another header, or can't be written; what part of a row went out on a full disk is taken back.
pub fn append_shared<R: Row>(path: &Path, row: &R, dialect: CsvDialect) -> Result<()> {
    let open = OpenOptions::new().read(true).append(true).create(true).open(path);
    let mut file = open.map_err(Error::writing(path))?;
    match file.lock() {
        Err(e) if e.kind() != std::io::ErrorKind::Unsupported => return Err(Error::writing(path)(e)),
        _ => {}
    }
    check_header::<R>(path, &mut file, dialect)?;
    let end = file.seek(SeekFrom::End(0)).map_err(Error::reading(path))?;
    let mut bytes = Vec::new();
    if end == 0 {
        bytes = dialect.header(&Columns::of::<R>());
    } else {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))
            .and_then(|_| file.read_exact(&mut last))
            .map_err(Error::reading(path))?;
        if last != *b"\n" {
            bytes.push(b'\n');
        }
    }
    bytes.extend(dialect.line(row.cells()));
    file.write_all(&bytes).map_err(|e| {
        // The first error is the one to tell.
        let _ = file.set_len(end);
        Error::writing(path)(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    schema! {
        /// For tests
        Sample {
            /// Text
            name: String,
            /// Number
            value: Option<f32>,
            /// Number
            wide: f64,
        }
    }

    fn sample(name: &str, value: Option<f32>) -> Sample {
        Sample { name: name.to_owned(), value, wide: -1.5 }
    }

    fn text(rows: &[Sample], dialect: CsvDialect) -> String {
        String::from_utf8(to_csv(rows, dialect)).unwrap()
    }

    #[test]
    fn large_numbers_have_an_exponent_and_others_have_none() {
        for (x, digits) in
            [(1e15, "1000000000000000"), (1e16, "1e16"), (-2.5e30, "-2.5e30"), (1e-7, "0.0000001")]
        {
            assert_eq!(x.to_cell(), Cell::Number(digits.to_owned()));
        }
    }

    #[test]
    fn numbers_are_the_shortest_that_read_back_and_missing_ones_are_empty() {
        let rows =
            [sample("a", Some(0.1)), sample("b", None), sample("c", Some(f32::NAN)), sample("d", Some(1e-7))];
        assert_eq!(
            text(&rows, CsvDialect::Standard),
            "name,value,wide\na,0.1,-1.5\nb,,-1.5\nc,,-1.5\nd,0.0000001,-1.5\n"
        );
    }

    #[test]
    fn formulas_are_defused_in_text_and_numbers_left_alone() {
        let rows = ["=1+1", "+a", "-a", "@a", "\ta", "a=b"].map(|name| sample(name, Some(-2.0)));
        let lines = text(&rows, CsvDialect::Standard);
        assert_eq!(lines.lines().skip(1).filter(|line| line.starts_with('\'')).count(), 5, "{lines}");
        assert!(lines.lines().skip(1).all(|line| line.ends_with(",-2,-1.5")), "{lines}");
    }

    #[test]
    fn quotes_commas_and_newlines_in_names_survive() {
        let name = "a \"b\", c\nd";
        let csv = to_csv(&[sample(name, None)], CsvDialect::Standard);
        let mut reader = csv::Reader::from_reader(&csv[..]);
        assert_eq!(&reader.records().next().unwrap().unwrap()[0], name);
    }

    #[test]
    fn the_european_dialect_has_mark_semicolon_comma_and_crlf() {
        let csv = text(&[sample("a", Some(0.5))], CsvDialect::ExcelEu);
        assert_eq!(csv, "\u{feff}name;value;wide\r\na;0,5;-1,5\r\n");
    }

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
    fn appending_writes_one_header_and_refuses_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        check_appendable::<Sample>(&path, CsvDialect::Standard).unwrap();
        for name in ["a", "b"] {
            append_shared(&path, &sample(name, None), CsvDialect::Standard).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,value,wide\na,,-1.5\nb,,-1.5\n");
        let error = append_shared(&path, &sample("c", None), CsvDialect::ExcelEu).unwrap_err();
        assert!(error.to_string().contains("its header is `name,value,wide`"), "{error}");
        assert!(check_appendable::<EpochRow>(&path, CsvDialect::Standard).is_err());
        // An editor may have cut the last line's end.
        std::fs::write(&path, "name,value,wide\na,,1").unwrap();
        append_shared(&path, &sample("d", None), CsvDialect::Standard).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,value,wide\na,,1\nd,,-1.5\n");
    }

    #[test]
    fn many_threads_append_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        std::thread::scope(|scope| {
            for i in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        append_shared(path, &sample(&format!("w{i}"), Some(i as f32)), CsvDialect::Standard)
                            .unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 401);
        assert!(text.lines().skip(1).all(|line| line.starts_with('w') && line.ends_with(",-1.5")));
    }
}
