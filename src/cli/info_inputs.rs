//! What `chainrule info` shows about the inputs of a model: how a row becomes what the net reads

use chainrule::config::Scale;
use chainrule::data::preprocessing::{Column, Encoding, Preprocessing};
use chainrule::error::printable;
use serde_json::{Value, json};

use super::format::{count, significant, times};

/// Columns and values that are shown; the rest is counted
const SHOWN: usize = 20;
/// Widest name that others are aligned with
const WIDTH: usize = 24;

/// The preprocessing in lines, as a person would write it
pub fn text(preprocessing: &Preprocessing) -> String {
    let dims = times(&preprocessing.dims);
    let (scale, columns) = match &preprocessing.encoding {
        Encoding::Pixels => return format!("inputs      {dims} pixels / 255\n"),
        Encoding::Columns { scale, columns } => (scale, columns),
    };
    let is_as_it_is = |column: &Column| matches!(column, Column::Number { center, factor, fill: None } if (*center, *factor) == (0.0, 1.0));
    if preprocessing.names.is_empty() && columns.iter().all(is_as_it_is) {
        return format!("inputs      {dims} numbers, as they are\n");
    }
    let clipped = if *scale == Scale::Robust { "; then z / sqrt(1 + z^2 / 9)" } else { "" };
    let (features, unit) =
        (count(preprocessing.features()), if columns.len() == 1 { "column" } else { "columns" });
    let mut text = format!("inputs      {features}, from {} {unit}{clipped}\n", count(columns.len()));
    let name = |at: usize| printable(&preprocessing.column_name(at)).into_owned();
    let shown = columns.len().min(SHOWN);
    let width = (0..shown).map(|at| name(at).chars().count()).max().unwrap_or(0).min(WIDTH);
    for (at, column) in columns.iter().take(shown).enumerate() {
        text += &format!("  {:<width$}  {}\n", name(at), of_column(column));
    }
    if columns.len() > shown {
        text += &format!("  … and {} more; --json lists all\n", count(columns.len() - shown));
    }
    text
}

fn of_column(column: &Column) -> String {
    match column {
        Column::Number { center, factor, fill } => {
            let fill = fill.map_or(String::new(), |fill| format!(", missing: {}", significant(fill)));
            format!("{}{fill}", scaled(*center, *factor))
        }
        Column::Category(values) => {
            let names: Vec<_> = values.iter().take(SHOWN).map(|value| printable(value)).collect();
            let more = values.len() - names.len();
            let more = if more > 0 { format!(" … and {} more", count(more)) } else { String::new() };
            format!("one of {}{more}", names.join(", "))
        }
    }
}

/// `(x − center) · factor`, with a divisor where that is the usual way to write it
fn scaled(center: f64, factor: f64) -> String {
    if factor == 0.0 {
        return "0, since all training rows were the same".to_owned();
    }
    let difference = match center {
        0.0 => "x".to_owned(),
        center if center < 0.0 => format!("(x + {})", significant(-center)),
        center => format!("(x - {})", significant(center)),
    };
    match factor {
        1.0 => difference.trim_matches(['(', ')']).to_owned(),
        factor => format!("{difference} / {}", significant(1.0 / factor)),
    }
}

/// The preprocessing as JSON, with all columns
pub fn json(preprocessing: &Preprocessing) -> Value {
    let (scale, columns) = match &preprocessing.encoding {
        Encoding::Pixels => return json!({"dims": preprocessing.dims, "scale": "divide_by_255"}),
        Encoding::Columns { scale, columns } => (scale, columns),
    };
    let column = |(at, column): (usize, &Column)| {
        let name = preprocessing.names.get(at);
        match column {
            Column::Number { center, factor, fill } => {
                json!({"name": name, "center": center, "factor": factor, "fill": fill})
            }
            Column::Category(values) => json!({"name": name, "values": values}),
        }
    };
    let columns: Vec<Value> = columns.iter().enumerate().map(column).collect();
    json!({"dims": preprocessing.dims, "scale": scale, "columns": columns})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_written_as_a_person_would() {
        let number = |center, factor, fill| Column::Number { center, factor, fill };
        let category = |n: usize| Column::Category((0..n).map(|i| format!("v{i}")).collect());
        let columns = vec![
            number(39.2, 1.0 / 13.6, Some(38.6)),
            category(2),
            number(0.0, 0.0, None),
            number(-2.0, 1.0, None),
        ];
        let names = ["age", "sex", "flat", "d"].map(str::to_owned).to_vec();
        let encoding = Encoding::Columns { scale: Scale::Standard, columns };
        let found = text(&Preprocessing { dims: vec![4], names, encoding });
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines[0], "inputs      5, from 4 columns");
        assert_eq!(lines[1], "  age   (x - 39.2) / 13.6, missing: 38.6");
        assert_eq!(lines[2], "  sex   one of v0, v1");
        assert_eq!(lines[3], "  flat  0, since all training rows were the same");
        assert_eq!(lines[4], "  d     x + 2");
        assert!(of_column(&category(50)).ends_with("v19 … and 30 more"));
        let pixels = Preprocessing { dims: vec![28, 28], names: vec![], encoding: Encoding::Pixels };
        assert_eq!(text(&pixels), "inputs      28×28 pixels / 255\n");
    }
}
