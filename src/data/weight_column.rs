//! The column of a table with how much each training row counts

use super::csv::{Head, Lines, Target};
use crate::config::Missing;
use crate::error::{Error, Result, printable};

/// The weights in a column, NaN where one is missing
///
/// * `name`: what names the column, for messages
///
/// # Errors
/// If a cell is no finite number, below 0, or missing although rows that lack a number are not left out.
pub fn weights(head: &Head, name: &str, column: Target, lines: &Lines, policy: Missing) -> Result<Vec<f64>> {
    let wrong = |line: u64, problem: &str| {
        let problem = format!("line {line}, --weight-column `{}`: {problem}", printable(name));
        Err(Error::content(&head.path, problem))
    };
    let missing = column.missing;
    if missing.count > 0 && policy != Missing::Drop {
        let problem = "the weight is missing; --missing drop leaves such rows out";
        return wrong(missing.first_line, problem);
    }
    let expected = "expected a finite number, 0 or more";
    let Some(weights) = column.numbers else {
        let text = |&code: &u32| column.texts.get(code as usize).filter(|text| head.is_text(text));
        let found = column.codes.iter().enumerate().find_map(|(row, code)| Some((row, text(code)?)));
        // Without any number, a column of missing cells has none.
        let Some((row, text)) = found else { return Ok(vec![f64::NAN; column.codes.len()]) };
        return wrong(lines.line(row), &format!("found `{}`, {expected}", printable(text)));
    };
    match weights.iter().position(|&weight| weight < 0.0) {
        Some(row) => wrong(lines.line(row), &format!("found {}, {expected}", weights[row])),
        None => Ok(weights),
    }
}
