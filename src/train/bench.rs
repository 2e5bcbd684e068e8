//! What the engine does on this machine: its limits, and how near products, loops and whole epochs come to them
//!
//! Every figure is a median. Products and epochs count the multiply-adds of matrix products alone, 2 flops each: for
//! a net, `2 Σ d_in·d_out` a sample forward, as much for ∂L/∂W, and as much for ∂L/∂X but in the first layer.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use chainrule_kernels::{
    self as kernels, Backend, DenseKernels, Gradient, SgdRule, SgdStep, View, ViewMut, peak,
};

use crate::config::{EngineChoice, HiddenDims, Settings};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::nn::matrix::Matrix;
use crate::nn::mlp::with_team;
use crate::random::{Purpose, Random};
use crate::tables::BenchRow;
use crate::train::trainer::Trainer;

/// A figure is the median of so many samples
const SAMPLES: usize = 15;
/// A sample repeats what it measures until it takes so long, s
const SAMPLE_S: f64 = 0.01;
/// Bytes that are read to see what memory gives: more than any cache holds
const MEMORY_BYTES: usize = 512 << 20;
/// Images of the made-up sets: as many as Fashion-MNIST has
const IMAGES: (usize, usize) = (60_000, 10_000);

/// A net to measure: its widths, as `784-128-64-10`, and its batch size
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// From the features over the hidden layers to the classes
    pub dims: Vec<usize>,
    /// Images a step
    pub batch_size: usize,
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.dims.iter().map(ToString::to_string).collect();
        write!(f, "{} batch {}", dims.join("-"), self.batch_size)
    }
}

/// Widths apart by `-`, from features to classes
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dims(pub Vec<usize>);

impl FromStr for Dims {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected =
            || format!("`{text}` is no net: expected widths from features to classes, as 784-128-64-10");
        let dims: Option<Vec<usize>> =
            text.split('-').map(|part| part.trim().parse().ok().filter(|&d| d > 0)).collect();
        dims.filter(|dims| dims.len() >= 2 && dims[dims.len() - 1] >= 2).map(Self).ok_or_else(expected)
    }
}

/// The nets that are measured when none is named: tiny, small (the default net), wide and big
pub fn standard_nets() -> Vec<Net> {
    [
        (&[784, 32, 10][..], 16),
        (&[784, 128, 64, 10], 64),
        (&[784, 512, 512, 10], 128),
        (&[784, 2048, 2048, 10], 256),
    ]
    .map(|(dims, batch_size)| Net { dims: dims.to_vec(), batch_size })
    .to_vec()
}

impl Net {
    /// 10⁹ floating-point operations of the products of one sample's step
    fn gflop_per_sample(&self) -> f64 {
        let weights = |dims: &[usize]| dims.windows(2).map(|pair| (pair[0] * pair[1]) as f64).sum::<f64>();
        2e-9 * (2.0 * weights(&self.dims) + weights(&self.dims[1..]))
    }
}

/// What to measure, and how
#[derive(Clone, Debug)]
pub struct Bench {
    /// The nets whose products and epochs are measured
    pub nets: Vec<Net>,
    /// Timed epochs of each net, after one that is not
    pub epochs: u32,
    /// Who computes
    pub engine: EngineChoice,
    /// Where the images come from, as for [`Dataset::load`]; nothing stands for [`Self::data`]'s own choice
    pub data: Option<String>,
}

impl Bench {
    /// Images for each net: what was asked for, else the synthetic set where it fits, else images and labels by chance
    ///
    /// It matters which: products pass over zeros, and of Fashion-MNIST's pixels 0.50 are none, of the synthetic set's
    /// 0.66.
    ///
    /// # Errors
    /// If the set can't be read, or does not fit one of the nets.
    pub fn data(&self) -> Result<Vec<Arc<Dataset>>> {
        let Some(source) = &self.data else {
            return Ok(self.nets.iter().map(|net| Arc::new(dataset(&net.dims))).collect());
        };
        let data = Arc::new(Dataset::load(Some(source))?);
        let (features, classes) = (data.features(), data.classes.len());
        if let Some(net) = self.nets.iter().find(|net| ends(&net.dims) != (features, classes)) {
            let expected = format!("{features}-…-{classes} for {source}");
            return Err(Error::Setting { name: "net", expected, found: net.to_string() });
        }
        Ok(self.nets.iter().map(|_| Arc::clone(&data)).collect())
    }

    /// Measures everything on the threads of the current `rayon` pool, and calls `on_row` as each figure is there
    ///
    /// `data`: what [`Self::data`] made.
    ///
    /// # Errors
    /// If the processor lacks what the engine needs, or a net does not fit into memory.
    pub fn run(&self, data: &[Arc<Dataset>], on_row: &mut (dyn FnMut(BenchRow) + Send)) -> Result<()> {
        let kind = self.engine.kind()?;
        let mut figures = Figures { threads: rayon::current_num_threads(), peak: None, on_row };
        figures.machine();
        for net in &self.nets {
            figures.products(net, kind);
        }
        figures.loops();
        for (net, data) in self.nets.iter().zip(data) {
            figures.epochs(net, data, self)?;
        }
        Ok(())
    }
}

/// The figures of one number of threads
struct Figures<'a> {
    threads: usize,
    /// GFLOP/s of multiply-adds in registers
    peak: Option<f64>,
    on_row: &'a mut (dyn FnMut(BenchRow) + Send),
}

impl Figures<'_> {
    fn row(&self, kind: &'static str, name: String, median_s: f64) -> BenchRow {
        BenchRow {
            kind,
            name,
            threads: self.threads,
            median_s,
            gflop_per_s: None,
            gb_per_s: None,
            images_per_s: None,
            fraction_of_peak: None,
        }
    }

    /// A figure whose work is `gflop` floating-point operations
    fn flops(&mut self, kind: &'static str, name: String, median_s: f64, gflop: f64, images: Option<f64>) {
        let rate = gflop / median_s;
        let row = BenchRow {
            gflop_per_s: Some(rate),
            images_per_s: images.map(|images| images / median_s),
            fraction_of_peak: self.peak.map(|peak| rate / peak),
            ..self.row(kind, name, median_s)
        };
        (self.on_row)(row);
    }

    /// A figure whose work is to read and write `bytes`
    fn bytes(&mut self, kind: &'static str, name: String, median_s: f64, bytes: usize) {
        let gb_per_s = Some(bytes as f64 / median_s / 1e9);
        let row = BenchRow { gb_per_s, ..self.row(kind, name, median_s) };
        (self.on_row)(row);
    }

    /// The machine's limits: multiply-adds in registers, reading from L2 and from memory
    fn machine(&mut self) {
        const ROUNDS: u64 = 2_000_000;
        let burst = || rayon::broadcast(|_| peak::fma_burst(ROUNDS)).into_iter().sum::<u64>();
        let gflop = burst() as f64 / 1e9;
        let median_s = median((0..SAMPLES).map(|_| seconds(|| black_box(burst()))));
        self.flops("machine", "fused multiply-add in registers, f32".to_owned(), median_s, gflop, None);
        self.peak = Some(gflop / median_s);
        for (name, bytes, rounds) in
            [("read from L2", (256 << 10) * self.threads, 2000), ("read from memory", MEMORY_BYTES, 1)]
        {
            let data = vec![1.0f32; bytes / 4];
            let share = data.len() / self.threads;
            let read = || {
                rayon::broadcast(|thread| {
                    let share = &data[thread.index() * share..][..share];
                    for _ in 0..rounds {
                        black_box(peak::read(black_box(share)));
                    }
                })
            };
            let median_s = median((0..SAMPLES).map(|_| seconds(read)));
            self.bytes("machine", name.to_owned(), median_s, 4 * share * self.threads * rounds);
        }
    }

    /// Each layer of a net: forward, and backward with its step; once with operands full of numbers, once with as many
    /// zeros as training meets, in images and behind a ReLU
    fn products(&mut self, net: &Net, kind: Backend) {
        for half in [false, true] {
            self.layers(net, kind, half);
        }
    }

    fn layers(&mut self, net: &Net, kind: Backend, half: bool) {
        let (m, last) = (net.batch_size, net.dims.len() - 2);
        let note = if half { ", half zeros" } else { "" };
        for (l, pair) in net.dims.windows(2).enumerate() {
            let [k, n] = [pair[0], pair[1]];
            let f = if l < last { kernels::Activation::Relu } else { kernels::Activation::Identity };
            let (mut x, mut w, mut y, mut dx) = (wave(m, k, 1), wave(k, n, 2), wave(m, n, 3), wave(m, k, 4));
            // What comes out of the loss has no zeros.
            let mut dy = wave(m, n, 5);
            if half {
                halve(&mut x, 1);
                if l < last {
                    halve(&mut dy, 5);
                }
            }
            let (mut b, mut vw, mut vb) = (vec![0.0; n], Matrix::<f32>::zeros(k, n), vec![0.0; n]);
            let mut engine = DenseKernels::new(kind);
            let gflop = 2e-9 * (m * k * n) as f64;
            let forward_s = in_team(|| {
                let w = View::new(w.data(), k, n);
                engine.affine(x.view(), w, &b, f, ViewMut::new(y.data_mut(), m, n));
            });
            self.flops("product", format!("forward {m}×{k}·{k}×{n}{note}"), forward_s, gflop, None);
            // So small a step that the weights stay what they are.
            let rule = SgdRule { eta: 1e-12, mu: 0.9, lambda: 0.0 };
            let backward_s = in_team(|| {
                let step =
                    Gradient::Step { b: &mut b, step: SgdStep { rule, vw: vw.data_mut(), vb: &mut vb } };
                let to = (l > 0).then(|| (dx.data_mut(), kernels::Activation::Relu));
                engine.affine_backward(x.view(), dy.view(), w.data_mut(), to, step);
            });
            let (what, count) = if l > 0 { ("dX, dW, step", 2.0) } else { ("dW, step", 1.0) };
            self.flops("product", format!("{what} {m}×{k}·{k}×{n}{note}"), backward_s, count * gflop, None);
        }
    }

    /// The loops of the default net's step that are no products
    fn loops(&mut self) {
        const ROWS: usize = 64;
        let wide = ROWS * 1024;
        let mut x = wave(ROWS, 1024, 1);
        let relu_s = in_team(|| kernels::Activation::Relu.forward(x.data_mut()));
        self.bytes("loop", format!("ReLU of {wide} numbers"), relu_s, 8 * wide);
        let sigmoid_s = in_team(|| kernels::Activation::Sigmoid.forward(x.data_mut()));
        self.bytes("loop", format!("sigmoid of {wide} numbers"), sigmoid_s, 8 * wide);
        let (mut z, mut max, mut log_sum) = (wave(ROWS, 10, 2), vec![0.0; ROWS], vec![0.0; ROWS]);
        let softmax_s = in_team(|| kernels::softmax_rows(z.data_mut(), 10, &mut max, &mut log_sum));
        self.bytes("loop", format!("softmax of {ROWS} rows of 10"), softmax_s, 8 * 10 * ROWS);
        let (features, images) = (784, 10_000);
        let bytes: Vec<u8> = (0..images * features).map(|i| (i % 251) as u8).collect();
        let rows: Vec<u32> = (0..ROWS).map(|i| (i * 7919 % images) as u32).collect();
        let mut batch = Matrix::<f32>::zeros(ROWS, features);
        let gather_s = in_team(|| kernels::scale_rows(&bytes, &rows, &[], batch.data_mut(), features));
        self.bytes("loop", format!("gather {ROWS} images of {features}"), gather_s, 5 * ROWS * features);
        let (mut w, mut v, g) = (wave(784, 128, 3), Matrix::<f32>::zeros(784, 128), wave(784, 128, 4));
        let rule = SgdRule { eta: 1e-12, mu: 0.9, lambda: 0.0 };
        let sgd_s = in_team(|| kernels::sgd(rule, w.data_mut(), v.data_mut(), g.data()));
        self.bytes("loop", "SGD step of 784×128, by itself".to_owned(), sgd_s, 20 * 784 * 128);
    }

    /// Whole epochs of training, the test set's evaluation, and one image at a time
    fn epochs(&mut self, net: &Net, data: &Dataset, bench: &Bench) -> Result<()> {
        let hidden = HiddenDims(net.dims[1..net.dims.len() - 1].to_vec());
        let settings = Settings {
            hidden_dims: Some(vec![hidden]),
            batch_size: Some(net.batch_size),
            engine: Some(bench.engine),
            ..Settings::default()
        };
        let mut trainer = Trainer::<f32>::new(&settings.resolve()?, data)?;
        let stop = AtomicBool::new(false);
        let mut epoch = |epoch: u32| trainer.run_epoch(epoch, &stop, &mut |_, _| {}).seconds;
        epoch(1);
        let median_s = median((0..bench.epochs).map(|e| epoch(2 + e)));
        let images = data.train.len() as f64;
        self.flops("epoch", net.to_string(), median_s, images * net.gflop_per_sample(), Some(images));
        let test_s = median((0..SAMPLES).map(|_| seconds(|| trainer.evaluate())));
        let forward = net.dims.windows(2).map(|pair| 2e-9 * (pair[0] * pair[1]) as f64).sum::<f64>();
        let images = data.test.len() as f64;
        let name = format!("{} images, {net}", data.test.len());
        self.flops("predict", name, test_s, images * forward, Some(images));
        let model = trainer.model();
        let mut one = model.forward_workspace(1, bench.engine.kind()?);
        one.input_mut().data_mut().fill(0.5);
        let one_s = repeat(|| model.forward(&mut one));
        self.flops("predict", format!("one image, {net}"), one_s, forward, Some(1.0));
        Ok(())
    }
}

/// Median time of one call, the pool's threads standing by, s
fn in_team(call: impl FnMut() + Send) -> f64 {
    with_team(|| repeat(call))
}

/// Median time of one call, in samples of as many as take [`SAMPLE_S`], s
fn repeat(mut call: impl FnMut()) -> f64 {
    call();
    let mut count = 1;
    let mut sample = |count: u32| seconds(|| (0..count).for_each(|_| call()));
    while count < 1 << 24 && sample(count) < SAMPLE_S {
        count *= 2;
    }
    median((0..SAMPLES).map(|_| sample(count))) / f64::from(count)
}

/// How long it takes, s
fn seconds<R>(call: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(call());
    start.elapsed().as_secs_f64()
}

/// The middle one; of an even number, the upper of the two in the middle
fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Numbers in [−1, 1], none of them special
fn wave(rows: usize, cols: usize, salt: usize) -> Matrix<f32> {
    Matrix::from_fn(rows, cols, |i, j| ((i * 31 + j * 17 + salt * 7) % 101) as f32 / 50.5 - 1.0)
}

/// Half of the numbers become 0, chosen by chance
fn halve(x: &mut Matrix<f32>, salt: u64) {
    let mut random = Random::new(salt, Purpose::BenchImages);
    x.data_mut().iter_mut().filter(|_| random.below(2) == 0).for_each(|x| *x = 0.0);
}

/// Features and classes of a net of these widths
fn ends(dims: &[usize]) -> (usize, usize) {
    (dims[0], dims[dims.len() - 1])
}

/// A set for nets of these widths: the synthetic one if it fits, else images and labels by chance
fn dataset(dims: &[usize]) -> Dataset {
    let (features, classes) = ends(dims);
    let mut data = Dataset::synthetic();
    if (features, classes) == (data.features(), data.classes.len()) {
        return data;
    }
    let mut random = Random::new(0, Purpose::BenchImages);
    let mut split = |images: usize| Split {
        images: (0..images * features).map(|_| random.below(256) as u8).collect(),
        labels: (0..images).map(|_| random.below(classes as u32)).collect(),
        features,
    };
    (data.train, data.test) = (split(IMAGES.0), split(IMAGES.1));
    data.image_dims = vec![features];
    data.classes = (0..classes).map(|class| class.to_string()).collect();
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_net_is_read_and_its_flops_are_counted() {
        let Dims(dims) = "784-128-64-10".parse().unwrap();
        let net = Net { dims, batch_size: 64 };
        assert_eq!(net.to_string(), "784-128-64-10 batch 64");
        // Forward and dW 109,184 weights each, dX 8,832, two flops each.
        assert!((net.gflop_per_sample() - 2e-9 * (2.0 * 109_184.0 + 8_832.0)).abs() < 1e-18);
        for bad in ["", "784", "784-", "784-0-10", "784-x-10", "784-1"] {
            assert!(bad.parse::<Dims>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_figure_is_there_for_a_net_of_odd_widths() {
        let bench = Bench {
            nets: vec![Net { dims: vec![5, 3, 2], batch_size: 1000 }],
            epochs: 1,
            engine: EngineChoice::Auto,
            data: None,
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
