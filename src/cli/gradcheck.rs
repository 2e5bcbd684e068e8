//! `chainrule gradcheck`: checks gradients against central differences, one line for each tensor

use std::fmt::Write;

use anyhow::Result;
use chainrule::config::HiddenDims;
use chainrule::nn::gradient_check::{Check, TOLERANCE};
use chainrule::nn::layers::Activation;
use chainrule::train::dims::Dims;

use super::{DONE, FAILED, print};

#[derive(clap::Args)]
pub struct Args {
    /// Widths of the hidden layers, separated by spaces or commas; `none` for softmax regression
    #[arg(long, value_name = "WIDTH", num_args = 1.., value_delimiter = ',', default_values = ["5", "4"])]
    hidden_dims: Vec<HiddenDims>,

    /// Activation between two layers
    #[arg(long, value_enum, default_value_t)]
    activation: Activation,

    /// Number of inputs of the net
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    features: u32,

    /// Number of outputs of the net
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..))]
    classes: u32,

    /// Number of rows in the random batch
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,

    /// Random seed for weights, inputs and the choice of elements
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Largest number of elements to check in each tensor, chosen at random
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,

    /// Print nothing: the exit code says whether the check passed
    #[arg(long, short)]
    quiet: bool,
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
    let dims = Dims([&[args.features as usize], &hidden.0[..], &[args.classes as usize]].concat());
    let parameters = dims.parameters();
    if parameters > 100_000_000 {
        let found = format!("{hidden}, {parameters} parameters");
        return Err(refused("at most 10^8 parameters in all", found).into());
    }
    let checks =
        Check::new(&dims.0, args.activation, args.batch_size as usize, args.seed).run(args.samples as usize);
    let failed = checks.iter().filter(|check| !check.passed()).count();
    let (code, verdict) = match failed {
        0 => (DONE, "passed".to_owned()),
        _ => (FAILED, format!("FAILED in {failed} of {} tensors", checks.len())),
    };
    if args.quiet {
        return Ok(code);
    }
    let mut text = format!("net {dims}, {}, batch {}, f64\n\n", args.activation, args.batch_size);
    text += "tensor             shape  checked  at kink  worst relative error\n";
    for check in &checks {
        let verdict = if check.passed() { "ok" } else { "FAILED" };
        writeln!(
            text,
            "{:<12} {:>11} {:>8} {:>8} {:>21.2e}  {verdict}",
            check.name, check.shape, check.checked, check.at_kink, check.worst
        )?;
    }
    writeln!(text, "\ngradient check {verdict}: errors must be below {TOLERANCE:.0e}")?;
    print(&text)?;
    Ok(code)
}
