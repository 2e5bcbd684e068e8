//! Labels of a table as those of the data that they are compared with: as numbers, or as they are written
//!
//! `1`, `1.0` and `1e0` are one class where all labels are numbers, and three classes beside a label that is none.

use std::collections::BTreeMap;

use super::csv::{Head, NO_CODE, Target};

/// Whether labels are numbers, which are equal whatever their texts are
pub fn are_numbers(labels: &[String]) -> bool {
    let is_finite = |label: &String| label.parse::<f64>().is_ok_and(f64::is_finite);
    !labels.is_empty() && labels.iter().all(is_finite)
}

/// The target column of a test set or of rows for a model, with its labels written as the known ones are
///
/// * `known`: the labels of the training data, or the names of a model's classes
pub fn as_known(target: Target, known: &[String], head: &Head) -> Target {
    if are_numbers(known) {
        return if target.numbers.is_some() { target } else { with_numbers(target, head) };
    }
    match target.written {
        Some((texts, codes)) if texts.iter().any(|text| known.contains(text)) => {
            Target { numbers: None, texts, codes, written: None, missing: target.missing }
        }
        written => Target { written, ..target },
    }
}

/// The column with each text that is a number in the form in which a column of numbers has it
fn with_numbers(target: Target, head: &Head) -> Target {
    let form = |text: &String| head.number(text).map_or_else(|| text.clone(), |x| (x + 0.0).to_string());
    let forms: Vec<String> = target.texts.iter().map(form).collect();
    let mut ranks: BTreeMap<&String, u32> = forms.iter().map(|form| (form, 0)).collect();
    ranks.values_mut().zip(0..).for_each(|(place, rank)| *place = rank);
    let rank = |&code: &u32| forms.get(code as usize).map_or(NO_CODE, |form| ranks[form]);
    let codes = target.codes.iter().map(rank).collect();
    let texts = ranks.into_keys().cloned().collect();
    Target { texts, codes, ..target }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::csv::Missing;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn head() -> Head {
        Head {
            path: "t.csv".into(),
            names: texts(&["y"]),
            has_header: true,
            separator: b';',
            decimal: b',',
            first_rows: Vec::new(),
        }
    }

    #[test]
    fn equal_numbers_are_one_label_where_the_known_ones_are_numbers() {
        let found = texts(&["1", "1,0", "cat", "2,5"]);
        let codes = vec![1, 0, NO_CODE, 3, 2];
        let missing = Missing::default();
        let target = Target { numbers: None, texts: found, codes, written: None, missing };
        let same = as_known(target.clone(), &texts(&["1", "2.5"]), &head());
        assert_eq!((same.texts, same.codes), (texts(&["1", "2.5", "cat"]), vec![0, 0, NO_CODE, 1, 2]));
        let other = as_known(target.clone(), &texts(&["1", "1,0", "cat"]), &head());
        assert_eq!(other, target);
    }

    #[test]
    fn numbers_are_as_written_where_a_known_label_is_a_text() {
        let written = Some((texts(&["1.0", "2"]), vec![1, 0]));
        let target = Target {
            numbers: Some(vec![2.0, 1.0]),
            texts: texts(&["1", "2"]),
            codes: vec![1, 0],
            written,
            missing: Missing::default(),
        };
        let found = as_known(target.clone(), &texts(&["1.0", "cat"]), &head());
        assert_eq!((found.texts, found.codes, found.numbers), (texts(&["1.0", "2"]), vec![1, 0], None));
        // These are the numbers of classes, counted from 0.
        assert_eq!(as_known(target.clone(), &texts(&["a", "b", "c"]), &head()), target);
    }
}
