//! `chainrule bench`: measures this machine

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use chainrule::Error;
use chainrule::config::{CsvDialect, Dtype, EngineChoice};
use chainrule::error::printable;
use chainrule::error::shown;
use chainrule::tables::{BenchRow, Cell, Columns, Row};
use chainrule::train::bench::compare::Earlier;
use chainrule::train::bench::{Bench, Effort, Kind, NetChoice};
use chainrule::train::thread_count::{cores, machine_cores, pool, warning};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Map, Value};

use super::format::{duration, thousands};
use super::{DONE, note, print};

#[derive(clap::Args)]
pub struct Args {
    /// Numbers of threads to measure with [default: 1 and the number of cores]
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,

    /// Nets to measure: tiny, small, wide, big, or widths from features to classes, as 784-128-64-10 [default: the four]
    #[arg(long, alias = "net", value_name = "NET", num_args = 1.., value_delimiter = ',')]
    nets: Vec<NetChoice>,

    /// Samples in a batch of these nets [default: 16, 64, 128 and 256 for the four named nets, else 64]
    #[arg(long, value_name = "N", requires = "nets", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,

    /// Measure only these kinds
    #[arg(long, value_name = "KIND", value_enum, num_args = 1.., value_delimiter = ',')]
    only: Vec<Kind>,

    /// Timed epochs of each net, after one that is not timed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,

    /// Measure as little as possible, to check that everything works; the times are not meaningful
    #[arg(long)]
    quick: bool,

    /// Backend that computes the products
    #[arg(long, value_enum, default_value_t)]
    engine: EngineChoice,

    /// Element type of the nets
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = dtype())]
    dtype: Dtype,

    /// Data for epochs and predictions: a folder of IDX files, or `synthetic` [default: the synthetic set where it fits]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,

    /// Compare each time with that in FILE, which an earlier `bench --out FILE` wrote
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,

    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Also write the measurements to this CSV file, which must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// How the CSV file is written
    #[arg(long, value_enum, default_value_t)]
    csv_dialect: CsvDialect,
}

/// The types that are measured
fn dtype() -> impl TypedValueParser<Value = Dtype> {
    let names = [Dtype::F32, Dtype::Bf16].map(Dtype::name);
    PossibleValuesParser::new(names).try_map(|name| Dtype::from_str(&name, false))
}

pub fn run(args: &Args) -> Result<u8> {
    let batch_size = args.batch_size.map(|n| n as usize);
    let chosen = if args.nets.is_empty() { NetChoice::standard() } else { args.nets.clone() };
    let bench = Bench {
        nets: chosen.iter().map(|choice| choice.net(batch_size)).collect(),
        epochs: args.epochs,
        engine: args.engine,
        dtype: args.dtype,
        data: args.data.clone(),
        effort: if args.quick { Effort::QUICK } else { Effort::FULL },
        only: args.only.clone(),
    };
    let common = bench.common()?;
    let earlier = args.compare.as_deref().map(Earlier::read).transpose()?;
    let threads = match &args.threads[..] {
        [] if cores() == 1 => vec![1],
        [] => vec![1, cores()],
        threads => threads.iter().copied().map(usize::from).collect(),
    };
    let data = bench.data()?;
    let mut out = args.out.as_deref().map(|path| Out::create(path, args.csv_dialect)).transpose()?;
    let most = threads.iter().copied().max().unwrap_or(1);
    if let Some(warning) = warning(most, machine_cores()) {
        note(&warning);
    }
    if let Some(warning) = earlier.as_ref().and_then(|earlier| earlier.other_machine(&common)) {
        note(&format!("warning: {warning}"));
    }
    if !args.json {
        print(&header(&common, args))?;
        print(&line(HEADS.map(str::to_owned)))?;
    }
    let mut rows = Vec::new();
    for threads in threads {
        let pool = pool(threads)?;
        let mut reported: Result<()> = Ok(());
        pool.install(|| {
            bench.run(&data, &common, &mut |row| {
                if reported.is_ok() {
                    reported = report(&row, args.json, earlier.as_ref(), out.as_mut());
                }
                rows.push(row);
            })
        })?;
        reported?;
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&json(&rows, earlier.as_ref()))? + "\n"))?;
    }
    if let Some(out) = &args.out {
        note(&format!("{} measurements in {}", rows.len(), shown(out)));
    }
    Ok(DONE)
}

/// Prints a measurement and appends it to the CSV file
fn report(row: &BenchRow, json: bool, earlier: Option<&Earlier>, out: Option<&mut Out>) -> Result<()> {
    if !json {
        let compared = earlier.map(|earlier| match earlier.compare(row) {
            Some(comparison) => comparison.sentence(),
            None => "not in the earlier file".to_owned(),
        });
        let text = line(cells(row));
        print(&compared.map_or(text.clone(), |sentence| format!("{}  {sentence}\n", text.trim_end())))?;
    }
    if let Some(out) = out {
        out.write(&out.dialect.line(row.cells()))?;
    }
    Ok(())
}

/// The CSV file, to which each measurement is appended as it is made
struct Out {
    path: PathBuf,
    file: File,
    dialect: CsvDialect,
}

impl Out {
    /// Creates the file with its header; a device or a FIFO is written to
    fn create(path: &Path, dialect: CsvDialect) -> Result<Self> {
        let special = path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        let open = OpenOptions::new().write(true).create_new(!special).open(path);
        let file = match open {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let path = shown(path);
                bail!("{path} exists, and bench overwrites nothing: name another file with --out")
            }
            open => open.map_err(Error::writing(path))?,
        };
        let mut out = Self { path: path.to_owned(), file, dialect };
        out.write(&dialect.header(&Columns::of::<BenchRow>()))?;
        Ok(out)
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.file.write_all(line).and_then(|()| self.file.flush()).map_err(Error::writing(&self.path))?;
        Ok(())
    }
}

/// What was measured, on which machine, by which program
fn header(common: &BenchRow, args: &Args) -> String {
    let cpu = if common.cpu.is_empty() { "unknown processor" } else { &common.cpu };
    let cores = if common.cores == 1 { "1 core".to_owned() } else { format!("{} cores", common.cores) };
    format!(
        "chainrule {}, {}\n{cpu}, {cores}, instructions {}, engine {}, {}\ndata: {}\n\
         Times are medians; ± is half of the interquartile range. skipped: multiply-adds left out, since a factor is 0.\n\
         of peak: multiply-adds done, as a share of the fused multiply-adds that the registers allow.\n\n",
        common.version,
        common.date,
        common.simd,
        common.engine,
        common.dtype,
        printable(
            args.data.as_deref().unwrap_or("the synthetic set where it fits a net, else random images")
        ),
    )
}

const HEADS: [&str; 11] =
    ["kind", "name", "threads", "median", "min", "±", "GFLOP/s", "GB/s", "samples/s", "skipped", "of peak"];

fn cells(row: &BenchRow) -> [String; 11] {
    let number = |x: Option<f64>, digits| x.map_or(String::new(), |x| format!("{x:.digits$}"));
    [
        row.kind.to_owned(),
        row.name.clone(),
        row.threads.to_string(),
        duration(row.median_s),
        duration(row.min_s),
        row.spread_s.map_or(String::new(), duration),
        number(row.gflop_per_s, 1),
        number(row.gb_per_s, 1),
        row.images_per_s.map_or(String::new(), thousands),
        number(row.skipped.filter(|&share| share > 0.0), 2),
        number(row.fraction_of_peak, 2),
    ]
}

fn line(
    [kind, name, threads, median, min, spread, flops, bytes, samples, skipped, peak]: [String; 11],
) -> String {
    format!(
        "{kind:<7} {name:<36} {threads:>7} {median:>10} {min:>10} {spread:>10} {flops:>8} {bytes:>6} {samples:>10} {skipped:>7} {peak:>7}\n"
    )
}

/// The rows as a list of objects, with the names of the CSV file's columns; missing values are null
fn json(rows: &[BenchRow], earlier: Option<&Earlier>) -> Value {
    let object = |row: &BenchRow| {
        let mut object: Map<String, Value> =
            BenchRow::header().into_iter().zip(row.cells().iter().map(value)).collect();
        if let Some(comparison) = earlier.and_then(|earlier| earlier.compare(row)) {
            object.insert("ratio".to_owned(), comparison.ratio.into());
            object.insert("ratio_error".to_owned(), comparison.error.into());
        }
        Value::Object(object)
    };
    rows.iter().map(object).collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Number(digits) | Cell::Verbatim(digits) => serde_json::from_str(digits).unwrap_or(Value::Null),
        Cell::Text(text) if text.is_empty() => Value::Null,
        Cell::Text(text) => text.clone().into(),
        Cell::Empty => Value::Null,
    }
}
