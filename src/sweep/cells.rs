//! The cells of a CSV file, as they stand

use std::path::Path;

use crate::config::CsvDialect;
use crate::error::{Error, Result};

/// A header and the lines below it
#[derive(Clone, Debug)]
pub struct Cells {
    header: Vec<String>,
    /// Line by line, each as long as the header
    pub lines: Vec<Vec<String>>,
}

impl Cells {
    /// Reads a file that we wrote in this dialect
    ///
    /// # Errors
    /// If it can't be read, has no header, or lines that are shorter or longer than the header.
    pub fn read(path: &Path, dialect: CsvDialect) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::reading(path))?;
        let problem = |problem: String| Error::Text { path: path.to_owned(), problem };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let delimiter = if dialect == CsvDialect::ExcelEu { b';' } else { b',' };
        let mut builder = csv::ReaderBuilder::new();
        let mut reader = builder.delimiter(delimiter).has_headers(false).from_reader(bytes);
        let lines = reader.records().map(|record| Ok(record?.iter().map(str::to_owned).collect()));
        let lines = lines.collect::<std::result::Result<Vec<Vec<String>>, csv::Error>>();
        let mut lines = lines.map_err(|e| problem(e.to_string()))?;
        if lines.is_empty() {
            return Err(problem("is empty, expected a header".to_owned()));
        }
        Ok(Self { header: lines.remove(0), lines })
    }

    /// The cell of a line in the column of this name
    pub fn get<'a>(&self, line: &'a [String], name: &str) -> Option<&'a str> {
        let place = self.header.iter().position(|other| other == name)?;
        line.get(place).map(String::as_str)
    }

    /// The number in a cell of the first line, if there is one
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(self.lines.first()?, name)?.replace(',', ".").parse().ok()
    }

    /// The text in a cell of the first line; empty if there is none
    pub fn text(&self, name: &str) -> &str {
        self.lines.first().and_then(|line| self.get(line, name)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects_give_the_same_cells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let standard = ("a,b\n\"x,\"\"y\",0.5\n", CsvDialect::Standard);
        for (text, dialect) in [standard, ("\u{feff}a;b\r\n\"x,\"\"y\";0,5\r\n", CsvDialect::ExcelEu)] {
            std::fs::write(&path, text).unwrap();
            let cells = Cells::read(&path, dialect).unwrap();
            assert_eq!((cells.text("a"), cells.number("b"), cells.text("c")), ("x,\"y", Some(0.5), ""));
        }
        std::fs::write(&path, "a,b\n1\n").unwrap();
        assert!(Cells::read(&path, CsvDialect::Standard).unwrap_err().to_string().contains("a.csv"));
    }
}
