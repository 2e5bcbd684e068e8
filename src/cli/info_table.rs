//! What `chainrule info` shows of a table: its columns, found in all rows, which are read in bounded memory

use std::collections::HashSet;
use std::fmt::Write;

use anyhow::Result;
use chainrule::Error;
use chainrule::config::Dtype;
use chainrule::data::csv::{Head, Kept, Lines, Role};
use chainrule::data::options::TableOptions;
use chainrule::data::table_set;
use chainrule::error::{first_ten, printable};
use chainrule::report::analysis::short_number;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::format::{Shown, columns, count};

/// Most different texts of a column that are counted
const TEXTS: usize = 1 << 16;
/// Most different cells that are kept of a column that has only numbers so far
const NUMBERS: usize = 1000;
/// Most bytes of the different texts of a column
const BYTES: usize = 1 << 24;

/// What is known of a column after some of the rows
#[derive(Clone, Debug, Default)]
struct Column {
    missing: usize,
    /// The least and the greatest number
    range: Option<(f64, f64)>,
    /// The different cells that are not missing
    distinct: HashSet<String>,
    /// Their bytes
    bytes: usize,
    /// Whether there are more of them
    has_more: bool,
    /// The first text, and its line; `None` if all cells are numbers or missing
    text: Option<(String, u64)>,
    /// Whether a number comes before the first text
    starts_with_numbers: bool,
}

impl Column {
    /// Takes the cells of further rows
    fn add(&mut self, cells: &Kept, lines: &Lines, head: &Head) {
        for (row, cell) in cells.iter().enumerate() {
            match head.number(cell) {
                _ if head.is_missing(cell) => {
                    self.missing += 1;
                    continue;
                }
                Some(x) => {
                    let (least, most) = self.range.unwrap_or((x, x));
                    self.range = Some((least.min(x), most.max(x)));
                }
                None if self.text.is_none() => {
                    self.starts_with_numbers = self.range.is_some();
                    self.text = Some((cell.to_owned(), lines.line(row)));
                }
                None => {}
            }
            self.note(cell);
        }
    }

    /// Keeps a cell if it differs from all before
    fn note(&mut self, cell: &str) {
        let most = if self.text.is_some() { TEXTS } else { NUMBERS };
        if self.has_more || self.distinct.contains(cell) {
            return;
        }
        self.bytes += cell.len();
        if self.distinct.len() == most || self.bytes > BYTES {
            self.has_more = true;
        } else {
            self.distinct.insert(cell.to_owned());
        }
    }

    /// The different cells in order
    fn sorted(&self) -> Vec<&str> {
        let mut sorted: Vec<&str> = self.distinct.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        sorted
    }

    /// The kind and the values, as text
    fn shown(&self) -> [String; 2] {
        let Some((text, line)) = &self.text else {
            let range = self.range.map(|(a, b)| format!("{} to {}", short_number(a), short_number(b)));
            return ["number".to_owned(), range.unwrap_or_default()];
        };
        let values = first_ten(self.sorted().into_iter().map(|text| printable(text).into_owned()), ", ");
        let more = if self.has_more { "more than " } else { "" };
        let first = match self.starts_with_numbers {
            true => format!("numbers before `{}` in line {line}; ", printable(&shortened(text))),
            false => String::new(),
        };
        ["text".to_owned(), format!("{first}{more}{} different: {values}", count(self.distinct.len()))]
    }

    fn json(&self, name: &str) -> Value {
        match &self.text {
            None => {
                let (least, most) = self.range.unzip();
                json!({
                    "name": name, "kind": "number", "missing": self.missing, "least": least, "greatest": most,
                })
            }
            Some((text, line)) => json!({
                "name": name, "kind": "text", "missing": self.missing, "values": self.sorted(),
                "has_more_values": self.has_more, "first_text": text, "first_text_line": line,
            }),
        }
    }
}

/// The first 40 characters of a text
fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The columns of a table: the range of numbers, and how many different texts
pub fn table(what: &str, form: &TableOptions) -> Result<Shown> {
    let reader = table_set::open(what, form, &[])?;
    let roles = vec![Role::Keep; reader.head().names.len()];
    let mut blocks = reader.blocks(&roles, Dtype::F64);
    let head = blocks.head().clone();
    let (mut rows, mut found) = (0, vec![Column::default(); roles.len()]);
    while let Some(block) = blocks.next_block()? {
        rows += block.rows;
        let cells = found.par_iter_mut().zip(&block.kept);
        cells.for_each(|(column, cells)| column.add(cells, &block.lines, &head));
    }
    if rows == 0 {
        return Err(Error::content(&head.path, "has only a header, expected rows after it").into());
    }
    let mut lines = vec![["column", "kind", "missing", "values"].map(str::to_owned).to_vec()];
    for (name, column) in head.names.iter().zip(&found) {
        let [kind, values] = column.shown();
        lines.push(vec![printable(name).into_owned(), kind, count(column.missing), values]);
    }
    let header = if head.has_header { "names in the first line" } else { "no names of columns" };
    let separator = match head.separator {
        b'\t' => "TAB".to_owned(),
        byte => format!("`{}`", char::from(byte)),
    };
    let mut text = format!("table       {}\nrows        {}\n", printable(what), count(rows));
    writeln!(text, "form        separated by {separator}, {header}\n\n{}", columns(&lines))?;
    let of_columns = head.names.iter().zip(&found).map(|(name, column)| column.json(name));
    let json = json!({
        "kind": "table", "path": what, "rows": rows, "header": head.has_header,
        "separator": char::from(head.separator).to_string(), "columns": of_columns.collect::<Vec<_>>(),
    });
    Ok((text, json))
}
