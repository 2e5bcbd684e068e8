//! The candle and burn programs of scripts/compare.sh: each trains a dense net, times epochs and predictions, and prints a
//! line of JSON, as the programs in scripts/compare/ do

mod burn_mlp;
mod candle_mlp;
mod data;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::json;

use crate::data::Data;

const LEARNING_RATE: f64 = 0.01;
const MOMENTUM: f64 = 0.9;
/// Images per batch when all test images are predicted
const PREDICT_ROWS: usize = 1000;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    peer: Peer,
    /// Widths from features to classes
    #[arg(long, default_value = "784-128-64-10")]
    net: String,
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Timed epochs, after one warm-up epoch
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    #[arg(long, default_value = "data/fashion-mnist")]
    data: PathBuf,
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Also time predictions
    #[arg(long)]
    predict: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Candle,
    BurnFlex,
    BurnNdarray,
}

/// A net of one of the libraries with its optimiser
trait Net {
    /// One step of SGD with momentum on the mean cross-entropy of a batch; `images` is rows × features
    fn step(&mut self, images: Vec<f32>, labels: &[u8]) -> Result<()>;

    /// The class of each row
    fn predict(&self, images: Vec<f32>, rows: usize) -> Result<Vec<u8>>;
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.batch_size > 0 && args.threads > 0, "--batch-size and --threads are at least 1");
    rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global()?;
    let dims = args.net.split('-').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let data = Data::load(&args.data)?;
    ensure!(dims.len() > 1 && dims[0] == data.features, "--net starts with {} features", data.features);
    let (program, version, mut net): (_, _, Box<dyn Net>) = match args.peer {
        Peer::Candle => ("candle", "0.11", Box::new(candle_mlp::Mlp::new(&dims)?)),
        Peer::BurnFlex => ("burn-flex", "0.22", Box::new(burn_mlp::Mlp::flex(&dims))),
        Peer::BurnNdarray => ("burn-ndarray", "0.22", Box::new(burn_mlp::Mlp::ndarray(&dims))),
    };

    let mut rng = StdRng::seed_from_u64(args.seed);
    let mut order: Vec<usize> = (0..data.train_labels.len()).collect();
    let mut epoch = || -> Result<f64> {
        let start = Instant::now();
        order.shuffle(&mut rng);
        for chosen in order.chunks(args.batch_size) {
            let labels: Vec<u8> = chosen.iter().map(|&i| data.train_labels[i]).collect();
            net.step(data.train_rows(chosen), &labels)?;
        }
        Ok(start.elapsed().as_secs_f64())
    };
    epoch()?;
    let epoch_s = (0..args.epochs).map(|_| epoch()).collect::<Result<Vec<f64>>>()?;

    let predict_all = || -> Result<Vec<u8>> {
        let mut predicted = Vec::new();
        for rows in data.test_images.chunks(PREDICT_ROWS * data.features) {
            predicted.extend(net.predict(data::scaled(rows), rows.len() / data.features)?);
        }
        Ok(predicted)
    };
    let predicted = predict_all()?;
    let right = predicted.iter().zip(&data.test_labels).filter(|(p, l)| p == l).count();
    let mut line = json!({
        "program": program,
        "version": version,
        "net": args.net,
        "batch_size": args.batch_size,
        "threads": args.threads,
        "epoch_s": epoch_s,
        "test_accuracy": right as f64 / predicted.len() as f64,
    });
    if args.predict {
        let all_s = median_seconds(7, || predict_all().map(drop))?;
        let one = data::scaled(&data.test_images[..data.features]);
        let one_s = median_seconds(1000, || net.predict(one.clone(), 1).map(drop))?;
        line["predict_images_per_s"] = (predicted.len() as f64 / all_s).into();
        line["predict_one_us"] = (1e6 * one_s).into();
    }
    println!("{line}");
    Ok(())
}

/// The median time of `times` calls, after one warm-up call
fn median_seconds(times: usize, call: impl Fn() -> Result<()>) -> Result<f64> {
    call()?;
    let mut seconds = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        call()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[times / 2])
}
