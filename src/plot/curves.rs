//! Reads an epochs.csv for drawing

use std::path::{Path, PathBuf};

use csv::{ErrorKind, StringRecord};

use crate::error::{Error, Result};

/// One curve: epochs that ascend, and a figure each
pub(super) type Points = Vec<(u32, f64)>;

/// What was read of an epochs.csv
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    pub(super) path: PathBuf,
    pub(super) run_id: String,
    /// Nats
    pub(super) train_loss: Points,
    pub(super) test_loss: Points,
    /// Shares, 0 to 1
    pub(super) train_accuracy: Points,
    pub(super) test_accuracy: Points,
    /// The epoch in which training diverged
    pub(super) diverged: Option<u32>,
}

impl Curves {
    /// No epoch with a figure: nothing to draw
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|points| points.is_empty())
    }

    pub(super) fn all(&self) -> [&Points; 4] {
        [&self.train_loss, &self.test_loss, &self.train_accuracy, &self.test_accuracy]
    }
}

/// Reads the curves of one run from `epochs_csv`
///
/// * separator `,` and decimal point, or separator `;` and decimal comma, as the header line shows; with or
///   without a byte order mark; any line ends
/// * columns are found by name; others than these may stand anywhere: run_id, epoch, train_loss,
///   train_accuracy, test_loss, test_accuracy, and status, which may be missing
/// * an empty cell is a point left out
///
/// # Errors
/// If the file can't be read, a column is missing, a cell is not what its column holds, the epochs do not
/// ascend, or there is more than one run in it.
pub fn read_curves(epochs_csv: &Path) -> Result<Curves> {
    let bytes = std::fs::read(epochs_csv).map_err(Error::reading(epochs_csv))?;
    parse(epochs_csv, &bytes).map_err(|problem| Error::Text { path: epochs_csv.to_owned(), problem })
}

fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Curves, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
        format!("line {line}: expected UTF-8, found byte {:#04x}", bytes[e.valid_up_to()])
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let semicolon = text.lines().next().is_some_and(|header| header.contains(';'));
    let delimiter = if semicolon { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| describe(&e))?.clone();
    if header.is_empty() {
        return Err("line 1: expected a header with the columns run_id, epoch, …; found nothing".to_owned());
    }
    let column = |name: &str| header.iter().position(|found| found == name);
    let need = |name: &str| {
        let found = || header.iter().collect::<Vec<_>>().join(", ");
        column(name).ok_or_else(|| format!("line 1: expected a column {name}, found {}", found()))
    };
    let (run_id, epoch, status) = (need("run_id")?, need("epoch")?, column("status"));
    let losses = [need("train_loss")?, need("test_loss")?];
    let accuracies = [need("train_accuracy")?, need("test_accuracy")?];

    let mut curves = Curves {
        path: path.to_owned(),
        run_id: String::new(),
        train_loss: Points::new(),
        test_loss: Points::new(),
        train_accuracy: Points::new(),
        test_accuracy: Points::new(),
        diverged: None,
    };
    let mut last: Option<u32> = None;
    for record in reader.records() {
        let record = record.map_err(|e| describe(&e))?;
        let row = Row { header: &header, record: &record, semicolon };
        if last.is_none() {
            record[run_id].clone_into(&mut curves.run_id);
        } else if record[run_id] != *curves.run_id {
            return Err(row.problem(run_id, &format!("`{}` as in the rows above", curves.run_id)));
        }
        let e = record[epoch].trim().parse().map_err(|_| row.problem(epoch, "a whole number"))?;
        if let Some(before) = last.filter(|&before| e <= before) {
            return Err(row.problem(epoch, &format!("an epoch after {before}")));
        }
        last = Some(e);
        for (points, i) in [&mut curves.train_loss, &mut curves.test_loss].into_iter().zip(losses) {
            points.extend(row.number(i, f64::MAX, "a loss, 0 or above")?.map(|loss| (e, loss)));
        }
        for (points, i) in [&mut curves.train_accuracy, &mut curves.test_accuracy].into_iter().zip(accuracies)
        {
            points.extend(row.number(i, 1.0, "a share from 0 to 1")?.map(|share| (e, share)));
        }
        if curves.diverged.is_none() && status.is_some_and(|i| record[i].trim() == "diverged") {
            curves.diverged = Some(e);
        }
    }
    Ok(curves)
}

struct Row<'a> {
    header: &'a StringRecord,
    record: &'a StringRecord,
    semicolon: bool,
}

impl Row<'_> {
    /// The number in column `i`, from 0 to `max`; nothing if the cell is empty
    fn number(&self, i: usize, max: f64, expected: &str) -> std::result::Result<Option<f64>, String> {
        let cell = self.record[i].trim();
        if cell.is_empty() {
            return Ok(None);
        }
        let number: Option<f64> =
            if self.semicolon { cell.replace(',', ".").parse().ok() } else { cell.parse().ok() };
        match number {
            Some(x) if (0.0..=max).contains(&x) => Ok(Some(x)), // never NaN or infinite
            _ => Err(self.problem(i, expected)),
        }
    }

    fn problem(&self, i: usize, expected: &str) -> String {
        let line = self.record.position().map_or(0, csv::Position::line);
        format!("line {line}, column {}: expected {expected}, found `{}`", &self.header[i], &self.record[i])
    }
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line}: expected {expected_len} cells, found {len}")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "run_id,epoch,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy,\
                          epoch_s,samples_per_s,status";

    fn read(text: &str) -> std::result::Result<Curves, String> {
        let path = Path::new("epochs.csv");
        parse(path, text.as_bytes())
    }

    #[test]
    fn both_dialects_read_the_same() {
        let rows = "\nr,1,0.1,0.5,0.75,0.625,0.5,1.5,40000.5,ok\nr,2,0.1,0.25,0.875,,,1.5,40000.5,ok\n";
        let plain = read(&format!("{HEADER}{rows}")).unwrap();
        let european = format!("{HEADER}{rows}").replace(',', ";").replace('.', ",").replace('\n', "\r\n");
        assert_eq!(read(&format!("\u{feff}{european}")), Ok(plain.clone()));
        assert_eq!(plain.run_id, "r");
        assert_eq!(plain.train_loss, [(1, 0.5), (2, 0.25)]);
        assert_eq!(plain.train_accuracy, [(1, 0.75), (2, 0.875)]);
        assert_eq!(plain.test_loss, [(1, 0.625)]);
        assert_eq!(plain.test_accuracy, [(1, 0.5)]);
        assert_eq!(plain.diverged, None);
    }

    #[test]
    fn columns_are_found_by_name_and_others_are_passed_over() {
        let text = "new,test_accuracy,test_loss,epoch,train_accuracy,train_loss,run_id\nx,0.5,2,7,0.25,3,r\n";
        let curves = read(text).unwrap();
        assert_eq!((curves.train_loss[0], curves.test_accuracy[0]), ((7, 3.0), (7, 0.5)));
    }

    #[test]
    fn a_diverged_epoch_has_no_points() {
        let curves = read(&format!("{HEADER}\nr,1,1,0.5,0.5,,,1,1,ok\nr,2,1,,,,,1,1,diverged\n")).unwrap();
        assert_eq!((curves.diverged, curves.train_loss.len(), curves.is_empty()), (Some(2), 1, false));
    }

    #[test]
    fn a_header_alone_is_an_empty_run() {
        assert!(read(HEADER).unwrap().is_empty());
        assert!(read(&format!("{HEADER}\n")).unwrap().is_empty());
    }

    #[test]
    fn errors_name_line_and_column() {
        let row = |cells: &str| read(&format!("{HEADER}\nr,1,1,1,1,1,1,1,1,ok\n{cells}\n")).unwrap_err();
        assert_eq!(
            row("r,2,1,abc,1,1,1,1,1,ok"),
            "line 3, column train_loss: expected a loss, 0 or above, found `abc`"
        );
        assert_eq!(
            row("r,2,1,1,1,NaN,1,1,1,ok"),
            "line 3, column test_loss: expected a loss, 0 or above, found `NaN`"
        );
        assert_eq!(
            row("r,2,1,1,1,inf,1,1,1,ok"),
            "line 3, column test_loss: expected a loss, 0 or above, found `inf`"
        );
        assert_eq!(
            row("r,2,1,1,1,1,88.5,1,1,ok"),
            "line 3, column test_accuracy: expected a share from 0 to 1, found `88.5`"
        );
        assert_eq!(row("r,1,1,1,1,1,1,1,1,ok"), "line 3, column epoch: expected an epoch after 1, found `1`");
        assert_eq!(row("r,x,1,1,1,1,1,1,1,ok"), "line 3, column epoch: expected a whole number, found `x`");
        assert_eq!(
            row("s,2,1,1,1,1,1,1,1,ok"),
            "line 3, column run_id: expected `r` as in the rows above, found `s`"
        );
        assert_eq!(row("r,2,1,1"), "line 3: expected 10 cells, found 4");
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = read("run_id,epoch,train_loss\nr,1,1\n").unwrap_err();
        assert_eq!(error, "line 1: expected a column test_loss, found run_id, epoch, train_loss");
        assert!(read("").unwrap_err().starts_with("line 1: expected a header"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        let error = parse(Path::new("x"), b"run_id,epoch\n\xff").unwrap_err();
        assert_eq!(error, "line 2: expected UTF-8, found byte 0xff");
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = read_curves(Path::new("/nowhere/epochs.csv")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/epochs.csv");
    }
}
