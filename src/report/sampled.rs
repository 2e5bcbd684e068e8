//! Whether the trials of a sweep are a sample, in place of all combinations of a few values

use crate::report::analysis::{Analysis, VariedSetting};

/// The least number of values of a setting of which they are drawn
const MANY: usize = 8;

/// Whether values were drawn: a setting has many, and most combinations of the values of all settings were not run
pub fn is_sampled(analysis: &Analysis) -> bool {
    let has_many = |axis: &VariedSetting| axis.numbers.is_some() && axis.values.len() >= MANY;
    let all = analysis.axes.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    analysis.axes.iter().any(has_many) && analysis.groups.len() < all / 2
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tables::reader::Table;

    #[test]
    fn a_sample_has_many_values_and_few_of_their_combinations() {
        let of = |rows: &[(u32, u32)]| {
            let row = |(i, (eta, mu)): (usize, &(u32, u32))| format!("t{i},ok,0.{eta},0.{mu},1,0.5\n");
            let rows: String = rows.iter().enumerate().map(row).collect();
            let csv = format!("trial,status,learning_rate,momentum,seed,test_accuracy\n{rows}");
            let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
            is_sampled(&Analysis::from_table(&table).unwrap())
        };
        let pairs = |n: u32, of: fn(u32) -> (u32, u32)| (0..n).map(of).collect::<Vec<_>>();
        assert!(of(&pairs(9, |i| (11 + i, 11 + 7 * i % 9))));
        assert!(!of(&pairs(18, |i| (11 + i / 2, 11 + i % 2))), "a grid");
        assert!(!of(&pairs(9, |i| (11 + i, 5))), "one setting");
        assert!(!of(&pairs(5, |i| (11 + i, 11 + i))), "few trials, listed one by one");
    }
}
