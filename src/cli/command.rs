//! The command line as clap sees it: the subcommands, the width of their help, and their paths

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use chainrule::config::expand_home;
use clap::builder::{PathBufValueParser, StringValueParser, TypedValueParser, ValueParser};
use clap::{Arg, CommandFactory, ValueHint};

use super::Cli;

/// The widest line of a help text on a terminal
const WIDTH_MAX: usize = 100;
/// The widest line of a help text in a file or a pipe
const WIDTH: usize = 80;

/// Examples at the end of each help text
const EXAMPLES: [(&str, &str); 13] = [
    (
        "train",
        "  chainrule train
  chainrule train --hidden-dims 256 128 --learning-rate 0.05 --epochs 10
  chainrule train --hidden-dims none --epochs 15
  chainrule train --data ~/images --val-split 0.1 --run-id first
  chainrule train --config results/first/config.toml --seed 7
  chainrule train --preset course --dry-run
  chainrule train --init results/first/model.safetensors --data later --epochs 5

Losses are in nats (natural logarithm); accuracies go from 0 to 1.",
    ),
    (
        "sweep",
        "  chainrule sweep hidden_dim --seeds 3
  chainrule sweep --grid learning_rate=log:1e-3..1e-1:5 --val-split 0.1
  chainrule sweep --grid hidden_dims=128x64,256 --grid momentum=0,0.9
  chainrule sweep --sample 40 --grid learning_rate=log:1e-3..1
  chainrule sweep learning_rate --halving 2 --val-split 0.1
  chainrule sweep --plan plan.toml --dry-run
  chainrule sweep merge results/SWEEP",
    ),
    (
        "evaluate",
        "  chainrule evaluate results/RUN/model.safetensors
  chainrule evaluate results/RUN/model.safetensors --data later.csv --target species
  chainrule evaluate results/RUN/model.safetensors --data later.csv --out evaluation
  chainrule evaluate torch.safetensors --inputs pixels --class-names coat,bag,shirt

The rows are the test set of the data, or all rows if there is none.",
    ),
    (
        "ensemble",
        "  chainrule ensemble results/RUN1 results/RUN2 results/RUN3
  chainrule ensemble results/SWEEP --top 5
  chainrule ensemble results/SWEEP --top 5 --data later.csv --out ensemble

Without --data, the rows are the test set that all runs share, or all rows if
there is none. Probabilities, or numbers that are predicted, are averaged in f64.",
    ),
    (
        "predict",
        "  chainrule predict results/RUN/model.safetensors new.csv > predictions.csv
  chainrule predict results/RUN/model.safetensors new.csv --keep id --proba -o out.csv
  tail -f log.csv | chainrule predict results/RUN/model.safetensors - --top-k 3
  chainrule predict results/RUN/model.safetensors data/fashion-mnist/t10k-images-idx3-ubyte.gz
  chainrule predict results/SWEEP/t000?/model.safetensors new.csv

Rows are counted from 1. Columns are matched by their names, in any order.
Several models are averaged.",
    ),
    (
        "gradcheck",
        "  chainrule gradcheck
  chainrule gradcheck --hidden-dims 7 5 --activation sigmoid",
    ),
    (
        "bench",
        "  chainrule bench --quick
  chainrule bench --net 784-128-64-10 --batch-size 64 --threads 1,2",
    ),
    (
        "info",
        "  chainrule info
  chainrule info results/RUN
  chainrule info results/RUN/model.safetensors
  chainrule info data/fashion-mnist --json",
    ),
    (
        "export",
        "  chainrule export results/RUN/model.safetensors --onnx model.onnx
  chainrule export results/RUN/model.safetensors --npz model.npz --c model.h",
    ),
    (
        "runs",
        "  chainrule runs
  chainrule runs --sort test_accuracy --top 5
  chainrule runs results/SWEEP --columns run_id,learning_rate,test_accuracy
  chainrule runs results --rebuild",
    ),
    (
        "plot",
        "  chainrule plot results/RUN
  chainrule plot results
  chainrule plot results/RUN1 results/RUN2 --out pictures",
    ),
    (
        "completions",
        "  chainrule completions bash > chainrule.bash
  chainrule completions zsh > ~/.zfunc/_chainrule
  chainrule completions fish > ~/.config/fish/completions/chainrule.fish
  chainrule completions powershell >> $PROFILE",
    ),
    ("man", "  chainrule man ~/.local/share/man/man1"),
];

/// The command `chainrule`; its help is as wide as the terminal, or 80 columns elsewhere
pub fn command() -> clap::Command {
    let with_examples = |command: clap::Command, (name, examples): (&'static str, &str)| {
        command.mut_subcommand(name, |sub| sub.after_help(format!("Examples:\n{examples}")))
    };
    let command = EXAMPLES.into_iter().fold(with_paths(Cli::command()), with_examples);
    if stdout().is_terminal() { command.max_term_width(WIDTH_MAX) } else { command.term_width(WIDTH) }
}

/// The command with arguments for paths that understand `~`, in all its subcommands
fn with_paths(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = command.mut_args(with_path);
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_paths))
}

fn with_path(arg: Arg) -> Arg {
    let parser = arg.get_value_parser().type_id();
    let is_path = parser == ValueParser::path_buf().type_id();
    // A data set is named by a folder or the word `synthetic`.
    let is_data =
        ["data", "what"].contains(&arg.get_id().as_str()) && parser == ValueParser::string().type_id();
    match (is_path, is_data) {
        (true, _) => {
            arg.value_hint(ValueHint::AnyPath).value_parser(PathBufValueParser::new().try_map(|path| {
                match path.to_str() {
                    Some(text) => expand_home(text).map(PathBuf::from),
                    None => Ok(path),
                }
            }))
        }
        (_, true) => arg
            .value_hint(ValueHint::AnyPath)
            .value_parser(StringValueParser::new().try_map(|text| expand_home(&text))),
        _ => arg,
    }
}
