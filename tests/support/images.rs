//! Images of the size of Fashion-MNIST's as four IDX files

use std::path::Path;

use crate::idx_files::idx_bytes;

/// Writes 3,000 training and 300 test images of 28 × 28 in ten classes into `folder`, a third of whose pixels are 0
///
/// They are enough for the kernels of large products and for several threads, and few enough for the slowest instruction set.
pub fn images(folder: &Path) {
    const PIXELS: u32 = 28 * 28;
    let pixel = |at: u32| {
        let (class, noise) =
            (at / PIXELS % 10, at.wrapping_mul(0x9e37_79b1).rotate_left(15).wrapping_mul(0x85eb_ca77) >> 24);
        let place = at % PIXELS / 78;
        if noise < 85 { 0 } else { (noise / 2 + if place == class { 100 } else { 0 }) as u8 }
    };
    for (name, len) in [("train", 3000), ("t10k", 300)] {
        let pixels: Vec<u8> = (0..len * PIXELS).map(pixel).collect();
        let labels: Vec<u8> = (0..len).map(|i| (i % 10) as u8).collect();
        std::fs::write(folder.join(format!("{name}-images-idx3-ubyte")), idx_bytes(&[len, 28, 28], &pixels))
            .expect("a temporary folder can be written");
        std::fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx_bytes(&[len], &labels))
            .expect("a temporary folder can be written");
    }
}
