//! Whether several models can be averaged: they predict the same and read the same rows

use std::path::Path;

use crate::data::outputs::Outputs;
use crate::data::preprocessing::{Column, Encoding, Preprocessing};
use crate::data::saved_model::AnyModel;
use crate::data::signature::Signature;
use crate::error::{Error, Result, printable, separated, shown};

/// Checks that each model has the classes or targets of the first, and reads the same columns
///
/// What they have learnt from their training rows may differ: means and scales of columns, and the values of categories.
///
/// # Errors
/// If one differs; the message names it, the first, and what differs.
pub fn check_agreement(models: &[(&Path, &AnyModel)]) -> Result<()> {
    let Some(((first_path, first), others)) = models.split_first() else { return Ok(()) };
    for (path, model) in others {
        if let Some([other, of_first]) = difference(model.signature(), first.signature()) {
            let problem = format!(
                "{other}, but {} {of_first}; an ensemble needs models of the same classes or targets, and the same inputs",
                shown(first_path)
            );
            return Err(Error::content(path, problem));
        }
    }
    Ok(())
}

/// The first difference of two models: what the one does, and what the other does
fn difference(one: &Signature, other: &Signature) -> Option<[String; 2]> {
    of_outputs([&one.outputs, &other.outputs])
        .or_else(|| of_inputs([&one.preprocessing, &other.preprocessing]))
}

fn of_outputs(outputs: [&Outputs; 2]) -> Option<[String; 2]> {
    let what = outputs.map(|outputs| if outputs.classes().is_empty() { "target" } else { "class" });
    let plural = what.map(|what| if what == "class" { "classes" } else { "targets" });
    let counts = outputs.map(Outputs::len);
    if what[0] != what[1] || counts[0] != counts[1] {
        let number = |at: usize| match counts[at] {
            1 => format!("predicts 1 {}", what[at]),
            n => format!("predicts {} {}", separated(n), plural[at]),
        };
        return Some([0, 1].map(number));
    }
    let names = outputs.map(Outputs::names);
    let at = (0..counts[0]).find(|&at| names[0][at] != names[1][at])?;
    let named =
        |names: &Vec<String>| format!("predicts `{}` as {} {}", printable(&names[at]), what[0], at + 1);
    Some([named(&names[0]), named(&names[1])])
}

fn of_inputs(models: [&Preprocessing; 2]) -> Option<[String; 2]> {
    let counts = models.map(Preprocessing::columns);
    if counts[0] != counts[1] {
        return Some(counts.map(|count| format!("reads rows of {}", columns(count))));
    }
    let name = |model: &Preprocessing, at: usize| match model.names.get(at) {
        Some(name) => format!("`{}`", printable(name)),
        None => "a column without a name".to_owned(),
    };
    if let Some(at) = (0..counts[0]).find(|&at| models[0].names.get(at) != models[1].names.get(at)) {
        return Some(models.map(|model| format!("reads {} as column {}", name(model, at), at + 1)));
    }
    let encodings = models.map(|model| match &model.encoding {
        Encoding::Pixels => None,
        Encoding::Columns { columns, .. } => Some(columns),
    });
    let [Some(one), Some(other)] = encodings else {
        let what = encodings.map(|columns| if columns.is_some() { "numbers" } else { "pixels" });
        return (what[0] != what[1]).then(|| what.map(|what| format!("reads {what}")));
    };
    let kind = |column: &Column| match column {
        Column::Category(_) => "categories",
        Column::Number { fill: Some(_), .. } => "numbers that may be missing",
        Column::Number { fill: None, .. } => "numbers that may not be missing",
    };
    let at = (0..counts[0]).find(|&at| kind(&one[at]) != kind(&other[at]))?;
    let column = match models[0].names.get(at) {
        Some(name) => format!("column `{}`", printable(name)),
        None => models[0].column_name(at),
    };
    Some([one, other].map(|columns| format!("reads {} in {column}", kind(&columns[at]))))
}

fn columns(n: usize) -> String {
    format!("{} column{}", separated(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scale;

    fn signature(classes: &[&str], names: &[&str], column: fn(f64) -> Column) -> Signature {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let columns = names.iter().map(|name| column(name.len() as f64)).collect();
        let encoding = Encoding::Columns { scale: Scale::Standard, columns };
        let preprocessing = Preprocessing { dims: vec![names.len()], names: owned(names), encoding };
        Signature { outputs: Outputs::Classes(owned(classes)), preprocessing }
    }

    fn number(center: f64) -> Column {
        Column::Number { center, factor: 1.0, fill: None }
    }

    #[test]
    fn models_that_have_learnt_other_scales_agree() {
        let other =
            signature(&["x", "y"], &["a", "b"], |center| Column::Number { center, factor: 7.0, fill: None });
        assert_eq!(difference(&signature(&["x", "y"], &["a", "b"], number), &other), None);
        let value =
            |values: &[&str]| Column::Category(values.iter().map(|&value| value.to_owned()).collect());
        let categories = [&["u"][..], &["u", "v"]].map(|values| {
            let mut signature = signature(&["x", "y"], &["a"], number);
            signature.preprocessing.encoding =
                Encoding::Columns { scale: Scale::Standard, columns: vec![value(values)] };
            signature
        });
        assert_eq!(difference(&categories[0], &categories[1]), None);
    }

    #[test]
    fn the_first_difference_is_named() {
        let first = signature(&["x", "y"], &["a", "b"], number);
        let pixels = |columns| {
            let preprocessing =
                Preprocessing { dims: vec![columns], names: Vec::new(), encoding: Encoding::Pixels };
            Signature { preprocessing, ..first.clone() }
        };
        let filled = |_| Column::Number { center: 0.0, factor: 1.0, fill: Some(0.0) };
        for (other, expected) in [
            (
                signature(&["x", "z"], &["a", "b"], number),
                ["predicts `z` as class 2", "predicts `y` as class 2"],
            ),
            (signature(&["x"], &["a", "b"], number), ["predicts 1 class", "predicts 2 classes"]),
            (signature(&["x", "y"], &["a"], number), ["reads rows of 1 column", "reads rows of 2 columns"]),
            (signature(&["x", "y"], &["b", "a"], number), ["reads `b` as column 1", "reads `a` as column 1"]),
            (pixels(2), ["reads a column without a name as column 1", "reads `a` as column 1"]),
            (
                signature(&["x", "y"], &["a", "b"], filled),
                [
                    "reads numbers that may be missing in column `a`",
                    "reads numbers that may not be missing in column `a`",
                ],
            ),
        ] {
            assert_eq!(difference(&other, &first), Some(expected.map(str::to_owned)));
        }
        let mut unnamed = first.clone();
        unnamed.preprocessing.names.clear();
        let expected = ["reads pixels", "reads numbers"].map(str::to_owned);
        assert_eq!(difference(&pixels(2), &unnamed), Some(expected));
    }
}
