//! Measurements of this machine: its limits, and the share of these that products, loops and whole epochs reach
//!
//! Every time is a median. The operations of products and epochs are the multiply-adds of matrix products alone, with 2
//! operations each.

pub mod compare;
mod epochs;
mod fits;
mod layers;
mod machine;
mod measure;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chainrule_kernels::Backend;
use clap::ValueEnum;

pub use self::measure::Effort;
use self::measure::Measurements;
use super::dims::Dims;
use super::machine::{cpu, simd};
use super::thread_count::cores;
use crate::config::{Dtype, EngineChoice};
use crate::data::{DataOptions, Dataset};
use crate::error::{Error, Result};
use crate::tables::BenchRow;

/// A net to measure, and its batch size
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// The widths of its layers
    pub dims: Dims,
    /// Number of images in a batch
    pub batch_size: usize,
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batch {}", self.dims, self.batch_size)
    }
}

impl Net {
    /// Numbers of features and classes
    fn ends(&self) -> (usize, usize) {
        (self.dims.0[0], self.dims.0[self.dims.0.len() - 1])
    }
}

/// The nets that are measured by default, with their names
const STANDARD: [(&str, &[usize], usize); 4] = [
    ("tiny", &[784, 32, 10], 16),
    ("small", &[784, 128, 64, 10], 64),
    ("wide", &[784, 512, 512, 10], 128),
    ("big", &[784, 2048, 2048, 10], 256),
];

/// A net as a person names it: `tiny`, `small`, `wide`, `big`, or its widths
#[derive(Clone, Debug)]
pub enum NetChoice {
    /// One of the standard nets, with its batch size
    Standard(Net),
    /// The widths of a net
    Dims(Dims),
}

impl NetChoice {
    /// All standard nets
    pub fn standard() -> Vec<Self> {
        STANDARD
            .map(|(_, widths, batch_size)| Self::Standard(Net { dims: Dims(widths.to_vec()), batch_size }))
            .to_vec()
    }

    /// The net, with batches of `batch_size` if it is given, else with the standard net's batch size, or 64 for other
    /// nets
    pub fn net(&self, batch_size: Option<usize>) -> Net {
        match self {
            Self::Standard(net) => Net { batch_size: batch_size.unwrap_or(net.batch_size), ..net.clone() },
            Self::Dims(dims) => Net { dims: dims.clone(), batch_size: batch_size.unwrap_or(64) },
        }
    }
}

impl FromStr for NetChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match STANDARD.iter().position(|(name, ..)| *name == text) {
            Some(at) => Ok(Self::standard().swap_remove(at)),
            None => text.parse().map(Self::Dims).map_err(|e| format!("{e}, or tiny, small, wide or big")),
        }
    }
}

/// A kind of measurement
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The machine's limits: multiply-adds in registers, reading from L2 and memory
    Machine,
    /// The products of each layer, forward and backward
    Product,
    /// The loops of a training step that are not products
    Loop,
    /// Whole epochs of training
    Epoch,
    /// Predictions of a test set, and of one image
    Predict,
}

impl Kind {
    /// Its name in the column `kind`
    pub fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Product => "product",
            Self::Loop => "loop",
            Self::Epoch => "epoch",
            Self::Predict => "predict",
        }
    }
}

/// What to measure, and how
#[derive(Clone, Debug)]
pub struct Bench {
    /// The nets whose products and epochs are measured
    pub nets: Vec<Net>,
    /// Number of timed epochs of each net, after one that is not timed
    pub epochs: u32,
    /// Backend that computes the nets
    pub engine: EngineChoice,
    /// Element type of the nets: `F32` or `Bf16`
    pub dtype: Dtype,
    /// The data set, as for [`Dataset::load`]; for `None`, see [`Self::data`]
    pub data: Option<String>,
    /// How much time the measurements take
    pub effort: Effort,
    /// The kinds of measurements to make; empty for all
    pub only: Vec<Kind>,
}

impl Bench {
    /// The columns that are the same in all rows, about the machine and the program; the caller adds the number of
    /// threads
    ///
    /// # Errors
    /// If this processor can't run the backend, or nets of this element type are not measured.
    pub fn common(&self) -> Result<BenchRow> {
        if self.dtype == Dtype::F64 {
            let (expected, found) = ("f32 or bf16".to_owned(), "f64".to_owned());
            return Err(Error::Setting { name: "dtype", expected, found });
        }
        let backend = match self.engine.backend(self.dtype)? {
            Backend::Matrixmultiply => "matrixmultiply",
            Backend::Fused | Backend::Bf16 => "fused",
        };
        Ok(BenchRow {
            dtype: self.dtype.name(),
            engine: backend.to_owned(),
            simd: simd().to_owned(),
            cpu: cpu().unwrap_or_default(),
            cores: cores(),
            version: env!("CARGO_PKG_VERSION"),
            date: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            ..BenchRow::default()
        })
    }

    /// Whether measurements of this kind were asked for
    fn measures(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    /// The images for each net: the data set that was asked for, else the synthetic set if it fits the net, else random
    /// images
    ///
    /// The choice affects the times, since products skip zeros: 50 % of Fashion-MNIST's pixels are not 0, and 66 % of
    /// the synthetic set's.
    ///
    /// # Errors
    /// If the set can't be read, does not fit one of the nets, or there is not enough memory.
    pub fn data(&self) -> Result<Vec<Arc<Dataset>>> {
        fits::check(self)?;
        let Some(source) = &self.data else {
            let made_up = |net| Arc::new(epochs::dataset(net, self.effort.images));
            return Ok(self.nets.iter().map(made_up).collect());
        };
        let data = Arc::new(Dataset::load(&DataOptions {
            data: Some(source.to_owned()),
            ..DataOptions::default()
        })?);
        let (features, outputs) = (data.features(), data.task.outputs());
        if let Some(net) = self.nets.iter().find(|net| net.ends() != (features, outputs)) {
            let expected = format!("{features}-…-{outputs} for {source}");
            return Err(Error::Setting { name: "net", expected, found: net.to_string() });
        }
        Ok(self.nets.iter().map(|_| Arc::clone(&data)).collect())
    }

    /// Measures on the threads of the current `rayon` pool, and calls `on_row` after each measurement
    ///
    /// * `data`: what [`Self::data`] returned
    /// * `common`: what [`Self::common`] returned
    ///
    /// # Errors
    /// If this processor can't run the backend, or a net does not fit into memory.
    pub fn run(
        &self,
        data: &[Arc<Dataset>],
        common: &BenchRow,
        on_row: &mut (dyn FnMut(BenchRow) + Send),
    ) -> Result<()> {
        let backend = self.engine.backend(self.dtype)?;
        let common = BenchRow { threads: rayon::current_num_threads(), ..common.clone() };
        let mut measurements = Measurements { effort: self.effort, common, peak: None, on_row };
        machine::measure(&mut measurements, self.dtype, self.measures(Kind::Machine));
        if self.measures(Kind::Product) {
            self.nets.iter().for_each(|net| layers::products(&mut measurements, net, backend));
        }
        if self.measures(Kind::Loop) {
            layers::loops(&mut measurements);
        }
        if self.measures(Kind::Epoch) || self.measures(Kind::Predict) {
            for (net, data) in self.nets.iter().zip(data) {
                measurements.common.data.clone_from(&data.source);
                epochs::measure(&mut measurements, net, data, self)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chainrule_kernels::has_bf16;

    use super::*;

    #[test]
    fn every_measurement_is_made_for_a_net_of_odd_widths() {
        let bench = Bench {
            nets: vec![Net { dims: Dims(vec![5, 3, 2]), batch_size: 1000 }],
            epochs: 1,
            engine: EngineChoice::Auto,
            dtype: Dtype::F32,
            data: None,
            effort: Effort::QUICK,
            only: Vec::new(),
        };
        let (mut rows, data) = (Vec::new(), bench.data().unwrap());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| bench.run(&data, &bench.common().unwrap(), &mut |row| rows.push(row))).unwrap();
        let bf16 = Bench { dtype: Dtype::Bf16, ..bench.clone() };
        let mut names = Vec::new();
        pool.install(|| bf16.run(&data, &bf16.common().unwrap(), &mut |row| names.push(row.name))).unwrap();
        assert_eq!(names.iter().any(|name| name.contains("bf16")), has_bf16());
        let double = Bench { dtype: Dtype::F64, ..bench.clone() };
        assert!(double.common().unwrap_err().to_string().contains("f32 or bf16"));
        let synthetic = Bench { data: Some("synthetic".to_owned()), ..bench };
        assert!(synthetic.data().unwrap_err().to_string().contains("784-…-10 for synthetic"));
        for kind in ["machine", "product", "loop", "epoch", "predict"] {
            assert!(rows.iter().any(|row| row.kind == kind), "{kind}");
        }
        assert!(rows.iter().all(|row| row.median_s > 0.0 && row.median_s.is_finite() && row.name.is_ascii()));
    }
}
