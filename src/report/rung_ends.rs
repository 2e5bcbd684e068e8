//! The epochs after which the rungs of a halving end, as its plan decides them

use std::path::Path;

use super::analysis::{Analysis, ObservedRun};

/// The line of plan.toml that says that one combination in this number goes on after a rung
const HALVING: &str = "halving";

/// The epochs after which the rungs end, from the first rung to the last
///
/// The last rung ends after `epochs`, and each rung before it after `1/eta` of the epochs of the next one, rounded down. The
/// first rung has `combinations` combinations. There are as many rungs as leave one combination or more, and one epoch or more.
///
/// * `eta`: one combination in `eta` goes on after a rung; 2 or more
pub fn rung_ends(eta: u32, combinations: usize, epochs: u32) -> Vec<u32> {
    let (eta, epochs) = (u64::from(eta), u64::from(epochs));
    let (mut ends, mut part) = (vec![], 1);
    while part <= combinations as u64 && part <= epochs {
        ends.push((epochs / part) as u32);
        part *= eta;
    }
    ends.reverse();
    ends
}

/// The same for the sweep in the folder `dir`; empty if its plan.toml can't be read, or plans no halving
///
/// Counts the combinations in `analysis`: once a second rung has begun, every trial of the sweep has a row.
pub fn of_plan(dir: &Path, analysis: &Analysis) -> Vec<u32> {
    let epochs = analysis.trials.iter().filter_map(ObservedRun::epochs).max().unwrap_or(0);
    eta(dir).map_or(vec![], |eta| rung_ends(eta, analysis.groups.len(), epochs))
}

/// What plan.toml says of its halving
fn eta(dir: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(dir.join("plan.toml")).ok()?;
    let plan: toml::Table = toml::from_str(&text).ok()?;
    let eta = plan.get(HALVING)?.as_integer()?;
    u32::try_from(eta).ok().filter(|eta| *eta >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::reader::Table;

    #[test]
    fn the_plan_of_a_folder_decides_the_ends_with_the_combinations_and_epochs_of_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let row = |i: usize| format!("{i},diverged,9,{},0.{},\n", i % 2, i / 2);
        let rows: String = (0..10).map(row).collect();
        let csv = format!("trial,status,epochs,seed,momentum,test_accuracy\n{rows}");
        let analysis =
            Analysis::from_table(&Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap()).unwrap();
        assert!(of_plan(folder.path(), &analysis).is_empty(), "no plan");
        for (plan, ends) in [
            ("halving = 3\n", &[3, 9][..]),
            ("halving = 2\n[grid]\nmomentum = [0.0, 0.1, 0.2, 0.3, 0.4]\n", &[2, 4, 9]),
            ("halving = 1\n", &[]),
            ("epochs = 9\n", &[]),
            ("halving =", &[]),
        ] {
            std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
            assert_eq!(of_plan(folder.path(), &analysis), ends, "{plan}");
        }
    }
}
