//! A small data set as four IDX files

use std::path::Path;

use crate::idx_files::{gzip, idx_bytes};

/// Writes 200 training and 50 test images of 4 × 4 in three classes into `folder`, images as gzip, labels plain
pub fn small_data(folder: &Path) {
    for (name, len) in [("train", 200u32), ("t10k", 50)] {
        let pixels: Vec<u8> = (0..len * 16).map(|at| (at / 16 % 3 * 80 + at * 7 % 50) as u8).collect();
        let labels: Vec<u8> = (0..len).map(|i| (i % 3) as u8).collect();
        let images = gzip(&idx_bytes(&[len, 4, 4], &pixels));
        std::fs::write(folder.join(format!("{name}-images-idx3-ubyte.gz")), images)
            .expect("a temporary folder can be written");
        std::fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx_bytes(&[len], &labels))
            .expect("a temporary folder can be written");
    }
}
