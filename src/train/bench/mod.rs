//! Measurements of this machine: its limits, and how much of them products, loops and whole epochs reach
//!
//! Every time is a median. Products and epochs count the multiply-adds of matrix products alone, 2 flops each.

mod epochs;
mod fits;
mod layers;
mod machine;
mod measure;

use std::fmt;
use std::sync::Arc;

pub use self::measure::Effort;
use self::measure::Measurements;
use super::dims::Dims;
use crate::config::EngineChoice;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::tables::BenchRow;

/// A net to measure, and its batch size
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// Its widths
    pub dims: Dims,
    /// Images in a batch
    pub batch_size: usize,
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batch {}", self.dims, self.batch_size)
    }
}

impl Net {
    /// Features and classes
    fn ends(&self) -> (usize, usize) {
        (self.dims.0[0], self.dims.0[self.dims.0.len() - 1])
    }
}

/// The nets that are measured by default, which help and documents call tiny, small, wide and big
pub fn standard_nets() -> Vec<Net> {
    [
        (&[784, 32, 10][..], 16),
        (&[784, 128, 64, 10], 64),
        (&[784, 512, 512, 10], 128),
        (&[784, 2048, 2048, 10], 256),
    ]
    .map(|(widths, batch_size)| Net { dims: Dims(widths.to_vec()), batch_size })
    .to_vec()
}

/// What to measure, and how
#[derive(Clone, Debug)]
pub struct Bench {
    /// The nets whose products and epochs are measured
    pub nets: Vec<Net>,
    /// Timed epochs of each net, after one that is not timed
    pub epochs: u32,
    /// Backend that computes the nets
    pub engine: EngineChoice,
    /// The data set, as for [`Dataset::load`]; `None`: see [`Self::data`]
    pub data: Option<String>,
    /// How much time it takes
    pub effort: Effort,
}

impl Bench {
    /// The images for each net: of the data set that was asked for, else the synthetic set where it fits, else random
    ///
    /// The choice matters, since products skip zeros: 0.50 of Fashion-MNIST's pixels are not 0, and 0.66 of the
    /// synthetic set's.
    ///
    /// # Errors
    /// If the set can't be read, does not fit one of the nets, or there is not enough memory.
    pub fn data(&self) -> Result<Vec<Arc<Dataset>>> {
        fits::check(self)?;
        let Some(source) = &self.data else {
            let made_up = |net| Arc::new(epochs::dataset(net, self.effort.images));
            return Ok(self.nets.iter().map(made_up).collect());
        };
        let data = Arc::new(Dataset::load(Some(source))?);
        let (features, classes) = (data.features(), data.classes.len());
        if let Some(net) = self.nets.iter().find(|net| net.ends() != (features, classes)) {
            let expected = format!("{features}-…-{classes} for {source}");
            return Err(Error::Setting { name: "net", expected, found: net.to_string() });
        }
        Ok(self.nets.iter().map(|_| Arc::clone(&data)).collect())
    }

    /// Measures everything on the threads of the current `rayon` pool, and calls `on_row` after each measurement
    ///
    /// `data`: what [`Self::data`] returned
    ///
    /// # Errors
    /// If this processor can't run the engine, or a net does not fit into memory.
    pub fn run(&self, data: &[Arc<Dataset>], on_row: &mut (dyn FnMut(BenchRow) + Send)) -> Result<()> {
        let engine = self.engine.kind()?;
        let threads = rayon::current_num_threads();
        let mut measurements = Measurements { effort: self.effort, threads, peak: None, on_row };
        machine::measure(&mut measurements);
        self.nets.iter().for_each(|net| layers::products(&mut measurements, net, engine));
        layers::loops(&mut measurements);
        let mut nets = self.nets.iter().zip(data);
        nets.try_for_each(|(net, data)| epochs::measure(&mut measurements, net, data, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measurement_is_made_for_a_net_of_odd_widths() {
        let bench = Bench {
            nets: vec![Net { dims: Dims(vec![5, 3, 2]), batch_size: 1000 }],
            epochs: 1,
            engine: EngineChoice::Auto,
            data: None,
            effort: Effort::QUICK,
        };
        let (mut rows, data) = (Vec::new(), bench.data().unwrap());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| bench.run(&data, &mut |row| rows.push(row))).unwrap();
        let synthetic = Bench { data: Some("synthetic".to_owned()), ..bench };
        assert!(synthetic.data().unwrap_err().to_string().contains("784-…-10 for synthetic"));
        for kind in ["machine", "product", "loop", "epoch", "predict"] {
            assert!(rows.iter().any(|row| row.kind == kind), "{kind}");
        }
        assert!(rows.iter().all(|row| row.median_s > 0.0 && row.median_s.is_finite()));
    }
}
