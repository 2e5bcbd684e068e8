//! The name and the hash of a data set, which identify runs on the same data

use std::path::Path;

use super::labels::Labels;
use super::{Dataset, Split};

impl Dataset {
    /// The name of its folder, or `synthetic`
    pub fn name(&self) -> String {
        let folder = Path::new(&self.source);
        let whole = folder.canonicalize();
        let name = whole.as_deref().unwrap_or(folder).file_name();
        name.map_or_else(|| self.source.clone(), |name| name.to_string_lossy().into_owned())
    }

    /// A hash of the cells, the labels and the weights of rows, as 8 hexadecimal digits; it does not depend on the folder's name
    ///
    /// It is a CRC-32, which is fast and distinguishes data sets that were not made to collide. The first digit is a,
    /// b, c or d, since a spreadsheet could otherwise read the digits as a number.
    ///
    /// It is the same for any test split.
    pub fn hash(&self) -> String {
        if let Some(hash) = &self.undivided_hash {
            return hash.clone();
        }
        let mut hasher = crc32fast::Hasher::new();
        for split in [&self.train, &self.test] {
            add(&mut hasher, split);
        }
        // Images have no names; a table with other names, texts or labels is another table.
        if !self.inputs.names.is_empty() {
            let names = self.inputs.names.iter().chain(self.task.names());
            for name in names.chain(self.inputs.categories.iter().flatten().flatten()) {
                hasher.update(name.as_bytes());
                hasher.update(&[0]);
            }
        }
        for weight in self.row_weights.iter().flatten() {
            hasher.update(&weight.to_le_bytes());
        }
        format!("{:08x}", hasher.finalize() & 0x3fff_ffff | 0xa000_0000)
    }
}

fn add(hasher: &mut crc32fast::Hasher, split: &Split) {
    for size in [split.len(), split.columns] {
        hasher.update(&(size as u64).to_le_bytes());
    }
    split.cells.hash_into(hasher);
    match &split.labels {
        Labels::Classes(labels) => {
            for labels in labels.chunks(1 << 12) {
                hasher.update(&labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<_>>());
            }
        }
        Labels::Numbers { values, .. } => {
            for values in values.chunks(1 << 12) {
                hasher.update(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::task::Task;
    use crate::data::{Cells, Inputs};

    #[test]
    fn the_hash_depends_on_the_data_alone_and_is_no_number() {
        let labels = Labels::Classes(vec![0, 1, 0]);
        let split = Split { cells: Cells::Bytes((0..12).collect()), labels, columns: 4 };
        let data = Dataset {
            source: "a".to_owned(),
            inputs: Inputs::of_array(&[2, 2]),
            task: Task::Classify(vec!["x".to_owned(), "y".to_owned()]),
            task_note: None,
            train: split.clone(),
            test: split,
            row_weights: None,
            warnings: Vec::new(),
            undivided_hash: None,
        };
        let hash = data.hash();
        assert!(hash.len() == 8 && hash.starts_with(['a', 'b', 'c', 'd']), "{hash}");
        let other = |change: fn(&mut Dataset)| {
            let mut other = data.clone();
            change(&mut other);
            other.hash()
        };
        assert_eq!(other(|data| data.source = "b".to_owned()), hash);
        assert_ne!(other(|data| data.test.labels = Labels::Classes(vec![0, 1, 1])), hash);
        assert_ne!(other(|data| data.row_weights = Some(vec![1.0; 3])), hash);
        assert_ne!(other(|data| data.train.cells = Cells::Bytes((1..13).collect())), hash);
    }
}
