//! Fashion-MNIST from its four gzip files, with pixels as bytes until a batch is gathered

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::MultiGzDecoder;

pub struct Data {
    pub features: usize,
    pub train_labels: Vec<u8>,
    pub test_images: Vec<u8>,
    pub test_labels: Vec<u8>,
    train_images: Vec<u8>,
}

impl Data {
    pub fn load(folder: &Path) -> Result<Self> {
        let file = |name: &str| read_idx(&folder.join(name)).with_context(|| format!("reading {name}"));
        let (train_labels, _) = file("train-labels-idx1-ubyte.gz")?;
        let (train_images, features) = file("train-images-idx3-ubyte.gz")?;
        let (test_labels, _) = file("t10k-labels-idx1-ubyte.gz")?;
        let (test_images, _) = file("t10k-images-idx3-ubyte.gz")?;
        ensure!(train_images.len() == features * train_labels.len(), "images and labels differ in number");
        Ok(Self { features, train_labels, test_images, test_labels, train_images })
    }

    /// The images with indices `chosen`, one per row, scaled to 0 to 1
    pub fn train_rows(&self, chosen: &[usize]) -> Vec<f32> {
        let mut rows = Vec::with_capacity(chosen.len() * self.features);
        for &i in chosen {
            let image = &self.train_images[i * self.features..][..self.features];
            rows.extend(image.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)));
        }
        rows
    }
}

pub fn scaled(images: &[u8]) -> Vec<f32> {
    images.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)).collect()
}

/// The bytes of an IDX file, and the number of bytes per item
fn read_idx(path: &Path) -> Result<(Vec<u8>, usize)> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    ensure!(bytes.len() > 8 && bytes[..3] == [0, 0, 8], "not an IDX file of bytes");
    let header = 4 + 4 * usize::from(bytes[3]);
    ensure!(bytes.len() > header, "the header is cut off");
    let item =
        bytes[8..header].chunks(4).map(|d| u32::from_be_bytes(d.try_into().unwrap()) as usize).product();
    bytes.drain(..header);
    Ok((bytes, item))
}
