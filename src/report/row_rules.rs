//! What the cells of one row of a summary.csv or runs.csv say together

use super::number_columns::result;
use super::score::ScoreKind;
use crate::config::SHORT_FORMS;
use crate::error::Result;
use crate::tables::Status;
use crate::tables::reader::{Table, TableRow};

/// Settings whose columns every version writes; those of all others may be missing
pub const ALWAYS: [&str; 9] = [
    "hidden_dims",
    "activation",
    "learning_rate",
    "momentum",
    "weight_decay",
    "batch_size",
    "epochs",
    "seed",
    "data",
];

/// The columns of a loss, of a number that says whether there is one, and the place of its scores in [`ScoreKind::columns`]
const LOSSES: [(&str, &str, usize); 3] =
    [("train_loss", "epochs_done", 0), ("val_loss", "val_samples", 1), ("test_loss", "test_samples", 2)];

/// The rules that the rows of a table keep
#[derive(Debug)]
pub struct RowRules<'a> {
    table: &'a Table,
    /// The settings in [`ALWAYS`] that a row of the table has, each with its column
    filled: Vec<(&'static str, usize)>,
    /// The columns that replace hidden_dims
    short: Vec<usize>,
}

impl<'a> RowRules<'a> {
    /// The rules for a table, which may lack columns
    pub fn of(table: &'a Table) -> Self {
        let has_any = |column: &usize| table.rows().any(|row| is_filled(row, *column));
        let filled = ALWAYS.into_iter().filter_map(|name| Some((name, table.column(name).filter(has_any)?)));
        let short = SHORT_FORMS.iter().filter_map(|setting| table.column(setting.name));
        Self { table, filled: filled.collect(), short: short.collect() }
    }

    /// Checks a row whose cells fit their columns
    ///
    /// * A row with a setting that every version writes has all of them that another row of the table has. A row without
    ///   any is of another program.
    /// * A row that is `ok` has the loss and the score of the same data, and those of test data if there were test samples.
    /// * A run did `epochs` epochs at most, and all of them if it is `ok` and could not stop early.
    ///
    /// # Errors
    /// If it breaks a rule.
    pub fn check(&self, row: TableRow<'_>, status: Status, kind: ScoreKind) -> Result<()> {
        self.check_settings(row)?;
        self.check_epochs(row, status)?;
        if status != Status::Ok {
            return Ok(());
        }
        LOSSES.into_iter().try_for_each(|losses| self.check_metrics(row, kind, losses))
    }

    fn check_settings(&self, row: TableRow<'_>) -> Result<()> {
        let has_short = self.short.iter().any(|column| is_filled(row, *column));
        let is_there = |name: &str, column| is_filled(row, column) || (has_short && name == "hidden_dims");
        let is_foreign = !self.filled.iter().any(|(_, column)| is_filled(row, *column));
        match self.filled.iter().find(|(name, column)| !is_there(name, *column)) {
            _ if is_foreign => Ok(()),
            None => Ok(()),
            Some((_, column)) => Err(row.problem(*column, "a value, as in other rows")),
        }
    }

    fn check_epochs(&self, row: TableRow<'_>, status: Status) -> Result<()> {
        let number = |name: &str| row.as_number(self.table.column(name)?);
        let (Some(epochs), Some(done)) = (number("epochs"), number("epochs_done")) else { return Ok(()) };
        let is_whole = status == Status::Ok && number("patience").unwrap_or(0.0) == 0.0;
        if done == epochs || (done < epochs && !is_whole) {
            return Ok(());
        }
        let most = if is_whole { "" } else { " or fewer" };
        let expected = format!("{epochs}{most}, since epochs is {epochs}");
        Err(row.problem(self.table.need("epochs_done")?, &expected))
    }

    /// Checks that a row has a loss and a score, or neither
    fn check_metrics(
        &self,
        row: TableRow<'_>,
        kind: ScoreKind,
        (loss, count, place): (&'static str, &str, usize),
    ) -> Result<()> {
        let score = kind.columns()[place].name();
        let columns = [loss, score].map(|name| Some((name, self.table.column(name)?)));
        let [Some(loss), Some(score)] = columns else { return Ok(()) };
        let number = self.table.column(count).and_then(|column| row.as_number(column)).unwrap_or(0.0);
        let ((name, empty), because) = match [loss, score].map(|(_, column)| is_filled(row, column)) {
            [true, false] => (score, format!("beside {}", loss.0)),
            [false, true] => (loss, format!("beside {}", score.0)),
            [false, false] if number > 0.0 => (loss, format!("since {count} is {number}")),
            _ => return Ok(()),
        };
        let range = result(name).map_or("a number", |range| range.expected);
        Err(row.problem(empty, &format!("{range}, {because}")))
    }
}

fn is_filled(row: TableRow<'_>, column: usize) -> bool {
    !row.text(column).trim().is_empty()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::analysis::Analysis;
    use super::*;

    /// The message about a table with this header and these rows, without its name; empty if it is read
    fn problem(header: &str, rows: &[&str]) -> String {
        let csv = format!("run_id,status,test_accuracy,{header}\n{}\n", rows.join("\n"));
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        let error = Analysis::from_table(&table).map_or_else(|error| error.to_string(), |_| String::new());
        error.trim_start_matches("runs.csv: ").to_owned()
    }

    #[test]
    fn a_loss_and_a_score_come_together_in_a_row_that_is_ok() {
        let header = "test_loss,test_samples,test_rmse,val_loss,val_accuracy,val_rmse,task";
        let of = |row: &str| problem(header, &[row]);
        for row in [
            "a,ok,0.5,1,9,,1,0.5,,",
            "a,ok,0.5,1,9,,,,,",
            "a,ok,,1,9,2,1,,3,",
            "a,ok,,,0,,,,,",
            "a,ok,,,,,,,,",
            "a,diverged,,,9,,,,,",
            "a,failed,,1,9,,,,,",
        ] {
            assert_eq!(of(row), "", "{row}");
        }
        for (row, message) in [
            ("a,ok,,0.7,9,,,,,", "test_accuracy: expected a share from 0 to 1, beside test_loss, found ``"),
            ("a,ok,0.5,,9,,,,,", "test_loss: expected a loss, 0 or above, beside test_accuracy, found ``"),
            ("a,ok,,,9,,,,,", "test_loss: expected a loss, 0 or above, since test_samples is 9, found ``"),
            (
                "a,ok,,0.7,9,,,,,regress",
                "test_rmse: expected an RMSE, 0 or above, beside test_loss, found ``",
            ),
            ("a,ok,,,9,2,1,,3,", "test_loss: expected a loss, 0 or above, beside test_rmse, found ``"),
            ("a,ok,0.5,1,9,,1,,,", "val_accuracy: expected a share from 0 to 1, beside val_loss, found ``"),
            ("a,ok,0.5,1,9,,,0.5,,", "val_loss: expected a loss, 0 or above, beside val_accuracy, found ``"),
        ] {
            assert_eq!(of(row), format!("line 2, column {message}"), "{row}");
        }
        // A table of another program may have scores alone.
        assert_eq!(problem("train_accuracy", &["a,ok,0.5,"]), "");
    }

    #[test]
    fn a_run_that_is_ok_did_all_its_epochs_unless_it_could_stop_early() {
        let of = |row: &str| problem("epochs,epochs_done,patience", &[row]);
        for row in [
            "a,ok,0.5,3,3,",
            "a,ok,0.5,3,3,0",
            "a,ok,0.5,3,2,5",
            "a,ok,0.5,3,,",
            "a,diverged,,3,1,0",
            "a,failed,,3,0,",
        ] {
            assert_eq!(of(row), "", "{row}");
        }
        let message = |expected: &str, found: &str| {
            format!("line 2, column epochs_done: expected {expected}, found `{found}`")
        };
        assert_eq!(of("a,ok,0.5,0,3,"), message("0, since epochs is 0", "3"));
        assert_eq!(of("a,ok,0.5,3,2,0"), message("3, since epochs is 3", "2"));
        assert_eq!(of("a,ok,0.5,3,4,5"), message("3 or fewer, since epochs is 3", "4"));
        assert_eq!(of("a,interrupted,,3,4,0"), message("3 or fewer, since epochs is 3", "4"));
        assert_eq!(problem("epochs", &["a,ok,0.5,3"]), "");
    }

    #[test]
    fn a_setting_that_one_row_has_is_in_every_row_with_settings() {
        for name in ALWAYS {
            let value = match name {
                "activation" => "relu",
                "momentum" => "0.5",
                _ => "3",
            };
            let beside = if name == "seed" { "epochs" } else { "seed" };
            let header = format!("{name},{beside}");
            let rows = [format!("a,ok,0.5,{value},3"), "b,failed,,,3".to_owned()];
            let expected = format!("line 3, column {name}: expected a value, as in other rows, found ``");
            assert_eq!(problem(&header, &rows.each_ref().map(|row| &row[..])), expected);
            assert_eq!(problem(&header, &["a,ok,0.5,,3", "b,failed,,,3"]), "", "no row has it");
            assert_eq!(problem(&header, &[&rows[0], "b,ok,0.4,,"]), "", "a row of another program");
        }
        assert_eq!(problem("hidden_dims,hidden_dim", &["a,ok,0.5,8,", "b,ok,0.5,,8"]), "");
        assert_eq!(problem("hidden_dims,num_layers", &["a,ok,0.5,8,", "b,ok,0.5,,2"]), "");
        // Columns that came later mean their defaults.
        assert_eq!(problem("val_split,dtype", &["a,ok,0.5,0.1,f64", "b,ok,0.5,,f32"]), "");
    }
}
