//! The built-in set of images, which needs no file: for tests, benches and machines without a network
//!
//! It has the size of Fashion-MNIST: 60,000 training and 10,000 test images, 28 × 28, ten classes. Each class has three
//! shapes, which are sums of soft blobs. An image is the sum of one of these shapes, a fainter shape of any class, and
//! noise; each shape is moved by up to three pixels and scaled to a random brightness. A linear model learns the set
//! well, and a net with a hidden layer learns it better.
//! All arithmetic is in integers, so the bytes are the same on every machine.

use rayon::prelude::*;

use super::{Cells, Dataset, Inputs, Labels, Split, Task};
use crate::random::SplitMix;

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;
/// Memory of the set in bytes: one for each pixel, and four for each label
pub const BYTES: u128 = 70_000 * (PIXELS as u128 + 4);
const SHAPES: usize = 3;
/// Largest distance by which a shape is moved in each direction; a shape has a margin of this width
const SHIFT: usize = 3;
/// Side of a shape with its margin
const WIDE: usize = SIDE + 2 * SHIFT;

impl Dataset {
    /// The built-in set, which needs no file and is always the same
    pub fn synthetic() -> Self {
        let shapes: Vec<Vec<u8>> = (0..CLASSES * SHAPES).map(|i| shape(i as u64)).collect();
        Self {
            source: "synthetic".to_owned(),
            inputs: Inputs::of_array(&[SIDE, SIDE]),
            task: Task::Classify((0..CLASSES).map(|class| class.to_string()).collect()),
            task_note: None,
            train: split(60_000, 0, &shapes),
            test: split(10_000, 1 << 32, &shapes),
            row_weights: None,
            warnings: Vec::new(),
            undivided_hash: None,
        }
    }
}

fn split(len: usize, first: u64, shapes: &[Vec<u8>]) -> Split {
    let mut images = vec![0; len * PIXELS];
    let mut labels = vec![0; len];
    images.par_chunks_exact_mut(PIXELS).zip(&mut labels).enumerate().for_each(|(i, (image, label))| {
        *label = draw(first + i as u64, shapes, image);
    });
    Split { cells: Cells::Bytes(images), labels: Labels::Classes(labels), columns: PIXELS }
}

/// Draws image `number` and returns its class
fn draw(number: u64, shapes: &[Vec<u8>], image: &mut [u8]) -> u32 {
    let mut random = SplitMix::new(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let class = random.below(CLASSES);
    let front = &shapes[class * SHAPES + random.below(SHAPES)];
    let back = &shapes[random.below(shapes.len())];
    let mut place = || (random.below(2 * SHIFT + 1), random.below(2 * SHIFT + 1));
    let ((front_y, front_x), (back_y, back_x)) = (place(), place());
    let (bright, faint) = (96 + random.below(160), random.below(120));
    for (y, row) in image.chunks_exact_mut(SIDE).enumerate() {
        let front = &front[(y + front_y) * WIDE + front_x..][..SIDE];
        let back = &back[(y + back_y) * WIDE + back_x..][..SIDE];
        for (noise, x) in (0..SIDE).step_by(8).map(|x| (random.bits(), x)) {
            for (byte, x) in noise.to_le_bytes().into_iter().zip(x..SIDE) {
                let light = (usize::from(front[x]) * bright + usize::from(back[x]) * faint) / 256;
                row[x] = (light + usize::from(byte) / 4).saturating_sub(40).min(255) as u8;
            }
        }
    }
    class as u32
}

/// Shape `number`: four to six blobs, whose brightness falls with the square of the distance from their centre
fn shape(number: u64) -> Vec<u8> {
    let mut random = SplitMix::new(!number);
    let blobs: Vec<[i64; 3]> = (0..4 + random.below(3))
        .map(|_| [(); 3].map(|()| random.bits()))
        .map(|[y, x, r]| [(8 + y % 18) as i64, (8 + x % 18) as i64, (3 + r % 5) as i64])
        .collect();
    let light = |at: usize| {
        let (y, x) = ((at / WIDE) as i64, (at % WIDE) as i64);
        let blob =
            |&[cy, cx, r]: &[i64; 3]| (255 - 255 * ((y - cy).pow(2) + (x - cx).pow(2)) / (r * r)).max(0);
        blobs.iter().map(blob).sum::<i64>().min(255) as u8
    };
    (0..WIDE * WIDE).map(light).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_the_same_every_time_and_on_every_machine() {
        let data = Dataset::synthetic();
        let mut checksum = flate2::Crc::new();
        for split in [&data.train, &data.test] {
            let Cells::Bytes(images) = &split.cells else { panic!("no bytes") };
            checksum.update(images);
        }
        for label in data.train.labels.classes().iter().chain(data.test.labels.classes()) {
            checksum.update(&label.to_le_bytes());
        }
        // The checksum of the first version of this set. If it changes, published results are no longer valid.
        assert_eq!(checksum.sum(), 608_367_541);
    }

    #[test]
    fn every_class_has_about_a_tenth_of_the_images() {
        let labels = Dataset::synthetic().train.labels;
        for class in 0..10 {
            let count = labels.classes().iter().filter(|&&label| label == class).count();
            assert!((5700..6300).contains(&count), "{count} images of class {class}");
        }
    }
}
