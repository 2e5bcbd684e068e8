//! A target column: numbers, classes, or both

use std::collections::HashMap;

use super::chunk::ParsedTarget;
use super::dictionary::Dictionary;
use super::table::{Missing, NO_CODE, Target};

/// A target column while it is collected
#[derive(Debug)]
pub struct TargetColumn(ParsedTarget);

impl TargetColumn {
    /// A column without rows
    pub fn new() -> Self {
        let (numbers, texts) = (Some(vec![]), Some(Dictionary::default()));
        Self(ParsedTarget { numbers, texts, codes: vec![], text: None, missing: Missing::default() })
    }

    /// Appends the rows of a chunk, whose lines start behind `line`
    ///
    /// # Errors
    /// If there are too many texts for classes; returns the first cell that is no number, and its line.
    pub fn append(&mut self, other: ParsedTarget, line: u64) -> Result<(), Option<(String, u64)>> {
        let all = &mut self.0;
        if all.text.is_none() {
            all.text = other.text.map(|(text, at)| (text, line + at));
        }
        all.missing.append(other.missing, line);
        match (&mut all.numbers, &other.numbers) {
            (Some(numbers), Some(more)) => numbers.extend_from_slice(more),
            _ => all.numbers = None,
        }
        let merged = match (&mut all.texts, &other.texts) {
            (Some(texts), Some(more)) => texts.merge(more),
            _ => None,
        };
        match merged {
            Some(codes) => {
                let code = |&code: &u32| codes.get(code as usize).copied().unwrap_or(NO_CODE);
                all.codes.extend(other.codes.iter().map(code));
            }
            None => (all.texts, all.codes) = (None, vec![]),
        }
        if all.texts.is_some() || all.numbers.is_some() { Ok(()) } else { Err(all.text.clone()) }
    }

    /// The column with its classes sorted
    pub fn finish(self) -> Target {
        let ParsedTarget { mut numbers, texts, mut codes, missing, .. } = self.0;
        // Without any number, a column of missing cells is neither.
        numbers.take_if(|numbers| numbers.iter().all(|number| number.is_nan()));
        let has_texts = texts.is_some();
        let (written, ranks) = texts.unwrap_or_default().sorted();
        for code in &mut codes {
            *code = ranks.get(*code as usize).copied().unwrap_or(NO_CODE);
        }
        let Some(numbers) = numbers else {
            return Target { numbers: None, texts: written, codes, written: None, missing };
        };
        let (texts, in_order) = numeric_classes(&numbers);
        let mut sorted = texts.clone();
        sorted.sort_unstable();
        let is_same = sorted == written;
        let written = (has_texts && !is_same).then_some((written, codes));
        Target { numbers: Some(numbers), texts, codes: in_order, written, missing }
    }
}

/// The distinct numbers as texts, in ascending order, and the index of each row; both empty if there are too many
///
/// `1` and `1.0` are one class, and so are `0` and `-0`.
fn numeric_classes(numbers: &[f64]) -> (Vec<String>, Vec<u32>) {
    // Adding 0 turns -0 into 0.
    let bits = |number: f64| (number + 0.0).to_bits();
    let mut distinct = HashMap::new();
    for &number in numbers.iter().filter(|number| !number.is_nan()) {
        distinct.insert(bits(number), 0);
        if distinct.len() > Target::MAX_TEXTS {
            return (vec![], vec![]);
        }
    }
    let mut sorted: Vec<_> = distinct.keys().map(|&bits| f64::from_bits(bits)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    for (rank, &number) in sorted.iter().enumerate() {
        distinct.insert(bits(number), rank as u32);
    }
    let code = |&number: &f64| distinct.get(&bits(number)).copied().unwrap_or(NO_CODE);
    (sorted.iter().map(f64::to_string).collect(), numbers.iter().map(code).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(chunks: &[&[&str]]) -> Option<Target> {
        let mut column = TargetColumn::new();
        for chunk in chunks {
            let mut texts = Dictionary::default();
            let codes = chunk.iter().map(|text| texts.code(text).unwrap()).collect();
            let numbers = chunk.iter().map(|text| text.parse().ok()).collect();
            let missing = Missing::default();
            column
                .append(ParsedTarget { numbers, codes, texts: Some(texts), text: None, missing }, 1)
                .ok()?;
        }
        Some(column.finish())
    }

    #[test]
    fn spellings_of_a_number_are_one_class_if_all_cells_are_numbers() {
        let target = column(&[&["10", "1.0", "-0"], &["1", "0"]]).unwrap();
        assert_eq!(target.texts, ["0", "1", "10"]);
        assert_eq!(target.codes, [2, 1, 0, 1, 0]);
        assert_eq!(target.numbers, Some(vec![10.0, 1.0, 0.0, 1.0, 0.0]));
    }

    #[test]
    fn one_text_makes_all_cells_texts() {
        let target = column(&[&["10", "1.0"], &["1", "b"], &["10"]]).unwrap();
        assert_eq!(target.texts, ["1", "1.0", "10", "b"]);
        assert_eq!((target.codes, target.numbers), (vec![2, 1, 0, 3, 2], None));
    }

    #[test]
    fn many_numbers_have_no_classes_and_many_texts_are_refused() {
        let many: Vec<_> = (0..=Target::MAX_TEXTS).map(|i| i.to_string()).collect();
        let (first, last) = many.split_at(many.len() - 1);
        let [first, last] = [first, last].map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
        let target = column(&[&first, &last]).unwrap();
        assert!(target.texts.is_empty() && target.codes.is_empty() && target.numbers.is_some());
        assert!(column(&[&first, &["x"]]).is_none());
        assert_eq!(column(&[&first]).unwrap().texts.len(), Target::MAX_TEXTS);
    }
}
