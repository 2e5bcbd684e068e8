//! Reads a predictions.csv: the true and the predicted value of each target in each row of a test set

use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result};
use crate::tables::reader::Table;

/// The values of one target
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub name: String,
    /// The true and the predicted value of each row, in the order of the file
    pub values: Vec<(f64, f64)>,
}

impl Target {
    /// The root mean squared error, and R²; R² is `None` if all true values are equal
    ///
    /// R² is 1 − Σ (t − p)² / Σ (t − t̄)², which is below 0 for predictions that are worse than the mean.
    pub fn rmse_and_r2(&self) -> (f64, Option<f64>) {
        // The squares of numbers beyond 1e154 overflow, and so do differences of the largest.
        let largest = self.values.iter().fold(0.0, |most: f64, (t, p)| most.max(t.abs()).max(p.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        let n = self.values.len().max(1) as f64;
        let scaled = self.values.iter().map(|(t, p)| (t / scale, p / scale));
        let mean = scaled.clone().map(|(t, _)| t).sum::<f64>() / n;
        let errors: f64 = scaled.clone().map(|(t, p)| (t - p).powi(2)).sum();
        let deviations: f64 = scaled.map(|(t, _)| (t - mean).powi(2)).sum();
        let is_constant = self.values.windows(2).all(|pair| pair[0].0 == pair[1].0);
        let r2 = Some(1.0 - errors / deviations).filter(|r2| !is_constant && r2.is_finite());
        ((errors / n).sqrt() * scale, r2)
    }
}

/// Reads a table with a line for each row and target, and the columns row, target, true and predicted
///
/// Targets are in the order of their first lines; the lines may have any order.
///
/// # Errors
/// When a column is missing, a value is not a number, a target has no name, or a row of a target is missing or occurs twice.
pub fn read(table: &Table) -> Result<Vec<Target>> {
    let [row, name] = [table.need("row")?, table.need("target")?];
    let values = [table.need("true")?, table.need("predicted")?];
    let mut targets: Vec<Target> = vec![];
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut known = HashSet::new();
    for line in table.rows() {
        if line.text(name).trim().is_empty() {
            return Err(line.problem(name, "a target"));
        }
        let place = *places.entry(line.text(name)).or_insert_with_key(|name| {
            targets.push(Target { name: (*name).to_owned(), values: vec![] });
            targets.len() - 1
        });
        if !known.insert((place, line.whole::<usize>(row)?)) {
            return Err(line.problem(row, &format!("each row of `{}` once", line.text(name))));
        }
        let value = |column| line.number(column)?.ok_or_else(|| line.problem(column, "a number"));
        targets[place].values.push((value(values[0])?, value(values[1])?));
    }
    let rows = targets.iter().map(|target| target.values.len()).max().unwrap_or(0);
    let last = table.rows().last().map_or(2, |line| line.line());
    let problem = |problem: String| Err(Error::content(table.path(), format!("line {last}: {problem}")));
    match targets.iter().find(|target| target.values.len() < rows) {
        _ if rows == 0 => problem("expected a line for each row and target, found none".to_owned()),
        Some(Target { name, values }) => {
            problem(format!("expected {rows} rows of each target, found {} of `{name}`", values.len()))
        }
        // Rows are distinct, so if all numbers are in 1..=rows, none is missing.
        None => match table.rows().find(|line| !line.whole(row).is_ok_and(|n| (1..=rows).contains(&n))) {
            Some(line) => Err(line.problem(row, &format!("a row from 1 to {rows}"))),
            None => Ok(targets),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn targets(csv: &str) -> Result<Vec<Target>> {
        read(&Table::parse(Path::new("predictions.csv"), csv.as_bytes()).unwrap())
    }

    #[test]
    fn values_are_found_by_target_in_any_order_and_either_dialect() {
        let csv = "predicted,target,row,true\n0.5,b,2,1\n2,a,1,1.5\n3,a,2,-1\n-1e9,b,1,0\n";
        let found = targets(csv).unwrap();
        let expected = [("b", vec![(1.0, 0.5), (0.0, -1e9)]), ("a", vec![(1.5, 2.0), (-1.0, 3.0)])];
        assert_eq!(found, expected.map(|(name, values)| Target { name: name.to_owned(), values }));
        let excel = csv.replace(',', ";").replace('.', ",").replace('\n', "\r\n");
        assert_eq!(targets(&excel).unwrap(), found);
    }

    #[test]
    fn errors_are_those_of_the_definitions() {
        let of =
            |values: &[(f64, f64)]| Target { name: String::new(), values: values.to_vec() }.rmse_and_r2();
        // Errors 1, 0, −1 around the mean 2: 1 − 2 / 2
        assert_eq!(of(&[(1.0, 2.0), (2.0, 2.0), (3.0, 2.0)]), ((2.0_f64 / 3.0).sqrt(), Some(0.0)));
        assert_eq!(of(&[(5.0, 6.0), (5.0, 4.0)]), (1.0, None));
        assert_eq!(of(&[(0.0, 0.0)]), (0.0, None));
        for scale in [1e-300, 1e9, 1e300] {
            let (rmse, r2) = of(&[(scale, scale), (2.0 * scale, scale)]);
            assert!((rmse / scale - 0.5_f64.sqrt()).abs() < 1e-12 && r2 == Some(-1.0), "{rmse} {r2:?}");
        }
    }

    #[test]
    fn errors_name_line_and_column() {
        let message = |csv: &str| {
            let error = targets(&format!("row,target,true,predicted\n{csv}")).unwrap_err().to_string();
            error.trim_start_matches("predictions.csv: ").to_owned()
        };
        for (csv, expected) in [
            ("", "line 2: expected a line for each row and target, found none"),
            ("1,y,1,x\n", "line 2, column predicted: expected a number, found `x`"),
            ("1,y,,1\n", "line 2, column true: expected a number, found ``"),
            ("1,y,1,\n", "line 2, column predicted: expected a number, found ``"),
            ("1,y,inf,1\n", "line 2, column true: expected a number, found `inf`"),
            ("1,,1,1\n", "line 2, column target: expected a target, found ``"),
            ("1,y,1,1\n0,y,1,1\n", "line 3, column row: expected a row from 1 to 2, found `0`"),
            ("1,y,1,1\n3,y,1,1\n", "line 3, column row: expected a row from 1 to 2, found `3`"),
            ("x,y,1,1\n", "line 2, column row: expected a whole number, found `x`"),
            ("1,y,1,1\n1,y,1,1\n", "line 3, column row: expected each row of `y` once, found `1`"),
            ("1,y,1,1\n2,y,1,1\n2,z,1,1\n", "line 4: expected 2 rows of each target, found 1 of `z`"),
        ] {
            assert_eq!(message(csv), expected);
        }
        let error = targets("row,true,predicted\n1,1,1\n").unwrap_err().to_string();
        assert!(error.contains("line 1: expected a column target"), "{error}");
    }
}
