//! Texts in rows for which a net has no input, since no row that it learns from has them

use super::preprocessing::{Column, Encoding, Preprocessing};
use super::{Inputs, Split};
use crate::error::{first_ten, printable, separated};

/// Which values of the columns of categories are known
pub struct KnownTexts<'a> {
    inputs: &'a Inputs,
    /// For each column, whether each of its values is known; `None` for a column of numbers
    columns: Vec<Option<Vec<bool>>>,
}

/// Rows of a data set, and what messages call them
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Such as `test`
    pub name: &'a str,
    /// The set
    pub split: &'a Split,
    /// Which rows of it; `None`: all
    pub rows: Option<&'a [u32]>,
}

impl Rows<'_> {
    /// The cells of a column that are not missing, as indices of values
    fn codes(&self, column: usize) -> impl Iterator<Item = usize> {
        let Self { split, rows, .. } = *self;
        let count = rows.map_or(split.len(), <[u32]>::len);
        let row = move |at: usize| rows.map_or(at, |rows| rows[at] as usize);
        let cells = (0..count).map(move |at| split.cells.get(row(at) * split.columns + column));
        cells.filter(|cell| !cell.is_nan()).map(|cell| cell as usize)
    }
}

impl<'a> KnownTexts<'a> {
    /// The texts that these rows have
    pub fn of_rows(inputs: &'a Inputs, rows: Rows<'_>) -> Self {
        let seen = |(column, values): (usize, &Option<Vec<String>>)| {
            let mut seen = vec![false; values.as_ref()?.len()];
            rows.codes(column).for_each(|code| seen[code] = true);
            Some(seen)
        };
        Self { inputs, columns: inputs.categories.iter().enumerate().map(seen).collect() }
    }

    /// The texts that a model has inputs for
    pub fn of_model(inputs: &'a Inputs, model: &Preprocessing) -> Self {
        let Encoding::Columns { columns, .. } = &model.encoding else {
            return Self { inputs, columns: Vec::new() };
        };
        let known = |(values, column): (&Option<Vec<String>>, &Column)| match column {
            Column::Number { .. } => None,
            Column::Category(known) => {
                Some(values.as_ref()?.iter().map(|value| known.contains(value)).collect())
            }
        };
        Self { inputs, columns: inputs.categories.iter().zip(columns).map(known).collect() }
    }

    /// A warning for each column in which rows have texts that are not known
    ///
    /// * `source`: where the rows are from
    /// * `lacking`: who does not know the texts, such as `the training rows do`
    /// * `among`: if given, only texts that it knows are counted
    pub fn warnings(
        &self,
        source: &str,
        rows: Rows<'_>,
        lacking: &str,
        among: Option<&KnownTexts<'_>>,
    ) -> Vec<String> {
        let warning = |(column, known): (usize, &Option<Vec<bool>>)| {
            let (known, values) = (known.as_ref()?, self.inputs.categories[column].as_ref()?);
            let others = among.and_then(|among| among.columns[column].as_ref());
            let is_counted = |code: &usize| !known[*code] && others.is_none_or(|others| others[*code]);
            let mut codes = rows.codes(column).filter(is_counted);
            let first = codes.next()?;
            let count = 1 + codes.count();
            let noun = if count == 1 { "value" } else { "values" };
            let name = self.inputs.names.get(column).map_or_else(|| (column + 1).to_string(), Clone::clone);
            let inputs = values.iter().zip(known).filter(|(_, is_known)| **is_known);
            Some(format!(
                "{}: {} {noun} of column {} in {} rows that {lacking} not have (`{}`), so the inputs of {} are 0",
                printable(source),
                separated(count),
                printable(&name),
                rows.name,
                printable(&values[first]),
                first_ten(inputs.map(|(value, _)| printable(value).into_owned()), ", ")
            ))
        };
        self.columns.iter().enumerate().filter_map(warning).collect()
    }
}
