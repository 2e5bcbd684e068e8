//! Checks that the measurements fit in memory

use super::{Bench, Net};
use crate::error::{Result, memory};
use crate::nn::optimizer::Kept;
use crate::train::dims::Copies;
use crate::train::evaluate::BATCH_ROWS;
use crate::train::thread_count::cores;

/// What the measured training keeps of each parameter
const COPIES: Copies = Copies { kept: Kept::Velocity, best: false, average: false };

/// Numbers of training and test images of the synthetic set, and of its features and classes
const SYNTHETIC: ((usize, usize), (usize, usize)) = ((60_000, 10_000), (784, 10));

/// Checks that there is memory for the images and for the largest measurement
///
/// # Errors
/// If there is not; the message names the net.
pub fn check(bench: &Bench) -> Result<()> {
    let (mut images, mut largest) = (0, None);
    for net in &bench.nets {
        let (counts, ends) =
            if net.ends() == SYNTHETIC.1 { SYNTHETIC } else { (bench.effort.images, net.ends()) };
        if bench.data.is_none() {
            // One byte for each pixel, and four bytes for the label.
            images += (counts.0 + counts.1) as u128 * (ends.0 as u128 + 4);
        }
        let Net { dims, batch_size } = net;
        let evaluated = counts.1.min(BATCH_ROWS * cores());
        let training = dims.training_bytes(bench.dtype, COPIES, (*batch_size).min(counts.0), evaluated);
        let products = dims.products_bytes(bench.dtype, *batch_size);
        largest = largest.max(Some((training.max(products), net.to_string())));
    }
    let (bytes, net) = largest.unwrap_or_default();
    let memory_bytes = bench.effort.memory_bytes as u128;
    memory::check(images + bytes.max(memory_bytes), || format!("to measure {net}"))
}
