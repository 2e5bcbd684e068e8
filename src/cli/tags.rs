//! The columns of a run that a person names: tags and a note

use anyhow::Result;
use chainrule::tables::{Columns, NOTE, SummaryRow};

/// Names that a tag can't have, beside those of a summary's columns: columns of sweeps, and of later versions
const RESERVED: [&str; 10] = [
    NOTE,
    "trial",
    "rung",
    "hidden_dim",
    "num_layers",
    "train_rmse",
    "val_rmse",
    "test_rmse",
    "test_mae",
    "test_r2",
];

/// Reads a tag, `KEY=VALUE`, whose key becomes a column
pub fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as machine=laptop")?;
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("expected a key of letters, digits and `_`, starting with a letter".to_owned());
    }
    let columns = Columns::of::<SummaryRow>();
    let mut taken = columns.names().iter().map(String::as_str).chain(RESERVED);
    if taken.any(|name| name.eq_ignore_ascii_case(key)) {
        return Err(format!("`{key}` is a column of the program, expected another key"));
    }
    Ok((key.to_owned(), note_text(value)?))
}

/// Checks the text of a note or a tag, which must be one line
pub fn note_text(text: &str) -> Result<String, String> {
    let is_line = !text.contains(char::is_control);
    is_line.then(|| text.to_owned()).ok_or_else(|| "expected one line without control characters".to_owned())
}

/// The columns that tags and a note become
///
/// # Errors
/// If two have the same name.
pub fn columns(tags: &[(String, String)], note: Option<&String>) -> Result<Vec<(String, String)>> {
    let mut columns: Vec<(String, String)> = vec![];
    let note = note.map(|note| (NOTE.to_owned(), note.clone()));
    for (key, value) in tags.iter().cloned().chain(note) {
        if columns.iter().any(|(other, _)| other.eq_ignore_ascii_case(&key)) {
            let (expected, found) = ("each key once".to_owned(), format!("{key} twice"));
            return Err(chainrule::Error::Setting { name: "tag", expected, found }.into());
        }
        columns.push((key, value));
    }
    Ok(columns)
}
