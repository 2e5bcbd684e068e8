//! Whether the trials of a sweep are a sample, in place of all combinations of a few values
//!
//! The plan.toml of a sweep knows. A runs.csv without one, such as that of a file with several sweeps, does not, and is
//! judged by its values.

use std::path::Path;

use super::varied_setting::VariedSetting;

/// The line of plan.toml that says whether its trials were drawn
pub const SAMPLED: &str = "sampled";
/// The least number of values of a setting of which they seem to be drawn
const MANY: usize = 8;

/// Whether the trials of the sweep in the folder `dir` were drawn; `None` if it has no plan.toml that can be read
pub fn of_plan(dir: &Path) -> Option<bool> {
    let text = std::fs::read_to_string(dir.join("plan.toml")).ok()?;
    let plan: toml::Table = toml::from_str(&text).ok()?;
    Some(plan.get(SAMPLED).and_then(toml::Value::as_bool).unwrap_or(false))
}

/// Whether values seem to be drawn: a setting has many, and most combinations of the values of all settings were not run
///
/// * `groups`: number of combinations that were run
pub(super) fn looks_sampled(axes: &[VariedSetting], groups: usize) -> bool {
    let has_many = |axis: &VariedSetting| axis.numbers.is_some() && axis.values.len() >= MANY;
    let all = axes.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    axes.iter().any(has_many) && groups < all / 2
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::report::analysis::Analysis;
    use crate::tables::reader::Table;

    #[test]
    fn a_sample_has_many_values_and_few_of_their_combinations() {
        let of = |rows: &[(u32, u32)]| {
            let row = |(i, (eta, mu)): (usize, &(u32, u32))| format!("t{i},ok,0.{eta},0.{mu},1,0.5\n");
            let rows: String = rows.iter().enumerate().map(row).collect();
            let csv = format!("trial,status,learning_rate,momentum,seed,test_accuracy\n{rows}");
            let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
            Analysis::from_table(&table).unwrap().is_sampled
        };
        let pairs = |n: u32, of: fn(u32) -> (u32, u32)| (0..n).map(of).collect::<Vec<_>>();
        assert!(of(&pairs(9, |i| (11 + i, 11 + 7 * i % 9))));
        assert!(!of(&pairs(18, |i| (11 + i / 2, 11 + i % 2))), "a grid");
        assert!(!of(&pairs(9, |i| (11 + i, 5))), "one setting");
        assert!(!of(&pairs(5, |i| (11 + i, 11 + i))), "few trials, listed one by one");
    }
}
