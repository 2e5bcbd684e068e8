//! `chainrule gradcheck`: checks gradients against central differences, one line for each tensor

use std::fmt::Write;

use anyhow::Result;
use chainrule::config::{BatchFlags, Dtype, HiddenDims, LossChoice, TrainConfig, find};
use chainrule::data::batches::gather;
use chainrule::data::encoder::Encoder;
use chainrule::data::run_data::RunData;
use chainrule::data::{DataOptions, Dataset};
use chainrule::error::memory;
use chainrule::nn::design::Design;
use chainrule::nn::gradient_check::{Check, FORMULA, STEP, TOLERANCE};
use chainrule::nn::layers::{Activation, Norm};
use chainrule::nn::loss::{BatchLabels, Loss};
use chainrule::nn::matrix::Matrix;
use chainrule::report::analysis::short_number;
use chainrule::train::dims::{Copies, Dims};
use chainrule::train::warnings::OF_SETTINGS;

use super::format::count;
use super::{DONE, FAILED, note, print};

#[derive(clap::Args)]
pub struct Args {
    /// Widths of the hidden layers, separated by spaces or commas; `none` for softmax regression
    #[arg(long, value_name = "WIDTH", num_args = 1.., value_delimiter = ',', default_values = ["5", "4"])]
    hidden_dims: Vec<HiddenDims>,

    /// Activation between two layers
    #[arg(long, value_enum, default_value_t)]
    activation: Activation,

    /// Normalisation between a linear layer and its activation, as in training
    #[arg(long, value_enum, default_value_t)]
    norm: Norm,

    /// Share of the hidden units that are dropped, 0 or more and below 1; all passes drop the same ones
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true, value_parser = |text: &str| number("dropout", text))]
    dropout: f64,

    /// Share of the inputs that are dropped, 0 or more and below 1; all passes drop the same ones
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true, value_parser = |text: &str| number("input_dropout", text))]
    input_dropout: f64,

    /// Loss of numbers to predict; without --data or --targets, of one target
    #[arg(long, value_enum, default_value_t)]
    loss: LossChoice,

    /// Number of inputs of the net
    #[arg(long, value_name = "N", default_value_t = 6, conflicts_with = "data", value_parser = clap::value_parser!(u32).range(1..))]
    features: u32,

    /// Number of classes, the outputs of the net
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "data", value_parser = clap::value_parser!(u32).range(2..))]
    classes: u32,

    /// Number of targets, instead of classes: labels are random numbers
    #[arg(long, value_name = "N", conflicts_with_all = ["classes", "data"], value_parser = clap::value_parser!(u32).range(1..))]
    targets: Option<u32>,

    /// Number of rows in the batch
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,

    /// Weight decay λ of weights and biases: the check is then of what a step of SGD subtracts
    #[arg(long, value_name = "LAMBDA", default_value_t = 0.0, allow_negative_numbers = true, value_parser = |text: &str| number("weight_decay", text))]
    weight_decay: f64,

    /// Random seed for weights, inputs and the choice of elements
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Largest number of elements to check in each tensor, chosen at random
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,

    /// Print nothing: the exit code says whether the check passed
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    flags: BatchFlags,
}

/// Fewest rows with batch normalisation: it divides by the standard deviation of a column, which for two or three rows is
/// often so small that a step of a finite difference changes the loss by more than its tangent tells
const MIN_BATCH_OF_NORM: usize = 4;

/// Reads the value of a setting that is a number, as `train` does
fn number(setting: &str, text: &str) -> Result<f64, String> {
    let setting = find(setting).ok_or("no such setting")?;
    let value = setting.value(text).map_err(|_| format!("expected {}", setting.expected()))?;
    match setting.out_of_range(&value) {
        Some(expected) => Err(format!("expected {expected}")),
        None => Ok(value.as_float().unwrap_or_default()),
    }
}

/// The first rows of data
struct Batch {
    x: Matrix<f64>,
    labels: BatchLabels<f64>,
    loss: Loss<f64>,
    /// Numbers of inputs and of outputs
    ends: (usize, usize),
}

impl Args {
    /// The first rows of the training set of `--data`, preprocessed as in training; `None` without it
    fn batch(&self) -> Result<Option<Batch>> {
        let BatchFlags(settings) = self.flags.clone();
        if settings.get("data").is_none() {
            return Ok(None);
        }
        let config = TrainConfig { loss: self.loss, ..settings.with("dtype", "f64").resolve()? };
        let set = Dataset::load(&DataOptions::from(&config))?;
        let data = RunData::new(&config, &set)?;
        let encoder = Encoder::<f64>::new(&data.preprocessing, &set.inputs);
        let rows = &data.train_rows[..data.train_rows.len().min(self.batch_size as usize)];
        let mut x = Matrix::zeros(rows.len(), encoder.features());
        let mut labels = data.outputs.batch_labels(rows.len());
        gather(&set.train, (&encoder, &data.outputs), rows, &[], &mut x, &mut labels);
        let ends = (encoder.features(), data.outputs.len());
        Ok(Some(Batch { x, labels, loss: data.outputs.loss(), ends }))
    }

    /// What the net has beside its linear layers; without hidden layers, that is only dropout of the inputs
    fn design(&self, hidden: &HiddenDims) -> Design {
        let Self { activation, norm, dropout, input_dropout, .. } = *self;
        if hidden.0.is_empty() {
            return Design { input_dropout, ..Design::default() };
        }
        Design { activation, norm, dropout, input_dropout }
    }

    /// The warnings of `train` about settings that have no effect
    fn warnings(&self, hidden: &HiddenDims) -> impl Iterator<Item = String> {
        let Self { activation, norm, dropout, .. } = *self;
        let config =
            TrainConfig { hidden_dims: hidden.clone(), activation, norm, dropout, ..TrainConfig::default() };
        OF_SETTINGS.iter().filter_map(move |warning| warning(&config))
    }

    /// The number of random targets; `None` for classes
    fn random_targets(&self) -> Option<u32> {
        self.targets.or((self.loss != LossChoice::Auto).then_some(1))
    }
}

/// A net and its layers for the first line, as `6-5-4-3, relu, batch norm`; without hidden layers, there is no activation
fn described(dims: &Dims, design: Design) -> String {
    match design.input_dropout {
        _ if dims.0.len() > 2 => format!("{dims}, {design}"),
        0.0 => dims.to_string(),
        share => format!("{dims}, input dropout {share}"),
    }
}

pub fn run(args: &Args) -> Result<u8> {
    // The command line gives the widths one by one.
    let found = args.hidden_dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
    let refused = |expected: &str, found| chainrule::Error::Setting {
        name: "hidden-dims",
        expected: expected.to_owned(),
        found,
    };
    let hidden: HiddenDims = found.parse().map_err(|_| refused("widths or `none`, not both", found))?;
    let batch = args.batch()?;
    let targets = args.random_targets();
    let outputs = targets.unwrap_or(args.classes) as usize;
    let ends = batch.as_ref().map_or((args.features as usize, outputs), |batch| batch.ends);
    let dims = Dims([&[ends.0], &hidden.0[..], &[ends.1]].concat());
    let parameters = dims.parameters();
    if parameters > 100_000_000 {
        let found = format!("{hidden}, {} parameters", count(parameters));
        return Err(refused("at most 10^8 parameters in all", found).into());
    }
    let batch_size = batch.as_ref().map_or(args.batch_size as usize, |batch| batch.labels.len());
    let design = args.design(&hidden);
    if design.norm == Norm::Batch && batch_size < MIN_BATCH_OF_NORM {
        return Err(chainrule::Error::Setting {
            name: "batch-size",
            expected: format!("at least {MIN_BATCH_OF_NORM} rows with --norm batch, since few rows often vary too little for finite differences"),
            found: count(batch_size),
        }
        .into());
    }
    let of_design = dims.design_bytes(design, Dtype::F64, Copies::default(), batch_size, 0);
    memory::check(dims.gradient_check_bytes(batch_size) + of_design, || {
        format!("{dims}, a batch of {}", count(batch_size))
    })?;
    if !args.quiet {
        args.warnings(&hidden).for_each(|warning| note(&format!("warning: {warning}")));
    }
    let check = match batch {
        Some(Batch { x, labels, loss, .. }) => Check::on_batch(&dims.0, design, x, (labels, loss), args.seed),
        None => {
            let regression = targets.map(|_| args.loss.of_numbers());
            Check::new(&dims.0, design, batch_size, regression, args.seed)
        }
    };
    let checks = check.with_weight_decay(args.weight_decay).run(args.samples as usize);
    let failed = checks.iter().filter(|check| !check.passed()).count();
    let (code, verdict) = match failed {
        0 => (DONE, "passed".to_owned()),
        _ => (FAILED, format!("FAILED in {failed} of {} tensors", checks.len())),
    };
    if args.quiet {
        return Ok(code);
    }
    let decay = match args.weight_decay {
        0.0 => String::new(),
        lambda => format!(", weight decay {}", short_number(lambda)),
    };
    let mut text = format!("net {}, batch {}{decay}, f64\n", described(&dims, design), count(batch_size));
    let loss = if decay.is_empty() {
        "the mean loss"
    } else {
        "the mean loss plus weight decay / 2 times the sum of w^2"
    };
    writeln!(text, "backpropagation compared with {FORMULA}, h = {STEP}, where L is {loss}\n")?;
    text += "tensor             shape  checked  at kink  worst relative error\n";
    for check in &checks {
        let verdict = if check.passed() { "ok" } else { "FAILED" };
        writeln!(
            text,
            "{:<12} {:>11} {:>8} {:>8} {:>21.2e}  {verdict}",
            check.name,
            check.shape,
            count(check.checked),
            count(check.at_kink),
            check.worst
        )?;
    }
    text += "\nat kink: elements that were not checked, because a step moves an input of an activation across 0, where it \
             has no derivative, or an error across a kink of the loss\n";
    writeln!(text, "\ngradient check {verdict}: errors must be below {TOLERANCE:.0e}")?;
    print(&text)?;
    Ok(code)
}
