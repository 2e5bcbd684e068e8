//! The flags that say how a table is written, for commands that read one without settings

use std::path::Path;

use anyhow::Result;
use chainrule::Error;
use chainrule::config::{Decimal, Header};
use chainrule::data::options::TableOptions;
use chainrule::data::source_kind::{self, Kind};
use chainrule::error::shown;

/// How a table is written, where its first lines don't show it
#[derive(clap::Args)]
pub struct TableForm {
    /// Whether the first line of a table holds the names of the columns
    #[arg(long, value_name = "WHETHER", value_enum, default_value_t)]
    header: Header,

    /// Decimal sign of a table's numbers
    #[arg(long, value_name = "SIGN", value_enum, default_value_t)]
    decimal: Decimal,

    /// Character between the cells of the table, or `tab` [default: found in the first lines]
    #[arg(long, value_name = "CHAR")]
    separator: Option<String>,
}

impl TableForm {
    /// The options for the reader of tables
    pub fn options(&self) -> TableOptions {
        TableOptions {
            header: self.header,
            separator: self.separator.clone(),
            decimal: self.decimal,
            ..TableOptions::default()
        }
    }

    /// A flag that is given, which is an error for other data than tables
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.header != Header::Auto, "--header"),
            (self.decimal != Decimal::Point, "--decimal"),
            (self.separator.is_some(), "--separator"),
        ];
        flags.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }
}

/// Checks that a flag for tables is given with a table
///
/// # Errors
/// If the file is of another kind; one that can't be read is reported by its reader.
pub fn check_is_table(path: &Path, flag: &str) -> Result<()> {
    let is_table =
        path.as_os_str() == "-" || !matches!(source_kind::kind(path), Ok(kind) if kind != Kind::Table);
    if is_table {
        return Ok(());
    }
    Err(Error::Usage(format!("{} is no table, and {flag} is for tables: leave it out", shown(path))).into())
}
