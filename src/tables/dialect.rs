//! The two CSV dialects: header lines and rows as bytes

use super::{Cell, Columns, Row};
use crate::config::CsvDialect;

impl CsvDialect {
    /// The header line, with the byte-order mark where the dialect has one
    pub fn header(self, columns: &Columns) -> Vec<u8> {
        let mark: &[u8] = if self == Self::ExcelEu { b"\xef\xbb\xbf" } else { b"" };
        let names = columns.names().iter().map(|name| Cell::Text(name.clone()));
        [mark, &self.line(names)].concat()
    }

    /// One line, with its line end
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
        // Writing to a Vec can't fail.
        let written = writer.write_record(fields).map_err(|e| e.to_string());
        let line = written.and_then(|()| writer.into_inner().map_err(|e| e.to_string()));
        line.unwrap_or_else(|e| unreachable!("a CSV line in memory: {e}"))
    }
}

/// First characters of text that a spreadsheet runs as a formula
pub(crate) const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Puts an apostrophe before text that a spreadsheet would run as a formula
fn defuse(text: String) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text }
}

/// The bytes of a CSV file with `rows`
pub fn to_csv<R: Row>(rows: &[R], dialect: CsvDialect) -> Vec<u8> {
    let lines = rows.iter().map(|row| dialect.line(row.cells()));
    std::iter::once(dialect.header(&Columns::of::<R>())).chain(lines).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::samples::{Sample, sample};

    fn text(rows: &[Sample], dialect: CsvDialect) -> String {
        String::from_utf8(to_csv(rows, dialect)).unwrap()
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
}
