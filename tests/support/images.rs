//! Images of the size of Fashion-MNIST's as four IDX files

use std::path::Path;

use crate::idx_files::idx_bytes;

/// Writes 3,000 training and 300 test images of 28 × 28 in ten classes into `folder`: 20 × 20 random pixels, brighter in the lines
/// of the class, in a frame of 0
///
/// They are enough for both kernels of products and for several threads, and few enough for the slowest instruction set.
pub fn images(folder: &Path) {
    const SIDE: u32 = 28;
    const PIXELS: u32 = SIDE * SIDE;
    let is_inside = |place: u32| (4..24).contains(&place);
    let pixel = |at: u32| {
        let (class, y, x) = (at / PIXELS % 10, at % PIXELS / SIDE, at % SIDE);
        let noise = at.wrapping_mul(0x9e37_79b1).rotate_left(15).wrapping_mul(0x85eb_ca77) >> 25;
        let light = if (y - y.min(4)) / 2 == class { 100 } else { 1 };
        if is_inside(y) && is_inside(x) { (noise + light) as u8 } else { 0 }
    };
    for (name, len) in [("train", 3000), ("t10k", 300)] {
        let pixels: Vec<u8> = (0..len * PIXELS).map(pixel).collect();
        let labels: Vec<u8> = (0..len).map(|i| (i % 10) as u8).collect();
        std::fs::write(
            folder.join(format!("{name}-images-idx3-ubyte")),
            idx_bytes(&[len, SIDE, SIDE], &pixels),
        )
        .expect("a temporary folder can be written");
        std::fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx_bytes(&[len], &labels))
            .expect("a temporary folder can be written");
    }
}
