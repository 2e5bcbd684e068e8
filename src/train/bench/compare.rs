//! The comparison of a bench with an earlier one

use std::path::Path;

use crate::config::Dtype;
use crate::error::{Error, Result};
use crate::tables::BenchRow;
use crate::tables::reader::Table;

/// The measurements of an earlier bench
#[derive(Debug)]
pub struct Earlier {
    rows: Vec<EarlierRow>,
}

#[derive(Debug)]
struct EarlierRow {
    /// Kind, name, threads, backend and data, by which measurements of two benches are matched
    key: [String; 5],
    /// Element type of the nets, which must be the same, too
    dtype: String,
    median_s: f64,
    spread_s: Option<f64>,
    /// Number of times of which `median_s` is the median
    count: usize,
    cpu: String,
    simd: String,
}

/// The time of a measurement in comparison with an earlier one
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// New median time / old median time
    pub ratio: f64,
    /// Two standard errors of the ratio; `None` if one of the medians is that of fewer than three times
    pub error: Option<f64>,
}

impl Earlier {
    /// Reads a file that `bench --out` wrote
    ///
    /// # Errors
    /// If the file can't be read, has no measurements, or was written by an older version without the columns that a
    /// comparison needs.
    pub fn read(path: &Path) -> Result<Self> {
        let table = Table::read(path)?;
        let too_old = |column: &str| {
            let problem = format!(
                "line 1: no column {column}: this is not a bench, or one of an older version; measure again with 'chainrule bench --out FILE'"
            );
            table.column(column).ok_or_else(|| Error::content(path, problem))
        };
        let mut keys = [0; 5];
        for (at, name) in keys.iter_mut().zip(["kind", "name", "threads", "engine", "data"]) {
            *at = too_old(name)?;
        }
        let (median, spread, count) = (too_old("median_s")?, too_old("spread_s")?, too_old("samples")?);
        let (cpu, simd) = (too_old("cpu")?, too_old("simd")?);
        // Older versions measured f32 alone.
        let dtype = table.column("dtype");
        let rows = table.rows().map(|row| {
            let median_s = row.within(median, f64::MIN_POSITIVE..=f64::MAX, "a time in seconds above 0")?;
            Ok(EarlierRow {
                key: keys.map(|column| row.text(column).to_owned()),
                dtype: dtype.map_or(Dtype::F32.name(), |column| row.text(column)).to_owned(),
                median_s: median_s.ok_or_else(|| row.problem(median, "a time in seconds above 0"))?,
                spread_s: row.within(spread, 0.0..=f64::MAX, "a time in seconds")?,
                count: row.whole(count)?,
                cpu: row.text(cpu).to_owned(),
                simd: row.text(simd).to_owned(),
            })
        });
        let rows: Vec<EarlierRow> = rows.collect::<Result<_>>()?;
        if rows.is_empty() {
            return Err(Error::content(
                path,
                "no measurements below the header, expected at least one".to_owned(),
            ));
        }
        Ok(Self { rows })
    }

    /// What differs between the machines, in a sentence; `None` if processor and instructions are the same
    pub fn other_machine(&self, now: &BenchRow) -> Option<String> {
        let old = self.rows.iter().find(|row| row.cpu != now.cpu || row.simd != now.simd)?;
        Some(format!(
            "the earlier times are of another machine: {} with {}, now {} with {}; ratios say little about the program",
            named(&old.cpu),
            old.simd,
            named(&now.cpu),
            now.simd
        ))
    }

    /// Compares a measurement with the matching earlier one; `None` if there is none
    ///
    /// The standard error of a median is about `1.2533 s / √n`, where n is the number of times and s is their standard
    /// deviation. s is estimated as `q / 0.6745`, where q is half of the interquartile range. Both formulas hold for
    /// large numbers of normally distributed times (Kendall and Stuart, *The Advanced Theory of Statistics*, 1977,
    /// section 14.12).
    pub fn compare(&self, row: &BenchRow) -> Option<Comparison> {
        let threads = row.threads.to_string();
        let key = [row.kind, &row.name, &threads, &row.engine, &row.data];
        let is_same =
            |old: &&EarlierRow| old.dtype == row.dtype && old.key.iter().map(String::as_str).eq(key);
        let old = self.rows.iter().find(is_same)?;
        let ratio = row.median_s / old.median_s;
        let relative = |spread: Option<f64>, median: f64, count: usize| {
            Some(1.2533 * (spread? / 0.6745) / (count.max(1) as f64).sqrt() / median)
        };
        let errors = relative(old.spread_s, old.median_s, old.count).zip(relative(
            row.spread_s,
            row.median_s,
            row.samples,
        ));
        Some(Comparison { ratio, error: errors.map(|(a, b)| 2.0 * ratio * a.hypot(b)) })
    }
}

impl Comparison {
    /// The comparison in words, such as `1.03 ± 0.02 times, slower`
    pub fn sentence(self) -> String {
        let Some(error) = self.error else {
            return format!("{:.2} times, too few samples to say more", self.ratio);
        };
        let verdict = match self.ratio - 1.0 {
            difference if difference.abs() <= error => "no difference shown",
            difference if difference < 0.0 => "faster",
            _ => "slower",
        };
        format!("{:.2} ± {error:.2} times, {verdict}", self.ratio)
    }
}

/// The name of a processor, for messages
fn named(cpu: &str) -> &str {
    if cpu.is_empty() { "an unknown processor" } else { cpu }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CsvDialect;
    use crate::tables::to_csv;

    fn row(median_s: f64, spread_s: Option<f64>) -> BenchRow {
        let (name, engine) = ("784-10 batch 64".to_owned(), "fused".to_owned());
        let cpu = "A".to_owned();
        BenchRow {
            kind: "epoch",
            name,
            threads: 2,
            median_s,
            spread_s,
            samples: 4,
            engine,
            cpu,
            dtype: "f32",
            ..BenchRow::default()
        }
    }

    #[test]
    fn a_difference_is_shown_only_beyond_the_spread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.csv");
        for dialect in [CsvDialect::Standard, CsvDialect::ExcelEu] {
            std::fs::write(&path, to_csv(&[row(1.0, Some(0.01))], dialect)).unwrap();
            let old = Earlier::read(&path).unwrap();
            let sentence = |median, spread| old.compare(&row(median, spread)).unwrap().sentence();
            assert_eq!(sentence(1.03, Some(0.02)), "1.03 ± 0.04 times, no difference shown");
            assert_eq!(sentence(1.5, Some(0.02)), "1.50 ± 0.05 times, slower");
            assert_eq!(sentence(0.5, Some(0.002)), "0.50 ± 0.01 times, faster");
            assert_eq!(sentence(0.5, None), "0.50 times, too few samples to say more");
            assert!(old.compare(&BenchRow { threads: 1, ..row(1.0, None) }).is_none());
            assert!(old.compare(&BenchRow { dtype: "bf16", ..row(1.0, None) }).is_none());
            assert!(old.other_machine(&row(1.0, None)).is_none());
            let other = old.other_machine(&BenchRow { cpu: "B".to_owned(), ..row(1.0, None) }).unwrap();
            assert!(other.contains("A with") && other.contains("now B"), "{other}");
        }
    }

    #[test]
    fn a_bench_without_types_is_one_of_f32() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.csv");
        let text = to_csv(&[row(1.0, None)], CsvDialect::Standard);
        let without: String = String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n")
            .collect();
        assert!(!without.contains("dtype"), "{without}");
        std::fs::write(&path, without).unwrap();
        assert_eq!(Earlier::read(&path).unwrap().compare(&row(0.5, None)).unwrap().ratio, 0.5);
    }

    #[test]
    fn a_bench_of_an_older_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.csv");
        std::fs::write(&path, "kind,name,threads,median_s\nepoch,a,1,0.5\n").unwrap();
        let problem = Earlier::read(&path).unwrap_err().to_string();
        assert!(problem.contains("old.csv") && problem.contains("no column engine"), "{problem}");
    }
}
