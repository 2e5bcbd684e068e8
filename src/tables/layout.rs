//! How an existing file is written: its dialect, its line ends, and whether it has a byte-order mark

use super::Cell;
use crate::config::CsvDialect;

/// How a file is written; a spreadsheet may have given a dialect other line ends, or a byte-order mark
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub dialect: CsvDialect,
    line_end: &'static str,
    has_mark: bool,
}

impl Layout {
    /// The layout of the files that the program creates
    pub fn of(dialect: CsvDialect) -> Self {
        match dialect {
            CsvDialect::Standard => Self { dialect, line_end: "\n", has_mark: false },
            CsvDialect::ExcelEu => Self { dialect, line_end: "\r\n", has_mark: true },
        }
    }

    /// The layout of the file with this text, as its header line shows: the first that is not empty
    pub fn detect(text: &str) -> Self {
        let has_mark = text.starts_with('\u{feff}');
        let text = text.trim_start_matches(['\u{feff}', '\r', '\n']);
        let header_end = text.find(['\r', '\n']).unwrap_or(text.len());
        let is_european = text[..header_end].contains(';');
        let dialect = if is_european { CsvDialect::ExcelEu } else { CsvDialect::Standard };
        let line_end = match &text[header_end..] {
            "" => Self::of(dialect).line_end,
            rest if rest.starts_with("\r\n") => "\r\n",
            rest if rest.starts_with('\r') => "\r",
            _ => "\n",
        };
        Self { dialect, line_end, has_mark }
    }

    /// The character between two cells
    pub fn separator(self) -> u8 {
        if self.dialect == CsvDialect::ExcelEu { b';' } else { b',' }
    }

    /// The first line
    pub fn header<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let mark = if self.has_mark { "\u{feff}" } else { "" };
        let names = names.into_iter().map(|name| Cell::Verbatim(name.to_owned()));
        [mark.as_bytes(), &self.line(names)].concat()
    }

    /// A line with its end
    pub fn line(self, cells: impl IntoIterator<Item = Cell>) -> Vec<u8> {
        let mut line = self.dialect.line(cells);
        while line.pop_if(|byte| b"\r\n".contains(byte)).is_some() {}
        line.extend(self.line_end.bytes());
        line
    }

    /// The end of a line
    pub fn line_end(self) -> &'static str {
        self.line_end
    }
}
