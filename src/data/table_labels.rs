//! The labels of a table: one column of classes, or one or several columns of numbers to predict

use super::csv::{Head, Lines, Target};
use super::raw_labels::{MIXED_CLASSES, RawLabels, reason};
use crate::config::{Missing, TaskChoice};
use crate::error::{Error, Result, printable, separated};

/// Which columns hold the labels, and how they are read
#[derive(Clone, Copy, Debug)]
pub struct LabelColumns<'a> {
    /// The head of the table
    pub head: &'a Head,
    /// The names of the columns
    pub names: &'a [String],
    /// The lines of the rows
    pub lines: &'a Lines,
    /// What is done with rows that lack a label
    pub missing: Missing,
    /// The task that a person asks for
    pub task: TaskChoice,
    /// Whether the task is that of a model, so that a person can't choose another
    pub is_of_model: bool,
}

impl LabelColumns<'_> {
    /// The labels in `columns`, in the order of their names
    ///
    /// Without a given task, several columns are numbers to predict, and so is one with fractions or more than 100
    /// different numbers; any other column holds classes. A person has to say what a column of many different numbers is in
    /// which some cells are texts: such a text is more probably a mistake than a class.
    ///
    /// # Errors
    /// If a label is missing, a number to predict is a text, or there are several columns of classes.
    pub fn labels(&self, mut columns: Vec<Target>) -> Result<RawLabels> {
        if self.missing != Missing::Drop
            && let Some((column, name)) =
                columns.iter().zip(self.names).find(|(column, _)| column.missing.count > 0)
        {
            let what = if columns.len() > 1 {
                format!("the target {}", printable(name))
            } else {
                "the label".to_owned()
            };
            let line = column.missing.first_line;
            return self
                .error(format!("line {line}: {what} is missing; --missing drop leaves such rows out"));
        }
        let needs_numbers = |column: &Target| column.numbers.as_deref().and_then(reason).is_some();
        let regresses = match self.task {
            TaskChoice::Auto => columns.len() > 1 || columns.iter().any(needs_numbers),
            TaskChoice::Classify => false,
            TaskChoice::Regress => true,
        };
        if regresses {
            return self.numbers(&columns);
        }
        if columns.len() > 1 {
            let expected = "one column, since --task classify predicts the class in it".to_owned();
            return Err(Error::Setting { name: "target", expected, found: self.names.join(",") });
        }
        let Some(column) = columns.pop() else { return self.error("has no target column".to_owned()) };
        if self.task == TaskChoice::Auto
            && let Some(problem) = self.mixed(&column)
        {
            return self.error(problem);
        }
        if column.texts.is_empty() && column.numbers.is_some() {
            let most = Target::MAX_TEXTS;
            return self.error(format!("the target has more than {most} different values, expected classes"));
        }
        Ok(RawLabels::Texts { values: column.texts, codes: column.codes })
    }

    /// The message for a column of numbers to predict with a few texts; `None` for one of classes
    ///
    /// Labels such as `1`, `2` and `unknown`, or `1.5`, `2.0` and `beta`, are classes, since few of them differ.
    fn mixed(&self, column: &Target) -> Option<String> {
        if column.numbers.is_some() || column.texts.len() <= MIXED_CLASSES {
            return None;
        }
        let numbers: Vec<Option<f64>> = column.texts.iter().map(|text| self.head.number(text)).collect();
        reason(&numbers.iter().flatten().copied().collect::<Vec<_>>())?;
        let labels = || column.codes.iter().filter_map(|&code| numbers.get(code as usize));
        let (rows, of_numbers) = (labels().count(), labels().flatten().count());
        if 2 * of_numbers < rows {
            return None;
        }
        let is_text = |code: &u32| matches!(numbers.get(*code as usize), Some(None));
        let row = column.codes.iter().position(is_text)?;
        let text = column.texts.get(column.codes[row] as usize)?;
        let name = self.names.first().map_or("", String::as_str);
        Some(format!(
            "line {}, target {}: `{}` is no number, but {} of {} labels are; correct it, or empty the cell and add --missing \
             drop; with --task classify, each different label is a class",
            self.lines.line(row),
            printable(name),
            printable(text),
            separated(of_numbers),
            separated(rows)
        ))
    }

    fn numbers(&self, columns: &[Target]) -> Result<RawLabels> {
        let mut numbers = Vec::with_capacity(columns.len());
        for (column, name) in columns.iter().zip(self.names) {
            match &column.numbers {
                Some(values) => numbers.push(values),
                None => return self.error(self.text(column, name)),
            }
        }
        let rows = numbers.first().map_or(0, |values| values.len());
        let values = (0..rows).flat_map(|row| numbers.iter().map(move |values| values[row])).collect();
        Ok(RawLabels::Numbers { names: self.names.to_vec(), values })
    }

    /// The message for a column that has a text where a number is to be predicted
    fn text(&self, column: &Target, name: &str) -> String {
        let name = printable(name);
        let text = |&code: &u32| column.texts.get(code as usize).filter(|text| self.head.is_text(text));
        let found = column.codes.iter().enumerate().find_map(|(row, code)| Some((row, text(code)?)));
        // A column of missing cells has no text.
        let Some((row, text)) = found else { return format!("the target {name} has no numbers") };
        let (line, text) = (self.lines.line(row), printable(text));
        let advice = if self.is_of_model { "" } else { "; with --task classify, texts are classes" };
        format!("line {line}, target {name}: `{text}` is no number to predict{advice}")
    }

    fn error<T>(&self, problem: String) -> Result<T> {
        Err(Error::content(&self.head.path, problem))
    }
}
