//! `chainrule bench`: measures this machine

use std::path::PathBuf;

use anyhow::Result;
use chainrule::config::{CsvDialect, EngineChoice};
use chainrule::error::shown;
use chainrule::tables::atomic_file::write_atomically;
use chainrule::tables::{BenchRow, to_csv};
use chainrule::train::bench::{Bench, Effort, Net, standard_nets};
use chainrule::train::dims::Dims;
use chainrule::train::thread_count::{cores, pool};

use super::format::duration;
use super::{DONE, note, print};

#[derive(clap::Args)]
pub struct Args {
    /// Numbers of threads to measure with [default: 1 and the number of cores]
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,

    /// Measure only this net: its widths from features to classes, as 784-128-64-10 [default: tiny, small, wide and big]
    #[arg(long, value_name = "DIMS")]
    net: Option<Dims>,

    /// Images in a batch of that net
    #[arg(long, value_name = "N", requires = "net", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,

    /// Timed epochs of each net, after one that is not timed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,

    /// Measure as little as possible, to check that everything works; the times are not meaningful
    #[arg(long)]
    quick: bool,

    /// Backend that computes the products
    #[arg(long, value_enum, default_value_t)]
    engine: EngineChoice,

    /// Images for epochs and predictions: a folder of IDX files, or `synthetic` [default: the synthetic set where it fits]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,

    /// Also write the measurements to this CSV file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// How the CSV file is written
    #[arg(long, value_enum, default_value_t)]
    csv_dialect: CsvDialect,
}

pub fn run(args: &Args) -> Result<u8> {
    let batch_size = args.batch_size as usize;
    let bench = Bench {
        nets: args.net.clone().map_or_else(standard_nets, |dims| vec![Net { dims, batch_size }]),
        epochs: args.epochs,
        engine: args.engine,
        data: args.data.clone(),
        effort: if args.quick { Effort::QUICK } else { Effort::FULL },
    };
    let (data, mut rows) = (bench.data()?, Vec::new());
    let heads = ["kind", "name", "threads", "median", "GFLOP/s", "GB/s", "images/s", "of peak"];
    print(&line(heads.map(str::to_owned)))?;
    let threads = match &args.threads[..] {
        [] if cores() == 1 => vec![1],
        [] => vec![1, cores()],
        threads => threads.iter().copied().map(usize::from).collect(),
    };
    for threads in threads {
        let pool = pool(threads)?;
        let mut printed = Ok(());
        pool.install(|| {
            bench.run(&data, &mut |row| {
                if printed.is_ok() {
                    printed = print(&line(cells(&row)));
                }
                rows.push(row);
            })
        })?;
        printed?;
    }
    if let Some(out) = &args.out {
        write_atomically(out, &to_csv(&rows, args.csv_dialect))?;
        note(&format!("{} measurements in {}", rows.len(), shown(out)));
    }
    Ok(DONE)
}

fn cells(row: &BenchRow) -> [String; 8] {
    let number = |x: Option<f64>, digits| x.map_or(String::new(), |x| format!("{x:.digits$}"));
    [
        row.kind.to_owned(),
        row.name.clone(),
        row.threads.to_string(),
        duration(row.median_s),
        number(row.gflop_per_s, 1),
        number(row.gb_per_s, 1),
        number(row.images_per_s, 0),
        number(row.fraction_of_peak, 2),
    ]
}

fn line([kind, name, threads, median, flops, bytes, images, share]: [String; 8]) -> String {
    format!("{kind:<8} {name:<42} {threads:>7} {median:>12} {flops:>9} {bytes:>7} {images:>11} {share:>8}\n")
}
