//! The input of a C header: which kinds of columns it has, and the comment that describes them

use super::text;
use crate::data::preprocessing::{Column, Encoding, Preprocessing};
use crate::error::separated;

/// The columns; none for pixels
fn columns(preprocessing: &Preprocessing) -> &[Column] {
    match &preprocessing.encoding {
        Encoding::Pixels => &[],
        Encoding::Columns { columns, .. } => columns,
    }
}

/// Whether a column has categories
pub fn has_categories(preprocessing: &Preprocessing) -> bool {
    columns(preprocessing).iter().any(|column| matches!(column, Column::Category(_)))
}

/// Whether a missing number is replaced
pub fn has_fill(preprocessing: &Preprocessing) -> bool {
    columns(preprocessing).iter().any(|column| matches!(column, Column::Number { fill: Some(_), .. }))
}

/// The lines of a comment that say what the caller puts into the input
pub fn described(preprocessing: &Preprocessing) -> String {
    let Preprocessing { dims, names, encoding } = preprocessing;
    if *encoding == Encoding::Pixels {
        let dims = dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return format!(" * input: {dims} pixels, row by row, from 0 to 255\n");
    }
    let columns = columns(preprocessing);
    if names.is_empty() && !has_categories(preprocessing) {
        let missing = if has_fill(preprocessing) { "; a missing number is NAN" } else { "" };
        return format!(" * input: {} numbers{missing}\n", separated(columns.len()));
    }
    let line = |(at, column): (usize, &Column)| {
        let name = names.get(at).map_or_else(String::new, |name| format!(" {}", text::quoted(name)));
        let what = match column {
            Column::Number { fill: None, .. } => "a number".to_owned(),
            Column::Number { fill: Some(_), .. } => "a number, NAN if missing".to_owned(),
            Column::Category(values) => {
                let value = |(code, value)| format!("\n *     {code} for {}", text::quoted(value));
                let values: String = values.iter().map(String::as_str).enumerate().map(value).collect();
                format!("a category, and any other number for none of them:{values}")
            }
        };
        format!(" * input[{at}]{name}: {what}\n")
    };
    columns.iter().enumerate().map(line).collect()
}
